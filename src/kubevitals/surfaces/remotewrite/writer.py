"""The thread that sends recorded snapshots in order, at a bounded rate, and remembers its position.

A request that the receiver refuses for good is sent again in halves, so that a sample that it does not take
costs no other one. The position moves on when each sample of a tick was taken, or refused by itself. After a
stop or a kill in the middle of a tick, that tick is sent again: the same samples with the same times, which a
database stores once.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubevitals import errors, model, sanitize
from kubevitals.kube.http import retries
from kubevitals.surfaces.remotewrite import series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from kubevitals.surfaces.remotewrite import sender as senders

_LOG = logging.getLogger(__name__)
_BATCH = 5_000  # samples in a request; receivers bound its size, Mimir to 100 MB and others to less
_LEAST_BATCH = 100  # to which that falls where a receiver calls requests too large
_RATE = 50_000.0  # samples a second at most, so that catching up does not drown the receiver
_POLL = 5.0  # seconds between looks at the queue without a notification
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0
_MILLISECOND = timedelta(milliseconds=1)
_HALVES = 256  # further requests a tick at most to find the samples that are refused
_LONGEST_NAME = 300  # characters of a series in a message
_NAMED = 3  # refused series that a message names
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
        self._batch = _BATCH  # less where the receiver takes less in a request
        self._refused: dict[series.Series, bool] = {}  # in the last ticks; True: in a request of its own

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
                self._forget()  # these samples count as seen, and were not sent
                return
            self._reached = snapshot.generated_at

    def _send_tick(self, tick: int, at: datetime, samples: Sequence[series.Sample]) -> bool:
        """Send all samples of a tick and move the position; return False if the writer is to stop before."""
        self._reached = self._reached or at
        refused: list[tuple[Sequence[series.Sample], senders.Outcome]] = []
        halves = _HALVES
        for part in self._parts(samples):
            pending = [part]
            while pending:  # the first half comes first, so that few are pending
                batch = pending.pop()
                outcome = self._deliver(batch)
                if outcome is None:
                    return False
                if outcome.too_large:
                    self._batch = max(_LEAST_BATCH, min(self._batch, len(batch) // 2))
                if outcome.written:
                    for each in batch if self._refused else ():
                        self._refused.pop(each.series, None)
                elif len(batch) > 1 and halves > 0:
                    halves -= 2
                    middle = (len(batch) + 1) // 2
                    pending += (batch[middle:], batch[:middle])
                    continue
                else:
                    refused.append((batch, outcome))
                self._count(batch, outcome)
        self._queue.hold(self._name, tick)
        self._status = self._status._replace(tick=tick)
        self._settle(refused, len(samples))
        return True

    def _parts(self, samples: Sequence[series.Sample]) -> Iterator[Sequence[series.Sample]]:
        """Yield the samples in requests, those of series that were refused before in requests of their own.

        So they cost the others nothing. First come those that were refused together with others: which of
        them is to blame is found out in the next ticks where it is not in one.
        """
        good, doubtful = samples, []
        if self._refused:
            good = [each for each in samples if each.series not in self._refused]
            doubtful = [each for each in samples if each.series in self._refused]
            doubtful.sort(key=lambda each: self._refused[each.series])
        for group in (good, doubtful):
            start = 0
            while start < len(group):
                size = self._batch  # it may become smaller meanwhile
                yield group[start : start + size]
                start += size

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                self.send_recorded()
            except errors.HistoryError as error:
                self._report(model.Problem("remote_write_queue", error.message, error.remedy))
            except Exception as error:  # noqa: BLE001 - the boundary of a thread, without which nothing is sent
                self._forget()
                if self._status.problem is None or self._status.problem.code != "remote_write_failed":
                    _LOG.exception("remote-write failed", extra={"event": "remote_write_failed"})
                self._report(
                    model.Problem("remote_write_failed", f"unexpected {type(error).__name__} in remote-write")
                )
            self._news.wait(_POLL)

    def _deliver(self, batch: Sequence[series.Sample]) -> senders.Outcome | None:
        """Send the batch until it is written or refused; return None if the writer is to stop before."""
        attempts = 0
        while not self._stopping.is_set():
            pause = self._free_at - self._clock()
            if pause > 0 and self._wait(pause):
                return None
            outcome = self._sender.send(batch)
            self._free_at = self._clock() + len(batch) / self._rate
            if outcome.retry is None:
                problem = self._status.problem
                if problem is not None and problem.code == "remote_write_away":
                    self._report(None)
                return outcome
            attempts += 1
            self._status = self._status._replace(retries=self._status.retries + 1)
            self._report(
                model.Problem(
                    "remote_write_away",
                    f"remote-write waits for its receiver: {outcome.reason}",
                    outcome.remedy or "what is recorded is kept and sent in order when it answers",
                )
            )
            delay = min(_FIRST_DELAY * 2 ** min(attempts - 1, 10), _LONGEST_DELAY)
            delay *= 0.5 + 0.5 * self._jitter()
            if self._wait(min(max(delay, outcome.retry), 2 * _LONGEST_DELAY)):
                return None
        return None

    def _count(self, batch: Sequence[series.Sample], outcome: senders.Outcome) -> None:
        """Count the samples of a request that is done as sent or as refused."""
        status, whole = self._status, len(batch)
        count = whole if outcome.written else min(outcome.samples_written or 0, whole)
        self._status = status._replace(sent=status.sent + count, refused=status.refused + whole - count)

    def _settle(self, refused: Sequence[tuple[Sequence[series.Sample], senders.Outcome]], whole: int) -> None:
        """Report what was refused in a tick of so many samples, and remember its series for the next one."""
        for batch, _ in refused:
            for each in batch:
                if math.isnan(each.value):  # the end of the series: it does not come again
                    self._refused.pop(each.series, None)
                else:
                    self._refused[each.series] = len(batch) == 1
        if not refused:
            if not self._refused:
                self._report(None)
            return
        count = sum(len(batch) for batch, _ in refused)
        alone = sorted(refused, key=lambda each: len(each[0]))  # names those that are known to be to blame
        names = [sanitize.excerpt(str(batch[0].series), _LONGEST_NAME) for batch, _ in alone[:_NAMED]]
        more = f" and {count - len(names)} more" if count > len(names) else ""
        self._report(
            model.Problem(
                "remote_write_refused",
                f"the receiver of remote-write refuses {count} of {whole} samples for good: "
                f"{', '.join(names)}{more}: {alone[0][1].reason}",
                "read its words: samples too old or out of order, or labels it does not take; all others are "
                "sent",
            )
        )

    def _forget(self) -> None:
        """Begin anew with the next tick that is read, and with series of its own."""
        self._samplers, self._refused = {}, {}

    def _report(self, problem: model.Problem | None) -> None:
        before = self._status.problem
        self._status = self._status._replace(problem=problem)
        if problem is None:
            if before is not None:
                _LOG.info("remote-write goes on", extra={"event": "remote_write_recovered"})
        elif before is None or before.code != problem.code:
            _LOG.warning("%s", problem.message, extra={"event": problem.code})
