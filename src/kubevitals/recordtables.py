"""The first rows of `Records` as a small table, for the prompt of Python and for notebooks.

Names come from the cluster and may be hostile: control characters are replaced, and HTML is escaped.
"""

from __future__ import annotations

from kubevitals import quantity, recordqueries, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kubevitals import recordtuple

    Column = tuple[str, str, Callable[[Any], str]]  # heading, field, how a known value is written

ROWS = 20
_LONGEST = 63  # characters of a text in a cell


def _text(value: object) -> str:
    return sanitize.shorten(str(value), _LONGEST)


_USAGE: tuple[Column, ...] = (
    ("CPU", "cpu_usage_cores", quantity.format_cpu),
    ("CPU%REQ", "cpu_of_request", quantity.format_ratio),
    ("CPU%LIM", "cpu_of_limit", quantity.format_ratio),
    ("MEMORY", "memory_usage_bytes", quantity.format_memory),
    ("MEM%REQ", "memory_of_request", quantity.format_ratio),
    ("MEM%LIM", "memory_of_limit", quantity.format_ratio),
)
_NAMESPACE: Column = ("NAMESPACE", "namespace", _text)
_NAME: Column = ("NAME", "name", _text)
_STATUS: Column = ("STATUS", "status", _text)
_RESTARTS: Column = ("RESTARTS", "restarts", str)
_PODS: Column = ("PODS", "pods", str)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "nodes": (
        _NAME,
        _STATUS,
        _PODS,
        ("CPU", "cpu_usage_cores", quantity.format_cpu),
        ("CPU%", "cpu_of_allocatable", quantity.format_ratio),
        ("MEMORY", "memory_usage_bytes", quantity.format_memory),
        ("MEM%", "memory_of_allocatable", quantity.format_ratio),
    ),
    "pods": (_NAMESPACE, _NAME, _STATUS, _RESTARTS, *_USAGE),
    "containers": (_NAMESPACE, ("POD", "pod", _text), _NAME, _STATUS, _RESTARTS, *_USAGE),
    "namespaces": (_NAME, _PODS, *_USAGE),
    "workloads": (_NAMESPACE, ("KIND", "workload_kind", _text), _NAME, _PODS, *_USAGE),
    "groups": (_NAME, _PODS, *_USAGE),
    "problems": (
        ("SEVERITY", "severity", _text),
        ("CODE", "code", _text),
        ("KIND", "kind", _text),
        _NAMESPACE,
        _NAME,
        ("MESSAGE", "message", _text),
    ),
    "history": (
        ("TIME", "timestamp", lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"),
        _NAMESPACE,
        ("POD", "pod", _text),
        _NAME,
        ("CPU", "cpu_usage_cores", quantity.format_cpu),
        ("CPU REQ", "cpu_request_cores", quantity.format_cpu),
        ("MEMORY", "memory_usage_bytes", quantity.format_memory),
        ("MEM REQ", "memory_request_bytes", quantity.format_memory),
    ),
}
_RIGHT = frozenset(
    {_RESTARTS[0], _PODS[0], *[heading for heading, _, _ in _USAGE], "CPU%", "MEM%", "CPU REQ", "MEM REQ"}
)


def render_text(records: recordtuple.Records[Any]) -> str:
    """Return a table of the first twenty rows, and how many more there are."""
    noun, headings, rows = _make(records)
    if noun is None:
        return tuple.__repr__(records)
    if not rows:
        return f"0 {noun}"
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if heading in _RIGHT else cell.ljust(width)
            for cell, width, heading in zip(row, widths, headings, strict=True)
        ).rstrip()
        for row in (headings, *rows)
    ]
    return "\n".join([*lines, _count(records, noun)])


def render_html(records: recordtuple.Records[Any]) -> str:
    """Return the same as an HTML table. All text in it is escaped."""
    import html

    noun, headings, rows = _make(records)
    if noun is None:
        return f"<pre>{html.escape(tuple.__repr__(records))}</pre>"
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{_count(records, noun)}</p>"


def _count(records: recordtuple.Records[Any], noun: str) -> str:
    more = f", the first {ROWS} of them" if len(records) > ROWS else ""
    return f"{len(records)} {noun}{more}"


def _make(records: recordtuple.Records[Any]) -> tuple[str | None, list[str], list[list[str]]]:
    """Return what the rows are called, the headings and the cells; no name where nobody knows them."""
    kind = recordqueries.find_kind(records)
    noun = kind.name if kind is not None else records.origin.kind
    if noun is None and not records:
        return "records", [], []
    columns = _COLUMNS.get(noun or "")
    if columns is None:
        return None, [], []
    several = isinstance(records.origin.clusters, tuple)
    headings = [*(["CLUSTER"] if several else []), *[heading for heading, _, _ in columns]]
    rows = [
        [
            *([_text(cluster or "-")] if several else []),
            *[_cell(row, field, write) for _, field, write in columns],
        ]
        for cluster, row in zip(records.clusters[:ROWS], records[:ROWS], strict=True)
    ]
    return noun, headings, rows


def _cell(row: Any, field: str, write: Callable[[Any], str]) -> str:
    value = getattr(row, field)
    return "-" if value is None else write(value)
