"""Problems as a table, a line each. Where the terminal is narrow the message is cut."""

from __future__ import annotations

from kubevitals import problems, sanitize
from kubevitals.surfaces.view import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals.surfaces.terminal import console

_GAP = "   "
_LEAST = 16  # columns of a message: cut shorter it says nothing


def render(
    rows: Sequence[problems.ClusterProblem],
    *,
    now: datetime,
    style: console.Style,
    wide: bool = False,
    headers: bool = True,
) -> str:
    """Return the table. On a terminal a message is cut where the line ends; elsewhere it is whole."""
    compared = any(each.change for each in rows)
    table = [_cells(each, now, wide=wide, compared=compared) for each in rows]
    headings = ["SEVERITY", *(["CHANGE"] if compared else []), "REASON", "OBJECT", "SINCE"]
    headings += ["LAST SEEN", "PODS", "NEXT STEP", "MESSAGE"] if wide else ["MESSAGE"]
    shown = [headings, *table] if headers else table
    widths = [max(len(cells[index]) for cells in shown) for index in range(len(headings) - 1)]
    lines = []
    for index, cells in enumerate(shown):
        is_heading = headers and index == 0
        first = cells[0].ljust(widths[0])
        rest = _GAP.join(cell.ljust(width) for cell, width in zip(cells[1:-1], widths[1:], strict=True))
        line = f"{rest}{_GAP}{cells[-1]}".rstrip()
        if style.width is not None and not wide:
            line = _cut(line, max(style.width - len(first) - len(_GAP), len(rest) + len(_GAP) + _LEAST))
        row = None if is_heading else rows[index - headers]
        painted = first if row is None else style.paint(first, row.severity)
        text = f"{painted}{_GAP}{line}"
        lines.append(style.bold(text) if is_heading else style.dim(text) if _is_gone(row) else text)
    return "\n".join(lines) + "\n" if lines else ""


def _is_gone(row: problems.ClusterProblem | None) -> bool:
    return row is not None and row.change == problems.GONE


def _cells(row: problems.ClusterProblem, now: datetime, *, wide: bool, compared: bool) -> list[str]:
    cells = [row.severity, *([(row.change or "").upper()] if compared else [])]
    cells += [row.reason or row.code, problems.describe_object(row), _age(row.since, now)]
    if wide:
        cells += [_age(row.last_seen_at, now), "-" if row.pods is None else str(row.pods), row.remedy or "-"]
    cells.append(row.message)
    return [sanitize.printable(" ".join(cell.split())) for cell in cells]


def _age(moment: datetime | None, now: datetime) -> str:
    return columns.UNKNOWN if moment is None else columns.format_age((now - moment).total_seconds())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 2, 0)].rstrip() + ".."
