"""The route of the doctor: an examination of a cluster, at most once a minute.

It is the one route that asks the cluster. Everybody who asks meanwhile gets the same answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import fastapi
import msgspec

from kubevitals import errors
from kubevitals.surfaces.web import models, parameters, problemdetails, responses, routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubevitals.doctor import examiner


class DoctorRoutes:
    """The endpoint over the clusters of these examiners, by name, the default one first."""

    def __init__(self, examiners: Mapping[str, examiner.Examiner]) -> None:
        self._examiners = examiners
        self._locks = {name: asyncio.Lock() for name in examiners}

    def add_to(self, app: fastapi.FastAPI) -> None:
        """Declare the route."""

        @app.get("/api/v1/doctor", response_model=models.DoctorReport)
        async def examine(given: Annotated[parameters.Cluster, fastapi.Query()]) -> fastapi.Response:
            """Which layer of metrics is silent, why, and what to do; examined at most once a minute."""
            name = routes.choose_cluster(given.cluster, self._examiners)
            async with self._locks[name]:  # whoever waits for an examination takes no thread
                try:
                    report = await asyncio.to_thread(self._examiners[name].examine)
                except errors.KubevitalsError as error:
                    raise problemdetails.Refusal(
                        503, error.code, error.message, remedy=error.remedy
                    ) from error
            return responses.json(
                msgspec.json.encode({"schema": "kubevitals/v1", "kind": "DoctorReport", **report.to_dict()})
            )
