"""Which kubelets there are, and which pods a selector means: lists from the API server, kept for a minute."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.kube import codec, inventory, listwatch, objects, resources
from kubevitals.sources.kubelet import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals import sources
    from kubevitals.kube import client as kube_client

NODES: codec.Codec[objects.KubeletNode] = codec.Codec(
    "Node", objects.KubeletNode, lambda _reader, wire: wire, key=lambda node: ("", node.metadata.name)
)
"""Nodes as far as they tell where their kubelets are."""

KEEP_SECONDS = 60.0
KEEP_SECONDS_IN_DOUBT = 10.0  # after a round in which a kubelet could not be reached: its address may be new
_LISTS = 8  # selections that are kept


class TargetList:
    """The nodes of one cluster with the addresses of their kubelets. One thread uses it at a time."""

    def __init__(self, client: kube_client.Client, *, port: int | None, clock: Callable[[], float]) -> None:
        self._client = client
        self._port = port
        self._clock = clock
        self._lists: dict[tuple[str, str], tuple[float, list[addresses.Kubelet]]] = {}
        self._doubtful = False

    def fetch_kubelets(self, *, labels: str = "", fields: str = "") -> list[addresses.Kubelet]:
        """Return the kubelets of the nodes that the selectors mean; of all where they are empty.

        A list that was had before serves on while the API server does not answer.

        Raises:
            errors.ClusterError: the list could not be had.
        """
        key = (labels, fields)
        now = self._clock()
        keep = KEEP_SECONDS_IN_DOUBT if self._doubtful else KEEP_SECONDS
        at, known = self._lists.get(key, (None, []))
        if at is not None and 0 <= now - at < keep:
            return known
        nodes = listwatch.ListWatch(
            self._client, resources.NODES, NODES, label_selector=labels, field_selector=fields
        )
        try:
            page = nodes.list()
        except (errors.UnreachableError, errors.RequestTimeoutError, errors.UnavailableError):
            if at is None:
                raise
            return known  # kubelets answer while the API server does not
        found = [addresses.locate(each, port=self._port) for each in page.items]
        if len(self._lists) >= _LISTS:
            self._lists.clear()
        self._lists[key] = (now, found)
        return found

    def all_names(self) -> frozenset[str] | None:
        """Return the names of all nodes, as far as they were listed; None if only parts of them were."""
        if ("", "") not in self._lists:
            return None
        return frozenset(each.node for each in self._lists["", ""][1])

    def note_doubt(self, *, doubtful: bool) -> None:
        """Say whether the last round met a kubelet that is not where its node says."""
        self._doubtful = doubtful

    def fetch_pod_names(self, scope: sources.Scope) -> frozenset[tuple[str, str]] | None:
        """Return namespace and name of the pods that the scope's selectors mean; None for all.

        Only metadata is asked for. Raises as `fetch_kubelets`.
        """
        if not (scope.label_selector or scope.field_selector):
            return None
        return inventory.fetch_names(
            self._client,
            resources.PODS,
            namespace=scope.namespace,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
        )
