"""A simulated cluster that one can start, point clients at, and stop: world, store, API and server together.

It lives in threads of this process and listens on 127.0.0.1 only.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from typing import TYPE_CHECKING, Protocol

from kubevitals.simulation import records
from kubevitals.simulation.apiserver import (
    access,
    alterations,
    api,
    certificates,
    faults,
    metrics,
    server,
    store,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from kubevitals.simulation.apiserver import http

TICK = 15.0
"""Seconds of simulated time between two steps of the world's life."""

CONTEXT = "simulated"
_HOSTS = ("localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class World(metrics.UsageWorld, Protocol):
    """What is simulated: objects, their life, their usage."""

    def items(self) -> Iterable[records.Item]:
        """Everything at the start."""

    def advance(self, now: float) -> list[records.Change]:
        """What happened since the last call."""


class SimulatedCluster:
    """A context manager; `url`, `ca` and `token` (an administrator's) are there after start().

    `nodes`, `pods` and `seed` make the world, or `world` is given ready. `port` 0 takes any that is free.
    `faults` are names from `kubevitals.simulation.apiserver.faults.FAULTS`, some with a value (`slow=2s`).
    `metrics_versions` are the versions of metrics.k8s.io that are registered. `clock` gives epoch seconds,
    and simulated time runs `speed` times as fast from the moment of creation on; at 0 it stands still.
    """

    def __init__(
        self,
        *,
        nodes: int | None = None,
        pods: int | None = None,
        seed: int = 1,
        port: int = 0,
        tls: bool = True,
        faults: Sequence[str] = (),
        metrics_versions: Sequence[str] = ("v1beta1",),
        clock: Callable[[], float] = time.time,
        speed: float = 1.0,
        world: World | None = None,
        bookmark_seconds: float = 60.0,
        keep_seconds: float = 300.0,
    ) -> None:
        self._clock = clock
        self._speed = speed
        self._start = clock()
        self._tls = tls
        self._metrics_versions = tuple(metrics_versions)
        self._fault_set = _parse(faults)
        self._life_lock = threading.Lock()
        self._tick = 0
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None
        self._hidden: list[records.Item] = []
        self._world = world if world is not None else _build_world(nodes, pods, seed, self._start)
        items = [item for item in self._world.items() if self._registered(item)]
        self._store = store.Store(items, keep_seconds=keep_seconds)
        namespaces = [item.name for item in items if item.resource.key == "namespaces"]
        self._registry = access.Registry(secrets.token_bytes(32), namespaces)
        self._usage = metrics.MetricsApi(
            self._world, clock=self.now, start=self._start, faults=self._fault_set
        )
        self._api = api.Api(
            objects=self._store,
            usage=self._usage,
            registry=self._registry,
            fault_set=self._fault_set,
            metrics_versions=self._metrics_versions,
            clock=self.now,
            live=self._live,
            set_faults=self.set_faults,
            bookmark_seconds=bookmark_seconds,
        )
        self._server = server.Server(self._answer, port=port, context=self._context)
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._clients: certificates.Authority | None = None
        self._client_pairs: dict[str, certificates.Pair] = {}
        self.ca = b""
        self._show_faults()

    # --- running

    def start(self) -> None:
        """Begins to listen; ConfigurationError if the port cannot be had."""
        if self._tls:
            self._make_certificates()
        self._server.start()
        self._ticker = threading.Thread(target=self._run, name="simulation-life", daemon=True)
        self._ticker.start()

    def stop(self) -> None:
        """Ends every connection and all threads; may be called twice."""
        self._stop.set()
        self._store.close()
        self._server.stop()
        if self._ticker is not None:
            self._ticker.join(2.0)
            self._ticker = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def now(self) -> float:
        """The simulated epoch."""
        return self._start + (self._clock() - self._start) * self._speed

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self._live()

    def _live(self) -> None:
        now = self.now()
        if int((now - self._start) // TICK) == self._tick:
            return
        with self._life_lock:
            tick = int((now - self._start) // TICK)
            if tick > self._tick:
                self._tick = tick
                self._store.apply(self._world.advance(now))

    # --- credentials

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.port}"

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self._registry.token("admin")

    def users(self) -> list[str]:
        """Names that token_for() knows: admin, reader, metrics-reader, nothing, and viewer-NAMESPACE."""
        return self._registry.names()

    def token_for(self, user: str) -> str:
        """A user's bearer token; KeyError if nobody is called so."""
        return self._registry.token(user)

    def client_certificate(
        self, user: str = "admin", groups: Sequence[str] = (access.MASTERS,)
    ) -> certificates.Pair:
        """A client certificate that the server accepts; needs TLS and a started cluster."""
        assert self._clients is not None, "the cluster has no TLS, or has not been started"
        return self._clients.issue_client(user, groups)

    def _make_certificates(self) -> None:
        now = time.time()  # certificates are judged by real clocks
        authority = certificates.Authority("kubevitals-simulation", now=now)
        self._clients = certificates.Authority("kubevitals-simulation-clients", now=now)
        self.ca = authority.pem
        for expired in (False, True):
            pair = authority.issue_server(_HOSTS, expired=expired)
            self._contexts[expired] = certificates.open_server_context(pair, clients=self._clients.pem)

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        return self._contexts[self._fault_set.active("expired-certificate")]

    def kubeconfig(self) -> str:
        """A kubeconfig as YAML: the context `simulated` is the administrator's, `simulated-USER` everybody
        else's.

        `simulated-certificate` is the administrator with a client certificate instead of a token.
        """
        users = {name: f"    token: {self._registry.token(name)}\n" for name in self._registry.names()}
        if self._tls:
            pair = self.client_certificate()
            users["certificate"] = (
                f"    client-certificate-data: {_base64(pair.certificate)}\n"
                f"    client-key-data: {_base64(pair.key)}\n"
            )
        authority = f"    certificate-authority-data: {_base64(self.ca)}\n" if self._tls else ""
        lines = [
            "apiVersion: v1\nkind: Config\npreferences: {}\n",
            f"current-context: {CONTEXT}\n",
            f"clusters:\n- name: {CONTEXT}\n  cluster:\n    server: {self.url}\n{authority}",
            "contexts:\n",
        ]
        for name in users:
            context = CONTEXT if name == "admin" else f"{CONTEXT}-{name}"
            lines.append(
                f"- name: {context}\n  context:\n    cluster: {CONTEXT}\n    user: {CONTEXT}-{name}\n"
            )
            if name.startswith(access.VIEWER_PREFIX):
                lines.append(f"    namespace: {name.removeprefix(access.VIEWER_PREFIX)}\n")
        lines.append("users:\n")
        lines.extend(f"- name: {CONTEXT}-{name}\n  user:\n{text}" for name, text in users.items())
        return "".join(lines)

    # --- faults

    def set_faults(self, names: Sequence[str]) -> None:
        """Puts exactly these faults in force, at once; UsageError, and nothing changes, if one is unknown."""
        self._fault_set.replace(names)
        self._show_faults()

    def faults(self) -> list[str]:
        """The faults in force."""
        return self._fault_set.names()

    def forget(self) -> None:
        """Drops the past: older resource versions and continue tokens are answered 410 from now on."""
        self._store.forget()

    def _registered(self, item: records.Item) -> bool:
        return (
            not alterations.is_metrics_service(item) or item.name.partition(".")[0] in self._metrics_versions
        )

    def _show_faults(self) -> None:
        """Makes the objects behind the metrics API look as the faults in force want it."""
        with self._life_lock:
            changes = [*self._registration_changes(), *self._endpoint_changes()]
            self._store.apply(changes)

    def _registration_changes(self) -> list[records.Change]:
        present = self._items("apiservices.apiregistration.k8s.io", alterations.is_metrics_service)
        if self._fault_set.active("metrics-absent"):
            self._hidden.extend(_original(item) for item in present)
            return [records.Change("DELETED", item) for item in present]
        changes = [records.Change("ADDED", item) for item in self._hidden]
        present, self._hidden = [*present, *self._hidden], []
        reason = self._fault_set.value("metrics-unavailable")
        for item in present:
            if reason is not None:
                altered = alterations.unavailable(_original(item), reason, since=self.now())
                changes.append(records.Change("MODIFIED", altered))
            elif isinstance(item, alterations.AlteredItem):
                changes.append(records.Change("MODIFIED", item.original))
        return changes

    def _endpoint_changes(self) -> list[records.Change]:
        changes = []
        missing = self._fault_set.value("metrics-unavailable") == "MissingEndpoints"
        for item in self._items("endpointslices.discovery.k8s.io", alterations.is_metrics_endpoints):
            if missing:
                changes.append(records.Change("MODIFIED", alterations.without_endpoints(_original(item))))
            elif isinstance(item, alterations.AlteredItem):
                changes.append(records.Change("MODIFIED", item.original))
        return changes

    def _items(self, key: str, wanted: Callable[[records.Item], bool]) -> list[records.Item]:
        return [entry.item for entry in self._store.current(key).entries if wanted(entry.item)]

    # --- answering

    def _answer(self, request: http.Request, peer: server.Peer | None) -> http.Reply:
        user = None
        if peer is not None:
            user = self._registry.by_certificate(peer.common_name, peer.organisations)
        return self._api.answer(request, user)


def _original(item: records.Item) -> records.Item:
    return item.original if isinstance(item, alterations.AlteredItem) else item


def _parse(names: Sequence[str]) -> faults.FaultSet:
    return faults.FaultSet(names)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _build_world(nodes: int | None, pods: int | None, seed: int, start: float) -> World:
    from kubevitals.simulation.world import world

    sizes = {name: size for name, size in (("nodes", nodes), ("pods", pods)) if size is not None}
    return world.World(seed=seed, start=start, **sizes)
