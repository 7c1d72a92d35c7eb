"""The thread that sends recorded snapshots in order, at a bounded rate, and remembers its position.

The position moves on when the receiver has taken all samples of a tick. After a stop or a kill in the middle
of a tick, that tick is sent again: the same samples with the same times, which a database stores once.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubevitals import errors, model
from kubevitals.kube.http import retries
from kubevitals.surfaces.remotewrite import series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from kubevitals.surfaces.remotewrite import sender as senders

_LOG = logging.getLogger(__name__)
_BATCH = 5_000  # samples in a request; receivers bound its size, Mimir to 100 MB and others to less
_RATE = 50_000.0  # samples a second at most, so that catching up does not drown the receiver
_POLL = 5.0  # seconds between looks at the queue without a notification
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0
_MILLISECOND = timedelta(milliseconds=1)
_OVERLAP = 8  # ticks that are read once more after a start, so that each cluster of some is among them


class Queue(Protocol):
    """Recorded snapshots as a queue: the file of history."""

    def snapshots(self, after: int) -> Iterator[tuple[int, model.Snapshot]]:
        """Yield the number and the snapshot of each tick after tick `after`, in order."""
        ...

    def hold(self, name: str, tick: int) -> None:
        """Store the position of the reader `name`: the last tick that it needs no more."""
        ...

    def held(self, name: str) -> int | None:
        """Return the position of the reader `name`; None if it has none yet."""
        ...


class Status(NamedTuple):
    """How the writer is doing."""

    sent: int = 0  # samples that were taken, since the start
    refused: int = 0  # samples that the receiver will never take
    retries: int = 0
    tick: int = 0  # the position: the last tick that was taken whole
    problem: model.Problem | None = None
    protocol: str = ""  # followed by "?" until the receiver has accepted it
    lag_seconds: float | None = None  # from the position to the newest tick; None if unknown


class Writer:
    """Sends in a thread of its own. Use it in a `with` block, or `start()` and `stop()` it.

    Args:
        queue: the recorded snapshots.
        sender: makes the requests.
        name: the name of the position in the queue; each receiver needs its own.
        external: labels that are added to each series.
        rate: the most samples to send in a second.
        wait: sleeps for so many seconds, or returns True early when the writer is to stop.
        clock: returns monotonic seconds.
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        queue: Queue,
        sender: senders.Sender,
        *,
        name: str = "remote-write",
        external: Mapping[str, str] | None = None,
        rate: float = _RATE,
        wait: Callable[[float], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = retries.draw,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._name = name
        self._external = external
        self._rate = rate
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._wait = wait or self._stopping.wait
        self._clock = clock
        self._jitter = jitter
        self._samplers: dict[str, series.Sampler] = {}
        self._status = Status()
        self._thread: threading.Thread | None = None
        self._free_at = 0.0  # when the rate allows the next batch
        self._newest: datetime | None = None  # of what was recorded
        self._reached: datetime | None = None  # the last tick that is done, or else the first that is not

    def start(self) -> None:
        """Start the thread and return at once."""
        self._thread = threading.Thread(target=self._run, name="remote-write", daemon=True)
        self._thread.start()

    def wake(self, at: datetime | None = None) -> None:
        """Notify the writer of a new tick, recorded at that time."""
        self._newest = at or self._newest
        self._news.set()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop, even in the middle of a tick: what is not acknowledged is sent after the next start."""
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout)
        self._sender.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def status(self) -> Status:
        """Return the counters, the current problem and the lag."""
        newest, reached = self._newest, self._reached
        lag = None
        if newest is not None and reached is not None:
            lag = max(0, (newest - reached) // _MILLISECOND) / 1000  # finer than that, no time is kept
        return self._status._replace(protocol=self._sender.protocol, lag_seconds=lag)

    def send_recorded(self) -> None:
        """Send everything after the position, and return when that is done or the writer is to stop.

        Raises:
            errors.HistoryError: the queue cannot be read.
        """
        done = self._queue.held(self._name)
        if done is None:
            done = 0
            self._queue.hold(self._name, done)
        # The last ticks that are done are read once more after a start: so it is known which series end next.
        after = done if self._samplers else done - _OVERLAP
        for tick, snapshot in self._queue.snapshots(after):
            sampler = self._samplers.get(snapshot.cluster)
            if sampler is None:
                sampler = self._samplers[snapshot.cluster] = series.Sampler(self._external)
            samples = sampler.sample(snapshot)
            if tick > done and not self._send_tick(tick, snapshot.generated_at, samples):
                self._samplers = {}  # these samples count as seen, and were not sent
                return
            self._reached = snapshot.generated_at

    def _send_tick(self, tick: int, at: datetime, samples: Sequence[series.Sample]) -> bool:
        """Send all samples of a tick and move the position; return False if the writer is to stop before."""
        self._reached = self._reached or at
        refused = self._status.refused
        for start in range(0, len(samples), _BATCH):
            if not self._deliver(samples[start : start + _BATCH]):
                return False
        self._queue.hold(self._name, tick)
        self._status = self._status._replace(tick=tick)
        if self._status.refused == refused:
            self._report(None)
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                self.send_recorded()
            except errors.HistoryError as error:
                self._report(model.Problem("remote_write_queue", error.message, error.remedy))
            except Exception as error:  # noqa: BLE001 - the boundary of a thread, without which nothing is sent
                self._samplers = {}
                if self._status.problem is None or self._status.problem.code != "remote_write_failed":
                    _LOG.exception("remote-write failed", extra={"event": "remote_write_failed"})
                self._report(
                    model.Problem("remote_write_failed", f"unexpected {type(error).__name__} in remote-write")
                )
            self._news.wait(_POLL)

    def _deliver(self, batch: Sequence[series.Sample]) -> bool:
        """Send the batch until it is written or refused; return False if the writer is to stop before."""
        attempts = 0
        while not self._stopping.is_set():
            pause = self._free_at - self._clock()
            if pause > 0 and self._wait(pause):
                return False
            outcome = self._sender.send(batch)
            self._free_at = self._clock() + len(batch) / self._rate
            if outcome.retry is None:
                self._settle(batch, outcome)
                return True
            attempts += 1
            self._status = self._status._replace(retries=self._status.retries + 1)
            self._report(
                model.Problem(
                    "remote_write_away",
                    f"remote-write waits for its receiver: {outcome.reason}",
                    "what is recorded is kept and sent in order when it answers",
                )
            )
            delay = min(_FIRST_DELAY * 2 ** min(attempts - 1, 10), _LONGEST_DELAY)
            delay *= 0.5 + 0.5 * self._jitter()
            if self._wait(min(max(delay, outcome.retry), 2 * _LONGEST_DELAY)):
                return False
        return False

    def _settle(self, batch: Sequence[series.Sample], outcome: senders.Outcome) -> None:
        status, whole = self._status, len(batch)
        count = min(outcome.samples_written or 0, whole) if not outcome.written else whole
        self._status = status._replace(sent=status.sent + count, refused=status.refused + whole - count)
        if outcome.written:
            if status.problem is not None and status.problem.code == "remote_write_away":
                self._report(None)
            return
        self._report(
            model.Problem(
                "remote_write_refused",
                f"the receiver of remote-write refuses samples for good: {outcome.reason}",
                "read its words: samples too old or out of order, labels it does not take, or no right",
            )
        )

    def _report(self, problem: model.Problem | None) -> None:
        before = self._status.problem
        self._status = self._status._replace(problem=problem)
        if problem is None:
            if before is not None:
                _LOG.info("remote-write goes on", extra={"event": "remote_write_recovered"})
        elif before is None or before.code != problem.code:
            _LOG.warning("%s", problem.message, extra={"event": problem.code})
