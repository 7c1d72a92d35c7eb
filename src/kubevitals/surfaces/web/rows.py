"""Rows as bytes: JSON objects, JSON columns, CSV. Pure.

Large answers are written a part at a time, so that no step keeps other threads from running for long.
"""

from __future__ import annotations

import csv
import io
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from kubevitals import model
from kubevitals.surfaces.web import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

_PART = 1_000  # rows that are written at once
_GZIP_LEVEL = 1  # level 6 takes four times as long for a tenth less
_GZIP_PART = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_encode = msgspec.json.Encoder().encode


def write(
    snapshot: model.Snapshot,
    kind: kinds.Kind,
    records: Sequence[Any],
    *,
    fields: Sequence[str] | None,
    form: str,
) -> bytes:
    """Return the records as a document: `form` is objects, columns or csv."""
    names = tuple(fields) if fields is not None else kind.keys
    values_of = kind.values_of if fields is None else kinds.picker(kind, names)
    if form == "csv":
        return _write_csv(kind.types, names, [values_of(record) for record in records])
    if form == "columns":
        items = _write_columns(names, [values_of(record) for record in records])
    else:
        items = _write_objects(kind, names if fields is not None else None, values_of, records)
    return _envelope(snapshot, kind, items, columns=form == "columns")


def write_one(
    snapshot: model.Snapshot, kind: kinds.Kind, record: Any, *, fields: Sequence[str] | None
) -> bytes:
    """Return the document of a single record: the envelope with `item` for `items`."""
    names = tuple(fields) if fields is not None else kind.keys
    values_of = kind.values_of if fields is None else kinds.picker(kind, names)
    item = _encode(dict(zip(names, values_of(record), strict=True)))
    return _head(snapshot, kind.item)[:-1] + b',"item":' + item + b"}"


def _envelope(snapshot: model.Snapshot, kind: kinds.Kind, items: list[bytes], *, columns: bool) -> bytes:
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
    return b"".join([head[:-1], b',"', key.encode(), b'":', *items, b"}"])


def _head(snapshot: model.Snapshot, kind: str) -> bytes:
    head = snapshot._replace(nodes=model.Records(()), pods=model.Records(())).to_dict(kind, ())
    del head["items"]
    return _encode(head)


def _write_objects(
    kind: kinds.Kind,
    names: tuple[str, ...] | None,
    values_of: Callable[[Any], tuple[Any, ...]],
    records: Sequence[Any],
) -> list[bytes]:
    parts = []
    make = kinds.struct_of(kind.name)
    for start in range(0, len(records), _PART):
        some = records[start : start + _PART]
        rows: list[Any] = (
            [make(*values_of(record)) for record in some]
            if names is None
            else [dict(zip(names, values_of(record), strict=True)) for record in some]
        )
        parts += [b",", _encode(rows)[1:-1]]
    return [b"[", *parts[1:], b"]"]


def _write_columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[bytes]:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    parts = []
    for name, column in zip(names, columns, strict=True):
        parts += [b",", _encode(name), b":", _encode(column)]
    return [b"{", *parts[1:], b"}"]


def _write_csv(types: Mapping[str, str], names: Sequence[str], rows: list[tuple[Any, ...]]) -> bytes:
    """Return RFC 4180 text, written column by column: what a column holds is decided once."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for start in range(0, len(rows), _PART):
        columns = zip(*rows[start : start + _PART], strict=True)
        cells = [_cells(types[name], column) for name, column in zip(names, columns, strict=True)]
        writer.writerows(zip(*cells, strict=True))
    return out.getvalue().encode()


def _cells(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return what a spreadsheet shows: nothing for unknown, and no text that it would run as a formula."""
    if kind.startswith(("int", "float")):
        return values
    if kind.startswith("str"):
        return [value if value is None or not value.startswith(_FORMULA) else "'" + value for value in values]
    write = _WRITERS.get(kind.removesuffix(" | None"), _join)
    return [None if value is None else write(value) for value in values]


def _join(values: Any) -> str:
    text = ";".join(map(_flatten, values))
    return "'" + text if text.startswith(_FORMULA) else text


def _write_labels(labels: Mapping[str, str]) -> str:
    return _join([f"{key}={value}" for key, value in labels.items()])


def _flatten(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    if "effect" in value:
        return f"{value['key']}:{value['effect']}"
    return f"{value.get('type')}={value.get('status')}"


def _write_time(moment: datetime | str) -> str:
    """Return RFC 3339 in UTC; nodes bring it so."""
    return moment if isinstance(moment, str) else moment.isoformat().replace("+00:00", "Z")


_WRITERS: dict[str, Callable[[Any], str]] = {
    "bool": lambda value: "true" if value else "false",
    "datetime": _write_time,
    "Mapping[str, str]": _write_labels,
}


def compress(body: bytes) -> bytes:
    """Return the body as gzip, the same bytes for the same body."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    view = memoryview(body)
    parts = [packer.compress(view[at : at + _GZIP_PART]) for at in range(0, len(body), _GZIP_PART)]
    return b"".join([*parts, packer.flush()])
