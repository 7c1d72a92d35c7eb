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
_THROTTLING = {PERIODS: "periods", THROTTLED: "throttled"}
_LABEL = re.compile(r'[{,](container|namespace|pod)="([^"\\]*)"')


def parse(body: bytes, *, received: float, pressure: bool = True) -> tuple[summary.Counters, summary.Gauges]:
    """Return counters and gauges of containers as `summary.Summary` has them; "oom_events" is a gauge.

    Without `pressure` it is not looked for.

    Raises:
        errors.DecodingError: this is no such text.
    """
    text = b"\n" + body[: body.rfind(b"\n") + 1]
    if b"\ncontainer_" not in text:
        raise errors.DecodingError("the answer holds no metrics of cAdvisor")
    counters: summary.Counters = {}
    gauges: summary.Gauges = {}
    families = {**_THROTTLING, **(_PRESSURE if pressure else {})}
    place = 0
    for name in sorted((*families, OOM_EVENTS)):  # as cAdvisor writes them: the text is searched once
        place, family = _find_family(text, name, place)
        for key, value, at in _read_family(family, name):
            field = families.get(name)
            if field is not None:
                counters.setdefault(key, {})[field] = (value, received if at is None else at)
            else:
                gauges.setdefault(key, {})["oom_events"] = int(value)
    return counters, gauges


def _find_family(text: bytes, name: str, place: int) -> tuple[int, str]:
    """Return where the family ends, and its lines; it is looked for from `place` on first."""
    mark = f"\n{name}{{".encode()
    begin = text.find(mark, place)
    if begin < 0 and place:
        begin = text.find(mark, 0, place)
    if begin < 0:
        return place, ""
    end = text.find(b"\n#", begin)  # what explains the next one
    end = len(text) if end < 0 else end
    return end, text[begin + 1 : end].decode("utf-8", "replace")


def _read_family(family: str, name: str) -> Iterator[tuple[tuple[str, str, str], float, float | None]]:
    """Yield key, value and time in seconds of each container in the family."""
    for line in family.split("\n"):
        labels, closed, rest = line.rpartition("} ")
        if not closed or not labels.startswith(f"{name}{{"):
            continue
        said = dict(_LABEL.findall(labels))
        value, _, at = rest.partition(" ")
        try:
            number, moment = float(value), float(at) / 1000 if at else None
        except ValueError:
            continue
        if said.get("container") not in (None, "", "POD") and said.get("pod") and 0 <= number < 1 << 63:
            yield (said.get("namespace", ""), said["pod"], said["container"]), number, moment
