"""Examining one cluster for many who ask: at most once a minute, or on its own every so often.

It remembers since when each finding has been made, so that a report says when something fell silent.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.doctor import examination, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.doctor import onset
    from kubevitals.kube import client as kube_client
    from kubevitals.promql import client as promql_client

KEPT = 60.0
"""Seconds for which an examination is the answer."""


class _Kept(NamedTuple):
    answer: report.Report | errors.KubevitalsError
    until: float  # of the clock


class Examiner:
    """Examines a cluster; threads may share it. The client and Prometheus stay the caller's."""

    def __init__(
        self,
        client: kube_client.Client,
        options: examination.Options = examination.Options(),  # noqa: B008 an immutable tuple
        *,
        prometheus: promql_client.Prometheus | None = None,
        last_sample: onset.LastSample | None = None,
        clock: Callable[[], float] = time.monotonic,
        examine: Callable[..., report.Report] = examination.examine,
    ) -> None:
        self._client = client
        self._options = options
        self._prometheus = prometheus
        self._last_sample = last_sample
        self._clock = clock
        self._examine = examine
        self._lock = threading.Lock()
        self._kept: _Kept | None = None
        self._latest: report.Report | None = None
        self._since: dict[str, str] = {}  # by the finding's id
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def latest(self) -> report.Report | None:
        """The last report; None before the first, and after an examination that failed."""
        return self._latest

    def examine(self) -> report.Report:
        """Return the report of the last minute, or a new one; who asks meanwhile waits for the same one.

        Raises: what `examine` raises, for as long as a report is kept.
        """
        with self._lock:
            if self._kept is None or self._kept.until <= self._clock():
                self._kept = _Kept(self._look(), self._clock() + KEPT)
            answer = self._kept.answer
        if isinstance(answer, errors.KubevitalsError):
            raise answer
        return answer

    def start(self, every: float) -> None:
        """Examine in a thread, now and every so many seconds, until `stop`."""

        def run() -> None:
            while True:
                with contextlib.suppress(errors.KubevitalsError):  # whoever asks is told why
                    self.examine()
                if self._over.wait(every):
                    return

        self._thread = threading.Thread(target=run, name="doctor", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Examine no more on its own."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _look(self) -> report.Report | errors.KubevitalsError:
        try:
            found = self._examine(
                self._client, self._options, prometheus=self._prometheus, last_sample=self._last_sample
            )
        except errors.KubevitalsError as error:
            self._latest = None
            return error
        self._since = {each.id: self._since.get(each.id, found.started_at) for each in found.findings}
        findings = (each._replace(since=each.since or self._since[each.id]) for each in found.findings)
        self._latest = found._replace(findings=tuple(findings))
        return self._latest
