"""The `container_*` families of cAdvisor 0.56, which is part of kubelet 1.36: names, help texts, values."""

from __future__ import annotations

from simcluster.kubelets import cgroups, derived_stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Group = cgroups.Group
    Several = Sequence[tuple[dict[str, str], float]]
    Read = Callable[[Group], "float | Several | None"]

_STATES = ("iowaiting", "running", "sleeping", "stopped", "uninterruptible")


def _seconds(nanoseconds: float) -> float:
    return nanoseconds / 1e9


def _total(group: Group) -> Several:
    return [({"cpu": "total"}, group.cpu / 1e9)] if group.cpu else []


def _memory(part: str) -> Read:
    return lambda group: float(getattr(derived_stats.Memory(group.memory_kibibytes, group.salt), part))


def _zero(group: Group) -> float:
    del group
    return 0


def _quota(part: str, *, scale: float = 1) -> Read:
    """The counters of the CFS quota of a container that has one."""

    def read(group: Group) -> float | None:
        if not group.cpu_limit:
            return None
        return getattr(group.container, part) / scale if group.container is not None else 0

    return read


def _pressure(kind: str, place: int) -> Read:
    return lambda group: _seconds(getattr(group.pressure, kind)[place])


def _faults(group: Group) -> Several:
    minor = group.cpu // 900_000
    return [
        ({"failure_type": kind, "scope": scope}, count)
        for kind, count in (("pgfault", minor), ("pgmajfault", minor // 4000))
        for scope in ("container", "hierarchy")
    ]


def _disk(part: str, *, scale: float = 1) -> Read:
    """Input and output of the disk, for all that has processes of its own."""

    def read(group: Group) -> Several | None:
        if group.kind not in {"root", "pod", "container"}:
            return None
        return [
            ({"device": derived_stats.DISK}, getattr(derived_stats.Disk(group.cpu, group.salt), part) / scale)
        ]

    return read


def _file_system(value: float | None) -> Read:
    """What is known of the node's file system; None stands for the bytes in use."""

    def read(group: Group) -> Several | None:
        if group.kind != "root":
            return None
        used = derived_stats.DISK_BYTES * (22 + group.salt % 45) // 100
        return [({"device": derived_stats.DISK}, used if value is None else value)]

    return read


def _device(group: Group) -> Several | None:
    if group.kind != "container":
        return None
    disk = derived_stats.Disk(group.cpu, group.salt)
    where = {"device": derived_stats.DISK, "major": "259", "minor": "0"}
    return [(where | {"operation": "Read"}, disk.read), (where | {"operation": "Write"}, disk.written)]


def _network(part: str) -> Read:
    def read(group: Group) -> Several | None:
        if group.traffic is None:
            return None
        return [({"interface": "eth0"}, getattr(group.traffic, part) if part else 0)]

    return read


def _states(group: Group) -> Several:
    del group
    return [({"state": state}, 0) for state in _STATES]


def _killed(group: Group) -> float:
    return group.container.out_of_memory if group.container is not None else 0


def _limit(group: Group) -> float:
    return group.memory_limit


def _shares(group: Group) -> float:
    return max(2, group.cpu_limit * 1024 // 2000) if group.kind in {"pod", "container"} else 1024


def _files(group: Group) -> float | None:
    return 9 + group.salt % 60 if group.kind in {"container", "sandbox"} else None


def _ulimit(group: Group) -> Several | None:
    return [({"ulimit": "max_open_files"}, 1048576)] if group.kind in {"container", "sandbox"} else None


_COUNT = "Cumulative count of"
# Name without "container_", kind, explanation, and what it says of a group: None is nothing.
FAMILIES: tuple[tuple[str, str, str, Read], ...] = (
    ("blkio_device_usage_total", "counter", "Blkio Device bytes usage", _device),
    ("cpu_cfs_burst_periods_total", "counter", "Number of periods when burst occurs.",
     lambda group: 0 if group.cpu_limit else None),
    ("cpu_cfs_burst_seconds_total", "counter", "Total time duration the container has been bursted.",
     lambda group: 0 if group.cpu_limit else None),
    ("cpu_cfs_periods_total", "counter", "Number of elapsed enforcement period intervals.",
     _quota("periods")),
    ("cpu_cfs_throttled_periods_total", "counter", "Number of throttled period intervals.",
     _quota("throttled_periods")),
    ("cpu_cfs_throttled_seconds_total", "counter", "Total time duration the container has been throttled.",
     _quota("throttled", scale=1e9)),
    ("cpu_load_average_10s", "gauge", "Value of container cpu load average over the last 10 seconds.", _zero),
    ("cpu_load_d_average_10s", "gauge", "Value of container cpu load.d average over the last 10 seconds.",
     _zero),
    ("cpu_system_seconds_total", "counter", "Cumulative system cpu time consumed in seconds.",
     lambda group: _seconds(group.cpu * 23 // 100)),
    ("cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.", _total),
    ("cpu_user_seconds_total", "counter", "Cumulative user cpu time consumed in seconds.",
     lambda group: _seconds(group.cpu - group.cpu * 23 // 100)),
    ("file_descriptors", "gauge", "Number of open file descriptors for the container.", _files),
    (
        "fs_inodes_free", "gauge", "Number of available Inodes",
        _file_system(derived_stats.DISK_INODES * 4 // 5),
    ),
    ("fs_inodes_total", "gauge", "Number of Inodes", _file_system(derived_stats.DISK_INODES)),
    ("fs_limit_bytes", "gauge", "Number of bytes that can be consumed by the container on this filesystem.",
     _file_system(derived_stats.DISK_BYTES)),
    ("fs_reads_bytes_total", "counter", f"{_COUNT} bytes read", _disk("read")),
    ("fs_reads_total", "counter", f"{_COUNT} reads completed", _disk("reads")),
    ("fs_usage_bytes", "gauge", "Number of bytes that are consumed by the container on this filesystem.",
     _file_system(None)),
    ("fs_writes_bytes_total", "counter", f"{_COUNT} bytes written", _disk("written")),
    ("fs_writes_total", "counter", f"{_COUNT} writes completed", _disk("writes")),
    ("last_seen", "gauge", "Last time a container was seen by the exporter",
     lambda group: float(group.timestamp // 1000)),
    ("memory_cache", "gauge", "Number of bytes of page cache memory.", _memory("inactive_file")),
    ("memory_failcnt", "counter", "Number of memory usage hits limits", _zero),
    ("memory_failures_total", "counter", "Cumulative count of memory allocation failures.", _faults),
    ("memory_kernel_usage", "gauge", "Size of kernel memory allocated in bytes.", _memory("kernel")),
    ("memory_mapped_file", "gauge", "Size of memory mapped files in bytes.", _memory("mapped")),
    ("memory_max_usage_bytes", "gauge", "Maximum memory usage recorded in bytes", _memory("usage")),
    ("memory_rss", "gauge", "Size of RSS in bytes.", _memory("resident")),
    ("memory_swap", "gauge", "Container swap usage in bytes.", _zero),
    ("memory_total_active_file_bytes", "gauge", "Current total active file in bytes.",
     _memory("active_file")),
    ("memory_total_inactive_file_bytes", "gauge", "Current total inactive file in bytes.",
     _memory("inactive_file")),
    ("memory_usage_bytes", "gauge",
     "Current memory usage in bytes, including all memory regardless of when it was accessed",
     _memory("usage")),
    ("memory_working_set_bytes", "gauge", "Current working set in bytes.", _memory("working_set")),
    ("network_receive_bytes_total", "counter", f"{_COUNT} bytes received", _network("received")),
    ("network_receive_errors_total", "counter", f"{_COUNT} errors encountered while receiving",
     _network("")),
    ("network_receive_packets_dropped_total", "counter", f"{_COUNT} packets dropped while receiving",
     _network("dropped")),
    ("network_receive_packets_total", "counter", f"{_COUNT} packets received",
     _network("received_packets")),
    ("network_transmit_bytes_total", "counter", f"{_COUNT} bytes transmitted", _network("sent")),
    ("network_transmit_errors_total", "counter", f"{_COUNT} errors encountered while transmitting",
     _network("")),
    ("network_transmit_packets_dropped_total", "counter", f"{_COUNT} packets dropped while transmitting",
     _network("")),
    ("network_transmit_packets_total", "counter", f"{_COUNT} packets transmitted",
     _network("sent_packets")),
    ("oom_events_total", "counter", "Count of out of memory events observed for the container", _killed),
    ("pressure_cpu_stalled_seconds_total", "counter",
     "Total time duration no tasks in the container could make progress due to CPU congestion.",
     _pressure("cpu", 1)),
    ("pressure_cpu_waiting_seconds_total", "counter",
     "Total time duration tasks in the container have waited due to CPU congestion.", _pressure("cpu", 0)),
    ("pressure_io_stalled_seconds_total", "counter",
     "Total time duration no tasks in the container could make progress due to IO congestion.",
     _pressure("io", 1)),
    ("pressure_io_waiting_seconds_total", "counter",
     "Total time duration tasks in the container have waited due to IO congestion.", _pressure("io", 0)),
    ("pressure_memory_stalled_seconds_total", "counter",
     "Total time duration no tasks in the container could make progress due to memory congestion.",
     _pressure("memory", 1)),
    ("pressure_memory_waiting_seconds_total", "counter",
     "Total time duration tasks in the container have waited due to memory congestion.",
     _pressure("memory", 0)),
    ("processes", "gauge", "Number of processes running inside the container.",
     lambda group: group.processes),
    ("spec_cpu_period", "gauge", "CPU period of the container.", lambda _: 100000),
    ("spec_cpu_quota", "gauge", "CPU quota of the container.",
     lambda group: group.cpu_limit * 100 or None),
    ("spec_cpu_shares", "gauge", "CPU share of the container.", _shares),
    ("spec_memory_limit_bytes", "gauge", "Memory limit for the container.", _limit),
    ("spec_memory_reservation_limit_bytes", "gauge", "Memory reservation limit for the container.", _zero),
    ("spec_memory_swap_limit_bytes", "gauge", "Memory swap limit for the container.", _zero),
    ("start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds.",
     lambda group: float(int(group.started))),
    ("tasks_state", "gauge", "Number of tasks in given state", _states),
    ("threads", "gauge", "Number of threads running inside the container", lambda group: group.processes * 4),
    ("ulimits_soft", "gauge",
     "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice", _ulimit),
)  # fmt: skip
UNTIMED = ("spec_", "start_time_")
"""How the names begin of families whose samples have no moment of their own."""
