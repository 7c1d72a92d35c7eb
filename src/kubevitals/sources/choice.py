"""The choice among sources: the best one that answers, and the better ones again from time to time.

A source stands aside when it gives no usage at all; a request that fails in another way (the API server does
not answer) says nothing against it. It must not know what the sources are: they come in the order of merit.
"""

from __future__ import annotations

import _thread
import time
from datetime import UTC, datetime

from kubevitals import errors, model, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple
else:
    from kubevitals.record import NamedTuple

RETRY_SECONDS = 60.0


class Candidate:
    """A source that may be chosen.

    Args:
        name: of the source.
        open_source: makes it, when it is needed for the first time.
        check: returns why it cannot be used, say for want of a right, or None; asked before each try.
    """

    __slots__ = ("check", "name", "open_source")

    def __init__(
        self,
        name: str,
        open_source: Callable[[], sources.Source],
        *,
        check: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.open_source = open_source
        self.check = check


class Standing(NamedTuple):
    """How a source is doing: the one that answers, and why the others do not."""

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
        self._lock = _thread.allocate_lock()  # threading.Lock without the import of threading
        self._current = 0
        self._opened: dict[int, sources.Source] = {}
        self._since: dict[int, datetime] = {}
        self._failed_at: dict[int, float] = {}
        self._errors: dict[int, errors.KubevitalsError] = {}

    @property
    def name(self) -> str:
        """The name of the source that answers, or is expected to."""
        return self._candidates[self._current].name

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return the usage from the best source that gives any.

        Raises:
            errors.MetricsError, errors.ForbiddenError: what the best of them said, where none does.
            errors.ClusterError: the request failed in another way.
        """
        empty: sources.Usage | None = None
        first: errors.KubevitalsError | None = None
        for index in self._order(scope):
            try:
                usage = self._ask(index, scope)
            except (errors.MetricsError, errors.ForbiddenError) as error:
                if isinstance(error, errors.ForbiddenError) and not scope.pods:
                    raise  # an account that may not see nodes may well see its pods
                self._note_failure(index, error)
                first = first or error
                continue
            if self._is_empty(usage, scope) and len(self._candidates) > 1:
                empty = empty or usage
                self._note_failure(index, _nothing_collected(self._candidates[index].name))
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

    def standings(self) -> list[Standing]:
        """Return how each candidate is doing, in the order of merit."""
        with self._lock:
            return [
                Standing(
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

    def _order(self, scope: sources.Scope) -> list[int]:
        """Return which to ask: better ones whose time has come, the current one, and the ones behind it.

        Nodes are asked of the source that pods come from: a change of source waits for pods.
        """
        now = self._clock()
        with self._lock:
            current = self._current
            due = [
                index
                for index in range(current)
                if scope.pods and now - self._failed_at.get(index, -1e9) >= self._retry_seconds
            ]
        return [*due, *range(current, len(self._candidates))]

    def _ask(self, index: int, scope: sources.Scope) -> sources.Usage:
        candidate = self._candidates[index]
        with self._lock:
            source = self._opened.get(index)
            working = source is not None and index not in self._errors
        if not working:
            why = candidate.check()
            if why is not None:
                raise errors.NoSourceError(why)
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

    @staticmethod
    def _is_empty(usage: sources.Usage, scope: sources.Scope) -> bool:
        """Return whether a source knows nothing of a whole cluster, which is never without pods for long."""
        whole = scope.pods and not (
            scope.namespace or scope.name or scope.label_selector or scope.field_selector
        )
        return whole and not usage.pods and not usage.silent and usage.missing is None

    def _note_failure(self, index: int, error: errors.KubevitalsError) -> None:
        with self._lock:
            if index not in self._errors:
                self._since[index] = self._now()
            self._errors[index] = error
            self._failed_at[index] = self._clock()

    def _note_success(self, index: int, usage: sources.Usage) -> None:
        with self._lock:
            if index in self._errors or index not in self._since:
                self._since[index] = self._now()
            self._errors.pop(index, None)
            self._current = index
            if index:
                usage.problems.append(self._tell_fallback(index))

    def _tell_fallback(self, index: int) -> model.Problem:
        """Return the problem that says who answers, since when, and why nobody better does."""
        reasons = [
            f"{self._candidates[better].name}: {self._errors[better].message}"
            for better in range(index)
            if better in self._errors
        ]
        since = self._since[index].isoformat(timespec="seconds").replace("+00:00", "Z")
        remedies = [self._errors[better].remedy for better in range(index) if better in self._errors]
        return model.Problem(
            "source_fallback",
            f"usage comes from {self._candidates[index].name} since {since}, because of {'; '.join(reasons)}",
            next(filter(None, remedies), None),
        )


def standings_of(source: sources.Source) -> list[Standing]:
    """Return how the source is doing; of one that was named there is only one to tell of."""
    tell = getattr(source, "standings", None)
    return list(tell()) if tell is not None else [Standing(source.name, answers=True)]


def _problem_of(error: errors.KubevitalsError | None) -> model.Problem | None:
    return None if error is None else model.Problem(error.code, error.message, error.remedy)


def _nothing_collected(name: str) -> errors.MetricsEmptyError:
    return errors.MetricsEmptyError(f"{name} answers, and has no sample of any pod")
