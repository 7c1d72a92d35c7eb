"""Selectors, paging, what the scheduler counts, long names and odd labels, on a real API server.

The oracle is kubectl: what it selects, and what `kubectl describe node` says is allocated.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import utils
from tests.e2e import apiclient, controlplane, podshapes, population, product
from tests.e2e.podshapes import (
    LONG,
    LONG_CONTAINER,
    LONG_NAMESPACE,
    LONG_NODE,
    ODD,
    PLAIN,
    POD_SHAPES,
    PREFIXED,
    SHAPES,
    VALUES,
)

import kubevitals
from kubevitals import errors
from kubevitals.kube import codec, inventory, listpages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import cluster as clusters


def _write_status(cluster: controlplane.ControlPlane, name: str, status: dict[str, Any]) -> None:
    path = f"/api/v1/namespaces/{SHAPES}/pods/{name}/status"
    cluster.api.json("PATCH", path, {"status": status}, content_type=apiclient.MERGE)


@pytest.fixture(scope="module")
def ground(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    """A small cluster with every shape of pod, the longest names, the oddest labels, and usage.

    Without its watch cache the API server answers from etcd, whose past can be made to go.
    """
    with controlplane.ControlPlane(api_server_flags=["--watch-cache=false"]) as running:
        for namespace in (SHAPES, ODD, LONG_NAMESPACE):
            running.add_namespace(namespace)
        running.api.apply(podshapes.RUNTIME)
        nodes = [
            population.node(SHAPES, cpu="64", memory="256Gi"),
            population.node(PLAIN),
            population.node(LONG_NODE, labels={PREFIXED: "v" * 63, "empty": ""}),
        ]
        population.create(running.api, nodes)
        pods = [*POD_SHAPES.values(), *podshapes.odd_pods()]
        population.create(running.api, [*pods, *podshapes.waiting_pods()])
        _write_status(running, "ended", {"phase": "Succeeded"})
        _write_status(running, "failed", {"phase": "Failed"})
        given = {"cpu": "3", "memory": "3Gi"}  # it asked for more before, and has it still
        state = {"name": "app", "image": "a", "imageID": "", "ready": True, "restartCount": 0}
        container_status = {**state, "allocatedResources": given, "resources": {"requests": given}}
        _write_status(running, "resized", {"phase": "Running", "containerStatuses": [container_status]})
        running.metrics_server.install()
        running.metrics_server.wait_until_full(nodes=3, pods=len(pods))
        yield running


@pytest.fixture(scope="module")
def found(ground: controlplane.ControlPlane) -> Iterator[clusters.Cluster]:
    with kubevitals.connect(kubeconfig=str(ground.kubeconfig)) as connected:
        yield connected


@pytest.fixture(scope="module")
def environ(ground: controlplane.ControlPlane) -> dict[str, str]:
    return product.environ(home=ground.directory, kubeconfig=ground.kubeconfig)


# what the scheduler counts


class Allocated:
    """What `kubectl describe node` says: a row for each pod, and the totals; cores and bytes, exact."""

    def __init__(self, text: str) -> None:
        pods, totals = text.split("Non-terminated Pods:")[1].split("Allocated resources:")
        self.pods = {
            words[1]: [float(utils.parse_quantity(word)) for word in words[2:10:2]]
            for words in map(str.split, pods.splitlines()[3:])
            if len(words) >= 10
        }
        self.totals = {
            words[0]: [float(utils.parse_quantity(word)) for word in words[1:5:2]]
            for words in map(str.split, totals.splitlines())
            if words and words[0] in ("cpu", "memory")
        }


@pytest.fixture(scope="module")
def allocated(ground: controlplane.ControlPlane) -> Allocated:
    """The node of all shapes, and the row of the pod that is being resized.

    That one is on another node, because kubectl 1.36 counts the resize in the row and forgets it in the
    total; the scheduler counts it, and so did kubectl 1.33 in both places.
    """
    found, other = [Allocated(ground.kubectl("describe", "node", name).stdout) for name in (SHAPES, PLAIN)]
    found.pods["resized"] = other.pods["resized"]
    return found


@pytest.mark.parametrize("name", [*POD_SHAPES, "pending", "resized"])
def test_a_pods_requests_are_those_that_the_scheduler_counts(
    name: str, allocated: Allocated, found: clusters.Cluster
) -> None:
    """Init containers, sidecars, overhead, pod-level resources, a resize: as the row of the pod says.

    What nobody declared is unknown to kubevitals and 0 to kubectl. Limits are compared where all of the pod
    is bounded.
    """
    (pod,) = [each for each in found.pods(namespace=SHAPES) if each.name == name]
    cpu, cpu_limit, memory, memory_limit = allocated.pods[name]
    assert (pod.cpu_request_cores or 0.0, pod.memory_request_bytes or 0) == pytest.approx((cpu, memory))
    assert (pod.cpu_request_cores is None) == (name in {"nothing", "pod-level-alone"})
    if pod.cpu_limit_cores is not None:
        assert pod.cpu_limit_cores == pytest.approx(cpu_limit)
    if pod.memory_limit_bytes is not None:
        assert pod.memory_limit_bytes == memory_limit
    bounded = {"only-limits", "both", "pod-level-limits"}
    assert (pod.cpu_limit_cores is not None) == (name in bounded)


def test_a_nodes_requests_and_limits_are_its_allocated_resources(
    allocated: Allocated, found: clusters.Cluster
) -> None:
    """The sums over a node are those under `Allocated resources`; pods that have ended count nowhere."""
    (node,) = [each for each in found.nodes() if each.name == SHAPES]
    here = {*POD_SHAPES, "pending"}
    assert here == set(allocated.pods) - {"resized"}
    assert node.pods == len(here)
    assert [node.cpu_request_cores, node.cpu_limit_cores] == pytest.approx(allocated.totals["cpu"])
    assert [node.memory_request_bytes, node.memory_limit_bytes] == allocated.totals["memory"]
    assert node.cpu_request_of_allocatable == pytest.approx(allocated.totals["cpu"][0] / 64)


def test_health_of_pods_with_init_containers_and_sidecars_is_kubectls(
    ground: controlplane.ControlPlane, found: clusters.Cluster
) -> None:
    """READY, STATUS and RESTARTS of every shape are what `kubectl get pods` prints."""
    lines = ground.kubectl("get", "pods", "-n", SHAPES, "--no-headers").stdout.splitlines()
    wanted = {line.split()[0]: line.split()[1:4] for line in lines}
    shown = {
        pod.name: [f"{pod.containers_ready}/{pod.containers_total}", pod.status, str(pod.restarts)]
        for pod in found.pods(namespace=SHAPES)
    }
    assert shown == wanted


# selectors


LABELS = (
    "parity=odd",
    "parity==odd",
    "parity!=odd",
    "parity in (odd)",
    "parity in (odd, even)",
    "parity notin (odd)",
    "parity",
    "!parity",
    "parity,odd!=1",
    "odd=",
    "odd in (,1)",
    "odd=true",
    "odd=null",
    "odd=1e3",
    "odd=010",
    "odd>0",
    "odd<2",
    "odd=a.b-c_D",
    f"odd={'v' * 63}",
    f"{PREFIXED}=1",
    f"{PREFIXED} in (1,true), parity=odd",
    "length=long",
    "no-such-label=x",
)
FIELDS = (
    "metadata.name=odd-1",
    "metadata.name!=odd-1",
    f"metadata.name={LONG}",
    f"metadata.namespace={ODD}",
    f"metadata.namespace={LONG_NAMESPACE},status.phase=Running",
    f"spec.nodeName={LONG_NODE}",
    f"spec.nodeName!={LONG_NODE}",
    "status.phase=Running",
    "status.phase!=Running",
    "status.phase==Succeeded",
    "spec.restartPolicy=Always",
    "spec.nodeName=,status.phase=Pending",
)
WRONG = (("-l", "a=b=c"), ("-l", "-app=x"), ("-l", "a in (b"), ("--field-selector", "spec.bogus=1"))


def _names(ground: controlplane.ControlPlane, *selection: str, kind: str = "pods") -> list[str]:
    scope = ("-A",) if kind == "pods" else ()
    ended = ground.kubectl("get", kind, *scope, *selection, "-o", "name")
    assert ended.returncode == 0, ended.stderr
    return sorted(line.partition("/")[2] for line in ended.stdout.splitlines())


@pytest.mark.parametrize("selector", LABELS)
def test_a_label_selector_selects_what_kubectl_selects(
    selector: str, ground: controlplane.ControlPlane, found: clusters.Cluster
) -> None:
    """Pods and their usage, by every operator and by odd values."""
    pods = found.pods(label_selector=selector)
    assert sorted(pod.name for pod in pods) == _names(ground, "-l", selector)
    assert all(pod.memory_usage_bytes for pod in pods if pod.namespace == ODD)


@pytest.mark.parametrize("selector", FIELDS)
def test_a_field_selector_selects_what_kubectl_selects(
    selector: str, ground: controlplane.ControlPlane, found: clusters.Cluster
) -> None:
    """Pods by name, namespace, node, phase; usage comes along, though the metrics API knows no such field."""
    pods = found.pods(field_selector=selector)
    assert sorted(pod.name for pod in pods) == _names(ground, "--field-selector", selector)
    assert all(pod.memory_usage_bytes for pod in pods if pod.namespace == ODD)


@pytest.mark.parametrize(
    "selector", ["empty=", f"{PREFIXED}={'v' * 63}", "!empty", "kubernetes.io/hostname=plain"]
)
def test_a_node_selector_selects_what_kubectl_selects(
    selector: str, ground: controlplane.ControlPlane, found: clusters.Cluster
) -> None:
    """Nodes by label, with their usage."""
    nodes = found.nodes(label_selector=selector)
    assert sorted(node.name for node in nodes) == _names(ground, "-l", selector, kind="nodes")
    assert all(node.cpu_usage_cores for node in nodes)


@pytest.mark.parametrize("selection", WRONG)
def test_a_selector_that_cannot_be_meant_is_refused_as_kubectl_refuses_it(
    selection: tuple[str, str], ground: controlplane.ControlPlane, environ: dict[str, str]
) -> None:
    """Both exit 1 and print nothing else than why."""
    theirs = ground.kubectl("get", "pods", "-A", *selection)
    ours = product.kubevitals("top", "pods", "-A", *(f"{selection[0]}={selection[1]}",), environ=environ)
    assert (theirs.returncode, theirs.stdout) == (1, "")
    assert (ours.returncode, ours.stdout) == (1, "")
    assert "Traceback" not in ours.stderr
    assert re.search("unable to parse requirement|found '='|field label not supported", ours.stderr)
    assert "selector" in ours.stderr


def test_the_command_line_selects_by_both(ground: controlplane.ControlPlane, environ: dict[str, str]) -> None:
    """-l and --field-selector go together, with --node too."""
    labels, fields = "parity=odd", "status.phase=Running"
    ended = product.kubevitals(
        "top",
        "pods",
        "-A",
        "-l",
        labels,
        "--field-selector",
        fields,
        "--node",
        LONG_NODE,
        "-o",
        "name",
        environ=environ,
    )
    wanted = _names(ground, "-l", labels, "--field-selector", f"{fields},spec.nodeName={LONG_NODE}")
    assert ended.stdout.splitlines() == [f"pod/{name}" for name in wanted]


# paging


def test_pages_give_what_one_list_gives(
    cluster: controlplane.ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,000 pods in pages of 137 are the same 1,000 pods, each once, and with them the numbers of nodes."""
    with kubevitals.connect(kubeconfig=str(cluster.kubeconfig)) as connected:
        at_once, problems = inventory.fetch_pods(connected.client)
        monkeypatch.setattr(listpages, "SIZE", 137)
        in_pages, _ = inventory.fetch_pods(connected.client)
        assert problems == []
        assert in_pages == at_once
        assert len({(pod.namespace, pod.name) for pod in in_pages}) == 1000
        snapshot = connected.snapshot()
        assert len(snapshot.pods) == 1000
        assert sum(node.pods or 0 for node in snapshot.nodes) == 1000


def test_an_expired_continue_token_begins_the_list_anew(ground: controlplane.ControlPlane) -> None:
    """Pods change and the history is compacted between two pages: the result is one whole, later state."""
    api = ground.api
    bodies: list[int] = []

    def decode(body: bytes) -> listpages.Page[Any]:
        bodies.append(len(body))
        if len(bodies) == 2:  # the first page is read, the second has come: the token for the third expires
            api.json("DELETE", f"/api/v1/namespaces/{ODD}/pods/short-lived?gracePeriodSeconds=0")
            api.create(population.pod("a-newcomer", namespace=ODD, node_name=PLAIN))
            ground.compact_history()
        return codec.PODS.decode_list(body)

    api.create(population.pod("short-lived", namespace=ODD, node_name=PLAIN))
    try:
        with kubevitals.connect(kubeconfig=str(ground.kubeconfig)) as connected:
            answer = connected.client.fetch_list("/api/v1/pods", decode, limit=5)
            names = [(pod.namespace, pod.name) for page in answer for pod in page.items]
            fresh, _ = inventory.fetch_pods(connected.client, with_owners=False)
        assert names == [(pod.namespace, pod.name) for pod in fresh]
        assert (ODD, "a-newcomer") in names
        assert (ODD, "short-lived") not in names
        assert len(bodies) > len(answer), "pages that were read before are thrown away"
    finally:
        api.delete(population.pod("a-newcomer", namespace=ODD, node_name=None))


def test_a_continue_token_of_long_ago_is_an_error_of_its_own(ground: controlplane.ControlPlane) -> None:
    """Who pages by hand is told that the token has expired (410), and the way out."""
    first = ground.api.get("/api/v1/pods?limit=2")["metadata"]["continue"]
    ground.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": ODD}})
    ground.compact_history()
    with kubevitals.connect(kubeconfig=str(ground.kubeconfig)) as connected:
        with pytest.raises(errors.GoneError) as caught:
            connected.client.fetch("/api/v1/pods", {"limit": "2", "continue": first})
        assert caught.value.status == 410
        assert "list again" in str(caught.value.remedy)


# names and labels


@pytest.mark.parametrize("form", ["table", "wide", "name", "json", "yaml", "csv"])
@pytest.mark.parametrize("kind", ["nodes", "pods", "containers"])
def test_names_of_253_characters_are_whole(kind: str, form: str, environ: dict[str, str]) -> None:
    """A pod and a node with names as long as can be stand uncut in every form of output, with their usage."""
    scope = () if kind == "nodes" else ("-A",)
    output = () if form == "table" else ("-o", form)
    ended = product.kubevitals("top", kind, *scope, *output, environ=environ)
    assert ended.returncode == 0, ended.stderr
    name = LONG_NODE if kind == "nodes" else LONG
    assert len(name) == 253
    text = ended.stdout
    if form == "yaml":
        document = yaml.safe_load(text)
        text = json.dumps(document)
    assert re.search(rf"\b{re.escape(name)}\b", text)
    if kind == "containers":
        assert LONG_CONTAINER in text
    if form in ("table", "wide"):
        (line,) = [line for line in text.splitlines() if f"{name} " in line.replace(LONG_NAMESPACE, "")]
        assert ("33m" in line.split()) == (kind != "nodes")


def test_a_pod_and_a_node_with_long_names_are_found_by_name(
    ground: controlplane.ControlPlane, environ: dict[str, str]
) -> None:
    """Names are taken as arguments, whole, with and without details; kubectl gives the same numbers."""
    for usage in ((), ("--usage",)):
        ended = product.kubevitals(
            "top", "pod", LONG, "-n", LONG_NAMESPACE, "-o", "json", *usage, environ=environ
        )
        (item,) = json.loads(ended.stdout)["items"]
        assert (item["name"], item["namespace"]) == (LONG, LONG_NAMESPACE)
        assert item["memory_usage_bytes"] == 44 * 2**20
        ended = product.kubevitals("top", "node", LONG_NODE, "-o", "json", *usage, environ=environ)
        (item,) = json.loads(ended.stdout)["items"]
        assert item["name"] == LONG_NODE
        assert item["memory_usage_bytes"] > 0
    theirs = ground.kubectl("top", "pod", LONG, "-n", LONG_NAMESPACE, "--no-headers").stdout.split()
    assert theirs[0] == LONG
    assert theirs[2] == "44Mi"


@pytest.mark.parametrize("form", ["json", "yaml", "csv"])
def test_odd_labels_stay_what_they_are(form: str, environ: dict[str, str]) -> None:
    """Empty, numeric, boolean-looking, longest values under a key of 317 characters come out as texts."""
    ended = product.kubevitals("top", "pods", "-n", ODD, "-o", form, environ=environ)
    wanted = {f"odd-{number}": value for number, value in enumerate(VALUES)}
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(ended.stdout)))
        labels = {
            row["name"]: dict(each.split("=", 1) for each in row["labels"].split(";") if each) for row in rows
        }
    else:
        read = json.loads if form == "json" else yaml.safe_load
        labels = {item["name"]: item["labels"] for item in read(ended.stdout)["items"]}
    for key in ("odd", PREFIXED, "app"):
        assert {name: each[key] for name, each in labels.items() if key in each} == wanted
    assert labels["bare"] == {}


@pytest.mark.parametrize("key", ["odd", PREFIXED])
def test_groups_by_odd_labels(key: str, environ: dict[str, str]) -> None:
    """Each value is a group of its own, the empty one too, and a pod without the label is in none of them."""
    ended = product.kubevitals("top", "pods", "-A", f"--group-by=label={key}", "-o", "json", environ=environ)
    groups = {item["name"]: item["pods"] for item in json.loads(ended.stdout)["items"]}
    others = {name: count for name, count in groups.items() if name not in VALUES}
    assert {name: groups[name] for name in VALUES} == dict.fromkeys(VALUES, 1)
    assert len(others) <= 1
