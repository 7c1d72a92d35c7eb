"""Where usage comes from: one file each, behind a protocol of one method.

A source answers what was used and says when it was measured. It knows nothing of requests, limits or
screens, and leaves out what it does not know: an absent row is unknown, never zero.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol

    from kubevitals import details, model

    class Source(Protocol):
        """Anything that can tell usage."""

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
    """What a source answered. `nodes` by name, `pods` by (namespace, name); empty where not asked for.

    `problems` names what could not be read. `silent` says, by the node's name, why a node and the pods on
    it have no sample, or none of CPU yet: a code of `snapshot.REASONS`. `partial` says the same of pods, by
    (namespace, name); `missing` of everything, where no usage is to be expected. `source` is who answered.
    `reports` has, of a pod that several nodes report (it moves, or is left over on a lost node), the sample
    of each node by its name; `pods` has one of them. `details` holds what a source was asked for beside
    usage, by (node), (namespace, pod) and (namespace, pod, container).
    """

    __slots__ = ("details", "missing", "nodes", "partial", "pods", "problems", "reports", "silent", "source")

    def __init__(self) -> None:
        self.nodes: dict[str, Sample] = {}
        self.pods: dict[tuple[str, str], PodSample] = {}
        self.reports: dict[tuple[str, str], dict[str, PodSample]] = {}
        self.details: dict[tuple[str, ...], details.Detail] = {}
        self.problems: list[model.Problem] = []
        self.silent: dict[str, str] = {}
        self.partial: dict[tuple[str, str], str] = {}
        self.missing: str | None = None
        self.source = ""  # the name of the source that was asked, where empty


UNKNOWN = ""  # a time, or a window, that no row shows

# A sample is (timestamp, window, cores, bytes): plain tuples, because a large cluster has 150,000 of them.
# The two times stay as the source has them until a row needs them: RFC 3339 text and a Go duration, or
# seconds since 1970 and seconds. A pod's sample holds its containers'.
if TYPE_CHECKING:
    Time = str | float
    Sample = tuple[Time, Time, float | None, int | None]
    ContainerSample = tuple[str, float | None, int | None]  # name, cores, bytes
    PodSample = tuple[Time, Time, list[ContainerSample]]  # timestamp, window, containers
