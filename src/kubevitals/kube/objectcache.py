"""What a caller makes of the objects of further lists, kept current on demand.

The inventory of nodes and pods (`liveinventory.py`) does not depend on it: who turns this on pays for a
second watch on pods, and nobody else pays anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import errors, model
from kubevitals.kube import codec, informer, kube_state_wire, listwatch, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kubevitals.kube import client as clients

    Made = tuple[bytes, ...]
    Convert = Callable[[Any], Made]
    Contents = Mapping[str, Mapping[codec.Key, Made]]  # by list, namespace and name

_ALL = (
    resources.NODES,
    resources.PODS,
    resources.DEPLOYMENTS,
    resources.STATEFULSETS,
    resources.DAEMONSETS,
    resources.JOBS,
    resources.HORIZONTALPODAUTOSCALERS,
    resources.NAMESPACES,
    resources.PERSISTENTVOLUMECLAIMS,
    resources.RESOURCEQUOTAS,
)
RESOURCES = {resource.plural: resource for resource in _ALL}
_WIRE: dict[str, type[Any]] = {"nodes": kube_state_wire.Node, "pods": kube_state_wire.Pod}


class _Entry(NamedTuple):
    """What was made of one object."""

    key: codec.Key
    made: Made


def fetch(
    client: clients.Client, converts: Mapping[str, Convert], *, namespace: str | None = None
) -> tuple[Contents, tuple[model.Problem, ...]]:
    """Return what `converts` make of each list, read once, and why a list is missing.

    Args:
        client: whom to ask.
        converts: by the plural name of RESOURCES, what is made of an object.
        namespace: of what has one; all where None. What has none is then left out.
    """
    contents: dict[str, dict[codec.Key, Made]] = {}
    problems: list[model.Problem] = []
    for resource in _chosen(converts, namespace):
        source = listwatch.ListWatch(
            client, resource, _codec(resource, converts[resource.plural]), namespace=namespace
        )
        try:
            page = source.list()
        except errors.ClusterError as error:
            code, about = f"{resource.plural}_{error.code}", f"{resource.plural} unknown"
            problems.append(model.Problem.of(error, code=code, about=about))
            continue
        contents[resource.plural] = {each.key: each.made for each in page.items}
    return contents, tuple(problems)


class ObjectCache(informer.InformerGroup):
    """Those lists, kept current by watching."""

    def __init__(
        self,
        client: clients.Client,
        converts: Mapping[str, Convert],
        *,
        namespace: str | None = None,
        stream_seconds: float = 300.0,
    ) -> None:
        """Nothing is requested yet. Arguments as of `fetch`; the client is to be closed after `stop()`."""
        super().__init__(client, stream_seconds=stream_seconds)
        for resource in _chosen(converts, namespace):
            self._add(resource, _codec(resource, converts[resource.plural]), namespace=namespace)

    @property
    def version(self) -> int:
        """Another number whenever something has changed."""
        with self._changed:
            return sum(each.changes for each in self._informers.values())

    def read(self) -> Contents:
        """Return what is known now, by list; a list that was never read is not in it."""
        with self._changed:
            found = {name: each.records() for name, each in self._informers.items() if each.listed}
        return {name: {each.key: each.made for each in entries} for name, entries in found.items()}


def _chosen(converts: Iterable[str], namespace: str | None) -> list[resources.Resource]:
    chosen = [RESOURCES[name] for name in converts]
    return [each for each in chosen if namespace is None or each.namespaced]


def _codec(resource: resources.Resource, convert: Convert) -> codec.Codec[_Entry]:
    def read(_reader: object, wire: Any) -> _Entry:
        return _Entry((wire.metadata.namespace, wire.metadata.name), convert(wire))

    wire = _WIRE.get(resource.plural, kube_state_wire.Thing)
    return codec.Codec(resource.kind, wire, read, key=lambda entry: entry.key)
