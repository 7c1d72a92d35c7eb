"""The faults of the simulated cluster by name, and the set of those that are in force."""

from __future__ import annotations

import difflib
import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster import errors, fault_layers, fault_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _parse_count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _parse_seconds(text: str) -> float:
    scale = 1.0
    if text.endswith("ms"):
        text, scale = text[:-2], 0.001
    elif text.endswith("s"):
        text = text[:-1]
    seconds = float(text) * scale
    if not 0 <= seconds <= 3600:
        raise ValueError(text)
    return seconds


def _parse_lead(text: str) -> float:
    sign = -1.0 if text.startswith("-") else 1.0
    number, unit = text.lstrip("-")[:-1], text[-1:]
    seconds = sign * float(number) * {"s": 1, "m": 60, "h": 3600}.get(unit, math.nan)
    if not abs(seconds) <= 86_400:
        raise ValueError(text)
    return seconds


def _parse_reason(text: str) -> str:
    if text not in REASONS:
        raise ValueError(text)
    return text


def _parse_resource(text: str) -> str:
    if not text or not text.replace(".", "").replace("-", "").isalnum():
        raise ValueError(text)
    return text


def _parse_targets(text: str) -> fault_targets.Targets:
    if not text:
        raise ValueError(text)
    return fault_targets.Targets(text)


def _parse_delay(text: str) -> fault_targets.Targets:
    seconds, _, whom = text.partition("@")
    return fault_targets.Targets(whom, seconds=_parse_seconds(seconds))


class Fault(NamedTuple):
    """A fault. `argument` names the value that may follow `name=`, "" if there is none; `default` is
    used without one. `certificate` says that the fault shows a bad certificate.
    """

    name: str
    summary: str
    argument: str = ""
    default: Any = None
    parse: Callable[[str], Any] | None = None
    certificate: bool = False


EXPIRED_CERTIFICATE = "expired-certificate"
REASONS = ("FailedDiscoveryCheck", "MissingEndpoints")

_TABLE = (
    Fault("metrics-absent", "no metrics API: the group metrics.k8s.io is not registered (404)"),
    Fault(
        "metrics-unavailable",
        "the metrics API is registered, but nobody answers behind it (503, plain text); the reason that its "
        f"APIService gives is {REASONS[0]}, or as given {REASONS[1]}",
        argument="REASON",
        default=REASONS[0],
        parse=_parse_reason,
    ),
    Fault("metrics-empty", "the metrics API answers with empty lists, as before its first collection"),
    Fault("metrics-stale", "the metrics API repeats its last values: their timestamps stand still"),
    Fault(
        "clock",
        "the clocks of the whole cluster are ahead of this machine's, by 1h or as given; -20m is behind",
        argument="DURATION",
        default=3600.0,
        parse=_parse_lead,
    ),
    Fault("unauthorized", "no credential is accepted (401)"),
    Fault(
        "forbidden",
        "nothing may be read (403); with a resource, such as pods or nodes.metrics.k8s.io, only that may not",
        argument="RESOURCE",
        default="",
        parse=_parse_resource,
    ),
    Fault(
        "throttled",
        "too many requests (429 with Retry-After: 1); with a number, only the next so many",
        argument="COUNT",
        parse=_parse_count,
    ),
    Fault(
        "slow",
        "every answer waits, for 1 second or as given",
        argument="DURATION",
        default=1.0,
        parse=_parse_seconds,
    ),
    Fault(
        "cut-off",
        "the connection ends in the middle of each body; with a number, of the next so many",
        argument="COUNT",
        parse=_parse_count,
    ),
    Fault("bad-quantity", 'the first CPU value of the metrics API is "12x"'),
    Fault("watch-gone", "each watch ends at once with 410: too old resource version"),
    Fault(
        "connection-reset",
        "the connection is reset instead of an answer; with a number, the next so many times",
        argument="COUNT",
        parse=_parse_count,
    ),
    Fault(
        EXPIRED_CERTIFICATE,
        "new TLS connections see a server certificate that expired yesterday",
        certificate=True,
    ),
    *(
        Fault(
            name,
            summary,
            argument="NODES",
            default=fault_targets.Targets(),
            parse=_parse_targets,
            certificate=name == "kubelet-self-signed",
        )
        for name, summary in (
            ("kubelet-refused", "nobody listens where the kubelet should"),
            ("kubelet-hangs", "the kubelet takes each request and never answers"),
            ("kubelet-unauthorized", "the kubelet accepts no credential (401)"),
            ("kubelet-forbidden", "the kubelet allows nothing (403)"),
            ("kubelet-self-signed", "the kubelet's certificate is signed by nobody whom the cluster knows"),
            ("kubelet-cut-off", "the connection ends in the middle of each of the kubelet's bodies"),
            ("kubelet-empty", "the kubelet's answers are empty"),
            ("kubelet-garbage", "the kubelet answers with what is neither metrics nor JSON"),
            ("kubelet-duplicates", "the kubelet says each series of its metrics twice, with two values"),
            ("kubelet-scrape-error", "the kubelet cannot ask its runtime: resource_scrape_error is 1"),
            ("kubelet-zero-counters", "the kubelet reads no cgroup: pods and containers use 0 of everything"),
            ("kubelet-no-timestamps", "the kubelet's metrics do not say when they were measured"),
        )
    ),
    Fault(
        "kubelet-slow",
        "the kubelet's answers wait, for 1 second or as given; kubelet-slow=2s@20%",
        argument="DURATION[@NODES]",
        default=fault_targets.Targets(seconds=1.0),
        parse=_parse_delay,
    ),
    *(Fault(name, summary) for name, summary in fault_layers.SUMMARIES.items()),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _TABLE}


def parse_faults(names: Iterable[str]) -> dict[str, Any]:
    """A mapping from name to value for `["slow=2s", "forbidden"]`; SimulationError for an unknown fault."""
    active: dict[str, Any] = {}
    for text in names:
        name, equals, argument = text.strip().partition("=")
        fault = FAULTS.get(name)
        if fault is None:
            raise errors.SimulationError(f"there is no fault {_shown(name)!r}", remedy=_closest(name))
        if not equals:
            active[name] = fault.default
            continue
        if fault.parse is None:
            raise errors.SimulationError(f"the fault {name} takes no value", remedy=f"write {name}")
        try:
            active[name] = fault.parse(argument)
        except ValueError as error:
            raise errors.SimulationError(
                f"{_shown(argument)!r} is no {fault.argument.lower()} for the fault {name}",
                remedy=f"for example {name}={_EXAMPLES[fault.argument]}",
            ) from error
    return active


def showing_certificates(names: Iterable[str]) -> list[str]:
    """Those of the faults that show a bad certificate. Raises as `parse_faults`."""
    return [name for name in parse_faults(names) if FAULTS[name].certificate]


_EXAMPLES = {
    "REASON": REASONS[1],
    "RESOURCE": "pods",
    "COUNT": "3",
    "DURATION": "2s",
    "NODES": "20% or general-1+memory-*",
    "DURATION[@NODES]": "2s@20%",
}


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def _closest(name: str) -> str:
    close = difflib.get_close_matches(name, FAULTS, n=1, cutoff=0.4)
    known = "known faults: " + ", ".join(FAULTS)
    return f"did you mean {close[0]}? {known}" if close else known


class FaultSet:
    """The faults in force. Threads may replace them at any time."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._active = parse_faults(names)

    def replace(self, names: Iterable[str]) -> None:
        """Put exactly these in force. SimulationError if one is unknown, and nothing changes then."""
        active = parse_faults(names)
        with self._lock:
            self._active = active

    def names(self) -> list[str]:
        """The faults in force, as replace() takes them."""
        with self._lock:
            return [f"{name}={_text(value)}".rstrip("=") for name, value in self._active.items()]

    def active(self, name: str) -> bool:
        """Whether the fault is in force."""
        return name in self._active

    def value(self, name: str) -> Any:
        """The fault's value, None if it is not in force or has none."""
        return self._active.get(name)

    def take(self, name: str) -> bool:
        """Whether the fault hits this request. A fault with a count is counted down, and ends at 0."""
        if name not in self._active:
            return False
        with self._lock:
            if name not in self._active:
                return False
            left = self._active[name]
            if left == 1:
                del self._active[name]
            elif left is not None:
                self._active[name] = left - 1
            return True


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}s" if isinstance(value, float) else str(value)
