"""Quotes taken off and put on, held against a real bash."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubevitals.cli.completion import shellwords

BASH = shutil.which("bash")
ODD = [
    "plain", "my prod", "it's", 'a "b" c', "$HOME", "$(touch x)", "`touch x`", ";rm -rf /", "a\\b", "bang!x",
    "~root", "*", "a|b&c>d<e", "{a,b}", "#x", "ü-€", "[x]", "(y)", "a=b", "-n", "^x", "'", '"', "\\", "'!\"",
]  # fmt: skip
printable = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "))


@settings(deadline=None)  # the machine may have other work
@given(printable, st.sampled_from(["", "'", '"']))
def test_round_trip(text: str, quote: str) -> None:
    """What is quoted for bash means the same when its quotes are taken off again."""
    typed = quote + shellwords.quote_for_bash(text, quote)
    assert shellwords.unquote(typed) == (text, quote)


@settings(deadline=None)  # the machine may have other work
@given(printable, printable, st.sampled_from(["", "'", '"']))
def test_replacing(start: str, rest: str, quote: str) -> None:
    """What bash keeps of a word and what it is given for the rest make up the whole."""
    raw = "--context=" + quote + shellwords.quote_for_bash(start, quote)
    whole = f"--context={start}{rest}"
    inserted = shellwords.replace_in_bash(raw, whole, breaks=" =:\"'")
    sizes = range(len(raw), -1, -1)
    kept = next(raw[:size] for size in sizes if shellwords.unquote(raw[:size] + inserted)[0] == whole)
    assert kept.startswith("--context=")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a\\ b", ("a b", "")),
        ("'a b", ("a b", "'")),
        ('"a\\$b', ("a$b", '"')),
        ('"a\\b', ("a\\b", '"')),
        ("a'b'\"c\"", ("abc", "")),
        ("a\\", ("a", "")),
        ("$(x)", ("$(x)", "")),
    ],
)
def test_unquote(raw: str, expected: tuple[str, str]) -> None:
    """Quotes of all kinds are taken off, and nothing is expanded."""
    assert shellwords.unquote(raw) == expected


@pytest.mark.parametrize(
    ("raw", "whole", "inserted"),
    [
        ("arn:aws:", "arn:aws:eks", "eks"),
        ("--sort-by=cpu:", "--sort-by=cpu:desc", "desc"),
        ("'arn:a", "arn:aws b", "arn:aws b"),
        ("my\\ p", "my prod", "my\\ prod"),
        ("", "a b", "a\\ b"),
    ],
)
def test_word_breaks(raw: str, whole: str, inserted: str) -> None:
    """Only what follows the last unquoted word break is replaced."""
    assert shellwords.replace_in_bash(raw, whole, breaks=" \t\n\"'><=;|&(:") == inserted


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_against_bash(quote: str) -> None:
    """A real bash reads quoted text as the text itself, whatever is in it."""
    assert BASH is not None
    words = " ".join(quote + shellwords.quote_for_bash(text, quote) + quote for text in ODD)
    done = subprocess.run(
        [BASH, "--norc", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True, timeout=10
    )
    assert done.stdout.decode().split("\0")[:-1] == ODD
