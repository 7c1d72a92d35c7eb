"""The clock of the service: a tick reads usage, joins it with the live inventory and publishes one snapshot.

A tick that fails leaves the last good snapshot in place, with the problem added to it. Each collector has one
thread for its ticks; readers share what it publishes, without a lock.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubevitals import errors, model, parallel, reader, snapshot, sources
from kubevitals.collector import composition, schedule, status
from kubevitals.kube import liveinventory
from kubevitals.kube.http import retries
from kubevitals.sources import choice

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from kubevitals import cluster as clusters

    Listener = Callable[["Published"], None]

Published = status.Published
Status = status.Status

_LOG = logging.getLogger(__name__)
_FIRST_DELAY = 1.0  # seconds after the first failure; doubled for each further one
_LONGEST_DELAY = 60.0  # or the interval, where that is longer
_LEAST_MAX_AGE = 300.0  # seconds that the last good snapshot may be old where nothing else is said
_LONGEST_TICK = 120.0  # seconds; a tick of the largest cluster takes a few, its requests have time-outs
_LOOK = 0.25  # seconds between looks at whether the lists were refused
_FIRST_LISTS = 30.0  # seconds that the first tick waits for the lists of nodes and pods


class Collector:
    """Keeps one cluster's snapshot current. Use it in a `with` block, or `start()` and `stop()` it.

    Args:
        cluster: it stays the caller's, to be closed after `stop()`.
        interval: seconds between polls of usage.
        namespace: of the pods; all where None.
        max_age: seconds that a snapshot may be old before the collector is not ready and usage is unknown
            rather than old; five minutes, or four intervals where that is longer, if None.
        nodes: follow nodes, if the account may.
        clock: epoch seconds; the cluster's own clock where None.
        wait: sleeps so many seconds; returns early, and True, when it is to stop.
        jitter: a number from 0 to 1.
        around: entered for each tick; a place to keep the garbage collector out of it.
    """

    def __init__(
        self,
        cluster: clusters.Cluster,
        *,
        interval: float = 15.0,
        namespace: str | None = None,
        max_age: float | None = None,
        nodes: bool = True,
        clock: Callable[[], float] | None = None,
        wait: Callable[[float], bool] | None = None,
        jitter: Callable[[], float] = retries.draw,
        around: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        self.cluster = cluster
        self.interval = interval
        self.namespace = namespace
        self.max_age = max(_LEAST_MAX_AGE, 4 * interval) if max_age is None else max_age
        self.inventory = liveinventory.LiveInventory(cluster.client, nodes=nodes, namespace=namespace)
        self._nodes = nodes
        self._clock = clock or (lambda: cluster.now().timestamp())
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._jitter = jitter
        self._around = around
        self._schedule = schedule.PollSchedule(interval)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._listeners: dict[object, Listener] = {}
        self._published: Published | None = None
        self._good: model.Snapshot | None = None  # the last one with usage, without a later failure's problem
        self._status = Status(self._now(), interval_seconds=interval, max_age_seconds=self.max_age)
        self._epoch = f"{time.time_ns() // 1_000_000:x}"
        self._failures_in_row = 0
        self._changed_at: datetime | None = None  # when it began to be good, or not to be
        self._beat = time.monotonic()

    @property
    def name(self) -> str:
        """The cluster's name: its context."""
        return self.cluster.name

    @property
    def latest(self) -> Published | None:
        """What is to be shown now; None before the first snapshot."""
        return self._published

    def start(self) -> None:
        """Begin to follow and to tick; returns at once. A second call does nothing."""
        if self._thread is not None or self._stopping.is_set():
            return
        self._beat = time.monotonic()
        self.inventory.start()
        self._thread = threading.Thread(target=self._run, name=f"collector-{self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End ticks and watches, waiting `timeout` seconds at most. What was published stays readable."""
        until = time.monotonic() + timeout
        self._stopping.set()
        self.inventory.stop(timeout=timeout / 4)
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Have `callback` called after each publication, in the collector's thread; it must be quick.

        Returns what ends the subscription.
        """
        key = object()
        with self._lock:
            self._listeners[key] = callback
        return lambda: self._unsubscribe(key)

    def status(self) -> Status:
        """Return how it is doing now."""
        published = self._published
        age = None
        if published is not None:
            age = max(0.0, (self._now() - published.snapshot.generated_at).total_seconds())
        pause = max(self.interval, _LONGEST_DELAY) + _LONGEST_TICK
        with self._lock:
            return self._status._replace(
                live=self._thread is not None
                and self._thread.is_alive()
                and time.monotonic() - self._beat < pause,
                ready=age is not None and age <= self.max_age,
                watch_restarts=sum(self.inventory.restarts.values()),
                failures=dict(self._status.failures),
                sources=status.merge_sources(
                    choice.statuses_of(self.cluster.source), self._status, self._changed_at
                ),
                age_seconds=age,
            )

    def tick(self) -> float:
        """Read, join and publish; return the seconds to wait until the next tick."""
        started = time.monotonic()
        try:
            made = self._join(self._read_usage())  # the answers are freed before the snapshot is shown
            self._publish_good(made)
            delay = self._schedule.next_delay(made.generated_at, composition.newest_sample(made))
        except errors.KubevitalsError as error:
            self._publish_failure(error)
            delay = self._back_off()
        seconds = time.monotonic() - started
        with self._lock:
            self._beat = time.monotonic()
            self._status = self._status._replace(last_tick_seconds=seconds)
        return delay if self._failures_in_row else max(delay - seconds, 0.2 * self.interval)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._around():
                    delay = self.tick()
            except Exception as error:  # noqa: BLE001 - the boundary of a thread, without which all stands still
                _LOG.exception("tick failed", extra={"event": "tick_failed", "cluster": self.name})
                self._publish_failure(
                    errors.KubevitalsError(f"unexpected {type(error).__name__} in the collector")
                )
                delay = self._back_off()
            if self._wait(delay):
                return

    def _read_usage(self) -> composition.UsageResults:
        """Return the usage of nodes and of pods.

        Raises:
            errors.KubevitalsError: usage of neither, or of one for another reason than missing rights.
        """
        self._wait_for_lists()
        usage = composition.UsageResults()
        source = self.cluster.source

        def fetch_nodes() -> None:
            usage.attempt("nodes", lambda: source.fetch_usage(sources.Scope(nodes=True)))

        def fetch_pods() -> None:
            scope = sources.Scope(pods=True, namespace=self.namespace)
            usage.attempt("pods", lambda: source.fetch_usage(scope))

        parallel.run([fetch_nodes, fetch_pods] if self._nodes else [fetch_pods])
        if not self._lists_settled():
            raise self._why_unsettled(usage)
        return usage

    def _wait_for_lists(self) -> None:
        """Give the first lists time, until they are there, or refused, or something is wrong with one."""
        until = time.monotonic() + (_FIRST_LISTS if self._published is None else 0.0)
        while not self._lists_settled() and not self._list_failed() and time.monotonic() < until:
            if self._stopping.is_set():
                return
            self.inventory.wait_until_ready(_LOOK)

    def _list_failed(self) -> bool:
        """Return whether a list failed by more than a missing right, beside which others may still come."""
        return any(not problem.code.endswith("_forbidden") for problem in self.inventory.problems)

    def _lists_settled(self) -> bool:
        """Return whether each list was read once or refused."""
        if self.inventory.ready:
            return True
        refused = {problem.code for problem in self.inventory.problems}
        return {"pods_forbidden", "nodes_forbidden"} - (
            set() if self._nodes else {"nodes_forbidden"}
        ) <= refused

    def _why_unsettled(self, usage: composition.UsageResults) -> errors.KubevitalsError:
        for error in usage.failures.values():
            if not isinstance(error, errors.MetricsError):
                return error  # the same as of the lists, and with its class
        for problem in self.inventory.problems:
            return composition.as_error(problem)
        return composition.as_error(
            model.Problem("starting", "nodes and pods have not been listed yet", "wait, or look at the log")
        )

    def _join(self, usage: composition.UsageResults) -> model.Snapshot:
        """Return the snapshot. Raises the failure instead, where an older one says more."""
        held = self.inventory.read()
        now = self._now()
        failure = usage.failure or self._find_empty(usage, held, now)
        if failure is not None and self._may_show_last(now):
            raise failure
        made = composition.compose(self.cluster, usage, held, failure, now=now, whole=self.namespace is None)
        if failure is None:
            return made
        if not held.resource_versions:
            raise failure
        # Nothing good to fall back to: health, requests and limits are shown, usage is unknown.
        self._publish(made)
        raise failure

    def _find_empty(
        self, usage: composition.UsageResults, held: liveinventory.Inventory, now: datetime
    ) -> errors.KubevitalsError | None:
        """Return the error for a source that answers and knows nothing where it should."""
        pods = usage.pods
        if (
            pods is None
            or pods.pods
            or pods.node_reasons
            or pods.reason is not None
            or pods.source not in ("", sources.METRICS_API)  # others say so themselves
            or not snapshot.expect_usage(held.pods, now, whole=self.namespace is None)
        ):
            return None
        return reader.empty()

    def _may_show_last(self, now: datetime) -> bool:
        good = self._good
        return good is not None and (now - good.generated_at).total_seconds() <= self.max_age

    def _publish_good(self, made: model.Snapshot) -> None:
        recovered = self._failures_in_row
        first = self._good is None
        before = self._good.source if self._good is not None else made.source
        self._good, self._failures_in_row = made, 0
        if first or recovered:
            self._changed_at = made.generated_at
        with self._lock:
            self._status = self._status._replace(
                ticks=self._status.ticks + 1,
                last_good_at=made.generated_at,
                last_error=None,
                source=made.source,
            )
        self._publish(made)
        if made.source != before:
            _LOG.info(
                "%s: usage comes from %s now, from %s before", self.name, made.source, before,
                extra={"event": "source_changed", "cluster": self.name, "source": made.source},
            )  # fmt: skip
        if first or recovered:
            _LOG.info(
                "%s of %s: %d nodes, %d pods",
                "usage again" if recovered and not first else "first snapshot",
                self.name,
                len(made.nodes),
                len(made.pods),
                extra={
                    "event": "recovered" if recovered and not first else "first_snapshot",
                    "cluster": self.name,
                },
            )

    def _publish_failure(self, error: errors.KubevitalsError) -> None:
        problem = composition.problem_of(error)
        before = self._status.last_error
        self._failures_in_row += 1
        if self._failures_in_row == 1:
            self._changed_at = self._now()
        with self._lock:
            failures = self._status.failures
            self._status = self._status._replace(
                failures={**failures, problem.code: failures.get(problem.code, 0) + 1}, last_error=problem
            )
        if before is not None and composition.fingerprint(before) == composition.fingerprint(problem):
            return
        _LOG.warning(
            "%s: %s", self.name, problem.message,
            extra={"event": "tick_failed", "cluster": self.name, "code": problem.code},
        )  # fmt: skip
        published = self._published
        gist = composition.fingerprint(problem)
        if published is not None and gist not in map(composition.fingerprint, published.snapshot.problems):
            old = self._good if self._good is not None else published.snapshot
            if published.snapshot.generated_at > old.generated_at:
                old = published.snapshot
            over = {gist, composition.fingerprint(before)} if before is not None else {gist}
            rest = tuple(each for each in old.problems if composition.fingerprint(each) not in over)
            unverified = composition.find_unverified(error, self.inventory.verified_at)
            rest = tuple(each for each in rest if each.code != composition.UNVERIFIED)
            self._publish(old._replace(problems=(problem, *unverified, *rest)))

    def _publish(self, made: model.Snapshot) -> None:
        with self._lock:
            number = 1 if self._published is None else self._published.number + 1
            published = self._published = Published(made, number, self._epoch)
            self._status = self._status._replace(coverage=composition.count_coverage(made))
            listeners = list(self._listeners.values())
        for listener in listeners:
            try:
                listener(published)
            except Exception:  # noqa: BLE001 - one surface must not silence the others
                _LOG.exception("a listener failed", extra={"event": "listener_failed", "cluster": self.name})

    def _unsubscribe(self, key: object) -> None:
        with self._lock:
            self._listeners.pop(key, None)

    def _back_off(self) -> float:
        longest = max(self.interval, _LONGEST_DELAY)
        delay = min(longest, _FIRST_DELAY * 2.0 ** min(self._failures_in_row - 1, 16))
        return delay * (0.5 + 0.5 * self._jitter())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
