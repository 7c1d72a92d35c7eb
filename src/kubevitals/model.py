"""The records that cross every border: Node, Pod, Container, Total, Problem and the Snapshot that holds them.

Immutable, typed, with the unit in the name of each number: cores (float), bytes (int), seconds (float),
aware UTC times. Unknown is None, never 0. A record knows nothing of where it came from and does no I/O.

The field names are the names on the wire (`-o json`, the HTTP API, `to_dicts()`); ratios are properties,
unrounded, and None wherever one of their two numbers is unknown or the divisor is zero.
"""

from __future__ import annotations

from kubevitals import recordtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any, NamedTuple, Self, TypeVar

    from kubevitals import details, errors
    from kubevitals.kube import resourceattributes
else:
    from kubevitals.namedtuple import NamedTuple

SCHEMA = "kubevitals/v1"
ENDED_PHASES = frozenset({"Succeeded", "Failed"})  # of pods: such hold no resources
STALE_AFTER_WINDOWS = 3  # a sample older than this many of its own windows is stale
# What no machine has: a number beyond these, or below zero, is no measurement, whoever states it.
MOST_CORES = 1e6
MOST_BYTES = 1 << 60


class Problem(NamedTuple):
    """Why something is unknown: a stable `code`, a sentence, what to do, and the object it is about.

    `right` is the RBAC right that is missing, where that is the cause; it is not part of the wire form.
    """

    code: str
    message: str
    remedy: str | None = None
    object: str | None = None
    right: resourceattributes.ResourceAttributes | None = None

    @classmethod
    def of(cls, error: errors.KubevitalsError, *, code: str | None = None, about: str = "") -> Self:
        """Return the problem that an error is, under its own code or another; `about` begins its message."""
        message = f"{about}: {error.message}" if about else error.message
        return cls(code or error.code, message, error.remedy, right=error.right)

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "object": self.object,
        }


def distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return them in their order, each once: of two that say the same, the one that advises more."""
    found: dict[tuple[str, str, str | None], Problem] = {}
    for each in problems:
        key = (each.code, each.message, each.object)
        if key not in found or len(each.remedy or "") > len(found[key].remedy or ""):
            found[key] = each
    return tuple(found.values())


class Condition(NamedTuple):
    """One condition of a node, as its kubelet or the node controller states it."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_at: datetime | None = None


class Taint(NamedTuple):
    """One taint of a node."""

    key: str
    value: str | None
    effect: str


def _ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, or None where that says nothing."""
    return None if part is None or not whole else part / whole


def _text(moment: datetime | None) -> str | None:
    """Return RFC 3339 in UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


class Container(NamedTuple):
    """One container of a pod, its usage beside its own request and limit.

    Ordinary containers and sidecars are always there, init containers while they run or fail, ephemeral ones
    while they run.
    """

    namespace: str
    pod: str
    name: str
    uid: str | None = None  # of the pod
    node: str | None = None
    ip: str | None = None
    app: str | None = None
    workload_kind: str | None = None
    workload_name: str | None = None
    phase: str | None = None  # of the pod
    status: str | None = None  # Running, or why it waits or ended
    reason: str | None = None
    ready: bool | None = None
    restarts: int | None = None
    qos: str | None = None
    created_at: datetime | None = None
    last_termination_reason: str | None = None
    last_termination_exit_code: int | None = None
    last_termination_at: datetime | None = None
    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    type: str | None = None  # container, sidecar, init or ephemeral
    message: str | None = None  # what the kubelet says of why it waits, as a registry's answer
    detail: details.Detail | None = None
    timestamp: datetime | None = None
    window_seconds: float | None = None
    age_seconds: float | None = None
    stale: bool | None = None
    cpu_usage_cores: float | None = None
    memory_usage_bytes: int | None = None
    problem: str | None = None

    @property
    def cpu_of_request(self) -> float | None:
        """CPU usage as a share of the request."""
        return _ratio(self.cpu_usage_cores, self.cpu_request_cores)

    @property
    def cpu_of_limit(self) -> float | None:
        """CPU usage as a share of the limit."""
        return _ratio(self.cpu_usage_cores, self.cpu_limit_cores)

    @property
    def memory_of_request(self) -> float | None:
        """Memory usage as a share of the request."""
        return _ratio(self.memory_usage_bytes, self.memory_request_bytes)

    @property
    def memory_of_limit(self) -> float | None:
        """Memory usage as a share of the limit."""
        return _ratio(self.memory_usage_bytes, self.memory_limit_bytes)

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, times as RFC 3339 text."""
        return _workload_row(self)


class Pod(NamedTuple):
    """One pod: what it uses, what the scheduler reserves for it, what it may use, and its health."""

    namespace: str
    name: str
    uid: str | None = None
    node: str | None = None
    ip: str | None = None
    app: str | None = None  # label app, else app.kubernetes.io/name
    workload_kind: str | None = None  # the top of the owner chain: Deployment, CronJob, DaemonSet ...
    workload_name: str | None = None
    phase: str | None = None  # Pending, Running, Succeeded, Failed, Unknown
    status: str | None = None  # the STATUS column of kubectl get pods
    reason: str | None = None  # why it is not simply running
    ready: bool | None = None  # its Ready condition
    containers_ready: int | None = None
    containers_total: int | None = None
    restarts: int | None = None
    qos: str | None = None
    created_at: datetime | None = None
    labels: Mapping[str, str] = {}  # shared and never changed
    last_termination_reason: str | None = None  # of the container that ended last
    last_termination_exit_code: int | None = None
    last_termination_at: datetime | None = None
    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    deletion_at: datetime | None = None  # when the grace of a pod that is being deleted ends
    resize: str | None = None  # a resize in place that is not done: Deferred, Infeasible, InProgress or Error
    detail: details.Detail | None = None
    timestamp: datetime | None = None
    window_seconds: float | None = None
    age_seconds: float | None = None
    stale: bool | None = None
    cpu_usage_cores: float | None = None
    memory_usage_bytes: int | None = None
    problem: str | None = None
    containers: tuple[Container, ...] = ()

    @property
    def terminated(self) -> bool:
        """Whether it has ended: such a pod holds no resources and counts in no sum."""
        return self.phase in ENDED_PHASES

    @property
    def cpu_of_request(self) -> float | None:
        """CPU usage as a share of the request."""
        return _ratio(self.cpu_usage_cores, self.cpu_request_cores)

    @property
    def cpu_of_limit(self) -> float | None:
        """CPU usage as a share of the limit."""
        return _ratio(self.cpu_usage_cores, self.cpu_limit_cores)

    @property
    def memory_of_request(self) -> float | None:
        """Memory usage as a share of the request."""
        return _ratio(self.memory_usage_bytes, self.memory_request_bytes)

    @property
    def memory_of_limit(self) -> float | None:
        """Memory usage as a share of the limit."""
        return _ratio(self.memory_usage_bytes, self.memory_limit_bytes)

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, times as RFC 3339 text."""
        return _workload_row(self)


class Node(NamedTuple):
    """One node: what is used and what is promised on it, against what it can give."""

    name: str
    ready: bool | None = None
    status: str | None = None  # the STATUS column of kubectl get nodes
    roles: tuple[str, ...] = ()
    unschedulable: bool | None = None
    conditions: tuple[Condition, ...] = ()
    taints: tuple[Taint, ...] = ()
    labels: Mapping[str, str] = {}
    ip: str | None = None
    addresses: tuple[str, ...] = ()  # all of them: IP addresses and names
    provider_id: str | None = None  # its machine's, as the cloud calls it
    created_at: datetime | None = None
    pods: int | None = None  # that have not ended
    pods_allocatable: int | None = None
    cpu_allocatable_cores: float | None = None
    cpu_capacity_cores: float | None = None
    memory_allocatable_bytes: int | None = None
    memory_capacity_bytes: int | None = None
    cpu_request_cores: float | None = None  # sum over its pods that have not ended
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    detail: details.Detail | None = None
    timestamp: datetime | None = None
    window_seconds: float | None = None
    age_seconds: float | None = None
    stale: bool | None = None
    cpu_usage_cores: float | None = None
    memory_usage_bytes: int | None = None
    problem: str | None = None

    @property
    def cpu_of_allocatable(self) -> float | None:
        """CPU usage as a share of what pods may be promised."""
        return _ratio(self.cpu_usage_cores, self.cpu_allocatable_cores)

    @property
    def cpu_of_capacity(self) -> float | None:
        """CPU usage as a share of the machine."""
        return _ratio(self.cpu_usage_cores, self.cpu_capacity_cores)

    @property
    def cpu_request_of_allocatable(self) -> float | None:
        """CPU promised to pods as a share of what may be promised."""
        return _ratio(self.cpu_request_cores, self.cpu_allocatable_cores)

    @property
    def cpu_limit_of_allocatable(self) -> float | None:
        """Sum of the pods' CPU limits as a share of allocatable; above 1 is overcommitted."""
        return _ratio(self.cpu_limit_cores, self.cpu_allocatable_cores)

    @property
    def memory_of_allocatable(self) -> float | None:
        """Memory usage as a share of what pods may be promised."""
        return _ratio(self.memory_usage_bytes, self.memory_allocatable_bytes)

    @property
    def memory_of_capacity(self) -> float | None:
        """Memory usage as a share of the machine."""
        return _ratio(self.memory_usage_bytes, self.memory_capacity_bytes)

    @property
    def memory_request_of_allocatable(self) -> float | None:
        """Memory promised to pods as a share of what may be promised."""
        return _ratio(self.memory_request_bytes, self.memory_allocatable_bytes)

    @property
    def memory_limit_of_allocatable(self) -> float | None:
        """Sum of the pods' memory limits as a share of allocatable; above 1 is overcommitted."""
        return _ratio(self.memory_limit_bytes, self.memory_allocatable_bytes)

    @property
    def cpu_free_cores(self) -> float | None:
        """CPU that can still be promised to pods; below 0 where more is promised than there is."""
        whole, part = self.cpu_allocatable_cores, self.cpu_request_cores
        return None if whole is None or part is None else round(whole - part, 9)

    @property
    def memory_free_bytes(self) -> int | None:
        """Memory that can still be promised to pods; below 0 where more is promised than there is."""
        whole, part = self.memory_allocatable_bytes, self.memory_request_bytes
        return None if whole is None or part is None else whole - part

    @property
    def pods_free(self) -> int | None:
        """How many more pods the node takes."""
        return (
            None if self.pods_allocatable is None or self.pods is None else self.pods_allocatable - self.pods
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, times as RFC 3339 text."""
        row = self._asdict()
        row["roles"] = list(self.roles)
        row["addresses"] = list(self.addresses)
        row["conditions"] = [
            {**each._asdict(), "last_transition_at": _text(each.last_transition_at)}
            for each in self.conditions
        ]
        row["taints"] = [each._asdict() for each in self.taints]
        row["labels"] = dict(self.labels)
        row["detail"] = self.detail and self.detail.to_dict()
        row["created_at"] = _text(self.created_at)
        row["timestamp"] = _text(self.timestamp)
        for ratio in NODE_RATIOS:
            row[ratio] = getattr(self, ratio)
        return row


class Total(NamedTuple):
    """The sum over a group of pods: of a namespace, a workload, or one value of a label.

    Pods that have ended count nowhere. A sum is over the pods whose number is known; how many are not is
    in `pods_without_usage` and `pods_without_request`. A ratio is over the pods of which both numbers are
    known, or it would compare the usage of some with the requests of others. The timestamp is that of the
    oldest member.
    """

    name: str
    namespace: str | None = None  # None for a label's value, which may span namespaces
    workload_kind: str | None = None
    workload_name: str | None = None
    pods: int = 0
    pods_without_usage: int = 0
    pods_without_request: int = 0  # of CPU or of memory
    restarts: int | None = None
    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    timestamp: datetime | None = None
    window_seconds: float | None = None
    age_seconds: float | None = None
    stale: bool | None = None
    cpu_usage_cores: float | None = None
    memory_usage_bytes: int | None = None
    problem: str | None = None
    cpu_of_request: float | None = None
    cpu_of_limit: float | None = None
    memory_of_request: float | None = None
    memory_of_limit: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, times as RFC 3339 text."""
        row = self._asdict()
        row["timestamp"] = _text(self.timestamp)
        return row


# Ratio: (part, whole).
POD_RATIOS = {
    "cpu_of_request": ("cpu_usage_cores", "cpu_request_cores"),
    "cpu_of_limit": ("cpu_usage_cores", "cpu_limit_cores"),
    "memory_of_request": ("memory_usage_bytes", "memory_request_bytes"),
    "memory_of_limit": ("memory_usage_bytes", "memory_limit_bytes"),
}
NODE_RATIOS = {
    "cpu_of_allocatable": ("cpu_usage_cores", "cpu_allocatable_cores"),
    "cpu_of_capacity": ("cpu_usage_cores", "cpu_capacity_cores"),
    "cpu_request_of_allocatable": ("cpu_request_cores", "cpu_allocatable_cores"),
    "cpu_limit_of_allocatable": ("cpu_limit_cores", "cpu_allocatable_cores"),
    "memory_of_allocatable": ("memory_usage_bytes", "memory_allocatable_bytes"),
    "memory_of_capacity": ("memory_usage_bytes", "memory_capacity_bytes"),
    "memory_request_of_allocatable": ("memory_request_bytes", "memory_allocatable_bytes"),
    "memory_limit_of_allocatable": ("memory_limit_bytes", "memory_allocatable_bytes"),
}


def _workload_row(record: Pod | Container) -> dict[str, Any]:
    row = record._asdict()
    if isinstance(record, Pod):
        del row["containers"]  # they are rows of their own
        row["labels"] = dict(record.labels)
    row["detail"] = record.detail and record.detail.to_dict()
    row["created_at"] = _text(record.created_at)
    row["last_termination_at"] = _text(record.last_termination_at)
    if isinstance(record, Pod):
        row["deletion_at"] = _text(record.deletion_at)
    row["timestamp"] = _text(record.timestamp)
    for ratio in POD_RATIOS:
        row[ratio] = getattr(record, ratio)
    return row


Row = Node | Pod | Container | Total
if TYPE_CHECKING:
    RowT = TypeVar("RowT", Node, Pod, Container, Total)
else:
    RowT = object  # a stand-in: only type checkers look at it


Records = recordtuple.Records


class Snapshot(NamedTuple):
    """One reading of a cluster. Half an answer is a snapshot with `problems`, not an exception.

    `nodes` and `pods` are empty where they were not asked for or may not be read: `problems` says which.
    """

    cluster: str  # the context's name
    source: str  # where usage came from: metrics-server, or none
    generated_at: datetime
    nodes: Records[Node] = Records(())
    pods: Records[Pod] = Records(())
    problems: tuple[Problem, ...] = ()

    @property
    def containers(self) -> Records[Container]:
        """The containers of all pods, in the pods' order."""
        named = self._of("containers")._replace(pods=self.pods)
        return Records((container for pod in self.pods for container in pod.containers), named)

    def with_origin(self) -> Self:
        """Return it with nodes and pods that know their kind, the cluster, the time and the problems."""
        pods = Records(self.pods, self._of("pods"))
        return self._replace(nodes=Records(self.nodes, self._of("nodes")), pods=pods)

    def _of(self, kind: str) -> recordtuple.Origin:
        return recordtuple.Origin(kind, self.cluster, self.generated_at, self.problems)

    def to_dict(self, kind: str, items: Iterable[Row]) -> dict[str, Any]:
        """Return the envelope of the JSON schema around `items`, which are rows of `kind` ("PodList" ...)."""
        return {
            "schema": SCHEMA,
            "kind": kind,
            "cluster": self.cluster,
            "source": self.source,
            "generated_at": _text(self.generated_at),
            "problems": [problem.to_dict() for problem in self.problems],
            "items": [item.to_dict() for item in items],
        }
