"""Table objects, as the API server answers `kubectl get`. Columns and cells are in table_columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster.apiserver import table_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcluster import apiobjects
    from simcluster.apiserver import watch_cache


def build(
    resource: apiobjects.Resource,
    entries: Sequence[watch_cache.Entry],
    *,
    metadata: dict[str, Any],
    version: str,
    include: str,
    now: float,
    titles: bool = True,
) -> dict[str, Any]:
    """A Table; `include` is Metadata, None or Object; without `titles` it defines no columns."""
    layout = table_columns.layout(resource.key)
    table: dict[str, Any] = {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in layout.columns] if titles else [],
    }
    table["rows"] = [_row(layout, entry, version=version, include=include, now=now) for entry in entries]
    return table


def _definition(column: table_columns.Column) -> dict[str, Any]:
    return {
        "name": column.title,
        "type": column.type,
        "format": "name" if column.title == "Name" else "",
        "description": column.description,
        "priority": column.priority,
    }


def _row(
    layout: table_columns.Layout, entry: watch_cache.Entry, *, version: str, include: str, now: float
) -> dict[str, Any]:
    shown = json.loads(entry.encoded())
    row: dict[str, Any] = {"cells": layout.cells(shown, now)}
    if layout.conditions:
        marks = layout.conditions(shown)
        if marks:
            row["conditions"] = marks
    if include == "Object":
        row["object"] = shown
    else:
        row["object"] = None if include == "None" else _partial(shown, version)
    return row


def partial(entry: watch_cache.Entry, *, version: str) -> dict[str, Any]:
    """The object's metadata alone, as PartialObjectMetadata."""
    return _partial(json.loads(entry.encoded()), version)


def _partial(shown: dict[str, Any], version: str) -> dict[str, Any]:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": shown["metadata"],
    }
