"""Columns: ages as kubectl, cells of unknown and hostile values, what one may sort by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals import errors, kinds, model
from kubevitals.surfaces.view import columns

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400
SETS: dict[str, tuple[list[columns.Column], type[model.Row], model.Row]] = {
    "NODES": (columns.NODES, model.Node, model.Node("n")),
    "PODS": (columns.PODS, model.Pod, model.Pod("ns", "p")),
    "CONTAINERS": (columns.CONTAINERS, model.Container, model.Container("ns", "p", "c")),
    "NAMESPACES": (columns.NAMESPACES, model.Total, model.Total("t")),
    "WORKLOADS": (columns.WORKLOADS, model.Total, model.Total("t")),
    "USAGE_NODES": (columns.USAGE_NODES, model.Node, model.Node("n")),
    "USAGE_PODS": (columns.USAGE_PODS, model.Pod, model.Pod("ns", "p")),
    "USAGE_CONTAINERS": (columns.USAGE_CONTAINERS, model.Container, model.Container("ns", "p", "c")),
}


# From the table of apimachinery's duration.HumanDuration.
@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (70, "70s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 10, "2m10s"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE, "10m"),
        (10 * MINUTE + 59, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 20 * MINUTE, "3h20m"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (8 * HOUR, "8h"),
        (47 * HOUR + 59 * MINUTE, "47h"),
        (48 * HOUR, "2d"),
        (2 * DAY + 4 * HOUR, "2d4h"),
        (7 * DAY + 23 * HOUR, "7d23h"),
        (8 * DAY, "8d"),
        (8 * DAY + 23 * HOUR, "8d"),
        (729 * DAY, "729d"),
        (2 * 365 * DAY, "2y"),
        (2 * 365 * DAY + DAY, "2y1d"),
        (8 * 365 * DAY - 1, "7y364d"),
        (8 * 365 * DAY, "8y"),
        (8 * 365 * DAY + 364 * DAY, "8y"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    """An age has the words that kubectl gives it."""
    assert columns.format_age(seconds) == shown


@pytest.mark.parametrize("name", SETS)
def test_columns_fit_their_records(name: str) -> None:
    """Each column's key is one of the record, its heading unique, and the unknown is a dash."""
    chosen, record, blank = SETS[name]
    headings = [column.heading for column in chosen]
    assert len(set(headings)) == len(headings)
    for column in chosen:
        assert hasattr(record, column.key)
        (text,) = column.texts([blank], NOW)
        known = getattr(blank, column.key)
        assert text == "-" or known is not None
        assert text


@pytest.mark.parametrize("name", ["NODES", "PODS", "CONTAINERS", "NAMESPACES", "WORKLOADS"])
def test_narrow_tables_are_the_first_of_wide_ones(name: str) -> None:
    """Names, status and usage are never left out for lack of room, all the rest may be."""
    kept = {column.heading for column in SETS[name][0] if not column.drop}
    assert kept <= {"NAMESPACE", "POD", "NAME", "STATUS", "CPU(cores)", "MEMORY(bytes)"}
    assert {"NAME", "CPU(cores)", "MEMORY(bytes)"} <= kept


def test_cells() -> None:
    """Values are written in the units of kubectl top, moments as ages."""
    pod = model.Pod(
        "shop",
        "web-0",
        cpu_usage_cores=0.2501,
        memory_usage_bytes=15160959320,
        cpu_limit_cores=0.5,
        created_at=NOW - timedelta(hours=3),
        age_seconds=61.2,
        containers_ready=1,
        containers_total=2,
        restarts=0,
    )
    cells = {column.heading: column.texts([pod], NOW)[0] for column in columns.PODS}
    assert (cells["CPU(cores)"], cells["MEMORY(bytes)"], cells["CPU%LIM"]) == ("250m", "14459Mi", "50%")
    assert (cells["AGE"], cells["SAMPLE"], cells["READY"], cells["RESTARTS"]) == ("3h", "61s", "1/2", "0")
    assert (cells["CPU%REQ"], cells["NODE"], cells["MEM-REQ"]) == ("-", "-", "-")


def test_cells_of_nodes() -> None:
    """A node's trouble is what is not as it should be; what cannot be known counts as that."""
    node = model.Node(
        "n",
        roles=("control-plane", "etcd"),
        conditions=(
            model.Condition("Ready", "Unknown"),
            model.Condition("DiskPressure", "True"),
            model.Condition("MemoryPressure", "False"),
        ),
        taints=(model.Taint("k", "v", "NoSchedule"), model.Taint("l", None, "NoExecute")),
    )
    cells = {column.heading: column.texts([node], NOW)[0] for column in columns.NODES}
    assert (cells["ROLES"], cells["TROUBLE"]) == ("control-plane,etcd", "Ready,DiskPressure")
    assert cells["TAINTS"] == "k:NoSchedule,l:NoExecute"
    blank = {column.heading: column.texts([model.Node("n")], NOW)[0] for column in columns.NODES}
    assert (blank["ROLES"], blank["TROUBLE"], blank["TAINTS"]) == ("<none>", "<none>", "<none>")


@hypothesis.given(strategies.text(max_size=20))
def test_hostile_texts(text: str) -> None:
    """No name, status, role, taint or condition brings a control character into a cell."""
    pod = model.Pod(text, text, status=text, node=text, qos=text, workload_name=text)
    node = model.Node(
        text,
        status=text,
        roles=(text,),
        taints=(model.Taint(text, text, text),),
        conditions=(model.Condition(text, "True"),),
    )
    container = model.Container(text, text, text, status=text, last_termination_reason=text)
    total = model.Total(text, text, text, text)
    for record, chosen in (
        (pod, columns.PODS),
        (node, columns.NODES),
        (container, columns.CONTAINERS),
        (total, columns.WORKLOADS),
    ):
        for column in chosen:
            (cell,) = column.texts([record], NOW)
            assert cell.replace("\ufffd", "").isprintable()


def test_sort_keys() -> None:
    """One sorts by a key or a heading; what has no order, or is not there, is refused with suggestions."""
    find = columns.find_key
    assert find("memory_of_limit", kinds.PODS) == "memory_of_limit"
    assert find("mem%lim", kinds.PODS) == "memory_of_limit"
    assert find("cpu(cores)", kinds.NODES) == "cpu_usage_cores"
    for word in (
        "labels",
        "containers",
        "conditions",
        "to_dict",
        "count",
        "_fields",
        "terminated",
        "x" * 500,
    ):
        with pytest.raises(errors.UsageError) as caught:
            find(word, kinds.PODS)
        assert len(caught.value.message) < 150
        assert "restarts" in str(caught.value.remedy)
    with pytest.raises(errors.UsageError, match="did you mean restarts"):
        find("restart", kinds.PODS)


@pytest.mark.parametrize("kind", [*kinds.KINDS.values(), kinds.GROUPS])
def test_every_sort_key_sorts(kind: kinds.Kind) -> None:
    """Whatever is offered for sorting is a field or ratio of the record, not a method."""
    with pytest.raises(errors.UsageError) as caught:
        columns.find_key("?", kind)
    offered = str(caught.value.remedy).partition(", or any other")[0].split(", ")
    assert len(offered) <= 6, "a few likely ones, not all"
    for word in {*offered, *kind.sortable} - {"cpu", "memory"}:
        assert not callable(getattr(kind.blank, word)), word
        assert columns.find_key(word, kind) == word


def test_of_capacity() -> None:
    """Of capacity the same columns mean the same of the machine, and no list is changed in place."""
    changed = columns.of_capacity(columns.NODES)
    assert [each.heading for each in changed] == [each.heading for each in columns.NODES]
    assert {"cpu_of_capacity", "memory_of_capacity"} <= {each.key for each in changed}
    assert "cpu_of_capacity" not in {each.key for each in columns.NODES}
