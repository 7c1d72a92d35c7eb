"""Store what the real API server answers, for the fast tests: `python -m tests.e2e.record`.

Starts a control plane with controllers, takes metrics-server through its life, asks everything in
questions.py in the state it belongs to, scrubs the answers and writes them below tests/fixtures/recorded,
in a folder named after the server's version. A minute; needs the tools of `make e2e-tools`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import shutil
import ssl
import sys
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from tests import recordings, waiting
from tests.e2e import apiclient, controlplane, metricsserver, questions, schemas, scrub

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "recorded"
PODS = 5  # of the manifests; one of them is never placed, and so never measured
NAMES = {
    "namespace": NAMESPACE,
    "node": "node-0",
    "deployment": "storefront",
    "label": "app=storefront",
    "nobody": "nobody-at-all",
    "viewer": "viewer-of-recorded",
}


def main() -> int:
    """Record everything."""
    started = time.monotonic()
    with controlplane.ControlPlane(controllers=True) as cluster:
        recorder = Recorder(cluster)
        recorder.record_all()
        version = cluster.api.get("/version")
        folder = recordings.ROOT / f"v{version['major']}.{version['minor']}"
        kept = recorder.scrubbed()
        shutil.rmtree(folder, ignore_errors=True)
        for recording in kept:
            recordings.write(recording, folder)
        schemas.write(cluster.api, folder / recordings.SCHEMA)
    size = sum(path.stat().st_size for path in folder.rglob("*.json"))
    print(f"{len(recorder.raw)} answers, {size / 1000:.0f} kB, {time.monotonic() - started:.0f} s: {folder}")
    return 0


class Recorder:
    """One run: a cluster with something in it, and what it answered, as it came."""

    def __init__(self, cluster: controlplane.ControlPlane) -> None:
        self._cluster = cluster
        self._tls = ssl.create_default_context(cafile=str(cluster.authority_file))
        self._certificates: dict[str, ssl.SSLContext] = {}
        self._tokens: dict[str, str] = {"stranger": "no-such-token"}
        self._names = dict(NAMES)
        self.raw: list[recordings.Recording] = []

    def record_all(self) -> None:
        """Ask everything, state by state."""
        metrics = self._cluster.metrics_server
        self._furnish()
        self._record("absent")
        metrics.install(run=False)
        self._wait(lambda: self._status(metricsserver.API + "/nodes") == 503)
        self._wait(self._is_given_up)
        self._record("unavailable")
        metrics.start()
        assert metrics.wait_until_empty_or_full() == (0, 0), "metrics-server was never empty"
        self._record("empty")
        metrics.wait_until_full(nodes=1, pods=PODS - 1)
        self._wait(self._is_scaled)
        self._record("full")
        self._record_changes()
        self._cluster.compact_history()
        self._cluster.restart_api_server()  # which keeps some history of its own
        metrics.wait_until_full(nodes=1, pods=PODS - 1)
        self._record("compacted")
        metrics.kill()
        self._record("killed")

    # what is asked about

    def _furnish(self) -> None:
        cluster = self._cluster
        self._certificates["admin"] = self._identify(cluster.directory / "admin")
        cluster.add_nodes(1)
        self._wait(lambda: "taints" not in cluster.api.get("/api/v1/nodes/node-0")["spec"])
        cluster.add_namespace(NAMESPACE)
        manifests = (metricsserver.MANIFESTS / "recorded.yaml").read_text(encoding="utf-8")
        things = apiclient.parse_manifests(manifests)
        quota = next(thing for thing in things if thing["kind"] == "ResourceQuota")
        cluster.api.apply(*(thing for thing in things if thing is not quota))
        for who in ("viewer", "nobody"):
            cluster.accounts.create_user(NAMES[who])
            self._certificates[who] = self._identify(cluster.directory / f"user-{NAMES[who]}")
        rules = [
            {"apiGroups": ["", "metrics.k8s.io"], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
        ]
        cluster.accounts.grant("view-recorded", rules=rules, to=(NAMES["viewer"],), namespace=NAMESPACE)
        self._names["token"] = cluster.accounts.create_service_account("robot", namespace=NAMESPACE)
        self._wait(lambda: len(self._pods("Running")) == PODS - 1 and bool(self._pods("Pending")))
        cluster.api.apply(quota)  # now it counts all pods at once
        self._wait(self._is_counted)
        self._names["pod"] = next(name for name in self._pods("Running") if name.startswith("storefront"))

    def _identify(self, pair: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._cluster.authority_file))
        context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
        return context

    def _pods(self, phase: str) -> list[str]:
        items = self._cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return sorted(item["metadata"]["name"] for item in items if item["status"].get("phase") == phase)

    def _is_given_up(self) -> bool:
        conditions = self._registration()["status"].get("conditions", ())
        return any(each["type"] == "Available" and each["status"] == "False" for each in conditions)

    def _registration(self) -> apiclient.Object:
        path = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
        registration: apiclient.Object = self._cluster.api.get(path)
        return registration

    def _is_counted(self) -> bool:
        quota = self._cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/resourcequotas/quota")
        return bool(quota["status"].get("used", {}).get("pods") == str(PODS))

    def _is_scaled(self) -> bool:
        path = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/ledger"
        return "currentMetrics" in self._cluster.api.get(path)["status"]

    def _status(self, path: str) -> int:
        return self._cluster.api.raw("GET", path)[0]

    @staticmethod
    def _wait(done: Callable[[], bool]) -> None:
        waiting.until(done, what="a cluster whose answers can be recorded", seconds=60, pause=0.1)

    # asking

    def _record(self, state: str) -> None:
        for name, request in questions.REQUESTS.items():
            if request.state == state:
                recording = self._ask(name, request)
                self.raw.append(recording)
                if name == "paging/first":
                    self._remember_tokens(recording.body["metadata"]["continue"])

    def _remember_tokens(self, token: str) -> None:
        """Tokens of the same place in a list that is long gone, and of one that is to go on at any price."""
        content = scrub.decode_token(token)
        self._names["continue"] = token
        self._names["expired"] = scrub.encode_token(content, version=2)
        self._names["inconsistent"] = scrub.encode_token(content, version=-1)

    def _ask(self, name: str, request: recordings.Request) -> recordings.Recording:
        filled = request.fill(self._names)
        status, content_type, content = self._send(filled)
        asked = json.dumps(request._asdict())
        names = {key: value for key, value in self._names.items() if f"{{{key}}}" in asked}
        if request.who in self._names:
            names[request.who] = self._names[request.who]
        answer = recordings.Recording(name, request, names, status, content_type)
        if request.query.get("watch") and status == 200:
            return answer._replace(events=[json.loads(line) for line in content.splitlines()])
        if content_type.startswith("application/json"):
            return answer._replace(body=json.loads(content))
        return answer._replace(text=content.decode())

    def _send(self, request: recordings.Request) -> tuple[int, str, bytes]:
        context = self._certificates.get(request.who, self._tls)
        headers = {"Accept": request.accept, **(request.headers or {})}
        if request.who in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[request.who]}"
        body = None
        if request.method != "GET":
            headers["Content-Type"] = "application/json"
            body = json.dumps(request.body)
        connection = http.client.HTTPSConnection("127.0.0.1", self._cluster.port, context=context, timeout=60)
        target = urllib.parse.quote(request.path)
        if request.query:
            target += "?" + urllib.parse.urlencode(request.query)
        with contextlib.closing(connection):
            connection.request(request.method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", ""), response.read()

    def _record_changes(self) -> None:
        """A watch: a pod comes into the selection, changes, leaves it, comes back and is deleted."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        version = self._cluster.api.get(path)["metadata"]["resourceVersion"]
        query = {"watch": "1", "timeoutSeconds": "3", "labelSelector": "app=chosen"}
        query |= {"resourceVersion": version, "allowWatchBookmarks": "true"}
        changes = threading.Timer(0.5, self._change, args=(f"{path}/unplaced",))
        changes.start()
        request = recordings.Request(questions.PODS, query, state="changing")
        recording = self._ask("watch/changes", request)
        changes.join()
        events = [event for event in recording.events or () if event["type"] != "BOOKMARK"]
        events += [event for event in recording.events or () if event["type"] == "BOOKMARK"][:1]
        request = request._replace(query={**query, "resourceVersion": str(scrub.VERSION)})
        self.raw.append(recording._replace(request=request, events=events))

    def _change(self, path: str) -> None:
        api = self._cluster.api
        for labels in ({"app": "chosen"}, {"extra": "x"}, {"app": "unplaced"}, {"app": "chosen"}):
            api.json("PATCH", path, {"metadata": {"labels": labels}}, content_type=apiclient.MERGE)
        api.json("DELETE", f"{path}?gracePeriodSeconds=0")

    # scrubbing

    def scrubbed(self) -> list[recordings.Recording]:
        """The recordings as they may be kept."""
        scrubber = scrub.Scrubber(self._accidental_words())
        return [self._scrub(scrubber, recording) for recording in self.raw]

    def _scrub(self, scrubber: scrub.Scrubber, recording: recordings.Recording) -> recordings.Recording:
        names = {key: scrubber.text(value) for key, value in recording.names.items()}
        names |= dict.fromkeys(names.keys() & {"continue", "expired", "inconsistent"}, "(a continue token)")
        return recording._replace(
            names=names,
            body=None if recording.body is None else scrubber.document(recording.body),
            events=None if recording.events is None else scrubber.events(recording.events),
            text=None if recording.text is None else scrubber.text(recording.text),
        )

    def _accidental_words(self) -> dict[str, str]:
        """Secrets, and the random ends of names, each with what is written in its place."""
        words = {
            self._names["token"]: "(a token)",
            base64.b64encode(self._cluster.authority.pem).decode(): "KGE=",
        }
        ends: dict[str, int] = {}
        generated = sorted(
            (metadata["generateName"], metadata["name"])
            for recording in self.raw
            for metadata in _metadata(recording.body)
            if re.fullmatch(
                re.escape(metadata.get("generateName", " ")) + "[a-z0-9]{5}", metadata.get("name", "")
            )
        )
        for start, name in dict.fromkeys(generated):
            ends[start] = ends.get(start, -1) + 1
            words[name] = f"{start}aaaa{'abcdefghij'[ends[start]]}"
        return words


def _metadata(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for part in value for found in _metadata(part)]
    if not isinstance(value, dict):
        return []
    own = [value["metadata"]] if isinstance(value.get("metadata"), dict) else []
    return own + [found for key, part in value.items() if key != "metadata" for found in _metadata(part)]


if __name__ == "__main__":
    sys.exit(main())
