"""The Prometheus text format 0.0.4, byte for byte as Go's client library writes it."""

from __future__ import annotations

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


def number(value: float) -> str:
    """A sample's value with the fewest digits that identify it, in exponent form from a million on."""
    size = abs(value)
    if 1e-4 <= size < 1e6 or value == 0:
        return repr(float(value)).removesuffix(".0")
    digits, _, exponent = repr(float(value)).partition("e")
    if exponent:
        power = int(exponent)
        return f"{digits.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02}"
    whole, _, part = digits.partition(".")
    sign, whole = ("-", whole[1:]) if value < 0 else ("", whole)
    significant = (whole + part).rstrip("0")
    rest = f".{significant[1:]}" if len(significant) > 1 else ""
    return f"{sign}{significant[0]}{rest}e+{len(whole) - 1:02}"


def head(name: str, kind: str, explanation: str) -> str:
    """The HELP and TYPE lines of a family."""
    return f"# HELP {name} {explanation}\n# TYPE {name} {kind}\n"
