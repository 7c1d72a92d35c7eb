"""Records as data frames of pandas, polars or Arrow, each imported only when it is asked for.

The columns and their types follow from the kind of the records, never from the values: they are the same
whatever is known, and without any row.
"""

from __future__ import annotations

from kubevitals import details, errors, model, recordqueries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple

    from kubevitals import recordtuple
else:
    from kubevitals.namedtuple import NamedTuple

TEXT, TRUTH, WHOLE, NUMBER, TIME, TEXTS, NESTED = (
    "text",
    "truth",
    "whole",
    "number",
    "time",
    "texts",
    "nested",
)
_FORMS = {
    "str": TEXT,
    "bool": TRUTH,
    "int": WHOLE,
    "float": NUMBER,
    "datetime": TIME,
    "tuple[str, ...]": TEXTS,
    "Mapping[str, str]": TEXTS,
    "details.Detail": NESTED,
    "tuple[Condition, ...]": NESTED,
    "tuple[Taint, ...]": NESTED,
}
# What the nested columns hold, and whether it is a list of them.
_NESTED: dict[str, tuple[Any, bool]] = {
    "detail": (details.Detail, False),
    "conditions": (model.Condition, True),
    "taints": (model.Taint, True),
}


class Column(NamedTuple):
    """One column: its name, what its values are, and the values."""

    name: str
    form: str
    values: list[Any]


def to_pandas(records: recordtuple.Records[Any], labels: Sequence[str] = ()) -> Any:
    """Return a pandas.DataFrame; see `Records.to_pandas`."""
    pandas = _load("pandas")
    dtypes = {
        TEXT: "string",
        TRUTH: "boolean",
        WHOLE: "Int64",
        NUMBER: "Float64",
        TIME: "datetime64[ns, UTC]",
    }
    return pandas.DataFrame(
        {
            column.name: pandas.Series(column.values, dtype=dtypes.get(column.form, "object"))
            for column in list_columns(records, labels)
        }
    )


def to_polars(records: recordtuple.Records[Any], labels: Sequence[str] = ()) -> Any:
    """Return a polars.DataFrame; see `Records.to_polars`."""
    polars = _load("polars")
    types = {
        TEXT: polars.String,
        TRUTH: polars.Boolean,
        WHOLE: polars.Int64,
        NUMBER: polars.Float64,
        TIME: polars.Datetime("us", "UTC"),
        TEXTS: polars.List(polars.String),
    }

    def choose(column: Column) -> Any:
        if column.form != NESTED:
            return types[column.form]
        fields, several = _nested_forms(column.name)
        struct = polars.Struct({name: types[form] for name, form in fields.items()})
        return polars.List(struct) if several else struct

    columns = list_columns(records, labels)
    return polars.DataFrame([polars.Series(each.name, each.values, dtype=choose(each)) for each in columns])


def to_arrow(records: recordtuple.Records[Any], labels: Sequence[str] = ()) -> Any:
    """Return a pyarrow.Table; see `Records.to_arrow`."""
    pyarrow = _load("pyarrow", extra="parquet")
    types = {
        TEXT: pyarrow.string(),
        TRUTH: pyarrow.bool_(),
        WHOLE: pyarrow.int64(),
        NUMBER: pyarrow.float64(),
        TIME: pyarrow.timestamp("us", "UTC"),
        TEXTS: pyarrow.list_(pyarrow.string()),
    }

    def choose(column: Column) -> Any:
        if column.form != NESTED:
            return types[column.form]
        fields, several = _nested_forms(column.name)
        struct = pyarrow.struct([(name, types[form]) for name, form in fields.items()])
        return pyarrow.list_(struct) if several else struct

    columns = list_columns(records, labels)
    return pyarrow.table({each.name: pyarrow.array(each.values, choose(each)) for each in columns})


def list_columns(records: recordtuple.Records[Any], labels: Sequence[str] = ()) -> list[Column]:
    """Return the columns of a frame: the cluster, the keys of the JSON schema, and the labels asked for.

    Raises:
        errors.UsageError: labels were asked for of rows that have none.
    """
    columns = [Column("cluster", TEXT, list(records.clusters))]
    kind = recordqueries.find_kind(records)
    blank = kind.blank if kind is not None else records.origin.blank
    if blank is None:
        return columns
    annotations = {
        name: str(text).removesuffix(" | None") for name, text in type(blank).__annotations__.items()
    }
    rows = records.to_dicts()
    for key in blank.to_dict():
        if key == "cluster":
            continue
        # What is no field is a ratio or a percentile.
        form = _FORMS[annotations[key]] if key in annotations else WHOLE if key.endswith("_bytes") else NUMBER
        values = [row[key] for row in rows]
        if form == TIME:
            values = [getattr(record, key) for record in records]
        elif form == WHOLE:
            values = [None if value is None else int(value) for value in values]
        elif key == "labels":
            values = [[f"{name}={value}" for name, value in each.items()] for each in values]
        columns.append(Column(key, form, values))
    if labels:
        known = _list_labels(records, kind.name if kind is not None else "such rows")
        columns += [Column(f"label.{label}", TEXT, [each.get(label) for each in known]) for label in labels]
    return columns


def _list_labels(records: recordtuple.Records[Any], noun: str) -> list[Any]:
    """Return the labels of each row; those of containers are their pods'."""
    if noun in ("nodes", "pods"):
        return [record.labels for record in records]
    pods = records.origin.pods
    if noun != "containers" or pods is None:
        raise errors.UsageError(f"{noun} have no labels", remedy="ask nodes, pods or containers for them")
    found = {
        (cluster, pod.namespace, pod.name): pod.labels
        for cluster, pod in zip(pods.clusters, pods, strict=True)
    }
    return [
        found.get((cluster, record.namespace, record.pod), {})
        for cluster, record in zip(records.clusters, records, strict=True)
    ]


def _nested_forms(key: str) -> tuple[dict[str, str], bool]:
    """Return the forms of the fields of a nested column, whose times are text, and whether it is a list."""
    record, several = _NESTED[key]
    forms = {name: _FORMS[str(text).removesuffix(" | None")] for name, text in record.__annotations__.items()}
    return {name: TEXT if form == TIME else form for name, form in forms.items()}, several


def _load(package: str, *, extra: str = "") -> Any:
    """Return the package.

    Raises:
        errors.MissingPackageError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise errors.MissingPackageError(
            f"{package} is not installed", remedy=f"pip install 'kubevitals[{extra or package}]'"
        ) from error
