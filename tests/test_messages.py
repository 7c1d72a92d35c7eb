"""What commands say on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import errors
from kubevitals.cli import messages

if TYPE_CHECKING:
    import pytest


def test_a_message_has_its_kind_and_its_remedy() -> None:
    """The kind stands first, the remedy below; further lines are indented, and no remedy has no line."""
    assert messages.format_message("note", "it is so") == "note: it is so"
    assert (
        messages.format_message("warning", "first\nsecond", "this\nor that")
        == "warning: first\n    second\n  try: this\n    or that"
    )


def test_control_characters_do_nothing() -> None:
    """What could steer a terminal is replaced in the message and in the remedy."""
    text = messages.format_message("error", "a\x1b[2Jb", "c\rd")
    assert "\x1b" not in text
    assert "\r" not in text


def test_an_error_is_shown_with_the_missing_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """An error goes to stderr with its remedy; a refusal has the RBAC rule that would allow it."""
    messages.show_error(errors.UsageError("no such thing", remedy="another one"))
    assert capsys.readouterr() == ("", "error: no such thing\n  try: another one\n")
    error = errors.ForbiddenError("not allowed", remedy="ask", status=403)
    error.rule = "- apiGroups: ['']\n  resources: [pods]"
    messages.show_error(error)
    assert capsys.readouterr().err == (
        "error: not allowed\n  try: ask\n  the RBAC rule that would allow it:\n"
        "    - apiGroups: ['']\n      resources: [pods]\n"
    )
