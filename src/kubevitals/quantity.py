"""Kubernetes quantities to numbers, and numbers to text for people; lengths of time, too.

The grammar is that of `resource.Quantity`:

    quantity = [sign] number [suffix]
    number   = digits | digits "." [digits] | "." digits        (ASCII digits only)
    suffix   = n u m | k M G T P E | Ki Mi Gi Ti Pi Ei | (e | E) [sign] digits

CPU is cores as a float, memory is bytes as an int. Every value is computed exactly, in integers, and
rounded once, at the end: there is no drift through floats.
"""

from __future__ import annotations

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_INT64_MAX = 2**63 - 1
_SAFE_DIGITS = 19  # fewer digits than this always fit into an int64
_EXPONENT_MAX = 9999  # far outside int64 in both directions; keeps 10**exponent small

_EXPONENT_LENGTH = 12  # characters of an exponent with its sign
_DECIMAL_EXPONENT = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_CPU_DIVISOR = {"n": 10**9, "u": 10**6, "m": 10**3}
# Seconds. A year is one of 365 days, as in the ages that kubectl shows.
_LENGTHS = {
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0
}  # fmt: skip
_LONGEST_LENGTH = 60  # characters
_BINARY_FACTOR = {
    suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)
}


def parse_cpu(text: str) -> float:
    """Return the CPU quantity `text` in cores: "250m" is 0.25, "7532567891n" is 7.532567891.

    Raises:
        errors.QuantityError: `text` is no quantity, or its value does not fit into an int64.
    """
    # Plain digits with n, u, m or nothing are nearly all there is in a cluster: they take no regex.
    divisor = _CPU_DIVISOR.get(text[-1:])
    if divisor is None:
        divisor, number = 1, text
    else:
        number = text[:-1]
    if number.isdigit() and number.isascii() and len(number) < _SAFE_DIGITS:
        return int(number) / divisor
    numerator, denominator = _parse_exact(text)
    return numerator / denominator


def parse_memory(text: str) -> int:
    """Return the memory quantity `text` in bytes: "128Mi" is 134217728, "1e3" is 1000.

    A fraction of a byte counts as a whole one, away from zero, as in the API server's own `Value()`.

    Raises:
        errors.QuantityError: `text` is no quantity, or its value does not fit into an int64.
    """
    factor = _BINARY_FACTOR.get(text[-2:])
    if factor is None:
        factor, number = 1, text
    else:
        number = text[:-2]
    if number.isdigit() and number.isascii() and len(number) < _SAFE_DIGITS:
        size = int(number) * factor
        if size <= _INT64_MAX:
            return size
    numerator, denominator = _parse_exact(text)
    return numerator // denominator if numerator < 0 else -(-numerator // denominator)


def parse_length(text: str) -> float | None:
    """Return a length of time in seconds ("90s", "1h30m", "2.5d", "1y20d"); None if the text is none."""
    if not text.isascii() or len(text) > _LONGEST_LENGTH:
        return None
    total, position = 0.0, 0
    while position < len(text):
        start = position
        while position < len(text) and (text[position].isdigit() or text[position] == "."):
            position += 1
        number = text[start:position]
        unit = text[position : position + 2]
        unit = unit if unit == "ms" else unit[:1]
        if not _is_decimal(number) or unit not in _LENGTHS:
            return None
        total += float(number) * _LENGTHS[unit]
        position += len(unit)
    return total if text else None


def _is_decimal(text: str) -> bool:
    """Return whether it is ASCII digits, with a point between them or without."""
    whole, point, fraction = text.partition(".")
    return whole.isdigit() and (not point or fraction.isdigit())


def _parse_exact(text: str) -> tuple[int, int]:
    """Return the value as a fraction (numerator, positive denominator)."""
    number, suffix = _split_suffix(text)
    digits, point, fraction = number.lstrip("+-").partition(".")
    if len(number) - len(digits) - len(point) - len(fraction) > 1 or not _are_digits(digits + fraction):
        raise errors.QuantityError(
            f"{_shorten(text)} is not a Kubernetes quantity",
            remedy="write a number with an optional suffix: 250m, 1.5, 2e3, 128Mi, 1G",
        )
    try:
        mantissa = int(digits + fraction)
    except ValueError:  # more digits than Python converts: no int64 has thousands of them
        raise _out_of_range(text) from None
    if number.startswith("-"):
        mantissa = -mantissa
    factor = _BINARY_FACTOR.get(suffix, 1)
    exponent = -len(fraction) + _DECIMAL_EXPONENT.get(suffix, 0)
    if factor == 1 and suffix not in _DECIMAL_EXPONENT and suffix:
        exponent += _parse_exponent(suffix, text)
    if mantissa == 0:
        return 0, 1
    if abs(exponent) > _EXPONENT_MAX:
        raise _out_of_range(text)
    numerator = mantissa * factor * 10 ** max(exponent, 0)
    denominator = 10 ** max(-exponent, 0)
    if abs(numerator) > _INT64_MAX * denominator:
        raise _out_of_range(text)
    return numerator, denominator


def _split_suffix(text: str) -> tuple[str, str]:
    """Return the sign and number, and the suffix; all of it is the number where the suffix is none."""
    if text[-2:] in _BINARY_FACTOR:
        return text[:-2], text[-2:]
    if text[-1:] in _DECIMAL_EXPONENT:
        return text[:-1], text[-1:]
    place = max(text.find("e"), text.find("E"))
    start = place + 2 if text[place + 1 : place + 2] in ("+", "-") else place + 1
    if place >= 0 and _are_digits(text[start:]):
        return text[:place], text[place:]
    return text, ""


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _parse_exponent(suffix: str, text: str) -> int:
    if len(suffix) > _EXPONENT_LENGTH:  # checked before int(), whose time grows with the length
        raise _out_of_range(text)
    return int(suffix[1:])


def _out_of_range(text: str) -> errors.QuantityError:
    return errors.QuantityError(
        f"{_shorten(text)} is outside the range of a Kubernetes quantity (64-bit signed integer)",
        remedy="write a value between -(2^63-1) and 2^63-1",
    )


def _shorten(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "..."


def format_cpu(cores: float) -> str:
    """Return cores as millicores, rounded to nearest: 7.532567891 is "7533m"."""
    return f"{round_half_up(cores * 1000)}m"


def format_memory(size: float) -> str:
    """Return bytes as mebibytes, rounded to nearest: 15160959320 is "14459Mi"."""
    return f"{round_half_up(size / 1048576)}Mi"


def format_cpu_as_kubectl(cores: float) -> str:
    """Return cores as millicores, rounded up: `kubectl top` shows 7.532000001 as "7533m"."""
    return f"{millicores_up(cores)}m"


def millicores_up(cores: float) -> int:
    """Return whole millicores, rounded up."""
    return -(-round(cores * 10**9) // 10**6)


def format_memory_as_kubectl(size: float) -> str:
    """Return bytes as mebibytes, rounded down."""
    return f"{int(size) >> 20}Mi"


def format_ratio_as_kubectl(ratio: float) -> str:
    """Return a ratio as whole percent, rounded down."""
    return f"{int(ratio * 100)}%"


def format_ratio(ratio: float) -> str:
    """Return a ratio as whole percent, rounded to nearest: 0.856 is "86%"."""
    return f"{round_half_up(ratio * 100)}%"


def format_count(number: int, noun: str) -> str:
    """Return a number of things, the noun in the singular for one: "1 pod", "2 pods"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_names(names: Iterable[str], most: int = 3) -> str:
    """Return the first few names and how many more there are: "a, b and 7 more"."""
    listed = list(names)
    shown = ", ".join(listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown


def round_half_up(value: float) -> int:
    """Round to the nearest integer, halves away from zero: people expect 0.5 to show as 1, not as 0."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)
