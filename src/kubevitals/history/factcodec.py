"""Facts as bytes, and back: what a record says besides its usage. Pure.

JSON of the fields that are known, by name, so that older and newer versions of this program read each
other's: a field that one does not know is left out, one that is missing is unknown. A container says only
where it differs from its pod. zlib with a prepared dictionary makes about 200 bytes of a pod.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import errors, model

if TYPE_CHECKING:
    from collections.abc import Mapping

# Stored bodies need it to be read: it never changes. Another one would be another first byte.
_DICTIONARY = (
    b'"last_termination_reason":"OOMKilled","last_termination_exit_code":137,"last_termination_at":"2026-'
    b'"phase":"Pending","status":"CrashLoopBackOff","reason":"ContainersNotReady","ready":false,'
    b'"workload_kind":"DaemonSet","workload_kind":"StatefulSet","workload_kind":"CronJob","qos":"Guaranteed",'
    b'"qos":"BestEffort","problem":"not_running","problem":"no_sample","problem":"starting",'
    b'"unschedulable":false,"conditions":[["MemoryPressure","False","KubeletHasSufficientMemory",'
    b'"kubelet has sufficient memory available","2026-01-01T00:00:00+00:00"],["DiskPressure","False",'
    b'"KubeletHasNoDiskPressure","kubelet has no disk pressure",["PIDPressure","False",'
    b'"KubeletHasSufficientPID","kubelet has sufficient PID available",["Ready","True","KubeletReady",'
    b'"kubelet is posting ready status","taints":[],"roles":["control-plane"],"pods":10,'
    b'"pods_allocatable":110,'
    b'"cpu_allocatable_cores":4.0,"cpu_capacity_cores":4.0,"memory_allocatable_bytes":16,'
    b'"memory_capacity_bytes":16,"labels":{"kubernetes.io/hostname":"node-1","topology.kubernetes.io/zone":"a",'
    b'"app.kubernetes.io/name":"web","app.kubernetes.io/instance":"web","pod-template-hash":"5d4f8c7b9",'
    b'"app":"web"},"cpu_limit_cores":1.0,"memory_request_bytes":134217728,"memory_limit_bytes":268435456,'
    b'"namespace":"default","name":"app","uid":"0","node":"node-1","ip":"10.244.0.1","app":"web",'
    b'"workload_kind":"Deployment","workload_name":"web","phase":"Running","status":"Running","ready":true,'
    b'"containers_ready":1,"containers_total":1,"restarts":0,"qos":"Burstable",'
    b'"created_at":"2026-01-01T00:00:00+00:00","cpu_request_cores":0.1,"measured":true,"window":15.0,'
    b'"containers":[{"name":"app","pod":"web-'
)
_MEASURED = frozenset(
    {
        "timestamp",
        "window_seconds",
        "age_seconds",
        "stale",
        "cpu_usage_cores",
        "memory_usage_bytes",
        "detail",
    }
)
_TIMES = ("created_at", "last_termination_at", "deletion_at")
_SHARED = tuple(field for field in model.Container._fields if field in model.Pod._fields)
GONE = b""  # the object is no more


class Cluster(NamedTuple):
    """The facts of the whole cluster at a tick: who answered, and what was wrong."""

    source: str
    problems: tuple[model.Problem, ...]


def encode_pod(pod: model.Pod) -> bytes:
    """Return a pod's facts, and its containers'."""
    told = _facts_of(pod)
    told["labels"] = dict(pod.labels)
    told.pop("containers", None)
    told["containers"] = [_differences(container, pod) for container in pod.containers]
    return _pack(told)


def encode_node(node: model.Node) -> bytes:
    """Return a node's facts."""
    told = _facts_of(node)
    told["labels"] = dict(node.labels)
    told["conditions"] = [
        [*condition[:4], _text_of(condition.last_transition_at)] for condition in node.conditions
    ]
    return _pack(told)


def encode_cluster(cluster: Cluster) -> bytes:
    """Return the facts of a cluster."""
    return _pack({"source": cluster.source, "problems": [list(problem[:4]) for problem in cluster.problems]})


def decode_pod(body: bytes) -> model.Pod:
    """Return the pod without usage. Where one was measured the timestamp is set, to its creation.

    Raises:
        errors.HistoryError: the bytes are damaged.
    """
    told = _unpack(body)
    parts = told.pop("containers", [])
    pod = model.Pod(**_known(told, model.Pod))
    told = {field: getattr(pod, field) for field in _SHARED}
    del told["name"]
    containers = []
    for part in parts:
        fields = {
            **told,
            "pod": pod.name,
            "timestamp": None,
            "problem": None,
            **_known(part, model.Container),
        }
        containers.append(model.Container(**fields))
    return pod._replace(containers=tuple(containers))


def decode_node(body: bytes) -> model.Node:
    """Return the node without usage. Where one was measured the timestamp is set, to its creation.

    Raises:
        errors.HistoryError: the bytes are damaged.
    """
    known = _known(_unpack(body), model.Node)
    for name in ("roles", "addresses"):
        known[name] = tuple(known.get(name, ()))
    known["conditions"] = tuple(
        model.Condition(each[0], each[1], each[2], each[3], _time_of(each[4]))
        for each in known.get("conditions", ())
    )
    known["taints"] = tuple(model.Taint(*each) for each in known.get("taints", ()))
    return model.Node(**known)


def decode_cluster(body: bytes) -> Cluster:
    """Return the facts of a cluster.

    Raises:
        errors.HistoryError: the bytes are damaged.
    """
    told = _unpack(body)
    return Cluster(told["source"], tuple(model.Problem(*each) for each in told["problems"]))


def _facts_of(record: model.Node | model.Pod | model.Container) -> dict[str, Any]:
    told = {
        field: value
        for field, value in record._asdict().items()
        if value is not None and field not in _MEASURED
    }
    for field in _TIMES:
        if field in told:
            told[field] = _text_of(told[field])
    if record.timestamp is not None:
        told["measured"] = True
        told["window"] = record.window_seconds
    return told


def _differences(container: model.Container, pod: model.Pod) -> dict[str, Any]:
    told = _facts_of(container)
    told.pop("pod", None)
    for field in _SHARED:
        if field in _MEASURED or field in ("name", "problem"):
            continue
        here, there = getattr(container, field), getattr(pod, field)
        if here == there:
            told.pop(field, None)
        elif here is None:
            told[field] = None
    return told


def _known(told: Mapping[str, Any], record: type[Any]) -> dict[str, Any]:
    """Return the fields that the record has."""
    known = {field: value for field, value in told.items() if field in record._fields}
    for field in _TIMES:
        if known.get(field) is not None:
            known[field] = _time_of(known[field])
    if told.get("measured"):
        known["timestamp"] = MEASURED
        known["window_seconds"] = told.get("window")
    return known


MEASURED = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""Stands for the time of a sample that is to be filled in."""


def _text_of(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _pack(told: Mapping[str, Any]) -> bytes:
    packer = zlib.compressobj(6, zdict=_DICTIONARY)
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return packer.compress(text) + packer.flush()


def _unpack(body: bytes) -> dict[str, Any]:
    try:
        data = zlib.decompressobj(zdict=_DICTIONARY).decompress(body)
        told = json.loads(data.decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError) as error:
        raise errors.HistoryError("a stored fact is damaged") from error
    if not isinstance(told, dict):
        raise errors.HistoryError("a stored fact is damaged")
    return told
