"""Label and field selectors of query parameters, as kubectl writes them. Pure; it must not know requests."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

_NAME = "[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = f"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}"
_VALUE = f"(?:{_NAME})?"
_REQUIREMENT = (
    f"(?:! *{_KEY}|{_KEY} +(?:in|notin) *[(] *{_VALUE} *(?:, *{_VALUE} *)*[)]"
    f"|{_KEY} *(?:==|!=|=) *{_VALUE}|{_KEY})"
)
LABELS = f"^(?:{_REQUIREMENT}(?: *, *{_REQUIREMENT})*)?$"
"""The regular expression of a label selector, for OpenAPI and for the parser alike."""

_WHOLE = re.compile(LABELS)
_ONE = re.compile(
    f"(?P<none>! *)?(?P<key>{_KEY})"
    f"(?: +(?P<set>in|notin) *[(](?P<values>[^)]*)[)]| *(?P<op>==|!=|=) *(?P<value>{_VALUE}))?"
)

# key, the values it may have (None: any), whether that is turned round
Requirement = tuple[str, "frozenset[str] | None", bool]


@functools.lru_cache(maxsize=256)
def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Return what a label selector requires.

    Raises:
        ValueError: it is none.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("not a label selector like app=web,tier in (a, b),!canary")
    found: list[Requirement] = []
    position = 0
    while position < len(text):
        match = _ONE.match(text, position)
        if match is None:
            raise ValueError("not a label selector")
        found.append(_read(match))
        position = match.end()
        while position < len(text) and text[position] in " ,":
            position += 1
    return tuple(found)


def _read(match: re.Match[str]) -> Requirement:
    key = match["key"]
    if match["none"]:
        return key, None, True
    if match["set"]:
        return key, frozenset(each.strip() for each in match["values"].split(",")), match["set"] == "notin"
    if match["op"]:
        return key, frozenset([match["value"]]), match["op"] == "!="
    return key, None, False


def matches(labels: Mapping[str, str], requirements: Iterable[Requirement]) -> bool:
    """Return whether the labels meet all requirements; a label that is absent has no value."""
    for key, values, turned in requirements:
        value = labels.get(key)
        met = value is not None and (values is None or value in values)
        if met is turned:
            return False
    return True


def fields_pattern(keys: Iterable[str]) -> str:
    """Return the regular expression of a field selector over `keys`."""
    one = f"(?:{'|'.join(re.escape(key) for key in keys)})(?:==|!=|=)[^,=!]*"
    return f"^(?:{one}(?:,{one})*)?$"


def parse_fields(text: str, keys: Mapping[str, str]) -> tuple[tuple[str, str, bool], ...]:
    """Return (field of the record, value, turned round) of a selector like status.phase=Running,node!=a.

    `keys` maps what may be written to the record's fields.

    Raises:
        ValueError: it is none; KeyError: it names an unknown key.
    """
    found = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]*)(==|!=|=)([^=!]*)", part, re.DOTALL)
        if match is None:
            raise ValueError("not a field selector like status.phase=Running,spec.nodeName!=node-1")
        key, operator, value = match.groups()
        if key not in keys:
            raise KeyError(key)
        found.append((keys[key], value, operator == "!="))
    return tuple(found)


def field_matcher(conditions: Sequence[tuple[str, str, bool]]) -> Callable[[Any], bool]:
    """Return a function that tells whether a record meets the conditions."""

    def meets(record: Any) -> bool:
        return all(
            (_text(getattr(record, field)) == value) is not turned for field, value, turned in conditions
        )

    return meets


def _text(value: Any) -> str:
    """Return a field as one would write it: nothing for unknown, true and false in small letters."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
