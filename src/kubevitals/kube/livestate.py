"""Further lists of the cluster, followed on demand: of each object is kept what a caller makes of it.

It must not know what that is for. The inventory of nodes and pods (`live.py`) does not depend on it; who
turns this on pays for a second watch on pods, and nobody else pays anything.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import errors, model
from kubevitals.kube import events, following, objects, pages, stateobjects
from kubevitals.kube.http import urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from kubevitals.kube import client as clients

    Made = tuple[bytes, ...]
    Convert = Callable[[Any], Made]
    Held = Mapping[str, Mapping[following.Key, Made]]  # by list, namespace and name


class Resource(NamedTuple):
    """One list: where it is, and how its objects are read."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    wire: type[Any] = stateobjects.Thing

    def path(self, namespace: str | None) -> str:
        """Return where the list is."""
        place = () if namespace is None or not self.namespaced else ("namespaces", namespace)
        root = ("apis", self.group) if self.group else ("api",)
        return urls.path_join(*root, self.version, *place, self.plural)


_ALL = (
    Resource("nodes", "Node", namespaced=False, wire=stateobjects.Node),
    Resource("pods", "Pod", wire=stateobjects.Pod),
    Resource("deployments", "Deployment", "apps"),
    Resource("statefulsets", "StatefulSet", "apps"),
    Resource("daemonsets", "DaemonSet", "apps"),
    Resource("jobs", "Job", "batch"),
    Resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2"),
    Resource("namespaces", "Namespace", namespaced=False),
    Resource("persistentvolumeclaims", "PersistentVolumeClaim"),
    Resource("resourcequotas", "ResourceQuota"),
)
RESOURCES = {resource.plural: resource for resource in _ALL}


class _Kept(NamedTuple):
    """What was made of one object."""

    key: following.Key
    made: Made


def fetch(
    client: clients.Client, converts: Mapping[str, Convert], *, namespace: str | None = None
) -> tuple[Held, tuple[model.Problem, ...]]:
    """Return what `converts` make of each list, read once, and why a list is missing.

    Args:
        client: whom to ask.
        converts: by the plural name of RESOURCES, what is made of an object.
        namespace: of what has one; all where None. What has none is then left out.
    """
    held: dict[str, dict[following.Key, Made]] = {}
    problems: list[model.Problem] = []
    for resource in _chosen(converts, namespace):
        kind = _kind_of(resource, converts[resource.plural], namespace)
        try:
            answer = client.fetch_list(kind.path, kind.decode_list, limit=pages.SIZE)
        except errors.ClusterError as error:
            problems.append(_problem(resource.plural, error))
            continue
        items, _ = pages.join(answer)
        held[resource.plural] = {each.key: each.made for each in items}
    return held, tuple(problems)


class LiveState:
    """Those lists, kept current by watching. Threads may share it. Use `with`, or `start()` and `stop()`."""

    def __init__(
        self,
        client: clients.Client,
        converts: Mapping[str, Convert],
        *,
        namespace: str | None = None,
        stream_seconds: float = 300.0,
    ) -> None:
        """Nothing is requested yet. Arguments as of `fetch`; the client is to be closed after `stop()`."""
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._followers = {
            resource.plural: following.Follower(
                client,
                _kind_of(resource, converts[resource.plural], namespace),
                changed=self._changed,
                on_change=lambda _follower, _records: self._changed.notify_all(),
                stream_seconds=stream_seconds,
            )
            for resource in _chosen(converts, namespace)
        }

    def start(self) -> None:
        """Begin to follow; returns at once."""
        with self._changed:
            if self._threads or self._stopped:
                return
            for name, follower in self._followers.items():
                thread = threading.Thread(target=follower.run, name=f"state-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self, *, timeout: float = 5.0) -> None:
        """End the watches, waiting `timeout` seconds at most for each. What was read stays readable."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for follower in self._followers.values():
            follower.stop()
        for thread in self._threads:
            thread.join(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready(self) -> bool:
        """Whether each list was read once, or cannot be had."""
        with self._changed:
            return self._is_ready()

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds, or until it is stopped; return whether it is ready."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_ready() or self._stopped, timeout)
            return self._is_ready()

    @property
    def version(self) -> int:
        """Another number whenever something has changed."""
        with self._changed:
            return sum(follower.changes for follower in self._followers.values())

    def read(self) -> Held:
        """Return what is known now, by list; a list that was never read is not in it."""
        with self._changed:
            copies = {name: each.copy() for name, each in self._followers.items() if each.listed}
        return {name: {each.key: each.made for each in copy} for name, copy in copies.items()}

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """Why a list is unknown or not current."""
        with self._changed:
            failing = [(name, each.problem) for name, each in self._followers.items()]
        return tuple(_problem(name, error) for name, error in failing if error is not None)

    def _is_ready(self) -> bool:
        return all(each.listed or each.refused for each in self._followers.values())


def _chosen(converts: Iterable[str], namespace: str | None) -> list[Resource]:
    chosen = [RESOURCES[name] for name in converts]
    return [each for each in chosen if namespace is None or each.namespaced]


def _kind_of(resource: Resource, convert: Convert, namespace: str | None) -> following.Kind[_Kept]:
    def keep(wire: Any) -> _Kept:
        meta: objects.ObjectMeta = wire.metadata
        return _Kept((meta.namespace, meta.name), convert(wire))

    generic: Any = stateobjects.ObjectList
    list_decoder = pages.decoder(generic[resource.wire])
    one: Any = resource.wire
    list_kind = f"{resource.kind}List"

    def decode_list(body: bytes) -> pages.Page[_Kept]:
        wire = pages.decode_list(body, list_decoder, kind=list_kind)
        return pages.Page(wire.metadata, [keep(each) for each in wire.items or ()], problems=())

    return following.Kind(
        resource.plural,
        resource.path(namespace),
        decode_list=decode_list,
        open_decoder=lambda: events.Decoder(pages.decoder(one), lambda _reader, wire: keep(wire)),
        key_of=lambda kept: kept.key,
    )


def _problem(name: str, error: errors.KubevitalsError) -> model.Problem:
    return model.Problem.of(error, code=f"{name}_{error.code}", about=f"{name} unknown")
