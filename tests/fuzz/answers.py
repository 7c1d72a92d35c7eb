"""Targets: what API servers, kubelets and databases answer."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from tests import kubelets, recordings
from tests.fuzz import runner

from kubevitals import errors
from kubevitals.kube import codec, statuserrors
from kubevitals.kube.http import head as heads
from kubevitals.promql import results
from kubevitals.sources import metricslists
from kubevitals.sources.kubelet import cadvisor, resource, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DECODING = (errors.DecodingError,)
_LONGEST = 20_000  # bytes of a recorded answer that is altered
_JSON = (
    b"null",
    b"{}",
    b"[]",
    b'"1e999"',
    b'""',
    b"-1",
    b"1e999",
    b'"100m"',
    b"[[]]",
    b'{"a":1}',
    b"\\ud800",
)


@functools.cache
def _recorded(*kinds: str) -> Sequence[bytes]:
    """Short recorded answers of these kinds."""
    found = [
        each.content
        for version in recordings.versions()
        for each in recordings.load(version).values()
        if isinstance(each.body, dict) and each.body.get("kind") in kinds and len(each.content) <= _LONGEST
    ]
    assert found, kinds
    return found[:8]


def _metrics(read: Callable[[bytes, list[Any]], Any]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        problems: list[Any] = []
        list(read(data, problems))

    return run


_MATRIX: dict[str, Any] = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [{"metric": {"node": "a", "pod": "b"}, "value": [1.7e9, "0.25"]}],
    },
    "warnings": ["a"],
}
_SUMMARY: dict[str, Any] = {
    "node": {"nodeName": "n", "cpu": {"time": "2026-03-01T12:00:00Z", "usageCoreNanoSeconds": 5}},
    "pods": [
        {
            "podRef": {"name": "p", "namespace": "s", "uid": "u"},
            "containers": [{"name": "c", "memory": {"time": "2026-03-01T12:00:00Z", "workingSetBytes": 7}}],
            "network": {"time": "2026-03-01T12:00:00Z", "rxBytes": 1, "interfaces": [{"name": "eth0"}]},
        }
    ],
}
_CADVISOR = (
    b"# TYPE container_cpu_cfs_throttled_periods_total counter\n"
    b'container_cpu_cfs_throttled_periods_total{container="c",namespace="s",pod="p"} 5 1760000000000\n'
    b'container_cpu_cfs_periods_total{container="c",namespace="s",pod="p"} 9 1760000000000\n'
)
_HEAD = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\nwarning: 299 - "a"\r\n'
_EXPOSITION = (b"{", b"}", b'="', b"# TYPE ", b"# EOF", b"NaN", b"+Inf", b"\\n", b" 1e400")

TARGETS = (
    runner.Target(
        "pod-metrics",
        lambda: _recorded("PodMetricsList"),
        _metrics(metricslists.decode_pods),
        _DECODING,
        _JSON,
    ),
    runner.Target(
        "node-metrics",
        lambda: _recorded("NodeMetricsList"),
        _metrics(metricslists.decode_nodes),
        _DECODING,
        _JSON,
    ),
    runner.Target("pod-lists", lambda: _recorded("PodList"), codec.PODS.decode_list, _DECODING, _JSON),
    runner.Target("node-lists", lambda: _recorded("NodeList"), codec.NODES.decode_list, _DECODING, _JSON),
    runner.Target(
        "pod-events",
        lambda: [b'{"type":"ADDED","object":%b}' % each for each in _recorded("Pod")],
        codec.PODS.open_decoder(),
        _DECODING,
        _JSON,
    ),
    runner.Target("failures", lambda: _recorded("Status"), statuserrors.parse_status, _DECODING, _JSON),
    runner.Target(
        "http-heads", lambda: [_HEAD], heads.parse_head, _DECODING, (b": ", b"HTTP/1.0", b"chunked", b"gzip")
    ),
    runner.Target(
        "kubelet-resource",
        lambda: [kubelets.text().encode()],
        lambda data: resource.parse(data, received=1.76e9),
        _DECODING,
        _EXPOSITION,
    ),
    runner.Target(
        "kubelet-cadvisor",
        lambda: [_CADVISOR],
        lambda data: cadvisor.parse(data, received=1.76e9),
        _DECODING,
        _EXPOSITION,
    ),
    runner.Target(
        "kubelet-summary",
        lambda: [json.dumps(_SUMMARY).encode()],
        lambda data: summary.parse(data, node="n"),
        _DECODING,
        _JSON,
    ),
    runner.Target(
        "promql-results",
        lambda: [json.dumps(_MATRIX).encode()],
        lambda data: results.decode(data, dict[str, str]),
        (errors.PrometheusError,),
        (*_JSON, b'"matrix"', b'"scalar"', b'"values"'),
    ),
)
