"""The routes of history, and the snapshots of other times: read in threads, a few at once, within bounds."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fastapi  # noqa: TC002 - FastAPI reads signatures
import msgspec

from kubevitals import errors, kinds, sanitize
from kubevitals import history as histories
from kubevitals.history import chunks, seriesfilter
from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.view import historydocuments, times
from kubevitals.surfaces.web import (
    answercache,
    historyquery,
    models,
    parameters,
    problemdetails,
    responses,
    routes,
    turns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubevitals import model
    from kubevitals.surfaces.http import memory

_LONG = timedelta(days=1)  # a range of samples that is read from the first one on
_AT_ONCE = 2  # answers in the making; the others wait
_encode = msgspec.json.Encoder().encode


class HistoryRoutes:
    """The endpoints over one history.

    Args:
        history: None where none is kept.
        count: how many series there are now, about; it keeps the first reads short.
        clusters: names that may be asked for, the default first.
        render: makes the body of the answer to a query of a snapshot.
        budget: the memory for answers.
    """

    def __init__(
        self,
        history: histories.History | None,
        *,
        count: historyquery.Count,
        clusters: Sequence[str],
        render: Callable[[model.Snapshot, parameters.Query], answercache.Body],
        budget: memory.Budget,
    ) -> None:
        self._history = history
        self._count = count
        self._clusters = clusters
        self._render = render
        self._budget = budget
        self._turns = turns.Turns(_AT_ONCE)

    def add_to(self, app: fastapi.FastAPI) -> None:
        """Declare the routes."""
        for kind in kinds.KINDS.values():
            for path in ((), kind.path):
                self._add(app, kind, path)

    def _add(self, app: fastapi.FastAPI, kind: kinds.Kind, path: tuple[str, ...]) -> None:
        async def endpoint(request: fastapi.Request, given: Any, **names: str) -> fastapi.Response:
            return await self._answer(request, kind.name, given, tuple(names.values()))

        what = f"one of the {kind.name}" if path else kind.name
        app.add_api_route(
            "/".join((f"/api/v1/history/{kind.name}", *(f"{{{key}}}" for key in path))),
            routes.declare(endpoint, historyquery.parameters_model(kind.name, single=bool(path)), path),
            name=f"history_of_{what.replace(' ', '_')}",
            summary=f"what {what} used over time",
            response_model=models.History,
            responses=routes.TABLE,
        )

    async def _answer(
        self, request: fastapi.Request, kind: str, given: historyquery.Parameters, path: tuple[str, ...]
    ) -> fastapi.Response:
        now = datetime.now(UTC)
        cluster = routes.choose_cluster(given.cluster, self._clusters)
        asked = historyquery.read(kind, given, cluster=cluster, now=now, count=self._count, path=path)
        history = self._find_history()
        zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
        made = await self._run(request, lambda: _make(history, asked, now=now, path=path), zipped=zipped)
        return responses.respond(request, made, zipped=zipped)

    async def answer_past(
        self, request: fastapi.Request, cluster: str, at: str, query: parameters.Query
    ) -> fastapi.Response:
        """Return the answer to a query of the snapshot of a cluster that was current at a time.

        Raises: as `find_past`.
        """
        zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
        made = await self.find_past(request, cluster, at, query, zipped=zipped)
        return responses.respond(request, made, zipped=zipped)

    async def find_past(
        self, request: fastapi.Request, cluster: str, at: str, query: parameters.Query, *, zipped: bool
    ) -> answercache.Representation:
        """Return what answers a query of the snapshot of a cluster that was current at a time.

        Raises:
            problemdetails.Refusal: `at` is no time, nothing was recorded near it, it cannot be read, or too
                many others ask.
        """
        moment = parameters.read_moment("at", at, datetime.now(UTC))
        history = self._find_history()

        def make() -> answercache.Body:
            try:
                snapshot = history.snapshot_at(moment, cluster=cluster)
            except errors.HistoryError as error:
                raise problemdetails.Refusal(503, error.code, error.message, remedy=error.remedy) from error
            if snapshot is None:
                raise problemdetails.not_found(
                    f"nothing was recorded near {times.format_moment(moment)}",
                    remedy="/api/v1/history/nodes tells what was recorded",
                )
            return self._render(snapshot, query)

        return await self._run(request, make, zipped=zipped)

    def _find_history(self) -> histories.History:
        if self._history is None:
            raise problemdetails.not_found("this service keeps no history", remedy="serve --samples 120")
        return self._history

    async def _run(
        self, request: fastapi.Request, make: Callable[[], answercache.Body], *, zipped: bool
    ) -> answercache.Representation:
        """Return what is made in a thread, once it is its turn; what nobody waits for any more is not made.

        Raises:
            problemdetails.Refusal: its turn does not come.
            memory.BudgetError: there is no memory for it.
        """
        async with self._turns.take():
            if await request.is_disconnected():
                raise problemdetails.busy()  # to nobody
            return await asyncio.to_thread(lambda: self._represent(make(), zipped=zipped))

    def _represent(self, body: answercache.Body, *, zipped: bool) -> answercache.Representation:
        """Return the representation of a body whose tag is made of its bytes."""
        content = body.content if isinstance(body.content, bytes) else b"".join(body.content)
        tag = hashlib.blake2b(content, digest_size=12).hexdigest()
        made = answercache.Representation(body._replace(content=content), tag, self._budget.lease())
        if zipped and made.worth_gzip:
            made.zip()
        return made


def _make(
    history: histories.History, asked: historyquery.HistoryRequest, *, now: datetime, path: tuple[str, ...]
) -> answercache.Body:
    """Return the body of the answer.

    Raises:
        problemdetails.Refusal: it would be too long, or there is nothing of the object that the path names.
    """
    answer = _read(history, asked, now=now)
    if asked.matches is not None:
        answer = answer._replace(series=tuple(filter(asked.matches, answer.series)))
    found = [
        each._replace(points=tuple(historydocuments.pick(point, asked.aggregate) for point in each.points))
        for each in answer.series
    ]
    total = len(found)
    if asked.limit is not None:
        found = _keep_largest(found, asked.largest, limit=asked.limit)
    first = asked.queries[0]
    if path and not total:
        raise problemdetails.not_found(
            f"there is no history of {first.kind} {sanitize.shorten('/'.join(path), 100)} in that range",
            remedy="ask for a longer range with since or range",
        )
    answer = answer._replace(series=tuple(found))
    head = historydocuments.head(first, answer, now=now, aggregate=asked.aggregate)
    body = _write(found, head, asked.form, first.percentiles)
    media = responses.CSV if asked.form == "csv" else responses.JSON
    return answercache.Body(body, media, total)


def _read(
    history: histories.History, asked: historyquery.HistoryRequest, *, now: datetime
) -> histories.Answer:
    """Return the answer, or refuse once there are too many points of them."""
    answers: list[histories.Answer] = []
    count, first = 0, asked.queries[0]
    seconds = (first.until - first.since).total_seconds()
    last = asked.aggregate == historyquery.LAST and first.step is not None
    most = historyquery.most_points(first.percentiles)
    for query in asked.queries:
        parts = []
        try:
            for part in chunks.read(
                history,
                _begin_late(history, query._replace(step=None if last else query.step), now=now),
                at_once=historyquery.MOST_IN_ALL // 4,
                series=asked.live // len(asked.queries),
            ):
                parts.append(part)
                count += sum(len(each.points) for each in part.series)
                if count > most:
                    fit = most // max(len(part.series), len(asked.queries))
                    raise historyquery.too_many(f"more than {most} points", most, seconds=seconds, fit=fit)
        except errors.HistoryError as error:
            raise problemdetails.Refusal(503, error.code, error.message, remedy=error.remedy) from error
        answers.append(chunks.join(parts))
    answer = chunks.join(answers)
    if last and first.step is not None:
        kept = tuple(_keep_last(each, first.step) for each in answer.series)
        answer = answer._replace(series=kept, step=first.step)
    return answer


def _begin_late(history: histories.History, query: histories.Query, *, now: datetime) -> histories.Query:
    """Return a question for samples without the time before the first one, through which it would be read."""
    if query.step is not None or query.until - query.since < _LONG:
        return query
    extent = history.extent(now)
    return query._replace(since=min(query.until, max(query.since, extent[0])) if extent else query.until)


def _keep_last(series: histories.Series, step: float) -> histories.Series:
    """Return the last sample of each step, at the end of the step; of the whole range, at its own time."""
    if step == histories.WHOLE:
        return series._replace(points=series.points[-1:])
    latest = {math.ceil(point.timestamp.timestamp() / step) * step: point for point in series.points}
    return series._replace(
        points=tuple(
            point._replace(timestamp=datetime.fromtimestamp(end, UTC)) for end, point in latest.items()
        )
    )


def _keep_largest(found: list[histories.Series], key: str, *, limit: int) -> list[histories.Series]:
    """Return so many of the series, those of the largest mean; what is unknown is least."""

    def mean(series: histories.Series) -> float:
        known = [value for point in series.points if (value := getattr(point, key)) is not None]
        return sum(known) / len(known) if known else -1.0

    kept = sorted(found, key=mean, reverse=True)[:limit]
    return sorted(kept, key=seriesfilter.order_of)


def _time_of(row: tuple[Any, ...]) -> datetime:
    moment: datetime = row[0]
    return moment


def _write(
    found: list[histories.Series], head: dict[str, Any], form: str, percentiles: Sequence[float]
) -> bytes:
    keys = historydocuments.row_types(percentiles)
    if form == "csv":
        out = io.StringIO(newline="")
        historydocuments.write_csv(historydocuments.rows_of(found), out, percentiles=percentiles, end="\r\n")
        return out.getvalue().encode()
    if form == "columns":
        columns = list(zip(*historydocuments.rows_of(found), strict=True)) or [()] * len(keys)
        return _encode({**head, "columns": dict(zip(keys, columns, strict=True))})
    if form == "rows":
        rows = [
            dict(zip(keys, row, strict=True)) for row in sorted(historydocuments.rows_of(found), key=_time_of)
        ]
        return _encode({**head, "items": rows})
    items = [historydocuments.to_item(each, percentiles, text=False) for each in found]
    return _encode({**head, "items": items})
