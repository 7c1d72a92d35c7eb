"""Dates in HTTP headers. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def parse_date(text: str) -> float | None:
    """Return a date such as `Tue, 01 Dec 2026 05:00:00 GMT` in seconds since 1970; None for what is none."""
    words = text[:64].split()
    try:
        if len(words) == 6 and words[5] == "GMT":
            hour, minute, second = map(int, words[4].split(":"))
            month = _MONTHS.index(words[2]) + 1
            return datetime(int(words[3]), month, int(words[1]), hour, minute, second, tzinfo=UTC).timestamp()
        if not words:
            return None
        from email import utils  # older forms; it costs 10 ms of start-up

        return utils.parsedate_to_datetime(text[:64]).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
