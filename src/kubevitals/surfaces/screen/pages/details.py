"""What stands on top of the page of one node, pod, container or workload: facts and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import quantity, sanitize, severity
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals import problems


def compose(
    row: Any, found: Sequence[problems.ClusterProblem], *, now: datetime, width: int
) -> list[spans.Line]:
    """Return the lines of facts of a row."""
    facts = [
        _usage("CPU", row, "cpu", quantity.format_cpu),
        _usage("MEM", row, "memory", quantity.format_memory),
    ]
    head = [_fact(row, "status"), _fact(row, "reason"), _fact(row, "phase"), _age(row, now)]
    head += [_named(row, "node"), _named(row, "qos"), _workload(row), _named(row, "ip"), _pods(row)]
    restarts = getattr(row, "restarts", None)
    head.append(f"{quantity.format_count(restarts, 'restart')}" if restarts is not None else "")
    lines: list[spans.Line] = [
        [("  " + text, spans.PLAIN)]
        for text in spans.wrap(", ".join(dict.fromkeys(filter(None, head))), max(10, width - 2))
    ]
    lines += [[("  " + text, spans.PLAIN)] for text in facts if text]
    lines += _last_end(row, now)
    lines += _conditions(row, now)
    for each in found:
        text = f"{each.reason or each.code}: {each.message}" + (
            f"; try: {each.remedy}" if each.remedy else ""
        )
        lines += [
            [("  " + part, each.severity)]
            for part in spans.wrap(sanitize.printable(text), max(10, width - 2))
        ]
    return [spans.crop(line, width) for line in lines]


def _fact(row: Any, key: str) -> str:
    value = getattr(row, key, None)
    return sanitize.printable(str(value)) if value else ""


def _named(row: Any, key: str) -> str:
    text = _fact(row, key)
    return f"{key} {text}" if text else ""


def _age(row: Any, now: datetime) -> str:
    created = getattr(row, "created_at", None)
    return f"age {columns.format_age((now - created).total_seconds())}" if created is not None else ""


def _workload(row: Any) -> str:
    kind, name = _fact(row, "workload_kind"), _fact(row, "workload_name")
    return f"{kind}/{name}" if name else ""


def _pods(row: Any) -> str:
    count = getattr(row, "pods", None)
    return quantity.format_count(count, "pod") if count is not None else ""


def _usage(noun: str, row: Any, prefix: str, form: Any) -> str:
    unit = "cores" if prefix == "cpu" else "bytes"
    parts = []
    for word, key in (
        ("used", "usage"),
        ("request", "request"),
        ("limit", "limit"),
        ("allocatable", "allocatable"),
    ):
        name = f"{prefix}_{key}_{unit}"
        if hasattr(row, name):
            value = getattr(row, name)
            parts.append(f"{word} {columns.UNKNOWN if value is None else form(value)}")
    for word, name in (
        ("of request", f"{prefix}_of_request"),
        ("of limit", f"{prefix}_of_limit"),
        ("of allocatable", f"{prefix}_of_allocatable"),
    ):
        value = getattr(row, name, None)
        if value is not None:
            parts.append(f"{quantity.format_ratio(value)} {word}")
    return f"{noun}  " + "  ".join(parts)


def _last_end(row: Any, now: datetime) -> list[spans.Line]:
    reason = getattr(row, "last_termination_reason", None)
    if not reason:
        return []
    code, at = row.last_termination_exit_code, row.last_termination_at
    text = f"  last end  {sanitize.printable(reason)}" + (f", exit code {code}" if code is not None else "")
    if at is not None:
        text += f", {columns.format_age((now - at).total_seconds())} ago"
    return [[(text, spans.PLAIN)]]


def _conditions(row: Any, now: datetime) -> list[spans.Line]:
    lines: list[spans.Line] = []
    for each in getattr(row, "conditions", ()):
        good = (
            each.status == "True"
            if each.type == "Ready"
            else not severity.is_bad_condition(each.type, each.status)
        )
        at = each.last_transition_at
        since = f" for {columns.format_age((now - at).total_seconds())}" if at is not None else ""
        text = f"  {each.type} {each.status}{since}" + (f"  {each.reason}" if each.reason else "")
        lines.append([(sanitize.printable(text), spans.PLAIN if good else severity.CRITICAL)])
    return lines
