"""History as a file: CSV, and Parquet where pyarrow is installed; written in one step, a piece at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile

from kubevitals import errors
from kubevitals.surfaces.view import historydocuments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

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
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the points of all parts, one row each, and return how many; `progress` is told after each part.

    Who reads the file finds the old one or the whole new one, never a part. Where there are no points, the
    file stays as it was.

    Raises:
        errors.ConfigurationError: it cannot be written.
    """
    path = os.path.realpath(path)  # a link stays, and leads to the new file
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - as everywhere here
        # To put a file in the place of /dev/null is more than anybody means.
        raise errors.ConfigurationError(
            f"{path} is no file, and the history is written to one",
            remedy="name a file; kubevitals history KIND -o csv writes to stdout",
        )
    folder = os.path.dirname(path)  # noqa: PTH120
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".kubevitals-", suffix=".tmp", dir=folder)
        os.close(handle)
        count = _WRITERS[form](temporary, _counted(parts, progress))
        if count:
            os.chmod(temporary, 0o644 & ~_umask())  # noqa: PTH101
            os.replace(temporary, path)  # noqa: PTH105
            temporary = ""
    except OSError as error:
        raise errors.ConfigurationError(
            f"the history cannot be written to {path}: {error.strerror or error}",
            remedy="name a file in a directory that exists, that you may write to and that has room",
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
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


def _write_csv(path: str, parts: Iterable[list[tuple[Any, ...]]]) -> int:
    count = 0
    with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        historydocuments.write_csv((), file)
        for rows in parts:
            historydocuments.write_csv(rows, file, headers=False)
            count += len(rows)
    return count


def _write_parquet(path: str, parts: Iterable[list[tuple[Any, ...]]]) -> int:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema(
        [
            pyarrow.field(key, _arrow_type(kind), nullable=kind.endswith("None"))
            for key, kind in historydocuments.ROW_TYPES.items()
        ]
    )
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in parts:
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


def _umask() -> int:
    """Return which rights new files lack here."""
    before = os.umask(0o077)
    os.umask(before)
    return before


_WRITERS = {"csv": _write_csv, "parquet": _write_parquet}
