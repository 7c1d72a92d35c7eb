"""From the wire to the model: pods and nodes as an API server writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kubevitals import errors, model
from kubevitals.kube import codec

Json = dict[str, Any]
HASH = "7d9c6b8f5"

POD: Json = {
    "metadata": {
        "name": f"web-{HASH}-abcde",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "creationTimestamp": "2026-07-30T09:00:00Z",
        "labels": {"app": "web", "pod-template-hash": HASH, "tier": "front"},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"web-{HASH}",
                "uid": "r",
                "controller": True,
            }
        ],
        "managedFields": [{"manager": "x", "fieldsV1": {"f:metadata": {}}}],
    },
    "spec": {
        "nodeName": "node-1",
        "containers": [
            {
                "name": "app",
                "image": "web:1",
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi", "nvidia.com/gpu": "1"},
                    "limits": {"cpu": "1", "memory": "256Mi"},
                },
            }
        ],
        "initContainers": [
            {"name": "setup", "resources": {"requests": {"cpu": "500m"}}},
            {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
        ],
        "tolerations": [{"operator": "Exists"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.7",
        "qosClass": "Burstable",
        "conditions": [{"type": "Ready", "status": "True", "message": "long"}],
        "containerStatuses": [
            {
                "name": "app",
                "ready": True,
                "restartCount": 3,
                "state": {"running": {"startedAt": "2026-07-30T09:30:00Z"}},
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "reason": "OOMKilled",
                        "finishedAt": "2026-07-30T09:29:58Z",
                    }
                },
            }
        ],
        "initContainerStatuses": [
            {"name": "setup", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
            {"name": "proxy", "ready": True, "started": True, "restartCount": 1, "state": {"running": {}}},
        ],
    },
}
NODE: Json = {
    "metadata": {
        "name": "control-1",
        "creationTimestamp": "2026-07-01T00:00:00Z",
        "labels": {
            "node-role.kubernetes.io/control-plane": "",
            "kubernetes.io/role": "master",
            "node-role.kubernetes.io/": "",
        },
    },
    "spec": {
        "unschedulable": True,
        "providerID": "aws:///eu-1a/i-0abc",
        "taints": [
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
            {"key": "team", "value": "red", "effect": "NoExecute"},
        ],
    },
    "status": {
        "capacity": {"cpu": "4", "memory": "16393244Ki", "pods": "110"},
        "allocatable": {"cpu": "3920m", "memory": "14657564Ki", "pods": "110"},
        "addresses": [
            {"type": "Hostname", "address": "control-1"},
            {"type": "InternalIP", "address": "10.1.0.4"},
        ],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastTransitionTime": "2026-07-01T00:01:00Z",
            }
        ],
    },
}


def changed(base: Json, **parts: Json) -> Json:
    made: Json = json.loads(json.dumps(base))
    for part, fields in parts.items():
        made[part] = {**made[part], **fields}
    return made


def body(kind: str, *items: Json) -> bytes:
    return json.dumps({"kind": kind, "metadata": {"resourceVersion": "9"}, "items": list(items)}).encode()


def read_pod(pod: Json) -> model.Pod:
    page = codec.PODS.decode_list(body("PodList", pod))
    assert list(page.problems) == []
    return page.items[0]


def read_node(node: Json) -> model.Node:
    page = codec.NODES.decode_list(body("NodeList", node))
    assert list(page.problems) == []
    return page.items[0]


def test_a_pod() -> None:
    """A pod's record has its place, health, owner, requests and history; its usage is unknown."""
    pod = read_pod(POD)
    assert (pod.namespace, pod.name, pod.uid, pod.node) == ("shop", f"web-{HASH}-abcde", "u-1", "node-1")
    assert (pod.ip, pod.app, pod.qos, pod.phase) == ("10.0.0.7", "web", "Burstable", "Running")
    assert (pod.status, pod.reason, pod.ready) == ("Running", None, True)
    assert (pod.containers_ready, pod.containers_total, pod.restarts) == (2, 2, 4)
    assert (pod.workload_kind, pod.workload_name) == ("Deployment", "web")
    assert pod.created_at == datetime(2026, 7, 30, 9, tzinfo=UTC)
    assert pod.labels["tier"] == "front"
    assert (pod.cpu_request_cores, pod.memory_request_bytes) == (0.5, 128 * 2**20)
    assert (pod.cpu_limit_cores, pod.memory_limit_bytes) == (None, None), "the sidecar has no limit"
    assert (pod.last_termination_reason, pod.last_termination_exit_code) == ("OOMKilled", 137)
    assert pod.last_termination_at == datetime(2026, 7, 30, 9, 29, 58, tzinfo=UTC)
    assert (pod.cpu_usage_cores, pod.memory_usage_bytes, pod.timestamp, pod.problem) == (
        None,
        None,
        None,
        None,
    )


def test_its_containers() -> None:
    """Containers and sidecars are rows with what is their own; init containers that end are none."""
    app, proxy = read_pod(POD).containers
    assert (app.name, app.pod, app.status, app.restarts, app.ready) == (
        "app",
        f"web-{HASH}-abcde",
        "Running",
        3,
        True,
    )
    assert (app.cpu_request_cores, app.cpu_limit_cores, app.memory_limit_bytes) == (0.1, 1.0, 256 * 2**20)
    assert (app.last_termination_reason, app.workload_name, app.node) == ("OOMKilled", "web", "node-1")
    assert (proxy.name, proxy.restarts, proxy.cpu_request_cores, proxy.cpu_limit_cores) == (
        "proxy",
        1,
        0.05,
        None,
    )


RUNS: Json = {"running": {"startedAt": "2026-07-30T09:00:00Z"}}


@pytest.mark.parametrize(
    ("state", "there"),
    [
        (RUNS, True),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, True),
        ({"waiting": {"reason": "ImagePullBackOff"}}, True),
        ({"terminated": {"exitCode": 1, "reason": "Error"}}, True),
        ({"waiting": {"reason": "PodInitializing"}}, False),
        ({"waiting": {}}, False),
        ({"terminated": {"exitCode": 0, "reason": "Completed"}}, False),
        (None, False),
    ],
)
def test_an_init_container_is_a_row_while_it_matters(state: Json | None, there: bool) -> None:
    """An init container is a row of its own while it runs or fails, and none before and after that."""
    pod = read_pod(
        {
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "setup"}]},
            "status": {"initContainerStatuses": [{"name": "setup", "state": state}]},
        }
    )
    assert [(each.name, each.type) for each in pod.containers] == [
        ("app", "container"),
        *([("setup", "init")] if there else []),
    ]


def test_an_ephemeral_container_is_a_row_while_it_runs() -> None:
    """A container of `kubectl debug` is a row with its type while it runs."""
    made: Json = {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {
            "containers": [{"name": "app"}],
            "ephemeralContainers": [{"name": "shell"}, {"name": "old"}],
        },
        "status": {
            "ephemeralContainerStatuses": [
                {"name": "shell", "state": RUNS},
                {"name": "old", "state": {"terminated": {"exitCode": 0}}},
            ]
        },
    }
    assert [(each.name, each.type) for each in read_pod(made).containers] == [
        ("app", "container"),
        ("shell", "ephemeral"),
    ]


def test_the_limit_in_force_is_the_rows() -> None:
    """A container that is resized in place has the limit of its status in its row, as its pod has."""
    status = {"name": "app", "resources": {"limits": {"cpu": "1", "memory": "512Mi"}}}
    made: Json = {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "1", "memory": "256Mi"}}}]},
        "status": {"containerStatuses": [status]},
    }
    pod = read_pod(made)
    assert pod.containers[0].memory_limit_bytes == pod.memory_limit_bytes == 512 * 2**20


def test_what_is_going_on_with_a_pod() -> None:
    """A pod says when its deletion is over, how far its resize is, and why its containers wait."""
    conditions = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": "long"}]
    waiting = {
        "reason": "ImagePullBackOff",
        "message": "https://bob:hunter2@reg.test/app:2\x1b[31m: not found",
    }
    pod = read_pod(
        {
            "metadata": {"name": "p", "namespace": "n", "deletionTimestamp": "2026-07-30T10:00:30Z"},
            "spec": {"containers": [{"name": "app"}]},
            "status": {
                "conditions": conditions,
                "containerStatuses": [{"name": "app", "state": {"waiting": waiting}}],
            },
        }
    )
    assert pod.deletion_at == datetime(2026, 7, 30, 10, 0, 30, tzinfo=UTC)
    assert pod.resize == "Infeasible"
    message = pod.containers[0].message or ""
    assert message.endswith("@reg.test/app:2: not found")
    assert "hunter2" not in message
    assert pod.to_dict()["deletion_at"] == "2026-07-30T10:00:30Z"


def test_the_words_of_a_program_are_not_kept() -> None:
    """What a container said as it ended is its own log: no row has it."""
    ended = {"exitCode": 1, "reason": "Error", "message": "password=hunter2"}
    pod = read_pod(
        {
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [{"name": "app"}]},
            "status": {"containerStatuses": [{"name": "app", "state": {"terminated": ended}}]},
        }
    )
    assert pod.containers[0].message is None


def test_a_bare_pod() -> None:
    """A pod of which hardly anything is known has None for it, and no zeros."""
    pod = read_pod({"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"name": "c"}]}})
    assert (pod.status, pod.ready, pod.node, pod.created_at, pod.app) == ("Unknown", None, None, None, None)
    assert (pod.workload_kind, pod.workload_name) == (None, None)
    assert (pod.cpu_request_cores, pod.memory_limit_bytes) == (None, None)
    (container,) = pod.containers
    assert (container.status, container.ready, container.restarts) == (None, None, None)


@pytest.mark.parametrize(
    ("labels", "app"),
    [
        ({"app": "a", "app.kubernetes.io/name": "b"}, "a"),
        ({"app.kubernetes.io/name": "b"}, "b"),
        ({"k8s-app": "c"}, None),
        (None, None),
    ],
)
def test_app(labels: dict[str, str] | None, app: str | None) -> None:
    """The app is the label app, else the recommended one."""
    assert read_pod(changed(POD, metadata={"labels": labels, "ownerReferences": None})).app == app


def owned(kind: str, name: str, *, controller: bool = True, labels: Json | None = None) -> tuple[Any, Any]:
    owner = {"kind": kind, "name": name, "controller": controller}
    pod = read_pod(changed(POD, metadata={"ownerReferences": [owner], "labels": labels or {}}))
    assert {(each.workload_kind, each.workload_name) for each in pod.containers} == {
        (pod.workload_kind, pod.workload_name)
    }
    return pod.workload_kind, pod.workload_name


def test_workloads() -> None:
    """What a pod itself tells of its owner chain is read from it."""
    template = {"pod-template-hash": HASH}
    assert owned("ReplicaSet", f"web-{HASH}", labels=template) == ("Deployment", "web")
    assert owned("ReplicaSet", f"my-web-{HASH}", labels=template) == ("Deployment", "my-web")
    assert owned("ReplicaSet", "by-hand") == ("ReplicaSet", "by-hand")
    assert owned("ReplicaSet", "other-123", labels=template) == ("ReplicaSet", "other-123")
    assert owned("StatefulSet", "db") == ("StatefulSet", "db")
    assert owned("Job", "night-1") == ("Job", "night-1")
    assert owned("Cluster", "custom") == ("Cluster", "custom")
    assert owned("ConfigMap", "mere-owner", controller=False) == (None, None)
    assert owned("Node", "node-1") == (None, None), "a static pod is a workload of its own"


@pytest.mark.parametrize(
    ("status", "shown", "reason"),
    [
        ({"phase": "Failed", "reason": "Evicted", "containerStatuses": None}, "Evicted", "Evicted"),
        (
            {
                "phase": "Pending",
                "containerStatuses": None,
                "initContainerStatuses": None,
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            },
            "Pending",
            "Unschedulable",
        ),
        (
            {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
            "CrashLoopBackOff",
            "CrashLoopBackOff",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": None,
                "initContainerStatuses": [
                    {"name": "setup", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
                ],
            },
            "Init:ImagePullBackOff",
            "ImagePullBackOff",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": None,
                "initContainerStatuses": [{"name": "setup", "state": {"running": {}}}],
            },
            "Init:0/2",
            None,
        ),
    ],
)
def test_reasons(status: Json, shown: str, reason: str | None) -> None:
    """Why a pod does not simply run is told by the word that is nearest to the cause."""
    pod = read_pod(changed(POD, status=status))
    assert (pod.status, pod.reason) == (shown, reason)


def test_the_last_end_of_several() -> None:
    """A pod's last termination is that of the container that ended last."""
    statuses = [
        {"name": "a", "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-07-30T09:00:00Z"}}},
        {
            "name": "b",
            "state": {"terminated": {"exitCode": 2, "reason": "Error", "finishedAt": "2026-07-30T09:10:00Z"}},
        },
        {"name": "c", "lastState": {"terminated": {"exitCode": 3, "finishedAt": None}}},
    ]
    specs = [{"name": name} for name in "abc"]
    pod = read_pod(
        changed(
            POD, status={"containerStatuses": statuses}, spec={"containers": specs, "initContainers": None}
        )
    )
    assert (pod.last_termination_exit_code, pod.last_termination_reason) == (2, "Error")
    assert [each.last_termination_exit_code for each in pod.containers] == [1, 2, 3]


def test_a_bad_quantity_in_a_pod() -> None:
    """A bad value costs that container's numbers and the pod's sums, and is told once with its place."""
    spec = {
        "containers": [
            {"name": "app", "resources": {"requests": {"cpu": "12x", "memory": "1Mi"}}},
            {"name": "b", "resources": {"requests": {"cpu": "1"}}},
        ],
        "initContainers": None,
    }
    page = codec.PODS.decode_list(body("PodList", changed(POD, spec=spec), POD))
    bad, good = page.items
    assert (bad.cpu_request_cores, bad.containers[0].cpu_request_cores) == (None, None)
    assert bad.containers[1].cpu_request_cores == 1.0
    assert good.cpu_request_cores == 0.5
    (problem,) = page.problems
    assert (problem.code, problem.object) == ("bad_quantity", f"shop/web-{HASH}-abcde")
    assert "'12x'" in problem.message


def test_an_unreadable_date_costs_no_row() -> None:
    """A date that cannot be read is unknown, and the pod is there."""
    assert read_pod(changed(POD, metadata={"creationTimestamp": "yesterday"})).created_at is None
    assert read_pod(changed(POD, metadata={"creationTimestamp": None})).created_at is None


def test_equal_labels_are_kept_once() -> None:
    """Pods of one workload share their labels in memory."""
    first, second = codec.PODS.decode_list(body("PodList", POD, POD)).items
    assert first.labels is second.labels


def test_a_node() -> None:
    """A node's record has what it can give, its roles, taints, conditions and address."""
    node = read_node(NODE)
    assert (node.name, node.ready, node.status) == ("control-1", True, "Ready,SchedulingDisabled")
    assert (node.unschedulable, node.roles, node.ip) == (True, ("control-plane", "master"), "10.1.0.4")
    assert (node.cpu_capacity_cores, node.cpu_allocatable_cores) == (4.0, 3.92)
    assert (node.memory_capacity_bytes, node.memory_allocatable_bytes) == (16393244 * 1024, 14657564 * 1024)
    assert node.pods_allocatable == 110
    assert node.taints == (
        model.Taint("node-role.kubernetes.io/control-plane", None, "NoSchedule"),
        model.Taint("team", "red", "NoExecute"),
    )
    assert node.conditions == (
        model.Condition(
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
            datetime(2026, 7, 1, 0, 1, tzinfo=UTC),
        ),
    )
    assert node.addresses == ("control-1", "10.1.0.4")
    assert node.provider_id == "aws:///eu-1a/i-0abc"
    assert (node.pods, node.cpu_request_cores, node.cpu_usage_cores) == (None, None, None)


@pytest.mark.parametrize(
    ("conditions", "ready", "status"),
    [
        ([{"type": "Ready", "status": "True"}], True, "Ready"),
        ([{"type": "Ready", "status": "False"}], False, "NotReady"),
        ([{"type": "Ready", "status": "Unknown"}], False, "NotReady"),
        ([{"type": "DiskPressure", "status": "True"}], None, "Unknown"),
        (None, None, "Unknown"),
    ],
)
def test_ready_nodes(conditions: Any, ready: bool | None, status: str) -> None:
    """A node is ready, is not, or has never said so, in the words of kubectl."""
    node = read_node(changed(NODE, status={"conditions": conditions}, spec={"unschedulable": False}))
    assert (node.ready, node.status) == (ready, status)


def test_a_bare_node() -> None:
    """A node of which nothing is known has None for it."""
    node = read_node({"metadata": {"name": "n"}})
    assert (node.cpu_capacity_cores, node.memory_allocatable_bytes, node.pods_allocatable) == (
        None,
        None,
        None,
    )
    assert (node.roles, node.taints, node.conditions, node.ip) == ((), (), (), None)
    assert (node.addresses, node.provider_id) == ((), None)


def test_a_bad_quantity_in_a_node() -> None:
    """A bad value in a node costs that list of values and is told."""
    status = {"allocatable": {"cpu": "four", "memory": "1Gi", "pods": "many"}}
    page = codec.NODES.decode_list(body("NodeList", changed(NODE, status=status)))
    assert page.items[0].cpu_allocatable_cores is None
    assert page.items[0].pods_allocatable is None
    assert page.items[0].cpu_capacity_cores == 4.0
    assert {problem.object for problem in page.problems} == {"control-1"}
    assert len(page.problems) == 2


def test_empty_lists() -> None:
    """An empty list, also as the null that Go writes, has no items and says where it ends."""
    page = codec.PODS.decode_list(b'{"kind":"PodList","metadata":{"resourceVersion":"3"},"items":null}')
    assert (page.items, page.resource_version, page.continue_) == ([], "3", "")
    page = codec.PODS.decode_list(b'{"kind":"PodList","metadata":{"continue":"abc"},"items":[]}')
    assert page.continue_ == "abc"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"kind":"NodeList","metadata":{},"items":[]}', errors.WrongKindError),
        (b'{"metadata":{},"items":[]}', errors.WrongKindError),
        (b'{"kind":"PodList","metadata":{},"items":[{"metadata":{"name":5}}]}', errors.WrongKindError),
        (b'{"kind":"PodList","metadata":{},"items":{}}', errors.WrongKindError),
        (b"[]", errors.WrongKindError),
        (b"", errors.NotJSONError),
        (b"<html>", errors.NotJSONError),
        (b'{"kind":"PodList","metadata":{},"items":[', errors.NotJSONError),
        (b'{"kind":"\xff"}', errors.NotJSONError),
        (b'{"x":' * 100_000, errors.NotJSONError),
    ],
)
def test_other_answers(content: bytes, error: type[errors.DecodingError]) -> None:
    """What is no list of pods is told apart: another object, or no JSON at all."""
    with pytest.raises(error) as caught:
        codec.PODS.decode_list(content)
    assert caught.value.remedy
