"""Quantities: the grammar, exactness, what is refused, and what people see."""

from __future__ import annotations

import decimal
import fractions
import math

import hypothesis
import pytest
from hypothesis import strategies
from kubernetes import utils as official

import kubevitals
from kubevitals import errors, quantity

INT64_MAX = 2**63 - 1
SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

# text: its value, from resource.Quantity's own rules
GRAMMAR = {
    "0": "0",
    "1": "1",
    "-1": "-1",
    "+1": "1",
    "007": "7",
    "1.5": "1.5",
    "1.": "1",
    ".5": "0.5",
    "-.5": "-0.5",
    "1n": "0.000000001",
    "1u": "0.000001",
    "250m": "0.25",
    "-250m": "-0.25",
    "1k": "1000",
    "1M": "1000000",
    "1G": "1000000000",
    "1T": "1000000000000",
    "1P": "1000000000000000",
    "1E": "1000000000000000000",
    "1Ki": "1024",
    "1Mi": "1048576",
    "1Gi": "1073741824",
    "1Ti": "1099511627776",
    "1Pi": "1125899906842624",
    "1Ei": "1152921504606846976",
    "1.5Gi": "1610612736",
    "0.5Ki": "512",
    "1e3": "1000",
    "1E3": "1000",
    "1e+3": "1000",
    "1E-3": "0.001",
    "1.5e2": "150",
    "0e99999999999": "0",
    "9E": "9000000000000000000",
    "7Ei": "8070450532247928832",
}

REFUSED = [
    "", " ", " 1", "1 ", "1\n", "1 Mi", "ki", "1ki", "1KI", "1K", "1.2.3", "1_000", "1,000", "٣", "²", "1٣",
    "nan", "NaN", "inf", "-inf", "Infinity", "n", "m", "Mi", "e", "E", "E5", "+", "-", ".", "-.", "+-1",
    "--1", "0x10", "1e", "1e+", "1e3Mi", "1ee3", "1e1.5", "1mi", "1mm", "1Kib", "1g", "12x", "1ni", "1\x00",
    "1\u200b",
    "１",  # noqa: RUF001 - a wide digit, on purpose
]  # fmt: skip

OUTSIDE = [
    "12E", "10E", "8Ei", "-8Ei", "9223372036854775808", "-9223372036854775809", "1e19", "1E30",
    "1e999999", "1e99999999999999999999", "9" * 5000, "9223372036854775807.1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), GRAMMAR.items())
def test_grammar(text: str, value: str) -> None:
    """Every form of a quantity has the value that Kubernetes gives it."""
    exact = fractions.Fraction(value)
    assert quantity.parse_cpu(text) == float(exact)
    rounded = math.ceil(exact) if exact >= 0 else math.floor(exact)
    assert quantity.parse_memory(text) == rounded
    assert type(quantity.parse_cpu(text)) is float
    assert type(quantity.parse_memory(text)) is int


@pytest.mark.parametrize("text", [*REFUSED, *OUTSIDE])
def test_refused(text: str) -> None:
    """What is no quantity is refused by both, with an error that names it, says what to write, and is a
    ValueError.
    """
    for parse in (kubevitals.parse_cpu, kubevitals.parse_memory):
        with pytest.raises(kubevitals.QuantityError) as caught:
            parse(text)
        assert isinstance(caught.value, ValueError)
        assert repr(text)[:50].rstrip("'\"") in str(caught.value)
        assert caught.value.remedy
        assert len(str(caught.value)) < 200
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", OUTSIDE)
def test_outside_int64(text: str) -> None:
    """What does not fit into an int64 is called that."""
    with pytest.raises(errors.QuantityError, match="outside the range"):
        quantity.parse_memory(text)


@pytest.mark.parametrize("sign", ["", "-"])
def test_int64_borders(sign: str) -> None:
    """The largest magnitude is 2^63-1 in either direction, however it is written."""
    value = int(f"{sign}{INT64_MAX}")
    assert quantity.parse_memory(f"{sign}9223372036854775807") == value
    assert quantity.parse_memory(f"{sign}9223372036854775807000m") == value
    assert quantity.parse_memory(f"{sign}9223372036854775.807k") == value
    assert quantity.parse_memory(f"{sign}922337203685477580.7e1") == value
    for text in (f"{sign}9223372036854775808", f"{sign}9223372036854775807001m", f"{sign}8388608Ti"):
        with pytest.raises(errors.QuantityError) as caught:
            quantity.parse_memory(text)
        assert caught.value.remedy is not None
        assert "-(2^63-1)" in caught.value.remedy


def test_a_huge_exponent_takes_no_time() -> None:
    """An exponent of many digits is refused before anything is computed with it."""
    with pytest.raises(errors.QuantityError):
        quantity.parse_cpu("1e" + "9" * 100_000)
    with pytest.raises(errors.QuantityError):
        quantity.parse_cpu("0.1e-" + "9" * 8)


NUMBERS = strategies.one_of(
    strategies.integers(-(10**19), 10**19).map(str),
    strategies.decimals(
        min_value=-(10**12), max_value=10**12, places=6, allow_nan=False, allow_infinity=False
    ).map(lambda value: f"{value:f}"),
    strategies.from_regex(r"\A[+-]?[0-9]{0,12}\.?[0-9]{0,12}\Z"),
)


@hypothesis.given(NUMBERS, strategies.sampled_from([*SUFFIXES, "e3", "E-4", "e+2"]))
def test_agrees_with_the_official_client(number: str, suffix: str) -> None:
    """Wherever the official client's parser and ours both take a text, they agree to the last digit."""
    text = number + suffix
    try:
        with decimal.localcontext(prec=80):
            expected = official.parse_quantity(text)
    except ValueError:
        with pytest.raises(errors.QuantityError):
            quantity.parse_cpu(text)
        return
    try:
        cores = quantity.parse_cpu(text)
    except errors.QuantityError:
        assert abs(expected) > INT64_MAX
        return
    exact = fractions.Fraction(expected)
    assert cores == exact.numerator / exact.denominator
    assert quantity.parse_memory(text) == (math.ceil(exact) if exact >= 0 else math.floor(exact))


@hypothesis.given(strategies.integers(0, INT64_MAX), strategies.sampled_from(SUFFIXES))
def test_the_quick_way_and_the_whole_grammar_agree(number: int, suffix: str) -> None:
    """Plain digits, which take no regex, give what the same number gives with a sign and a fraction."""
    for parse in (quantity.parse_cpu, quantity.parse_memory):
        try:
            expected = parse(f"+{number}.0{suffix}")
        except errors.QuantityError:
            with pytest.raises(errors.QuantityError):
                parse(f"{number}{suffix}")
            continue
        assert parse(f"{number}{suffix}") == expected


@hypothesis.given(strategies.text(max_size=12))
def test_any_text_is_a_number_or_an_error(text: str) -> None:
    """No text leads to anything but a finite number or a QuantityError."""
    for parse in (quantity.parse_cpu, quantity.parse_memory):
        try:
            value = parse(text)
        except errors.QuantityError:
            continue
        assert math.isfinite(value)


@hypothesis.given(strategies.integers(0, 10**15))
def test_nanocores_are_exact(nanocores: int) -> None:
    """A number of nanocores comes back unharmed, which no float arithmetic on the way would give."""
    cores = quantity.parse_cpu(f"{nanocores}n")
    assert round(cores * 10**9) == nanocores
    assert cores == nanocores / 10**9


def test_shown_to_people() -> None:
    """Rounding to nearest happens for display alone, as the figures of the documentation show."""
    assert quantity.format_cpu(quantity.parse_cpu("7532567891n")) == "7533m"
    assert quantity.format_memory(quantity.parse_memory("14833444Ki")) == "14486Mi"
    assert quantity.format_memory(quantity.parse_memory("15160959320")) == "14459Mi"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0m"),
        (0.0004, "0m"),
        (0.0005, "1m"),
        (1.5, "1500m"),
        (0.0015, "2m"),
        (0.0025, "3m"),
        (-0.5, "-500m"),
        (-0.0004, "0m"),
        (-0.0005, "-1m"),
        (-0.0006, "-1m"),
        (-0.0016, "-2m"),
    ],
)
def test_cores(value: float, shown: str) -> None:
    """Cores are shown in millicores, halves away from zero."""
    assert quantity.format_cpu(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0Mi"),
        (524287, "0Mi"),
        (524288, "1Mi"),
        (1048576, "1Mi"),
        (2**43, "8388608Mi"),
        (-1048576, "-1Mi"),
        (-524287, "0Mi"),
        (-524288, "-1Mi"),
        (-1572864, "-2Mi"),
    ],
)
def test_bytes(value: int, shown: str) -> None:
    """Bytes are shown in mebibytes, halves away from zero."""
    assert quantity.format_memory(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0%"),
        (0.004, "0%"),
        (0.005, "1%"),
        (0.856, "86%"),
        (1.0, "100%"),
        (12.3, "1230%"),
        (-0.004, "0%"),
        (-0.5, "-50%"),
    ],
)
def test_ratios(value: float, shown: str) -> None:
    """Ratios are shown as whole percents, halves away from zero."""
    assert quantity.format_ratio(value) == shown


@hypothesis.given(strategies.floats(-1e15, 1e15))
def test_rounding_is_to_the_nearest_and_even_handed(value: float) -> None:
    """No integer is nearer, and a number is rounded as its negative is."""
    rounded = quantity.round_half_up(value)
    assert abs(rounded - value) <= 0.5 + 1e-15 * abs(value)
    assert quantity.round_half_up(-value) == -rounded
    assert quantity.round_half_up(0.5) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2.5d", 216_000), ("1w", 604_800), ("250ms", 0.25),
        ("1y20d", 33_264_000), ("0s", 0), ("5m30s", 330),
        ("", None), ("90", None), ("s", None), ("1x", None), ("1h ", None), ("-1h", None), ("1.h", None),
        (".5h", None), ("1..5h", None), ("٣h", None), ("1h" * 31, None), ("1e3s", None),
    ],
)  # fmt: skip
def test_lengths_of_time(text: str, seconds: float | None) -> None:
    """A length of time is numbers with units; anything else is none."""
    assert quantity.parse_length(text) == seconds


@pytest.mark.parametrize(
    ("cores", "shown"),
    [(0.0, "0m"), (0.003, "3m"), (0.003000001, "4m"), (7.532567891, "7533m"), (2.0, "2000m")],
)
def test_cpu_as_kubectl(cores: float, shown: str) -> None:
    """CPU is rounded up to millicores as kubectl does it, and whole ones stay."""
    assert quantity.format_cpu_as_kubectl(cores) == shown


def test_memory_and_shares_as_kubectl() -> None:
    """Memory and percentages are rounded down."""
    assert quantity.format_memory_as_kubectl((5 << 20) - 1) == "4Mi"
    assert quantity.format_memory_as_kubectl(5 << 20) == "5Mi"
    assert quantity.format_ratio_as_kubectl(0.999) == "99%"
