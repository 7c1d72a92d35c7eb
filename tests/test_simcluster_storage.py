"""Reading from the simulated API server: one object, lists, pages, and the forms they come in."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests import simulated, small_world

from simcluster import apiobjects, simulation
from simcluster.apiserver import storage, watch_cache
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    """A cluster that nobody changes."""
    with simulation.SimulatedCluster(world=small_world.SmallWorld(pods=23), tls=False) as running:
        yield running


def names(answer: simulated.Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["metadata"]["name"] for item in answer.json()["items"]]


def pages(
    served: simulation.SimulatedCluster, path: str, **query: str
) -> tuple[list[str], list[dict[str, Any]]]:
    found: list[str] = []
    metadata: list[dict[str, Any]] = []
    token = ""
    while True:
        more = {"continue": token} if token else {}
        answer = simulated.ask(served, f"{path}?{simulated.quote(**query, **more)}")
        found += names(answer)
        metadata.append(answer.json()["metadata"])
        token = metadata[-1].get("continue", "")
        if not token:
            return found, metadata


@pytest.mark.parametrize("limit", ["1", "5", "22", "23", "24"])
@pytest.mark.parametrize(
    "query", [{}, {"labelSelector": "app=web"}, {"fieldSelector": "spec.nodeName!=node-1"}]
)
def test_pages_make_the_list(served: simulation.SimulatedCluster, limit: str, query: dict[str, str]) -> None:
    """The pages of any size put together are the list, in its order, and of one version."""
    whole = names(simulated.ask(served, f"/api/v1/pods?{simulated.quote(**query)}"))
    found, metadata = pages(served, "/api/v1/pods", limit=limit, **query)
    assert found == whole
    assert len({each["resourceVersion"] for each in metadata}) == 1
    remaining = [each.get("remainingItemCount") for each in metadata]
    if query:
        assert remaining == [None] * len(metadata)
    else:
        assert remaining[-1] is None
        assert all(left is not None for left in remaining[:-1])


def test_list_shape(served: simulation.SimulatedCluster) -> None:
    """A list has its kind, a version, and items without kind, in the order of namespace and name."""
    body = simulated.ask(served, "/api/v1/pods").json()
    assert (body["kind"], body["apiVersion"]) == ("PodList", "v1")
    assert int(body["metadata"]["resourceVersion"]) >= 1000
    keys = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in body["items"]]
    assert keys == sorted(keys)
    assert not any("kind" in item for item in body["items"])


def test_namespace(served: simulation.SimulatedCluster) -> None:
    """A list within a namespace has its objects alone; an unknown namespace has none."""
    body = simulated.ask(served, "/api/v1/namespaces/shop/pods").json()
    assert {item["metadata"]["namespace"] for item in body["items"]} == {"shop"}
    assert names(simulated.ask(served, "/api/v1/namespaces/none/pods")) == []


def test_version_zero_is_not_paged(served: simulation.SimulatedCluster) -> None:
    """With resourceVersion=0 the limit is ignored, as in the real server."""
    assert len(names(simulated.ask(served, "/api/v1/pods?resourceVersion=0&limit=2"))) == 23


def test_get(served: simulation.SimulatedCluster) -> None:
    """One object is complete, with kind and apiVersion."""
    pod = simulated.ask(served, "/api/v1/namespaces/default/pods/pod-001").json()
    assert (pod["kind"], pod["apiVersion"], pod["metadata"]["name"]) == ("Pod", "v1", "pod-001")


def test_not_found(served: simulation.SimulatedCluster) -> None:
    """A name that is not there is a 404 Status with its details."""
    answer = simulated.ask(served, "/api/v1/namespaces/default/pods/nope")
    assert answer.status == 404
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "kind": "pods"},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/v1/foos", 404, "the server could not find the requested resource"),
        ("/api/v1/namespaces/default/nodes", 404, "the server could not find the requested resource"),
        ("/api/v1/pods/pod-001", 404, "the server could not find the requested resource"),
        (
            "/api/v1/namespaces/default/pods/pod-001/nothing",
            404,
            "the server could not find the requested resource",
        ),
        ("/api/v1/pods?labelSelector=a+in", 400, "unable to parse requirement: found '', expected: '('"),
        ("/api/v1/pods?fieldSelector=foo%3D1", 400, "field label not supported: foo"),
        ("/api/v1/pods?limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("/api/v1/pods?continue=%25%25", 400, "invalid continue token: continue key is not valid: illegal"),
        ("/api/v1/pods?continue=bm8", 400, "invalid continue token: continue key is not valid: invalid char"),
        (
            "/api/v1/pods?resourceVersion=x",
            400,
            'invalid resource version: resourceVersion: Invalid value: "x"',
        ),
        ("/api/v1/pods?resourceVersion=999999", 504, "Timeout: Too large resource version: 999999, current:"),
    ],
)
def test_refusals(served: simulation.SimulatedCluster, path: str, status: int, message: str) -> None:
    """What cannot be answered is refused with a Status that says why."""
    answer = simulated.ask(served, path)
    assert answer.status == status
    assert answer.json()["message"].startswith(message)
    assert answer.json()["code"] == status


@pytest.mark.parametrize(
    "path", ["/nothing", "/apis/unknown.example.com/v1/things", "/apis/apps/v9/deployments"]
)
def test_unknown_roots(served: simulation.SimulatedCluster, path: str) -> None:
    """Paths of no known group are 404 in plain text, as the real server's last resort answers them."""
    answer = simulated.ask(served, path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/default/pods"),
        ("DELETE", "/api/v1/nodes/node-1"),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
    ],
)
def test_wrong_method(served: simulation.SimulatedCluster, method: str, path: str) -> None:
    """Verbs that a resource has not are 405."""
    answer = simulated.ask(served, path, method=method)
    assert (answer.status, answer.json()["reason"]) == (405, "MethodNotAllowed")


def test_not_acceptable(served: simulation.SimulatedCluster) -> None:
    """An Accept header that cannot be met is 406, and one with a fallback takes the fallback."""
    answer = simulated.ask(served, "/api/v1/pods", headers={"Accept": "application/yaml"})
    assert (answer.status, answer.json()["reason"]) == (406, "NotAcceptable")
    fallback = "application/vnd.kubernetes.protobuf,application/json"
    assert (
        simulated.ask(served, "/api/v1/pods", headers={"Accept": fallback}).headers["content-type"]
        == "application/json"
    )


def test_table(served: simulation.SimulatedCluster) -> None:
    """The Table form has columns, cells, and the metadata of each object or what includeObject asks for."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    table = simulated.ask(served, "/api/v1/namespaces/shop/pods?limit=2", headers=accept).json()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]][:5] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    assert table["rows"][0]["cells"][:4] == ["pod-000", "1/1", "Running", "0"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert table["metadata"]["continue"]
    whole = simulated.ask(
        served, "/api/v1/namespaces/shop/pods/pod-000?includeObject=Object", headers=accept
    ).json()
    assert whole["rows"][0]["object"]["spec"]["nodeName"]
    bare = simulated.ask(served, "/api/v1/nodes?includeObject=None", headers=accept).json()
    assert bare["rows"][0]["object"] is None


def test_partial_metadata(served: simulation.SimulatedCluster) -> None:
    """PartialObjectMetadataList has the metadata of each object and nothing else."""
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    body = simulated.ask(served, "/api/v1/nodes", headers=accept).json()
    assert body["kind"] == "PartialObjectMetadataList"
    assert [set(item) for item in body["items"]] == [{"kind", "apiVersion", "metadata"}] * 2


def test_gzip() -> None:
    """Only large bodies are compressed, only for those who ask, and are the same bytes."""
    with simulation.SimulatedCluster(world=small_world.SmallWorld(pods=600), tls=False) as served:
        plain = simulated.ask(served, "/api/v1/pods")
        packed = simulated.ask(served, "/api/v1/pods", headers={"Accept-Encoding": "gzip"})
        small = simulated.ask(served, "/api/v1/nodes", headers={"Accept-Encoding": "gzip"})
    assert len(plain.body) > messages.GZIP_FROM
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in small.headers


def test_pages_stay_consistent_while_objects_change() -> None:
    """A list that is being paged shows the state in which it began, whatever happens meanwhile."""
    world = small_world.SmallWorld(pods=10)
    now = small_world.START
    with simulation.SimulatedCluster(world=world, tls=False, clock=lambda: now) as served:
        before = names(simulated.ask(served, "/api/v1/pods"))
        first = simulated.ask(served, "/api/v1/pods?limit=4").json()
        world.pending = [
            apiobjects.Change("DELETED", world.pods[-1]),
            apiobjects.Change("ADDED", small_world.pod("aaa")),
        ]
        now += 15
        after = names(simulated.ask(served, "/api/v1/pods"))
        token = first["metadata"]["continue"]
        rest = simulated.ask(served, f"/api/v1/pods?{simulated.quote(limit='100', **{'continue': token})}")
        version = first["metadata"]["resourceVersion"]
        exact = simulated.ask(served, f"/api/v1/pods?resourceVersion={version}&resourceVersionMatch=Exact")
        assert [item["metadata"]["name"] for item in first["items"]] + names(rest) == before
        assert names(exact) == before
        assert sorted(after) == sorted({*before, "aaa"} - {world.pods[-1].name})


def test_expired_continue() -> None:
    """An expired token is 410 with a token that continues inconsistently, and an expired exact version is 410
    too.
    """
    world = small_world.SmallWorld(pods=10)
    now = small_world.START
    with simulation.SimulatedCluster(world=world, tls=False, clock=lambda: now) as served:
        first = simulated.ask(served, "/api/v1/pods?limit=4").json()
        world.pending = [apiobjects.Change("DELETED", world.pods[-1])]
        now += 15
        simulated.ask(served, "/api/v1/pods")
        served.forget()
        query = simulated.quote(limit="100", **{"continue": first["metadata"]["continue"]})
        expired = simulated.ask(served, f"/api/v1/pods?{query}")
        assert (expired.status, expired.json()["reason"]) == (410, "Expired")
        assert expired.json()["message"].startswith("The provided continue parameter is too old")
        token = expired.json()["metadata"]["continue"]
        rest = simulated.ask(served, f"/api/v1/pods?{simulated.quote(**{'continue': token})}")
        assert len(names(rest)) in {5, 6}
        version = first["metadata"]["resourceVersion"]
        exact = simulated.ask(served, f"/api/v1/pods?resourceVersion={version}&resourceVersionMatch=Exact")
        assert (exact.status, exact.json()["reason"]) == (410, "Expired")


def test_bodies_are_kept_until_something_changes() -> None:
    """The body of an unpaged list is the same object until one of its resources changes."""
    objects = watch_cache.WatchCache([small_world.pod("a"), small_world.node("n")])
    reader = storage.Storage(objects)
    pods = apiobjects.RESOURCES["pods"]

    def body() -> messages.Body:
        return reader.list_body(
            storage.ListOptions(pods, "", messages.Request("GET", "/api/v1/pods", headers={}))
        )

    first = body()
    objects.apply([apiobjects.Change("MODIFIED", small_world.node("n"))])
    assert body() is first
    objects.apply([apiobjects.Change("MODIFIED", small_world.pod("a", node="other"))])
    assert body() is not first
    assert json.loads(b"".join(body().parts))["items"][0]["spec"]["nodeName"] == "other"


def test_log(served: simulation.SimulatedCluster) -> None:
    """A pod has a few lines of log; an unknown container has none and is named."""
    answer = simulated.ask(served, "/api/v1/namespaces/default/pods/pod-001/log?tailLines=2")
    assert len(answer.body.splitlines()) == 2
    wrong = simulated.ask(served, "/api/v1/namespaces/default/pods/pod-001/log?container=x")
    assert (wrong.status, wrong.json()["message"]) == (400, "container x is not valid for pod pod-001")
