"""Pydantic models of the answers, made of the records and tables that the answers are made of.

They describe the API in OpenAPI. Answers are ready bytes and are not validated against them; in the tests
schemathesis does that.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping  # noqa: TC003 - annotations of records name it
from datetime import datetime  # noqa: TC003 - and this
from typing import Any, Literal

import pydantic

from kubevitals import details, kinds, model, problems
from kubevitals.surfaces.view import historydocuments, recorderstatus, vitalsrow
from kubevitals.surfaces.web import descriptions, rowkinds, servicestatus

Model = type[pydantic.BaseModel]


class _Object(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


def _key(key: str, text: str | None = None, **more: Any) -> Any:
    """Return the field of a key with its description."""
    return pydantic.Field(description=text or descriptions.describe(key), **more)


def make(
    name: str,
    types: Mapping[str, str],
    more: Mapping[str, Any] | None = None,
    *,
    about: Mapping[str, str] | None = None,
    base: Model = _Object,
    optional: bool = False,
) -> Model:
    """Return a model of keys whose types are written as the records annotate them.

    Args:
        name: of the model.
        types: key: type.
        more: further keys with their types, which come last.
        about: descriptions of keys that mean something else here than elsewhere.
        base: a model whose keys come first.
        optional: keys may be missing.
    """
    default = {"default": None} if optional else {}
    fields: dict[str, Any] = {
        key: (text.replace("details.", ""), _key(key, (about or {}).get(key), **default))
        for key, text in types.items()
    }
    fields |= {key: (kind, _key(key)) for key, kind in (more or {}).items()}
    return pydantic.create_model(name, __base__=base, __module__=__name__, **fields)


def types_of(record: type[Any], *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the fields of a record and their types as it annotates them."""
    return {key: str(text) for key, text in record.__annotations__.items() if key not in without}


Problem = make("Problem", types_of(model.Problem, without=("right",)))
Condition = make(
    "Condition",
    types_of(model.Condition),
    about={
        "type": "which condition",
        "status": "True, False or Unknown",
        "reason": "why, in one word",
        "message": "why, in a sentence",
        "last_transition_at": "when the status changed last",
    },
)
Taint = make(
    "Taint",
    types_of(model.Taint),
    about={"key": "its key", "value": "its value", "effect": "what it does to pods that do not tolerate it"},
)
Detail = make("Detail", types_of(details.Detail))


class ProblemDetails(_Object):
    """Why a request was refused: RFC 9457."""

    type: str = pydantic.Field(description="a URN that ends with the code")
    title: str = pydantic.Field(description="the status in words")
    status: int = pydantic.Field(description="the status of the answer")
    detail: str = pydantic.Field(description="what was wrong")
    instance: str = pydantic.Field(description="the path that was asked for")
    code: str = pydantic.Field(description="what was wrong, for programs")
    remedy: str | None = pydantic.Field(description="what to do next")
    parameter: str | None = pydantic.Field(description="the parameter that was wrong")
    allowed: list[str] | None = pydantic.Field(description="what is allowed instead")


class Envelope(_Object):
    """What is around rows."""

    schema_: Literal["kubevitals/v1"] = _key("schema", alias="schema")
    kind: str = _key("kind")
    cluster: str = _key("cluster")
    source: str = _key("source")
    generated_at: datetime = _key("generated_at")
    problems: list[Problem] = _key("problems")  # type: ignore[valid-type] # made above


def _envelope(name: str, key: str, kind: Any) -> Model:
    return make(name, {}, {key: kind}, base=Envelope)


Columns = dict[str, list[Any]]


@functools.cache
def row_model(name: str) -> Model:
    """Return the model of a row of a kind; `fields` may have left keys out."""
    kind = rowkinds.KINDS[name]
    word = f"Infra{kinds.KINDS[kind.of].item}" if kind.infra else kind.item
    return make(word, kind.types, optional=True)


@functools.cache
def list_model(name: str) -> Any:
    """Return the model of a list of rows: objects, or columns."""
    kind, row = rowkinds.KINDS[name], row_model(name)
    word = row.__name__
    if not kind.infra:
        return _envelope(f"{word}List", "items", list[row]) | _envelope(f"{word}Columns", "columns", Columns)  # type: ignore[valid-type]
    head = {"generated_at": "datetime", "cluster": "str", "source": "str", "problems": "list[Problem]"}
    rows, columns = {kind.item: list[row]}, {kind.item: Columns}  # type: ignore[valid-type]
    return make(f"{word}List", head, rows) | make(f"{word}Columns", head, columns)


@functools.cache
def single_model(name: str) -> Model:
    """Return the model of the answer with one object of a kind."""
    row = row_model(name)
    return _envelope(f"Single{row.__name__}", "item", row)


PROBLEM_TYPES = types_of(problems.ClusterProblem, without=("reason",))
ProblemList = _envelope("ProblemList", "items", list[make("ProblemRow", PROBLEM_TYPES)])  # type: ignore[misc]
VitalsList = _envelope("VitalsList", "items", list[make("Vitals", vitalsrow.VITALS_TYPES)])  # type: ignore[misc]
Names = list[str]

# --- the service

_WHY = {"problem": "why it does not answer, record or send"}
_Count = make("Coverage", {"with_usage": "int", "total": "int"})
_Source = make("Source", {**servicestatus.SOURCE_TYPES, "problem": "Problem | None"}, about=_WHY)
_Status = make(
    "ClusterStatus",
    servicestatus.STATUS_TYPES,
    {
        "sources": list[_Source],  # type: ignore[valid-type]
        "coverage": dict[str, _Count],  # type: ignore[valid-type]
        "rights": dict[str, Literal["granted", "forbidden", "unknown"]],
        "problems": list[Problem],  # type: ignore[valid-type]
    },
)
_History = make("HistoryStatus", {**recorderstatus.HISTORY_TYPES, "problem": "Problem | None"}, about=_WHY)
_RemoteWrite = make(
    "RemoteWriteStatus", {**recorderstatus.REMOTE_WRITE_TYPES, "problem": "Problem | None"}, about=_WHY
)


class Status(_Object):
    """How the service is doing."""

    schema_: Literal["kubevitals/v1"] = _key("schema", alias="schema")
    kind: Literal["Status"] = _key("kind")
    version: str = pydantic.Field(description="the version of the service")
    ready: bool = pydantic.Field(description="whether all clusters have a current snapshot")
    history: _History | None = pydantic.Field(description="null where no history is kept")  # type: ignore[valid-type]
    remote_write: _RemoteWrite | None = pydantic.Field(description="null where nothing is sent")  # type: ignore[valid-type]
    clusters: list[_Status] = pydantic.Field(description="each cluster that the service reads")  # type: ignore[valid-type]


# --- the doctor


class _MissingRight(_Object):
    verb: str = pydantic.Field(description="as list or get")
    resource: str = pydantic.Field(description="with its subresource: pods/log")
    group: str = pydantic.Field(description="the API group; empty for the core one")
    namespace: str | None = pydantic.Field(description="where; null for the whole cluster")


class _DoctorLayer(_Object):
    name: str = pydantic.Field(description="the layer's word: metrics_server")
    title: str = pydantic.Field(description="its name for people")
    status: Literal["ok", "warn", "fail", "skip", "unknown", "blocked"] = pydantic.Field(
        description="skip: not installed; unknown: rights are missing; blocked: by a layer below"
    )
    text: str | None = pydantic.Field(description="a few words: 17/17 Ready")
    blocked_by: str | None = pydantic.Field(description="the layer that is the cause")
    missing: list[_MissingRight] = pydantic.Field(description="the rights that would let it be judged")


class _DoctorFinding(_Object):
    id: str = pydantic.Field(description="a stable word; docs/doctor.md lists them")
    layer: str = pydantic.Field(description="the layer that is the cause")
    severity: Literal["critical", "warning", "info"] = pydantic.Field(description="how serious it is")
    status: Literal["warn", "fail"] = pydantic.Field(description="what it makes of its layer")
    confidence: Literal["certain", "likely"] = pydantic.Field(description="how sure the cause is")
    title: str = pydantic.Field(description="layer and cause in a line")
    cause: str = pydantic.Field(description="how it comes about")
    damage: str | None = pydantic.Field(description="what suffers from it")
    since: datetime | None = pydantic.Field(
        description="when it began: the first examination that found it, or what history says"
    )
    evidence: list[str] = pydantic.Field(description="what the cluster said")
    scope: list[str] = pydantic.Field(description="the objects that it is about")
    check: list[str] = pydantic.Field(description="commands that read")
    fix: list[str] = pydantic.Field(
        description='what to do; a line with "! " is a command that changes the cluster'
    )
    avoid: str | None = pydantic.Field(description="what not to do, and why")
    blocks: list[str] = pydantic.Field(description="what fails because of it")


class DoctorReport(_Object):
    """An examination of the layers that metrics pass."""

    schema_: Literal["kubevitals/v1"] = _key("schema", alias="schema")
    kind: Literal["DoctorReport"] = _key("kind")
    schema_version: Literal[1] = pydantic.Field(description="of the keys below")
    verdict: Literal["ok", "warn", "fail", "incomplete", "not_examined"] = pydantic.Field(
        description="one word for all of it"
    )
    context: str = pydantic.Field(description="the cluster's name")
    user: str | None = pydantic.Field(description="as whom it was examined")
    server_version: str | None = pydantic.Field(description="of the API server")
    started_at: datetime = pydantic.Field(description="when it was examined")
    duration_seconds: float = pydantic.Field(description="how long it took")
    requests: int = pydantic.Field(description="how many reads were sent")
    access_reviews: int = pydantic.Field(description="how many questions about rights were sent")
    layers: list[_DoctorLayer] = pydantic.Field(description="each layer, from the bottom up")
    findings: list[_DoctorFinding] = pydantic.Field(description="causes, the most serious first")
    problems: list[str] = pydantic.Field(description="what kept checks from looking")


# --- history


class _Measured(pydantic.BaseModel):
    """What has a key for each percentile that was asked for: cpu_p95_cores, memory_p95_bytes."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]


_Point = make("Point", historydocuments.point_types(()), base=_Measured)
_Series = make("Series", historydocuments.SERIES_TYPES, {"points": list[_Point]})  # type: ignore[valid-type]
_Row = make("HistoryRow", historydocuments.row_types(()), base=_Measured)
_HEAD = {
    "kind": "str", **historydocuments.HEAD_TYPES, "problems": "list[Problem]",
}  # fmt: skip


class _HistoryEnvelope(_Object):
    schema_: Literal["kubevitals/v1"] = _key("schema", alias="schema")


History = (
    make("HistoryList", _HEAD, {"items": list[_Series]}, base=_HistoryEnvelope)  # type: ignore[valid-type]
    | make("HistoryRows", _HEAD, {"items": list[_Row]}, base=_HistoryEnvelope)  # type: ignore[valid-type]
    | make("HistoryColumns", _HEAD, {"columns": Columns}, base=_HistoryEnvelope)
)
