"""The filter of rows: `ns:shop cpu%limit>80 restarts>0 age<2h request:none !kube-system`.

docs/filters.md is its grammar. A filter is read in one pass, and what it may cost is bounded by its length
and by the number of its values.
"""

from __future__ import annotations

from kubevitals import errors, quantity
from kubevitals.selection import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple

    from kubevitals import kinds

    Filter = tuple["Term", ...]
else:
    from kubevitals.namedtuple import NamedTuple

LONGEST = 1_000  # characters
MOST_VALUES = 100  # in all terms together: each may be looked for in each row
_SHOWN = 60  # characters of a term in an error
COMPARISONS = (">=", "<=", "!=", ">", "<", "=")
NONE = "none"  # the value of what is unknown
_MARKS = ":<>=!"
_UNITS = {fields.CPU: quantity.parse_cpu, fields.MEMORY: quantity.parse_memory}


class Value(NamedTuple):
    """A value as it was written: a glob, or in quotes the text itself."""

    text: str
    quoted: bool = False


class Term(NamedTuple):
    """One condition. A bare word has no field and no operator; `key` is that of a label."""

    field: str
    operator: str  # "", ":" or one of the comparisons
    values: tuple[Value, ...]
    negated: bool = False
    key: str = ""


def parse(text: str, kind: kinds.Kind) -> Filter:
    """Return the terms of a filter of rows of that kind. All of them have to be met; an empty one has none.

    Raises:
        errors.UsageError: it is none; the message says where and why, the remedy what is allowed.
    """
    if len(text) > LONGEST:
        raise errors.UsageError(f"the filter is longer than {LONGEST} characters", remedy="filter by less")
    terms = tuple([_Reader(word, start, kind).read() for word, start in _split(text)])
    if sum([len(term.values) for term in terms]) > MOST_VALUES:
        raise errors.UsageError(f"the filter has more than {MOST_VALUES} values", remedy="filter by less")
    return terms


def format_filter(terms: Filter) -> str:
    """Return the filter as text from which `parse` makes the same terms."""
    return " ".join(map(_format_term, terms))


def find_fields(terms: Filter) -> frozenset[str]:
    """Return the names of the fields that a filter is about; a bare word has none."""
    return frozenset(term.field for term in terms if term.field)


# --- reading


def _split(text: str) -> list[tuple[str, int]]:
    """Return the terms, which spaces separate, and where each begins. Spaces in quotes belong to a term."""
    found: list[tuple[str, int]] = []
    start, quote, escaped = -1, -1, False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote >= 0:
            escaped = character == "\\"
            if character == '"':
                quote = -1
        elif character.isspace():
            if start >= 0:
                found.append((text[start:position], start))
            start = -1
        else:
            if start < 0:
                start = position
            if character == '"':
                quote = position
    if quote >= 0:
        raise _refuse(text[quote:], quote, "the quote is not closed", 'end it with "')
    if start >= 0:
        found.append((text[start:], start))
    return found


class _Reader:
    """Reads one term."""

    def __init__(self, word: str, start: int, kind: kinds.Kind) -> None:
        self._word = word
        self._start = start
        self._kind = kind

    def read(self) -> Term:
        negated = self._word.startswith("!")
        rest = self._word[1:] if negated else self._word
        if not rest:
            raise self._refuse("there is nothing behind the !", "write it directly before a term: !ns:shop")
        end = next((place for place, mark in enumerate(rest) if mark in _MARKS or mark == '"'), len(rest))
        if end == len(rest) or rest[end] == '"':
            return Term("", "", self._read_values(rest, ""), negated)
        head, mark = rest[:end], rest[end]
        if mark != ":":
            mark = rest[end : end + 2] if rest[end : end + 2] in COMPARISONS else mark
        if mark not in COMPARISONS and mark != ":":
            raise self._refuse(f"{mark!r} cannot stand there", 'write it in quotes, as name:"a!b"')
        field, key = self._find_field(head, mark)
        tail = rest[end + len(mark) :]
        if mark == ":":
            values = self._read_values(tail, field.name)
            self._check_values(field, values)
        else:
            values = (self._read_number(field, mark, tail),)
        return Term(field.name, mark, values, negated, key)

    def _find_field(self, head: str, mark: str) -> tuple[fields.Field, str]:
        if not head:
            raise self._refuse(
                f"there is no field before {mark!r}", "write a condition without spaces: cpu>500m"
            )
        found = fields.find(head)
        if found is not None and found[0].find_place(self._kind.name) is not None:
            return found
        known = [field.name for field in fields.list_fields(self._kind.name)]
        import difflib

        close = (
            [] if found is not None else difflib.get_close_matches(head.casefold(), known, n=2, cutoff=0.5)
        )
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise self._refuse(f"{self._kind.name} have no {_shorten(head)}{hint}", "one of " + ", ".join(known))

    def _read_values(self, text: str, field: str) -> tuple[Value, ...]:
        """Return the values of a list, which commas separate."""
        found: list[Value] = []
        position = 0
        while True:
            if text[position : position + 1] == '"':
                value, position = _unquote(text, position)
            else:
                end = position
                while end < len(text) and text[end] not in ',"':
                    end += 1
                value, position = Value(text[position:end]), end
            if not value.text and not value.quoted:
                raise self._refuse(
                    "a value is missing", 'separate values by single commas; "" is the empty text'
                )
            found.append(value)
            if position == len(text):
                return tuple(found)
            if text[position] != ",":
                raise self._refuse(
                    "a quote stands within a word", f'quote all of a value: {field or "name"}:"a b"'
                )
            position += 1

    def _check_values(self, field: fields.Field, values: Sequence[Value]) -> None:
        allowed: tuple[str, ...] = (NONE,)
        if field.form in (fields.TEXT, fields.LABEL):
            return
        if field.form == fields.TRUTH:
            allowed = ("true", "false", NONE)
        for value in values:
            if value.quoted or value.text.casefold() not in allowed:
                form = fields.COMPARED.get(field.form)
                compared = f"{field.name}>VALUE with {form}; " if form else ""
                raise self._refuse(
                    f"{field.name} cannot be {_shorten(value.text)}",
                    compared + " or ".join(f"{field.name}:{word}" for word in allowed),
                )

    def _read_number(self, field: fields.Field, mark: str, text: str) -> Value:
        if field.form not in fields.COMPARED:
            matched = {fields.TRUTH: "true", fields.PAIR: NONE}.get(field.form, "VALUE")
            raise self._refuse(
                f"{field.name} is no number that {mark} could compare", f"{field.name}:{matched}"
            )
        if parse_number(text, field.form) is None:
            raise self._refuse(
                f"{_shorten(text)} is not {fields.COMPARED[field.form]}" if text else "a value is missing",
                f"{field.name}{mark} and {fields.COMPARED[field.form]}",
            )
        return Value(text)

    def _refuse(self, why: str, remedy: str) -> errors.UsageError:
        return _refuse(self._word, self._start, why, remedy)


def _unquote(text: str, position: int) -> tuple[Value, int]:
    """Return the text in the quotes that begin at `position`, and where it ends; that it does is known."""
    found: list[str] = []
    position += 1
    while text[position] != '"':
        if text[position] == "\\":
            position += 1
        found.append(text[position])
        position += 1
    return Value("".join(found), quoted=True), position + 1


def parse_number(text: str, form: str) -> float | None:
    """Return a value in the unit of the records: cores, bytes, a ratio, seconds; None if it is none."""
    if form == fields.PERCENT:
        text = text.removesuffix("%")
    if form == fields.LENGTH:
        return quantity.parse_length(text)
    if form in _UNITS:
        try:
            return _UNITS[form](text)
        except errors.QuantityError:
            return None
    if not (text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < _SHOWN):
        return None
    return float(text) / 100 if form == fields.PERCENT else float(text)


def _refuse(word: str, start: int, why: str, remedy: str) -> errors.UsageError:
    return errors.UsageError(f"filter: {_shorten(word)} at character {start + 1}: {why}", remedy=remedy)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


# --- writing


def _format_term(term: Term) -> str:
    head = term.field if not term.key else fields.LABEL_PREFIX + term.key
    values = ",".join(map(_format_value, term.values))
    return f"{'!' if term.negated else ''}{head}{term.operator}{values}"


def _format_value(value: Value) -> str:
    if not value.quoted:
        return value.text
    text = value.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
