"""A tuple of records of one kind that can be sliced, filtered, sorted, added up, printed and made a frame."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Any, NamedTuple, Protocol, Self, SupportsIndex, TypeVar, overload

    from kubevitals import model

    class Row(Protocol):
        """What a record has in common with all others."""

        def to_dict(self) -> dict[str, Any]:
            """Return the wire form."""
            ...

    RowT = TypeVar("RowT", bound=Row)
else:
    from kubevitals.namedtuple import NamedTuple

    RowT = object  # a stand-in: only type checkers look at it


class Origin(NamedTuple):
    """Where records come from. All of it may be unknown."""

    kind: str | None = None  # the name of a kind of `kinds`, or "problems", "history"
    clusters: str | tuple[str, ...] | None = None  # of all rows, or of each of them
    at: datetime | None = None  # what ages are counted to
    problems: tuple[model.Problem, ...] = ()  # what could not be read
    pods: Records[model.Pod] | None = None  # that sums and containers were made of
    by: str = ""  # what groups were made by
    blank: Any = None  # a row of which nothing is known, where the kind is none of `kinds`


_UNKNOWN = Origin()


class Records(tuple[RowT, ...]):  # noqa: SLOT001 - it has an attribute, for which a tuple has no slot
    """A tuple of records of one kind. A slice of it, and what each method returns, are Records again."""

    origin: Origin = _UNKNOWN

    def __new__(cls, rows: Iterable[RowT] = (), origin: Origin = _UNKNOWN) -> Self:
        """Make them of rows."""
        made = tuple.__new__(cls, rows)
        if origin is not _UNKNOWN:
            made.origin = origin
        return made

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """What could not be read of the cluster, as `problems` of its snapshot."""
        return self.origin.problems

    @property
    def clusters(self) -> tuple[str | None, ...]:
        """The name of the cluster of each row."""
        named = self.origin.clusters
        return named if isinstance(named, tuple) else (named,) * len(self)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, place: SupportsIndex, /) -> RowT: ...

        @overload
        def __getitem__(self, place: slice, /) -> Self: ...

    def __getitem__(self, place: SupportsIndex | slice, /) -> RowT | Self:
        """Return the record at a place, or the Records of a slice."""
        if not isinstance(place, slice):
            return super().__getitem__(place)
        return self.pick(range(*place.indices(len(self))))

    def pick(self, places: Iterable[int]) -> Self:
        """Return the rows at these places, in this order."""
        places = list(places)
        origin = self.origin
        if isinstance(origin.clusters, tuple):
            origin = origin._replace(clusters=tuple([origin.clusters[place] for place in places]))
        read = super().__getitem__
        return type(self)([read(place) for place in places], origin)

    def where(self, condition: str | Callable[[RowT], object]) -> Records[RowT]:
        """Return the rows that meet a filter of docs/filters.md, or for which a function returns true.

        Raises:
            errors.UsageError: the text is no filter of such rows.
        """
        from kubevitals import recordqueries

        return recordqueries.where(self, condition)

    def sort(self, *fields: str, descending: bool | None = None) -> Records[RowT]:
        """Return the rows in the order of these fields, unknown values last.

        A field has the name of its attribute ("cpu_usage_cores") or of the filters ("cpu", "mem%limit").
        Numbers begin with the largest and all else with the smallest, unless `descending` says it.

        Raises:
            errors.UsageError: rows have no such field.
        """
        from kubevitals import recordqueries

        return recordqueries.sort(self, fields, descending=descending)

    def group(self, by: str) -> Records[model.Total]:
        """Return the sums of pods or containers by "namespace", "workload", "label.KEY", "node" ...

        Raises:
            errors.UsageError: the rows are neither, or have no such field.
        """
        from kubevitals import recordqueries

        return recordqueries.group(self, by)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict a record with the keys of the JSON schema, every key present, None for unknown."""
        return [record.to_dict() for record in self]

    def to_pandas(self, *, labels: Sequence[str] = ()) -> Any:
        """Return a pandas.DataFrame: `cluster`, a column a key, and `label.KEY` for each of `labels`.

        Unknown values are missing; times are datetime64[ns, UTC]. Columns and types do not depend on rows.

        Raises:
            errors.MissingPackageError: pandas is not installed.
            errors.UsageError: labels were asked for of rows that have none.
        """
        from kubevitals import dataframes

        return dataframes.to_pandas(self, labels)

    def to_polars(self, *, labels: Sequence[str] = ()) -> Any:
        """Return a polars.DataFrame with the columns of `to_pandas`. Raises as `to_pandas`."""
        from kubevitals import dataframes

        return dataframes.to_polars(self, labels)

    def to_arrow(self, *, labels: Sequence[str] = ()) -> Any:
        """Return a pyarrow.Table with the columns of `to_pandas`. Raises as `to_pandas`."""
        from kubevitals import dataframes

        return dataframes.to_arrow(self, labels)

    def __repr__(self) -> str:
        """Return a table of the first twenty rows."""
        from kubevitals import recordtables

        return recordtables.render_text(self)

    def _repr_html_(self) -> str:
        """Return that table as HTML, for notebooks."""
        from kubevitals import recordtables

        return recordtables.render_html(self)
