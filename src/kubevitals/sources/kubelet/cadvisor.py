"""Reading what of a kubelet's /metrics/cadvisor stands nowhere else: throttling, OOM events, pressure. Pure.

The text is long: families are searched for, not parsed towards. Pressure is for summaries without it.
"""

from __future__ import annotations

import re

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.sources.kubelet import summary

PERIODS = "container_cpu_cfs_periods_total"
THROTTLED = "container_cpu_cfs_throttled_periods_total"
OOM_EVENTS = "container_oom_events_total"
_PRESSURE = {
    f"container_pressure_{resource}_{word}_seconds_total": f"{resource}_pressure_{share}_of_time"
    for resource in ("cpu", "memory", "io")
    for word, share in (("waiting", "some"), ("stalled", "full"))
}
_COUNTERS = {PERIODS: "periods", THROTTLED: "throttled", **_PRESSURE}
_LABEL = re.compile(r'(container|namespace|pod)="([^"\\]*)"')
_MARK = "container_"  # every text of cAdvisor has such families


def parse(body: bytes, *, received: float) -> tuple[summary.Counters, summary.Gauges]:
    """Return counters and gauges of containers as `summary.Summary` has them; "oom_events" is a gauge.

    Raises:
        errors.DecodingError: this is no such text.
    """
    text = "\n" + body.decode("utf-8", "replace")
    text = text[: text.rfind("\n") + 1]
    if f"\n{_MARK}" not in text:
        raise errors.DecodingError("the answer holds no metrics of cAdvisor")
    counters: summary.Counters = {}
    for name, field in _COUNTERS.items():
        for key, value, at in _samples(text, name):
            counters.setdefault(key, {})[field] = (value, received if at is None else at)
    gauges: summary.Gauges = {key: {"oom_events": int(value)} for key, value, _ in _samples(text, OOM_EVENTS)}
    return counters, gauges


def _samples(text: str, name: str) -> Iterator[tuple[tuple[str, str, str], float, float | None]]:
    """Yield key, value and time in seconds of each container in the family."""
    mark = f"\n{name}{{"
    begin = text.find(mark)
    if begin < 0:
        return
    end = text.find("\n", text.rfind(mark) + 1)
    for line in text[begin + 1 : end].split("\n"):
        labels, closed, rest = line.rpartition("} ")
        if not closed or not labels.startswith(name):
            continue
        said = dict(_LABEL.findall(labels))
        value, _, at = rest.partition(" ")
        try:
            number, moment = float(value), float(at) / 1000 if at else None
        except ValueError:
            continue
        if said.get("container") not in (None, "", "POD") and said.get("pod") and 0 <= number < 1 << 63:
            yield (said.get("namespace", ""), said["pod"], said["container"]), number, moment
