"""The resources of the Kubernetes API that are read: names, API groups and the paths of their lists."""

from __future__ import annotations

from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Resource(NamedTuple):
    """One resource: its plural as in paths and RBAC rules, and the kind of its objects."""

    plural: str
    kind: str
    group: str = ""  # empty: the core group
    version: str = "v1"
    namespaced: bool = True

    def path(self, namespace: str | None = None) -> str:
        """Return the path of the list: of one namespace, or of all (None, and where there are none)."""
        place = () if namespace is None or not self.namespaced else ("namespaces", namespace)
        root = ("apis", self.group) if self.group else ("api",)
        return urls.path_join(*root, self.version, *place, self.plural)


NODES = Resource("nodes", "Node", namespaced=False)
PODS = Resource("pods", "Pod")
JOBS = Resource("jobs", "Job", "batch")
REPLICASETS = Resource("replicasets", "ReplicaSet", "apps")
DEPLOYMENTS = Resource("deployments", "Deployment", "apps")
STATEFULSETS = Resource("statefulsets", "StatefulSet", "apps")
DAEMONSETS = Resource("daemonsets", "DaemonSet", "apps")
HORIZONTALPODAUTOSCALERS = Resource(
    "horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2"
)
NAMESPACES = Resource("namespaces", "Namespace", namespaced=False)
PERSISTENTVOLUMECLAIMS = Resource("persistentvolumeclaims", "PersistentVolumeClaim")
RESOURCEQUOTAS = Resource("resourcequotas", "ResourceQuota")
