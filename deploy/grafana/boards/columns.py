"""What the keys of the service's rows are called on a board, and how they are shown. Data only."""

from __future__ import annotations

from deploy.grafana.boards.words import Column

_CORES = Column("CPU", unit="short", width=90)
_BYTES = Column("Memory", unit="bytes", width=100)
_RATIO = Column("", unit="percentunit", look="gauge", width=130)
_COUNT = Column("", unit="none", width=80)
_TEXT = Column("", type="string")

_SHARE_OF_TIME = Column("", unit="percentunit", width=110)
_RATE = Column("", unit="Bps", width=110)
COLUMNS: dict[str, Column] = {
    "cluster": _TEXT._replace(title="Cluster", link="cluster"),
    "source": _TEXT._replace(title="Usage from"),
    "namespace": _TEXT._replace(title="Namespace", link="pods", width=130),
    "name": _TEXT._replace(title="Name"),
    "pod": _TEXT._replace(title="Pod"),
    "node": _TEXT._replace(title="Node", link="nodes", width=150),
    "workload_kind": _TEXT._replace(title="Kind", width=110),
    "kind": _TEXT._replace(title="Kind", width=110),
    "status": _TEXT._replace(title="Status", look="state", width=140),
    "problem": _TEXT._replace(title="Usage is missing because", width=190),
    "last_termination_reason": _TEXT._replace(title="Ended last by", look="state", width=130),
    "severity": _TEXT._replace(title="Severity", look="severity", width=90),
    "code": _TEXT._replace(title="What", width=190),
    "message": _TEXT._replace(title="Details"),
    "since": Column("Since", type="time", unit="dateTimeFromNow", width=130),
    "generated_at": Column("Read", type="time", unit="dateTimeFromNow", width=150),
    "age_seconds": Column("Sample's age", unit="s", width=110),
    "restarts": _COUNT._replace(title="Restarts"),
    "pods": _COUNT._replace(title="Pods", width=70),
    "pods_allocatable": _COUNT._replace(title="Takes"),
    "pods_without_usage": _COUNT._replace(title="Without usage", width=120),
    "pods_live": _COUNT._replace(title="Pods", width=150),
    "pods_with_usage": _COUNT._replace(title="Pods with usage", width=150),
    "pods_running": _COUNT._replace(title="Running"),
    "pods_pending": _COUNT._replace(title="Pending"),
    "pods_failed": _COUNT._replace(title="Failed"),
    "nodes": _COUNT._replace(title="Nodes", width=150),
    "nodes_with_usage": _COUNT._replace(title="Nodes with usage", width=150),
    "nodes_ready": _COUNT._replace(title="Ready"),
    "nodes_not_ready": _COUNT._replace(title="Not ready"),
    "problems_critical": _COUNT._replace(title="Critical"),
    "problems_warning": _COUNT._replace(title="Warning"),
    "cpu_usage_cores": _CORES,
    "cpu_request_cores": _CORES._replace(title="CPU request", width=110),
    "cpu_limit_cores": _CORES._replace(title="CPU limit"),
    "cpu_allocatable_cores": _CORES._replace(title="CPU allocatable", width=130),
    "cpu_of_request": _RATIO._replace(title="CPU of request"),
    "cpu_of_limit": _RATIO._replace(title="CPU of limit"),
    "cpu_of_allocatable": _RATIO._replace(title="CPU used"),
    "cpu_request_of_allocatable": _RATIO._replace(title="CPU requested"),
    "memory_usage_bytes": _BYTES,
    "memory_request_bytes": _BYTES._replace(title="Memory request", width=130),
    "memory_limit_bytes": _BYTES._replace(title="Memory limit", width=120),
    "memory_allocatable_bytes": _BYTES._replace(title="Memory allocatable", width=150),
    "memory_of_request": _RATIO._replace(title="Memory of request"),
    "memory_of_limit": _RATIO._replace(title="Memory of limit"),
    "memory_of_allocatable": _RATIO._replace(title="Memory used"),
    "memory_request_of_allocatable": _RATIO._replace(title="Memory requested"),
}

# What `name` is the name of, and where a click on it leads.
NAMES = {
    "nodes": Column("Node", type="string", link="nodes"),
    "namespaces": Column("Namespace", type="string", link="pods"),
    "pods": Column("Pod", type="string", link="pods"),
    "containers": Column("Container", type="string"),
    "workloads": Column("Workload", type="string", link="workload"),
    "problems": Column("Name", type="string"),
}


def column(of: str, key: str) -> Column:
    """Return how the key of a row is shown."""
    return NAMES[of] if key == "name" else COLUMNS[key]
