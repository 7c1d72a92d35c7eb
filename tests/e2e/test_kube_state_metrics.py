"""The same samples as the real kube-state-metrics, of the same objects, on a control plane with controllers.

Both follow the cluster at the same time. What they say is compared sample by sample, once the cluster is
quiet: every series of the families that kubevitals has, with its labels and its value, no more and no less.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client import parser
from tests.e2e import product, provision

from kubevitals.surfaces.exposition import kube_state_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e import controlplane

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

OURS = frozenset(family.name for family in kube_state_metrics.FAMILIES)
SECONDS = 60.0

OBJECTS = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: most, namespace: default}
spec: {hard: {pods: "500", requests.cpu: "1500m", limits.memory: 200Gi, count/secrets: "9"}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      initContainers:
      - {name: proxy, image: "registry.example/proxy:1", restartPolicy: Always}
      containers:
      - name: app
        image: registry.example/app:1
        resources:
          requests: {cpu: 50m, memory: 64Mi, ephemeral-storage: 1Gi}
          limits: {cpu: "1", memory: 1.5Gi}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 7
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 2
  serviceName: db
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      automountServiceAccountToken: false
      containers: [{name: db, image: "registry.example/db:1"}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      automountServiceAccountToken: false
      hostNetwork: true
      priorityClassName: system-node-critical
      containers: [{name: agent, image: "registry.example/agent:1"}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {note: "a \\"quoted\\" one"}}
    spec:
      automountServiceAccountToken: false
      restartPolicy: Never
      containers: [{name: once, image: "registry.example/once:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: too-large, namespace: default}
spec:
  automountServiceAccountToken: false
  containers:
  - name: app
    image: registry.example/app:1
    resources: {requests: {cpu: 1200m}, limits: {cpu: 1k, memory: 1Gi}}
  - {name: done, image: "registry.example/done:1"}
  nodeSelector: {there: is-none}
"""

# A kubelet's words that kwok never says. A pod without a node is nobody's: its status stays as it is written.
TROUBLED = {
    "phase": "Pending",
    "reason": "Evicted",
    "qosClass": "Burstable",
    "hostIP": "10.0.0.1",
    "podIP": "10.1.0.1",
    "startTime": "2026-06-01T12:00:00Z",
    "containerStatuses": [
        {
            "name": "app",
            "image": 'registry.example/app:1 "quoted" \\ back\nline',
            "imageID": "sha256:1",
            "ready": False,
            "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {
                "terminated": {
                    "exitCode": 137,
                    "reason": "OOMKilled",
                    "startedAt": "2026-06-01T12:00:00Z",
                    "finishedAt": "2026-06-01T12:30:00Z",
                }
            },
        },
        {
            "name": "done",
            "image": "registry.example/done:1",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": 1, "reason": "Error"}},
        },
    ],
}


@pytest.fixture(scope="module")
def quiet_cluster(controller_tools: None) -> Iterator[controlplane.ControlPlane]:
    """A cluster of workloads of every kind that come to rest."""
    from tests.e2e import controlplane

    provision.provide("kube-state-metrics")
    with controlplane.ControlPlane(controllers=True) as running:
        running.add_nodes(4, labels={"topology.kubernetes.io/zone": 'z"1"'.replace('"', "")})
        running.add_namespace("shop")
        running.kubectl("taint", "node", "node-1", "dedicated=db:PreferNoSchedule")
        running.kubectl("cordon", "node-2")
        running.apply(OBJECTS)
        running.add_pods(40)
        patch = json.dumps({"status": TROUBLED})
        done = running.kubectl("patch", "pod", "too-large", "--subresource=status", "-p", patch)
        assert done.returncode == 0, done.stderr
        yield running


@contextlib.contextmanager
def real(cluster: controlplane.ControlPlane) -> Iterator[int]:
    """The real kube-state-metrics on that cluster; its port."""
    port, telemetry = cluster.reserve_port(), cluster.reserve_port()
    server = cluster.add_server(
        "kube-state-metrics",
        f"--kubeconfig={cluster.kubeconfig}",
        "--host=127.0.0.1",
        f"--port={port}",
        "--telemetry-host=127.0.0.1",
        f"--telemetry-port={telemetry}",
    )
    server.start()
    try:
        server.wait_until(lambda: _answers(port))
        yield port
    finally:
        server.kill()


@contextlib.contextmanager
def ours(cluster: controlplane.ControlPlane, home: Path) -> Iterator[int]:
    """`kubevitals export` with these families alone; its port."""
    import subprocess

    environ = product.environ(home=home, kubeconfig=cluster.kubeconfig)
    options = ("--port", "0", "--compat", "kube-state-metrics", "--compat-only")
    process = subprocess.Popen(
        [*product.PROGRAM, "export", *options], env=environ, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        found = re.search(r":(\d+)/metrics", process.stderr.readline())
        assert found
        yield int(found[1])
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


def _get(port: int) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ConnectionError(answer.status)
        return body.decode()


def _answers(port: int) -> bool:
    try:
        return "kube_pod_info{" in _get(port)
    except (OSError, http.client.HTTPException):
        return False


def read(port: int) -> Series:
    """Every series of the families that are compared."""
    series: Series = {}
    for family in parser.text_string_to_metric_families(_get(port)):
        for sample in family.samples:
            if sample.name in OURS:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in series, key
                series[key] = sample.value
    return series


def wait_until_same(
    one: Callable[[], Series], other: Callable[[], Series], *, of: frozenset[str] = frozenset()
) -> tuple[Series, Series]:
    """The series of both once they agree and have these families, or as they are when the time is over."""
    deadline = time.monotonic() + SECONDS
    while True:
        expected, found = one(), other()
        whole = {name for name, _ in expected} >= of
        if (whole and expected == found) or time.monotonic() > deadline:
            return expected, found
        time.sleep(1)


def test_every_sample_is_the_one_of_the_real_kube_state_metrics(
    quiet_cluster: controlplane.ControlPlane, tmp_path: Path
) -> None:
    """Names, labels and values are the same, sample by sample, before and after objects come and go."""
    with real(quiet_cluster) as theirs, ours(quiet_cluster, tmp_path) as own:
        expected, found = wait_until_same(lambda: read(theirs), lambda: read(own), of=OURS)
        assert {name for name, _ in expected} == OURS
        assert _difference(expected, found) == ([], [], [])

        quiet_cluster.kubectl("delete", "job", "once", "-n", "shop")
        quiet_cluster.kubectl("scale", "deployment", "web", "-n", "shop", "--replicas=5")
        quiet_cluster.kubectl("uncordon", "node-2")
        quiet_cluster.kubectl("delete", "pod", "pod-0", "--now")
        expected, found = wait_until_same(lambda: read(theirs), lambda: read(own))
        assert _difference(expected, found) == ([], [], [])
        assert not [labels for name, labels in found if ("pod", "pod-0") in labels]


def _difference(expected: Series, found: Series) -> tuple[list[str], list[str], list[str]]:
    """What is missing, what is too much, and what has another value."""
    return (
        sorted(map(str, expected.keys() - found.keys()))[:10],
        sorted(map(str, found.keys() - expected.keys()))[:10],
        [
            f"{key}: {expected[key]} there, {found[key]} here"
            for key in expected.keys() & found.keys()
            if expected[key] != found[key]
        ][:10],
    )
