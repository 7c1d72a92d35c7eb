"""Records as documents for programs: JSON and YAML of the one schema, CSV of its keys, and names."""

from __future__ import annotations

import json

from kubevitals import kinds, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from kubevitals import model


def render_json(snapshot: model.Snapshot, kind: kinds.Kind, rows: Sequence[model.Row]) -> str:
    """Return the envelope with the rows as indented JSON, in ASCII: nothing in it steers a terminal."""
    return write_json(snapshot.to_dict(kind.list_item, rows))


def write_json(document: Mapping[str, Any]) -> str:
    """Return a document as indented JSON, in ASCII: nothing in it steers a terminal."""
    return json.dumps(document, indent=2) + "\n"


def render_yaml(snapshot: model.Snapshot, kind: kinds.Kind, rows: Sequence[model.Row]) -> str:
    """Return the same document as YAML."""
    return write_yaml(snapshot.to_dict(kind.list_item, rows))


def write_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, in ASCII: nothing in it steers a terminal."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=False, width=110))


def render_csv(kind: kinds.Kind, rows: Sequence[model.Row], *, headers: bool = True) -> str:
    """Return RFC 4180 text with the schema's keys as heading; lists are joined by ";", unknown is empty.

    The heading is there even if there are no rows: who reads it by name finds its columns.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, and control characters,
    which could begin a line or steer a terminal, are replaced.
    """
    return write_csv(kind.keys, (row.to_dict() for row in rows), headers=headers)


def write_csv(keys: Sequence[str], rows: Iterable[Mapping[str, Any]], *, headers: bool = True) -> str:
    """Return rows that all have these keys as CSV, each value as `render_csv` writes it."""
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if headers:
        writer.writerow(keys)
    for row in rows:
        writer.writerow([_cell(row[key]) for key in keys])
    return out.getvalue()


def render_names(kind: kinds.Kind, rows: Sequence[Any]) -> str:
    """Return one `kind/name` a line, as `kubectl -o name` does; a container is pod/NAME/CONTAINER.

    Control characters, which could begin a line or steer a terminal, are replaced.
    """
    if kind is kinds.CONTAINERS:
        names = [f"pod/{row.pod}/{row.name}" for row in rows]
    elif kind is kinds.WORKLOADS:
        names = [f"{row.workload_kind.lower()}/{row.name}" for row in rows]
    else:
        names = [f"{kind.singular}/{row.name}" for row in rows]
    return "".join(f"{sanitize.printable(name)}\n" for name in names)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        known = [f"{key}={each}" for key, each in value.items() if each is not None]
        return sanitize.spreadsheet_cell(";".join(known))
    if isinstance(value, list):
        return sanitize.spreadsheet_cell(";".join(_flatten(each) for each in value))
    return sanitize.spreadsheet_cell(str(value))


def _flatten(value: Any) -> str:
    """Return a condition or taint as one word: Ready=True, key:effect."""
    if not isinstance(value, dict):
        return str(value)
    if "effect" in value:
        return f"{value['key']}:{value['effect']}"
    return f"{value.get('type')}={value.get('status')}"
