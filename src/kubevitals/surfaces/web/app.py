"""The application: routes over shelves, the gate before them, problems instead of tracebacks.

It begins with the first snapshot of nothing: while there is none, its answers say why.
"""

from __future__ import annotations

import contextlib
import http
from typing import TYPE_CHECKING, Any

import fastapi
from starlette import exceptions, responses

import kubevitals
from kubevitals.surfaces import exposition
from kubevitals.surfaces.web import (
    answers,
    counting,
    kinds,
    openapi,
    problems,
    queries,
    routes,
    settings,
    statuses,
    stream,
    views,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette import requests

    from kubevitals import collector

_OPEN = ("/healthz", "/livez", "/readyz")


def create_app(
    collectors: Mapping[str, collector.Collector], chosen: settings.Settings | None = None
) -> fastapi.FastAPI:
    """Return the application that shows these collectors, by the clusters' names.

    The collectors stay the caller's, to be started and stopped. `app.state.hub.close()` ends the streams.
    """
    chosen = chosen or settings.Settings()
    make = views.maker(chosen.node_pool_labels)
    shelves = {
        name: answers.Shelf(source, make, cached_bytes=chosen.cached_bytes)
        for name, source in collectors.items()
    }
    hub = stream.Hub(
        shelves, most=chosen.streams, heartbeat=chosen.heartbeat_seconds, patience=chosen.send_timeout
    )
    counted: dict[tuple[str, int], int] = {}
    exposed = statuses.Exposition(shelves, chosen.exposition or exposition.Options(), requests=counted)

    @contextlib.asynccontextmanager
    async def run(_: fastapi.FastAPI) -> AsyncIterator[None]:
        hub.start()
        for shelf in shelves.values():
            shelf.open()
        try:
            yield
        finally:
            hub.close()
            for shelf in shelves.values():
                shelf.close()

    app = fastapi.FastAPI(
        title="kubevitals",
        version=kubevitals.__version__,
        lifespan=run,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.hub, app.state.shelves, app.state.requests = hub, shelves, counted
    document = openapi.describe(list(collectors))
    app.openapi = lambda: document  # type: ignore[method-assign]
    _add_routes(app, routes.Api(shelves, hub=hub, exposed=exposed), chosen)
    app.add_exception_handler(problems.Refusal, _refuse)
    app.add_exception_handler(exceptions.HTTPException, _refuse_http)
    app.add_middleware(counting.Door, requests=counted, query_bytes=chosen.query_bytes)
    return app


def _add_routes(app: fastapi.FastAPI, api: routes.Api, chosen: settings.Settings) -> None:
    async def show_openapi(_: requests.Request) -> responses.Response:
        return responses.JSONResponse(app.openapi(), headers={"cache-control": "no-cache"})

    endpoints: dict[str, routes.Endpoint] = {
        "/": api.page,
        "/openapi.json": show_openapi,
        "/healthz": api.livez,
        "/livez": api.livez,
        "/readyz": api.readyz,
        "/metrics": api.metrics,
        "/api/v1/status": api.status,
        "/api/v1/stream": api.stream,
        "/api/v1/problems": api.endpoint("problems", "problems"),
    }
    for name in queries.NAMES:
        endpoints[f"/api/v1/names/{name}"] = api.endpoint("names", name)
    for name in kinds.KINDS:
        endpoints[f"/api/v1/{name}"] = api.endpoint("list", name)
    for name, path in views.PATHS.items():
        places = "/".join(f"{{{key}}}" for key in path)
        endpoints[f"/api/v1/{name}/{places}"] = api.endpoint("one", name)
    for route, endpoint in endpoints.items():
        open_to_all = chosen.gate is None or (chosen.open_health and route in _OPEN)
        guarded = endpoint if open_to_all else _guard(endpoint, chosen.gate)
        app.router.add_route(route, guarded, methods=["GET"])


def _guard(endpoint: routes.Endpoint, gate: Any) -> routes.Endpoint:
    async def guarded(request: requests.Request) -> responses.Response:
        await gate.check(request)
        return await endpoint(request)

    return guarded


async def _refuse(request: requests.Request, error: Exception) -> responses.Response:
    assert isinstance(error, problems.Refusal)
    return responses.Response(
        error.document(request.url.path),
        status_code=error.status,
        media_type=problems.MEDIA_TYPE,
        headers={"cache-control": "no-store", **error.headers},
    )


async def _refuse_http(request: requests.Request, error: Exception) -> responses.Response:
    """Answer what Starlette refuses: no such route, or another method."""
    assert isinstance(error, exceptions.HTTPException)
    status = error.status_code
    remedy = "/ links to everything there is" if status == 404 else None
    code = http.HTTPStatus(status).phrase.lower().replace(" ", "_")
    detail = f"there is no {problems.shorten(request.url.path)}" if status == 404 else str(error.detail)
    refusal = problems.Refusal(status, code, detail, remedy=remedy, headers=error.headers)
    return await _refuse(request, refusal)
