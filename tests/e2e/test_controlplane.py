"""The ground itself: the control plane is real, answers kubectl, breaks on demand, and leaves nothing."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting
from tests.e2e import apiclient, controlplane, population, processes

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def _alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_kubectl_top_shows_every_node_and_pod(
    cluster: controlplane.ControlPlane, kubectls: list[Path]
) -> None:
    """Every kubectl at hand prints a row for each of the 50 nodes and 1,000 pods."""
    for program in kubectls:
        nodes = cluster.kubectl("top", "nodes", "--no-headers", program=program)
        pods = cluster.kubectl("top", "pods", "--no-headers", program=program)
        assert len(_rows(nodes.stdout)) == 50, (program, nodes.stderr)
        assert len(_rows(pods.stdout)) == 1000, (program, pods.stderr)


def test_usage_is_what_the_annotations_say(cluster: controlplane.ControlPlane) -> None:
    """The usage that metrics-server works out of kwok's counters is the annotated one, for each container.

    Memory is so exactly. CPU is a rate over some ten seconds, and on a busy machine kwok stamps its counters
    tenths of a second after it has worked them out: it is within 2 % in one of a minute's readings.
    """
    wanted = population.varied_pod("pod-3", 3, "node-3")["metadata"]["annotations"]
    memory, cpu = wanted["usage.test/memory"], int(wanted["usage.test/cpu"].removesuffix("m"))
    found: list[list[str]] = []

    def is_near() -> bool:
        shown = cluster.kubectl("top", "pod", "pod-3", "--containers", "--no-headers")
        found[:] = [row[1:] for row in _rows(shown.stdout)]
        return all(abs(int(used.removesuffix("m")) - cpu) <= 0.02 * cpu for _, used, _ in found)

    waiting.until(is_near, what=lambda: f"{cpu}m, but {found}", seconds=60, pause=1)
    assert sorted((name, used) for name, _, used in found) == [("app", memory), ("sidecar", memory)]


def test_metrics_api_is_aggregated_with_a_verified_certificate(cluster: controlplane.ControlPlane) -> None:
    """The API server reaches metrics-server through its aggregation layer and checks its certificate."""
    registration = cluster.api.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
    assert "insecureSkipTLSVerify" not in registration["spec"]
    assert {"type": "Available", "status": "True"}.items() <= registration["status"]["conditions"][0].items()


def test_users_have_the_rights_they_are_granted_and_no_others(cluster: controlplane.ControlPlane) -> None:
    """A certificate user and a service account may list pods after a grant, and not before or after."""
    person = cluster.accounts.create_user("ann", groups=("readers",))
    token = cluster.accounts.create_service_account("robot")
    robot = cluster.accounts.write_kubeconfig("robot", user={"token": token})
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    for kubeconfig in (person, robot):
        assert "(Forbidden)" in cluster.kubectl("get", "pods", kubeconfig=kubeconfig).stderr
    cluster.accounts.grant("list-pods", rules=rules, to=("ann", "default:robot"))
    for kubeconfig in (person, robot):
        assert (
            len(_rows(cluster.kubectl("get", "pods", "--no-headers", kubeconfig=kubeconfig).stdout)) == 1000
        )
    cluster.accounts.revoke("list-pods")
    for kubeconfig in (person, robot):
        refused = functools.partial(_is_refused, cluster, kubeconfig)
        waiting.until(refused, seconds=5)


def _is_refused(cluster: controlplane.ControlPlane, kubeconfig: Path) -> bool:
    return cluster.kubectl("get", "pods", kubeconfig=kubeconfig).returncode == 1


def test_containers_have_usage_of_their_own_and_pending_pods_have_none(
    private_cluster: controlplane.ControlPlane,
) -> None:
    """Annotations set the usage of one container; a pod may be kept pending, and then has no usage."""
    cluster = private_cluster
    (node,) = cluster.add_nodes(1)
    two = [population.container("web"), population.container("log")]
    notes = {"usage.test/cpu.web": "250m", "usage.test/memory.web": "100Mi", "usage.test/memory.log": "7Mi"}
    population.create(
        cluster.api,
        [
            population.pod("pair", node_name=node, containers=two, annotations=notes),
            population.pod("waits", node_name=node, annotations={"stays.test/pending": ""}),
        ],
    )
    cluster.metrics_server.install()
    cluster.metrics_server.wait_until_full(nodes=1, pods=1)
    (item,) = cluster.metrics_server.usage("pods")["items"]
    memory = {each["name"]: each["usage"]["memory"] for each in item["containers"]}
    assert memory == {"web": "100Mi", "log": "7Mi"}
    assert cluster.api.get("/api/v1/namespaces/default/pods/waits")["status"]["phase"] == "Pending"


def test_api_server_restarts_on_the_same_port_with_all_objects(
    private_cluster: controlplane.ControlPlane,
) -> None:
    """After a crash and a restart the same clients read the same objects at the same address."""
    cluster = private_cluster
    names = cluster.add_nodes(3)
    cluster.stop_api_server()
    assert not cluster.api.answers("/readyz")
    cluster.restart_api_server()
    assert _rows(cluster.kubectl("get", "nodes", "-o", "name").stdout) == [[f"node/{name}"] for name in names]


def test_compacted_history_is_gone(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """A watch from before a compaction gets 410 Gone where no cache can serve it."""
    cluster = make_cluster(api_server_flags=["--watch-cache=false"])
    before = cluster.api.get("/api/v1/nodes")["metadata"]["resourceVersion"]
    cluster.add_nodes(2)
    assert cluster.compact_history() > int(before)
    path = f"/api/v1/nodes?watch=1&timeoutSeconds=5&resourceVersion={before}"
    status, body = cluster.api.raw("GET", path)
    event = json.loads(body.splitlines()[0])
    assert (status, event["type"], event["object"]["code"]) == (200, "ERROR", 410)


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web:1}]}
"""


def test_controllers_turn_a_deployment_into_running_pods(
    controller_tools: None, make_cluster: Callable[..., controlplane.ControlPlane]
) -> None:
    """A Deployment gets pods, the scheduler binds them, kwok runs them; the role `view` is filled."""
    cluster = make_cluster(controllers=True)
    cluster.add_nodes(2)
    cluster.apply(DEPLOYMENT)

    def phases() -> list[str]:
        return [pod["status"]["phase"] for pod in cluster.api.get("/api/v1/namespaces/default/pods")["items"]]

    waiting.until(lambda: phases() == ["Running"] * 3, what=cluster.server("kube-scheduler").tail)
    assert cluster.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/view")["rules"]


def test_two_at_once_and_both_leave_nothing(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """Two clusters hold objects of their own; when one stops, its files, processes and port are gone."""
    first, second = make_cluster(), make_cluster()
    first.add_nodes(1, prefix="left")
    second.add_nodes(1, prefix="right")
    assert first.kubectl("get", "nodes", "-o", "name").stdout == "node/left-0\n"
    assert second.kubectl("get", "nodes", "-o", "name").stdout == "node/right-0\n"
    pids = [first.server(name).pid for name in ("etcd", "kube-apiserver", "kwok")]
    first.stop()
    assert not first.directory.exists()
    assert not any(_alive(pid) for pid in pids)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", first.port)) != 0
    assert second.api.answers("/readyz")


def test_start_that_fails_says_why_and_leaves_nothing(
    bare_tools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused flag raises with the end of the server's log, and the directory is gone."""
    homes: list[processes.Home] = []

    class Watched(processes.Home):
        def __init__(self, prefix: str) -> None:
            super().__init__(prefix)
            homes.append(self)

    monkeypatch.setattr(processes, "Home", Watched)
    with pytest.raises(processes.StartError, match="unknown flag: --no-such-flag"):
        controlplane.ControlPlane(api_server_flags=["--no-such-flag"]).start()
    assert len(homes) == 1
    assert not homes[0].directory.exists()


STARTER = """
import json, time
from tests.e2e import controlplane
cluster = controlplane.ControlPlane()
cluster.start()
cluster.metrics_server.install()
names = ("etcd", "kube-apiserver", "kwok", "metrics-server")
told = {"directory": str(cluster.directory), "pids": [cluster.server(name).pid for name in names]}
told["pids"].append(cluster._home._guardian.pid)
print(json.dumps(told), flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_parent_leaves_nothing(bare_tools: None, number: signal.Signals) -> None:
    """When the process that started a cluster is killed, its servers, its guardian and its files go too."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0
    ) as starter:
        assert starter.stdout is not None
        told: dict[str, Any] = json.loads(starter.stdout.readline())
        assert all(_alive(pid) for pid in told["pids"])
        os.killpg(starter.pid, number)
    waiting.until(lambda: not any(_alive(pid) for pid in told["pids"]), seconds=10)
    waiting.until(lambda: not Path(told["directory"]).exists(), seconds=10)


def test_many_threads_create_objects(private_cluster: controlplane.ControlPlane) -> None:
    """A failure in one of many parallel requests is raised, not lost."""
    node = population.node("twice")
    with pytest.raises(apiclient.ApiError, match="409"):
        population.create(private_cluster.api, [node] * 8)
