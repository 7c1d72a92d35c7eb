"""What is remembered of one node between rounds: its counters, its usage, or why there is none. No I/O."""

from __future__ import annotations

from kubevitals.sources.kubelet import detail, rates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals import details
    from kubevitals.sources.kubelet import failures, scrape, summary

_LONGEST_PAUSE = 60.0  # seconds for which a kubelet that only costs time is left alone
_FIRST_PAUSE = 20.0
_LOST = frozenset({"kubelet_unreachable", "kubelet_timeout", "kubelet_tls"})


class NodeState:
    """One node. `read_at` is when the round ended in which it was asked last, in seconds since 1970."""

    __slots__ = (
        "_counted",
        "_rates",
        "_retry_at",
        "_timeouts",
        "details",
        "failure",
        "missing",
        "read_at",
        "usage",
    )

    def __init__(self) -> None:
        self.usage: rates.NodeUsage | None = None
        self.failure: failures.Failure | None = None
        self.details: dict[summary.Key, details.Detail] = {}
        self.missing: failures.Failure | None = None  # why details are unknown
        self.read_at: float | None = None
        self._counted: detail.Details | None = None  # where details were asked for
        self._rates = rates.NodeRates()
        self._retry_at = 0.0
        self._timeouts = 0  # in a row

    @property
    def is_lost(self) -> bool:
        """Whether its kubelet may be elsewhere than the Node object said."""
        return self.failure is not None and self.failure.code in _LOST

    def is_due(self, now: float, *, oldest: float) -> bool:
        """Return whether to ask it again: nothing of it is newer than `oldest`, and it is not left alone."""
        if self.read_at is None or self.read_at > now:  # a clock that was set back must not silence it
            return True
        return self.read_at <= oldest and now >= self._retry_at

    def succeed(self, scraped: scrape.Scrape, missing: failures.Failure | None) -> None:
        """Take over what its kubelet answered, and why details are unknown."""
        self.usage = self._rates.update(scraped.usage)
        self.failure, self._timeouts, self._retry_at = None, 0, 0.0
        self.missing = missing
        if scraped.gauges:
            self._counted = self._counted or detail.Details()
            self.details = self._counted.update(scraped.gauges, scraped.counters)
        else:
            self.details = {}

    def fail(self, failure: failures.Failure, now: float) -> None:
        """Note why there is nothing. Counters are kept: the next reading gives a rate over the gap."""
        self.usage, self.failure = None, failure
        self.details, self.missing = {}, None
        self._timeouts = self._timeouts + 1 if failure.code == "kubelet_timeout" else 0
        self._retry_at = 0.0
        if self._timeouts > 1:  # each further try would cost a whole round its time-out
            self._retry_at = now + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._timeouts - 2, 6))
