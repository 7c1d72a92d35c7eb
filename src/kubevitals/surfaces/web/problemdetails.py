"""What a request can be refused for, and how that is said: RFC 9457 problem documents. No I/O."""

from __future__ import annotations

import difflib
import http
from typing import TYPE_CHECKING

import msgspec

from kubevitals import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIA_TYPE = "application/problem+json"
_SHOWN = 100  # characters of what somebody sent


class Refusal(Exception):  # noqa: N818 - what a handler raises, not an error of the program
    """An answer that is a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        remedy: str | None = None,
        parameter: str | None = None,
        allowed: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.parameter = parameter
        self.allowed = allowed
        self.headers = dict(headers or {})

    def document(self, path: str) -> bytes:
        """Return the problem document as JSON."""
        return msgspec.json.encode(
            {
                "type": f"urn:kubevitals:problem:{self.code}",
                "title": http.HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "instance": sanitize.shorten(path, 200),
                "code": self.code,
                "remedy": self.remedy,
                "parameter": self.parameter,
                "allowed": list(self.allowed) if self.allowed is not None else None,
            }
        )


def bad_parameter(name: str, detail: str, *, allowed: Sequence[str] | None = None) -> Refusal:
    """Return the refusal of a parameter's value."""
    return Refusal(422, "bad_parameter", f"{name}: {detail}", parameter=name, allowed=allowed)


def bad_word(name: str, word: str, allowed: Iterable[str]) -> Refusal:
    """Return the refusal of a word that is none of those allowed, with the closest of them."""
    words = list(allowed)
    close = (
        difflib.get_close_matches(word[:_SHOWN], words, n=2, cutoff=0.5)
        or [each for each in words if word and word.strip("-") in each][:2]
    )
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return bad_parameter(name, f"{sanitize.shorten(word, 100)!r} is not allowed{hint}", allowed=words)


def unknown_parameter(name: str, allowed: Iterable[str]) -> Refusal:
    """Return the refusal of a parameter that the route does not have."""
    words = sorted(allowed)
    close = difflib.get_close_matches(name[:_SHOWN], words, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    shown = sanitize.shorten(name, 100)
    return Refusal(
        422, "unknown_parameter", f"there is no parameter {shown!r}{hint}", parameter=shown, allowed=words
    )


def not_found(what: str, *, remedy: str | None = None) -> Refusal:
    """Return the refusal for something that is not in the snapshot."""
    return Refusal(404, "not_found", what, remedy=remedy)


def no_memory() -> Refusal:
    """Return the refusal while the memory for answers is used up."""
    return Refusal(
        503,
        "answers_full",
        "the memory for answers is used up",
        remedy="try again in a few seconds; `kubevitals serve --answer-memory SIZE` allows more",
        headers={"Retry-After": "5"},
    )


def busy() -> Refusal:
    """Return the refusal of a question whose turn does not come."""
    return Refusal(
        503,
        "busy",
        "too many other questions are being answered",
        remedy="try again in a few seconds; of the past, ask for a shorter range or for longer steps",
        headers={"Retry-After": "5"},
    )


def no_snapshot(cluster: str, reason: str, remedy: str | None, *, retry_seconds: float) -> Refusal:
    """Return the refusal while nothing is known of a cluster."""
    return Refusal(
        503,
        "no_snapshot",
        f"no snapshot of {sanitize.shorten(cluster, 100)} yet: {reason}",
        remedy=remedy or "wait: the first snapshot takes a few seconds; /api/v1/status tells more",
        headers={"Retry-After": str(max(1, round(retry_seconds)))},
    )
