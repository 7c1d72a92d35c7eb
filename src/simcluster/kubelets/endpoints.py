"""The endpoints of the kubelets: authentication, authorization, faults, and the text of their metrics.

Texts are rendered once for each tick and kept as bytes.
"""

from __future__ import annotations

import re
import threading
import time

from simcluster.apiserver import api_errors, authorizer
from simcluster.http import messages
from simcluster.kubelets import cadvisor_metrics, listeners, prometheus_text, resource_metrics, stats_summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simcluster import fault_targets, faults, stats

    Render = Callable[[stats.NodeStats], bytes]

_JSON = "application/json"
_PLAIN = "text/plain; charset=utf-8"
_SUBRESOURCES = (
    ("/stats", "stats"),
    ("/metrics", "metrics"),
    ("/logs", "log"),
    ("/checkpoint", "checkpoint"),
)
_FINE = {"/healthz": "healthz", "/configz": "configz", "/pods": "pods", "/runningPods": "pods"}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_GARBAGE = b"\x00\xff\xfe<html>\x1b[31mcontainer_cpu_usage_seconds_total{{{ NaN,\r\nnode_\n" * 20
_SAMPLE = re.compile(rb"^([a-z][^\n]*?) ([0-9.e+-]+)( \d+)?$", re.MULTILINE)
_HANG_SECONDS = 120.0
_FAILED = "Internal Error: failed to list pod stats: failed to list all container stats"
_METRICS = {"/metrics/resource": "resource", "/metrics/cadvisor": "cadvisor"}
_RENDER: dict[str, Callable[[stats.NodeStats, bool], bytes]] = {
    "resource": lambda node, counting: resource_metrics.render(node, counting=counting),
    "cadvisor": lambda node, counting: cadvisor_metrics.render(node, counting=counting),
    "summary": lambda node, counting: stats_summary.render(node, whole=True, counting=counting),
    "short": lambda node, counting: stats_summary.render(node, whole=False, counting=counting),
}


class Kubelets:
    """All kubelets of a cluster. Threads may share it.

    `measured(name, render)` renders the stats of a node's kubelet, or gives None while the kubelet
    is down. `tick` gives a number that changes with the stats.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        measured: Callable[[str, Render], bytes | None],
        tick: Callable[[], int],
        fault_set: faults.FaultSet,
        registry: authorizer.Registry,
    ) -> None:
        self._names = frozenset(names)
        self._measured = measured
        self._tick = tick
        self._faults = fault_set
        self._registry = registry
        self._stopped = threading.Event()
        self._chosen: dict[str, tuple[fault_targets.Targets, frozenset[str]]] = {}
        self._kept: dict[tuple[str, str], tuple[int, messages.Body]] = {}

    def stop(self) -> None:
        """End the requests that hang."""
        self._stopped.set()

    def hits(self, fault: str, name: str) -> bool:
        """Whether a fault hits this node's kubelet."""
        wanted: fault_targets.Targets | None = self._faults.value(fault)
        if wanted is None:
            return False
        known = self._chosen.get(fault)
        if known is None or known[0] is not wanted:
            known = self._chosen[fault] = (wanted, wanted.choose(self._names, salt=fault))
        return name in known[1]

    def port(self, name: str, ports: listeners.Listeners) -> int:
        """The port where the node's kubelet is reached."""
        if self.hits("kubelet-refused", name):
            return ports.dead
        return ports.foreign if self.hits("kubelet-self-signed", name) else ports.usual

    def answer(self, request: messages.Request, user: authorizer.User | None) -> messages.Response:
        """The response to a request at the kubelets' own port. `user` is the user of a client certificate."""
        name, _, rest = request.path.removeprefix(listeners.PREFIX).partition("/")
        if not request.path.startswith(listeners.PREFIX) or name not in self._names:
            return _text(404, "404 page not found\n")
        if self.silent(name):
            return _broken()
        path = f"/{rest}"
        early = self._strike(name, request)
        if early is not None:
            return early
        user = self._authenticate(request, user)
        if user is None:
            return _text(401, "Unauthorized")
        verb = _VERBS.get(request.method, "")
        wanted = _subresources(path)
        for subresource in wanted:
            what = authorizer.Attributes(
                verb, version="v1", resource="nodes", subresource=subresource, name=name
            )
            if user.allows(what):
                return self._show(name, path, request)
        return _forbidden(user.name, verb, wanted)

    def relay(self, name: str, path: str, request: messages.Request) -> messages.Response:
        """The response to the API server's node proxy, which may do everything and checks no certificate."""
        path = path.removeprefix(f"{listeners.PREFIX}{name}")  # where its Node says that it is
        return self._strike(name, request) or self._show(name, path, request)

    def silent(self, name: str) -> bool:
        """Whether the node's kubelet is down."""
        return self.hits("kubelet-refused", name) or self._measured(name, lambda _: b"") is None

    def _strike(self, name: str, request: messages.Request) -> messages.Response | None:
        if self.hits("kubelet-hangs", name):
            deadline = time.monotonic() + _HANG_SECONDS
            while not (self._stopped.wait(0.2) or request.gone() or time.monotonic() > deadline):
                pass
            return _broken()
        if self.hits("kubelet-slow", name):
            delay: fault_targets.Targets = self._faults.value("kubelet-slow")
            self._stopped.wait(delay.seconds)
        if self.hits("kubelet-unauthorized", name):
            return _text(401, "Unauthorized")
        if self.hits("kubelet-forbidden", name):
            return _forbidden("system:anonymous", _VERBS.get(request.method, ""), _subresources(request.path))
        return None

    def _authenticate(
        self, request: messages.Request, user: authorizer.User | None
    ) -> authorizer.User | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return self._registry.by_token(token.strip()) if scheme.lower() == "bearer" else None
        return user

    # --- what it says

    def _show(self, name: str, path: str, request: messages.Request) -> messages.Response:
        if request.method not in {"GET", "HEAD"}:
            return _text(405, "405: Method Not Allowed")
        path = path.rstrip("/")
        if path == "/healthz":
            return _text(200, "ok")
        if path == "/stats/summary":
            what = "summary" if request.query.get("only_cpu_and_memory") != "true" else "short"
            if self.hits("kubelet-scrape-error", name):
                return _text(500, _FAILED)
        elif path in _METRICS:
            what = _METRICS[path]
        else:
            return _text(404, "404 page not found\n")
        body = self._body(name, what)
        if body is None:
            return _broken()
        response = messages.Response(
            200, body, content_type=prometheus_text.CONTENT_TYPE if path in _METRICS else _JSON
        )
        if path in _METRICS:
            response.gzip_from = 0  # Go's handler for metrics compresses whatever its length
        response.cut = self.hits("kubelet-cut-off", name)
        return response

    def _body(self, name: str, what: str) -> messages.Body | None:
        """One of _METRICS, the "summary", or its "short" form; None if the kubelet is down."""
        if self.hits("kubelet-empty", name):
            return messages.Body((b"",))
        if self.hits("kubelet-garbage", name):
            return messages.Body((_GARBAGE,))
        if self.hits("kubelet-scrape-error", name):
            return messages.Body(
                (resource_metrics.FAILED if what == "resource" else cadvisor_metrics.FAILED,)
            )
        counting = not self.hits("kubelet-zero-counters", name)
        doubled = self.hits("kubelet-duplicates", name)
        untimed = self.hits("kubelet-no-timestamps", name)
        spoiled = doubled or untimed or not counting
        tick = self._tick()
        kept = self._kept.get((name, what))
        if kept is not None and kept[0] == tick and not spoiled:
            return kept[1]
        data = self._measured(name, lambda node: _RENDER[what](node, counting))
        if data is None:
            return None
        if doubled and data[:1] == b"#":
            data = _SAMPLE.sub(rb"\1 \2\3\n\1 1\3", data)
        if untimed and data[:1] == b"#":
            data = _SAMPLE.sub(rb"\1 \2", data)
        body = messages.Body((data,))
        if not spoiled:
            self._kept[name, what] = (tick, body)
        return body


def _subresources(path: str) -> list[str]:
    """The subresources of the node that a path needs a right on; a right on one of them is enough."""
    fine = [name for start, name in _FINE.items() if path == start or path.startswith(f"{start}/")]
    for start, name in _SUBRESOURCES:
        if path == start or path.startswith(f"{start}/"):
            return [*fine, name]
    return [*fine, "proxy"]


def _forbidden(user: str, verb: str, subresources: list[str]) -> messages.Response:
    listed = " ".join(subresources)
    return _text(403, f"Forbidden (user={user}, verb={verb}, resource=nodes, subresource(s)=[{listed}])\n")


def _text(code: int, words: str) -> messages.Response:
    return messages.Response(code, words.encode(), content_type=_PLAIN)


def _broken() -> messages.Response:
    response = messages.Response(500)
    response.reset = True
    return response


def unreachable(address: str) -> api_errors.StatusError:
    """503 as the API server words it when nobody answers at a node's address and port."""
    message = f"error trying to reach service: dial tcp {address}: connect: connection refused"
    return api_errors.StatusError(503, "ServiceUnavailable", message)
