"""Whether a namespace or a node is there at all: one that shows nothing may be a typing error."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.cli import messages
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals import cluster as clusters

_PATHS = {"namespace": "namespaces", "node": "nodes"}


def find(cluster: clusters.Cluster, kind: str, name: str) -> bool | None:
    """Return whether there is a namespace or a node of that name; None where the account may not know."""
    try:
        cluster.client.fetch(urls.path_join("api", "v1", _PATHS[kind], name), retry=False)
    except errors.NotFoundError:
        return False
    except (errors.ClusterError, errors.UsageError):
        return None
    return True


def check(cluster: clusters.Cluster, *, namespace: str | None, node: str | None = None) -> int:
    """Print that what was asked about does not exist, if that is so, and return the exit code for it: 1.

    It is called where nothing was found there; it takes one request, or two.
    """
    for kind, name in (("namespace", namespace), ("node", node)):
        if name is not None and find(cluster, kind, name) is False:
            messages.show("error", f"{kind} {name!r} not found", f"kubectl get {_PATHS[kind]} lists them")
            return 1
    return 0
