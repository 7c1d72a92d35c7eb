"""Rows of the JSON schema as data frames of pandas or polars, each imported only when it is asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TIMES = frozenset({"timestamp", "created_at", "last_termination_at"})


def to_pandas(rows: list[dict[str, Any]]) -> Any:
    """Return a pandas.DataFrame, one column a key; times are datetime64 in UTC."""
    import pandas

    frame = pandas.DataFrame(rows)
    for column in _TIMES.intersection(frame.columns):
        frame[column] = pandas.to_datetime(frame[column], utc=True, format="ISO8601")
    for column in filter(_is_number, frame.columns):
        if frame[column].isna().all():  # a column of None alone would be objects, which have no mean
            frame[column] = frame[column].astype("float64")
    return frame


def to_polars(rows: list[dict[str, Any]]) -> Any:
    """Return a polars.DataFrame, one column a key; times are Datetime(UTC), labels lists of key=value."""
    import polars

    for row in rows:
        # One struct of all labels seen would be mostly nulls: each row keeps its own as key=value.
        if "labels" in row:
            row["labels"] = [f"{key}={value}" for key, value in row["labels"].items()]
    frame = polars.DataFrame(rows, infer_schema_length=None)
    times = [
        polars.col(column).cast(polars.String).str.to_datetime(time_zone="UTC", strict=True)
        for column in frame.columns
        if column in _TIMES
    ]
    numbers = [
        polars.col(column).cast(polars.Int64 if column.endswith("_bytes") else polars.Float64)
        for column in filter(_is_number, frame.columns)
    ]
    return frame.with_columns(*times, *numbers)


def _is_number(key: str) -> bool:
    return key.endswith(("_cores", "_bytes", "_seconds")) or "_of_" in key
