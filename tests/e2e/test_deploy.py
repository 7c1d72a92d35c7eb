"""The deployment on the real control plane: chart, manifests, and the service with its account's rights."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests import waiting
from tests.e2e import audited, controlplane, population, product, provision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e import processes

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "kubevitals"
MANIFESTS = ROOT / "deploy" / "manifests"
TOKEN = "a-token-of-the-test-0123456789"
VARIANTS: dict[str, dict[str, str]] = {
    "default": {},
    "one namespace": {"scope.namespace": "shop"},
    "token file": {"auth.mode": "token-file", "auth.existingSecret": "tokens"},
    "open": {"auth.mode": "none", "networkPolicy.enabled": "false"},
    "tls": {"tls.existingSecret": "tls", "serviceMonitor.enabled": "true"},
    "compat": {"metrics.compat": "{kube-state-metrics,metrics-server-prom}", "metrics.labels": "{workload}"},
    "history": {"history.enabled": "true", "history.storageClass": "fast", "tls.existingSecret": "tls"},
    "doctor": {"doctor.enabled": "true", "doctor.interval": "10m"},
    "doctor of a namespace": {"doctor.enabled": "true", "scope.namespace": "shop"},
    "kubelet": {
        "source.name": "kubelet",
        "source.kubelet.caConfigMap": "ca",
        "source.kubelet.detail": "true",
    },
    "kubelet at need": {"source.kubelet.fallback": "true", "source.kubelet.insecureTLS": "true"},
    "prometheus": {
        "source.name": "prometheus",
        "source.prometheus.url": "https://prometheus.monitoring:9090",
        "source.prometheus.existingSecret": "prometheus",
        "source.prometheus.tokenKey": "token",
        "source.prometheus.caKey": "ca.crt",
    },
    "prometheus of the cluster": {"source.name": "prometheus", "scope.namespace": "shop"},
    "no usage": {"source.name": "none"},
    "viewers": {
        "auth.viewers[0].kind": "ServiceAccount",
        "auth.viewers[0].name": "grafana",
        "auth.viewers[0].namespace": "monitoring",
        "auth.viewers[1].kind": "Group",
        "auth.viewers[1].name": "system:masters",
    },
    "odd": {
        "fullnameOverride": "vitals",
        "serviceAccount.create": "false",
        "serviceAccount.name": "mine",
        "extraArgs": "{--no-nodes}",
        "networkPolicy.from[0].namespaceSelector.matchLabels.a": "b",
        "tolerations[0].operator": "Exists",
        "priorityClassName": "system-cluster-critical",
        "image.pullSecrets[0].name": "pull",
        "auth.audiences": "{kubevitals}",
    },
}


@pytest.fixture(scope="module")
def helm() -> Path:
    return provision.provide("helm")["helm"]


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def template(helm: Path, values: dict[str, str], *, namespace: str = "kubevitals") -> str:
    """The chart with these values."""
    settings = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    done = run(helm, "template", "kubevitals", str(CHART), "--namespace", namespace, *settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the chart


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_lint(helm: Path, variant: str) -> None:
    """Helm's own checks find nothing, whatever is switched on."""
    settings = [word for key, value in VARIANTS[variant].items() for word in ("--set", f"{key}={value}")]
    done = run(helm, "lint", "--strict", str(CHART), *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("values", ["auth.mode=token-file", "interval=soon", "replica=1"])
def test_helm_refuses(helm: Path, values: str) -> None:
    """A value that cannot be meant is said before anything is installed."""
    done = run(helm, "template", "kubevitals", str(CHART), "--set", values)
    assert done.returncode != 0
    assert "don't meet the specifications of the schema" in done.stderr


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"serviceMonitor.enabled": "true"}, "needs tls.existingSecret"),
        (
            {"serviceMonitor.enabled": "true", "serviceMonitor.authorization.credentials.key": "token"},
            "in plain text, good for the API server too",
        ),
        (
            {
                "serviceMonitor.enabled": "true",
                "tls.existingSecret": "tls",
                "auth.audiences": "{kubevitals}",
            },
            "with auth.audiences",
        ),
    ],
)
def test_helm_refuses_to_give_a_token_away(helm: Path, values: dict[str, str], why: str) -> None:
    """A ServiceMonitor whose token would travel in plain text, or be refused, is not made."""
    settings = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    done = run(helm, "template", "kubevitals", str(CHART), *settings)
    assert done.returncode != 0
    assert why in done.stderr


def test_a_cluster_that_gives_user_ids(helm: Path) -> None:
    """On OpenShift, found out or said, the pod names no user id, which would be refused there."""
    for words in (["--set", "openshift=yes"], ["--api-versions", "security.openshift.io/v1"]):
        done = run(helm, "template", "kubevitals", str(CHART), *words)
        assert "runAsNonRoot: true" in done.stdout
        assert "runAsUser" not in done.stdout
        assert "fsGroup" not in done.stdout
    asked = ["--set", "openshift=no", "--api-versions", "security.openshift.io/v1"]
    assert "runAsUser: 65532" in run(helm, "template", "kubevitals", str(CHART), *asked).stdout


def test_the_account_that_scrapes(helm: Path) -> None:
    """A ServiceMonitor over TLS brings the token of an account that may get /metrics and nothing else."""
    objects = [each for each in yaml.safe_load_all(template(helm, VARIANTS["tls"])) if each]
    by_kind = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    (endpoint,) = by_kind["ServiceMonitor", "kubevitals"]["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "kubevitals-scraper", "key": "token"}}
    assert "bearerTokenFile" not in endpoint
    assert endpoint["tlsConfig"]["serverName"] == "kubevitals.kubevitals.svc"
    secret = by_kind["Secret", "kubevitals-scraper"]
    assert secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == "kubevitals-scraper"
    assert by_kind["ClusterRole", "kubevitals-scraper"]["rules"] == [
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    ]


def test_manifests_are_the_chart(helm: Path) -> None:
    """The plain manifests are what the chart makes, to the byte."""
    done = run(Path(sys.executable), str(ROOT / "tools" / "render-deploy"), "--check")
    assert done.returncode == 0, done.stdout + done.stderr


# --- the service with the rights of its account


DOCTOR = "/api/v1/doctor"


class Service:
    """The command of a Deployment, run here as its account."""

    def __init__(
        self, cluster: controlplane.ControlPlane, objects: Sequence[dict[str, Any]], name: str
    ) -> None:
        (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
        pod = deployment["spec"]["template"]["spec"]
        self.namespace: str = deployment["metadata"]["namespace"]
        self.account = f"{self.namespace}:{pod['serviceAccountName']}"
        token = cluster.accounts.create_token(pod["serviceAccountName"], namespace=self.namespace)
        file = cluster.directory / f"{name}-token"
        file.write_text(token)
        self.kubeconfig = cluster.accounts.write_kubeconfig(name, user={"tokenFile": str(file)})
        port = cluster.reserve_port()
        self.url = f"http://127.0.0.1:{port}"
        tokens = cluster.directory / "tokens"
        tokens.write_text(f"test {TOKEN}\n")
        places = {
            "--address=*": "--address=127.0.0.1",
            "--port=8080": f"--port={port}",
            "--auth-tokens=/etc/kubevitals/auth/tokens": f"--auth-tokens={tokens}",
        }
        words = [places.get(word, word) for word in pod["containers"][0]["args"]]
        self.server: processes.Server = cluster._home.server(
            name, [*product.PROGRAM, *words, "--kubeconfig", str(self.kubeconfig)]
        )
        self.server.start()
        self.server.wait_until(lambda: self.ask("/readyz")[0] == 200)

    def ask(self, path: str, *, token: str | None = None) -> tuple[int, bytes]:
        """Status and body of a GET; 0 if nobody answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, headers=headers), timeout=10
            ) as answer:
                return answer.status, answer.read(64 if path.endswith("/stream") else -1)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def routes(self, token: str) -> list[str]:
        """Every route but the doctor's, which asks for more than the service needs; names are filled in."""
        status, body = self.ask("/openapi.json", token=token)
        assert status == 200, body
        pod = json.loads(self.ask("/api/v1/containers?limit=1&namespace=shop", token=token)[1])["items"][0]
        workload = json.loads(self.ask("/api/v1/workloads?limit=1", token=token)[1])["items"][0]
        found = []
        for path in set(json.loads(body)["paths"]) - {DOCTOR}:
            known = {"namespace": pod["namespace"], "pod": pod["pod"], "name": pod["pod"]}
            kind = path.removeprefix("/api/v1/").removeprefix("history/").partition("/")[0]
            if path.startswith("/assets/"):
                page = self.ask("/", token=token)[1].decode()
                known["name"] = re.findall(r"assets/([\w.-]+)", page)[0]
            elif kind == "containers":
                known["name"] = pod["name"]
            elif kind == "nodes":
                known["name"] = pod["node"]
            elif kind == "namespaces":
                known["name"] = pod["namespace"]
            elif kind == "workloads":
                known = {key: workload[key] for key in ("namespace", "workload_kind", "name")}
            found.append(path.format(**known))
        return found


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> audited.Audit:
    return audited.Audit(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def ground(bare_tools: None, audit: audited.Audit) -> Iterator[controlplane.ControlPlane]:
    """A cluster that keeps a log of who asks for what, with pods whose owners have to be looked up."""
    with controlplane.ControlPlane(api_server_flags=audit.flags) as running:
        running.add_nodes(2)
        running.add_pods(4)
        running.add_namespace("shop")
        for kind, version in (("Job", "batch/v1"), ("ReplicaSet", "apps/v1")):
            pod = population.pod(
                f"of-{kind.lower()}", node_name="node-0", namespace="shop", cpu="10m", memory="20Mi"
            )
            owner = {"apiVersion": version, "kind": kind, "name": "above", "uid": "1", "controller": True}
            pod["metadata"]["ownerReferences"] = [owner]
            running.api.create(pod)
        running.metrics_server.install()
        running.metrics_server.wait_until_full(nodes=2, pods=6)
        yield running


def apply(cluster: controlplane.ControlPlane, text: str) -> list[dict[str, Any]]:
    """`kubectl apply` without a warning; the objects."""
    path = cluster.directory / "applied.yaml"
    path.write_text(text)
    done = cluster.kubectl("apply", "-f", str(path))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return [each for each in yaml.safe_load_all(text) if each]


def viewer(cluster: controlplane.ControlPlane, name: str, role: str | None) -> str:
    """The token of an account in a namespace of its own, bound to the role by kubectl as the notes say."""
    cluster.add_namespace("monitoring")
    token = cluster.accounts.create_service_account(name, namespace="monitoring")
    if role is not None:
        done = cluster.kubectl(
            "create", "clusterrolebinding", f"readers-{name}", f"--clusterrole={role}",
            f"--serviceaccount=monitoring:{name}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return token


def granted(
    cluster: controlplane.ControlPlane, service: Service, *, namespace: str = "default"
) -> set[audited.Right]:
    """What the account may do beyond what every account may."""
    token = cluster.accounts.create_service_account("plain")
    plain = cluster.accounts.write_kubeconfig("plain", user={"token": token})
    every = audited.rights(cluster, plain, namespace=namespace)
    return audited.rights(cluster, service.kubeconfig, namespace=namespace) - every


def settle(audit: audited.Audit, service: Service, wanted: set[audited.Right]) -> set[audited.Asked]:
    """What was asked for once all of `wanted` was, or after some time."""
    until = time.monotonic() + 20
    while True:
        asked = audit.asked(service.account)
        if {(each.verb, each.what) for each in asked} >= wanted or time.monotonic() > until:
            return asked
        time.sleep(0.2)


def check_rights(
    cluster: controlplane.ControlPlane, audit: audited.Audit, service: Service, *, namespace: str = "default"
) -> None:
    """Every right is used, nothing else is asked for, nothing refused."""
    rights = granted(cluster, service, namespace=namespace)
    assert ("watch", "pods") in rights
    asked = settle(audit, service, rights)
    assert {(each.verb, each.what) for each in asked} == rights
    assert {each.status for each in asked} <= {200, 201}


def test_the_whole_cluster(ground: controlplane.ControlPlane, audit: audited.Audit) -> None:
    """Applied as it stands, the service with its account's token answers every route to whom the cluster lets
    in and to nobody else; the account holds what is used and nothing more.
    """
    objects = apply(ground, (MANIFESTS / "cluster.yaml").read_text())
    allowed = viewer(ground, "grafana", "kubevitals-viewer")
    stranger = viewer(ground, "stranger", None)
    service = Service(ground, objects, "service-cluster")
    routes = service.routes(allowed)
    assert len(routes) > 20
    for route in ("/", *routes):
        health = route in ("/livez", "/readyz", "/healthz")
        assert service.ask(route, token=allowed)[0] == 200, route
        assert service.ask(route)[0] == (200 if health else 401), route
        assert service.ask(route, token=stranger)[0] == (200 if health else 403), route
    nodes = json.loads(service.ask("/api/v1/nodes", token=allowed)[1])
    assert [each["name"] for each in nodes["items"]] == ["node-0", "node-1"]
    assert not nodes["problems"]
    assert all(each["cpu_usage_cores"] is not None for each in nodes["items"])
    check_rights(ground, audit, service)
    assert [service.ask(DOCTOR, token=each)[0] for each in (allowed, None, stranger)] == [200, 401, 403]
    log = service.server.log.read_text()
    assert allowed not in log
    service.server.terminate(seconds=6)
    assert "ended" in service.server.log.read_text()


def test_the_role_for_prometheus(ground: controlplane.ControlPlane) -> None:
    """Who may `get /metrics`, as Prometheus' roles say everywhere, scrapes and sees nothing else."""
    token = ground.accounts.create_service_account("prometheus")
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    ground.accounts.grant("prometheus", rules=rules, to=["default:prometheus"])
    objects = apply(ground, (MANIFESTS / "cluster.yaml").read_text())
    service = Service(ground, objects, "service-prometheus")
    assert service.ask("/metrics", token=token)[0] == 200
    assert service.ask("/api/v1/pods", token=token)[0] == 403
    service.server.terminate()


def test_one_namespace(ground: controlplane.ControlPlane, audit: audited.Audit) -> None:
    """A Role is enough for one namespace: no object outside it, no right beyond it, every pod in it."""
    text = (MANIFESTS / "namespace.yaml").read_text()
    objects = apply(ground, text)
    assert {each["metadata"]["namespace"] for each in objects} == {"shop"}
    service = Service(ground, objects, "service-namespace")
    status, body = service.ask("/api/v1/pods", token=TOKEN)
    assert status == 200
    assert {each["namespace"] for each in json.loads(body)["items"]} == {"shop"}
    assert service.ask("/api/v1/pods")[0] == 401
    check_rights(ground, audit, service, namespace="shop")
    assert granted(ground, service, namespace="default") == set()
    assert {each.namespace for each in audit.asked(service.account)} == {"shop"}
    service.server.terminate()


def test_kube_state_metrics(ground: controlplane.ControlPlane, audit: audited.Audit, helm: Path) -> None:
    """With further families the chart grants the further lists, and they are all used."""
    ground.add_namespace("state")
    objects = apply(ground, template(helm, VARIANTS["compat"], namespace="state"))
    token = viewer(ground, "state", "state-kubevitals-viewer")
    service = Service(ground, objects, "service-state")
    status, body = service.ask("/metrics", token=token)
    assert status == 200
    assert b"kube_pod_info{" in body
    check_rights(ground, audit, service)
    service.server.terminate()


def test_usage_from_the_kubelets(ground: controlplane.ControlPlane, audit: audited.Audit, helm: Path) -> None:
    """With the source `kubelet` the chart grants nodes/metrics in the place of the metrics API, which is all
    that is used; every node has its usage, and the status says from where since when.
    """
    ground.add_namespace("direct")
    objects = apply(ground, template(helm, {"source.name": "kubelet"}, namespace="direct"))
    token = viewer(ground, "direct", "direct-kubevitals-viewer")
    service = Service(ground, objects, "service-kubelets")
    (source,) = json.loads(service.ask("/api/v1/status", token=token)[1])["clusters"][0]["sources"]
    assert (source["name"], source["answers"], source["problem"]) == ("kubelet", True, None)
    assert source["since"]
    rights = granted(ground, service)
    assert {what for _, what in rights} & {"nodes.metrics.k8s.io", "pods.metrics.k8s.io"} == set()
    of_kubelets = ("get", "nodes/metrics")  # what a kubelet asks the API server about; kwok's do not
    asked = settle(audit, service, rights - {of_kubelets})
    assert {(each.verb, each.what) for each in asked} | {of_kubelets} == rights
    assert {each.status for each in asked} <= {200, 201}
    waiting.until(
        lambda: all(
            each["cpu_usage_cores"] is not None
            for each in json.loads(service.ask("/api/v1/nodes", token=token)[1])["items"]
        ),
        what="usage of all nodes",
        seconds=60,
        pause=1,
    )
    service.server.terminate()


def test_usage_from_a_prometheus(ground: controlplane.ControlPlane, audit: audited.Audit, helm: Path) -> None:
    """With the address of a Prometheus the chart grants no right on usage, and what it grants is used; while
    that is silent, the service shows what is asked for and the status says why.
    """
    ground.add_namespace("by-query")
    values = {"source.name": "prometheus", "source.prometheus.url": "http://127.0.0.1:9"}
    objects = apply(ground, template(helm, values, namespace="by-query"))
    token = viewer(ground, "by-query", "by-query-kubevitals-viewer")
    service = Service(ground, objects, "service-query")
    (told,) = json.loads(service.ask("/api/v1/status", token=token)[1])["clusters"]
    (source,) = told["sources"]
    assert (source["name"], source["answers"]) == ("prometheus", False)
    assert "cannot be reached" in source["problem"]["message"]
    pods = json.loads(service.ask("/api/v1/pods", token=token)[1])
    assert pods["source"] == "none"
    assert {each["cpu_usage_cores"] for each in pods["items"]} == {None}
    assert pods["problems"]
    check_rights(ground, audit, service)
    service.server.terminate()


def test_the_pod_is_admitted(ground: controlplane.ControlPlane) -> None:
    """The pod of the Deployment passes Kubernetes' strictest Pod Security Standard."""
    objects = apply(ground, (MANIFESTS / "cluster.yaml").read_text())
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": "one"},
        "spec": template["spec"],
    }
    path = "/api/v1/namespaces/kubevitals/pods?dryRun=All"
    ground.api.json("POST", path, pod)
    loose = json.loads(json.dumps(pod))
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    status, answer = ground.api.raw("POST", path, body=json.dumps(loose).encode())
    assert status == 403
    assert b"restricted" in answer  # the namespace does enforce it


OPERATOR = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


def test_every_switch_is_an_upgrade(ground: controlplane.ControlPlane, helm: Path) -> None:
    """Each variant of the chart is an upgrade of the default, and back, by server-side apply as Helm does."""
    ground.api.json("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", OPERATOR)
    path = ground.directory / "upgrade.yaml"
    ground.add_namespace("upgrade")

    def upgrade(values: dict[str, str]) -> subprocess.CompletedProcess[str]:
        path.write_text(template(helm, values, namespace="upgrade"))
        return ground.kubectl("apply", "--server-side", "--field-manager=helm", "-f", str(path))

    def established() -> bool:
        return upgrade(VARIANTS["tls"]).returncode == 0

    waiting.until(established, what="the API server to know ServiceMonitors", seconds=30)
    for values in ({}, *VARIANTS.values()):
        for step in (values, {}):
            done = upgrade(step)
            assert done.returncode == 0, (step, done.stderr)


def test_the_printed_roles(ground: controlplane.ControlPlane) -> None:
    """What `kubevitals rbac` prints is accepted by the API server as it stands."""
    path = ground.directory / "roles.yaml"
    ground.add_namespace("shop")
    for words in (
        (),
        ("--source", "kubelet"),
        ("--namespace", "shop"),
        ("--features", "viewer,top", "--group", "a:b"),
    ):
        done = product.kubevitals("rbac", *words, environ=product.environ(home=ground.directory))
        assert done.returncode == 0, done.stderr
        path.write_text(done.stdout)
        applied = ground.kubectl("apply", "--dry-run=server", "-f", str(path))
        assert applied.returncode == 0, applied.stderr
