"""The routes of history: what is answered, what is refused, and how much at most."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import listed_history, web_service

from kubevitals import errors, kinds
from kubevitals import history as histories
from kubevitals.surfaces.view import historydocuments
from kubevitals.surfaces.web import app, historyquery, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def kept() -> listed_history.Listed:
    """What was recorded up to now: the file may have been loaded minutes before its tests."""
    global NOW
    NOW = datetime.now(UTC).replace(microsecond=0)
    make = listed_history.samples
    return listed_history.Listed(
        make("web-0", [0.1, 0.2, 0.3, 0.4] * 60, until=NOW, cluster="simulated", uid="a"),
        make("db-0", [0.5] * 240, until=NOW, cluster="simulated", uid="b"),
        make("=cmd", [0.5], until=NOW, cluster="simulated", namespace="odd"),
        make("node-1", [1.0] * 240, until=NOW, cluster="simulated", kind="node"),
        make("shop", [1.0] * 240, until=NOW, cluster="simulated", kind="namespace"),
        make("app", [0.1], until=NOW, cluster="simulated", kind="container", pod="web-0"),
        make("web", [0.1], until=NOW, cluster="simulated", kind="workload", workload_kind="Deployment"),
        make("other", [0.5], until=NOW, cluster="elsewhere"),
    )


@pytest.fixture(scope="module")
def service(kept: listed_history.Listed) -> Iterator[web_service.Service]:
    with web_service.serve(settings.Settings(history=kept)) as made:
        made.tick()
        yield made


def test_objects(service: web_service.Service) -> None:
    """One item a series of the cluster, in the envelope of all documents, with the range that was read."""
    answer = service.get("/api/v1/history/pods?since=10m&step=60").json()
    head = ("schema", "kind", "cluster", "source", "problems", "step_seconds", "aggregate")
    assert {key: answer[key] for key in head} == {
        "schema": "kubevitals/v1", "kind": "HistoryList", "cluster": "simulated", "source": "listed",
        "problems": [], "step_seconds": 60.0, "aggregate": "mean",
    }  # fmt: skip
    assert [item["name"] for item in answer["items"]] == ["=cmd", "db-0", "web-0"]
    item = answer["items"][2]
    assert list(item) == [*historydocuments.SERIES_TYPES, "points"]
    assert 10 <= len(item["points"]) <= 11
    whole = item["points"][5]
    assert list(whole) == list(historydocuments.POINT_TYPES)
    assert whole["samples"] == 4
    assert whole["cpu_usage_cores"] == pytest.approx(0.25)
    assert (whole["cpu_min_cores"], whole["cpu_max_cores"]) == (0.1, 0.4)
    assert datetime.fromisoformat(whole["timestamp"]).timestamp() % 60 == 0


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("mean", 0.25), ("min", 0.1), ("max", 0.4), ("p95", 0.4)]
)
def test_aggregates(service: web_service.Service, aggregate: str, expected: float) -> None:
    """Usage is the aggregate that was asked for."""
    answer = service.get(f"/api/v1/history/pods/shop/web-0?range=10m&step=1m&aggregate={aggregate}").json()
    assert answer["aggregate"] == aggregate
    assert answer["items"][0]["points"][5]["cpu_usage_cores"] == pytest.approx(expected)


def test_the_last_sample_of_each_step(service: web_service.Service, kept: listed_history.Listed) -> None:
    """`last` is the last sample of each step, at its end."""
    answer = service.get("/api/v1/history/pods/shop/web-0?range=10m&step=1m&aggregate=last").json()
    points = answer["items"][0]["points"]
    samples = {point.timestamp: point for point in kept.series[0].points}
    for point in points[:-1]:
        end = datetime.fromisoformat(point["timestamp"])
        newest = max(moment for moment in samples if end - timedelta(minutes=1) < moment <= end)
        assert point["cpu_usage_cores"] == samples[newest].cpu_usage_cores
        assert end.timestamp() % 60 == 0


def test_samples(service: web_service.Service) -> None:
    """step=raw gives the samples as they were measured."""
    answer = service.get("/api/v1/history/pods?name=web-0&since=5m&step=raw").json()
    assert answer["step_seconds"] is None
    assert len(answer["items"][0]["points"]) in (19, 20, 21)


def test_columns(service: web_service.Service) -> None:
    """Columns are of one length: a row a point, with the names of what it is of."""
    answer = service.get("/api/v1/history/pods?since=10m&step=1m&format=columns").json()
    columns = answer["columns"]
    assert list(columns) == list(historydocuments.ROW_TYPES)
    assert len({len(column) for column in columns.values()}) == 1
    assert set(columns["name"]) == {"web-0", "db-0", "=cmd"}
    empty = service.get("/api/v1/history/pods?name=nobody&format=columns").json()["columns"]
    assert empty == {key: [] for key in historydocuments.ROW_TYPES}


def test_rows(service: web_service.Service) -> None:
    """A row is a point with the names of its series, as data sources for tables like it."""
    answer = service.get("/api/v1/history/pods?since=10m&step=1m&format=rows").json()
    assert {tuple(row) for row in answer["items"]} == {tuple(historydocuments.ROW_TYPES)}
    assert {row["name"] for row in answer["items"]} == {"web-0", "db-0", "=cmd"}


def test_the_largest(service: web_service.Service) -> None:
    """With a limit only the series of the largest mean come; how many there are stands in a header."""
    answer = service.get("/api/v1/history/pods?namespace=shop&limit=1&largest=memory_usage_bytes&step=raw")
    assert [item["name"] for item in answer.json()["items"]] == ["db-0"]
    assert answer.headers["x-total-count"] == "2"
    assert service.get("/api/v1/history/pods?limit=0").json()["items"] == []


def test_the_step_suits_the_number_of_series(
    service: web_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are many series and no step is given, each has fewer points."""
    fine = service.get("/api/v1/history/pods?since=1h").json()["step_seconds"]
    monkeypatch.setattr(historyquery, "MOST_IN_ALL", 2000)
    coarse = service.get("/api/v1/history/pods?since=1h").json()["step_seconds"]
    assert (fine, coarse) == (15.0, 300.0)


def test_csv(service: web_service.Service) -> None:
    """CSV has a line a point; a name that a spreadsheet would run gets an apostrophe."""
    answer = service.get("/api/v1/history/pods?namespace=odd&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["name"] == "'=cmd"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("nodes", ["node-1"]),
        ("nodes/node-1", ["node-1"]),
        ("namespaces?name=shop", ["shop"]),
        ("pods?name=web-0,db-0", ["db-0", "web-0"]),
        ("pods?namespace=shop,odd&name=web-0,=cmd", ["=cmd", "web-0"]),
        ("pods?namespace=*", ["=cmd", "db-0", "web-0"]),
        ("containers?pod=web-0", ["app"]),
        ("containers/shop/web-0/app", ["app"]),
        ("workloads/shop/Deployment/web", ["web"]),
        ("workloads?workload_kind=StatefulSet", []),
    ],
)
def test_who(service: web_service.Service, path: str, names: list[str]) -> None:
    """Names restrict, several of them are a list, and a star is no condition."""
    assert [item["name"] for item in service.get(f"/api/v1/history/{path}").json()["items"]] == names


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("pods?filter=ns:odd", ["=cmd"]),
        ("pods?filter=!web*", ["=cmd", "db-0"]),
        ("pods?filter=ns:shop+!db*", ["web-0"]),
        ("pods?filter=ns:nobody", []),
        ("containers?filter=pod:web-0", ["app"]),
        ("containers?filter=pod:db-0", []),
        ("namespaces?filter=name:sh*", ["shop"]),
        ("nodes?filter=!node-1", []),
        ("workloads?filter=kind:Deployment", ["web"]),
        ("workloads?filter=kind:DaemonSet", []),
        ("workloads?filter=workload:web", ["web"]),
    ],
)
def test_filter(service: web_service.Service, path: str, names: list[str]) -> None:
    """A filter leaves the series that meet all its terms, by the grammar of the lists."""
    answer = service.get(f"/api/v1/history/{path}")
    assert answer.status_code == 200, answer.text
    assert [item["name"] for item in answer.json()["items"]] == names


def test_the_largest_of_the_filtered(service: web_service.Service) -> None:
    """The largest series are chosen among those that meet the filter."""
    answer = service.get("/api/v1/history/pods?limit=1&filter=!db*%20!odd").json()
    assert [item["namespace"] for item in answer["items"]] != []
    assert all(not item["name"].startswith("db") for item in answer["items"])


def test_sums_have_samples(service: web_service.Service) -> None:
    """A sum has samples of its own, as every series."""
    answer = service.get("/api/v1/history/namespaces?step=raw").json()
    assert answer["step_seconds"] is None
    assert {point["samples"] for point in answer["items"][0]["points"]} == {1}


@pytest.mark.parametrize(
    ("query", "parameter", "allowed"),
    [
        ("since=soon", "since", "a time like 6h"),
        ("until=2001-01-01&since=2001-01-02", "since", "a time before until"),
        ("since=1h&until=2h", "since", "a time before until"),
        ("range=x", "range", "a length like"),
        ("range=1h&since=2h", "range", "either range or since"),
        ("step=-1", "step", "a length like"),
        ("aggregate=median", "aggregate", "p95"),
        ("format=xml", "format", "columns"),
        ("since=1h&since=2h", "since", None),
        ("cluster=nobody", "cluster", "simulated"),
        ("node=x", "node", "since"),
        ("since=30d&step=1s", "step", "or longer"),
        ("name=" + ",".join(map(str, range(101))), "name", "100 names"),
        ("filter=cpu>1", "filter", "a word of its names"),
        ("filter=name:", "filter", None),
    ],
)
def test_refusals(service: web_service.Service, query: str, parameter: str, allowed: str | None) -> None:
    """A bad parameter is refused by name, with what is allowed."""
    answer = service.get(f"/api/v1/history/pods?{query}")
    assert answer.status_code == 422
    said = answer.json()
    assert said["parameter"] == parameter
    if allowed is not None:
        assert any(allowed in each for each in said["allowed"])


def test_extremes_of_sums(service: web_service.Service) -> None:
    """A sum is a series of its own: it has extremes and percentiles."""
    for aggregate in historydocuments.AGGREGATES:
        answer = service.get(f"/api/v1/history/workloads?aggregate={aggregate}")
        assert (answer.status_code, answer.json()["aggregate"]) == (200, aggregate)


def test_times_of_grafana(service: web_service.Service) -> None:
    """Milliseconds since 1970, and RFC 3339 with a plus that nobody escaped, are understood."""
    first, last = NOW - timedelta(minutes=10), NOW
    milliseconds = f"since={first.timestamp() * 1000:.0f}&until={last.timestamp() * 1000:.0f}"
    written = f"since={first.isoformat()}&until={last.isoformat()}"
    found = [service.get(f"/api/v1/history/nodes?{each}&step=15").json() for each in (milliseconds, written)]
    assert found[0]["items"] == found[1]["items"]
    assert found[0]["items"]


def test_nothing_of_one_object(service: web_service.Service) -> None:
    """An object without a point in the range is not found."""
    answer = service.get("/api/v1/history/pods/shop/nobody")
    assert answer.status_code == 404
    assert "no history of pod shop/nobody" in answer.json()["detail"]


def test_too_many_points(service: web_service.Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that would be too long is refused with a step that is long enough."""
    monkeypatch.setattr(historyquery, "MOST_IN_ALL", 100)
    answer = service.get("/api/v1/history/pods?since=1h&step=15")
    assert answer.status_code == 422
    said = answer.json()
    assert (said["code"], said["parameter"]) == ("too_many_points", "step")
    step = said["allowed"][0].split()[0]
    assert service.get(f"/api/v1/history/pods?since=1h&step={step}").status_code == 200


def test_many_series_are_read_in_pieces(
    service: web_service.Service, kept: listed_history.Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reading asks for much more than an answer may hold, however many series there are."""
    monkeypatch.setattr(historyquery, "MOST_IN_ALL", 2000)
    kept.asked.clear()
    assert service.get("/api/v1/history/pods?since=1h&step=15").status_code == 200
    pods = len(service.collector.latest.snapshot.pods) if service.collector.latest else 0
    assert pods > 50
    longest = max((each.until - each.since).total_seconds() / 15 for each in kept.asked)
    assert longest * pods <= 2000


def test_a_history_that_fails() -> None:
    """A history that cannot be read is a 503 with the reason and the remedy."""

    class Torn(listed_history.Listed):
        def read(self, query: histories.Query) -> histories.Answer:
            raise errors.HistoryError("the file is torn", remedy="move it away")

    with web_service.serve(settings.Settings(history=Torn())) as made:
        answer = made.get("/api/v1/history/nodes")
    assert answer.status_code == 503
    assert (answer.json()["detail"], answer.json()["remedy"]) == ("the file is torn", "move it away")


def test_no_history() -> None:
    """A service without history says so."""
    with web_service.serve() as made:
        made.app = app.create_app({"simulated": made.collector})
        answer = made.get("/api/v1/history/nodes")
    assert (answer.status_code, answer.json()["detail"]) == (404, "this service keeps no history")


def test_problems_of_the_history_are_told() -> None:
    """What is wrong with the history stands in its answers."""
    full = listed_history.Listed()
    full.problems = (_problem(),)
    with web_service.serve(settings.Settings(history=full)) as made:
        answer = made.get("/api/v1/history/nodes").json()
    assert [each["code"] for each in answer["problems"]] == ["history"]


def _problem() -> Any:
    from kubevitals import model

    return model.Problem("history", "the disk is full", "make room")


def test_gzip_and_etag(service: web_service.Service) -> None:
    """Answers are compressed for who takes that, and have a tag."""
    answer = service.get("/api/v1/history/pods?step=15", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"].endswith('-gzip"')
    assert answer.headers["x-total-count"] == "3"


@pytest.mark.parametrize("kind", list(kinds.KINDS))
def test_every_parameter_is_described(service: web_service.Service, kind: str) -> None:
    """The description has every parameter of every route of history, with its words."""
    paths = service.get("/openapi.json").json()["paths"]
    described = {each["name"]: each for each in paths[f"/api/v1/history/{kind}"]["get"]["parameters"]}
    assert set(described) == set(historyquery.parameters_model(kind).model_fields)
    assert all(each["description"] for each in described.values())
    assert described["aggregate"]["schema"]["enum"] == list(historyquery.AGGREGATES)


def test_percentiles(service: web_service.Service) -> None:
    """Any percentiles can be asked for: each point has a key for each of them, in all formats."""
    query = "/api/v1/history/pods?name=web-0&step=whole&since=1h&percentile=50,99.9&percentile=50"
    (item,) = service.get(query).json()["items"]
    (point,) = item["points"]
    assert [key for key in point if key.startswith("cpu_p")] == ["cpu_p50_cores", "cpu_p99.9_cores"]
    values = [point[f"cpu_{key}_cores"] for key in ("min", "p50", "p99.9", "max")]
    assert values == sorted(values)
    assert point["samples"] > 1
    columns = service.get(f"{query}&format=columns").json()["columns"]
    assert columns["memory_p50_bytes"] == [point["memory_p50_bytes"]]
    rows = csv.DictReader(io.StringIO(service.get(f"{query}&format=csv").text))
    assert [float(row["cpu_p99.9_cores"]) for row in rows] == [point["cpu_p99.9_cores"]]
    usage = service.get(f"{query}&aggregate=p95").json()["items"][0]["points"][0]
    assert usage["cpu_usage_cores"] == usage["cpu_p95_cores"]


def test_one_point_over_the_range(service: web_service.Service) -> None:
    """The whole range can be one point: its mean, or its last sample."""
    query = "/api/v1/history/pods?name=web-0&since=1h"
    samples = service.get(f"{query}&step=raw").json()["items"][0]["points"]
    values = [each["cpu_usage_cores"] for each in samples if each["cpu_usage_cores"] is not None]
    (mean,) = service.get(f"{query}&step=whole").json()["items"][0]["points"]
    assert mean["cpu_usage_cores"] == pytest.approx(sum(values) / len(values))
    (last,) = service.get(f"{query}&step=whole&aggregate=last").json()["items"][0]["points"]
    assert (last["timestamp"], last["cpu_usage_cores"]) == (
        samples[-1]["timestamp"],
        samples[-1]["cpu_usage_cores"],
    )


@pytest.mark.parametrize("text", ["101", "-1", "x", "nan", "", ",".join(map(str, range(11)))])
def test_bad_percentiles(service: web_service.Service, text: str) -> None:
    """A percentile is a number from 0 to 100, and there are ten at most."""
    answer = service.get(f"/api/v1/history/pods?percentile={text}")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "percentile")


def test_long_ranges_of_samples_are_quick(service: web_service.Service, kept: listed_history.Listed) -> None:
    """Samples of centuries are read from the first one on."""
    kept.asked.clear()
    for query in ("step=raw", "aggregate=last&step=1d"):
        assert service.get(f"/api/v1/history/pods?since=1971-01-01&{query}").status_code in (200, 422)
    assert len(kept.asked) < 20
