"""The simulated cluster as a whole: a world, its API server and its kubelets, started and stopped together.

It runs in threads of this process and listens on 127.0.0.1 only.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Protocol

from simcluster import apiobjects, errors, fault_layers, faults, kubeconfig_text, stats
from simcluster.apiserver import alterations, api_errors, authorizer, handler, metrics_server, watch_cache
from simcluster.http import certificates, server
from simcluster.kubelets import endpoints, listeners
from simcluster.layerfaults import overlay

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from simcluster.http import messages

TICK = 15.0
"""Seconds of simulated time between two steps of the world's life."""

_HOSTS = ("localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class World(metrics_server.UsageWorld, Protocol):
    """The world of a simulated cluster: its objects, their changes and their usage.

    Without a method `read_kubelet` no kubelet answers.
    """

    def items(self) -> Iterable[apiobjects.Item]:
        """All objects at the start."""

    def advance(self, now: float) -> list[apiobjects.Change]:
        """The changes since the last call."""


class SimulatedCluster:
    """A context manager; `url`, `ca` and `token` (an administrator's) are there after start().

    `nodes`, `pods` and `seed` make the world, or `world` is given ready. `port` 0 takes any that is free.
    `faults` are names from `simcluster.faults.FAULTS`, some with a value (`slow=2s`).
    `metrics_versions` are the versions of metrics.k8s.io that are registered. `clock` gives epoch seconds,
    and simulated time runs `speed` times as fast from the moment of creation on; at 0 it stands still.
    In a `calm` cluster nothing is wrong at the start: all nodes are Ready and all pods run.
    With `kubelets` each Node's own kubelet can be reached over HTTPS too, at the address, port and path that
    it states; its certificate is of `ca`.

    Without `tls` the API server speaks plain HTTP. With `anonymous_admin` as well, requests without a
    credential are the administrator's, since kubectl sends no credential over plain HTTP.

    Raises SimulationError for a setting or fault that does not exist, and CertificatesError if certificates
    are needed (for `tls`, `kubelets` or a fault) and cannot be made.
    """

    def __init__(
        self,
        *,
        nodes: int | None = None,
        pods: int | None = None,
        seed: int = 1,
        port: int = 0,
        tls: bool = True,
        anonymous_admin: bool = False,
        faults: Sequence[str] = (),
        metrics_versions: Sequence[str] = ("v1beta1",),
        clock: Callable[[], float] = time.time,
        speed: float = 1.0,
        kubelets: bool = False,
        calm: bool = False,
        world: World | None = None,
        bookmark_seconds: float = 60.0,
        keep_seconds: float = 300.0,
    ) -> None:
        self._clock = clock
        self._speed = speed
        self._start = clock()
        self._tls = tls
        if kubelets:
            certificates.require("the kubelets' own HTTPS")
        self._check_certificates(faults)
        if tls:
            certificates.require("TLS")
        self._anonymous_admin = anonymous_admin and not tls
        self._metrics_versions = tuple(metrics_versions)
        self._fault_set = _parse(faults)
        self._life_lock = threading.Lock()
        self._tick = 0
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None
        self._hidden: list[apiobjects.Item] = []
        self._kubelet_ports = listeners.Listeners(self._answer_kubelet) if kubelets else None
        self._shown_ports: dict[str, int] = {}
        self._world = world if world is not None else _build_world(nodes, pods, seed, self._start, calm=calm)
        items = [self._as_shown(item) for item in self._world.items() if self._registered(item)]
        self._store = watch_cache.WatchCache(items, keep_seconds=keep_seconds)
        self._overlay = overlay.Overlay(self._store)
        namespaces = [item.name for item in items if item.resource.key == "namespaces"]
        self._registry = authorizer.Registry(secrets.token_bytes(32), namespaces)
        self._anonymous = self._registry.by_token(self.token) if self._anonymous_admin else None
        self._kubelets = endpoints.Kubelets(
            [item.name for item in items if listeners.is_node(item)],
            measured=self._measure,
            tick=lambda: self._tick,
            fault_set=self._fault_set,
            registry=self._registry,
        )
        if kubelets:
            self._measure("", lambda _: b"")  # counters run from the start, whenever they are asked for
        self._usage = metrics_server.MetricsServer(
            self._world, clock=self.now, start=self._start, faults=self._fault_set
        )
        self._handler = handler.Handler(
            objects=self._store,
            usage=self._usage,
            registry=self._registry,
            fault_set=self._fault_set,
            metrics_versions=self._metrics_versions,
            clock=self.now,
            live=self._live,
            set_faults=self.set_faults,
            relay=self._relay,
            replace=self._overlay.answer,
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
        """Begin to listen; PortError if the port cannot be had."""
        if self._tls or self._kubelet_ports is not None:
            self._make_certificates()
        self._server.start()
        self._ticker = threading.Thread(target=self._run, name="simulation-life", daemon=True)
        self._ticker.start()

    def stop(self) -> None:
        """End every connection and all threads; may be called twice."""
        self._stop.set()
        self._store.close()
        self._kubelets.stop()
        if self._kubelet_ports is not None:
            self._kubelet_ports.stop()
        self._server.stop()
        if self._ticker is not None:
            self._ticker.join(2.0)
            self._ticker = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now(self) -> float:
        """The simulated time as an epoch."""
        return self._start + (self._clock() - self._start) * self._speed

    def past_usage(self, epoch: float) -> tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]]:
        """What nodes and the pods of now used at a time before; nothing where the world knows no past."""
        read = getattr(self._world, "past_usage", None)
        if read is None:
            return [], []
        with self._life_lock:
            found: tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]] = read(epoch)
            return found

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
                changes = self._world.advance(now)
                self._store.apply(
                    self._overlay.pass_on(
                        [apiobjects.Change(each.type, self._as_shown(each.item)) for each in changes]
                    )
                )

    # --- credentials

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.port}"

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self._registry.token("admin")

    @property
    def has_kubelet_ports(self) -> bool:
        """Whether kubelets can be reached at their nodes' addresses, besides through the node proxy."""
        return self._kubelet_ports is not None

    def users(self) -> list[str]:
        """The names that token_for() accepts: admin, reader, metrics-reader, nothing, viewer-NAMESPACE ..."""
        return self._registry.names()

    def token_for(self, user: str) -> str:
        """A user's bearer token; KeyError for an unknown user."""
        return self._registry.token(user)

    def client_certificate(
        self, user: str = "admin", groups: Sequence[str] = (authorizer.MASTERS,)
    ) -> certificates.Pair:
        """A client certificate that the server accepts; needs TLS and a started cluster."""
        assert self._clients is not None, "the cluster has no TLS, or has not been started"
        return self._clients.issue_client(user, groups)

    def _make_certificates(self) -> None:
        now = time.time()  # certificates are judged by real clocks
        authority = certificates.Authority("simcluster", now=now)
        self._clients = certificates.Authority("simcluster-clients", now=now)
        self.ca = authority.pem
        for expired in (False, True):
            pair = authority.issue_server(_HOSTS, expired=expired)
            self._contexts[expired] = certificates.open_server_context(pair, clients=self._clients.pem)
        if self._kubelet_ports is not None:
            self._kubelet_ports.start(authority, clients=self._clients.pem, now=now)

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        return self._contexts[self._fault_set.active(faults.EXPIRED_CERTIFICATE)]

    def kubeconfig(self) -> str:
        """A kubeconfig as YAML: the context `simulated` is the administrator's, `simulated-USER` everybody
        else's.

        `simulated-certificate` is the administrator with a client certificate instead of a token.
        """
        users = {name: f"    token: {self._registry.token(name)}\n" for name in self._registry.names()}
        if self._anonymous_admin:
            users = {name: "    {}\n" if name == "admin" else f"    as: {name}\n" for name in users}
        if self._tls:
            pair = self.client_certificate()
            users["certificate"] = (
                f"    client-certificate-data: {kubeconfig_text.encode(pair.certificate)}\n"
                f"    client-key-data: {kubeconfig_text.encode(pair.key)}\n"
            )
        return kubeconfig_text.write(self.url, self.ca if self._tls else b"", users)

    # --- faults

    def set_faults(self, names: Sequence[str]) -> None:
        """Put exactly these faults in force. SimulationError if one cannot be, and nothing changes then."""
        self._check_certificates(names)
        self._fault_set.replace(names)
        self._show_faults()

    def _check_certificates(self, names: Sequence[str]) -> None:
        for name in faults.showing_certificates(names):
            certificates.require(f"the fault {name}")
            if not self._tls and name == faults.EXPIRED_CERTIFICATE:
                raise errors.SimulationError(
                    f"the fault {name} needs TLS, and this cluster serves plain HTTP",
                    remedy="start the simulated cluster with TLS",
                )

    def faults(self) -> list[str]:
        """The faults in force."""
        return self._fault_set.names()

    def forget(self) -> None:
        """Drop the past: older resource versions and continue tokens are answered with 410 from now on."""
        self._store.forget()

    def _registered(self, item: apiobjects.Item) -> bool:
        return (
            not alterations.is_metrics_service(item) or item.name.partition(".")[0] in self._metrics_versions
        )

    def _show_faults(self) -> None:
        """Make the objects behind the metrics API look as the faults in force want it."""
        with self._life_lock:
            self._overlay.withdraw()
            changes = [*self._registration_changes(), *self._endpoint_changes(), *self._node_changes()]
            self._store.apply(changes)
            wanted = [name for name in fault_layers.SUMMARIES if self._fault_set.active(name)]
            self._overlay.lay(wanted, now=self.now())

    def _registration_changes(self) -> list[apiobjects.Change]:
        present = self._items("apiservices.apiregistration.k8s.io", alterations.is_metrics_service)
        if self._fault_set.active("metrics-absent"):
            self._hidden.extend(_original(item) for item in present)
            return [apiobjects.Change("DELETED", item) for item in present]
        changes = [apiobjects.Change("ADDED", item) for item in self._hidden]
        present, self._hidden = [*present, *self._hidden], []
        reason = self._fault_set.value("metrics-unavailable")
        for item in present:
            if reason is not None:
                altered = alterations.unavailable(_original(item), reason, since=self.now())
                changes.append(apiobjects.Change("MODIFIED", altered))
            elif isinstance(item, alterations.AlteredItem):
                changes.append(apiobjects.Change("MODIFIED", item.original))
        return changes

    def _endpoint_changes(self) -> list[apiobjects.Change]:
        changes = []
        missing = self._fault_set.value("metrics-unavailable") == "MissingEndpoints"
        for item in self._items("endpointslices.discovery.k8s.io", alterations.is_metrics_endpoints):
            if missing:
                changes.append(apiobjects.Change("MODIFIED", alterations.without_endpoints(_original(item))))
            elif isinstance(item, alterations.AlteredItem):
                changes.append(apiobjects.Change("MODIFIED", item.original))
        return changes

    def _node_changes(self) -> list[apiobjects.Change]:
        """Nodes whose kubelet has another port than before."""
        if self._kubelet_ports is None:
            return []
        changes = []
        for item in self._items("nodes", listeners.is_node):
            port = self._kubelets.port(item.name, self._kubelet_ports)
            if self._shown_ports.get(item.name, self._kubelet_ports.usual) != port:
                changes.append(apiobjects.Change("MODIFIED", self._as_shown(_original(item))))
            self._shown_ports[item.name] = port
        return changes

    def _as_shown(self, item: apiobjects.Item) -> apiobjects.Item:
        ports = self._kubelet_ports
        if ports is None or not listeners.is_node(item):
            return item
        return listeners.reachable(
            item, lambda name: self._kubelets.port(name, ports), dead=lambda: ports.dead
        )

    def _items(self, key: str, wanted: Callable[[apiobjects.Item], bool]) -> list[apiobjects.Item]:
        return [entry.item for entry in self._store.current(key).entries if wanted(entry.item)]

    # --- answering

    def _answer(self, request: messages.Request, peer: server.Peer | None) -> messages.Response:
        user = self._anonymous
        if peer is not None:
            user = self._registry.by_certificate(peer.common_name, peer.organisations)
        return self._handler.answer(request, user)

    # --- kubelets

    def _answer_kubelet(self, request: messages.Request, peer: server.Peer | None) -> messages.Response:
        self._live()
        user = None
        if peer is not None:
            user = self._registry.by_certificate(peer.common_name, peer.organisations)
        return self._kubelets.answer(request, user)

    def _measure(self, name: str, render: endpoints.Render) -> bytes | None:
        read = getattr(self._world, "read_kubelet", None)
        if read is None:
            return None
        with self._life_lock:  # what is read holds until the world lives on
            reading: stats.NodeStats | None = read(name)
            return None if reading is None else render(reading)

    def _relay(self, name: str, path: str, request: messages.Request) -> messages.Response:
        if self._kubelets.silent(name):
            return api_errors.response(endpoints.unreachable(self._address(name)))
        return self._kubelets.relay(name, path, request)

    def _address(self, name: str) -> str:
        (node,) = self._items("nodes", lambda item: item.name == name)
        return listeners.stated(node)


def _original(item: apiobjects.Item) -> apiobjects.Item:
    return item.original if isinstance(item, alterations.AlteredItem) else item


def _parse(names: Sequence[str]) -> faults.FaultSet:
    return faults.FaultSet(names)


def _build_world(nodes: int | None, pods: int | None, seed: int, start: float, *, calm: bool) -> World:
    from simcluster.world import world

    sizes = {name: size for name, size in (("nodes", nodes), ("pods", pods)) if size is not None}
    return world.World(seed=seed, start=start, calm=calm, **sizes)
