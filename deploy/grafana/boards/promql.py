"""The keys of the service's rows in PromQL, over the families of docs/metrics.md. Pure.

An expression yields one series a row, with the labels of `LABELS`. What is text in a row becomes a label of
the key's name.
"""

from __future__ import annotations

from deploy.grafana.boards.words import Ask

LABELS = {
    "vitals": (),
    "clusters": ("cluster",),
    "nodes": ("node",),
    "pods": ("namespace", "pod", "node"),
    "containers": ("namespace", "pod", "container"),
    "namespaces": ("namespace",),
    "workloads": ("namespace", "workload_kind", "workload"),
    "problems": ("severity", "code", "kind", "namespace", "name"),
}
_OBJECT = {"nodes": "node", "containers": "container"}  # all others are told by their pods
_RENAMED = {
    "nodes": "node",
    "pods": "pod",
    "containers": "container",
    "namespaces": "namespace",
    "workloads": "workload",
}
GROWN = {"restarts_grown": "restarts_total", "oom_grown": "oom_events"}  # how much more in each step
_WARNING, _CRITICAL = 0.85, 0.95  # of a limit, or of what a node has
_MEMORY = "kubevitals_container_memory"
_SHARES_OF_TIME = ("_of_time", "_of_periods")  # families of their own, of what kubelets tell in detail
_ENDED = 'phase!~"Succeeded|Failed"'
_ON_POD = "on (cluster, namespace, pod)"


def label_of(of: str, key: str) -> str | None:
    """Return the label that holds a key of the rows, None where none does."""
    label = _RENAMED.get(of) if key == "name" and of != "problems" else key
    return label if label in LABELS[of] else None


def selector(ask: Ask, *more: str) -> str:
    """Return the braces that choose the cluster and what the board's variables say."""
    conditions = [] if ask.of == "clusters" else ['cluster="$cluster"']
    for parameter, variable in ask.where:
        label = _RENAMED.get(ask.of, parameter) if parameter == "name" else parameter
        conditions.append(f'{label}=~"${variable}"')
    if ask.of == "workloads":
        conditions.append('workload!=""')  # a pod of its own is shown among the pods
    return "{" + ", ".join((*conditions, *more)) + "}"


def expression(ask: Ask, key: str) -> str | None:
    """Return the PromQL of a key of the rows; None where the metrics do not tell it."""
    found = _whole(ask, key)
    if found is None or not ask.limit:
        return found
    largest = _whole(ask, ask.largest)
    if key == ask.largest:
        return f"topk({ask.limit}, {found})"
    return f"({found}) and on ({', '.join(LABELS[ask.of])}) topk({ask.limit}, {largest})"


def _whole(ask: Ask, key: str) -> str | None:
    if ask.of in ("vitals", "clusters"):
        return _vital(ask, key)
    if ask.of == "problems":
        return _problems(ask)
    if key in ("status", "problem", "last_termination_reason"):
        return _text(ask, key)
    if "_of_" in key and not key.endswith(_SHARES_OF_TIME):
        return _ratio(ask, *_parts(key))
    return _sum(ask, key)


def _parts(key: str) -> tuple[str, str]:
    """Return part and whole of a ratio: cpu_request_of_allocatable is of requests and of allocatable."""
    left, whole = key.split("_of_")
    resource, _, part = left.partition("_")
    unit = "cores" if resource == "cpu" else "bytes"
    return f"{resource}_{part or 'usage'}_{unit}", f"{resource}_{whole}_{unit}"


def _family(ask: Ask, key: str) -> str:
    return f"kubevitals_{_OBJECT.get(ask.of, 'pod')}_{key}{selector(ask)}"


def _by(ask: Ask) -> str:
    labels = LABELS[ask.of]
    return f"sum by ({', '.join(labels)})" if labels else "sum"


def _ratio(ask: Ask, part: str, whole: str) -> str:
    """Return a share over what is known in both, as the service counts it."""
    above, below = _family(ask, part), _family(ask, whole)
    return f"{_by(ask)} ({above} and {below}) / {_by(ask)} ({below} and {above})"


def _sum(ask: Ask, key: str) -> str | None:
    by = _by(ask)
    live = f"kubevitals_pod_phase{selector(ask, _ENDED)}"
    if key == "restarts":
        restarts = f"kubevitals_container_restarts_total{selector(ask)}"
        total = ask.of in ("namespaces", "workloads")
        return f"{by} ({restarts} and {_ON_POD} {live})" if total else f"{by} ({restarts})"
    if key in GROWN:
        return f"{by} (increase(kubevitals_container_{GROWN[key]}{selector(ask)}[$__rate_interval]))"
    if key == "age_seconds":
        return f"{by.replace('sum', 'max', 1)} ({_family(ask, 'sample_age_seconds')})"
    if ask.of == "nodes" or key not in ("pods", "pods_without_usage"):
        return f"{by} ({_family(ask, key)})"
    counted = f"{by.replace('sum', 'count', 1)} ({live})"
    if key == "pods":
        return counted
    known = f"{by.replace('sum', 'count', 1)} ({live} and {_ON_POD} {_family(ask, 'cpu_usage_cores')})"
    return f"{counted} - ({known} or {counted} * 0)"


def _text(ask: Ask, key: str) -> str | None:
    labels = ", ".join((*LABELS[ask.of], key))
    if key == "status" and ask.of == "pods":
        reason, phase = _family(ask, "reason"), _family(ask, "phase")
        found = f"{_named(reason, key, 'reason')} or {_ON_POD} {_named(phase, key, 'phase')}"
    elif key == "status":
        ready = _family(ask, "ready")
        found = f'label_replace({ready} == 1, "{key}", "Ready", "", "") or '
        found += f'label_replace({ready} == 0, "{key}", "NotReady", "", "")'
    elif key == "problem":
        found = _family(ask, key)
    else:
        found = _named(_family(ask, key), key, "reason")
    return f"sum by ({labels}) ({found})"


def _named(found: str, key: str, label: str) -> str:
    return f'label_replace({found}, "{key}", "$1", "{label}", "(.*)")'


def _constant(found: str, **labels: str) -> str:
    for label, value in labels.items():
        found = f'label_replace({found}, "{label}", "{value}", "", "")'
    return found


def _vital(ask: Ask, key: str) -> str | None:
    """Return the PromQL of a key of one cluster; of all of them for "clusters", a series each."""
    by = " by (cluster)" if ask.of == "clusters" else ""
    zero = f" or sum{by} (kubevitals_ready{selector(ask)}) * 0"
    if "_of_" in key:
        nodes = _ratio(Ask("clusters" if by else "nodes"), *_parts(key))
        return nodes.replace("kubevitals_pod_", "kubevitals_node_").replace(" by (node)", "")
    chosen = selector(ask)
    ready, objects = f"kubevitals_node_ready{chosen}", f"kubevitals_objects%s{selector(ask, 'kind=%s')}"

    def count(found: str) -> str:
        return f"(count{by} ({found}){zero})"

    def phase(word: str) -> str:
        return count("kubevitals_pod_phase" + selector(ask, f'phase="{word}"'))

    near = (
        f"kubevitals_container_memory_usage_bytes{chosen} / kubevitals_container_memory_limit_bytes{chosen}"
    )
    full = f"kubevitals_node_memory_usage_bytes{chosen} / kubevitals_node_memory_allocatable_bytes{chosen}"
    source = "sum by (cluster, source)" if by else "sum by (source)"
    known = {
        "source": f"{source} (kubevitals_source_up{chosen})",
        "generated_at": f"max{by} (kubevitals_snapshot_timestamp_seconds{chosen}) * 1000",
        "cluster": f"sum by (cluster) (kubevitals_ready{chosen})",
        "nodes_ready": count(f"{ready} == 1"),
        "nodes_not_ready": count(f"{ready} == 0"),
        "pods_running": phase("Running"),
        "pods_pending": phase("Pending"),
        "pods_failed": phase("Failed"),
        "nodes": f"sum{by} (" + objects % ("", '"nodes"') + ")",
        "nodes_with_usage": f"sum{by} (" + objects % ("_with_usage", '"nodes"') + ")",
        "pods_live": f"sum{by} (" + objects % ("", '"pods"') + ")",
        "pods_with_usage": f"sum{by} (" + objects % ("_with_usage", '"pods"') + ")",
        "problems_critical": " + ".join(
            (
                count(f"kubevitals_pod_reason{chosen}"),
                count(f"{ready} == 0"),
                f"(sum{by} (kubevitals_snapshot_problems{chosen}){zero})",
                count(f"{near} > {_CRITICAL}"),
                count(f"{full} > {_CRITICAL}"),
            )
        ),
        "problems_warning": " + ".join(
            (count(f"{near} > {_WARNING} <= {_CRITICAL}"), count(f"{full} > {_WARNING} <= {_CRITICAL}"))
        ),
    }
    return known.get(key)


def _problems(ask: Ask) -> str:
    """Return one series a problem, with severity, code, kind, namespace and name as labels."""
    chosen, cluster = selector(ask), selector(Ask("problems"))
    reasons = _named(_named(f"kubevitals_pod_reason{chosen}", "name", "pod"), "code", "reason")
    near = f"{_MEMORY}_usage_bytes{chosen} / {_MEMORY}_limit_bytes{chosen}"
    soon = _named(f"{near} > {_WARNING} <= {_CRITICAL}", "name", "pod")
    now = _named(f"{near} > {_CRITICAL}", "name", "pod")
    lost = _named(f"kubevitals_node_ready{cluster} == 0", "name", "node")
    unread = f"kubevitals_snapshot_problems{cluster} > 0"
    found = [
        _constant(reasons, severity="critical", kind="Pod"),
        _constant(now, severity="critical", kind="Pod", code="MemoryNearLimit"),
        _constant(soon, severity="warning", kind="Pod", code="MemoryNearLimit"),
    ]
    if not ask.where:
        found += [
            _constant(lost, severity="critical", kind="Node", code="NotReady"),
            _constant(unread, severity="critical", kind="Snapshot"),
        ]
    return f"sum by ({', '.join(LABELS['problems'])}) ({' or '.join(found)})"
