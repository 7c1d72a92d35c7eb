"""`/metrics/resource` of a kubelet, in the text of version 1.36.

Families are in alphabetical order, samples in that of their labels. All but start times carry their time of
measurement in milliseconds.
"""

from __future__ import annotations

from simcluster.kubelets import prometheus_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster import stats

_SWAP = "Reported only on non-windows systems"
_CONTAINER_CPU = prometheus_text.head(
    "container_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
)
_CONTAINER_MEMORY = prometheus_text.head(
    "container_memory_working_set_bytes",
    "gauge",
    "[STABLE] Current working set of the container in bytes",
)
_CONTAINER_START = prometheus_text.head(
    "container_start_time_seconds",
    "gauge",
    "[STABLE] Start time of the container since unix epoch in seconds",
)
_CONTAINER_SWAP_LIMIT = prometheus_text.head(
    "container_swap_limit_bytes",
    "gauge",
    f"[ALPHA] Current amount of the container swap limit in bytes. {_SWAP}",
)
_CONTAINER_SWAP = prometheus_text.head(
    "container_swap_usage_bytes",
    "gauge",
    f"[ALPHA] Current amount of the container swap usage in bytes. {_SWAP}",
)
_NODE_CPU = prometheus_text.head(
    "node_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
)
_NODE_MEMORY = prometheus_text.head(
    "node_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the node in bytes"
)
_NODE_SWAP = prometheus_text.head(
    "node_swap_usage_bytes", "gauge", f"[ALPHA] Current swap usage of the node in bytes. {_SWAP}"
)
_POD_CPU = prometheus_text.head(
    "pod_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
)
_POD_MEMORY = prometheus_text.head(
    "pod_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the pod in bytes"
)
_POD_SWAP = prometheus_text.head(
    "pod_swap_usage_bytes", "gauge", f"[ALPHA] Current amount of the pod swap usage in bytes. {_SWAP}"
)
_ERROR = prometheus_text.head(
    "resource_scrape_error",
    "gauge",
    "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
)

FAILED = f"{_ERROR}resource_scrape_error 1\n".encode()
"""All that a kubelet says when it cannot ask its container runtime."""


def render(node: stats.NodeStats, *, counting: bool = True) -> bytes:
    """The whole text. Without `counting` the CPU and memory of pods and containers are 0."""
    number = prometheus_text.number
    scale = 1 if counting else 0
    pods = sorted(node.pods, key=lambda pod: (pod.namespace, pod.name))
    containers = sorted(
        ((each.name, pod.namespace, pod.name, each) for pod in pods for each in pod.containers),
        key=lambda row: row[:3],
    )
    cpu, memory, start, swap_limit, swap = [], [], [], [], []
    for name, namespace, pod_name, each in containers:
        labels = f'{{container="{name}",namespace="{namespace}",pod="{pod_name}"}}'
        when = each.timestamp
        seconds = number(each.cpu_nanoseconds * scale / 1e9)
        cpu.append(f"container_cpu_usage_seconds_total{labels} {seconds} {when}\n")
        size = number(each.memory_kibibytes * 1024 * scale)
        memory.append(f"container_memory_working_set_bytes{labels} {size} {when}\n")
        start.append(f"container_start_time_seconds{labels} {number(each.started)}\n")
        swap_limit.append(f"container_swap_limit_bytes{labels} 0 {when}\n")
        swap.append(f"container_swap_usage_bytes{labels} 0 {when}\n")
    lines = []
    for head, family in (
        (_CONTAINER_CPU, cpu),
        (_CONTAINER_MEMORY, memory),
        (_CONTAINER_START, start),
        (_CONTAINER_SWAP_LIMIT, swap_limit),
        (_CONTAINER_SWAP, swap),
    ):
        if family:
            lines.append(head)
            lines.extend(family)
    when = node.timestamp
    lines += (
        f"{_NODE_CPU}node_cpu_usage_seconds_total {number(node.cpu_nanoseconds / 1e9)} {when}\n",
        f"{_NODE_MEMORY}node_memory_working_set_bytes {number(node.memory_kibibytes * 1024)} {when}\n",
        f"{_NODE_SWAP}node_swap_usage_bytes 0 {when}\n",
    )
    lines += _pods(pods, scale=scale)
    lines.append(f"{_ERROR}resource_scrape_error 0\n")
    return "".join(lines).encode()


def _pods(pods: list[stats.PodStats], *, scale: int) -> list[str]:
    if not pods:
        return []
    cpu, memory, swap = [_POD_CPU], [_POD_MEMORY], [_POD_SWAP]
    for pod in pods:
        labels = f'{{namespace="{pod.namespace}",pod="{pod.name}"}}'
        seconds = prometheus_text.number(pod.cpu_nanoseconds * scale / 1e9)
        cpu.append(f"pod_cpu_usage_seconds_total{labels} {seconds} {pod.timestamp}\n")
        size = prometheus_text.number(pod.memory_kibibytes * 1024 * scale)
        memory.append(f"pod_memory_working_set_bytes{labels} {size} {pod.timestamp}\n")
        swap.append(f"pod_swap_usage_bytes{labels} 0 {pod.timestamp}\n")
    return [*cpu, *memory, *swap]
