"""Targets: the small languages that people write in options and parameters, and servers in their objects."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tests.fuzz import runner

from kubevitals import errors, kinds, quantity
from kubevitals.cli import values
from kubevitals.kube import timestamps
from kubevitals.selection import filters, selectors

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = b"100m 1.5 123456n 17Gi 1e3 +5 -7 0.1u 5E 2k 1536Mi 100M .5 12e-3Ki".split()
_TIMES = [
    b"2026-03-01T12:00:00Z",
    b"2026-03-01T12:00:00.123456789+02:00",
    b"1h30m",
    b"15s",
    b"250ms",
    b"1.5h",
]
_LABELS = [b"app=web,tier!=db", b"a in (b, c),d notin (e)", b"!x,y", b"app.kubernetes.io/name==a.b-c_d"]
_FILTERS = [
    b"cpu>500m",
    b"-status:running memory>=1Gi",
    b'name:"a b" or (restarts>3 and age<2h)',
    b"label.app:web",
]


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Call `read` with text; what is no UTF-8 comes as an operating system gives it to a program."""
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


def _read_filter(text: str) -> None:
    for kind in kinds.KINDS.values():
        try:
            terms = filters.parse(text, kind)
        except errors.UsageError:
            continue
        assert filters.parse(filters.format_filter(terms), kind) == terms


def _read_quantity(text: str) -> None:
    for parse in (quantity.parse_cpu, quantity.parse_memory):
        try:
            value = parse(text)
        except errors.QuantityError:
            continue
        assert value == value, "not a number"  # noqa: PLR0124 - what NaN is told by


def _read_values(text: str) -> None:
    readers: tuple[Callable[[str], Any], ...] = (
        values.parse_count, values.parse_listening_port, values.parse_duration, values.parse_timeout,
        values.parse_size,
    )  # fmt: skip
    for read in readers:
        try:
            value = read(text)
        except argparse.ArgumentTypeError:
            continue
        assert 0 <= value < 1 << 60


def _read_times(text: str) -> None:
    for parse in (timestamps.parse_time, timestamps.parse_duration):
        try:
            parse(text)
        except errors.DecodingError:
            continue


_USAGE = (errors.UsageError,)
TARGETS = (
    runner.Target(
        "label-selectors",
        lambda: _LABELS,
        _text(selectors.parse_labels),
        _USAGE,
        (b" in (", b" notin (", b"!=", b")"),
    ),
    runner.Target(
        "field-selectors",
        lambda: [b"metadata.name=a,spec.nodeName!=b", b"status.phase==Running"],
        _text(lambda text: selectors.parse_fields(text, kinds.PODS.selectable)),
        _USAGE,
        (b"status.phase", b"!=", b"\\,", b"\\="),
    ),
    runner.Target(
        "filters", lambda: _FILTERS, _text(_read_filter), words=(b" or ", b" and ", b"-", b"(", b">=")
    ),
    runner.Target(
        "quantities", lambda: _NUMBERS, _text(_read_quantity), words=(b"Ki", b"m", b"e", b"E", b".")
    ),
    runner.Target("times", lambda: _TIMES, _text(_read_times), words=(b"Z", b"+14:00", b"h", b"T")),
    runner.Target(
        "option-values",
        lambda: [*_NUMBERS, *_TIMES, b"500Mi", b"8080"],
        _text(_read_values),
        words=(b"Ti", b"s"),
    ),
)
