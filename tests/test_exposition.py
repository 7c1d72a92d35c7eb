"""The exposition of snapshots, read back by the parsers of prometheus_client."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from kubevitals import collector, errors, model, sanitize
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import families, negotiation, text

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
# what the versions of Prometheus send
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

CONTAINER = model.Container(
    "shop",
    "web-0",
    "app",
    uid="u1",
    node="n1",
    phase="Running",
    status="Running",
    ready=True,
    restarts=3,
    last_termination_reason="OOMKilled",
    last_termination_exit_code=137,
    last_termination_at=NOW - timedelta(hours=1),
    cpu_request_cores=0.25,
    cpu_limit_cores=None,
    memory_request_bytes=128 << 20,
    memory_limit_bytes=256 << 20,
    timestamp=NOW - timedelta(seconds=10),
    window_seconds=15.5,
    age_seconds=10.0,
    stale=False,
    cpu_usage_cores=0.123456789,
    memory_usage_bytes=100_000_000,
)
POD = model.Pod(
    "shop",
    "web-0",
    uid="u1",
    node="n1",
    ip="10.0.0.9",
    workload_kind="StatefulSet",
    workload_name="web",
    phase="Running",
    ready=True,
    created_at=NOW - timedelta(days=1),
    labels={"app.kubernetes.io/partOf": "shop"},
    cpu_request_cores=0.25,
    memory_request_bytes=128 << 20,
    memory_limit_bytes=256 << 20,
    window_seconds=15.5,
    age_seconds=10.0,
    cpu_usage_cores=0.123456789,
    memory_usage_bytes=100_000_000,
    containers=(CONTAINER,),
)
NODE = model.Node(
    "n1",
    ready=True,
    unschedulable=False,
    conditions=(
        model.Condition("Ready", "True"),
        model.Condition("MemoryPressure", "False"),
        model.Condition("DiskPressure", "Unknown"),
    ),
    pods=1,
    cpu_allocatable_cores=3.91,
    cpu_usage_cores=0.5,
)


def snapshot(*pods: model.Pod, nodes: Iterable[model.Node] = (), name: str = "prod", **more: Any) -> Any:
    return model.Snapshot(
        name, "metrics-server", NOW, nodes=model.Records(nodes), pods=model.Records(pods), **more
    )


def render(*snapshots: Any, openmetrics: bool = False, **options: Any) -> str:
    made = exposition.make_options(**options)
    return exposition.render(
        [(each, None) for each in snapshots], openmetrics=openmetrics, options=made
    ).decode()


def parse(body: str, *, openmetrics: bool = False) -> Series:
    """Every series with its value; fails where one is there twice."""
    if openmetrics:
        found = list(openmetrics_parser.text_string_to_metric_families(body))  # type: ignore[no-untyped-call]
    else:
        found = list(text_parser.text_string_to_metric_families(body))
    series: Series = {}
    for family in found:
        for sample in family.samples:
            key = (sample.name, frozenset((name, value) for name, value in sample.labels.items() if value))
            assert key not in series, key
            series[key] = sample.value
    return series


def value(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


WHERE = {"cluster": "prod", "namespace": "shop", "pod": "web-0", "node": "n1"}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_values_are_those_of_the_records_in_base_units(openmetrics: bool) -> None:
    """Both parsers read back every number of a pod, a container and a node as it is in the record."""
    series = parse(render(snapshot(POD, nodes=[NODE]), openmetrics=openmetrics), openmetrics=openmetrics)
    assert value(series, "kubevitals_pod_cpu_usage_cores", **WHERE) == 0.123456789
    assert value(series, "kubevitals_pod_memory_limit_bytes", **WHERE) == 256 << 20
    assert value(series, "kubevitals_pod_phase", **WHERE, phase="Running") == 1
    assert value(series, "kubevitals_pod_created_timestamp_seconds", **WHERE) == NOW.timestamp() - 86_400
    inside = {**WHERE, "container": "app"}
    assert value(series, "kubevitals_container_restarts_total", **inside) == 3
    assert value(series, "kubevitals_container_last_termination_exit_code", **inside) == 137
    assert value(series, "kubevitals_container_last_termination_reason", **inside, reason="OOMKilled") == 1
    assert value(series, "kubevitals_node_cpu_allocatable_cores", cluster="prod", node="n1") == 3.91
    condition = {"cluster": "prod", "node": "n1"}
    assert value(series, "kubevitals_node_condition", **condition, condition="Ready") == 1
    assert value(series, "kubevitals_node_condition", **condition, condition="MemoryPressure") == 0


def test_unknown_has_no_sample() -> None:
    """A limit nobody set, a condition nobody knows and a usage that was not measured are left out, not 0."""
    silent = POD._replace(cpu_usage_cores=None, problem="no_sample", containers=())
    series = parse(render(snapshot(silent, nodes=[NODE])))
    assert value(series, "kubevitals_pod_cpu_limit_cores", **WHERE) is None
    assert value(series, "kubevitals_pod_cpu_usage_cores", **WHERE) is None
    assert value(series, "kubevitals_pod_problem", **WHERE, problem="no_sample") == 1
    assert not [key for key in series if ("condition", "DiskPressure") in key[1]]


def test_a_pod_that_has_ended_holds_nothing() -> None:
    """Of a Succeeded pod there is the phase, and neither requests nor limits."""
    ended = POD._replace(
        phase="Succeeded", cpu_usage_cores=None, containers=(CONTAINER._replace(phase="Succeeded"),)
    )
    names = {name for name, labels in parse(render(snapshot(ended))) if ("pod", "web-0") in labels}
    assert "kubevitals_pod_phase" in names
    assert not [name for name in names if "_request_" in name or "_limit_" in name]


def test_series_end_when_a_pod_is_gone() -> None:
    """The next snapshot without the pod has no series of it."""
    other = POD._replace(name="web-1", containers=(CONTAINER._replace(pod="web-1"),))
    before, after = parse(render(snapshot(POD, other))), parse(render(snapshot(other)))
    assert [key for key in before if ("pod", "web-0") in key[1]]
    assert not [key for key in after if ("pod", "web-0") in key[1]]


def test_usage_that_outlives_its_pod_is_not_shown() -> None:
    """A pod or node in the metrics only is left out, unless lists could not be read at all."""
    gone = model.Pod("shop", "old-0", cpu_usage_cores=0.1, problem="gone")
    lost = model.Node("n9", cpu_usage_cores=0.1, problem="gone")
    listed = NODE._replace(status="Ready")
    both = render(snapshot(POD, gone, nodes=[listed, lost]), compat=("metrics-server-prom",))
    assert "old-0" not in both
    assert "n9" not in both
    assert "old-0" not in render(snapshot(gone))  # the list could be read, and is empty by now
    alone = render(snapshot(gone._replace(problem=None), nodes=[lost]))
    assert "old-0" in alone
    assert "n9" in alone


def test_no_series_appears_twice_whatever_the_cluster_says() -> None:
    """Pods, containers and conditions that a server names twice are there once."""
    twice = POD._replace(containers=(CONTAINER, CONTAINER))
    node = NODE._replace(conditions=(*NODE.conditions, *NODE.conditions))
    both = snapshot(twice, twice, nodes=[node, node])
    for openmetrics in (False, True):
        body = render(both, openmetrics=openmetrics, compat=("metrics-server-prom",))
        assert parse(body, openmetrics=openmetrics)


def test_several_clusters_are_told_apart_by_a_label() -> None:
    """The same pod in two clusters is two series, of the compatible families too."""
    body = render(snapshot(POD), snapshot(POD, name="test"), compat=("metrics-server-prom",))
    series = parse(body)
    for cluster in ("prod", "test"):
        assert value(series, "kubevitals_pod_cpu_usage_cores", **{**WHERE, "cluster": cluster}) is not None
    assert len([key for key in series if key[0] == "kube_metrics_server_pod_cpu"]) == 2


def test_further_labels_are_there_on_demand() -> None:
    """Workload, IP, uid and a Kubernetes label join the labels of pods and containers."""
    series = parse(render(snapshot(POD), labels=("workload", "ip", "uid", "app.kubernetes.io/partOf")))
    more = {
        "workload_kind": "StatefulSet",
        "workload": "web",
        "ip": "10.0.0.9",
        "uid": "u1",
        "label_app_kubernetes_io_part_of": "shop",
    }
    assert value(series, "kubevitals_pod_ready", **WHERE, **more) == 1
    assert value(series, "kubevitals_container_ready", **WHERE, container="app", **more) == 1


def test_labels_that_would_have_one_name_are_refused() -> None:
    """Two keys that become the same Prometheus label are an error with both in it."""
    with pytest.raises(errors.UsageError, match="label_a_b"):
        exposition.make_options(labels=("a.b", "a/b"))


def test_an_unknown_exporter_is_refused() -> None:
    """A word for --compat that is none names those that are."""
    with pytest.raises(errors.UsageError) as caught:
        exposition.make_options(compat=("datadog",))
    assert "kube-state-metrics" in str(caught.value.remedy)


@given(hostile=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=4, max_size=4))
@example(hostile=['a"b', "back\\slash", "new\nline", '\\n"\\\\'])
@example(hostile=["\u2028", "\x85", "\x00", "{},= "])
def test_every_label_value_is_read_back_as_it_was(hostile: list[str]) -> None:
    """Quotes, backslashes, line breaks and all that is printable arrive unchanged, in both formats."""
    namespace, name, node, container = hostile
    pod = POD._replace(
        namespace=namespace,
        name=name,
        node=node,
        containers=(CONTAINER._replace(namespace=namespace, pod=name, node=node, name=container),),
    )
    expected = {"cluster": "prod", "namespace": namespace, "pod": name, "node": node, "container": container}
    expected = {
        key: "\n".join(map(sanitize.printable, said.split("\n"))) for key, said in expected.items() if said
    }
    for openmetrics in (False, True):
        series = parse(render(snapshot(pod), openmetrics=openmetrics), openmetrics=openmetrics)
        assert value(series, "kubevitals_container_restarts_total", **expected) == 3


def test_what_is_no_text_is_replaced() -> None:
    """Half a surrogate, which JSON can smuggle in, does not break the scrape."""
    series = parse(render(snapshot(POD._replace(node="a\ud800b", containers=()))))
    assert value(series, "kubevitals_pod_ready", **{**WHERE, "node": "a\ufffdb"}) == 1


@given(st.floats(min_value=0, allow_infinity=False), st.integers(min_value=0, max_value=2**63 - 1))
def test_every_number_is_read_back_as_it_was(cores: float, size: int) -> None:
    """The smallest and the largest amounts survive the text."""
    pod = POD._replace(cpu_usage_cores=cores, memory_usage_bytes=size)
    series = parse(render(snapshot(pod)))
    assert value(series, "kubevitals_pod_cpu_usage_cores", **WHERE) == cores
    assert math.isclose(value(series, "kubevitals_pod_memory_usage_bytes", **WHERE) or 0.0, size)


def test_compatible_families_have_their_own_labels_and_right_units() -> None:
    """metrics-server-prom's four families have its labels, in cores and bytes, and say so."""
    body = render(snapshot(POD, nodes=[NODE]), compat=("metrics-server-prom",), own=False)
    series = parse(body)
    labels = {"node": "n1", "pod": "web-0", "ip": "10.0.0.9", "container": "app", "namespace": "shop"}
    assert value(series, "kube_metrics_server_pod_cpu", **labels) == 0.123456789
    assert value(series, "kube_metrics_server_pod_mem", **labels) == 100_000_000
    assert value(series, "kube_metrics_server_node_cpu", node="n1") == 0.5
    assert len(series) == 3
    assert "in cores" in body
    assert "kubevitals_" not in body


STATUS = collector.Status(
    started_at=NOW - timedelta(hours=1),
    ticks=7,
    failures={"metrics_unavailable": 2},
    last_tick_seconds=0.25,
    source="metrics-server",
    live=True,
    ready=True,
    watch_restarts=4,
    coverage={"nodes": (1, 2), "pods": (3, 4)},
)


def _with_status(status: collector.Status, shown: Any, **more: Any) -> Series:
    body = exposition.render(
        [(shown, status)], openmetrics=True, options=exposition.Options(), clusters=["prod"], **more
    )
    return parse(body.decode(), openmetrics=True)


def test_the_service_tells_of_itself() -> None:
    """Source, coverage, ticks, failures by reason, requests by route and the version are there."""
    series = _with_status(STATUS, snapshot(POD), requests={("/metrics", 200): 5})
    at = {"cluster": "prod"}
    assert value(series, "kubevitals_source_up", **at, source="metrics-server") == 1
    assert value(series, "kubevitals_tick_failures_total", **at, reason="metrics_unavailable") == 2
    assert value(series, "kubevitals_objects_with_usage", **at, kind="pods") == 3
    assert value(series, "kubevitals_watch_restarts_total", **at) == 4
    assert value(series, "kubevitals_http_requests_total", route="/metrics", code="200") == 5
    assert value(series, "kubevitals_snapshot_timestamp_seconds", **at) == NOW.timestamp()
    assert [name for name, _ in series if name == "kubevitals_build_info"]


def test_a_source_that_fails_is_down_while_its_last_snapshot_is_shown() -> None:
    """While the source fails the last good numbers stay, and source_up is 0."""
    failing = STATUS._replace(last_error=model.Problem("metrics_unavailable", "503"))
    series = _with_status(failing, snapshot(POD))
    assert value(series, "kubevitals_source_up", cluster="prod", source="metrics-server") == 0
    assert value(series, "kubevitals_pod_cpu_usage_cores", **WHERE) is not None


def test_a_snapshot_that_is_too_old_is_not_shown() -> None:
    """Once it is older than it may be, its series end rather than stay flat."""
    series = _with_status(STATUS._replace(ready=False), snapshot(POD, nodes=[NODE]))
    assert not [name for name, _ in series if name.startswith(("kubevitals_pod", "kubevitals_node"))]
    assert value(series, "kubevitals_ready", cluster="prod") == 0


def test_before_the_first_snapshot_there_is_a_scrape_all_the_same() -> None:
    """Without a snapshot the cluster is named and said to be down."""
    series = _with_status(STATUS._replace(ready=False, ticks=0, source="none"), None)
    assert value(series, "kubevitals_source_up", cluster="prod", source="none") == 0
    assert value(series, "kubevitals_ready", cluster="prod") == 0


def test_every_family_follows_the_conventions() -> None:
    """Names end in their unit, counters in _total, and each has a help that ends as a sentence."""
    for family in families.OWN:
        assert family.base.startswith("kubevitals_")
        assert family.base.endswith(family.unit)
        assert (family.type == "counter") == family.name.endswith("_total")
        assert family.help.endswith(".")
        assert family.stability in ("stable", "alpha")
    names = [family.base for family in families.OWN]
    assert len(names) == len(set(names))


def test_openmetrics_ends_with_its_mark_and_names_units() -> None:
    """OpenMetrics has UNIT lines and EOF; text 0.0.4 has neither."""
    body = render(snapshot(POD), openmetrics=True)
    assert body.endswith("# EOF\n")
    assert "# UNIT kubevitals_pod_cpu_usage_cores cores\n" in body
    assert "# TYPE kubevitals_container_restarts counter\n" in body
    plain = render(snapshot(POD))
    assert "# EOF" not in plain
    assert "# UNIT" not in plain


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (None, False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan,;;,=;q", False),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str | None, openmetrics: bool) -> None:
    """Prometheus' own headers, old and new, curl's and a browser's get what they can read best."""
    assert negotiation.wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("header", "wanted"),
    [(None, False), ("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0, *", False), ("*", True)],
)
def test_compression_is_the_scrapers_choice(header: str | None, wanted: bool) -> None:
    """Gzip is used only where it is accepted."""
    assert negotiation.wants_gzip(header) is wanted


def test_label_names_are_those_of_kube_state_metrics() -> None:
    """Keys become snake case behind `label_`."""
    assert text.label_name("app.kubernetes.io/partOf") == "label_app_kubernetes_io_part_of"
    assert text.label_name("a-b") == "label_a_b"
