"""What has room: columns of a table in a width, the less important go first; rows of parts in a height."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import NamedTuple

    from kubevitals.surfaces.view.columns import Column
else:
    from kubevitals.namedtuple import NamedTuple

GAP = "   "
GLYPH_ROOM = "  "  # a space and a glyph beside each ratio
_CUT = ".."
_NAME, _LEAST_NAME = 20, 7  # columns to which names are cut before others go, and where nothing else helps


class Layout(NamedTuple):
    """Which columns fit, how wide each is, and what stands between them."""

    kept: list[int]
    widths: list[int]  # of all columns
    gap: str


def share_rows(
    wanted: Sequence[int], room: int, lines: Callable[[Sequence[int]], int], *, turns: Sequence[int]
) -> list[int]:
    """Return how many rows each part of a picture gets in `room` lines.

    The parts take a row each in the order of `turns`, in which one may stand twice, until all have as many
    as wanted or no more fit. `lines` says how many lines so many rows of each part take.
    """
    rows = [0] * len(wanted)
    grown = True
    while grown:
        grown = False
        for part in turns:
            if rows[part] < wanted[part]:
                rows[part] += 1
                if lines(rows) > room:
                    rows[part] -= 1
                else:
                    grown = True
    return rows


def fit(
    columns: Sequence[Column],
    widths: Sequence[int],
    *,
    room: int | None,
    extra: int = 0,
    keep: Container[str] = (),
    gap: str = GAP,
) -> Layout:
    """Return the layout for `room` columns: names are cut first, then columns left out.

    `extra` is what a ratio takes beside its text; the columns whose keys are in `keep` stay.
    """
    widths, kept = list(widths), list(range(len(columns)))
    if room is None:
        return Layout(kept, widths, gap)

    def excess() -> int:
        shown = sum(widths[index] + (extra if columns[index].ratio else 0) for index in kept)
        return shown + len(gap) * (len(kept) - 1) - room

    def cut_names(least: int) -> None:
        for index in sorted((each for each in kept if columns[each].name), key=lambda each: -widths[each]):
            bound = max(least, len(columns[index].heading))
            widths[index] -= max(0, min(excess(), widths[index] - bound))

    cut_names(_NAME)
    while excess() > 0:
        candidates = [index for index in kept if columns[index].drop and columns[index].key not in keep]
        if not candidates:
            break
        kept.remove(max(candidates, key=lambda index: (columns[index].drop, index)))
    if excess() > 0:
        gap = " "
        cut_names(_LEAST_NAME)
    return Layout(kept, widths, gap)


def cut_middle(text: str, width: int) -> str:
    """Return the text with its middle left out: names mostly differ at their ends."""
    if len(text) <= width:
        return text
    end = (width - len(_CUT)) // 2
    return text[: width - len(_CUT) - end] + _CUT + (text[-end:] if end else "")
