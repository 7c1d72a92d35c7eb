"""The page of help: every key, and the grammar of the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.screen import spans

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = (
    ("Enter, d", "open what the cursor is on: node, pod, workload, namespace"),
    ("Esc, q", "back; q twice on the overview, :q or Ctrl-C ends"),
    ("j k, arrows", "move; g G first and last; Ctrl-D Ctrl-U half a page; left and right choose a cell"),
    (":", "go to a page: :pods shop, :node gpu-1, :ns shop, :problems, :workloads all"),
    ("[ ]", "the place before, the place after"),
    ("/", "filter: words, ns:shop, cpu%limit>80, restarts>0, age<2h, request:none, !kube-system"),
    ("0, 1-9", "all namespaces; one of those that were looked at"),
    ("N A S C M", "sort by name, age, status, CPU, memory (with shift); again turns the order"),
    ("O, s", "sort by the chosen column; by a column that is typed"),
    ("D", "the doctor: which layer is silent, why, what to do; r examines again"),
    ("h", "on a page of details: charts of the last 15m, 1h, 6h, 24h, 7d"),
    ("w", "why a cell is empty: code, evidence, next step"),
    ("c, x", "copy the name; write a ticket with the row, its problems and UTC"),
    ("t", "colours: those of the terminal, or for colour-blind eyes"),
    ("r", "paint all of the screen again"),
    ("Ctrl-Z", "suspend; fg comes back"),
)
_NOTE = "It is read only: e, a, l, y and Ctrl-K print the kubectl command. docs/filters.md has the filter."


def compose(width: int) -> list[spans.Line]:
    """Return the lines."""
    wide = max(len(keys) for keys, _ in KEYS)
    lines: list[spans.Line] = []
    for keys, text in KEYS:
        room = width - wide - 4
        parts: Sequence[str] = spans.wrap(text, room) if room >= 20 else spans.wrap(text, max(10, width - 4))
        if room >= 20:
            lines.append([("  " + keys.ljust(wide + 2), spans.BOLD), (parts[0], spans.PLAIN)])
            lines += [[(" " * (wide + 4) + part, spans.PLAIN)] for part in parts[1:]]
        else:
            lines.append([("  " + keys, spans.BOLD)])
            lines += [[("    " + part, spans.PLAIN)] for part in parts]
    return [*lines, [], *([("  " + part, spans.DIM)] for part in spans.wrap(_NOTE, max(10, width - 4)))]
