"""Reading the text of a kubelet's /metrics/resource: the few families that usage is made of. Pure.

The text is hostile: what cannot be read costs its own line, never the node. What a kubelet writes is found by
one regular expression a family, at the speed of C; any other form of the same format is read line by line.
"""

from __future__ import annotations

import re

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    Key = tuple[str, str, str]  # namespace, pod, container
    Point = tuple[float | None, float | None, int | None, float | None]  # cpu, at, memory, start
else:
    from kubevitals.namedtuple import NamedTuple

CPU = "container_cpu_usage_seconds_total"
MEMORY = "container_memory_working_set_bytes"
START = "container_start_time_seconds"
NODE_CPU = "node_cpu_usage_seconds_total"
NODE_MEMORY = "node_memory_working_set_bytes"
SCRAPE_ERRORS = ("scrape_error", "resource_scrape_error")  # before and since Kubernetes 1.29
_OF_CONTAINERS = (CPU, MEMORY, START)
_OF_NODES = (NODE_CPU, NODE_MEMORY)
_WANTED = frozenset((*_OF_CONTAINERS, *_OF_NODES, *SCRAPE_ERRORS))

_VALUE = r" ([-+.eE0-9]+)(?: (-?[0-9]{1,16}))?(?=\n)"
_LABELS = r'\{container="([^"\\\n]*)",namespace="([^"\\\n]*)",pod="([^"\\\n]*)"\}'
_QUICK = {name: re.compile(f"\n{name}{_LABELS}{_VALUE}") for name in _OF_CONTAINERS}
_QUICK |= {name: re.compile(f"\n{name}{_VALUE}") for name in (*_OF_NODES, *SCRAPE_ERRORS)}
_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,?)')
_END_OF_LABELS = re.compile(r"[ \t]*\}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,6})?")
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_LARGEST = float(1 << 63)  # bytes beyond it are none
_LATEST = 253402300800.0  # seconds until the year 10000, which no calendar here knows
_INFINITE = float("inf")


class Reading(NamedTuple):
    """The metrics of one kubelet: counters in core-seconds, bytes, and times in seconds since 1970.

    `containers` holds by (namespace, pod, container): the counter, when it was read, the working set, and
    when the container started; each None where it is missing or no number. `failed` says that the kubelet
    could not measure by its own account.
    """

    node_cpu: float | None
    node_at: float | None
    node_memory: int | None
    containers: dict[Key, Point]
    failed: bool = False


def parse(body: bytes, *, received: float) -> Reading:
    """Return the metrics in the text. Samples without a time of their own are taken to be of `received`.

    A series that comes twice with two values is unknown: either may be right. A last line without
    its end is left out, as it may be cut in the middle of a number.

    Raises:
        errors.DecodingError: it holds no metrics of a kubelet.
    """
    text = "\n" + body.decode("utf-8", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    seconds = 1.0 if text.rstrip("\n").endswith("\n# EOF") else 0.001  # the unit of times in OpenMetrics
    text = text[: text.rfind("\n") + 1]
    found = None if seconds == 1.0 else _find_quickly(text)
    if found is None:
        found = _find_by_line(text)
    if not any(found.values()):
        raise errors.DecodingError("the answer holds no metrics of a kubelet")
    for name in _OF_CONTAINERS:
        found[name] = _settle(found[name], 3)
    for name in _OF_NODES:
        found[name] = _settle(found[name], 0)
    return _collect(found, seconds=seconds, received=received)


if TYPE_CHECKING:
    # By family: (container, namespace, pod, value, time) of containers, (value, time) of a node; time may be
    # empty.
    Found = dict[str, list[tuple[str, ...]]]


def _find_quickly(text: str) -> Found | None:
    """Return all series as a kubelet writes them; None if one of them is written otherwise."""
    if "\n " in text or "\n\t" in text:
        return None
    found: Found = {}
    for name, pattern in _QUICK.items():
        mark = "\n" + name
        begin = text.find(mark)  # a family stands in one place: searching for it is quicker than matching
        if begin < 0:
            found[name] = []
            continue
        end = text.find("\n", text.rfind(mark) + 1) + 1
        rows = pattern.findall(text, begin, end)
        if len(rows) != text.count(mark, begin, end):
            return None
        found[name] = rows
    return found


def _find_by_line(text: str) -> Found:
    """Return all series that can be read, however they are written."""
    found: Found = {name: [] for name in _WANTED}
    for name, labels, rest in _series(text):
        value, _, at = rest.partition(" # ")[0].strip().replace("\t", " ").partition(" ")
        at = at.strip()
        if at and _NUMBER.fullmatch(at) is None:
            continue
        if _NUMBER.fullmatch(value) is None:  # NaN, infinity, and what float() takes beyond numbers
            value = "nan"
        if name not in _OF_CONTAINERS:
            found[name].append((value, at))
        elif labels.keys() >= {"container", "namespace", "pod"}:
            found[name].append((labels["container"], labels["namespace"], labels["pod"], value, at))
    return found


def _series(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield name, labels and the rest of each line of a wanted family."""
    for line in text.split("\n"):
        match = _NAME.match(line)
        if match is None or match[1] not in _WANTED:
            continue
        position = match.end()
        labels: dict[str, str] = {}
        if line[position : position + 1] == "{":
            position += 1
            while label := _LABEL.match(line, position):
                labels[label[1]] = _unescape(label[2])
                position = label.end()
                if not label[3]:
                    break
            end = _END_OF_LABELS.match(line, position)
            if end is None:
                continue
            position = end.end()
        yield match[1], labels, line[position:]


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0]), text)


def _settle(rows: list[tuple[str, ...]], labels: int) -> list[tuple[str, ...]]:
    """Return one row a series, whose labels come first; without a number where two values contradict."""
    if len(rows) < 2 or len({row[:labels] for row in rows}) == len(rows):
        return rows
    settled: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row in rows:
        before = settled.setdefault(row[:labels], row)
        if _number(before[labels]) != _number(row[labels]):
            settled[row[:labels]] = (*row[:labels], "nan", *before[labels + 1 :])
    return list(settled.values())


def _collect(found: Found, *, seconds: float, received: float) -> Reading:
    starts = {row[:3]: _number(row[3]) for row in found[START]}
    memories = {row[:3]: _bytes(row[3]) for row in found[MEMORY]}
    read = _Moments(seconds, received).read
    containers: dict[Key, Point] = {}
    for row in found[CPU]:
        key = row[:3]
        containers[row[1], row[2], row[0]] = (
            _number(row[3]),
            read(row[4]),
            memories.get(key),
            starts.get(key),
        )
    lonely = memories.keys() - {row[:3] for row in found[CPU]}
    for row in found[MEMORY] if lonely else ():
        key = row[:3]
        if key in lonely:
            containers[row[1], row[2], row[0]] = (None, read(row[4]), memories[key], starts.get(key))
    node_cpu, node_memory = found[NODE_CPU][-1:], found[NODE_MEMORY][-1:]
    return Reading(
        _number(node_cpu[0][0]) if node_cpu else None,
        read((node_cpu or node_memory)[0][1]) if node_cpu or node_memory else None,
        _bytes(node_memory[0][0]) if node_memory else None,
        containers,
        any(_number(row[0]) for name in SCRAPE_ERRORS for row in found[name]),
    )


class _Moments:
    """Reads times, in units of `seconds`; an empty one is the time of `received`."""

    __slots__ = ("_received", "_seconds")

    def __init__(self, seconds: float, received: float) -> None:
        self._seconds = seconds
        self._received = received

    def read(self, text: str) -> float | None:
        if not text:
            return self._received
        value = float(text)
        if self._seconds != 1.0:
            value /= 1000  # exact to the millisecond, which a product with 0.001 is not
        return value if 0.0 < value < _LATEST else None


def _number(text: str) -> float | None:
    """Return a counter or a time; None for what is negative, infinite or no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value < _INFINITE else None


def _bytes(text: str) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value < _LARGEST else None
