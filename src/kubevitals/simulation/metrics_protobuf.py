"""NodeMetrics and PodMetrics in Kubernetes' protobuf form: what kubectl top asks for first. Pure functions.

Only the few wire rules that these messages need: varints and length-delimited fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.simulation import quantities, records

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"k8s\0"


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
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


def _entry(number: int, key: str, value: bytes) -> bytes:
    return _field(number, _field(1, key.encode()) + _field(2, value))


def envelope(kind: str, api_version: str, message: bytes) -> bytes:
    """`message` as a runtime.Unknown behind the magic bytes, as every answer in this form begins."""
    meta = _field(1, api_version.encode()) + _field(2, kind.encode())
    return MAGIC + _field(1, meta) + _field(2, message) + _field(3, b"") + _field(4, b"")


def encode_list(rows: Sequence[bytes]) -> bytes:
    """A NodeMetricsList or PodMetricsList (they are alike on the wire) of encoded rows."""
    list_meta = _field(1, b"") + _field(2, b"") + _field(3, b"")
    return b"".join([_field(1, list_meta), *[_field(2, row) for row in rows]])


def encode_row(
    usage: records.NodeUsage | records.PodUsage, served: int, *, bad_cpu: str | None = None
) -> bytes:
    """A NodeMetrics or PodMetrics; `bad_cpu` replaces the first CPU value."""
    head = _metadata(usage, served) + _time_field(2, int(usage.timestamp))
    head += _field(3, _integer(1, round(usage.window * 1000) * 1_000_000))
    if isinstance(usage, records.NodeUsage):
        return head + _usage_fields(4, usage.cpu_nanocores, usage.memory_kibibytes, bad_cpu)
    parts = [head]
    for name, nanocores, kibibytes in usage.containers:
        parts.append(_field(4, _field(1, name.encode()) + _usage_fields(2, nanocores, kibibytes, bad_cpu)))
        bad_cpu = None
    return b"".join(parts)


def _usage_fields(number: int, nanocores: int, kibibytes: int, cpu: str | None) -> bytes:
    cpu = cpu or quantities.format_cpu(nanocores)
    memory = quantities.format_memory(kibibytes)
    return _entry(number, "cpu", _field(1, cpu.encode())) + _entry(
        number, "memory", _field(1, memory.encode())
    )


def _time_field(number: int, epoch: int) -> bytes:
    return _field(number, _integer(1, epoch) + _integer(2, 0))


def _metadata(usage: records.NodeUsage | records.PodUsage, served: int) -> bytes:
    namespace = usage.namespace if isinstance(usage, records.PodUsage) else ""
    parts = [_field(1, usage.name.encode()), _field(3, namespace.encode()), _time_field(8, served)]
    parts.extend(_entry(11, key, value.encode()) for key, value in sorted(usage.labels.items()))
    return _field(1, b"".join(parts))
