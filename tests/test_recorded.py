"""What the real API server and metrics-server answered, read by the client, the decoders and the tables.

The recordings are served again, over HTTP, to the whole pipeline.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.parse
from typing import Any, Self

import pytest
from tests import recordings

from kubevitals import cli, errors, model
from kubevitals import cluster as clusters
from kubevitals.kube import client as clients
from kubevitals.kube import clientconfig, codec, listwatch, resourceattributes, resources, statuserrors
from kubevitals.kube.http import authentication
from kubevitals.sources import metricslists

VERSIONS = recordings.versions()
NEWEST = recordings.load(VERSIONS[-1])
NAMESPACE = "recorded"
WEB = "storefront-d8c877879-aaaaa"
MEBIBYTE = 1 << 20
MEASURED = 1_767_323_045.0  # 2026-01-02T03:04:05Z, which all recorded times are
NOT_ASKED = {"limit", "timeoutSeconds"}


class Replay:
    """A server that answers as the recorded cluster in one `state`, and as the full one for the rest."""

    def __init__(self, recorded: dict[str, recordings.Recording], state: str = "full") -> None:
        answers: dict[tuple[str, str, bool], recordings.Recording] = {}
        for wanted in ("full", state):
            for name, each in recorded.items():
                if not name.startswith(("discovery/", "objects/", "metrics/")) and "s-metadata" not in name:
                    continue
                request = each.request.fill(each.names)
                plain = request._replace(method="GET", who="admin", state=wanted, headers={})
                if request == plain and "as=Table" not in request.accept:
                    answers[_key(request.path, request.query, request.accept)] = each
        self.answers = answers
        self.asked: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        replay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                replay.asked.append(self.path)
                path, _, query = self.path.partition("?")
                values = dict(urllib.parse.parse_qsl(query))
                found = replay.answers.get(_key(path, values, self.headers["Accept"]))
                content = found.content if found else b"404 page not found\n"
                self.send_response(found.status if found else 404)
                self.send_header("Content-Type", found.content_type if found else "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self) -> clients.Client:
        return clients.Client(
            clientconfig.ClientConfig(self.url, authentication.Credentials(), context="recorded")
        )

    def cluster(self) -> clusters.Cluster:
        """Connected, ten seconds after what is recorded was measured."""
        return clusters.Cluster(self.client(), clock=lambda: MEASURED + 10)


def _key(path: str, query: dict[str, str], accept: str = "") -> tuple[str, str, bool]:
    kept = {key: value for key, value in query.items() if key not in NOT_ASKED}
    return path, urllib.parse.urlencode(sorted(kept.items())), "PartialObjectMetadata" in accept


def read(version: str, state: str = "full") -> model.Snapshot:
    with Replay(recordings.load(version), state) as replay, replay.cluster() as cluster:
        return cluster.snapshot(namespace=NAMESPACE)


@pytest.fixture(scope="module", params=VERSIONS)
def snapshot(request: pytest.FixtureRequest) -> model.Snapshot:
    """The recorded cluster as the library sees it, for each version there are recordings of."""
    return read(request.param)


def test_recordings_are_small_and_hold_no_secret() -> None:
    """No key, certificate or token is in what is committed, and all of it is less than a megabyte."""
    texts = [path.read_text(encoding="utf-8") for path in recordings.ROOT.rglob("*.json")]
    assert sum(map(len, texts)) < 1_000_000
    for text in texts:
        assert re.search(r"-----BEGIN|eyJhbGci|LS0tLS1CRUdJTi", text) is None


def test_node_is_read(snapshot: model.Snapshot) -> None:
    """A recorded node has its usage, allocatable, conditions and roles."""
    (node,) = snapshot.nodes
    assert (node.name, node.ready, node.status, node.roles) == ("node-0", True, "Ready", ("worker",))
    assert node.cpu_usage_cores == pytest.approx(0.196012345)
    assert node.memory_usage_bytes == 424 * MEBIBYTE
    assert (node.cpu_allocatable_cores, node.memory_allocatable_bytes) == (8.0, 32 << 30)
    assert node.pods_allocatable == 250
    assert {each.type for each in node.conditions} >= {"Ready", "MemoryPressure", "DiskPressure"}


def test_pods_are_read(snapshot: model.Snapshot) -> None:
    """Each recorded pod has its workload, status and usage; what is not measured is unknown, never 0."""
    pods = {pod.name: pod for pod in snapshot.pods}
    assert {name: (pod.workload_kind, pod.workload_name, pod.status) for name, pod in pods.items()} == {
        "agent-aaaaa": ("DaemonSet", "agent", "Running"),
        "ledger-0": ("StatefulSet", "ledger", "Running"),
        "report-aaaaa": ("Job", "report", "Running"),
        WEB: ("Deployment", "storefront", "Running"),
        "unplaced": (None, None, "Pending"),
    }
    assert pods["ledger-0"].cpu_usage_cores == pytest.approx(0.120012345)
    assert pods["ledger-0"].memory_usage_bytes == 300 * MEBIBYTE
    assert pods["ledger-0"].memory_of_limit == pytest.approx(300 / 1024)
    assert pods["ledger-0"].qos == "Guaranteed"
    assert pods["unplaced"].cpu_usage_cores is None
    assert pods["unplaced"].reason == "Unschedulable"
    assert pods["agent-aaaaa"].cpu_request_cores is None


def test_requests_count_init_containers_and_sidecars(snapshot: model.Snapshot) -> None:
    """A recorded pod with both asks for what the scheduler counts: the greater of both phases."""
    pod = next(each for each in snapshot.pods if each.name == WEB)
    assert pod.cpu_request_cores == 0.5  # of the init container, which is more than 100m + 10m after it
    assert pod.memory_request_bytes == 80 * MEBIBYTE  # 64Mi + 16Mi of the sidecar
    usage = {each.name: each.memory_usage_bytes for each in pod.containers}
    assert usage == {"app": 61 * MEBIBYTE, "shipper": 61 * MEBIBYTE, "proxy": None}
    # Only a played kubelet leaves a running sidecar out: what the others use is not the pod's usage.
    assert (pod.memory_usage_bytes, pod.problem) == (None, "usage_incomplete")


def test_nothing_is_complained_about_a_sound_cluster(snapshot: model.Snapshot) -> None:
    """Every recorded quantity, time and list is understood."""
    assert snapshot.problems == ()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("absent", "metrics_not_installed", "not installed"),
        ("unavailable", "metrics_unavailable", "service unavailable"),
        ("killed", "metrics_unavailable", "connection refused"),
        ("empty", "metrics_empty", "nothing collected yet"),
    ],
)
def test_silent_metrics_api_is_named(version: str, state: str, code: str, words: str) -> None:
    """Each recorded way of metrics-server to have nothing is told apart, and no usage is shown as 0."""
    recorded = recordings.load(version)
    pods = recorded.get(f"metrics/{state}-pods", recorded[f"metrics/{state}-nodes"])
    path = (
        f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods"  # of which the same would have been said
    )
    here = pods._replace(request=pods.request._replace(path=path))
    with Replay({**recorded, "metrics/here": here}, state) as replay, replay.cluster() as cluster:
        taken = cluster.snapshot(namespace=NAMESPACE)
    (problem,) = [each for each in taken.problems if each.code == code]
    assert words in problem.message
    assert len(taken.pods) == 5
    assert all(pod.cpu_usage_cores is None and pod.memory_usage_bytes is None for pod in taken.pods)
    assert all(node.cpu_usage_cores is None for node in taken.nodes)


def refused() -> list[recordings.Recording]:
    return [each for each in NEWEST.values() if each.status >= 400]


@pytest.mark.parametrize("recording", refused(), ids=lambda each: each.name)
def test_refusal_becomes_the_error_of_its_kind(recording: recordings.Recording) -> None:
    """Each recorded error status becomes the error class of its code, with the server's words in it."""
    request = recording.request.fill(recording.names)
    error = statuserrors.from_status(
        recording.status,
        "",
        {"content-type": recording.content_type},
        recording.content,
        request=f"{request.method} {request.path}",
        attributes=resourceattributes.parse_request(
            request.method, request.path, list(request.query.items())
        ),
        who="token",
    )
    kinds: dict[int, type[errors.StatusError]] = {
        401: errors.UnauthorizedError,
        403: errors.ForbiddenError,
        404: errors.NotFoundError,
        410: errors.GoneError,
        503: errors.UnavailableError,
    }
    assert type(error) is kinds.get(recording.status, errors.StatusError)
    assert error.status == recording.status
    said = recording.body["message"] if recording.body else (recording.text or "")
    # what follows "token:" is never shown, whatever it is
    words = " ".join(said.replace("token: continue key", "token: [hidden] key").split())
    assert recording.status in {401, 403} or words[:60] in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    "recording", [each for each in refused() if each.status == 403], ids=lambda each: each.name
)
def test_refusal_of_rights_names_the_rule(recording: recordings.Recording) -> None:
    """Each recorded 403 leads to the RBAC rule that would allow the request: verb, resource and group."""
    request = recording.request.fill(recording.names)
    error = statuserrors.from_status(
        403, "Forbidden", {}, recording.content, request=f"{request.method} {request.path}"
    )
    assert isinstance(error, errors.ForbiddenError)
    assert error.rule is not None or "impersonate" in recording.name
    if error.rule is not None and "details" in recording.body and recording.body["details"]:
        assert recording.body["details"].get("group", "") in error.rule
        assert recording.body["details"]["kind"] in error.rule


def test_bad_selectors_are_said_in_the_servers_words() -> None:
    """A recorded 400 for a selector tells what is wrong with it."""
    recording = NEWEST["selectors/bad-label-open-bracket"]
    error = statuserrors.from_status(400, "Bad Request", {}, recording.content, request="GET /api/v1/pods")
    assert "expected: ',' or ')'" in error.message


def test_pages_go_on_and_expire() -> None:
    """A recorded page names where the next one begins, and an expired one is a GoneError."""
    first = NEWEST["paging/first"].body["metadata"]
    assert first["continue"]
    assert first["remainingItemCount"] == 3
    page = codec.PODS.decode_list(NEWEST["objects/pods"].content)
    assert not page.continue_
    expired = NEWEST["paging/continue-expired"]
    error = statuserrors.from_status(410, "Gone", {}, expired.content, request="GET /api/v1/pods")
    assert isinstance(error, errors.GoneError)


def lines(name: str) -> list[bytes]:
    return NEWEST[name].content.splitlines()


def test_recorded_watch_is_followed() -> None:
    """The lines of a recorded watch become its changes and its bookmark, each with its version."""
    events = [codec.PODS.open_decoder()(line) for line in lines("watch/changes")]
    changes = ["ADDED", "MODIFIED", "DELETED", "ADDED", "MODIFIED", "DELETED"]
    assert [event.type for event in events] == [*changes, "BOOKMARK"]
    versions = [int(event.resource_version) for event in events]
    assert versions == sorted(versions)


def test_recorded_bookmark_ends_the_list() -> None:
    """A recorded list that is sent as a watch ends with a bookmark that says so."""
    last = json.loads(lines("watch/bookmark")[-1])
    assert last["type"] == "BOOKMARK"
    assert last["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert codec.PODS.open_decoder()(lines("watch/bookmark")[-1]).type == "BOOKMARK"


def test_recorded_watch_of_the_past_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a recorded watch from a version that is forgotten the list is read again."""
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.01)
    pods = NEWEST["objects/pods"]
    version = codec.PODS.decode_list(pods.content).resource_version
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    with Replay({}) as replay, replay.client() as client:
        replay.answers[_key(path, {"limit": "1000"})] = pods
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        replay.answers[_key(path, query)] = NEWEST["watch/gone"]
        followed = listwatch.ListWatch(client, resources.PODS, codec.PODS, namespace=NAMESPACE)
        events = iter(followed)
        assert [next(events).type for _ in range(2)] == ["SYNC", "SYNC"]
        events.close()
        assert (followed.lists, followed.streams) == (2, 0 if NEWEST["watch/gone"].status == 410 else 1)


def test_metrics_lists_and_objects_are_read_alike() -> None:
    """The recorded usage of one pod is the same in every list that has it, and as an object of its own."""
    everywhere = [
        row
        for name in ("pods", "pods-of-namespace", "pod", "pods-by-label", "pods-by-name", "pods-by-namespace")
        for row in metricslists.decode_pods(NEWEST[f"metrics/{name}"].content, [])
        if row[1] == WEB
    ]
    assert len(everywhere) == 6
    assert all(sorted(row[4]) == sorted(everywhere[0][4]) for row in everywhere)


@pytest.mark.parametrize(
    "name", ["empty-nodes", "empty-pods", "pods-by-absent-label", "pods-of-no-namespace"]
)
def test_empty_metrics_lists_are_empty(name: str) -> None:
    """A recorded list without items has no rows and is no error."""
    decode: Any = metricslists.decode_nodes if "nodes" in name else metricslists.decode_pods
    assert list(decode(NEWEST[f"metrics/{name}"].content, [])) == []


@pytest.mark.parametrize("what", ["pods", "nodes", "containers", "workloads", "namespaces"])
def test_tables_of_the_recorded_cluster(
    what: str, tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kubevitals top` prints the recorded cluster with a row for each of its things."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with Replay(NEWEST) as replay:
        file = tmp_path / "config"
        context = {"cluster": "r", "user": "r", "namespace": NAMESPACE}
        document = {
            "clusters": [{"name": "r", "cluster": {"server": replay.url}}],
            "contexts": [{"name": "r", "context": context}],
            "users": [{"name": "r", "user": {}}],
            "current-context": "r",
        }
        file.write_text(json.dumps(document))
        assert cli.main(["top", what, "--kubeconfig", str(file)]) == 0
    shown = capsys.readouterr().out
    wanted = {"pods": WEB, "nodes": "node-0", "containers": "shipper", "workloads": "storefront"}
    assert wanted.get(what, NAMESPACE) in shown
