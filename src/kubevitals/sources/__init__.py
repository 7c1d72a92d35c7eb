"""Where usage comes from: one file each, behind a protocol of one method.

A source answers what was used and when that was measured. It leaves out what it does not know: an absent
row is unknown, never zero.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol

    from kubevitals import details, model

    class Source(Protocol):
        """Where usage comes from."""

        @property
        def name(self) -> str:
            """Its name, as --source and the JSON schema have it."""
            ...

        def fetch_usage(self, scope: Scope) -> Usage:
            """Return the usage of what `scope` names.

            Raises:
                errors.MetricsError: the source gives no usage at all.
                errors.ClusterError: the request failed in another way.
            """
            ...
else:
    from kubevitals.namedtuple import NamedTuple


# What the sources are called; the first one so whoever serves the metrics API.
METRICS_API = "metrics-server"
KUBELETS = "kubelet"
PROMETHEUS = "prometheus"
NONE = "none"


class Scope(NamedTuple):
    """What is asked for: nodes or pods or both; one namespace or all (None); which labels and fields."""

    nodes: bool = False
    pods: bool = False
    namespace: str | None = None
    name: str | None = None  # of the one node or pod that is asked for
    label_selector: str | None = None
    field_selector: str | None = None


class Usage:
    """What a source answered, of what was asked for. Keys of pods are (namespace, name)."""

    __slots__ = (
        "aliases", "details", "node_labels", "node_reasons", "nodes", "pod_nodes", "pod_reasons", "pods",
        "problems", "reason", "reports", "source",
    )  # fmt: skip

    def __init__(self, source: str = "") -> None:
        self.source = source  # the name of the source that answered
        self.nodes: dict[str, Sample] = {}  # by name
        self.pods: dict[tuple[str, str], PodSample] = {}
        # Of a pod that several nodes report (it moves, or is left over on a lost node), the sample of each
        # node by its name; `pods` has one of them.
        self.reports: dict[tuple[str, str], dict[str, PodSample]] = {}
        # Beside usage, by (node), (namespace, pod) and (namespace, pod, container).
        self.details: dict[tuple[str, ...], details.Detail] = {}
        self.problems: list[model.Problem] = []  # what could not be read
        # Codes of `snapshot.REASONS`: why a node and the pods on it have no sample, or no CPU in it; the same
        # of single pods; and of everything, where no usage is to be expected.
        self.node_reasons: dict[str, str] = {}
        self.pod_reasons: dict[tuple[str, str], str] = {}
        self.reason: str | None = None
        # Of a source that names objects by labels of its own, not as the API server does: what else a node is
        # called, the node of each pod, and the labels of nodes. `attribution` finds the objects.
        self.aliases: dict[str, tuple[str, ...]] | None = None
        self.pod_nodes: dict[tuple[str, str], str] = {}
        self.node_labels: dict[str, dict[str, str]] = {}


# Codes of problems that say of an answer that it may lack a part.
NOT_WHOLE = ("prometheus_partial", "prometheus_warning")
UNKNOWN = ""  # a time, or a window, that no row shows

# A sample is (timestamp, window, cores, bytes): plain tuples, because a large cluster has 150,000 of them.
# The two times stay as the source has them until a row needs them: RFC 3339 text and a Go duration, or
# seconds since 1970 and seconds. A pod's sample holds its containers'.
if TYPE_CHECKING:
    Time = str | float
    Sample = tuple[Time, Time, float | None, int | None]
    ContainerSample = tuple[str, float | None, int | None]  # name, cores, bytes
    PodSample = tuple[Time, Time, list[ContainerSample]]  # timestamp, window, containers
