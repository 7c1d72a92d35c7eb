"""The lists of the metrics API, read row by row: what one object holds costs no other object its row.

Small lists are read by the C scanner of json, which is there at once, large ones by msgspec. Both give the
same rows: what msgspec does not take as it is defined is left to the other.
"""

from __future__ import annotations

import sys

from kubevitals import cpython, errors, model, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from kubevitals.kube import objects

    WireContainer = tuple[str, Any, Any]  # name, cpu, memory
    WirePod = tuple[str, str, str, str, list[WireContainer]]  # namespace, name, timestamp, window, containers
    WireNode = tuple[str, str, str, Any, Any]  # name, timestamp, window, cpu, memory
    RowT = TypeVar("RowT")

_SMALL = 1_000_000  # bytes; below it json is quicker than importing msgspec
_TINY = 65_536  # bytes; below it json is taken even where msgspec is loaded


def decode_pods(body: bytes, problems: list[model.Problem]) -> Iterable[WirePod]:
    """Return the rows of a PodMetricsList, or of one PodMetrics.

    A row that cannot be read is left out, with an entry in `problems`.

    Raises:
        errors.DecodingError: the body is neither.
    """
    if not _is_small(body):
        from kubevitals.kube import objects

        pods = _decode_typed(body, objects.PodMetricsList)
        if pods is not None and all(map(_is_named_pod, pods)):
            return map(_read_typed_pod, pods)
    return _read_items(body, "PodMetrics", _read_pod_item, problems)


def decode_nodes(body: bytes, problems: list[model.Problem]) -> Iterable[WireNode]:
    """Return the rows of a NodeMetricsList, or of one NodeMetrics.

    A row that cannot be read is left out, with an entry in `problems`.

    Raises:
        errors.DecodingError: the body is neither.
    """
    if not _is_small(body):
        from kubevitals.kube import objects

        nodes = _decode_typed(body, objects.NodeMetricsList)
        if nodes is not None and all(node.metadata.name for node in nodes):
            return map(_read_typed_node, nodes)
    return _read_items(body, "NodeMetrics", _read_node_item, problems)


def _decode_typed(body: bytes, kind: Any) -> list[Any] | None:
    """Return the items of a large list; None for what json is to judge: anything but a list in good order."""
    from kubevitals.kube import listpages

    try:
        answer = listpages.decode_list(body, listpages.decoder(kind), kind=kind.__name__)
    except errors.DecodingError:
        return None
    return answer.items or []


def _is_named_pod(pod: objects.PodMetrics) -> bool:
    meta = pod.metadata
    return bool(meta.name and meta.namespace)


def _read_typed_pod(pod: objects.PodMetrics) -> WirePod:
    return (
        pod.metadata.namespace,
        pod.metadata.name,
        pod.timestamp or "",
        pod.window or "",
        [
            (each.name, each.usage and each.usage.cpu, each.usage and each.usage.memory)
            for each in pod.containers or ()
            if each.name  # what has none is no container of the pod, and counts nowhere
        ],
    )


def _read_typed_node(node: objects.NodeMetrics) -> WireNode:
    amounts = node.usage
    return (
        node.metadata.name,
        node.timestamp or "",
        node.window or "",
        amounts and amounts.cpu,
        amounts and amounts.memory,
    )


def _read_items(
    body: bytes, single: str, read: Callable[[dict[str, Any]], RowT], problems: list[model.Problem]
) -> Iterator[RowT]:
    answer = load(body, kind=f"{single}List", single=single)
    items = [answer] if answer["kind"] == single else answer.get("items")
    if items is None:  # as Go writes an empty list
        return
    if not isinstance(items, list):
        raise _misshapen(f"{single}List")
    for item in items:
        try:
            row = read(item)
        except (TypeError, AttributeError) as error:
            problems.append(_unreadable(item, single, error))
        else:
            yield row


def _read_pod_item(item: dict[str, Any]) -> WirePod:
    meta = _mapping(item.get("metadata"), "metadata")
    containers: list[WireContainer] = []
    found = item.get("containers")
    if not isinstance(found, list | None):
        raise TypeError("its containers are no list")
    for each in found or ():
        amounts = _mapping(each.get("usage"), "usage")
        name = _text(each.get("name"))
        if name:
            containers.append((name, amounts.get("cpu"), amounts.get("memory")))
    return (
        _name(meta.get("namespace")),
        _name(meta.get("name")),
        _text(item.get("timestamp")),
        _text(item.get("window")),
        containers,
    )


def _read_node_item(item: dict[str, Any]) -> WireNode:
    amounts = _mapping(item.get("usage"), "usage")
    return (
        _name(_mapping(item.get("metadata"), "metadata").get("name")),
        _text(item.get("timestamp")),
        _text(item.get("window")),
        amounts.get("cpu"),
        amounts.get("memory"),
    )


def _mapping(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise TypeError(f"its {field} is no mapping")


def _name(value: Any) -> str:
    name = _text(value)
    if not name:
        raise TypeError("a name is missing")
    return name


def _text(value: Any) -> str:
    """Return the text, empty where there is none: Go writes a time that was never set as null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("something else stands where a text belongs")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("a text of it is no Unicode") from None
    return value


def _unreadable(item: Any, kind: str, error: Exception) -> model.Problem:
    meta = item.get("metadata") if isinstance(item, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    words = [meta.get("namespace"), meta.get("name")]
    subject = sanitize.excerpt("/".join(word for word in words if isinstance(word, str)), 120)
    why = str(error) if isinstance(error, TypeError) else "it is no mapping"
    return model.Problem(
        errors.DecodingError.code,
        f"usage of {subject or 'an object without a name'} is unknown, as its {kind} cannot be read: {why}",
        "something between here and the API server may have changed the answer",
        subject or None,
    )


def _misshapen(kind: str) -> errors.WrongKindError:
    return errors.WrongKindError(
        f"the server's {kind} is not as Kubernetes defines it",
        remedy="something between here and the API server may have changed the answer",
    )


def _is_small(body: bytes) -> bool:
    """Return whether json is the better decoder; one single object always is small."""
    return len(body) < (_SMALL if "msgspec" not in sys.modules else _TINY)


def load(body: bytes, *, kind: str, single: str | None = None) -> dict[str, Any]:
    """Return the JSON object of a body, which is a `kind` or a `single`.

    Raises:
        errors.NotJSONError: the body is not JSON.
        errors.WrongKindError: it is another object.
    """
    try:
        answer: Any = cpython.parse_json(body)
    except (ValueError, RecursionError) as error:
        raise errors.NotJSONError(
            f"the server answered something else than JSON where a {kind} was expected",
            remedy="check that the server address is that of a Kubernetes API server",
        ) from error
    if isinstance(answer, dict) and answer.get("kind") in (kind, single):
        return answer
    found = answer.get("kind") if isinstance(answer, dict) else type(answer).__name__
    raise errors.WrongKindError(
        f"the server answered a {str(found)[:60]!r} where a {kind} was expected",
        remedy="check that the server address is that of a Kubernetes API server",
    )
