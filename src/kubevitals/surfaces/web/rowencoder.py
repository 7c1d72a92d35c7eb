"""Rows as bytes: JSON objects, JSON columns, CSV. Pure.

Large answers are written a part at a time, so that no step keeps other threads from running for long.
"""

from __future__ import annotations

import csv
import io
import itertools
import operator
from typing import TYPE_CHECKING, Any

import msgspec

from kubevitals import model, sanitize
from kubevitals.surfaces.web import rowkinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

_PART = 1_000  # rows that are written at once
_MANY = 10_000  # rows that do not fit into a processor's cache
_encoder = msgspec.json.Encoder()
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines


def write(
    snapshot: model.Snapshot,
    kind: rowkinds.Kind,
    records: Sequence[Any],
    *,
    places: Sequence[int],
    fields: Sequence[str] | None,
    form: str,
) -> Iterator[bytes]:
    """Yield the parts of a document of the records at `places`, in that order: objects, columns or csv."""
    names = tuple(fields) if fields is not None else kind.keys
    mixed = form == "objects" and _are_mixed_up(places, len(records))
    parts = _in_parts(kind, records if mixed else [records[place] for place in places], names)
    if form == "csv":
        return _write_csv(kind.types, names, parts)
    if form == "columns":
        items = _write_columns(names, parts)
    else:
        make = rowkinds.maker(kind.name, None if fields is None else names)
        items = _place_objects(make, parts, places) if mixed else _write_objects(make, parts)
    return itertools.chain(_envelope(snapshot, kind, columns=form == "columns"), items, (b"}",))


def write_one(
    snapshot: model.Snapshot, kind: rowkinds.Kind, record: Any, *, fields: Sequence[str] | None
) -> bytes:
    """Return the document of a single record: the envelope with `item` for `items`."""
    names = tuple(fields) if fields is not None else kind.keys
    values = [column[0] for column in kind.columns_of([record], names)]
    item = _encode(dict(zip(names, values, strict=True)))
    return _head(snapshot, kind.item)[:-1] + b',"item":' + item + b"}"


def _in_parts(
    kind: rowkinds.Kind, records: Sequence[Any], names: Sequence[str]
) -> Iterator[list[Sequence[Any]]]:
    """Yield the columns of some rows at a time."""
    for start in range(0, len(records), _PART):
        yield kind.columns_of(records[start : start + _PART], names)


def _envelope(snapshot: model.Snapshot, kind: rowkinds.Kind, *, columns: bool) -> Iterator[bytes]:
    """Yield what is before the items."""
    if kind.infra:
        head = _encode(
            {
                "generated_at": snapshot.generated_at,
                "cluster": snapshot.cluster,
                "source": snapshot.source,
                "problems": [problem.to_dict() for problem in snapshot.problems],
            }
        )
        key = kind.item
    else:
        head = _head(snapshot, f"{kind.item}List")
        key = "columns" if columns else "items"
    yield b'%b,"%b":' % (head[:-1], key.encode())


def _head(snapshot: model.Snapshot, kind: str) -> bytes:
    head = snapshot._replace(nodes=model.Records(()), pods=model.Records(())).to_dict(kind, ())
    del head["items"]
    return _encode(head)


def _write_objects(make: Callable[..., Any], parts: Iterable[list[Sequence[Any]]]) -> Iterator[bytes]:
    before = b"["
    for columns in parts:
        yield before + _encode(list(map(make, *columns)))[1:-1]
        before = b","
    yield b"[]" if before == b"[" else b"]"


def _are_mixed_up(places: Sequence[int], count: int) -> bool:
    """Return whether so many records in another order are made quicker as they lie, and then put in order."""
    if count < _MANY or len(places) < count:
        return False
    backwards: int = sum(map(operator.gt, places, places[1:]))
    return backwards > count // 4


def _place_objects(
    make: Callable[..., Any], parts: Iterable[list[Sequence[Any]]], places: Sequence[int]
) -> Iterator[bytes]:
    """Yield the objects, made as they lie, at their places."""
    made: list[bytes] = []
    for columns in parts:
        made += _encode_lines(list(map(make, *columns))).splitlines()
    before = b"["
    for start in range(0, len(places), _PART):
        yield before + b",".join([made[place] for place in places[start : start + _PART]])
        before = b","
    yield b"]"


def _write_columns(names: Sequence[str], parts: Iterable[list[Sequence[Any]]]) -> Iterator[bytes]:
    written: list[list[bytes]] = [[] for _ in names]
    for columns in parts:
        for column, into in zip(columns, written, strict=True):
            into.append(_encode(column)[1:-1])
    before = b"{"
    for name, each in zip(names, written, strict=True):
        yield b'%b"%b":[%b]' % (before, name.encode(), b",".join(each))
        before = b","
    yield b"}"


def _write_csv(
    types: Mapping[str, str], names: Sequence[str], parts: Iterable[list[Sequence[Any]]]
) -> Iterator[bytes]:
    """Yield RFC 4180 text, written column by column: what a column holds is decided once."""
    yield _write_lines([names])
    for columns in parts:
        cells = [_cells(types[name], column) for name, column in zip(names, columns, strict=True)]
        yield _write_lines(zip(*cells, strict=True))


def _write_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _cells(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return what a spreadsheet shows: nothing for unknown, and no text that it would run as a formula."""
    if kind.startswith(("int", "float")):
        return values
    if kind.startswith("str"):
        return [None if value is None else sanitize.spreadsheet_cell(value) for value in values]
    write = _WRITERS.get(kind.removesuffix(" | None"), _join)
    return [None if value is None else write(value) for value in values]


def _join(values: Any) -> str:
    return sanitize.spreadsheet_cell(";".join(map(_flatten, values)))


def _write_labels(labels: Mapping[str, str]) -> str:
    return _join([f"{key}={value}" for key, value in labels.items()])


def _write_detail(detail: Mapping[str, Any]) -> str:
    return _join([f"{key}={value}" for key, value in detail.items() if value is not None])


def _flatten(value: Any) -> str:
    if isinstance(value, rowkinds.Taint):
        return f"{value.key}:{value.effect}"
    if isinstance(value, rowkinds.Condition):
        return f"{value.type}={value.status}"
    return str(value)


def _write_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


_WRITERS: dict[str, Callable[[Any], str]] = {
    "bool": lambda value: "true" if value else "false",
    "datetime": _write_time,
    "details.Detail": _write_detail,
    "Mapping[str, str]": _write_labels,
}
