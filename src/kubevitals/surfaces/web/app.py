"""The application: routes over caches, the authenticator before them, problems instead of tracebacks.

It begins with the first snapshot of nothing: while there is none, its answers say why.
"""

from __future__ import annotations

import contextlib
import http
from typing import TYPE_CHECKING

import fastapi
from starlette import exceptions, responses
from starlette.middleware import cors

import kubevitals
from kubevitals import sanitize
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.view import recorderstatus
from kubevitals.surfaces.web import (
    answercache,
    historyquery,
    historyroutes,
    kinds,
    middleware,
    openapi,
    problemdetails,
    queries,
    renderer,
    routes,
    scrapecache,
    settings,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette import requests

    from kubevitals import collector
    from kubevitals.surfaces.web import auth

_HEALTH = ("/healthz", "/livez", "/readyz")


def create_app(
    collectors: Mapping[str, collector.Collector], chosen: settings.Settings | None = None
) -> fastapi.FastAPI:
    """Return the application that shows these collectors, by the clusters' names.

    The collectors stay the caller's, to be started and stopped. `app.state.hub.close()` ends the streams.
    """
    chosen = chosen or settings.Settings()
    make = renderer.make_renderer(chosen.node_pool_labels)
    caches = {
        name: answercache.ClusterCache(source, make, cached_bytes=chosen.cached_bytes)
        for name, source in collectors.items()
    }
    hub = stream.Hub(
        caches, most=chosen.streams, heartbeat=chosen.heartbeat_seconds, patience=chosen.send_timeout
    )
    recorded = _teller(chosen)
    exporter = exporters.Exporter(
        collectors, chosen.exposition or exposition.Options(), states=chosen.states, recorded=recorded
    )

    scrape_cache = scrapecache.ScrapeCache(exporter, collectors, chosen.states)

    @contextlib.asynccontextmanager
    async def run(_: fastapi.FastAPI) -> AsyncIterator[None]:
        hub.start()
        scrape_cache.start()
        for cache in caches.values():
            cache.listen(lambda _: scrape_cache.wake())
            cache.open()
        try:
            yield
        finally:
            hub.close()
            for cache in caches.values():
                cache.close()

    app = fastapi.FastAPI(
        title="kubevitals",
        version=kubevitals.__version__,
        lifespan=run,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.hub, app.state.caches, app.state.requests = hub, caches, exporter.requests
    document = openapi.describe(list(collectors))
    app.openapi = lambda: document  # type: ignore[method-assign]
    past = historyroutes.Api(chosen.history, count=_counter(collectors), clusters=list(collectors))
    _add_routes(app, routes.Api(caches, hub=hub, scrape_cache=scrape_cache, recorded=recorded), past, chosen)
    app.add_exception_handler(problemdetails.Refusal, _refuse)
    app.add_exception_handler(exceptions.HTTPException, _refuse_http)
    if chosen.origins:
        app.add_middleware(
            cors.CORSMiddleware,
            allow_origins=list(chosen.origins),
            allow_methods=["GET"],
            allow_headers=["authorization", "if-none-match"],
            expose_headers=["age", "etag", "x-total-count"],
        )
    app.add_middleware(
        middleware.ServiceMiddleware, requests=exporter.requests, query_bytes=chosen.query_bytes
    )
    return app


def _add_routes(
    app: fastapi.FastAPI, api: routes.Api, past: historyroutes.Api, chosen: settings.Settings
) -> None:
    async def show_openapi(_: requests.Request) -> responses.Response:
        return responses.JSONResponse(app.openapi(), headers={"cache-control": "no-cache"})

    endpoints: dict[str, routes.Endpoint] = {
        "/": api.page,
        "/style.css": api.style,
        "/openapi.json": show_openapi,
        "/healthz": api.livez,
        "/livez": api.livez,
        "/readyz": api.readyz,
        "/metrics": api.metrics,
        "/api/v1/status": api.status,
        "/api/v1/stream": api.stream,
        "/api/v1/problems": api.endpoint("problems", "problems"),
        "/api/v1/vitals": api.endpoint("vitals", "vitals"),
    }
    for name in queries.NAMES:
        endpoints[f"/api/v1/names/{name}"] = api.endpoint("names", name)
    for name in kinds.KINDS:
        endpoints[f"/api/v1/{name}"] = api.endpoint("list", name)
    for name, path in renderer.PATHS.items():
        places = "/".join(f"{{{key}}}" for key in path)
        endpoints[f"/api/v1/{name}/{places}"] = api.endpoint("one", name)
        endpoints[f"/api/v1/history/{name}"] = past.endpoint(name)
        endpoints[f"/api/v1/history/{name}/{places}"] = past.endpoint(name, single=True)
    for route, endpoint in endpoints.items():
        authenticator = None if chosen.open_health and route in _HEALTH else chosen.authenticator
        app.router.add_route(route, _enter(route, endpoint, authenticator), methods=["GET"])


def _teller(chosen: settings.Settings) -> Callable[[], recorderstatus.RecorderStatus]:
    """Return what tells how history and remote-write are doing."""
    if chosen.recorded is not None:
        return chosen.recorded
    source = None if chosen.history is None else chosen.history.name
    return lambda: recorderstatus.RecorderStatus(source)


def _counter(collectors: Mapping[str, collector.Collector]) -> historyquery.Count:
    """Return what counts the series there are now, about: nodes, namespaces, pods or their containers."""

    def count(cluster: str, kind: str, namespaces: frozenset[str] | None) -> int:
        published = collectors[cluster].latest
        if published is None:
            return 1
        if kind == "nodes":
            return len(published.snapshot.nodes)
        pods = [pod for pod in published.snapshot.pods if namespaces is None or pod.namespace in namespaces]
        if kind == "namespaces":
            return len({pod.namespace for pod in pods})
        return sum(len(pod.containers) for pod in pods) if kind == "containers" else len(pods)

    return count


def _enter(
    route: str, endpoint: routes.Endpoint, authenticator: auth.Authenticator | None
) -> routes.Endpoint:
    """Return the endpoint behind the authenticator, its route left where the counting finds it."""

    async def enter(request: requests.Request) -> responses.Response:
        request.scope[middleware.ROUTE] = route
        if authenticator is not None:
            await authenticator.check(request)
        return await endpoint(request)

    return enter


async def _refuse(request: requests.Request, error: Exception) -> responses.Response:
    assert isinstance(error, problemdetails.Refusal)
    return responses.Response(
        error.document(request.url.path),
        status_code=error.status,
        media_type=problemdetails.MEDIA_TYPE,
        headers={"cache-control": "no-store", **error.headers},
    )


async def _refuse_http(request: requests.Request, error: Exception) -> responses.Response:
    """Answer what Starlette refuses: no such route, or another method."""
    assert isinstance(error, exceptions.HTTPException)
    status = error.status_code
    remedy = "/ links to everything there is" if status == 404 else None
    code = http.HTTPStatus(status).phrase.lower().replace(" ", "_")
    detail = f"there is no {sanitize.shorten(request.url.path, 100)}" if status == 404 else str(error.detail)
    refusal = problemdetails.Refusal(status, code, detail, remedy=remedy, headers=error.headers)
    return await _refuse(request, refusal)
