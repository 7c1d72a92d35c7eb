"""The same numbers as kubectl and the official client, on 50 nodes and 1,000 pods of a real control plane.

kubectl rounds CPU up to millicores, memory down to mebibytes and percentages down; kubevitals gives exact
numbers, but in the tables of --usage. So its numbers are rounded here as kubectl does it, and then the rows
must be equal.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import kubernetes
import pytest
from kubernetes import client as official
from kubernetes import config, utils
from tests.e2e import front, kubectlrows, product

import kubevitals
from kubevitals import compat, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e import controlplane

READ = [
    {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list"]},
    {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes", "pods"], "verbs": ["get", "list"]},
]
METRICS = "/apis/metrics.k8s.io/v1beta1"
KINDS = ("nodes", "pods", "containers")


# what each of the two says


def _kubectl_top(
    kind: str, *more: str, cluster: controlplane.ControlPlane, kubeconfig: Path, program: Path | None = None
) -> kubectlrows.Rows:
    """The rows of kubectl by name; of pods by namespace and name, of containers by the container too."""
    words = {
        "nodes": ("nodes",),
        "pods": ("pods", "-A"),
        "containers": ("pods", "-A", "--containers"),
    }[kind]
    ended = cluster.kubectl("top", *words, "--no-headers", *more, kubeconfig=kubeconfig, program=program)
    assert ended.returncode == 0, ended.stderr
    return kubectlrows.parse(ended.stdout, {"nodes": 1, "pods": 2, "containers": 3}[kind])


def _items(kind: str, *more: str, environ: dict[str, str]) -> list[dict[str, Any]]:
    """The items of `kubevitals top KIND -o json`, of all namespaces."""
    scope = () if kind == "nodes" else ("-A",)
    ended = product.kubevitals("top", kind, *scope, "-o", "json", *more, environ=environ)
    # What was recorded grows old while these tests run, which is said.
    said = [line for line in ended.stderr.splitlines() if "older than three of its windows" not in line]
    assert (ended.returncode, said) == (0, [])
    items: list[dict[str, Any]] = json.loads(ended.stdout)["items"]
    return items


class Recording:
    """One recorded response for each request, a kubeconfig that leads to it, and an environment with that."""

    def __init__(self, cluster: controlplane.ControlPlane, served: front.Front, directory: Path) -> None:
        self.cluster = cluster
        token = cluster.accounts.create_service_account("numbers")
        self.kubeconfig = cluster.accounts.write_kubeconfig(
            "recording", user={"token": token}, server={"server": served.url}, path=directory / "kubeconfig"
        )
        self.environ = product.environ(home=directory, kubeconfig=self.kubeconfig)
        self.targets = served.targets

    def kubectl_top(self, kind: str, *more: str, program: Path | None = None) -> kubectlrows.Rows:
        return _kubectl_top(kind, *more, cluster=self.cluster, kubeconfig=self.kubeconfig, program=program)

    def items(self, kind: str, *more: str) -> list[dict[str, Any]]:
        return _items(kind, *more, environ=self.environ)


@pytest.fixture(scope="module")
def recording(
    cluster: controlplane.ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recording]:
    """Every list of nodes, pods and metrics as it was when it was asked for first."""
    directory = tmp_path_factory.mktemp("recording")
    pair = cluster.authority.issue("recording", hosts=("127.0.0.1",))
    cluster.accounts.grant("numbers", rules=READ, to=("default:numbers",))
    try:
        with front.Front(cluster, pair, directory=directory, remember=True) as served:
            yield Recording(cluster, served, directory)
    finally:
        cluster.accounts.revoke("numbers")


@pytest.mark.parametrize("kind", KINDS)
def test_rows_equal_those_of_every_kubectl_on_one_recorded_response(
    kind: str, recording: Recording, kubectls: list[Path]
) -> None:
    """From the same bytes kubevitals has every row of every version of kubectl, and the same numbers."""
    ours = kubectlrows.convert(kind, recording.items(kind))
    assert len(ours) == {"nodes": 50, "pods": 1000, "containers": 1334}[kind]
    for program in kubectls:
        assert recording.kubectl_top(kind, program=program) == ours, program


@pytest.mark.parametrize("kind", KINDS)
def test_rows_equal_those_of_kubectl_on_the_living_cluster(
    kind: str, cluster: controlplane.ControlPlane
) -> None:
    """Each row is the one that kubectl shows just before or just after; samples may change in between."""
    environ = product.environ(home=cluster.directory, kubeconfig=cluster.kubeconfig)
    before = _kubectl_top(kind, cluster=cluster, kubeconfig=cluster.kubeconfig)
    ours = kubectlrows.convert(kind, _items(kind, environ=environ))
    after = _kubectl_top(kind, cluster=cluster, kubeconfig=cluster.kubeconfig)
    assert ours.keys() == before.keys() == after.keys()
    wrong = {key: row for key, row in ours.items() if row not in (before[key], after[key])}
    assert not wrong


def test_percentages_of_capacity_equal_those_of_kubectl(recording: Recording) -> None:
    """`--show-capacity` divides by capacity in both."""
    ours = kubectlrows.convert("nodes", recording.items("nodes", "--show-capacity"), of="capacity")
    assert recording.kubectl_top("nodes", "--show-capacity") == ours


@pytest.mark.parametrize("selector", ["app=app-3", "app in (app-1,app-2),tier!=back", "!app", "tier"])
def test_rows_of_a_label_selector_equal_those_of_kubectl(selector: str, recording: Recording) -> None:
    """A selector leaves the same pods with the same numbers, with and without the objects of the pods."""
    items = recording.items("pods", "-l", selector)
    ended = recording.cluster.kubectl(
        "top", "pods", "-A", "--no-headers", "-l", selector, kubeconfig=recording.kubeconfig
    )
    assert kubectlrows.convert("pods", items) == kubectlrows.parse(ended.stdout, 2)
    assert kubectlrows.convert(
        "pods", recording.items("pods", "--usage", "-l", selector)
    ) == kubectlrows.parse(ended.stdout, 2)


def test_one_named_pod_and_its_containers_equal_those_of_kubectl(recording: Recording) -> None:
    """A name gives one row, or the rows of its containers."""
    for kind, flags in (("pods", ()), ("containers", ("--containers",))):
        theirs = recording.cluster.kubectl(
            "top", "pod", "pod-3", "--no-headers", *flags, kubeconfig=recording.kubeconfig
        )
        ended = product.kubevitals("top", kind, "pod-3", "-o", "json", environ=recording.environ)
        ours = kubectlrows.convert(kind, json.loads(ended.stdout)["items"])
        assert {key[1:]: row for key, row in ours.items()} == kubectlrows.parse(
            theirs.stdout, len(next(iter(ours))) - 1
        )


@pytest.mark.parametrize("field", ["cpu", "memory"])
@pytest.mark.parametrize("kind", ["nodes", "pods"])
def test_order_of_sort_by_equals_that_of_kubectl(kind: str, field: str, recording: Recording) -> None:
    """`--sort-by cpu|memory` puts the same numbers in the same order, the largest first."""
    column = {"cpu": 0, "memory": -2 if kind == "nodes" else -1}[field]
    theirs = list(recording.kubectl_top(kind, f"--sort-by={field}").values())
    ours = list(kubectlrows.convert(kind, recording.items(kind, "--sort-by", field)).values())
    assert [row[column] for row in ours] == [row[column] for row in theirs]


@pytest.mark.parametrize("kind", KINDS)
def test_plain_table_equals_that_of_kubectl(kind: str, recording: Recording) -> None:
    """`--usage` has kubectl's rows, columns and numbers, rounded as kubectl rounds them."""
    keys = {"nodes": 1, "pods": 2, "containers": 3}[kind]
    scope = () if kind == "nodes" else ("-A",)
    ended = product.kubevitals("top", kind, "--usage", "--no-headers", *scope, environ=recording.environ)
    assert kubectlrows.parse(ended.stdout, keys) == recording.kubectl_top(kind)


def test_library_has_the_numbers_that_the_metrics_api_sent(recording: Recording) -> None:
    """Snapshot rows hold the quantities of the response exactly: no drift, no rounding."""
    with kubevitals.connect(kubeconfig=str(recording.kubeconfig)) as cluster:
        taken = cluster.snapshot()
        raw = {
            kind: json.loads(cluster.client.fetch(f"{METRICS}/{kind}"))["items"] for kind in ("nodes", "pods")
        }
    assert not taken.problems
    assert {node.name: (node.cpu_usage_cores, node.memory_usage_bytes) for node in taken.nodes} == {
        item["metadata"]["name"]: _exact(item["usage"]) for item in raw["nodes"]
    }
    assert {
        (each.pod, each.name): (each.cpu_usage_cores, each.memory_usage_bytes) for each in taken.containers
    } == {
        (item["metadata"]["name"], each["name"]): _exact(each["usage"])
        for item in raw["pods"]
        for each in item["containers"]
    }


def _exact(usage: dict[str, str]) -> tuple[float, int]:
    cores = utils.parse_quantity(usage["cpu"])  # the official client's own parser, a Decimal
    return float(cores), int(utils.parse_quantity(usage["memory"]))


def test_recording_was_asked_for_once_and_by_both(recording: Recording) -> None:
    """The comparison stands on one response: kubectl and kubevitals ask for the same list of metrics."""
    recording.items("pods")
    del recording.targets[:]
    recording.kubectl_top("pods")
    recording.items("pods")
    asked = [target for target in recording.targets if target.startswith(f"{METRICS}/pods")]
    assert asked == [f"{METRICS}/pods"] * 2


# the official client


@pytest.fixture
def api(recording: Recording) -> Iterator[Any]:
    """The official client on the recorded responses."""
    with config.new_client_from_config(str(recording.kubeconfig)) as made:
        yield made


@pytest.fixture
def ours(recording: Recording) -> Iterator[kubevitals.Cluster]:
    """Our own connection to them."""
    with kubevitals.connect(kubeconfig=str(recording.kubeconfig)) as made:
        yield made


Call = tuple[str, tuple[Any, ...]]
CALLS: list[Call] = [
    ("get_nodes_metrics", ()),
    ("get_pods_metrics", ("default",)),
    ("get_pods_metrics", ("default", "app=app-3")),
    ("get_pods_metrics", ("default", "app=no-such")),
    ("get_pods_metrics", ("no-such-namespace",)),
    ("get_pods_metrics_in_all_namespaces", (["default", "kube-system", "no-such"],)),
    ("get_pods_metrics_in_all_namespaces", (["default"], "tier=back")),
    ("get_pods_metrics_in_all_namespaces", ([],)),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_compat_returns_what_the_official_client_returns(
    name: str, arguments: tuple[Any, ...], api: Any, ours: kubevitals.Cluster
) -> None:
    """The three functions give the official client's answers, with its ApiClient and with our Cluster."""
    wanted = getattr(utils, name)(api, *arguments)
    function: Callable[..., Any] = getattr(compat, name)
    assert function(api, *arguments) == wanted
    assert function(ours, *arguments) == wanted


def test_compat_lists_all_namespaces_at_once(api: Any, ours: kubevitals.Cluster) -> None:
    """Without names it finds every namespace with metrics, with the items of the official client."""
    listed = official.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "pods")
    for client in (api, ours):
        found = compat.get_pods_metrics_in_all_namespaces(client)
        assert list(found) == ["default"]
        assert found["default"] == listed


@pytest.mark.parametrize("namespace", [None, ""])
def test_compat_refuses_no_namespace_as_the_official_client_does(
    namespace: str | None, api: Any, ours: kubevitals.Cluster
) -> None:
    """No namespace is a ValueError with the same words."""
    with pytest.raises(ValueError) as wanted:
        utils.get_pods_metrics(api, namespace)
    for client in (api, ours):
        with pytest.raises(ValueError, match=str(wanted.value)):
            compat.get_pods_metrics(client, namespace)
        (answer,) = compat.get_pods_metrics_in_all_namespaces(client, [namespace or ""]).values()
        assert answer == utils.get_pods_metrics_in_all_namespaces(api, [namespace or ""])[namespace or ""]


def _failures(kubeconfig: Path) -> list[Any]:
    """The ApiException of the official function, and those of ours with either client."""
    failures = []
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(config.new_client_from_config(str(kubeconfig)))
        ours = stack.enter_context(kubevitals.connect(kubeconfig=str(kubeconfig)))
        for function, client in (
            (utils.get_nodes_metrics, api),
            (compat.get_nodes_metrics, api),
            (compat.get_nodes_metrics, ours),
        ):
            with pytest.raises(official.ApiException) as raised:
                function(client)
            failures.append(raised.value)
    return failures


@pytest.mark.parametrize("status", [401, 403])
def test_compat_fails_as_the_official_client_does(
    status: int, cluster: controlplane.ControlPlane, tmp_path: Path
) -> None:
    """Without credentials that hold, or without rights, all raise an ApiException of the same status."""
    token = "nobody-knows-it" if status == 401 else cluster.accounts.create_service_account("no-numbers")
    kubeconfig = cluster.accounts.write_kubeconfig("failing", user={"token": token}, path=tmp_path / "config")
    wanted, *others = _failures(kubeconfig)
    assert wanted.status == status
    for failure in others:
        assert (failure.status, failure.reason) == (wanted.status, wanted.reason)
        assert failure.body == wanted.body


def test_compat_says_404_where_the_official_client_does(
    private_cluster: controlplane.ControlPlane,
) -> None:
    """Without metrics-server all raise an ApiException of status 404."""
    assert [failure.status for failure in _failures(private_cluster.kubeconfig)] == [404, 404, 404]


def test_quantities_are_read_as_the_official_client_reads_them(api: Any) -> None:
    """Every quantity of the 1,000 pods is the same number in both."""
    assert int(kubernetes.__version__.partition(".")[0]) >= 36
    for item in utils.get_pods_metrics(api, "default")["items"]:
        for each in item["containers"]:
            usage = each["usage"]
            read = quantity.parse_cpu(usage["cpu"]), quantity.parse_memory(usage["memory"])
            assert read == _exact(usage)
