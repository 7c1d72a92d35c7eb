"""Every command that a finding prints, on a real API server: understood, accepted, and nothing is changed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting
from tests.e2e import controlplane, provision

from kubevitals.doctor import commands, explanation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPACE, THING = "place", "thing"
MONITORING = {
    "servicemonitors": "ServiceMonitor", "podmonitors": "PodMonitor",
    "prometheuses": "Prometheus", "alertmanagers": "Alertmanager",
}  # fmt: skip
PLACES = {
    "namespace": SPACE, "name": THING, "node": "one", "service": THING, "target": THING, "container": "app",
    "kind": "servicemonitor", "label": "release=stack", "place": SPACE, "account": "monitoring:prometheus",
    "user": "system:serviceaccount:monitoring:prometheus", "port": "8080",
}  # fmt: skip
# Commands without a dry run are sent as somebody without rights: understood up to the server, and refused.
NO_DRY_RUN = ("certificate approve", "rollout restart", "edit ", "port-forward")
# What a cluster without kubelets, Prometheus or further APIs answers to a command that is right.
FROM_THE_SERVER = re.compile("Error from server|Metrics API not available|timed out waiting|not found")


def printed() -> list[str]:
    """All commands of all pages, filled in, each once."""
    lines = {
        line.removeprefix(commands.CHANGES): line.startswith(commands.CHANGES)
        for page in explanation.diagnoses().values()
        for line in (*page.check, *page.fix)
        if commands.is_command(line)
    }
    return [("! " if changes else "") + line for line, changes in lines.items()]


LINES = printed()


def fill(line: str) -> list[str]:
    """The words of a printed line about the objects that are there."""
    places = commands.Places(PLACES)
    if "apiservice {name}" in line:
        places["name"] = "v1beta1.metrics.k8s.io"
    if "clusterrole {name}" in line:
        places["name"] = "view"
    if "kube-system delete service" in line:
        places["name"] = "kubelet"
    text = line.removeprefix(commands.CHANGES).format_map(places)
    text = (
        text.replace(" CSR", f" {THING}")
        .replace(" NAME", f" {THING}")
        .replace('"maxReplicas":N', '"maxReplicas":9')
    )
    return shlex.split(text)


@pytest.fixture(scope="module")
def ground(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    with controlplane.ControlPlane() as made:
        for namespace in (SPACE, THING, "kube-system"):
            made.add_namespace(namespace)
        for plural, kind in MONITORING.items():
            made.api.apply(crd(plural, kind))
        for thing in objects():
            made.api.apply(thing)
        waiting.until(lambda: _monitor(made), seconds=30, what="the API server to know ServiceMonitors")
        yield made


def _monitor(made: controlplane.ControlPlane) -> bool:
    path = f"/apis/monitoring.coreos.com/v1/namespaces/{SPACE}/servicemonitors"
    body = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": THING}, "spec": {},
    }  # fmt: skip
    return made.api.raw("POST", path, body=json.dumps(body).encode())[0] in (201, 409)


def crd(plural: str, kind: str) -> dict[str, Any]:
    """A resource of the Prometheus operator, of any content."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


def objects() -> list[dict[str, Any]]:
    """One of everything that commands name."""
    labels = {"app": THING}
    names = ("app", "prometheus")
    pod = {"containers": [{"name": name, "image": "registry.example/app:1"} for name in names]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    selector = {"matchLabels": labels}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": THING}

    def thing(version: str, kind: str, *, name: str = THING, namespace: str = SPACE, **rest: Any) -> Any:
        where = {"namespace": namespace} if namespace else {}
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **where}, **rest}

    return [
        thing("v1", "Pod", spec=pod),
        thing("v1", "Secret"),
        thing("v1", "Service", spec={"ports": [{"port": 80}]}),
        thing("v1", "Service", name="kubelet", namespace="kube-system", spec={"ports": [{"port": 10250}]}),
        thing("v1", "ConfigMap", name="kube-proxy", namespace="kube-system"),
        thing("apps/v1", "Deployment", spec={"selector": selector, "template": template}),
        thing("apps/v1", "Deployment", name="metrics-server",
              spec={"selector": selector, "template": template}),
        thing("apps/v1", "Deployment", name="metrics-server", namespace="kube-system",
              spec={"selector": selector, "template": template}),
        thing("apps/v1", "DaemonSet", spec={"selector": selector, "template": template}),
        thing("apps/v1", "DaemonSet", name="kube-proxy", namespace="kube-system",
              spec={"selector": selector, "template": template}),
        thing("autoscaling/v2", "HorizontalPodAutoscaler", spec={"maxReplicas": 3, "scaleTargetRef": scaled}),
        thing("v1", "Node", name="one", namespace=""),
        thing("v1", "Namespace", name="kube-node-lease", namespace=""),
        thing("coordination.k8s.io/v1", "Lease", name="one", namespace="kube-node-lease"),
        thing("rbac.authorization.k8s.io/v1", "ClusterRole", name="system:metrics-server", namespace="",
              rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        thing("apiregistration.k8s.io/v1", "APIService", name="v1beta1.metrics.k8s.io", namespace="",
              spec={"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
                    "versionPriority": 100, "insecureSkipTLSVerify": True,
                    "service": {"namespace": "kube-system", "name": "metrics-server"}}),
    ]  # fmt: skip


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("kubectl")])
def test_commands_that_read(ground: controlplane.ControlPlane, line: str) -> None:
    """Each is understood; where it fails, it is the server that says why."""
    words = fill(line)[1:]
    extra = ["--as=nobody"] if any(word in line for word in NO_DRY_RUN) else []
    ended = ground.kubectl(*words, *extra)
    said = ended.stderr + ended.stdout
    assert ended.returncode == 0 or FROM_THE_SERVER.search(said) or "can-i" in line, said
    assert not re.search("unknown (command|flag|shorthand)|doesn't have a resource type", said), said


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("! kubectl")])
def test_commands_that_change(ground: controlplane.ControlPlane, line: str) -> None:
    """Each passes a dry run of the server; one that has none is refused to who may not, and nothing else."""
    words = fill(line)[1:]
    if any(word in line for word in NO_DRY_RUN):
        ended = ground.kubectl(*words, "--as=nobody")
        assert "Forbidden" in ended.stderr or "forbidden" in ended.stderr, ended.stderr
    else:
        ended = ground.kubectl(*words, "--dry-run=server")
        assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which metrics-server/metrics-server is a chart, as it is after `helm repo add`."""
    folder = tmp_path_factory.mktemp("charts")
    place = folder / "metrics-server" / "metrics-server"
    (place / "templates").mkdir(parents=True)
    (place / "Chart.yaml").write_text("apiVersion: v2\nname: metrics-server\nversion: 0.1.0\n")
    (place / "templates" / "it.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: metrics-server-chart}\n"
        "data: {args: {{ toJson .Values | quote }}}\n"
    )
    return folder


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("! helm")])
def test_commands_of_helm(ground: controlplane.ControlPlane, chart: Path, line: str) -> None:
    """Each is what helm understands, and passes its dry run on the server."""
    helm = provision.provide("helm")["helm"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {"KUBECONFIG": str(ground.kubeconfig), "HOME": str(ground.directory), "PATH": "/bin"}
        return subprocess.run(
            [str(helm), *words],
            cwd=chart,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    words = fill(line)[1:]
    if "upgrade" in words:
        place = words[words.index("-n") + 1]
        made = run("-n", place, "install", "metrics-server", "metrics-server/metrics-server")
        assert made.returncode == 0 or "cannot reuse" in made.stderr, made.stderr
    else:
        run("-n", "kube-system", "uninstall", "metrics-server")
    ended = run(*words, "--dry-run=server")
    assert ended.returncode == 0, ended.stderr
