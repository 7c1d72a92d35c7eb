"""Objects other than pods. Each is made by a function of a few immutable arguments when it is asked for.

The functions are in `workload_json`, `network`, `node_json` and `event_recorder`.
"""

from __future__ import annotations

from simcluster import apiobjects
from simcluster.world import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_WRITERS = {
    "APIService": "kube-apiserver",
    "EndpointSlice": "kube-controller-manager",
    "Event": "kubelet",
    "Lease": "kubelet",
    "Namespace": "kubectl-create",
    "Node": "kubelet",
}


class Manifest(apiobjects.Item):
    """An object in one state. `make(manifest, metadata, *arguments)` gives its JSON after the
    metadata.

    `extra` are the fields of field selectors beyond metadata, `generation` is metadata.generation
    (0 leaves it out).
    """

    __slots__ = ("annotations", "arguments", "extra", "generation", "make", "owner")

    def __init__(
        self,
        resource: apiobjects.Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str,
        labels: dict[str, str],
        created: float,
        make: Callable[..., dict[str, Any]],
        arguments: tuple[Any, ...] = (),
        extra: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        owner: tuple[str, str, str, str] | None = None,
        generation: int = 0,
    ) -> None:
        super().__init__(resource, name, namespace=namespace, uid=uid, labels=labels, created=created)
        self.make = make
        self.arguments = arguments
        self.extra = extra
        self.annotations = annotations
        self.owner = owner  # apiVersion, kind, name, uid
        self.generation = generation

    @property
    def fields(self) -> dict[str, str]:
        """metadata.name, metadata.namespace and what the kind adds."""
        fields = super().fields
        if self.extra:
            fields.update(self.extra)
        return fields

    def same_as(self, other: Manifest) -> bool:
        """Whether both render the same JSON."""
        return (
            self.make is other.make
            and self.arguments == other.arguments
            and self.extra == other.extra
            and self.labels == other.labels
            and self.generation == other.generation
        )

    def render(self, resource_version: int) -> bytes:
        """The object as the API server would send it."""
        body = self.make(*self.arguments)
        metadata = self._metadata(body, resource_version)
        return self.resource.prefix + json_text.compact({"metadata": metadata, **body}).encode()[1:]

    def _metadata(self, body: dict[str, Any], resource_version: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": self.name}
        if self.namespace:
            metadata["namespace"] = self.namespace
        metadata |= {"uid": self.uid, "resourceVersion": str(resource_version)}
        if self.generation:
            metadata["generation"] = self.generation
        created = json_text.timestamp(self.created)
        metadata["creationTimestamp"] = created
        if self.labels:
            metadata["labels"] = self.labels
        if self.annotations:
            metadata["annotations"] = self.annotations
        if self.owner is not None:
            version, kind, name, uid = self.owner
            metadata["ownerReferences"] = [
                {
                    "apiVersion": version,
                    "kind": kind,
                    "name": name,
                    "uid": uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ]
        who = _WRITERS.get(
            self.resource.kind, "kube-controller-manager" if self.owner else "argocd-controller"
        )
        version = self.resource.api_version
        entries = []
        declared = {"metadata": {"labels": self.labels}} if self.labels else {}
        declared |= {key: value for key, value in body.items() if key != "status"}
        entries.append(json_text.managed(who, created, declared, api_version=version))
        if "status" in body:
            what = {"status": body["status"]}
            entries.append(
                json_text.managed("kube-controller-manager", created, what, api_version=version, status=True)
            )
        metadata["managedFields"] = entries
        return metadata


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is given ready."""
    return body
