"""Nodes, pods and their owners kept current by list and watch, to be read at any moment without a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import model
from kubevitals.kube import codec, owners, records, resources
from kubevitals.kube import informer as informers

if TYPE_CHECKING:
    from typing import Any

    from kubevitals import errors
    from kubevitals.kube import client as clients


class Inventory(NamedTuple):
    """A copy that does not change. Each of the two lists is as it was at its resource version."""

    nodes: tuple[model.Node, ...]
    pods: tuple[model.Pod, ...]
    problems: tuple[model.Problem, ...]
    resource_versions: dict[str, str]


class LiveInventory(informers.InformerGroup):
    """Nodes and pods as records without usage, current to within moments.

    What is held is one record an object: memory grows with the cluster and not with time.
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
        super().__init__(client, stream_seconds=stream_seconds)
        self._with_owners = with_owners
        self._namespace = namespace
        self._ready = False
        self._nodes: informers.Informer[model.Node] | None = None
        self._pods: informers.Informer[model.Pod] | None = None
        self._owners: dict[str, informers.Informer[records.Metadata]] = {}  # by the kind that pods name
        self._joined = _JoinedPods()
        if nodes:
            self._nodes = self._add(resources.NODES, codec.NODES, label_selector=node_label_selector)
        if pods:
            self._pods = self._add(
                resources.PODS,
                codec.PODS,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )

    @property
    def ready(self) -> bool:
        """Whether everything was listed once, or cannot be, and something was listed. It stays so."""
        with self._changed:
            return self._ready

    def read(self) -> Inventory:
        """Return what is known now, at once; incomplete while not `ready`."""
        with self._changed:
            return Inventory(
                nodes=self._nodes.records() if self._nodes is not None else (),
                pods=self._joined.read(self._pods, self._owners) if self._pods is not None else (),
                problems=self._problems(),
                resource_versions=self._resource_versions(),
            )

    # under the lock, all that follow

    def _note_change(self, informer: informers.Informer[Any], records: tuple[Any, ...]) -> None:
        if self._with_owners and informer is self._pods and not self._stopped:
            for kind in {pod.workload_kind for pod in records} & owners.PARENTS.keys() - self._owners.keys():
                self._owners[kind] = self._add(
                    owners.PARENTS[kind], codec.METADATA, namespace=self._namespace
                )
        if not self._ready:
            informers = self._informers.values()
            self._ready = all(each.settled for each in informers) and any(each.listed for each in informers)
        super()._note_change(informer, records)

    def _is_ready(self) -> bool:
        return self._ready

    def _describe(self, informer: informers.Informer[Any], error: errors.KubevitalsError) -> model.Problem:
        for kind, each in self._owners.items():
            if each is informer:
                about = f"what owns the {kind}s is unknown"
                return model.Problem.of(error, code="owners_unknown", about=about)
        return super()._describe(informer, error)


class _JoinedPods:
    """Pods with the top of their owner chain, each joined once; under the lock of its inventory."""

    __slots__ = ("_changes", "_known", "_pods")

    def __init__(self) -> None:
        self._changes: tuple[int, ...] = ()
        self._pods: tuple[model.Pod, ...] = ()
        self._known: dict[codec.Key, tuple[model.Pod, records.Owner, model.Pod]] = {}

    def read(
        self,
        pods: informers.Informer[model.Pod],
        parents: dict[str, informers.Informer[records.Metadata]],
    ) -> tuple[model.Pod, ...]:
        if not parents:
            return pods.records()
        changes = (pods.changes, *[each.changes for each in parents.values()])
        if changes != self._changes:
            before, self._known = self._known, {}
            self._pods = tuple([self._join(pod, parents, before) for pod in pods.records()])
            self._changes = changes
        return self._pods

    def _join(
        self,
        pod: model.Pod,
        parents: dict[str, informers.Informer[records.Metadata]],
        before: dict[codec.Key, tuple[model.Pod, records.Owner, model.Pod]],
    ) -> model.Pod:
        informer = parents.get(pod.workload_kind or "")
        parent = informer.get((pod.namespace, pod.workload_name or "")) if informer is not None else None
        if parent is None or parent.owner is None:
            return pod
        key = (pod.namespace, pod.name)
        known = before.get(key)
        if known is None or known[0] is not pod or known[1] != parent.owner:
            known = (pod, parent.owner, owners.with_owner(pod, parent.owner))
        self._known[key] = known
        return known[2]
