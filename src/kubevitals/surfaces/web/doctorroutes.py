"""The route of the doctor: an examination of a cluster, at most once a minute.

It is the one route that asks the cluster. Everybody who asks meanwhile gets the same answer.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import fastapi
import msgspec

from kubevitals import doctor, errors
from kubevitals.surfaces.web import models, parameters, problemdetails, responses, routes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubevitals import collector

KEPT = 60.0
"""Seconds for which an examination is the answer."""


class _Kept(NamedTuple):
    answer: bytes | problemdetails.Refusal
    until: float


class DoctorRoutes:
    """The endpoint over the clusters of these collectors, by name, the default one first."""

    def __init__(
        self, sources: Mapping[str, collector.Collector], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._locks = {name: asyncio.Lock() for name in sources}

    def add_to(self, app: fastapi.FastAPI) -> None:
        """Declare the route."""

        @app.get("/api/v1/doctor", response_model=models.DoctorReport)
        async def examine(given: Annotated[parameters.Cluster, fastapi.Query()]) -> fastapi.Response:
            """Which layer of metrics is silent, why, and what to do; examined at most once a minute."""
            name = routes.choose_cluster(given.cluster, self._sources)
            async with self._locks[name]:
                kept = self._kept.get(name)
                if kept is None or kept.until <= self._clock():
                    answer = await asyncio.to_thread(self._examine, name)
                    kept = self._kept[name] = _Kept(answer, self._clock() + KEPT)
            if isinstance(kept.answer, problemdetails.Refusal):
                raise kept.answer
            return responses.json(kept.answer)

    def _examine(self, name: str) -> bytes | problemdetails.Refusal:
        source = self._sources[name]
        options = doctor.Options(namespace=source.namespace or "")
        try:
            report = doctor.examine(source.cluster.client, options)
        except errors.KubevitalsError as error:
            return problemdetails.Refusal(503, error.code, error.message, remedy=error.remedy)
        return msgspec.json.encode({"schema": "kubevitals/v1", "kind": "DoctorReport", **report.to_dict()})
