"""Records as documents for programs: JSON and YAML of the one schema, CSV of its keys, and names."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kubevitals import model

# The kind of a row in `kind/name`, and of the envelope around many of them.
KINDS = {
    "nodes": ("node", "NodeList"),
    "pods": ("pod", "PodList"),
    "containers": ("container", "ContainerList"),
    "namespaces": ("namespace", "NamespaceList"),
    "workloads": ("workload", "WorkloadList"),
    "groups": ("group", "GroupList"),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_json(snapshot: model.Snapshot, kind: str, rows: Sequence[model.Row]) -> str:
    """Return the envelope with the rows as indented JSON."""
    return json.dumps(snapshot.to_dict(KINDS[kind][1], rows), indent=2, ensure_ascii=False) + "\n"


def render_yaml(snapshot: model.Snapshot, kind: str, rows: Sequence[model.Row]) -> str:
    """Return the same document as YAML."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    document = snapshot.to_dict(KINDS[kind][1], rows)
    return str(yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=110))


def render_csv(rows: Sequence[model.Row], *, headers: bool = True) -> str:
    """Return RFC 4180 text with the schema's keys as heading; lists are joined by ";", unknown is empty.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for index, row in enumerate(rows):
        record = row.to_dict()
        if index == 0 and headers:
            writer.writerow(record)
        writer.writerow([_cell(value) for value in record.values()])
    return out.getvalue()


def render_names(kind: str, rows: Sequence[Any]) -> str:
    """Return one `kind/name` a line, as `kubectl -o name` does; a container is pod/NAME/CONTAINER."""
    if kind == "containers":
        return "".join(f"pod/{row.pod}/{row.name}\n" for row in rows)
    if kind == "workloads":
        return "".join(f"{row.workload_kind.lower()}/{row.name}\n" for row in rows)
    return "".join(f"{KINDS[kind][0]}/{row.name}\n" for row in rows)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        return _guard(";".join(f"{key}={each}" for key, each in value.items()))
    if isinstance(value, list):
        return _guard(";".join(_flatten(each) for each in value))
    return _guard(str(value))


def _flatten(value: Any) -> str:
    """Return a condition or taint as one word: Ready=True, key:effect."""
    if not isinstance(value, dict):
        return str(value)
    if "effect" in value:
        return f"{value['key']}:{value['effect']}"
    return f"{value.get('type')}={value.get('status')}"


def _guard(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text
