"""The dashboards for Prometheus: each query asked of the real one, which scrapes the service."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from deploy.grafana.boards import columns, description, prometheus, promql, words
from tests import grafana, web_service
from tests import prometheus as servers

from kubevitals import details
from kubevitals.surfaces import exposition
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the metrics do not tell; the boards leave these columns out.
NOT_TOLD = {("problems", "since"), ("problems", "message")}
# Counted in another way: the service joins several pods of a workload to one problem.
COUNTED_OTHERWISE = {"problems_critical", "problems_warning"}
Rows = dict[tuple[str, ...], float]


EVERYTHING = {"cluster": "simulated", "namespace": ".*", "kind": ".*", "workload": ".*"}


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """A service with the label that the boards need."""
    chosen = settings.Settings(exposition=exposition.make_options(labels=("workload",)))
    with web_service.serve(chosen, simulation={"pods": 72}) as made:
        made.tick()
        yield made


@pytest.fixture(scope="module")
def server(
    service: web_service.Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Prometheus]:
    """Prometheus with at least one scrape of it."""
    with (
        web_service.listening(service) as url,
        servers.running(url.removeprefix("http://"), tmp_path_factory.mktemp("prometheus")) as made,
    ):
        made.wait_for("kubevitals_pod_phase and on() kubevitals_ready == 1")
        yield made


def panels() -> Iterator[words.Stat | words.Table | words.Bars]:
    for board in description.BOARDS:
        yield from panels_of(board)


def panels_of(board: words.Board) -> Iterator[words.Stat | words.Table | words.Bars]:
    for row in board.rows:
        for panel in row.panels:
            if not isinstance(panel, words.Lines):
                yield panel


def keys_of(panel: words.Stat | words.Table | words.Bars) -> tuple[str, ...]:
    return ("name", panel.key) if isinstance(panel, words.Bars) else panel.keys


@pytest.mark.parametrize("chosen", [{"cluster": "simulated", "namespace": "shop", "workload": "cart"}, {}])
def test_every_query_is_answered(server: servers.Prometheus, chosen: dict[str, str]) -> None:
    """Each query of each panel has samples: one a row at once, or series of the last minutes."""
    for question in grafana.questions("prometheus", {**EVERYTHING, **chosen}):
        target = question.target
        if "variable" in question.panel:
            family, _, label = target["query"].removeprefix("label_values(")[:-1].rpartition(", ")
            assert server.ask(f"label/{label}/values", **{"match[]": family}), question
        elif target["instant"]:
            found = server.query(target["expr"])
            if chosen and not found:  # of one namespace there may be nothing to tell
                assert question.panel in ("What is wrong", "Containers", "Pods"), question
                continue
            assert found, question
            rows = [tuple(sorted(labels.items())) for labels, _ in found]
            assert len(set(rows)) == len(rows), question
        else:
            told = re.search(r"kubevitals_(node|pod|container)_(\w+)", target["expr"])
            if told is not None and told[2] in details.Detail._fields:  # which are there with --detail
                ask_range(server, target["expr"])
            else:  # of what grows there has to be a second scrape
                server.wait_until(lambda target=target: ask_range(server, target["expr"]), what=str(question))


def ask_range(server: servers.Prometheus, expression: str) -> list[Any]:
    """The series of the last minute."""
    now = time.time()
    asked = {"query": expression, "start": str(now - 60), "end": str(now), "step": "5"}
    found: list[Any] = server.ask("query_range", **asked)["result"]
    return found


def test_only_what_the_metrics_do_not_tell_is_left_out() -> None:
    """Columns that the JSON variants have and this one has not are known, and few."""
    missing = {
        (panel.ask.of, key)
        for panel in panels()
        for key in set(keys_of(panel)) - set(prometheus.PROMETHEUS.keys_of(panel.ask, keys_of(panel)))
    }
    assert missing == NOT_TOLD


@pytest.mark.parametrize("described", description.BOARDS, ids=lambda board: board.slug)
def test_tables_are_put_together(server: servers.Prometheus, described: words.Board) -> None:
    """Merged by the labels that make a row, a panel's queries have its fields, in order and by name."""
    board = grafana.load("prometheus", described.slug)
    values = grafana.values_of(board, EVERYTHING)
    rendered = [panel for panel in board["panels"] if panel["type"] != "timeseries"]
    for panel, made in zip(panels_of(described), rendered, strict=True):
        targets = [grafana.put_in(target, values) for target in made["targets"]]
        frames = [fields_of(server, target, len(targets)) for target in targets]
        assert "Time" in set.intersection(*frames)
        if isinstance(panel, words.Bars):
            continue
        options = made["transformations"][-1]["options"]
        left = set.union(*frames) - set(options["excludeByName"])
        assert left == set(options["indexByName"]), panel.title
        renamed = options["renameByName"]
        names = [renamed.get(name, name) for name in sorted(left, key=options["indexByName"].get)]
        assert names == list(prometheus.PROMETHEUS.keys_of(panel.ask, keys_of(panel))), panel.title


def fields_of(server: servers.Prometheus, target: dict[str, Any], targets: int) -> set[str]:
    """Return the fields of the table that Grafana makes of an instant query."""
    value = f"Value #{target['refId']}" if targets > 1 else "Value"
    return {"Time", value, *(label for labels, _ in server.query(target["expr"]) for label in labels)}


def test_numbers_are_those_of_the_service(server: servers.Prometheus, service: web_service.Service) -> None:
    """Each number on the boards is the same in PromQL and in the JSON that the other variants show."""
    compared = 0
    for panel in panels():
        ask = panel.ask._replace(where=(), largest="", limit=0)
        if ask.of == "problems":
            continue
        path = {"clusters": "vitals?cluster=*"}.get(ask.of, ask.of)
        rows = service.get(f"/api/v1/{path}").json()["items"]
        for key in keys_of(panel):
            if columns.column(ask.of, key).type != "number" or key in COUNTED_OTHERWISE:
                continue
            expression = promql.expression(ask, key)
            assert expression is not None
            told = by_row(server, expression.replace("$cluster", "simulated"), ask.of)
            known = stated(rows, ask.of, key)
            assert told, (ask.of, key)
            if key == "restarts":  # those of a pod whose containers were never made have no sample
                known = {row: value for row, value in known.items() if value or row in told}
            assert told == pytest.approx(known, abs=1e-9), (ask.of, key)
            compared += 1
    assert compared > 50


def by_row(server: servers.Prometheus, expression: str, of: str) -> Rows:
    labels = promql.LABELS[of]
    return {tuple(each.get(label, "") for label in labels): value for each, value in server.query(expression)}


def stated(rows: list[dict[str, Any]], of: str, key: str) -> Rows:
    """Return the service's numbers by what names a row in the metrics; ended pods hold nothing there."""
    columns_of = ("cluster", "namespace", "workload_kind", "node", "pod", "name")
    keys = {label: key for key in columns_of if (label := promql.label_of(of, key)) is not None}
    if of == "workloads":  # a pod of its own is none there, nor is one whose pods have all ended
        rows = [row for row in rows if row["workload_kind"] != "Pod" and row["pods"]]
    elif key != "restarts":
        rows = [row for row in rows if row.get("phase") not in ("Succeeded", "Failed")]
    return {
        tuple(row[keys[label]] or "" for label in promql.LABELS[of]): row[key]
        for row in rows
        if row[key] is not None
    }
