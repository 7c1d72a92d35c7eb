"""Values as Go programs print them: canonical quantities, durations and times."""

from __future__ import annotations

import time

_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T")
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi")


def format_cpu(nanocores: int) -> str:
    """Nanocores as a canonical decimal quantity: 0, 1u, 2266965936n, 5m, 2."""
    if nanocores == 0:
        return "0"
    place = 0
    while nanocores % 1000 == 0 and place < len(_DECIMAL) - 1:
        nanocores //= 1000
        place += 1
    return f"{nanocores}{_DECIMAL[place]}"


def format_memory(kibibytes: int) -> str:
    """Kibibytes as a canonical binary quantity: 0, 14833444Ki, 6663Mi."""
    if kibibytes == 0:
        return "0"
    place = 0
    while kibibytes % 1024 == 0 and place < len(_BINARY) - 1:
        kibibytes //= 1024
        place += 1
    return f"{kibibytes}{_BINARY[place]}"


def format_duration(seconds: float) -> str:
    """Seconds, to the millisecond, as Go prints a duration: 9.89s, 15.021s, 1m0s, 500ms."""
    milliseconds = round(seconds * 1000)
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(rest, 1000)
    text = f"{whole}" + (f".{fraction:03d}".rstrip("0") if fraction else "") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def format_time(epoch: float) -> str:
    """An epoch as RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
