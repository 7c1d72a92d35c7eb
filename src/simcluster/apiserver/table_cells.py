"""What the tables share: columns, layouts, and ages and labels as kubectl shows them."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Shown = dict[str, Any]
    Cells = Callable[[Shown, float], list[Any]]
    Marks = Callable[[Shown], list[dict[str, str]]]

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"


class Column(NamedTuple):
    """One column; priority 1 is shown by `-o wide` only."""

    title: str
    type: str = "string"
    priority: int = 0
    description: str = ""


class Layout(NamedTuple):
    """The columns of a resource; `cells` makes a row of an object and the epoch now."""

    columns: Sequence[Column]
    cells: Cells
    conditions: Marks | None = None


def columns(text: str) -> list[Column]:
    """Columns from a short form: `Name Ready Age:wide Restarts#` (`#` a number, `?` yes or no,
    `:wide` only in wide output).

    An underscore stands for a space.
    """
    found = []
    for word in text.split():
        title, _, wide = word.partition(":")
        type_ = {"#": "integer", "?": "boolean"}.get(title[-1], "string")
        title = title.rstrip("#?").replace("_", " ")
        found.append(Column(title, type=type_, priority=1 if wide else 0))
    return found


def epoch(text: str) -> float:
    """An RFC 3339 time in UTC, fractions ignored, as an epoch."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def age(shown: Shown, now: float) -> str:
    """How long ago the object was created."""
    return since(shown["metadata"].get("creationTimestamp"), now)


def since(text: str | None, now: float) -> str:
    """How long ago that was, or `<unknown>`."""
    return format_age(now - epoch(text)) if text else UNKNOWN


def format_age(seconds: float) -> str:
    """Seconds in kubectl's short form: 59s, 3m4s, 5h, 2d3h, 400d, 3y."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 120:
        return f"{total}s"
    minutes = total // 60
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = total // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def format_map(labels: dict[str, str] | None) -> str:
    """Labels as kubectl joins them."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def format_label_selector(selector: dict[str, Any] | None) -> str:
    """A LabelSelector in the short form."""
    if not selector:
        return NONE
    parts = [f"{key}={value}" for key, value in sorted(selector.get("matchLabels", {}).items())]
    for each in selector.get("matchExpressions", []):
        values = ",".join(sorted(each.get("values", [])))
        operator = each["operator"]
        if operator in {"In", "NotIn"}:
            parts.append(f"{each['key']} {operator.lower()} ({values})")
        else:
            parts.append(("!" if operator == "DoesNotExist" else "") + each["key"])
    return ",".join(parts) or NONE


def template_cells(template: Shown) -> list[str]:
    """Names and images of a pod template's containers."""
    containers = template["spec"]["containers"]
    return [
        ",".join(each["name"] for each in containers),
        ",".join(each.get("image", "") for each in containers),
    ]
