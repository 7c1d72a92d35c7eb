"""Moments and durations as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals import errors
from kubevitals.kube import timestamps

MOMENT = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-30T10:00:00Z",
        "2026-07-30T10:00:00.000000Z",
        "2026-07-30T12:00:00+02:00",
        "2026-07-30T10:00:00+00:00",
    ],
)
def test_moments(text: str) -> None:
    """An RFC 3339 moment in any offset is the same moment in UTC."""
    moment = timestamps.parse_time(text)
    assert moment == MOMENT
    assert moment.tzinfo is UTC


def test_nanoseconds() -> None:
    """Go's nine digits are read as far as Python's clocks go."""
    assert timestamps.parse_time("2026-07-30T10:00:00.123456789Z") == MOMENT + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-07-30",
        "2026-07-30T10:00:00",
        "2026-13-30T10:00:00Z",
        "2026-07-30T25:00:00Z",
        "0",
        "0" * 999,
        "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_no_moment(text: str) -> None:
    """What is no moment, or lies outside of what can be counted, is an error with the start of the text."""
    with pytest.raises(errors.DecodingError) as caught:
        timestamps.parse_time(text)
    assert repr(text[:60]) in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15.0),
        ("15.021s", 15.021),
        ("0s", 0.0),
        ("0", 0.0),
        ("1m0s", 60.0),
        ("1h1m1s", 3661.0),
        ("1h", 3600.0),
        ("800ms", 0.8),
        ("9.89s", 9.89),
        (".5s", 0.5),
        ("5.s", 5.0),
        ("1m30.5s", 90.5),
        ("250µs", 0.00025),
        ("250us", 0.00025),
        ("7ns", 7e-9),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """A Go duration is so many seconds."""
    assert timestamps.parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        ".s",
        "5",
        "5x",
        "1.2.3s",
        "1 s",
        " 1s",
        "1s ",
        "-5s",
        "1e3s",
        "٣s",
        "5m5",
        "ms",
        "nan",
        "infs",
        "9" * 400 + "s",
        "1h" * 300,
    ],
)
def test_no_duration(text: str) -> None:
    """What is no duration is an error with the start of the text."""
    with pytest.raises(errors.DecodingError) as caught:
        timestamps.parse_duration(text)
    assert len(str(caught.value)) < 120


@hypothesis.given(strategies.integers(0, 99), strategies.integers(0, 59), strategies.integers(0, 59_999))
def test_parts_add_up(hours: int, minutes: int, milliseconds: int) -> None:
    """Hours, minutes and seconds add up, as Go's Duration.String writes them."""
    text = f"{hours}h{minutes}m{milliseconds / 1000:g}s"
    expected = hours * 3600 + minutes * 60 + milliseconds / 1000
    assert timestamps.parse_duration(text) == pytest.approx(expected)


OFFSETS = strategies.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@hypothesis.given(strategies.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))  # noqa: DTZ001 - naive bounds
def test_any_moment_comes_back(moment: datetime) -> None:
    """Whatever Python writes in RFC 3339 is read as the same moment, whatever its offset."""
    assert timestamps.parse_time(moment.isoformat()) == moment
