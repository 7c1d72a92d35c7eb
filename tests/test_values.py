"""The values of options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals.cli import values

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.parse_count, "1", 1),
        (values.parse_count, "007", 7),
        (values.parse_port, "65535", 65_535),
        (values.parse_listening_port, "0", 0),
        (values.parse_duration, "15", 15.0),
        (values.parse_duration, "1.5", 1.5),
        (values.parse_duration, "1m30s", 90.0),
        (values.parse_duration, "500ms", 0.5),
        (values.parse_timeout, "0", 86_400.0),
        (values.parse_timeout, "0s", 86_400.0),
        (values.parse_timeout, "2m", 120.0),
        (values.parse_size, "16Mi", 16 << 20),
        (values.parse_size, "4Gi", 4 << 30),
    ],
)
def test_texts_become_numbers(parse: Callable[[str], float], text: str, value: float) -> None:
    """Numbers, durations in seconds and sizes in bytes are read as they are documented."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "texts"),
    [
        (values.parse_count, ("0", "-1", "+1", "1.0", "", "x", "1000000001", "9" * 5_000, "²", "٣")),
        (values.parse_port, ("0", "65536", "http")),
        (values.parse_listening_port, ("65536", "-1", " 80")),
        (values.parse_duration, ("9" * 20, "9999999h", "0", "0s", "", ".", "soon", "1h-5m", "²", "1.2.3")),
        (values.parse_timeout, ("", "never", "-1s")),
        (values.parse_size, ("15Mi", "1024", "4GB", "Gi", "-1Gi", "2000Ti", "9" * 5_000 + "Gi")),
    ],
)
def test_what_is_no_value_is_refused(parse: Callable[[str], float], texts: tuple[str, ...]) -> None:
    """Everything else is refused with the text and what would be right."""
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            parse(text)
        assert repr(text)[:40] in str(caught.value)


@given(st.text(), st.sampled_from([values.parse_count, values.parse_duration, values.parse_size]))
def test_any_text_is_a_value_above_zero_or_refused(text: str, parse: Callable[[str], float]) -> None:
    """Whatever is typed ends in a number above 0 or in argparse's own error."""
    try:
        value = parse(text)
    except argparse.ArgumentTypeError:
        return
    assert value > 0
