"""History as a file: CSV, and Parquet where pyarrow is installed; written in one step, a piece at a time."""

from __future__ import annotations

import io

from kubevitals import errors, files
from kubevitals.surfaces.view import historydocuments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

    from kubevitals import history as histories

FORMATS = ("csv", "parquet")
_ARROW = {"datetime": "timestamp", "str": "string", "int": "int64", "float": "float64"}


def check(form: str) -> None:
    """Look whether files of that form can be written.

    Raises:
        errors.ConfigurationError: a package is missing.
    """
    if form != "parquet":
        return
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ImportError as error:
        raise errors.ConfigurationError(
            "Parquet needs pyarrow, which is not installed",
            remedy="pip install 'kubevitals[parquet]', or --format csv",
        ) from error


def write(
    path: str,
    parts: Iterable[Sequence[histories.Series]],
    *,
    form: str,
    percentiles: Sequence[float] = historydocuments.PERCENTILES,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the points of all parts, one row each, and return how many; `progress` is called after each part.

    Who reads the file finds the old one or the whole new one, never a part. Where there are no points, the
    file stays as it was.

    Raises:
        errors.ConfigurationError: it cannot be written.
    """
    with files.AtomicFile(path, what="the history") as made:
        count = _WRITERS[form](made.file, _counted(parts, progress), percentiles)
        if not count:
            made.discard()
    return count


def _counted(
    parts: Iterable[Sequence[histories.Series]], progress: Callable[[int], None]
) -> Iterator[list[tuple[Any, ...]]]:
    count = 0
    for part in parts:
        rows = list(historydocuments.rows_of(part))
        count += len(rows)
        yield rows
        progress(count)


def _write_csv(binary: BinaryIO, parts: Iterable[list[tuple[Any, ...]]], percentiles: Sequence[float]) -> int:
    count = 0
    file = io.TextIOWrapper(binary, encoding="utf-8", newline="")
    historydocuments.write_csv((), file, percentiles=percentiles)
    for rows in parts:
        historydocuments.write_csv(rows, file, headers=False)
        count += len(rows)
    file.detach()  # flushes, and leaves the file open
    return count


def _write_parquet(
    file: BinaryIO, parts: Iterable[list[tuple[Any, ...]]], percentiles: Sequence[float]
) -> int:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema(
        [
            pyarrow.field(key, _arrow_type(kind), nullable=kind.endswith("None"))
            for key, kind in historydocuments.row_types(percentiles).items()
        ]
    )
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in filter(None, parts):
            columns = list(zip(*rows, strict=True))
            arrays = [
                pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _arrow_type(kind: str) -> Any:
    import pyarrow

    plain = kind.removesuffix(" | None")
    return pyarrow.timestamp("ms", tz="UTC") if plain == "datetime" else getattr(pyarrow, _ARROW[plain])()


_WRITERS = {"csv": _write_csv, "parquet": _write_parquet}
