"""The arithmetic of the benchmarks, and the row that each of them yields. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Run:
    """One measured process: wall and CPU seconds, peak memory in bytes, lines it printed."""

    __slots__ = ("cpu_seconds", "lines", "peak_bytes", "seconds")

    def __init__(self, seconds: float, *, cpu_seconds: float, peak_bytes: int, lines: int = 0) -> None:
        self.seconds = seconds
        self.cpu_seconds = cpu_seconds
        self.peak_bytes = peak_bytes
        self.lines = lines


class Row:
    """One line of the table; `data` holds its figures for the JSON. `reached` is None without a target."""

    __slots__ = ("data", "name", "ours", "peer", "ratio", "reached", "target", "what")

    def __init__(
        self,
        name: str,
        what: str,
        *,
        ours: str,
        peer: str = "",
        ratio: str = "",
        target: str = "",
        reached: bool | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.what = what
        self.ours = ours
        self.peer = peer
        self.ratio = ratio
        self.target = target
        self.reached = reached
        self.data = data or {}

    def to_dict(self) -> dict[str, Any]:
        """Return the row for the JSON."""
        return {key: getattr(self, key) for key in ("name", "what", "target", "reached", "data")}


def skipped(name: str, what: str, reason: str) -> Row:
    """Return the row of something that could not be measured here."""
    return Row(name, what, ours="-", peer=f"skipped: {reason}", data={"skipped": reason})


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two middle ones.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no values, no median")
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def paired_ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """Return the median of peer / ours, pair by pair: how many times quicker (or smaller) ours is.

    The members of a pair ran one after the other, so that what slows the machine slows both.

    Raises:
        ValueError: the pairs are not complete.
    """
    return median([theirs / own for theirs, own in zip(peer, ours, strict=True)])


def summarize(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the medians of several runs, and the spread of their wall times."""
    seconds = [run.seconds for run in runs]
    return {
        "runs": len(runs),
        "seconds": round(median(seconds), 5),
        "seconds_least": round(min(seconds), 5),
        "seconds_most": round(max(seconds), 5),
        "cpu_seconds": round(median([run.cpu_seconds for run in runs]), 5),
        "peak_bytes": int(median([float(run.peak_bytes) for run in runs])),
    }


def compare(
    name: str,
    what: str,
    *,
    ours: Sequence[Run],
    peer: Sequence[Run],
    faster: float | None = None,
    lighter: float | None = None,
) -> Row:
    """Return the row of paired runs; `faster` and `lighter` are the ratios to reach, None for no target."""
    speed = paired_ratio([run.seconds for run in peer], [run.seconds for run in ours])
    memory = paired_ratio([float(run.peak_bytes) for run in peer], [float(run.peak_bytes) for run in ours])
    wanted = [f"{faster:g}x faster" if faster != 1 else "as fast"] if faster is not None else []
    wanted += [f"{lighter:g}x less memory"] if lighter is not None else []
    reached = None
    if wanted:
        reached = (faster is None or speed >= faster) and (lighter is None or memory >= lighter)
    return Row(
        name,
        what,
        ours=_describe(ours),
        peer=_describe(peer),
        ratio=f"{speed:.2f}x faster, {memory:.1f}x less memory",
        target=", ".join(wanted),
        reached=reached,
        data={
            "ours": summarize(ours),
            "peer": summarize(peer),
            "times_faster": round(speed, 3),
            "times_less_memory": round(memory, 3),
        },
    )


def add_up(first: Sequence[Run], second: Sequence[Run]) -> list[Run]:
    """Return pairs of runs as if one process did both: times add up, of memory the larger peak counts."""
    return [
        Run(
            one.seconds + two.seconds,
            cpu_seconds=one.cpu_seconds + two.cpu_seconds,
            peak_bytes=max(one.peak_bytes, two.peak_bytes),
            lines=one.lines + two.lines,
        )
        for one, two in zip(first, second, strict=True)
    ]


def format_seconds(seconds: float) -> str:
    """Return seconds with three digits that matter: 61 ms, 1.24 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def format_bytes(size: float) -> str:
    """Return bytes as megabytes of 10^6."""
    return f"{size / 1e6:.0f} MB"


def _describe(runs: Sequence[Run]) -> str:
    seconds = format_seconds(median([run.seconds for run in runs]))
    return f"{seconds}, {format_bytes(median([float(run.peak_bytes) for run in runs]))}"
