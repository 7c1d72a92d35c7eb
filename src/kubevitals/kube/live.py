"""Nodes, pods and their owners kept current by list and watch, to be read at any moment without a request.

Each kind is followed by a thread of its own. What is held is records, one an object: memory grows with the
cluster and not with time. It must not know usage.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors, model
from kubevitals.kube import following, owners

if TYPE_CHECKING:
    from typing import Any, Self

    from kubevitals.kube import client as clients


class Inventory(NamedTuple):
    """A copy that does not change. Each of the two lists is as it was at its resource version."""

    nodes: tuple[model.Node, ...]
    pods: tuple[model.Pod, ...]
    problems: tuple[model.Problem, ...]
    resource_versions: dict[str, str]


class LiveInventory:
    """Nodes and pods as records without usage, current to within moments. Threads may share it.

    After a failure it goes on by itself with back-off, for ever; until then the last state is shown and
    `problems` says since what. Needs list and watch on what it follows. Without the right to watch, it lists
    again now and then.

    Use it in a `with` block, or `start()` and `stop()` it.
    """

    def __init__(
        self,
        client: clients.Client,
        *,
        nodes: bool = True,
        pods: bool = True,
        with_owners: bool = True,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        node_label_selector: str | None = None,
        stream_seconds: float = 300.0,
    ) -> None:
        """Nothing is requested yet.

        Args:
            client: it stays the caller's, to be closed after `stop()`.
            nodes: follow nodes.
            pods: follow pods.
            with_owners: follow Jobs and ReplicaSets too, as metadata, once there is a pod of theirs that
                does not tell by itself what is above them: for the CronJob above a Job.
            namespace: of the pods; all where None.
            label_selector: of the pods.
            field_selector: of the pods.
            node_label_selector: of the nodes.
            stream_seconds: how long the server shall keep one stream open; then it is begun anew.
        """
        self._client = client
        self._with_owners = with_owners
        self._namespace = namespace
        self._stream_seconds = stream_seconds
        self._changed = threading.Condition()
        self._stopped = False
        self._started = False
        self._ready = False
        self._nodes: following.Follower[model.Node] | None = None
        self._pods: following.Follower[model.Pod] | None = None
        self._owners: dict[str, following.Follower[following.Child]] = {}
        self._threads: list[threading.Thread] = []
        self._shown = _Shown()
        if nodes:
            self._nodes = self._follower(following.nodes(label_selector=node_label_selector))
        if pods:
            kind = following.pods(
                namespace=namespace, label_selector=label_selector, field_selector=field_selector
            )
            self._pods = self._follower(kind)

    def start(self) -> None:
        """Begin to follow; returns at once. A second call does nothing."""
        with self._changed:
            if self._started or self._stopped:
                return
            self._started = True
            for follower in self._followers():
                self._run(follower)

    def stop(self, *, timeout: float = 5.0) -> None:
        """End the watches; wait for their threads, `timeout` seconds at most for each.

        What was read stays readable. A thread in the middle of fetching a list ends with that.
        """
        with self._changed:
            self._stopped = True
            threads = list(self._threads)
            followers = self._followers()
            self._changed.notify_all()
        for follower in followers:
            follower.stop()
        for thread in threads:
            thread.join(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready(self) -> bool:
        """Whether everything was listed once, or refused, and something was listed. It stays so."""
        with self._changed:
            return self._ready

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """Why a list is unknown or not current at the moment, and what could not be read of objects."""
        with self._changed:
            return self._problems()

    @property
    def resource_versions(self) -> dict[str, str]:
        """How far each list is followed, by its name: nodes, pods, jobs, replicasets."""
        with self._changed:
            return self._versions()

    @property
    def restarts(self) -> dict[str, int]:
        """How often the watch of each list was begun anew: after its stream ended, failed, or a new list."""
        with self._changed:
            return {each.kind.name: max(0, each.streams - 1) for each in self._followers()}

    @property
    def relists(self) -> dict[str, int]:
        """How often each list was fetched anew, because the server had forgotten where the watch stood."""
        with self._changed:
            return {each.kind.name: max(0, each.lists - 1) for each in self._followers()}

    def read(self) -> Inventory:
        """Return what is known now, at once; incomplete while not `ready`."""
        with self._changed:
            return Inventory(
                nodes=self._nodes.copy() if self._nodes is not None else (),
                pods=self._shown.pods(self._pods, self._owners) if self._pods is not None else (),
                problems=self._problems(),
                resource_versions=self._versions(),
            )

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds, or until it is stopped; return whether it is ready."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._stopped, timeout)
            return self._ready

    # under the lock, all that follow

    def _followers(self) -> list[following.Follower[Any]]:
        main: list[following.Follower[Any] | None] = [self._nodes, self._pods]
        return [each for each in main if each is not None] + list(self._owners.values())

    def _follower(self, kind: following.Kind[following.RecordT]) -> following.Follower[following.RecordT]:
        return following.Follower(
            self._client,
            kind,
            changed=self._changed,
            on_change=self._note_change,
            stream_seconds=self._stream_seconds,
        )

    def _run(self, follower: following.Follower[Any]) -> None:
        thread = threading.Thread(target=follower.run, name=f"live-{follower.kind.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _note_change(self, follower: following.Follower[Any], records: tuple[Any, ...]) -> None:
        """Called by followers, under the lock, with the records that are new."""
        if self._with_owners and follower is self._pods and not self._stopped:
            for kind in {pod.workload_kind for pod in records} & owners.PARENTS.keys() - self._owners.keys():
                self._owners[kind] = self._follower(following.parents(kind, namespace=self._namespace))
                self._run(self._owners[kind])
        if not self._ready:
            followers = self._followers()
            self._ready = all(each.listed or each.refused for each in followers) and any(
                each.listed for each in followers
            )
        self._changed.notify_all()

    def _problems(self) -> tuple[model.Problem, ...]:
        found: list[model.Problem] = []
        for follower in self._followers():
            error = follower.problem
            if error is not None:
                found.append(_describe(follower, error))
            for problems in follower.problems.values():
                found += problems
        return tuple(found)

    def _versions(self) -> dict[str, str]:
        return {each.kind.name: each.resource_version for each in self._followers() if each.listed}


class _Shown:
    """Pods with the top of their owner chain, each joined once; under the lock of its inventory."""

    __slots__ = ("_joined", "_pods", "_state")

    def __init__(self) -> None:
        self._state: tuple[int, ...] = ()
        self._pods: tuple[model.Pod, ...] = ()
        self._joined: dict[following.Key, tuple[model.Pod, owners.Owner, model.Pod]] = {}

    def pods(
        self,
        pods: following.Follower[model.Pod],
        parents: dict[str, following.Follower[following.Child]],
    ) -> tuple[model.Pod, ...]:
        if not parents:
            return pods.copy()
        state = (pods.changes, *[each.changes for each in parents.values()])
        if state != self._state:
            before, self._joined = self._joined, {}
            self._pods = tuple([self._join(pod, parents, before) for pod in pods.copy()])
            self._state = state
        return self._pods

    def _join(
        self,
        pod: model.Pod,
        parents: dict[str, following.Follower[following.Child]],
        before: dict[following.Key, tuple[model.Pod, owners.Owner, model.Pod]],
    ) -> model.Pod:
        follower = parents.get(pod.workload_kind or "")
        child = follower.find((pod.namespace, pod.workload_name or "")) if follower is not None else None
        if child is None or child.owner is None:
            return pod
        key = (pod.namespace, pod.name)
        known = before.get(key)
        if known is None or known[0] is not pod or known[1] != child.owner:
            known = (pod, child.owner, owners.with_owner(pod, child.owner))
        self._joined[key] = known
        return known[2]


def _describe(follower: following.Follower[Any], error: errors.KubevitalsError) -> model.Problem:
    name = follower.kind.name
    if follower.kind.parent is not None:
        about = f"what owns the {follower.kind.parent}s is unknown"
        return model.Problem.of(error, code="owners_unknown", about=about)
    state = "not current" if follower.listed else "unknown"
    return model.Problem.of(error, code=f"{name}_{error.code}", about=f"{name} {state}")
