"""The routes that are answered from a snapshot: lists, single objects, names, problems and vitals.

A request never reaches the cluster. With `at` the snapshot comes from history, unless it is the newest one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import fastapi
import msgspec

from kubevitals import kinds, model
from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.web import models, parameters, problemdetails, responses, routes, rowkinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubevitals.surfaces.web import answercache, historyroutes


class SnapshotRoutes:
    """The endpoints over the cached answers of each cluster.

    Args:
        caches: by the names of the clusters, the default one first.
        past: where the snapshots of other times are found.
    """

    def __init__(
        self, caches: Mapping[str, answercache.ClusterCache], past: historyroutes.HistoryRoutes
    ) -> None:
        self._caches = caches
        self._past = past

    def add_to(self, app: fastapi.FastAPI) -> None:
        """Declare the routes."""
        for name in rowkinds.KINDS:
            self._add_list(app, name)
        for kind in kinds.KINDS.values():
            self._add_single(app, kind)
        for name in parameters.NAMES:
            self._add_names(app, name)

        @app.get("/api/v1/problems", response_model=models.ProblemList, responses=routes.MADE)
        async def list_problems(
            request: fastapi.Request, given: Annotated[parameters.Problems, fastapi.Query()]
        ) -> fastapi.Response:
            """What is wrong in the cluster, and what could not be read, the most serious first."""
            return await self._answer(request, "problems", "problems", given)

        @app.get("/api/v1/vitals", response_model=models.VitalsList, responses=routes.MADE)
        async def show_vitals(
            request: fastapi.Request, given: Annotated[parameters.Moment, fastapi.Query()]
        ) -> fastapi.Response:
            """The cluster in one row: counts, shares of what is allocatable. `cluster=*` is a row each."""
            if given.cluster in parameters.ALL:
                return await self._answer_all(request, given.at)
            return await self._answer(request, "vitals", "vitals", given)

    def _add_list(self, app: fastapi.FastAPI, name: str) -> None:
        async def endpoint(request: fastapi.Request, given: Any) -> fastapi.Response:
            return await self._answer(request, "list", name, given)

        kind = rowkinds.KINDS[name]
        app.add_api_route(
            f"/api/v1/{name}",
            routes.declare(endpoint, parameters.list_model(name)),
            name=f"list_{name}",
            summary=f"{kind.of} in millicores, MiB and percent" if kind.infra else f"{kind.of} in base units",
            response_model=models.list_model(name),
            responses=routes.TABLE,
        )

    def _add_single(self, app: fastapi.FastAPI, kind: kinds.Kind) -> None:
        async def endpoint(request: fastapi.Request, given: Any, **path: str) -> fastapi.Response:
            return await self._answer(request, "one", kind.name, given, tuple(path.values()))

        app.add_api_route(
            "/".join((f"/api/v1/{kind.name}", *(f"{{{key}}}" for key in kind.path))),
            routes.declare(endpoint, parameters.single_model(kind.name), kind.path),
            name=f"read_{kind.name}",
            summary=f"one of the {kind.name}",
            response_model=models.single_model(kind.name),
            responses=routes.MADE,
        )

    def _add_names(self, app: fastapi.FastAPI, name: str) -> None:
        async def endpoint(request: fastapi.Request, given: Any) -> fastapi.Response:
            return await self._answer(request, "names", name, given)

        app.add_api_route(
            f"/api/v1/names/{name}",
            routes.declare(endpoint, parameters.names_model(name)),
            name=f"names_{name}",
            summary=f"the names of {name.replace('_', ' ')} as a plain array",
            response_model=models.Names,
            responses=routes.MADE,
        )

    async def _answer_all(self, request: fastapi.Request, at: str) -> fastapi.Response:
        """Return the vitals of all clusters as one list; what a cluster has none for is a problem of it."""
        document: dict[str, Any] = {}
        rows: list[Any] = []
        problems: list[Any] = []
        for name, cache in self._caches.items():
            query = parameters.Moment(cluster=name).to_query("vitals", "vitals")
            current = cache.current
            try:
                if at and not _is_now(at, current):
                    made = await self._past.find_past(request, name, at, query, zipped=False)
                elif current is None:
                    raise _no_snapshot(name, cache)
                else:
                    made = await current.find(query, zipped=False)
            except problemdetails.Refusal as refusal:
                if refusal.status == 422:
                    raise
                problems.append(model.Problem(refusal.code, refusal.detail, refusal.remedy, name).to_dict())
                continue
            found = msgspec.json.decode(b"".join(made.plain or ()))
            document = document or found
            rows += found["items"]
            problems += found["problems"]
        if not document:
            raise problemdetails.not_found("no cluster has a snapshot", remedy="/api/v1/status says why")
        return responses.json(msgspec.json.encode({**document, "problems": problems, "items": rows}))

    async def _answer(
        self,
        request: fastapi.Request,
        route: str,
        kind: str,
        given: parameters.Cluster,
        path: tuple[str, ...] = (),
    ) -> fastapi.Response:
        """Return the answer to a query that was validated."""
        name = routes.choose_cluster(given.cluster, self._caches)
        if kind == "clusters":
            return responses.json(msgspec.json.encode(list(self._caches)))
        query = given.to_query(route, kind, path)
        cache = self._caches[name]
        current = cache.current
        at = getattr(given, "at", "")
        if at and not _is_now(at, current):
            return await self._past.answer_past(request, name, at, query)
        zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
        if current is None:
            raise _no_snapshot(name, cache)
        cache.note(query, zipped=zipped)
        made = await current.find(query, zipped=zipped)
        return responses.respond(request, made, zipped=zipped, age=cache.source.status().age_seconds)


def _is_now(at: str, current: answercache.SnapshotCache | None) -> bool:
    """Return whether the newest snapshot is the one of that time: a board's range that ends now says so.

    Raises:
        problemdetails.Refusal: it is no time.
    """
    moment = parameters.read_moment("at", at, datetime.now(UTC))
    return current is not None and moment >= current.published.snapshot.generated_at


def _no_snapshot(name: str, cache: answercache.ClusterCache) -> problemdetails.Refusal:
    error = cache.source.status().last_error
    reason = error.message if error is not None else "nodes and pods are being listed"
    remedy = error.remedy if error is not None else None
    return problemdetails.no_snapshot(name, reason, remedy, retry_seconds=min(cache.source.interval, 15.0))
