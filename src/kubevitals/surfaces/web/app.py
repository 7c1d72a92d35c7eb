"""The application: FastAPI with the routes, the middleware in front of them, problem documents for refusals.

It starts before the first snapshot: until there is one, its answers say why.
"""

from __future__ import annotations

import contextlib
import http
from typing import TYPE_CHECKING, Any

import fastapi
from fastapi import security
from starlette import exceptions

import kubevitals
from kubevitals import doctor, sanitize
from kubevitals.doctor import examiner
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.http import memory
from kubevitals.surfaces.view import recorderstatus
from kubevitals.surfaces.web import (
    answercache,
    auth,
    doctorroutes,
    historyroutes,
    middleware,
    models,
    problemdetails,
    renderer,
    routes,
    scrapecache,
    serviceroutes,
    settings,
    snapshotroutes,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from kubevitals import collector
    from kubevitals.surfaces.web import historyquery

_ABOUT = "How a Kubernetes cluster is doing. Every key is always present; unknown is null."


class Service(fastapi.FastAPI):
    """The application. Its description knows the clusters and the problem documents."""

    def __init__(self, clusters: list[str], *, open_paths: tuple[str, ...], **options: Any) -> None:
        super().__init__(
            title="kubevitals",
            version=kubevitals.__version__,
            description=_ABOUT,
            docs_url=None,  # pages of scripts from elsewhere
            redoc_url=None,
            openapi_url=None,  # a route of ours serves it
            redirect_slashes=False,
            responses=routes.REFUSALS,
            generate_unique_id_function=lambda route: route.name,
            **options,
        )
        self._clusters = clusters
        self._open_paths = open_paths
        self.router.route_class = routes.Route

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            schema = models.ProblemDetails.model_json_schema()
            document["components"]["schemas"]["ProblemDetails"] = schema
            for path, operations in document["paths"].items():
                operation = operations["get"]
                if path in self._open_paths:
                    operation.pop("security", None)
                for parameter in operation.get("parameters", ()):
                    if parameter["name"] == "cluster":
                        every = ["*"] if path == "/api/v1/vitals" else []
                        parameter["schema"]["enum"] = ["", *self._clusters, *every]
        return self.openapi_schema or {}


def create_app(
    collectors: Mapping[str, collector.Collector], chosen: settings.Settings | None = None
) -> fastapi.FastAPI:
    """Return the application that shows these collectors, by the clusters' names.

    The collectors stay the caller's, to be started and stopped. `app.state.hub.close()` ends the streams.
    """
    chosen = chosen or settings.Settings()
    rendering = renderer.Renderer(chosen.node_pool_labels)
    budget = memory.Budget(chosen.answer_bytes)
    caches = {
        name: answercache.ClusterCache(source, rendering.make, budget=budget)
        for name, source in collectors.items()
    }
    hub = stream.Hub(
        caches, most=chosen.streams, heartbeat=chosen.heartbeat_seconds, send_timeout=chosen.send_timeout
    )
    recorded = chosen.recorded or _make_status(chosen)
    examiners = chosen.examiners or {name: _open_examiner(source) for name, source in collectors.items()}
    exporter = exporters.Exporter(
        collectors,
        chosen.exposition or exposition.Options(),
        states=chosen.states,
        recorded=recorded,
        examined=lambda: {name: each.latest for name, each in examiners.items()},
        keeps=False,
    )
    scrape_cache = scrapecache.ScrapeCache(exporter, collectors, chosen.states, budget=budget)

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

    app = Service(
        list(collectors),
        open_paths=middleware.HEALTH if chosen.open_health else (),
        lifespan=run,
        dependencies=_describe_auth(chosen.authenticator),
    )
    app.state.hub, app.state.caches, app.state.requests = hub, caches, exporter.requests
    app.state.budget = budget
    past = historyroutes.HistoryRoutes(
        chosen.history,
        count=_counter(collectors),
        clusters=list(collectors),
        render=rendering.render,
        budget=budget,
    )
    serviceroutes.ServiceRoutes(collectors, hub=hub, scrape_cache=scrape_cache, recorded=recorded).add_to(app)
    snapshotroutes.SnapshotRoutes(caches, past).add_to(app)
    past.add_to(app)
    doctorroutes.DoctorRoutes(examiners).add_to(app)
    app.add_exception_handler(problemdetails.Refusal, _refuse)
    app.add_exception_handler(exceptions.HTTPException, _refuse_http)
    app.add_exception_handler(memory.BudgetError, _refuse_for_memory)
    app.add_middleware(middleware.ServiceMiddleware, chosen=chosen, counts=exporter.requests)
    return app


def _describe_auth(authenticator: auth.Authenticator | None) -> list[Any]:
    """Return dependencies that name the schemes in the description. The middleware does the work."""
    schemes = () if authenticator is None else authenticator.schemes
    known = {"Bearer": security.HTTPBearer(auto_error=False), "Basic": security.HTTPBasic(auto_error=False)}
    return [fastapi.Security(known[scheme]) for scheme in schemes]


def _open_examiner(source: collector.Collector) -> examiner.Examiner:
    """Return the doctor of a cluster that is examined when somebody asks."""
    return examiner.Examiner(source.cluster.client, doctor.Options(namespace=source.namespace or ""))


def _make_status(chosen: settings.Settings) -> Callable[[], recorderstatus.RecorderStatus]:
    """Return what tells how history is doing that is not recorded in a file."""
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


async def _refuse(request: fastapi.Request, error: Exception) -> fastapi.Response:
    assert isinstance(error, problemdetails.Refusal)
    return fastapi.Response(
        error.document(request.url.path),
        status_code=error.status,
        media_type=problemdetails.MEDIA_TYPE,
        headers={"cache-control": "no-store", **error.headers},
    )


async def _refuse_for_memory(request: fastapi.Request, _: Exception) -> fastapi.Response:
    return await _refuse(request, problemdetails.no_memory())


async def _refuse_http(request: fastapi.Request, error: Exception) -> fastapi.Response:
    """Answer what Starlette refuses: no such route, or another method."""
    assert isinstance(error, exceptions.HTTPException)
    status = error.status_code
    remedy = "/openapi.json describes everything there is" if status == 404 else None
    code = http.HTTPStatus(status).phrase.lower().replace(" ", "_")
    detail = f"there is no {sanitize.shorten(request.url.path, 100)}" if status == 404 else str(error.detail)
    refusal = problemdetails.Refusal(status, code, detail, remedy=remedy, headers=error.headers)
    return await _refuse(request, refusal)
