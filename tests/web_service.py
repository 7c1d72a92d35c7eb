"""A service over a simulated cluster, asked in process or on a real socket, for tests of the web."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
from tests import waiting

import kubevitals
from kubevitals import collector, sockets
from kubevitals.history import ring
from kubevitals.surfaces.web import app, settings, webserver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubevitals import cluster as clusters
    from simcluster import simulation as simulated


class Service:
    """One cluster, its collector and its application. `tick()` is the clock: no thread ticks by itself."""

    def __init__(
        self, cluster: clusters.Cluster, chosen: settings.Settings | None = None, **options: Any
    ) -> None:
        assert cluster.world is not None
        self.world: simulated.SimulatedCluster = cluster.world
        self.collector = collector.Collector(cluster, **options)
        self.collector.inventory.start()
        chosen = chosen or settings.Settings()
        if chosen.history is None:
            remembered = ring.Ring()
            self.collector.subscribe(lambda published: remembered.append(published.snapshot))
            chosen = chosen._replace(history=remembered)
        self.app = app.create_app({cluster.name: self.collector}, chosen)
        for cache in self.app.state.caches.values():
            cache.open()

    def tick(self) -> float:
        return self.collector.tick()

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """One request; underscores in the names of headers are hyphens."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(
                    method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
                )

        return asyncio.run(send())


@contextlib.contextmanager
def serve(
    chosen: settings.Settings | None = None,
    *,
    simulation: dict[str, Any] | None = None,
    faults: Sequence[str] = (),
    **options: Any,
) -> Iterator[Service]:
    """A service of a small cluster that stands still, with faults from the first request on."""
    world = {"nodes": 6, "pods": 60, "speed": 0, "tls": False, **(simulation or {})}
    with kubevitals.connect(simulation=world) as cluster:
        assert cluster.world is not None
        cluster.world.set_faults(list(faults))
        service = Service(cluster, chosen, **options)
        try:
            yield service
        finally:
            service.collector.stop()


@contextlib.contextmanager
def listening(service: Service, *, send_buffer: int | None = None, **options: Any) -> Iterator[str]:
    """The service on a real socket; yields its URL."""
    server = webserver.Server(service.app, **{"connections": 100, **options})
    with sockets.listen("127.0.0.1", 0, backlog=100) as listener:
        if send_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        url = sockets.url_of(listener, scheme="https" if options.get("tls") is not None else "http")
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        try:
            waiting.until(lambda: server.started)
            yield url
        finally:
            server.end(hard=False)
            thread.join(10)


def describe() -> dict[str, Any]:
    """The OpenAPI document of a service of one cluster that is never read."""
    never: Any = None
    return app.create_app({"simulated": never}, settings.Settings(examiners={"simulated": never})).openapi()


PATHS = tuple(
    path
    for path in describe()["paths"]
    if "{" not in path and path not in ("/api/v1/stream", "/openapi.json")
)
"""Routes that answer by themselves and at once."""
