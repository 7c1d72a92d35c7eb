"""The choice among sources: the best one that answers, and the better ones again from time to time.

A source is passed over when it gives no usage at all, hangs, breaks or gives answers that cannot be read.
That the API server cannot be reached says nothing against it. Candidates come in the order of preference.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from kubevitals import errors, model, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

RETRY_SECONDS = 60.0
_PAUSE_FOR_PATIENCE = 10.0  # times what a try took: a source that hangs costs a small part of the time
_SERVERS_FAULT = 500  # and all codes above: nothing is wrong with the question


def _do_not_check() -> None:
    """Do nothing: the candidate can always be tried."""


class Candidate(NamedTuple):
    """A source that may be chosen.

    `check` raises the errors.MetricsError for which it cannot be used, say for want of a right. It is called
    before each try.
    """

    name: str  # of the source
    open_source: Callable[[], sources.Source]  # makes it, when it is needed for the first time
    check: Callable[[], None] = _do_not_check


class SourceStatus(NamedTuple):
    """Whether a source answers, since when, and why not."""

    name: str
    answers: bool = False
    since: datetime | None = None  # when it began to answer, or to fail
    problem: model.Problem | None = None  # why it does not answer; None if it was not needed


class Choice:
    """Several sources as one. Threads may use it at the same time."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        *,
        retry_seconds: float = RETRY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._candidates = candidates
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._current = 0
        self._opened: dict[int, sources.Source] = {}
        self._since: dict[int, datetime] = {}
        self._retry_at: dict[int, float] = {}
        self._errors: dict[int, errors.KubevitalsError] = {}

    @property
    def name(self) -> str:
        """The name of the source that answers, or is expected to."""
        return self._candidates[self._current].name

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return the usage from the best source that gives any.

        Raises:
            errors.MetricsError, errors.ClusterError: what the best of them said, where none does.
            errors.ClusterError: the cluster cannot be asked.
        """
        empty: sources.Usage | None = None
        first: errors.KubevitalsError | None = None
        due, rest = self._order(scope)
        for index in (*due, *rest):
            began = self._clock()
            try:
                usage = self._ask(index, scope)
            except (errors.MetricsError, errors.ClusterError) as error:
                if index not in due and not _may_be_replaced(error, scope):
                    raise
                self._note_failure(index, error, began)
                first = first or error
                continue
            if _is_empty(usage, scope) and len(self._candidates) > 1:
                empty = empty or usage
                self._note_failure(index, _nothing_collected(self._candidates[index].name), began)
                continue
            self._note_success(index, usage)
            return usage
        if empty is not None:
            return empty
        raise (
            self._with_others(first)
            if first is not None
            else errors.NoSourceError("there is no source of usage", remedy="see --source")
        )

    def statuses(self) -> list[SourceStatus]:
        """Return how each candidate is doing, in the order of merit."""
        with self._lock:
            return [
                SourceStatus(
                    each.name,
                    index == self._current and index in self._since and index not in self._errors,
                    self._since.get(index),
                    _problem_of(self._errors.get(index)),
                )
                for index, each in enumerate(self._candidates)
            ]

    def close(self) -> None:
        """Close the sources that hold connections of their own."""
        for source in self._opened.values():
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _order(self, scope: sources.Scope) -> tuple[list[int], range]:
        """Return the candidates to ask: better ones that are due; the current one and those behind it.

        Nodes are asked of the source that pods come from: a change of source waits for pods.
        """
        now = self._clock()
        with self._lock:
            current = self._current
            due = [index for index in range(current) if scope.pods and now >= self._retry_at.get(index, now)]
        return due, range(current, len(self._candidates))

    def _ask(self, index: int, scope: sources.Scope) -> sources.Usage:
        candidate = self._candidates[index]
        with self._lock:
            source = self._opened.get(index)
            working = source is not None and index == self._current and index not in self._errors
        if not working:
            candidate.check()
        if source is None:
            with self._lock:
                source = self._opened.get(index)
                if source is None:
                    source = self._opened[index] = candidate.open_source()
        usage = source.fetch_usage(scope)
        usage.source = usage.source or candidate.name
        return usage

    def _with_others(self, first: errors.KubevitalsError) -> errors.KubevitalsError:
        """Return the error of the best source with why the others do not answer either."""
        with self._lock:
            others = [
                f"nor does {self._candidates[index].name} answer: {error.message}"
                for index, error in sorted(self._errors.items())
                if error is not first
            ]
        first.remedy = "\n".join(filter(None, (first.remedy, *others))) or None
        return first

    def _note_failure(self, index: int, error: errors.KubevitalsError, began: float) -> None:
        now = self._clock()
        with self._lock:
            if index not in self._errors:
                self._since[index] = self._now()
            self._errors[index] = error
            self._retry_at[index] = now + max(self._retry_seconds, _PAUSE_FOR_PATIENCE * (now - began))

    def _note_success(self, index: int, usage: sources.Usage) -> None:
        with self._lock:
            if index in self._errors or index not in self._since:
                self._since[index] = self._now()
            self._errors.pop(index, None)
            if any(better not in self._errors for better in range(index)):
                return  # meanwhile a better one was found to answer again, by another thread
            self._current = index
            for worse in range(index + 1, len(self._candidates)):  # what they said was of another time
                self._errors.pop(worse, None)
                self._since.pop(worse, None)
            if index:
                usage.problems.append(self._describe_fallback(index))

    def _describe_fallback(self, index: int) -> model.Problem:
        """Return the problem that says who answers, since when, and why nobody better does."""
        reasons = [
            f"{self._candidates[better].name}: {self._errors[better].message}" for better in range(index)
        ]
        since = self._since[index].isoformat(timespec="seconds").replace("+00:00", "Z")
        remedies = [self._errors[better].remedy for better in range(index)]
        return model.Problem(
            "source_fallback",
            f"usage comes from {self._candidates[index].name} since {since}, because of {'; '.join(reasons)}",
            next(filter(None, remedies), None),
        )


def statuses_of(source: sources.Source) -> list[SourceStatus]:
    """Return the status of each candidate, or of the one source that was named."""
    statuses = getattr(source, "statuses", None)
    return list(statuses()) if statuses is not None else [SourceStatus(source.name, answers=True)]


def _may_be_replaced(error: errors.KubevitalsError, scope: sources.Scope) -> bool:
    """Return whether another source may do better; if not, it is the cluster or the question."""
    if isinstance(error, errors.ForbiddenError):
        return scope.pods  # an account that may not see nodes may well see its pods
    if isinstance(error, errors.StatusError):
        return error.status >= _SERVERS_FAULT
    return isinstance(error, errors.MetricsError | errors.RequestTimeoutError | errors.DecodingError)


def _is_empty(usage: sources.Usage, scope: sources.Scope) -> bool:
    """Return whether a source knows nothing of a whole cluster, which is never without nodes or pods."""
    part = scope.namespace or scope.name or scope.label_selector or scope.field_selector
    known = usage.pods or usage.nodes or usage.node_reasons or usage.reason is not None
    return not part and not known


def _problem_of(error: errors.KubevitalsError | None) -> model.Problem | None:
    return None if error is None else model.Problem.of(error)


def _nothing_collected(name: str) -> errors.MetricsEmptyError:
    return errors.MetricsEmptyError(f"{name} answers, and has no sample of any pod")
