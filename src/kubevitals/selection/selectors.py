"""Label and field selectors as kubectl writes them: `app=web,tier in (a, b),!canary`, `status.phase=Running`.

Both are read in one pass, in time that grows with their length.
"""

from __future__ import annotations

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

LONGEST = 1_000  # characters of a selector
_SHOWN = 60  # characters of it in an error
_SPACES = " \t\r\n"
_MARKS = "=!(),<>"
_END = ""  # the token behind the last one
_NAME_LENGTH, _PREFIX_LENGTH = 63, 253
LABEL_FORMS = ("key=value", "key!=value", "key in (a, b)", "key notin (a, b)", "key", "!key")
"""What a requirement of a label selector can look like."""


class LabelRequirement(NamedTuple):
    """What one label must be. `values` None means any value: the label is there."""

    key: str
    values: frozenset[str] | None
    negated: bool = False


class FieldRequirement(NamedTuple):
    """What one field of a record must, or must not, be equal to; an unknown field is equal to ""."""

    field: str
    value: str
    negated: bool = False


def parse_labels(text: str) -> tuple[LabelRequirement, ...]:
    """Return what a label selector requires, all of it; nothing for an empty one.

    Raises:
        errors.UsageError: the API server would refuse it, or it compares by > or <.
    """
    _check_length(text)
    tokens = _Tokens(text)
    found: list[LabelRequirement] = []
    while found or tokens.next != _END:
        found.append(_read_requirement(tokens))
        if tokens.next == _END:
            break
        tokens.expect(",")
    return tuple(found)


def match_labels(labels: Mapping[str, str], requirements: Iterable[LabelRequirement]) -> bool:
    """Return whether the labels meet all requirements. A label that is absent has no value."""
    for key, values, negated in requirements:
        value = labels.get(key)
        if (value is not None and (values is None or value in values)) is negated:
            return False
    return True


def parse_fields(text: str, fields: Mapping[str, str]) -> tuple[FieldRequirement, ...]:
    """Return what a field selector requires; `fields` maps what it may name to the fields of records.

    Raises:
        errors.UsageError: it is none, or names another field.
    """
    _check_length(text)
    found = []
    for part in filter(None, text.split(",")):
        key, negated, value = _split_field(part)
        if value is None or "=" in value or "!" in value:
            raise errors.UsageError(
                f"{_shorten(text)} is not a field selector like status.phase=Running,spec.nodeName!=node-1",
                remedy="fields are " + ", ".join(fields),
            )
        if key not in fields:
            raise errors.UsageError(
                f"there is no field {_shorten(key)} to select by", remedy="one of " + ", ".join(fields)
            )
        found.append(FieldRequirement(fields[key], value, negated))
    return tuple(found)


def field_matcher(requirements: Sequence[FieldRequirement]) -> Callable[[Any], bool]:
    """Return a function that says whether a record meets all the requirements."""

    def matches(record: Any) -> bool:
        return all(
            (_write(getattr(record, field)) == value) is not negated for field, value, negated in requirements
        )

    return matches


class _Tokens:
    """The words and marks of a label selector, one at a time: `next` is the one that is to be read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self._start = 0
        self.next = ""
        self.take()

    def take(self) -> str:
        """Return the next token and go on to the one behind it."""
        taken, text, position = self.next, self._text, self._end
        while position < len(text) and text[position] in _SPACES:
            position += 1
        self._start = position
        if position < len(text) and text[position] in _MARKS:
            position += 2 if text[position : position + 2] in ("==", "!=") else 1
        else:
            while position < len(text) and text[position] not in _MARKS and text[position] not in _SPACES:
                position += 1
        self._end = position
        self.next = text[self._start : position]
        return taken

    def is_word(self) -> bool:
        """Return whether the next token is neither a mark nor the end."""
        return self.next != _END and self.next[0] not in _MARKS

    def expect(self, *marks: str) -> str:
        """Return the next token, which must be one of these marks."""
        if self.next not in marks:
            raise self.refuse("expected " + " or ".join(marks))
        return self.take()

    def refuse(self, why: str) -> errors.UsageError:
        """Return the error about the next token."""
        word = _shorten(self.next) if self.next != _END else "its end"
        return errors.UsageError(
            f"{_shorten(self._text)} is not a label selector: {why}, found {word} at character "
            f"{self._start + 1}",
            remedy="one or more, separated by commas, of " + "; ".join(LABEL_FORMS),
        )


def _read_requirement(tokens: _Tokens) -> LabelRequirement:
    absent = tokens.next == "!"
    if absent:
        tokens.take()
    if not tokens.is_word() or not _is_key(tokens.next):
        raise tokens.refuse("expected the key of a label")
    key = tokens.take()
    if absent or tokens.next in (",", _END):
        return LabelRequirement(key, None, absent)
    operator = tokens.expect("=", "==", "!=", "in", "notin")
    values = _read_set(tokens) if operator in ("in", "notin") else [_read_value(tokens)]
    return LabelRequirement(key, frozenset(values), operator in ("!=", "notin"))


def _read_set(tokens: _Tokens) -> list[str]:
    tokens.expect("(")
    values = [_read_value(tokens)]
    while tokens.expect(",", ")") == ",":
        values.append(_read_value(tokens))
    return values


def _read_value(tokens: _Tokens) -> str:
    """Return a value, which may be empty."""
    if tokens.next in (",", ")", _END):
        return ""
    if not tokens.is_word() or not _is_name(tokens.next):
        raise tokens.refuse("expected the value of a label")
    return tokens.take()


def _is_key(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return _is_name(name) and (not slash or _is_domain(prefix))


def _is_name(text: str) -> bool:
    """Return whether it can be the name part of a key, or a value: as Kubernetes checks labels."""
    if not text.isascii() or len(text) > _NAME_LENGTH:
        return False
    inner = text.replace("-", "").replace("_", "").replace(".", "")
    return inner.isalnum() and text[0].isalnum() and text[-1].isalnum()


def _is_domain(text: str) -> bool:
    if not text.isascii() or len(text) > _PREFIX_LENGTH or text != text.lower():
        return False
    return all(
        part.replace("-", "").isalnum() and part[0] != "-" and part[-1] != "-" for part in text.split(".")
    )


def _split_field(text: str) -> tuple[str, bool, str | None]:
    """Return the key, whether it must not be equal, and the value; no value where there is no operator."""
    key, equals, value = text.partition("=")
    if not equals:
        return key, False, None
    if key.endswith("!"):
        return key[:-1], True, value
    return key, False, value.removeprefix("=")


def _write(value: Any) -> str:
    """Return a field as one would write it: nothing for unknown, true and false in small letters."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise errors.UsageError(f"the selector {_shorten(text)} is longer than {LONGEST} characters")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
