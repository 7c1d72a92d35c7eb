"""The API over a simulated cluster: names, units, parameters, codings, and what is said while it fails."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting, web_service

import kubevitals
from kubevitals import kinds, model, vitals
from kubevitals.kube import listwatch
from kubevitals.kube.http import retries
from kubevitals.surfaces.view import documents, vitalsrow
from kubevitals.surfaces.web import parameters, routes, rowkinds, settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(listwatch, "_LONGEST_DELAY", 0.1)
    monkeypatch.setattr(retries, "_FIRST_DELAY", 0.01)


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """One that no test changes."""
    with web_service.serve() as made:
        made.tick()
        yield made


@pytest.fixture
def own() -> Iterator[web_service.Service]:
    """One that a test may break."""
    with web_service.serve(simulation={"pods": 20}) as made:
        yield made


def held(service: web_service.Service) -> model.Snapshot:
    assert service.collector.latest is not None
    return service.collector.latest.snapshot


def rounded(value: float | None, factor: float, digits: int | None = None) -> Any:
    return None if value is None else round(value * factor, digits)


# --- infra: the names and units that boards out there use

NODE_KEYS = [
    "node", "cpu_millicores", "cpu_allocatable", "cpu_pct",
    "memory_mi", "memory_allocatable_mi", "memory_pct",
]  # fmt: skip
POD_KEYS = ["pod", "app", "cpu_millicores", "memory_mi", "phase", "restarts"]


def test_infra_nodes(service: web_service.Service) -> None:
    """Nodes have the known names first, in millicores, MiB and percent to one decimal; unknown is null."""
    answer = service.get("/api/v1/infra/nodes").json()
    assert list(answer) == ["generated_at", "cluster", "source", "problems", "nodes"]
    assert datetime.fromisoformat(answer["generated_at"]) == held(service).generated_at
    assert answer["generated_at"].endswith("Z")
    assert {tuple(row)[:7] for row in answer["nodes"]} == {tuple(NODE_KEYS)}
    rows = {row["node"]: row for row in answer["nodes"]}
    assert len(rows) == len(held(service).nodes)
    for node in held(service).nodes:
        row = rows[node.name]
        assert row["cpu_millicores"] == rounded(node.cpu_usage_cores, 1000)
        assert row["cpu_allocatable"] == rounded(node.cpu_allocatable_cores, 1000)
        assert row["cpu_pct"] == rounded(node.cpu_of_allocatable, 100, 1)
        assert row["memory_mi"] == rounded(node.memory_usage_bytes, 1 / 2**20)
        assert row["memory_allocatable_mi"] == rounded(node.memory_allocatable_bytes, 1 / 2**20)
        assert row["memory_pct"] == rounded(node.memory_of_allocatable, 100, 1)
        assert row["cpu_request_pct"] == rounded(node.cpu_request_of_allocatable, 100, 1)


def test_infra_pods(service: web_service.Service) -> None:
    """Pods come by CPU, the busiest first and the unknown last, with app or "unknown"."""
    answer = service.get("/api/v1/infra/pods").json()
    rows = answer["pods"]
    assert {tuple(row)[:6] for row in rows} == {tuple(POD_KEYS)}
    assert len(rows) == len(held(service).pods)
    usage = [row["cpu_millicores"] for row in rows]
    known = [value for value in usage if value is not None]
    assert known == sorted(known, reverse=True)
    assert usage[len(known) :] == [None] * (len(usage) - len(known))
    pods = {(pod.namespace, pod.name): pod for pod in held(service).pods}
    for row in rows:
        pod = pods[row["namespace"], row["pod"]]
        assert row["app"] == (pod.app or "unknown")
        assert row["cpu_millicores"] == rounded(pod.cpu_usage_cores, 1000)
        assert row["memory_mi"] == rounded(pod.memory_usage_bytes, 1 / 2**20)
        assert (row["phase"], row["restarts"]) == (pod.phase, pod.restarts)
        assert (row["node"], row["ready"], row["reason"]) == (pod.node, pod.ready, pod.reason)
        assert row["memory_limit_pct"] == rounded(pod.memory_of_limit, 100, 1)
        assert row["cpu_request_millicores"] == rounded(pod.cpu_request_cores, 1000)
        assert row["age_seconds"] == pod.age_seconds
        assert (row["timestamp"] is None) == (pod.timestamp is None)


# --- base units: the one schema


@pytest.mark.parametrize("name", ["nodes", "pods", "containers"])
def test_rows_are_the_schema(service: web_service.Service, name: str) -> None:
    """Rows in base units are those of `-o json`, key by key and in order."""
    answer = service.get(f"/api/v1/{name}?sort=name").json()
    records = sorted(getattr(held(service), name), key=lambda record: (record.name, repr(record)))
    expected = json.loads(documents.render_json(held(service), kinds.KINDS[name], records))
    assert list(answer) == list(expected)
    assert {key: answer[key] for key in answer if key != "items"} == {
        key: expected[key] for key in expected if key != "items"
    }
    key = lambda row: (row["name"], row.get("pod", ""), row.get("namespace", ""))  # noqa: E731
    assert sorted(answer["items"], key=key) == sorted(expected["items"], key=key)
    assert [list(row) for row in answer["items"]] == [list(row) for row in expected["items"]]


def test_sums(service: web_service.Service) -> None:
    """Namespaces and workloads are the sums of their pods, and add up to the whole."""
    live = [pod for pod in held(service).pods if not pod.terminated]
    for name in ("namespaces", "workloads"):
        items = service.get(f"/api/v1/{name}").json()["items"]
        assert sum(row["pods"] for row in items) == len(live)


def test_vitals(service: web_service.Service) -> None:
    """The cluster in one flat row: what the overview says, and how many problems of each severity."""
    answer = service.get("/api/v1/vitals").json()
    assert answer["kind"] == "VitalsList"
    (row,) = answer["items"]
    assert list(row) == list(vitalsrow.VITALS_TYPES)
    made = vitals.sum_up(held(service).nodes, held(service).pods)
    assert {key: row[key] for key in made._fields if key != "phases"} == {
        key: value for key, value in made._asdict().items() if key != "phases"
    }
    phases = {phase: row[f"pods_{phase.lower()}"] for phase in ("Running", "Pending", "Succeeded", "Failed")}
    assert {phase: count for phase, count in phases.items() if count} == dict(made.phases)
    assert row["nodes_ready"] + row["nodes_not_ready"] == row["nodes"]
    assert row["pods_with_usage"] <= row["pods_live"] <= row["pods"]
    severities = [each["severity"] for each in service.get("/api/v1/problems").json()["items"]]
    assert (row["problems_critical"], row["problems_warning"]) == (
        severities.count("critical"),
        severities.count("warning"),
    )


def test_single_objects(service: web_service.Service) -> None:
    """Below each list there are its objects, the same rows as in the list; what is not there is 404."""
    for kind in kinds.KINDS.values():
        name, path = kind.name, kind.path
        row = service.get(f"/api/v1/{name}?limit=1").json()["items"][0]
        place = "/".join(row[key] for key in path)
        answer = service.get(f"/api/v1/{name}/{place}")
        assert answer.status_code == 200
        assert answer.json()["item"] == row
        assert service.get(f"/api/v1/{name}/{place}?fields=name").json()["item"] == {"name": row["name"]}
        gone = service.get(f"/api/v1/{name}/{place}x")
        assert gone.status_code == 404
        assert gone.json()["code"] == "not_found"
        assert gone.headers["content-type"] == "application/problem+json"


def test_names_are_plain_arrays(service: web_service.Service) -> None:
    """Names are plain sorted arrays without repetition, narrowed by the same parameters."""
    snapshot = held(service)
    expected = {
        "clusters": ["simulated"],
        "namespaces": sorted({pod.namespace for pod in snapshot.pods}),
        "nodes": sorted(node.name for node in snapshot.nodes),
        "pods": sorted(pod.name for pod in snapshot.pods),
        "apps": sorted({pod.app for pod in snapshot.pods if pod.app}),
        "workloads": sorted({pod.workload_name for pod in snapshot.pods if pod.workload_name}),
        "containers": sorted({each.name for each in snapshot.containers}),
    }
    for name, names in expected.items():
        assert service.get(f"/api/v1/names/{name}").json() == names
    some = service.get("/api/v1/names/pods?namespace=kube-system").json()
    assert some == sorted(pod.name for pod in snapshot.pods if pod.namespace == "kube-system")


# --- parameters


def names(service: web_service.Service, path: str) -> list[str]:
    answer = service.get(path)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["items"]]


def test_filters(service: web_service.Service) -> None:
    """Each filter keeps what it names; lists are joined by commas or repetition, a star or nothing is all."""
    pods = held(service).pods
    everything = names(service, "/api/v1/pods")
    assert len(everything) == len(pods)
    for query in ("namespace=", "namespace=*", "node_pool=*", "label_selector=", "field_selector="):
        assert names(service, f"/api/v1/pods?{query}") == everything
    first, second = sorted({pod.namespace for pod in pods})[:2]
    both = {pod.name for pod in pods if pod.namespace in (first, second)}
    assert set(names(service, f"/api/v1/pods?namespace={first},{second}")) == both
    assert set(names(service, f"/api/v1/pods?namespace={first}&namespace={second}")) == both
    node = next(pod.node for pod in pods if pod.node)
    on_node = {pod.name for pod in pods if pod.node == node}
    assert set(names(service, f"/api/v1/pods?node={node}")) == on_node
    assert set(names(service, f"/api/v1/pods?field_selector=spec.nodeName={node}")) == on_node
    assert set(names(service, f"/api/v1/pods?field_selector=spec.nodeName!={node}")) == {
        pod.name for pod in pods if pod.node != node
    }
    assert set(names(service, "/api/v1/pods?phase=Running&field_selector=ready=false")) == {
        pod.name for pod in pods if pod.phase == "Running" and pod.ready is False
    }
    app = next(pod.labels["app"] for pod in pods if "app" in pod.labels)
    assert set(names(service, f"/api/v1/pods?label_selector=app+in+({app},nothing)")) == {
        pod.name for pod in pods if pod.labels.get("app") == app
    }
    assert set(names(service, "/api/v1/pods?label_selector=!app")) == {
        pod.name for pod in pods if "app" not in pod.labels
    }


def test_filters_of_other_kinds(service: web_service.Service) -> None:
    """Containers, sums and nodes are narrowed by the same words."""
    snapshot = held(service)
    space = snapshot.pods[0].namespace
    assert set(names(service, f"/api/v1/namespaces?namespace={space}")) == {space}
    assert set(names(service, f"/api/v1/containers?namespace={space}")) == {
        each.name for each in snapshot.containers if each.namespace == space
    }
    container = snapshot.containers[0]
    assert names(service, f"/api/v1/containers?pod={container.pod}&name={container.name}") == [container.name]
    assert set(names(service, f"/api/v1/nodes?namespace={space}")) == {
        pod.node for pod in snapshot.pods if pod.namespace == space and pod.node and not pod.terminated
    }
    node = snapshot.nodes[0].name
    assert names(service, f"/api/v1/nodes?label_selector=kubernetes.io/hostname={node}") == [node]
    assert names(service, f"/api/v1/nodes?name={node}&field_selector=metadata.name={node}") == [node]


def test_node_pools() -> None:
    """A pool is the value of a label that is chosen; pods belong to the pool of their node."""
    chosen = settings.Settings(node_pool_labels=("no.such/label", "kubernetes.io/hostname"))
    with web_service.serve(chosen, simulation={"pods": 20}) as service:
        service.tick()
        node = held(service).nodes[0].name
        assert service.get("/api/v1/names/node_pools").json() == sorted(
            each.name for each in held(service).nodes
        )
        assert names(service, f"/api/v1/nodes?node_pool={node}") == [node]
        assert set(names(service, f"/api/v1/pods?node_pool={node}")) == {
            pod.name for pod in held(service).pods if pod.node == node
        }


def test_order_and_part(service: web_service.Service) -> None:
    """Sorting takes several keys, unknown values come last, limit and offset cut, the whole count is told."""
    answer = service.get("/api/v1/pods?sort=-memory_usage_bytes,name")
    rows = answer.json()["items"]
    usage = [row["memory_usage_bytes"] for row in rows if row["memory_usage_bytes"] is not None]
    assert usage == sorted(usage, reverse=True)
    assert rows[-1]["memory_usage_bytes"] is None
    part = service.get("/api/v1/pods?sort=-memory_usage_bytes,name&limit=3&offset=2")
    assert part.json()["items"] == rows[2:5]
    assert part.headers["x-total-count"] == str(len(rows))
    assert service.get("/api/v1/pods?limit=0").json()["items"] == []
    assert service.get("/api/v1/pods?offset=999999").json()["items"] == []


@pytest.mark.parametrize("name", list(rowkinds.KINDS))
def test_formats(service: web_service.Service, name: str) -> None:
    """Columns and CSV hold the same values as objects, in the same order."""
    objects = service.get(f"/api/v1/{name}").json()
    rows = objects[rowkinds.KINDS[name].item if rowkinds.KINDS[name].infra else "items"]
    answer = service.get(f"/api/v1/{name}?format=columns").json()
    columns = answer[rowkinds.KINDS[name].item if rowkinds.KINDS[name].infra else "columns"]
    assert columns == {key: [row[key] for row in rows] for key in rows[0]}
    text = service.get(f"/api/v1/{name}?format=csv")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(text.text, newline="")))
    assert list(table[0]) == list(rows[0])
    for cells, row in zip(table, rows, strict=True):
        for key, cell in cells.items():
            value = row[key]
            if value is None:
                assert cell == ""
            elif isinstance(value, bool):
                assert cell == str(value).lower()
            elif isinstance(value, int | float):
                assert float(cell) == value
            elif isinstance(value, str):
                assert cell == value


def test_fields(service: web_service.Service) -> None:
    """Only the keys that are asked for are there, in that order, in each format."""
    rows = service.get("/api/v1/pods?fields=phase,name&limit=2").json()["items"]
    assert [list(row) for row in rows] == [["phase", "name"]] * 2
    columns = service.get("/api/v1/infra/pods?fields=pod&limit=2&format=columns").json()["pods"]
    assert list(columns) == ["pod"]
    assert service.get("/api/v1/nodes?fields=name&format=csv").text.splitlines()[0] == "name"
    empty = service.get("/api/v1/pods?namespace=nowhere&format=columns&fields=name,node").json()["columns"]
    assert empty == {"name": [], "node": []}


@pytest.mark.parametrize(
    ("query", "parameter", "allowed"),
    [
        ("limt=1", "limt", "limit"),
        ("sort=cpu", "sort", "cpu_usage_cores"),
        ("sort=", "sort", "name"),
        ("sort=--name", "sort", "name"),
        ("format=xml", "format", "csv"),
        ("fields=nam", "fields", "name"),
        ("limit=-1", "limit", "0 to 1000000"),
        ("limit=1e3", "limit", "0 to 1000000"),
        ("offset=9999999", "offset", "0 to 1000000"),
        ("limit=1&limit=2", "limit", None),
        ("cluster=other", "cluster", "simulated"),
        ("label_selector=a+b", "label_selector", "key=value"),
        ("label_selector=a==b==c", "label_selector", "key=value"),
        ("field_selector=spec.nodename=a", "field_selector", "spec.nodeName"),
        ("field_selector=nonsense", "field_selector", "metadata.name=VALUE"),
    ],
)
def test_bad_parameters(
    service: web_service.Service, query: str, parameter: str, allowed: str | None
) -> None:
    """A bad parameter is 422 with which one it is and what is allowed instead."""
    answer = service.get(f"/api/v1/pods?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["parameter"] == parameter
    assert told["status"] == 422
    assert parameter in told["detail"]
    if allowed is not None:
        assert allowed in told["allowed"]


def test_bad_words_are_not_echoed_at_length(service: web_service.Service) -> None:
    """What somebody sent comes back shortened and without control characters; a huge query is refused."""
    told = service.get("/api/v1/pods?sort=" + "x%1b%0a" * 500).json()
    assert len(told["detail"]) < 250
    assert "\x1b" not in told["detail"]
    assert service.get("/api/v1/pods?sort=" + "x" * 9000).status_code == 422
    assert service.get("/api/v1/pods?a=%ff").status_code == 422


def test_unknown_parameters(service: web_service.Service) -> None:
    """A parameter that a route does not have is refused by all routes that have any, with the closest one."""
    answer = service.get("/api/v1/pods?namespaces=shop").json()
    assert (answer["code"], answer["parameter"]) == ("unknown_parameter", "namespaces")
    assert "did you mean namespace" in answer["detail"]
    for path in ("/api/v1/vitals", "/api/v1/status", "/api/v1/names/clusters", "/api/v1/history/pods"):
        assert service.get(f"{path}?x=1").json()["code"] == "unknown_parameter", path
    assert service.get("/metrics?x=1").status_code == 200  # what a scrape may bring


def test_filter(service: web_service.Service) -> None:
    """Rows, names and problems of pods can be filtered; a bad filter says where, and what is allowed."""
    pods = held(service).pods
    expected = {pod.name for pod in pods if pod.namespace == "kube-system" and pod.phase == "Running"}
    assert expected
    query = "filter=ns:kube-system%20phase:running"
    assert set(names(service, f"/api/v1/pods?{query}")) == expected
    assert service.get(f"/api/v1/names/pods?{query}").json() == sorted(expected)
    rows = service.get("/api/v1/infra/pods?filter=cpu%3E1m").json()["pods"]
    assert len(rows) == sum((pod.cpu_usage_cores or 0) > 0.001 for pod in pods)
    assert names(service, "/api/v1/namespaces?filter=kube-system") == ["kube-system"]
    found = service.get("/api/v1/problems?filter=!phase:running").json()["items"]
    running = {(pod.namespace, pod.name) for pod in pods if pod.phase == "Running"}
    assert not {(each["namespace"], each["name"]) for each in found} & running
    told = service.get("/api/v1/pods?filter=cpu%3Ealot").json()
    assert (told["status"], told["parameter"]) == (422, "filter")
    assert told["remedy"]


def test_another_time() -> None:
    """With `at` rows, objects, vitals and problems are those of then; the envelope tells when that was."""
    with web_service.serve(simulation={"pods": 20, "speed": 1}) as own:
        own.tick()
        _ask_for_another_time(own)


def _ask_for_another_time(own: web_service.Service) -> None:
    paths = (
        "/api/v1/pods?sort=-cpu_usage_cores", "/api/v1/infra/nodes", "/api/v1/namespaces?filter=kube*",
        "/api/v1/vitals", "/api/v1/problems?limit=100",
    )  # fmt: skip
    first = {path: own.get(path).json() for path in paths}
    before = held(own).generated_at
    waiting.until(lambda: (own.collector.cluster.now() - before).total_seconds() > 1)
    own.tick()
    moment = (before + timedelta(seconds=0.5)).isoformat().replace("+00:00", "Z")
    for path, expected in first.items():
        assert own.get(path).json()["generated_at"] != expected["generated_at"]
        answer = own.get(f"{path}{'&' if '?' in path else '?'}at={moment}")
        assert answer.status_code == 200, answer.text
        assert "age" not in answer.headers
        told = answer.json()
        assert told["generated_at"] == expected["generated_at"]
        for key in ("items", "nodes"):
            assert len(told.get(key, ())) == len(expected.get(key, ()))
    usage = [
        {row["uid"]: row["cpu_usage_cores"] or 0.0 for row in answer["items"]}
        for answer in (own.get(f"{paths[0]}&at={moment}").json(), first[paths[0]])
    ]
    assert usage[0] == pytest.approx(usage[1], abs=1e-5)  # history keeps microcores
    pod = held(own).pods[0]
    one = own.get(f"/api/v1/pods/{pod.namespace}/{pod.name}?at={moment}").json()
    assert one["generated_at"] == first["/api/v1/vitals"]["generated_at"]
    assert one["item"]["name"] == pod.name
    zipped = own.get(f"/api/v1/pods?at={moment}", accept_encoding="gzip")
    assert zipped.headers["content-encoding"] == "gzip"
    again = own.get(f"/api/v1/pods?at={moment}", accept_encoding="gzip", if_none_match=zipped.headers["etag"])
    assert again.status_code == 304


def test_a_time_without_an_answer(own: web_service.Service) -> None:
    """A time that is none is 422, one of which nothing was recorded is 404, and both say what would do."""
    own.tick()
    bad = own.get("/api/v1/pods?at=soon").json()
    assert (bad["status"], bad["parameter"]) == (422, "at")
    assert bad["allowed"]
    gone = own.get("/api/v1/pods?at=2001-01-01").json()
    assert (gone["status"], gone["code"]) == (404, "not_found")
    assert own.get("/api/v1/names/pods?at=2001-01-01").status_code == 404


def test_a_time_that_is_not_before_the_newest_snapshot(own: web_service.Service) -> None:
    """Now, and what is to come, is answered by the newest snapshot, from the same bytes as without a time."""
    own.tick()
    for path in ("/api/v1/pods?limit=3", "/api/v1/vitals?cluster=", "/api/v1/names/nodes?cluster="):
        plain = own.get(path)
        for at in (str(int((held(own).generated_at.timestamp() + 1) * 1000)), "2100-01-01T00:00:00Z"):
            same = own.get(f"{path}&at={at}")
            assert (same.content, same.headers["etag"]) == (plain.content, plain.headers["etag"])


# --- HTTP


def test_etag_and_304(own: web_service.Service) -> None:
    """An answer that the client has is 304 until the next snapshot; each coding has its own tag."""
    own.tick()
    plain = own.get("/api/v1/pods", accept_encoding="identity")
    zipped = own.get("/api/v1/pods", accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.content == plain.content
    assert plain.headers["etag"] != zipped.headers["etag"]
    assert "accept-encoding" in plain.headers["vary"]
    for tag in (plain.headers["etag"], f"W/{plain.headers['etag']}", f'"x", {zipped.headers["etag"]}', "*"):
        again = own.get("/api/v1/pods", if_none_match=tag)
        assert again.status_code == 304
        assert again.content == b""
    own.tick()
    assert own.get("/api/v1/pods", if_none_match=plain.headers["etag"]).status_code == 200


def test_gzip_only_where_wanted(service: web_service.Service) -> None:
    """A client that does not accept gzip gets none, nor does one that weighs it with nothing."""
    for accept in ("", "identity", "gzip;q=0", "br"):
        assert "content-encoding" not in service.get("/api/v1/pods", accept_encoding=accept).headers
    for accept in ("gzip", "br, gzip;q=0.5", "*"):
        assert service.get("/api/v1/pods", accept_encoding=accept).headers["content-encoding"] == "gzip"


def test_head_of_every_route(service: web_service.Service) -> None:
    """Every route answers HEAD as it answers GET, without a body; a stream ends at once."""
    for path in web_service.PATHS:
        head = service.ask("HEAD", path)
        assert head.status_code in (200, 503), path
        assert head.content == b""


def test_head_and_other_methods(service: web_service.Service) -> None:
    """HEAD gives the headers alone; other methods are 405 with what is allowed."""
    head = service.ask("HEAD", "/api/v1/pods", accept_encoding="identity")
    assert head.status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = service.ask(method, "/api/v1/pods")
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
        assert answer.json()["status"] == 405


def test_unknown_routes(service: web_service.Service) -> None:
    """What is not there is a problem document that shows the way."""
    answer = service.get("/api/v2/pods")
    assert answer.status_code == 404
    assert answer.json()["remedy"]


def test_security_headers(service: web_service.Service) -> None:
    """Every answer, a refusal too, has the headers that protect browsers; no other site may read them."""
    for path in ("/", "/api/v1/pods", "/nowhere", "/api/v1/pods?x=1", "/metrics"):
        headers = service.get(path, origin="https://elsewhere.example").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_cors_where_listed() -> None:
    """A web site that is listed may read, and no other."""
    chosen = settings.Settings(origins=("https://board.example",))
    with web_service.serve(chosen, simulation={"pods": 5}) as service:
        listed = service.get("/livez", origin="https://board.example")
        assert listed.headers["access-control-allow-origin"] == "https://board.example"
        assert "access-control-allow-origin" not in service.get("/livez", origin="https://x.example").headers


# --- while it fails


def test_503_before_the_first_snapshot() -> None:
    """Without a snapshot answers are 503 with reason and remedy; the page and the status still come."""
    with web_service.serve(simulation={"pods": 20}, faults=["unauthorized"]) as own:
        _ask_before_the_first_snapshot(own)


def _ask_before_the_first_snapshot(own: web_service.Service) -> None:
    answer = own.get("/api/v1/pods")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["code"] == "no_snapshot"
    assert answer.json()["remedy"]
    waiting.until(lambda: own.collector.inventory.problems)
    own.tick()
    assert own.collector.latest is None
    told = own.get("/api/v1/infra/nodes")
    assert told.status_code == 503
    assert told.json()["detail"]
    assert own.get("/").status_code == 200
    assert own.get("/api/v1/status").status_code == 200
    assert own.get("/metrics").status_code == 200
    assert own.get("/api/v1/names/clusters").json() == ["simulated"]


def test_the_problem_is_in_every_answer(own: web_service.Service) -> None:
    """While the source fails, the last rows are served with their age and the problem."""
    own.tick()
    before = own.get("/api/v1/pods").json()
    own.world.set_faults(["metrics-unavailable"])
    own.tick()
    for path in ("/api/v1/pods", "/api/v1/infra/pods", "/api/v1/infra/nodes", "/api/v1/namespaces"):
        answer = own.get(path)
        assert answer.status_code == 200
        assert answer.json()["problems"][0]["code"] == "metrics_unavailable"
        assert answer.json()["problems"][0]["remedy"]
        assert int(answer.headers["age"]) >= 0
    after = own.get("/api/v1/pods").json()
    assert after["items"] == before["items"]
    assert after["generated_at"] == before["generated_at"]
    items = own.get("/api/v1/problems").json()["items"]
    assert items[0]["code"] == "metrics_unavailable"
    status = own.get("/api/v1/status").json()["clusters"][0]
    assert status["failures"] == {"metrics_unavailable": 1}
    own.world.set_faults([])
    own.tick()
    assert own.get("/api/v1/pods").json()["problems"] == []


def test_requests_never_touch_the_cluster(own: web_service.Service) -> None:
    """With the cluster gone every route still answers."""
    own.tick()
    own.collector.stop()
    own.world.stop()
    for name in rowkinds.KINDS:
        assert own.get(f"/api/v1/{name}").status_code == 200
    assert own.get("/metrics").status_code == 200


def test_probes(own: web_service.Service) -> None:
    """Ready is having a snapshot, live is ticking; both say why they are not."""
    ready = own.get("/readyz")
    assert (ready.status_code, "no snapshot yet" in ready.text) == (503, True)
    assert own.get("/livez").status_code == 503
    own.collector.start()
    waiting.until(lambda: own.collector.latest is not None)
    for path in ("/readyz", "/livez", "/healthz"):
        answer = own.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")


def test_status(service: web_service.Service) -> None:
    """The status tells source, age, coverage, rights and version."""
    told = service.get("/api/v1/status").json()
    assert told["version"] == kubevitals.__version__
    one = told["clusters"][0]
    assert one["rights"] == dict.fromkeys(("nodes", "pods", "node_usage", "pod_usage"), "granted")
    assert one["source"] == "metrics-server"
    (best, *_) = one["sources"]
    assert (best["name"], best["answers"], best["problem"]) == ("metrics-server", True, None)
    assert best["since"]
    assert one["age_seconds"] >= 0
    assert one["coverage"]["nodes"]["total"] == len(held(service).nodes)


def test_rights_of_one_namespace() -> None:
    """Rights that are missing are told as such."""
    from tests import connected

    from kubevitals import collector
    from kubevitals.surfaces.web import servicestatus

    with (
        web_service.serve(simulation={"pods": 20}) as service,
        connected.connect(service.world, user="viewer-kube-system") as cluster,
    ):
        made = collector.Collector(cluster, namespace="kube-system")
        made.inventory.start()
        made.tick()
        told = json.loads(servicestatus.make_status({"one": made}))["clusters"][0]
        made.stop()
    assert told["namespace"] == "kube-system"
    assert told["rights"] == {
        "nodes": "forbidden", "pods": "granted", "node_usage": "forbidden", "pod_usage": "granted",
    }  # fmt: skip


def test_several_clusters() -> None:
    """Each cluster is chosen by its name, the first by none; metrics have them all."""
    from kubevitals import collector
    from kubevitals.surfaces.web import app

    with web_service.serve(simulation={"pods": 5}) as one, web_service.serve(simulation={"pods": 9}) as two:
        one.tick()
        two.tick()
        both = {"one": one.collector, "two": two.collector}
        one.app = app.create_app(both)
        assert one.get("/api/v1/names/clusters").json() == ["one", "two"]
        count = len(one.get("/api/v1/pods").json()["items"])
        assert count == len(one.get("/api/v1/pods?cluster=one").json()["items"])
        assert len(one.get("/api/v1/pods?cluster=two").json()["items"]) > count
        assert [each["cluster"] for each in one.get("/api/v1/status").json()["clusters"]] == ["one", "two"]
        assert isinstance(both["one"], collector.Collector)
        rows = one.get("/api/v1/vitals?cluster=*").json()["items"]
        assert [row["pods_live"] < rows[1]["pods_live"] for row in rows] == [True, False]
        assert rows[1] == one.get("/api/v1/vitals?cluster=two").json()["items"][0]


def test_a_cluster_that_has_no_snapshot() -> None:
    """Among all clusters one that was not read yet is a problem, and costs the others nothing."""
    from kubevitals.surfaces.web import app

    with web_service.serve(simulation={"pods": 5}) as one, web_service.serve(simulation={"pods": 9}) as two:
        one.tick()
        one.app = app.create_app({"one": one.collector, "two": two.collector})
        told = one.get("/api/v1/vitals?cluster=*").json()
        assert len(told["items"]) == 1
        assert [(each["code"], each["object"]) for each in told["problems"]] == [("no_snapshot", "two")]
        assert one.get("/api/v1/vitals?cluster=*&at=soon").status_code == 422


def test_requests_are_counted_by_route(own: web_service.Service) -> None:
    """Requests are counted by route and status, never by what somebody made up."""
    own.tick()
    own.get("/api/v1/pods")
    own.get("/api/v1/pods/a/b")
    own.get("/made/up")
    own.get("/api/v1/pods?x=1")
    text = own.get("/metrics").text
    assert 'kubevitals_http_requests_total{route="/api/v1/pods",code="200"} 1' in text
    assert 'route="/api/v1/pods/{namespace}/{name}",code="404"} 1' in text
    assert 'route="other",code="404"} 1' in text
    assert "/made/" not in text


def test_remembered_queries(service: web_service.Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query is validated once, whoever asks again gets an answer of their own, and few are remembered."""
    monkeypatch.setattr(routes, "_REMEMBERED", 3)
    route = next(each for each in service.app.routes if getattr(each, "path", "") == "/api/v1/pods")
    assert isinstance(route, routes.Route)
    route._known.clear()
    for limit in range(10):
        first, again = (service.get(f"/api/v1/pods?limit={limit}") for _ in range(2))
        assert first.json() == again.json()
        assert len(first.json()["items"]) == limit
        assert 1 <= len(route._known) <= 3
    count = len(route._known)
    assert service.get("/api/v1/pods?name=" + "x" * 1000).status_code == 200
    assert len(route._known) == count, "long ones are not remembered"
    etag = first.headers["etag"]
    assert service.get("/api/v1/pods?limit=9", if_none_match=etag).status_code == 304
    assert service.get("/api/v1/pods?limit=9", accept_encoding="identity").headers["etag"] != etag
    for _ in range(2):
        assert service.get("/api/v1/pods?limit=x").status_code == 422
        one = service.get("/api/v1/pods/nowhere/nothing")
        assert (one.status_code, one.json()["instance"]) == (404, "/api/v1/pods/nowhere/nothing")


def test_prebuilt_answers(own: web_service.Service) -> None:
    """What was asked for lately is ready when the next snapshot is shown."""
    own.tick()
    own.get("/api/v1/pods?limit=1", accept_encoding="gzip")
    own.tick()
    cache = own.app.state.caches["simulated"]
    given = parameters.list_model("pods")(limit=1)
    query = given.to_query("list", "pods")
    assert cache.current.ready(query, zipped=True) is not None
    for _ in range(6):
        own.tick()
    assert cache.current.ready(query, zipped=False) is None, "nobody has asked for it for long"


def test_rows_that_are_mixed_up_are_read_as_they_lie(
    service: web_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large cluster rows are made in one order and shown in another; the answer is the same."""
    from kubevitals.surfaces.web import rowencoder

    expected = service.get("/api/v1/infra/pods?sort=-memory_mi").json()["pods"]
    monkeypatch.setattr(rowencoder, "_MANY", 1)
    monkeypatch.setattr(rowencoder, "_PART", 7)
    found = service.get("/api/v1/infra/pods?sort=-memory_mi&limit=1000000").json()["pods"]
    assert found == expected
    assert len({row["pod"] for row in found}) > 20


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (["{a,b}"], {"a", "b"}),
        (["{a}"], {"a"}),
        (["{a,b}", "c"], {"a", "b", "c"}),
        (["a,b"], {"a", "b"}),
        (["$__all"], None),
        (["{$__all}"], None),
        (["a", "$__all"], None),
        (["{}"], None),
        (["{a"], {"{a"}),
    ],
)
def test_a_variable_of_grafana_selects_what_it_means(sent: list[str], meant: set[str] | None) -> None:
    """Several values come in braces, and all of them as a word of its own."""
    assert parameters.among(sent) == meant
