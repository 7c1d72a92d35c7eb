"""The routes about the service itself: status, stream, metrics, health, the page, the description."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import fastapi

from kubevitals import sanitize
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.web import (
    models,
    page,
    parameters,
    responses,
    routes,
    servicestatus,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubevitals import collector
    from kubevitals.surfaces.view import recorderstatus
    from kubevitals.surfaces.web import scrapecache

_TEXT = {"schema": {"type": "string"}}
_METRICS: dict[int | str, Any] = {
    200: {"content": {exposition.TEXT: _TEXT, exposition.OPENMETRICS: _TEXT}},
}


class ServiceRoutes:
    """The endpoints that are answered from what the service knows of itself.

    Args:
        sources: the collectors by the names of their clusters, the default one first.
        hub: the open streams.
        scrape_cache: the expositions.
        recorded: returns how history and remote-write are doing; it may look at the disk.
    """

    def __init__(
        self,
        sources: Mapping[str, collector.Collector],
        *,
        hub: stream.Hub,
        scrape_cache: scrapecache.ScrapeCache,
        recorded: Callable[[], recorderstatus.RecorderStatus],
    ) -> None:
        self._sources = sources
        self._hub = hub
        self._scrape_cache = scrape_cache
        self._recorded = recorded

    def add_to(self, app: fastapi.FastAPI) -> None:
        """Declare the routes."""
        self._add_files(app)
        self._add_health(app)

        @app.get("/api/v1/status", response_model=models.Status)
        async def show_status(given: Annotated[parameters.Cluster, fastapi.Query()]) -> fastapi.Response:
            """How the service is doing: source, age, coverage, rights, version."""
            sources = self._sources
            if given.cluster:
                name = routes.choose_cluster(given.cluster, sources)
                sources = {name: sources[name]}
            # In a thread, for it looks at the disk, and disks can hang.
            recorded = await asyncio.to_thread(self._recorded)
            return responses.json(servicestatus.make_status(sources, recorded))

        @app.get("/api/v1/stream", response_class=stream.Stream, status_code=200)
        async def stream_events(given: Annotated[parameters.Cluster, fastapi.Query()]) -> fastapi.Response:
            """Server-sent events without end: one called `snapshot` for each snapshot, its data as JSON."""
            name = routes.choose_cluster(given.cluster, self._sources)
            return self._hub.open([name] if given.cluster else list(self._sources))

    def _add_health(self, app: fastapi.FastAPI) -> None:
        content = {**routes.REFUSALS[503]["content"], "text/plain": _TEXT}
        failing: dict[int | str, Any] = {503: {"description": "it does not", "content": content}}

        @app.get("/healthz", name="healthz", response_class=_Plain, responses=failing)
        @app.get("/livez", name="livez", response_class=_Plain, responses=failing)
        async def probe_live() -> fastapi.Response:
            """200 where it ticks, else 503."""
            return _probe(servicestatus.not_live(self._sources))

        @app.get("/readyz", name="readyz", response_class=_Plain, responses=failing)
        async def probe_ready() -> fastapi.Response:
            """200 where it has a current snapshot of each cluster, else 503."""
            return _probe(servicestatus.not_ready(self._sources))

    def _add_files(self, app: fastapi.FastAPI) -> None:
        @app.get("/metrics", response_class=fastapi.Response, responses=_METRICS)
        async def show_metrics(request: fastapi.Request) -> fastapi.Response:
            """The exposition for Prometheus: text 0.0.4, or OpenMetrics 1.0 by Accept."""
            wanted = negotiation.wants_openmetrics(request.headers.get("accept"))
            zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
            made = await self._scrape_cache.find(openmetrics=wanted, gzip=zipped)
            headers = {
                **responses.NO_STORE,
                "content-type": exposition.OPENMETRICS if wanted else exposition.TEXT,
                "vary": "accept, accept-encoding",
                **({"content-encoding": "gzip"} if zipped else {}),
            }
            return responses.PartsResponse(made.parts, headers=headers, owner=made)

        files = page.Page()

        @app.get("/", response_class=fastapi.responses.HTMLResponse)
        async def show_page(request: fastapi.Request) -> fastapi.Response:
            """The page: what is wrong or silent, where, since when, and what to do."""
            return files.show(request)

        @app.get(
            "/assets/{name}",
            response_class=fastapi.Response,
            responses={200: {"content": {"text/javascript": {}, "text/css": {}}}},
        )
        async def show_asset(request: fastapi.Request, name: _AssetName) -> fastapi.Response:
            """A file that the page loads; its name changes with its content."""
            return files.show_asset(request, name)

        @app.get("/openapi.json", response_model=dict[str, Any])
        async def show_openapi() -> fastapi.Response:
            """The description of this API."""
            document = await asyncio.to_thread(app.openapi)  # the first time it takes a second
            return fastapi.responses.JSONResponse(document, headers={"cache-control": "no-cache"})


_Plain = fastapi.responses.PlainTextResponse
_AssetName = Annotated[str, fastapi.Path(description="the file's name, as the page names it")]


def _probe(reasons: list[str]) -> fastapi.Response:
    text = "\n".join(sanitize.shorten(reason, 300) for reason in reasons) or "ok"
    return _Plain(text + "\n", status_code=503 if reasons else 200, headers=responses.NO_STORE)
