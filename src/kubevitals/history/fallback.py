"""A file of history, and what is in memory anyway for when that cannot be read, or has nothing new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kubevitals import errors, model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from kubevitals import history
    from kubevitals.history import store

    _T = TypeVar("_T")


class Fallback:
    """Answers from the file, or from memory while the file cannot be read or is not written.

    Args:
        file: asked first.
        memory: asked where the file fails.
        window: seconds that memory covers: within them it answers while the file is not written.
        clock: returns the time.
    """

    def __init__(
        self,
        file: store.Store,
        memory: history.History,
        *,
        window: float = 0.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = file.name
        self._file = file
        self._memory = memory
        self._window = timedelta(seconds=window)
        self._clock = clock

    def read(self, query: history.Query) -> history.Answer:
        """Return the answer of the file, or else of memory, with the reason in its problems.

        Raises:
            errors.HistoryError: memory cannot be read either.
        """
        answer, problems = self._ask(lambda held: held.read(query), since=query.since)
        return answer._replace(problems=(*answer.problems, *problems))

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the state that the file has of the moment, or else memory, with the reason in its problems.

        Raises: as `read`.
        """
        found, problems = self._ask(lambda held: held.snapshot_at(moment, cluster=cluster), since=moment)
        return None if found is None else found._replace(problems=(*found.problems, *problems))

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return from when to when something was recorded in the file, or else in memory.

        Raises: as `read`.
        """
        return self._ask(lambda held: held.extent(now))[0]

    def clusters(self) -> list[str]:
        """Return the names of the clusters that were recorded in the file, or else in memory.

        Raises: as `read`.
        """
        return self._ask(lambda held: held.clusters())[0]

    def close(self) -> None:
        """Do nothing: who opened both closes them."""

    def _ask(
        self, ask: Callable[[history.History], _T], *, since: datetime | None = None
    ) -> tuple[_T, tuple[model.Problem, ...]]:
        """Return the answer, and why it is not the file's."""
        recent = since is not None and self._clock() - since <= self._window
        if recent and self._file.status().role == "off":
            return ask(self._memory), self._file.problems
        try:
            return ask(self._file), ()
        except errors.HistoryError as error:
            problem = model.Problem(error.code, error.message, error.remedy)
            return ask(self._memory), (problem,)
