"""The columns of the tables of each kind: heading, field, and how its value is written.

A column's `key` is the field's name on the wire, by which one also sorts.
"""

from __future__ import annotations

from kubevitals import errors, quantity, sanitize, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals import kinds, model, totals
else:
    from kubevitals.namedtuple import NamedTuple

UNKNOWN = "-"
_USUAL = ("cpu", "memory", "memory_of_limit", "memory_of_allocatable", "restarts", "name")
_NOT_SUMMED = frozenset({"age_seconds"})


class Column(NamedTuple):
    """One column of a table."""

    heading: str
    key: str  # the field on the wire; what one sorts by
    form: Callable[[Any], str] = str  # value -> text
    numeric: bool = False
    ratio: bool = False  # of what there is: coloured and marked by severity
    moment: bool = False  # a time, shown as how long ago
    wide: bool = False  # only with -o wide
    drop: int = 0  # the higher, the sooner a narrow terminal leaves it out; 0 is never
    row_form: Callable[[Any], str] | None = None  # row -> text, where one value is not enough
    name: bool = False  # of an object: cut in the middle where a terminal is narrow
    judge: Callable[[Any], str | None] | None = None  # row -> severity, in whose colour it is

    @property
    def right(self) -> bool:
        """Whether it is aligned right."""
        return self.numeric or self.ratio

    def severity_of(self, row: Any) -> str | None:
        """Return how serious the cell of a row is, which decides its colour; None for none."""
        if self.judge is not None:
            return self.judge(row)
        return severity.judge_ratio(getattr(row, self.key, None)) if self.ratio else None

    def texts(self, rows: Sequence[model.Row], now: datetime) -> list[str]:
        """Return the cells of this column."""
        key, form = self.key, self.form
        if self.row_form is not None:
            form_row = self.row_form
            return [UNKNOWN if getattr(row, key) is None else form_row(row) for row in rows]
        values = [getattr(row, key) for row in rows]
        if self.moment:
            return [
                UNKNOWN if value is None else format_age((now - value).total_seconds()) for value in values
            ]
        return [UNKNOWN if value is None else form(value) for value in values]

    def total_text(self, total: model.Total | totals.NodeTotal) -> str:
        """Return the cell in the row of totals: empty where a sum has no meaning, a dash if unknown."""
        if not self.right or self.key in _NOT_SUMMED or not hasattr(total, self.key):
            return ""
        value = getattr(total, self.key)
        return UNKNOWN if value is None else self.form(value)


def choose(words: Sequence[str], kind: kinds.Kind, columns: Sequence[Column]) -> list[Column]:
    """Return the columns that words name, by heading or key, in their order.

    Raises:
        errors.UsageError: a word names none of `columns`.
    """
    known = {name: column for column in columns for name in (column.key, column.heading.lower())}
    chosen = []
    for word in words:
        column = known.get(word.lower())
        if column is None:
            import difflib

            close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
            raise errors.UsageError(
                f"{kind.name} have no column {word[:60]!r}"
                + (f"; did you mean {close[0]}?" if close else ""),
                remedy="the headings of -o wide, such as name,status,cpu%lim,mem%lim,node",
            )
        chosen.append(column)
    return chosen


def find_key(word: str, kind: kinds.Kind) -> str:
    """Return the field or ratio of that kind which `word` means: its key, or a column's heading.

    Raises:
        errors.UsageError: it means none, or one that has no order.
    """
    headings = {column.heading.lower(): column.key for column in BY_KIND[kind.name]}
    keys = kind.sortable
    key = word if word in keys else headings.get(word, word)
    if key in keys:
        return key
    import difflib

    close = difflib.get_close_matches(word, sorted({*keys, "cpu", "memory"}), n=3, cutoff=0.5)
    usual = [each for each in _USUAL if each in ("cpu", "memory") or each in keys]
    raise errors.UsageError(
        f"cannot sort by {word[:60]!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""),
        remedy=f"{', '.join(usual)}, or any other key of -o json",
    )


def of_capacity(columns: Sequence[Column]) -> list[Column]:
    """Return the columns with a node's usage as a share of its capacity."""
    keys = {"cpu_of_allocatable": "cpu_of_capacity", "memory_of_allocatable": "memory_of_capacity"}
    found = [each._replace(key=keys[each.key]) if each.key in keys else each for each in columns]
    return [each._replace(row_form=_cpu_of_capacity) if each.row_form is _cpu_of else each for each in found]


def with_available(columns: Sequence[Column]) -> list[Column]:
    """Return the columns of nodes with what can still be promised to pods behind what is promised."""
    found: list[Column] = []
    for each in columns:
        found.append(each)
        if each.key in _FREE:
            found.append(_FREE[each.key])
    return found


def format_age(seconds: float) -> str:
    """Return a duration as kubectl does: 45s, 5m30s, 3h20m, 2d4h, 40d, 1y20d."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d") if days < 365 * 8 else f"{days // 365}y"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def _text(value: Any) -> str:
    return sanitize.printable(str(value))


def _join(values: Any) -> str:
    return ",".join(sanitize.printable(str(value)) for value in values) or "<none>"


def _conditions(values: Any) -> str:
    """Return the conditions that are bad: a pressure that is True, or Ready that is not."""
    bad = [
        each.type
        for each in values
        if (
            each.status != "True"
            if each.type == "Ready"
            else severity.is_bad_condition(each.type, each.status)
        )
    ]
    return sanitize.printable(",".join(bad)) or "<none>"


def _taints(values: Any) -> str:
    return sanitize.printable(",".join(f"{each.key}:{each.effect}" for each in values)) or "<none>"


def _ready(pod: model.Pod) -> str:
    return f"{pod.containers_ready}/{pod.containers_total}"


def _cpu_of(node: model.Node) -> str:
    """Return CPU as a share of allocatable as kubectl has it: of whole millicores, rounded down."""
    return _share_of_millicores(node.cpu_usage_cores, node.cpu_allocatable_cores)


def _cpu_of_capacity(node: model.Node) -> str:
    return _share_of_millicores(node.cpu_usage_cores, node.cpu_capacity_cores)


def _share_of_millicores(part: float | None, whole: float | None) -> str:
    if part is None or not whole:
        return UNKNOWN
    return quantity.format_ratio_as_kubectl(quantity.millicores_up(part) / quantity.millicores_up(whole))


cpu, memory, percent = quantity.format_cpu, quantity.format_memory, quantity.format_ratio


def _judge_status(row: Any) -> str | None:
    return severity.judge_status(getattr(row, "status", None))  # a row of sums has none


def _judge_age(row: Any) -> str | None:
    return severity.WARNING if getattr(row, "stale", None) else None


def _usage(of: str) -> list[Column]:
    return [
        Column("CPU(cores)", "cpu_usage_cores", cpu, numeric=True),
        *([Column("CPU%REQ", "cpu_of_request", percent, numeric=True, drop=4)] if of == "pod" else []),
        *([Column("CPU%LIM", "cpu_of_limit", percent, ratio=True, drop=5)] if of == "pod" else []),
        Column("MEMORY(bytes)", "memory_usage_bytes", memory, numeric=True),
        *([Column("MEM%REQ", "memory_of_request", percent, numeric=True, drop=4)] if of == "pod" else []),
        *([Column("MEM%LIM", "memory_of_limit", percent, ratio=True, drop=3)] if of == "pod" else []),
    ]


_ASKED = [
    Column("CPU-REQ", "cpu_request_cores", cpu, numeric=True, wide=True, drop=12),
    Column("CPU-LIM", "cpu_limit_cores", cpu, numeric=True, wide=True, drop=12),
    Column("MEM-REQ", "memory_request_bytes", memory, numeric=True, wide=True, drop=12),
    Column("MEM-LIM", "memory_limit_bytes", memory, numeric=True, wide=True, drop=12),
]
_SAMPLE = Column("SAMPLE", "age_seconds", format_age, numeric=True, wide=True, drop=11, judge=_judge_age)

PODS = [
    Column("NAMESPACE", "namespace", _text, name=True),
    Column("NAME", "name", _text, name=True),
    Column("STATUS", "status", _text, judge=_judge_status),
    *_usage("pod"),
    *_ASKED,
    Column("READY", "containers_ready", row_form=_ready, wide=True, drop=13),
    Column("RESTARTS", "restarts", numeric=True, drop=6),
    Column("AGE", "created_at", moment=True, wide=True, drop=14),
    Column("NODE", "node", _text, name=True, wide=True, drop=10),
    Column("QOS", "qos", _text, wide=True, drop=16),
    Column("WORKLOAD", "workload_name", _text, name=True, wide=True, drop=15),
    _SAMPLE,
]
CONTAINERS = [
    Column("NAMESPACE", "namespace", _text, name=True),
    Column("POD", "pod", _text, name=True),
    Column("NAME", "name", _text, name=True),
    Column("STATUS", "status", _text, judge=_judge_status),
    *_usage("pod"),
    *_ASKED,
    Column("RESTARTS", "restarts", numeric=True, drop=6),
    Column("LAST-END", "last_termination_reason", _text, wide=True, drop=14),
    Column("NODE", "node", _text, name=True, wide=True, drop=10),
    _SAMPLE,
]
NODES = [
    Column("NAME", "name", _text, name=True),
    Column("STATUS", "status", _text, judge=_judge_status),
    Column("PODS", "pods", numeric=True, drop=6),
    Column("CPU(cores)", "cpu_usage_cores", cpu, numeric=True),
    Column("CPU%", "cpu_of_allocatable", percent, ratio=True, drop=1),
    Column("CPU%REQ", "cpu_request_of_allocatable", percent, numeric=True, drop=5),
    Column("CPU%LIM", "cpu_limit_of_allocatable", percent, numeric=True, wide=True, drop=11),
    Column("MEMORY(bytes)", "memory_usage_bytes", memory, numeric=True),
    Column("MEM%", "memory_of_allocatable", percent, ratio=True, drop=1),
    Column("MEM%REQ", "memory_request_of_allocatable", percent, numeric=True, drop=5),
    Column("MEM%LIM", "memory_limit_of_allocatable", percent, numeric=True, wide=True, drop=11),
    Column("CPU-ALLOC", "cpu_allocatable_cores", cpu, numeric=True, wide=True, drop=12),
    Column("MEM-ALLOC", "memory_allocatable_bytes", memory, numeric=True, wide=True, drop=12),
    Column("ROLES", "roles", _join, wide=True, drop=13),
    Column("TROUBLE", "conditions", _conditions, wide=True, drop=9),
    Column("TAINTS", "taints", _taints, wide=True, drop=16),
    Column("AGE", "created_at", moment=True, wide=True, drop=14),
    _SAMPLE,
]
_FREE = {
    "pods": Column("PODS-FREE", "pods_free", numeric=True, drop=3),
    "cpu_request_of_allocatable": Column("CPU-FREE", "cpu_free_cores", cpu, numeric=True),
    "memory_request_of_allocatable": Column("MEM-FREE", "memory_free_bytes", memory, numeric=True),
}
_COUNTS = [
    Column("PODS", "pods", numeric=True, drop=6),
    *_usage("pod"),
    *_ASKED,
    Column("RESTARTS", "restarts", numeric=True, wide=True, drop=10),
    Column("NO-USAGE", "pods_without_usage", numeric=True, wide=True, drop=13),
    Column("NO-REQUEST", "pods_without_request", numeric=True, wide=True, drop=13),
    _SAMPLE,
]
NAMESPACES = [Column("NAME", "name", _text, name=True), *_COUNTS]
WORKLOADS = [
    Column("NAMESPACE", "namespace", _text, name=True),
    Column("KIND", "workload_kind", _text, drop=3),
    Column("NAME", "name", _text, name=True),
    *_COUNTS,
]

# The columns of kubectl top, for --usage, rounded as it rounds.
_AS_KUBECTL = [
    Column("CPU(cores)", "cpu_usage_cores", quantity.format_cpu_as_kubectl, numeric=True),
    Column("MEMORY(bytes)", "memory_usage_bytes", quantity.format_memory_as_kubectl, numeric=True),
]
USAGE_PODS = [
    Column("NAMESPACE", "namespace", _text, name=True),
    Column("NAME", "name", _text, name=True),
    *_AS_KUBECTL,
]
USAGE_CONTAINERS = [
    Column("NAMESPACE", "namespace", _text, name=True),
    Column("POD", "pod", _text, name=True),
    Column("NAME", "name", _text, name=True),
    *_AS_KUBECTL,
]
USAGE_NODES = [
    Column("NAME", "name", _text, name=True),
    _AS_KUBECTL[0],
    Column("CPU(%)", "cpu_of_allocatable", quantity.format_ratio_as_kubectl, ratio=True, row_form=_cpu_of),
    _AS_KUBECTL[1],
    Column("MEMORY(%)", "memory_of_allocatable", quantity.format_ratio_as_kubectl, ratio=True),
]

BY_KIND: dict[str, list[Column]] = {
    "nodes": NODES,
    "pods": PODS,
    "containers": CONTAINERS,
    "namespaces": NAMESPACES,
    "workloads": WORKLOADS,
    "groups": NAMESPACES,
}
USAGE_BY_KIND = {"nodes": USAGE_NODES, "pods": USAGE_PODS, "containers": USAGE_CONTAINERS}
