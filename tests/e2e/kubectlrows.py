"""The numbers of kubevitals as kubectl would write them, and the rows that kubectl has written.

kubectl rounds CPU up to millicores, memory down to mebibytes, and percentages down (of CPU, of
millicores).
"""

from __future__ import annotations

from typing import Any

Rows = dict[tuple[str, ...], tuple[str, ...]]


def parse(text: str, keys: int) -> Rows:
    """The rows of a table without headings, by their first cells."""
    cells = [tuple(line.split()) for line in text.splitlines()]
    rows = {row[:keys]: row[keys:] for row in cells}
    assert len(rows) == len(cells), "a row twice"
    return rows


def convert(kind: str, items: list[dict[str, Any]], of: str = "allocatable") -> Rows:
    """The rows that kubectl would show for the items of a document of kubevitals."""
    if kind == "nodes":
        return {(item["name"],): _node_row(item, of) for item in items}
    keys = ("namespace", "name") if kind == "pods" else ("namespace", "pod", "name")
    return {tuple(item[key] for key in keys): _usage_row(item) for item in items}


def _cpu(cores: float) -> str:
    return f"{_millis(cores)}m"


def _millis(cores: float) -> int:
    return -(-round(cores * 10**9) // 10**6)


def _memory(size: int) -> str:
    return f"{size // 2**20}Mi"


def _percent(part: float, whole: float) -> str:
    return f"{int(part / whole * 100)}%"


def _node_row(item: dict[str, Any], of: str = "allocatable") -> tuple[str, ...]:
    cores, size = item["cpu_usage_cores"], item["memory_usage_bytes"]
    return (
        _cpu(cores),
        _percent(_millis(cores), _millis(item[f"cpu_{of}_cores"])),
        _memory(size),
        _percent(size, item[f"memory_{of}_bytes"]),
    )


def _usage_row(item: dict[str, Any]) -> tuple[str, ...]:
    return _cpu(item["cpu_usage_cores"]), _memory(item["memory_usage_bytes"])
