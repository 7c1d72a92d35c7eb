"""Kubelets for tests: their text, servers that answer it over TLS, and a roster of Node objects for them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Self

from tests import servers

from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import authentication
from kubevitals.sources.kubelet import source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simcluster import simulation as simulated

START = 1_760_000_000.0


class Token(authentication.Credentials):
    """A token that may be renewed once for another."""

    kind = "token"

    def __init__(self, token: str = "the-token", *, next_token: str | None = None) -> None:
        self.renewals = 0
        self._token = token
        self._next = next_token

    def fetch(self) -> authentication.Credential:
        return authentication.Credential(f"Bearer {self._token}")

    def renew(self) -> bool:
        self.renewals += 1
        if self._next is None:
            return False
        self._token, self._next = self._next, None
        return True


def text(
    *,
    cpu: float | None = 100.0,
    memory: float = 5e8,
    at: float = START,
    pods: Iterable[tuple[str, str, str]] = (("shop", "web-0", "app"),),
    container_cpu: float = 10.0,
    start: float = START - 5000,
) -> str:
    """The answer of /metrics/resource as a kubelet writes it; `pods` are (namespace, pod, container)."""
    stamp = round(at * 1000)
    labels = [f'container="{name}",namespace="{space}",pod="{pod}"' for space, pod, name in pods]

    def family(name: str, kind: str, value: float) -> list[str]:
        head = [f"# HELP {name} [STABLE] Words with a {{brace}}", f"# TYPE {name} {kind}"]
        return head + [f"{name}{{{each}}} {value!r} {stamp}" for each in labels]

    lines = family("container_cpu_usage_seconds_total", "counter", container_cpu)
    lines += family("container_memory_working_set_bytes", "gauge", 6.4e7)
    lines += family("container_start_time_seconds", "gauge", start)
    if cpu is not None:
        lines += [
            "# TYPE node_cpu_usage_seconds_total counter",
            f"node_cpu_usage_seconds_total {cpu!r} {stamp}",
        ]
    lines += [
        "# TYPE node_memory_working_set_bytes gauge",
        f"node_memory_working_set_bytes {memory!r} {stamp}",
    ]
    lines += ["# TYPE scrape_error gauge", "scrape_error 0"]
    return "\n".join(lines) + "\n"


def answer(body: str | None = None, **details: Any) -> bytes:
    """The same as a whole HTTP answer."""
    return servers.answer(200, text(**details) if body is None else body, kind="text/plain; version=0.0.4")


def node(name: str, port: int, *, address: str = "127.0.0.1", path: str | None = None) -> dict[str, Any]:
    """A Node that says where its kubelet is."""
    return {
        "metadata": {
            "name": name,
            "annotations": {} if path is None else {"metrics.k8s.io/resource-metrics-path": path},
        },
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        },
    }


def node_list(*nodes: dict[str, Any]) -> bytes:
    return servers.answer(200, {"kind": "NodeList", "metadata": {}, "items": list(nodes)})


def pod_list(*names: tuple[str, str]) -> bytes:
    items = [{"metadata": {"namespace": namespace, "name": name}} for namespace, name in names]
    return servers.answer(200, {"kind": "PartialObjectMetadataList", "metadata": {}, "items": items})


class Scene:
    """An API server that lists nodes, a kubelet a node, and the source that reads them; a clock to move.

    `kubelets` gives the answers of each node's kubelet, one after the other.
    """

    def __init__(
        self,
        kubelets: dict[str, list[Any]],
        *,
        credentials: authentication.Credentials | None = None,
        nodes: list[dict[str, Any]] | None = None,
        api: list[Any] | None = None,
        connection: dict[str, Any] | None = None,
        certificate: servers.Certificate | None = None,
        **options: Any,
    ) -> None:
        self.now = START
        self._stack = contextlib.ExitStack()
        self.servers = {
            name: servers.Server(*answers, tls=servers.server_context(certificate))
            for name, answers in kubelets.items()
        }
        self._nodes = nodes
        self._api_answers = api
        self._credentials = credentials or Token()
        self._connection = connection or {}
        self._options = {"timeout": 5.0, **options}

    def __enter__(self) -> Self:
        for server in self.servers.values():
            self._stack.enter_context(server)
        nodes = self._nodes
        if nodes is None:
            nodes = [node(name, server.port) for name, server in self.servers.items()]
        answers = self._api_answers or [node_list(*nodes)]
        self.api = self._stack.enter_context(servers.Server(*answers))
        settings = {"ca": servers.authority().pem, "context": "test", **self._connection}
        made = clientconfig.ClientConfig(self.api.url, self._credentials, **settings)
        self.client = self._stack.enter_context(client.Client(made, request_timeout=5.0))
        self.source = source.Kubelets(self.client, clock=lambda: self.now, **self._options)
        self._stack.callback(self.source.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def of_simulation(world: simulated.SimulatedCluster, user: str = "admin") -> client.Client:
    """A client of a simulated cluster, as one of its users."""
    token = Token(world.token_for(user))
    return client.Client(
        clientconfig.ClientConfig(world.url, token, context="simulated", ca=world.ca or None)
    )


def targets(api: servers.Server) -> list[str]:
    """What was asked of a server."""
    return [request.target for request in api.requests]


def dump(body: dict[str, Any]) -> bytes:
    return servers.answer(200, json.dumps(body))
