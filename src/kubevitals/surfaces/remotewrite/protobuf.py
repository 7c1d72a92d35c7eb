"""The two messages of remote-write as protocol buffers: prometheus.WriteRequest (1.0) and
io.prometheus.write.v2.Request (2.0).

Written for speed: the labels of a series are encoded once. Only the fields that are sent are known here;
their numbers are those of the published .proto files.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kubevitals.surfaces.remotewrite.series import Sample, Series

NAME = "__name__"  # the label that holds the name of the series
_pack_double: Callable[[float], bytes] = struct.Struct("<d").pack


class Encoder1:
    """Encodes WriteRequests of version 1.0; the encoded labels are kept in the series."""

    content_type = "application/x-protobuf"
    version = "0.1.0"

    def __init__(self) -> None:
        self._names: dict[str, bytes] = {}

    def encode(self, batch: Sequence[Sample]) -> bytes:
        """Return one WriteRequest with these samples."""
        parts = []
        tails: dict[int, bytes] = {}
        for series, value, moment in batch:
            head = series.encoded
            if head is None:
                head = series.encoded = self._encode_labels(series)
            tail = tails.get(moment)
            if tail is None:
                tail = tails[moment] = _tail(moment)
            # TimeSeries: repeated Label labels = 1; repeated Sample samples = 2, here one
            body = b"%b\x12%b\x09%b%b" % (head, _BYTE[9 + len(tail)], _pack_double(value), tail)
            parts.append(b"\x0a%b%b" % (varint(len(body)), body))  # WriteRequest: TimeSeries timeseries = 1
        return b"".join(parts)

    def _encode_labels(self, series: Series) -> bytes:
        """Return the fields of all labels in the order of their names; capitals come before __name__."""
        if series.word is not None:
            return _encode_pairs(series.labels)
        name = self._names.get(series.name)
        if name is None:
            name = self._names[series.name] = _encode_pairs([(NAME, series.name)])
        rest = series.label_set.encoded
        if rest is None:
            pairs = series.label_set.pairs
            rest = series.label_set.encoded = (
                _encode_pairs([pair for pair in pairs if pair[0] < NAME]),
                _encode_pairs([pair for pair in pairs if pair[0] > NAME]),
            )
        return b"%b%b%b" % (rest[0], name, rest[1])


class Encoder2:
    """Encodes Requests of version 2.0, in which each text of a label stands once, in a table of symbols."""

    content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    version = "2.0.0"

    def encode(self, batch: Sequence[Sample]) -> bytes:
        """Return one Request with these samples."""
        symbols: dict[str, int] = {"": 0}
        parts = []
        for series, value, moment in batch:
            places = b"".join(
                [varint(symbols.setdefault(text, len(symbols))) for pair in series.labels for text in pair]
            )
            sample = b"\x09" + _pack_double(value) + _tail(moment)
            # TimeSeries: repeated uint32 labels_refs = 1 (packed); repeated Sample samples = 2;
            # Metadata metadata = 5, of which MetricType type = 1: counter 1, gauge 2
            kind = b"\x2a\x02\x08" + (b"\x01" if series.name.endswith("_total") else b"\x02")
            body = b"\x0a" + varint(len(places)) + places + b"\x12" + _BYTE[len(sample)] + sample + kind
            parts.append(b"\x2a" + varint(len(body)) + body)  # Request: TimeSeries timeseries = 5
        table = [_field(b"\x22", text) for text in symbols]  # Request: repeated string symbols = 4
        return b"".join((*table, *parts))


def varint(number: int) -> bytes:
    """Return an int64 as protocol buffers write it."""
    if 0 <= number < 128:
        return _BYTE[number]
    if number < 0:  # two's complement in 64 bits
        number += 1 << 64
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


_BYTE = tuple(bytes([number]) for number in range(128))


def _tail(moment: int) -> bytes:
    """Return the second half of a Sample: double value = 1; int64 timestamp = 2."""
    return b"\x10" + varint(moment)


def _encode_pairs(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return label fields: Label has string name = 1; string value = 2."""
    made = []
    for name, value in pairs:
        body = _field(b"\x0a", name) + _field(b"\x12", value)
        made.append(b"\x0a" + varint(len(body)) + body)
    return b"".join(made)


def _field(tag: bytes, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return tag + varint(len(data)) + data
