"""NodeMetrics and PodMetrics in Kubernetes' protobuf form, which `kubectl top` asks for first.

These messages need two wire types only: varints and length-delimited fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster import apiobjects
from simcluster.apiserver import go_formats

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"k8s\0"


_SHORT = [bytes((number,)) for number in range(128)]


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SHORT[number]
    pieces = bytearray()
    while number >= 0x80:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    pieces.append(number)
    return bytes(pieces)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def envelope(kind: str, api_version: str, message: bytes) -> bytes:
    """`message` as a runtime.Unknown behind the magic bytes, as every answer in this form begins."""
    meta = _field(1, api_version.encode()) + _field(2, kind.encode())
    return MAGIC + _field(1, meta) + _field(2, message) + _field(3, b"") + _field(4, b"")


def encode_list(rows: Sequence[bytes]) -> bytes:
    """A NodeMetricsList or PodMetricsList (they are alike on the wire) of encoded rows."""
    list_meta = _field(1, b"") + _field(2, b"") + _field(3, b"")
    parts = [_field(1, list_meta)]
    for row in rows:
        parts += (b"\x12", _varint(len(row)), row)
    return b"".join(parts)


def encode_row(
    usage: apiobjects.NodeUsage | apiobjects.PodUsage, served: int, *, bad_cpu: str | None = None
) -> bytes:
    """A NodeMetrics or PodMetrics; `bad_cpu` replaces the first CPU value."""
    head = _metadata(usage, served) + _time_field(0x12, int(usage.timestamp)) + _window_field(usage.window)
    if isinstance(usage, apiobjects.NodeUsage):
        return head + b"".join(_usage_fields(b"\x22", usage.cpu_nanocores, usage.memory_kibibytes, bad_cpu))
    parts = [head]
    for name, nanocores, kibibytes in usage.containers:
        container = b"".join(
            (_field(1, name.encode()), *_usage_fields(b"\x12", nanocores, kibibytes, bad_cpu))
        )
        parts += (b"\x22", _varint(len(container)), container)
        bad_cpu = None
    return b"".join(parts)


# Rows are encoded by the hundred thousand, so what follows is written out for messages that are known to be
# short.


def _usage_fields(tag: bytes, nanocores: int, kibibytes: int, cpu: str | None) -> tuple[bytes, ...]:
    """The two entries of the usage map, each in the field with that tag."""
    cpu_text = (cpu or go_formats.format_cpu(nanocores)).encode()
    memory_text = go_formats.format_memory(kibibytes).encode()
    return tag, _entry(b"cpu", cpu_text), tag, _entry(b"memory", memory_text)


def _entry(key: bytes, text: bytes) -> bytes:
    """A map entry with its length in front; all lengths fit into a byte."""
    size = len(text)
    return b"%c\n%c%b\x12%c\n%c%b" % (size + len(key) + 6, len(key), key, size + 2, size, text)


_times: dict[tuple[int, int], bytes] = {}
_windows: dict[float, bytes] = {}
_labels: dict[int, tuple[dict[str, str], bytes]] = {}
_LIMIT = 8192


def _time_field(tag: int, epoch: int) -> bytes:
    known = _times.get((tag, epoch))
    if known is None:
        if len(_times) >= _LIMIT:
            _times.clear()
        message = _integer(1, epoch) + _integer(2, 0)
        known = _times[tag, epoch] = bytes((tag, len(message))) + message
    return known


def _window_field(seconds: float) -> bytes:
    known = _windows.get(seconds)
    if known is None:
        if len(_windows) >= _LIMIT:
            _windows.clear()
        known = _windows[seconds] = _field(3, _integer(1, round(seconds * 1000) * 1_000_000))
    return known


def _encode_labels(labels: dict[str, str]) -> bytes:
    # Pods of one template share one mapping, so it is encoded once; the entry holds it, so its id stays its
    # own.
    known = _labels.get(id(labels))
    if known is None or known[0] is not labels:
        if len(_labels) >= _LIMIT:
            _labels.clear()
        entries = [
            _field(1, key.encode()) + _field(2, value.encode()) for key, value in sorted(labels.items())
        ]
        known = _labels[id(labels)] = (labels, b"".join([_field(11, entry) for entry in entries]))
    return known[1]


def _metadata(usage: apiobjects.NodeUsage | apiobjects.PodUsage, served: int) -> bytes:
    namespace = usage.namespace if isinstance(usage, apiobjects.PodUsage) else ""
    name = usage.name.encode()
    message = b"\n%b%b%b%b%b" % (
        _varint(len(name)),
        name,
        _field(3, namespace.encode()),
        _time_field(0x42, served),
        _encode_labels(usage.labels),
    )
    return _field(1, message)
