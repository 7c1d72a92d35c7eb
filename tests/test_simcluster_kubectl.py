"""The simulated cluster as the real kubectl sees it, every version at hand."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from tests import simulated

from simcluster import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kubectl


def find_kubectls() -> list[pathlib.Path]:
    """KUBECTL (a path list), else the kubectl on PATH, or the versions `kubectl.1.*` beside it."""
    given = os.environ.get("KUBECTL")
    if given:
        return [pathlib.Path(each) for each in given.split(os.pathsep) if each]
    found = shutil.which("kubectl")
    if found is None:
        return []
    real = pathlib.Path(found).resolve()
    beside = [each for each in real.parent.glob("kubectl.1.*") if os.access(each, os.X_OK)]
    return sorted(beside, key=lambda each: int(each.name.rpartition(".")[2])) or [real]


KUBECTLS = find_kubectls()
NO_KUBECTL: list[pathlib.Path | None] = [None]


class Kubectl:
    """One kubectl with its own home and cache."""

    def __init__(self, program: pathlib.Path, home: pathlib.Path, kubeconfig: pathlib.Path) -> None:
        self.program = program
        self._arguments = [str(program), f"--kubeconfig={kubeconfig}", f"--cache-dir={home / 'cache'}"]
        self._environment = {"HOME": str(home), "PATH": os.environ.get("PATH", "")}

    def run(self, arguments: str, *, given: str = "", good: bool = True) -> str:
        """What it prints; its complaint where `good` is False."""
        done = subprocess.run(
            [*self._arguments, *shlex.split(arguments)],
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode == 0) is good, done.stderr + done.stdout
        return done.stdout if good else done.stderr

    def start(self, arguments: str) -> subprocess.Popen[str]:
        """The same, still running."""
        return subprocess.Popen(
            [*self._arguments, *shlex.split(arguments)],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(speed=0.0) as running:
        yield running


def prepare(program: pathlib.Path | None, served: simulation.SimulatedCluster, home: pathlib.Path) -> Kubectl:
    if program is None:
        pytest.skip("no kubectl is installed: neither KUBECTL nor PATH names one")
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(served.kubeconfig())
    return Kubectl(program, home, kubeconfig)


@pytest.fixture(scope="module", params=KUBECTLS or NO_KUBECTL, ids=str)
def each_kubectl(
    request: pytest.FixtureRequest,
    served: simulation.SimulatedCluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Kubectl:
    """Every version in turn."""
    return prepare(request.param, served, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def kubectl(served: simulation.SimulatedCluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The newest version."""
    return prepare(KUBECTLS[-1] if KUBECTLS else None, served, tmp_path_factory.mktemp("home"))


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def listed(served: simulation.SimulatedCluster, path: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = simulated.ask(served, path).json()["items"]
    return items


def test_top_nodes(served: simulation.SimulatedCluster, each_kubectl: Kubectl) -> None:
    """`top nodes` shows the measured nodes with percentages, and the silent one as unknown."""
    shown = rows(each_kubectl.run("top nodes --no-headers"))
    nodes = listed(served, "/api/v1/nodes")
    usage = listed(served, "/apis/metrics.k8s.io/v1beta1/nodes")
    assert len(shown) == len(nodes)
    assert sum(row[1] == "<unknown>" for row in shown) == len(nodes) - len(usage) >= 1
    assert all(re.fullmatch(r"\d+m", row[1]) for row in shown if row[1] != "<unknown>")


def test_core_commands(each_kubectl: Kubectl) -> None:
    """The commands that people use most work in every version."""
    assert "kube-system" in each_kubectl.run("top pods -A --containers")
    assert "NOMINATED NODE" in each_kubectl.run("get pods -A -o wide")
    assert "Allocated resources:" in each_kubectl.run("describe node control-1")
    assert each_kubectl.run("auth can-i list pods -A").strip() == "yes"


def test_top_pods_by_both_encodings(kubectl: Kubectl) -> None:
    """`top pods` shows the same from protobuf as from JSON, whatever the options."""
    choices = ("-A", "-A --containers", "-A --sum --sort-by=cpu", "-n shop --sort-by=memory")
    for options in (*choices, "-A -l k8s-app=metrics-server"):
        protobuf = kubectl.run(f"top pods {options}")
        assert protobuf == kubectl.run(f"top pods {options} --use-protocol-buffers=false")
        assert len(rows(protobuf)) > 1


def test_get(kubectl: Kubectl) -> None:
    """`get` prints every kind, plain and wide, and chunks do not change that."""
    whole = kubectl.run("get pods -A")
    assert whole == kubectl.run("get pods -A --chunk-size=7")
    words = {row[3] for row in rows(whole)}
    assert {"Running", "Pending", "CrashLoopBackOff", "Completed", "Evicted", "ImagePullBackOff"} <= words
    wide = kubectl.run("get pods -A -o wide")
    assert "NOMINATED NODE" in wide
    everything = kubectl.run(
        "get deploy,rs,sts,ds,job,cj,svc,endpointslices,hpa,apiservices,leases,ns,ev -A -o wide"
    )
    for word in ("deployment.apps/", "horizontalpodautoscaler.autoscaling/", "metrics-server", "CONTAINERS"):
        assert word in everything
    assert "NotReady" in kubectl.run("get nodes -o wide")


def test_get_as_data(kubectl: Kubectl) -> None:
    """JSON, YAML, names and selectors agree with each other."""
    items = json.loads(kubectl.run("get pods -A -o json"))["items"]
    assert {item["kind"] for item in items} == {"Pod"}
    assert len(rows(kubectl.run("get pods -A --no-headers"))) == len(items)
    shop = [item for item in items if item["metadata"]["namespace"] == "shop"]
    assert len(kubectl.run("get pods -n shop -o name").splitlines()) == len(shop)
    pending = [item for item in items if item["status"]["phase"] == "Pending"]
    assert len(rows(kubectl.run("get pods -A --field-selector=status.phase=Pending --no-headers"))) == len(
        pending
    )
    labelled = [
        item for item in items if item["metadata"].get("labels", {}).get("app") in {"cart", "storefront"}
    ]
    assert len(rows(kubectl.run("get pods -A --no-headers -l 'app in (cart,storefront)'"))) == len(labelled)
    assert kubectl.run("get nodes -o yaml").startswith(
        "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Node"
    )


def test_describe(kubectl: Kubectl) -> None:
    """`describe` finds what it joins: pods of a node with their requests, events of a pod."""
    node = kubectl.run("describe node")
    assert "Allocated resources:" in node
    assert "Non-terminated Pods:" in node
    assert "HolderIdentity:" in node
    pod = rows(kubectl.run("get pods -A --no-headers --field-selector=status.phase=Pending"))[0]
    assert "Events:" in kubectl.run(f"describe pod -n {pod[0]} {pod[1]}")
    assert "NewReplicaSet:" in kubectl.run("describe deployment -n kube-system coredns")


def test_access(kubectl: Kubectl) -> None:
    """`auth can-i` tells the truth, for oneself and for others."""
    assert kubectl.run("auth can-i list pods -A").strip() == "yes"
    assert kubectl.run("auth can-i list pods -n shop --as=viewer-shop").strip() == "yes"
    assert "selfsubjectaccessreviews" in kubectl.run("auth can-i --list --as=viewer-shop")
    refused = kubectl.run("get pods -A --context=simulated-nothing", good=False)
    assert 'User "nothing" cannot list resource "pods" in API group "" at the cluster scope' in refused
    assert "admin" in kubectl.run("auth whoami --context=simulated-certificate")


def test_the_rest(kubectl: Kubectl) -> None:
    """Versions, resources, events, logs, raw paths and the configuration can be had."""
    assert "+simcluster" in kubectl.run("version")
    resources = kubectl.run("api-resources")
    assert re.search(r"^deployments +deploy +apps/v1 +true +Deployment", resources, re.MULTILINE)
    assert re.search(r"^pods +metrics.k8s.io/v1beta1 +true +PodMetrics", resources, re.MULTILINE)
    assert "metrics.k8s.io/v1beta1" in kubectl.run("api-versions")
    assert "Warning" in kubectl.run("events -A")
    assert "level=info" in kubectl.run("logs -n kube-system deployment/coredns")
    assert kubectl.run("get --raw /readyz") == "ok"
    assert "REDACTED" in kubectl.run("config view")
    assert "simulated-viewer-shop" in kubectl.run("config get-contexts -o name")
    missing = kubectl.run("get pods nope", good=False)
    assert missing.strip() == 'Error from server (NotFound): pods "nope" not found'


def test_faults(served: simulation.SimulatedCluster, kubectl: Kubectl) -> None:
    """The messages of kubectl for a metrics API that is missing, and the switch by kubectl itself."""
    try:
        kubectl.run("create --raw /simulation/faults -f -", given='["metrics-absent"]')
        shutil.rmtree(pathlib.Path(kubectl._environment["HOME"]) / "cache", ignore_errors=True)
        assert "Metrics API not available" in kubectl.run("top nodes", good=False)
        served.set_faults(["metrics-unavailable"])
        assert "False (FailedDiscoveryCheck)" in kubectl.run("get apiservices v1beta1.metrics.k8s.io")
        served.set_faults(["metrics-empty"])
        assert "metrics not available yet" in kubectl.run("top nodes", good=False)
    finally:
        served.set_faults([])
        shutil.rmtree(pathlib.Path(kubectl._environment["HOME"]) / "cache", ignore_errors=True)


def test_plain_http(kubectl: Kubectl, tmp_path: pathlib.Path) -> None:
    """Over plain HTTP, where kubectl sends no credentials, each context still is the user that it names."""
    with simulation.SimulatedCluster(speed=0.0, tls=False, anonymous_admin=True) as plain:
        kubeconfig = tmp_path / "plain"
        kubeconfig.write_text(plain.kubeconfig())
        other = Kubectl(kubectl.program, tmp_path, kubeconfig)
        assert "Username    admin" in other.run("auth whoami")
        assert "control-1" in other.run("get nodes")
        assert "catalog-api" in other.run("get pods --context simulated-viewer-shop")
        refused = other.run("get nodes --context simulated-viewer-shop", good=False)
        assert 'User "viewer-shop" cannot list resource "nodes"' in refused


def test_watch(kubectl: Kubectl, tmp_path: pathlib.Path) -> None:
    """`get -w` prints the list and then what changes."""
    with simulation.SimulatedCluster(speed=60.0) as living:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(living.kubeconfig())
        process = Kubectl(kubectl.program, tmp_path, kubeconfig).start("get pods -A -w --no-headers")
        try:
            assert process.stdout is not None
            seen: set[str] = set()
            deadline = time.monotonic() + 20
            for line in process.stdout:
                name = line.split()[1]
                if name in seen or time.monotonic() > deadline:
                    break
                seen.add(name)
            assert name in seen
        finally:
            process.kill()
            process.communicate()
