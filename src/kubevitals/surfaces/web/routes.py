"""How routes are declared: FastAPI's, with HEAD, strict queries and refusals that say what is allowed."""

from __future__ import annotations

import contextvars
import functools
import inspect
import re
import urllib.parse
from typing import TYPE_CHECKING, Annotated, Any

import fastapi
from fastapi import exceptions, routing
from starlette.routing import Match

from kubevitals import sanitize
from kubevitals.surfaces.web import descriptions, problemdetails

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping, Sequence

    import pydantic

    Endpoint = Callable[..., Awaitable[fastapi.Response]]
    Handler = Callable[[fastapi.Request], Coroutine[Any, Any, fastapi.Response]]

_MOST_FIELDS = 100  # parameters of a request
_REMEMBERED = 128  # queries of a route
_LONGEST = 500  # characters of a path and a query that are remembered
_asked: contextvars.ContextVar[tuple[str, bytes]] = contextvars.ContextVar("path and query")

_SCHEMA = {"$ref": "#/components/schemas/ProblemDetails"}
_REFUSED = {"content": {problemdetails.MEDIA_TYPE: {"schema": _SCHEMA}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, **_REFUSED}
    for status, text in (
        (401, "who asks is not known"),
        (403, "who asks may not"),
        (404, "it is not there"),
        (414, "the path is too long"),
        (422, "a parameter is unknown or has a bad value; `allowed` says what is allowed"),
        (500, "the service failed"),
        (503, "there is no snapshot yet: `detail` says why and `remedy` what to do; or the service ends"),
    )
}
"""The responses that every route may have, for OpenAPI."""

MADE: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {"schema": {"type": "string"}, "description": "another one for each snapshot and coding"},
            "Age": {"schema": {"type": "string"}, "description": "seconds since `generated_at`"},
            "X-Total-Count": {"schema": {"type": "string"}, "description": "rows without limit and offset"},
        }
    },
    304: {"description": "the client has it: If-None-Match names its ETag"},
}
"""The responses of routes whose answers are made of a snapshot or of history, for OpenAPI."""

TABLE = {**MADE, 200: {**MADE[200], "content": {"text/csv; charset=utf-8": {"schema": {"type": "string"}}}}}
"""The same where `format` can be CSV."""


class Route(routing.APIRoute):
    """A route that answers HEAD too and whose refusals are `problemdetails.Refusal`.

    FastAPI validates each query string once; what came of it is remembered. That halves what a request of a
    ready answer costs.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self._known: dict[tuple[str, bytes], dict[str, Any]] = {}  # path and query: the endpoint's arguments
        self._answer = endpoint
        self._prefix = path.partition("{")[0]

        @functools.wraps(endpoint)
        async def remember(**given: Any) -> fastapi.Response:
            asked = _asked.get()
            if sum(map(len, asked)) <= _LONGEST:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[asked] = {key: value for key, value in given.items() if key != "request"}
            return await endpoint(**given)

        super().__init__(path, remember, **options)
        # `$` also matches before a line break: /metrics%0a would be judged by one path and served by another.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z")
        self._takes_request = self.dependant.request_param_name is not None

    def get_route_handler(self) -> Handler:
        """Return the function that answers a request whose query is new."""
        validate = super().get_route_handler()
        schema = _find_schema(self.dependant.query_params)
        single = {name for name, each in schema.items() if each.get("type") != "array"}

        async def handle(request: fastapi.Request) -> fastapi.Response:
            if schema:
                _check_query(request.scope["query_string"], single)
            try:
                return await validate(request)
            except exceptions.RequestValidationError as error:
                raise _refuse(error.errors()[0], schema) from error

        return handle

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Return whether a request is for this route; HEAD counts as GET."""
        if not scope["path"].startswith(self._prefix):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL and scope["method"] == "HEAD" else match), child

    async def handle(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request, or refuse its method."""
        if scope["method"] not in ("GET", "HEAD"):
            await super().handle(scope, receive, send)
            return
        asked = scope["path"], scope["query_string"]
        known = self._known.get(asked)
        if known is None:
            _asked.set(asked)
            await self.app(scope, receive, send)
            return
        if self._takes_request:
            known = {**known, "request": fastapi.Request(scope, receive)}
        response = await self._answer(**known)
        await response(scope, receive, send)


def choose_cluster(name: str, clusters: Iterable[str]) -> str:
    """Return the name of a cluster; the first one where it is empty.

    Raises:
        problemdetails.Refusal: there is no such cluster.
    """
    names = list(clusters)
    if name and name not in names:
        raise problemdetails.bad_word("cluster", name, names)
    return name or names[0]


def declare(endpoint: Endpoint, parameters: type[pydantic.BaseModel], path: Sequence[str] = ()) -> Endpoint:
    """Give an endpoint the signature that FastAPI reads.

    Args:
        endpoint: takes `request`, `given`, and the names of its path.
        parameters: the model of the query, which comes as `given`.
        path: the names in the path.
    """
    kinds = {
        "request": fastapi.Request,
        "given": Annotated[parameters, fastapi.Query()],
        **{key: Annotated[str, fastapi.Path(description=descriptions.describe(key))] for key in path},
    }
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # what inspect looks for
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            for name, kind in kinds.items()
        ]
    )
    return endpoint


def _find_schema(fields: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
    """Return the JSON schema of each query parameter."""
    found: dict[str, Mapping[str, Any]] = {}
    for field in fields:
        found |= field.field_info.annotation.model_json_schema()["properties"]
    return found


def _check_query(text: bytes, single: set[str]) -> None:
    """Refuse a query string that is no UTF-8 text, or has a parameter twice that can be given once."""
    try:
        pairs = urllib.parse.parse_qsl(
            text.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise problemdetails.Refusal(422, "bad_query", "the query is not UTF-8 text with % and &") from error
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen and name in single:
            raise problemdetails.bad_parameter(name, "is given more than once")
        seen.add(name)


def _refuse(error: Mapping[str, Any], schema: Mapping[str, Mapping[str, Any]]) -> problemdetails.Refusal:
    """Return the refusal of the parameter that FastAPI found to be wrong."""
    name = str(error["loc"][1])
    if error["type"] == "extra_forbidden":
        return problemdetails.unknown_parameter(name, schema)
    described = schema.get(name, {})
    words = described.get("enum") or described.get("items", {}).get("enum")
    if words is not None and isinstance(error["input"], str):
        return problemdetails.bad_word(name, error["input"], words)
    bounds = described.get("items", described)
    if "maximum" in bounds and isinstance(error["input"], str):
        allowed = f"{bounds['minimum']:g} to {bounds['maximum']:g}"
        text = sanitize.shorten(error["input"], 100)
        return problemdetails.bad_parameter(name, f"{text!r} is no number from {allowed}", allowed=[allowed])
    return problemdetails.bad_parameter(name, str(error["msg"]))
