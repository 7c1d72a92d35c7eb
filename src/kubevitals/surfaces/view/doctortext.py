"""A report of the doctor as text: the cause comes first, then damage, proof, check, fix and what not."""

from __future__ import annotations

import textwrap

import kubevitals
from kubevitals import severity
from kubevitals.doctor import commands, diagnosis, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WIDTH, HEIGHT = 80, 24
_WHOLE = 2  # findings that a terminal gets whole
_INDENT = 8
_MARKS = {severity.CRITICAL: "FAIL", severity.WARNING: "WARN", severity.INFO: "INFO"}
_WORDS = {report.FAIL: "FAIL", report.WARN: "WARN", report.INCOMPLETE: "INCOMPLETE", report.CLEAN: "OK",
          report.NOT_EXAMINED: "NOT EXAMINED"}  # fmt: skip


def render(
    found: report.Report,
    *,
    code: int | None,
    width: int = WIDTH,
    height: int | None = None,
    wide: bool = False,
) -> str:
    """Return the text. With a `height`, only so much as fits: two findings whole, the others a line each.

    `code` is the exit code that it ends with; None where there is none.
    """
    if not found.findings:
        lines = list(_clean(found, code, width=width, wide=wide))
        return "\n".join(lines) + "\n"
    whole = len(found.findings)
    if height is not None:
        whole = min(_WHOLE, whole)
    lines = list(_sick(found, code, whole=whole, width=width, wide=wide))
    while height is not None and whole > 1 and _rows(lines, width) >= height:
        whole -= 1
        lines = list(_sick(found, code, whole=whole, width=width, wide=wide))
    while height is not None and _rows(lines, width) >= height and _drop(lines, width):
        pass
    return "\n".join(lines) + "\n"


def render_short(found: report.Report, *, code: int) -> str:
    """Return a few lines to paste: verdict, findings, layers, versions."""
    lines = [f"{_WORDS[found.verdict]} {found.context}: {len(found.findings)} findings"]
    lines += [f"- {each.id} ({each.confidence}): {each.title}" for each in found.findings]
    lines += [", ".join(f"{state.title} {state.status}" for state in found.layers), _footer(found, code)]
    return "\n".join(lines) + "\n"


def _sick(found: report.Report, code: int | None, *, whole: int, width: int, wide: bool) -> Iterator[str]:
    first = found.findings[0]
    word = _MARKS[first.severity]
    yield from _wrap(word, f"{first.title} ({found.context})", width)
    if first.damage:
        yield from _wrap("damage", first.damage, width)
    for number, each in enumerate(found.findings[:whole]):
        yield ""
        if number:
            yield from _wrap(_MARKS[each.severity], each.title, width)
            if each.damage:
                yield from _wrap("damage", each.damage, width)
        yield from _whole(each, found.context, width)
    rest = found.findings[whole:]
    if rest:
        yield ""
        for each in rest[: None if whole == len(found.findings) else 6]:
            yield _cut(f"{'also'.ljust(_INDENT)}{each.id}: {each.title}", width)
        if len(rest) > 6 and whole != len(found.findings):
            yield f"{'':8}and {len(rest) - 6} more: -o wide"
    yield ""
    if wide:
        yield from _table(found.layers, width)
    else:
        yield from _states(found.layers, width)
    yield from _notes(found, width, wide=wide)
    yield "! changes the cluster; nothing was run. More: kubevitals doctor explain " + first.id
    yield _footer(found, code)


def _whole(each: diagnosis.Finding, context: str, width: int) -> Iterator[str]:
    check, fix = commands.fill(each, context)
    yield f"{each.id}, {each.confidence}"
    label = "proof"
    for line in each.evidence:
        yield from _wrap(label, line, width)
        label = ""
    label = "check"
    for line in check:
        yield f"{label.ljust(_INDENT)}{line}"
        label = ""
    label = "fix"
    for line in fix:
        if line.startswith(commands.CHANGES):
            yield f"     !  {line.removeprefix(commands.CHANGES)}"
        else:
            yield from _wrap(label, line, width)
        label = ""
    if each.diagnosis.avoid:
        yield from _wrap("not", each.diagnosis.avoid, width)
    if each.blocks:
        yield from _wrap("blocks", "; ".join(each.blocks), width)


def _clean(found: report.Report, code: int | None, *, width: int, wide: bool) -> Iterator[str]:
    verdict = found.verdict
    if verdict == report.NOT_EXAMINED:
        yield from _wrap(
            "NOT EXAMINED  ",
            f"{found.context}: {found.user or 'this account'} may read no layer. This is no all-clear.",
            width,
        )
    elif verdict == report.INCOMPLETE:
        unknown = [state.title for state in found.layers if state.status == diagnosis.UNKNOWN]
        yield from _wrap(
            "INCOMPLETE  ", f"{found.context}: no fault found; not judged: {', '.join(unknown)}", width
        )
    else:
        yield from _wrap("OK", f"{found.context}: every installed layer answers; nothing is silent", width)
    yield from _table(found.layers, width, whole=wide)
    if found.missing:
        if verdict == report.NOT_EXAMINED:
            yield "One namespace of your own? kubevitals doctor -n NAME"
        who = f" --user {found.user}" if found.user and not found.user.startswith("system:") else ""
        yield "Send this to an administrator (read only):"
        yield f"      kubevitals rbac --features doctor{who} > rights.yaml"
    yield from _notes(found, width, wide=wide)
    yield _footer(found, code)


def _notes(found: report.Report, width: int, *, wide: bool) -> Iterator[str]:
    """Yield what kept checks from looking."""
    for each in found.problems[: None if wide else 3]:
        yield from _wrap("note", each, width)


def _table(states: Sequence[report.LayerState], width: int, *, whole: bool = False) -> Iterator[str]:
    """Yield a line for each layer; those that are not installed share one."""
    absent = [state.title for state in states if state.status == diagnosis.SKIP]
    for state in states:
        if state.status == diagnosis.SKIP:
            continue
        word = "?" if state.status == diagnosis.UNKNOWN else state.status
        by = f" by {state.blocked_by}" if state.blocked_by else ""
        line = f"{word.ljust(_INDENT)}{state.title.ljust(19)} {state.text}{by}".rstrip()
        yield line if whole else _cut(line, width)
    if absent:
        yield from _wrap("skip", f"{', '.join(absent)}: not installed, or not to be read", width)


def _states(states: Sequence[report.LayerState], width: int) -> Iterator[str]:
    for status in (diagnosis.OK, diagnosis.BLOCKED, diagnosis.UNKNOWN):
        named = [_short(state) for state in states if state.status == status]
        if named:
            yield from _wrap("?" if status == diagnosis.UNKNOWN else status, ", ".join(named), width)


def _short(state: report.LayerState) -> str:
    count = state.text.partition(" ")[0].rstrip(",")
    if state.blocked_by:
        return f"{state.title} (by {state.blocked_by})"
    return f"{state.title} {count}" if "/" in count and count[0].isdigit() else state.title


def _footer(found: report.Report, code: int | None) -> str:
    who = f", as {found.user}" if found.user else ""
    asked = f"{found.requests} GETs, {found.reviews} access reviews, {found.seconds:.1f} s{who}."
    end = "" if code is None else f" Exit {code}"
    return f"{asked} kubevitals {kubevitals.__version__} {found.started_at}{end}"


def _wrap(label: str, text: str, width: int) -> list[str]:
    head = label if len(label) > _INDENT else label.ljust(_INDENT)
    return textwrap.wrap(
        text, max(width, 40), initial_indent=head, subsequent_indent=" " * _INDENT, break_on_hyphens=False
    ) or [head.rstrip()]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _rows(lines: Iterable[str], width: int) -> int:
    """Return how many rows of a terminal the lines take."""
    return sum(max(1, -(-len(line) // width)) for line in lines)


def _drop(lines: list[str], width: int) -> bool:
    """Take away the line that a small terminal misses least, with a mark where a sentence is cut."""
    body = lines.index("") + 1
    for place in range(len(lines) - 3, body, -1):
        if lines[place].startswith(" " * _INDENT) and not lines[place].lstrip().startswith(
            ("kubectl", "helm")
        ):
            del lines[place]
            if not lines[place - 1].endswith("…"):
                lines[place - 1] = _cut(f"{lines[place - 1]} …", width)
            return True
    for word in ("blocks", "ok", "blocked", "?", "also", "note"):
        for place in range(len(lines) - 3, body, -1):
            if lines[place].startswith(word.ljust(_INDENT)):
                del lines[place]
                return True
    return False
