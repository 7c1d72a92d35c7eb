"""The routes of history: from a question to bytes, read and written in a thread of its own, within bounds.

It must not know where history is kept: a file, memory or a database.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kubevitals import errors, sanitize
from kubevitals.history import chunks, selection
from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.view import historydocuments
from kubevitals.surfaces.web import answercache, historyquery, problemdetails, renderer, routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette import requests, responses

    from kubevitals import history as histories

_AT_ONCE = 2  # answers in the making; the others wait
_encode = msgspec.json.Encoder().encode


class Api:
    """The endpoints over one history.

    Args:
        history: None where none is kept.
        count: how many series there are now, about; it keeps the first reads short.
        clusters: names that may be asked for, the default first.
    """

    def __init__(
        self,
        history: histories.History | None,
        *,
        count: historyquery.Count,
        clusters: Sequence[str],
    ) -> None:
        self._history = history
        self._count = count
        self._clusters = clusters
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def endpoint(self, kind: str, *, single: bool = False) -> routes.Endpoint:
        """Return the endpoint of a kind; with `single` of one object, which the path names."""

        async def answer(request: requests.Request) -> responses.Response:
            path = tuple(str(request.path_params[key]) for key in renderer.PATHS[kind]) if single else ()
            now = datetime.now(UTC)
            asked = historyquery.parse(
                kind,
                request.scope["query_string"],
                now=now,
                clusters=self._clusters,
                count=self._count,
                path=path,
            )
            if self._history is None:
                raise problemdetails.not_found("this service keeps no history", remedy="serve --samples 120")
            zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
            async with self._turns:
                made = await asyncio.to_thread(_make, self._history, asked, now=now, path=path)
                if zipped and made.worth_gzip:
                    await asyncio.to_thread(made.zip)
            return routes.respond(request, made, zipped=zipped)

        return answer


def _make(
    history: histories.History, asked: historyquery.HistoryRequest, *, now: datetime, path: tuple[str, ...]
) -> answercache.Representation:
    """Return the answer.

    Raises:
        problems.Refusal: it would be too long, or there is nothing of the object that the path names.
    """
    answer = _read(history, asked)
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
    body = _write(found, head, asked.form)
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    media = renderer.CSV if asked.form == "csv" else renderer.JSON
    return answercache.Representation(answercache.Body(body, media, total), tag)


def _read(history: histories.History, asked: historyquery.HistoryRequest) -> histories.Answer:
    """Return the answer, or refuse once there are too many points of them."""
    answers: list[histories.Answer] = []
    count, first = 0, asked.queries[0]
    seconds = (first.until - first.since).total_seconds()
    last = asked.aggregate == historyquery.LAST and first.step is not None
    for query in asked.queries:
        step = None if last else query.step
        parts = []
        try:
            for part in chunks.read(
                history,
                query._replace(step=step),
                at_once=historyquery.MOST_IN_ALL // 4,
                series=asked.live // len(asked.queries),
            ):
                parts.append(part)
                count += sum(len(each.points) for each in part.series)
                most = historyquery.MOST_IN_ALL
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


def _keep_last(series: histories.Series, step: float) -> histories.Series:
    """Return the last sample of each step, at the end of the step."""
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
    return sorted(kept, key=selection.order_of)


def _time_of(row: tuple[Any, ...]) -> datetime:
    moment: datetime = row[0]
    return moment


def _write(found: list[histories.Series], head: dict[str, Any], form: str) -> bytes:
    if form == "csv":
        out = io.StringIO(newline="")
        historydocuments.write_csv(historydocuments.rows_of(found), out, end="\r\n")
        return out.getvalue().encode()
    if form == "columns":
        columns = list(zip(*historydocuments.rows_of(found), strict=True)) or [()] * len(
            historydocuments.ROW_TYPES
        )
        return _encode({**head, "columns": dict(zip(historydocuments.ROW_TYPES, columns, strict=True))})
    if form == "rows":
        rows = [
            dict(zip(historydocuments.ROW_TYPES, row, strict=True))
            for row in sorted(historydocuments.rows_of(found), key=_time_of)
        ]
        return _encode({**head, "items": rows})
    items = [historydocuments.to_item(each, text=False) for each in found]
    return _encode({**head, "items": items})
