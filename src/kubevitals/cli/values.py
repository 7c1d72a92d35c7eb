"""The values of options: from the text of a command line to numbers, for argparse's `type=`.

Each raises argparse.ArgumentTypeError, which names the text and what it may be.
"""

from __future__ import annotations

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_SIZES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_LEAST_SIZE, _LARGEST_SIZE = 16 << 20, 1 << 50
_NO_LIMIT = 86_400.0  # seconds
_LONGEST = 100 * 366 * 86_400  # seconds; the system's clocks and timers take no much longer ones


class WholeNumber:
    """Parses a whole number from `least` to `most`, both included."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def __call__(self, text: str) -> int:
        """Return the number."""
        if text.isascii() and text.isdigit() and len(text) <= 18:
            number = int(text)
            if self._least <= number <= self._most:
                return number
        raise _wrong(f"{text!r} is no number from {self._least} to {self._most}")


parse_count = WholeNumber(1, 1_000_000_000)
parse_port = WholeNumber(1, 65_535)
parse_listening_port = WholeNumber(0, 65_535)  # 0: any port that is free


def parse_duration(text: str) -> float:
    """Return the seconds, more than 0, of a Go duration or of a bare number of seconds."""
    seconds = _parse_seconds(text)
    if not seconds:
        raise _wrong(f"{text!r} is not a duration of more than 0, like 15s, 1m or 500ms")
    return seconds


def parse_timeout(text: str) -> float:
    """Return the seconds of a time limit, as kubectl has it: 0 means none, here a day."""
    return _parse_seconds(text) or _NO_LIMIT


def parse_size(text: str) -> int:
    """Return the bytes of a size of a file, 16 MiB or more, such as 500Mi or 4Gi."""
    number, suffix = text[:-2], text[-2:]
    if number.isascii() and number.isdigit() and len(number) <= 18 and suffix in _SIZES:
        size = int(number) * _SIZES[suffix]
        if _LEAST_SIZE <= size <= _LARGEST_SIZE:
            return size
    raise _wrong(f"{text!r} is not a size of 16Mi or more, as 500Mi or 4Gi")


def _parse_seconds(text: str) -> float:
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
    else:
        from kubevitals.kube import timestamps

        try:
            seconds = timestamps.parse_duration(text)
        except errors.DecodingError:
            raise _wrong(f"{text!r} is not a duration like 15s, 1m or 500ms") from None
    if seconds > _LONGEST:
        raise _wrong(f"{text!r} is longer than 100 years")
    return seconds


def _wrong(message: str) -> argparse.ArgumentTypeError:
    import argparse

    return argparse.ArgumentTypeError(message)
