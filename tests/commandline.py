"""The command line for tests: what it printed, and how it is started as a process of its own."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pathlib

CLOCK = 1_785_400_000.0


class Shown(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def cells(self) -> list[list[str]]:
        return [re.split(r"\s{2,}", line.strip()) for line in self.lines]

    def column(self, heading: str) -> list[str]:
        """The cells below a heading, which must not be blank."""
        index = self.cells[0].index(heading)
        return [row[index] for row in self.cells[1:]]


def command(kubeconfig: pathlib.Path, *words: str) -> list[str]:
    """The command line as a process of its own would be started."""
    return [sys.executable, "-m", "kubevitals", "--kubeconfig", str(kubeconfig), *words]
