"""The API's resources, its objects, their changes and their usage: what the world hands to the API server."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

_READ = ("get", "list", "watch")


class Resource:
    """One resource of the API, as discovery shows it."""

    __slots__ = (
        "categories",
        "group",
        "kind",
        "namespaced",
        "plural",
        "prefix",
        "short_names",
        "singular",
        "verbs",
        "version",
    )

    def __init__(
        self,
        kind: str,
        plural: str,
        *,
        group: str = "",
        version: str = "v1",
        namespaced: bool = True,
        short_names: tuple[str, ...] = (),
        categories: tuple[str, ...] = (),
        verbs: tuple[str, ...] = _READ,
    ) -> None:
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.singular = kind.lower()
        self.namespaced = namespaced
        self.short_names = short_names
        self.categories = categories
        self.verbs = verbs
        # Every rendered object begins with exactly these bytes. In lists the real server leaves kind and
        # apiVersion out: `b"{" + rendered[len(prefix):]` is the item as it stands in a list.
        self.prefix = f'{{"kind":"{kind}","apiVersion":"{self.api_version}",'.encode()

    @property
    def api_version(self) -> str:
        """The text of `apiVersion`: "v1" or "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """The key in RESOURCES: "pods" or "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __repr__(self) -> str:
        return f"<Resource {self.key}>"


_ALL = (
    Resource("ConfigMap", "configmaps", short_names=("cm",)),
    Resource("Event", "events", short_names=("ev",)),
    Resource("LimitRange", "limitranges", short_names=("limits",)),
    Resource("Namespace", "namespaces", namespaced=False, short_names=("ns",)),
    Resource("Node", "nodes", namespaced=False, short_names=("no",)),
    Resource("PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",)),
    Resource("Pod", "pods", short_names=("po",), categories=("all",)),
    Resource("ResourceQuota", "resourcequotas", short_names=("quota",)),
    Resource("ServiceAccount", "serviceaccounts", short_names=("sa",)),
    Resource("Service", "services", short_names=("svc",), categories=("all",)),
    Resource(
        "APIService",
        "apiservices",
        group="apiregistration.k8s.io",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Resource("DaemonSet", "daemonsets", group="apps", short_names=("ds",), categories=("all",)),
    Resource("Deployment", "deployments", group="apps", short_names=("deploy",), categories=("all",)),
    Resource("ReplicaSet", "replicasets", group="apps", short_names=("rs",), categories=("all",)),
    Resource("StatefulSet", "statefulsets", group="apps", short_names=("sts",), categories=("all",)),
    Resource(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        group="autoscaling",
        version="v2",
        short_names=("hpa",),
        categories=("all",),
    ),
    Resource("CronJob", "cronjobs", group="batch", short_names=("cj",), categories=("all",)),
    Resource("Job", "jobs", group="batch", categories=("all",)),
    Resource("Lease", "leases", group="coordination.k8s.io"),
    Resource("EndpointSlice", "endpointslices", group="discovery.k8s.io"),
)

RESOURCES: dict[str, Resource] = {resource.key: resource for resource in _ALL}


class Item:
    """One object of the cluster in one state.

    An item never changes after it has been handed out: a later state is another item with the same uid. So a
    server may render it when it likes, and keep it for a list that is being paged.
    `created` is an epoch in seconds; `labels` may be shared between items and must not be altered.
    """

    __slots__ = ("created", "labels", "name", "namespace", "resource", "uid")

    def __init__(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str,
        labels: dict[str, str],
        created: float,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.labels = labels
        self.created = created

    @property
    def fields(self) -> dict[str, str]:
        """The fields that a field selector may name: those that the real API server supports for the kind."""
        fields = {"metadata.name": self.name}
        if self.resource.namespaced:
            fields["metadata.namespace"] = self.namespace
        return fields

    def render(self, resource_version: int) -> bytes:
        """The complete JSON object, compact, beginning with `resource.prefix`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self.resource.kind} {self.namespace}/{self.name}>"


class Change(NamedTuple):
    """Something that happened to an object; `item` is its state after it (for DELETED, its last state)."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    item: Item

    def __repr__(self) -> str:
        return f"<Change {self.type} {self.item!r}>"


class NodeUsage(NamedTuple):
    """A node's usage: the mean of the `window` seconds that end at `timestamp` (epoch)."""

    name: str
    labels: dict[str, str]
    timestamp: float
    window: float
    cpu_nanocores: int
    memory_kibibytes: int


class PodUsage(NamedTuple):
    """A pod's usage by container, (name, nanocores, kibibytes), in the `window` seconds up to `timestamp`."""

    namespace: str
    name: str
    labels: dict[str, str]
    timestamp: float
    window: float
    containers: list[tuple[str, int, int]]
