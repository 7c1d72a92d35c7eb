"""The nodes that a kubelet's fault hits: all, a share of them, or nodes by name."""

from __future__ import annotations

import fnmatch
import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.*?")


class Targets:
    """The nodes that a fault hits: `20%` of them, or names and patterns joined by `+`, as
    `general-1+memory-*`.

    "" hits every node. `seconds` is the duration of a fault that has one. Raises ValueError for
    other text.
    """

    def __init__(self, text: str = "", *, seconds: float = 0.0) -> None:
        self.text = text
        self.seconds = seconds
        self._patterns: tuple[str, ...] = ()
        self._share = 1.0
        if text.endswith("%"):
            self._share = float(text[:-1]) / 100
            if not 0 < self._share <= 1:
                raise ValueError(text)
        elif text:
            self._patterns = tuple(text.split("+"))
            if not all(pattern and _CHARACTERS.issuperset(pattern) for pattern in self._patterns):
                raise ValueError(text)

    def choose(self, names: Iterable[str], *, salt: str) -> frozenset[str]:
        """Those of `names` that are hit. A share always hits the same ones; another `salt` chooses others."""
        if self._patterns:
            return frozenset(
                name
                for name in names
                if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)
            )
        every = sorted(names, key=lambda name: hashlib.sha256(f"{salt}/{name}".encode()).digest())
        return frozenset(every[: max(1, round(len(every) * self._share))])

    def __str__(self) -> str:
        if not self.seconds:
            return self.text
        return f"{self.seconds:g}s" + (f"@{self.text}" if self.text else "")
