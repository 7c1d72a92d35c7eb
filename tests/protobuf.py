"""Protocol buffers read the slow and obvious way, to hold what the code writes against."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field: a varint as an int, what has a length or 8 bytes as bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
            continue
        size = struct.calcsize("<d") if tag & 7 == 1 else varint()
        yield tag >> 3, message[at : at + size]
        at += size
