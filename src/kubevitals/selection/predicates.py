"""A filter as predicates: functions that say whether a row, or a pod behind it, meets a term."""

from __future__ import annotations

import operator

from kubevitals.selection import fields, filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from kubevitals import kinds

    Predicate = Callable[[Any], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def compile_filter(
    terms: filters.Filter, kind: kinds.Kind, *, now: datetime
) -> tuple[list[Predicate], list[Predicate]]:
    """Return the predicates of the pods that rows are made of, and those of the rows.

    Ages are counted to `now`.
    """
    of_pods: list[Predicate] = []
    of_rows: list[Predicate] = []
    for term in terms:
        in_pods = False
        if not term.field:
            predicate = _match_words(term, [field for field, _ in kind.order])
        else:
            field = fields.FIELDS[term.field]
            place, in_pods = field.find_place(kind.name) or ("", False)
            predicate = _match_field(term, field, place, now)
        if term.negated:
            predicate = _negate(predicate)
        (of_pods if in_pods else of_rows).append(predicate)
    return of_pods, of_rows


def _negate(predicate: Predicate) -> Predicate:
    return lambda row: not predicate(row)


def _match_words(term: filters.Term, names: Sequence[str]) -> Predicate:
    """Return the predicate of a bare word: one of the row's names contains it, or with a star is like it."""
    patterns = [_compile_word(value) for value in term.values]

    def matches(row: Any) -> bool:
        texts = [text.casefold() for name in names if (text := getattr(row, name)) is not None]
        return any(like(text) for text in texts for like in patterns)

    return matches


def _compile_word(value: filters.Value) -> Callable[[str], bool]:
    text = value.text.casefold()
    if not value.quoted and ("*" in text or "?" in text):
        return compile_glob(text)
    return lambda name: text in name


def _match_field(term: filters.Term, field: fields.Field, place: str, now: datetime) -> Predicate:
    if field.form == fields.PAIR:
        one, other = map(operator.attrgetter, fields.PAIRS[field.name])
        return lambda row: one(row) is None or other(row) is None
    read = operator.attrgetter(place)
    if term.operator != ":":
        return _match_number(term, field, read, now)
    if field.form in fields.COMPARED:
        return lambda row: read(row) is None
    if field.form == fields.LABEL:
        labels, key = read, term.key
        return _match_text(term, lambda row: labels(row).get(key))
    return _match_text(term, read)


def _match_number(
    term: filters.Term, field: fields.Field, read: Callable[[Any], Any], now: datetime
) -> Predicate:
    compare = _COMPARISONS[term.operator]
    bound = filters.parse_number(term.values[0].text, field.form)
    if field.name == "age":
        return lambda row: (at := read(row)) is not None and compare((now - at).total_seconds(), bound)
    return lambda row: (number := read(row)) is not None and compare(number, bound)


def _match_text(term: filters.Term, read: Callable[[Any], Any]) -> Predicate:
    """Return the predicate of a text, a truth value or several texts: one is like one of the values."""
    globs = [each for each in term.values if not each.quoted]
    unknown = any(each.text.casefold() == filters.NONE for each in globs)
    texts = {each.text.casefold() for each in term.values} - ({filters.NONE} if unknown else set())
    texts |= {each.text.casefold() for each in term.values if each.quoted}
    patterns = [compile_glob(each.text.casefold()) for each in globs if "*" in each.text or "?" in each.text]

    def matches(row: Any) -> bool:
        value = read(row)
        if value is None or value == ():
            return unknown
        if not patterns and isinstance(value, str):
            return value.casefold() in texts
        found = [str(each).casefold() for each in (value if isinstance(value, tuple) else (value,))]
        return any(text in texts or any(like(text) for like in patterns) for text in found)

    return matches


def compile_glob(pattern: str) -> Callable[[str], bool]:
    """Return the predicate whether a text is like the glob: `*` is any text, `?` any one character."""
    head, *rest = pattern.split("*")
    if not rest:
        return lambda text: len(text) == len(head) and _is_at(text, head, 0)
    *middle, tail = rest
    middle = [part for part in middle if part]

    def matches(text: str) -> bool:
        end = len(text) - len(tail)
        if not _is_at(text, head, 0) or not _is_at(text, tail, end):
            return False
        position = len(head)
        for part in middle:  # the leftmost place leaves most room for the others
            position = _find(text, part, position, end)
            if position < 0:
                return False
            position += len(part)
        return position <= end

    return matches


def _is_at(text: str, part: str, position: int) -> bool:
    if "?" not in part:
        return text.startswith(part, position)
    piece = text[position : position + len(part)]
    return len(piece) == len(part) and all(
        mark in ("?", character) for mark, character in zip(part, piece, strict=True)
    )


def _find(text: str, part: str, start: int, end: int) -> int:
    if "?" not in part:
        return text.find(part, start, end)
    return next(
        (place for place in range(start, end - len(part) + 1) if _is_at(text, part, place)),
        -1,
    )
