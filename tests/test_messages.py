"""What commands say on stderr."""

from __future__ import annotations

import pytest

from kubevitals import errors
from kubevitals.cli import messages
from kubevitals.kube import resourceattributes


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


@pytest.mark.parametrize(
    ("right", "line"),
    [
        (("list", "pods", "", "", "", "", "jane"), "--features top --user jane"),
        (("list", "pods", "metrics.k8s.io", "shop", "", "", "jane"), "--features top --user jane -n shop"),
        (("get", "nodes/metrics", "", "", "", "", "j d"), "--features kubelet --user 'j d'"),
        (
            ("list", "services", "", "", "", "", "system:serviceaccount:mon:bot"),
            "--features prometheus --service-account mon:bot",
        ),
        (("list", "pods"), "--features top --user USER"),
        (("delete", "pods", "", "", "", "", "jane"), None),
        (("get", "", "", "", "", "/metrics", "jane"), None),
    ],
)
def test_a_missing_right_is_granted_by_one_line(
    capsys: pytest.CaptureFixture[str], right: tuple[str, ...], line: str | None
) -> None:
    """A refusal says which `kubevitals rbac` grants it, to whom and where; else the remedy of the error."""
    error = errors.ForbiddenError("not allowed", remedy="ask", status=403)
    error.right = resourceattributes.ResourceAttributes(*right)
    messages.show_error(error)
    grants = f"kubevitals rbac {line} | kubectl apply -f -   (by someone who may grant it)"
    assert capsys.readouterr().err == f"error: not allowed\n  try: {grants if line else 'ask'}\n"


def test_an_error_is_shown_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    """An error goes to stderr with its remedy."""
    messages.show_error(errors.UsageError("no such thing", remedy="another one"))
    assert capsys.readouterr() == ("", "error: no such thing\n  try: another one\n")
