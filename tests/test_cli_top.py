"""`kubevitals top` as a user sees it: every option, what is printed where, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.commandline import CLOCK, Shown

from kubevitals import cli, severity
from kubevitals import cluster as clusters
from kubevitals.surfaces.terminal import console
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture(scope="module")
def kubeconfig(world: simulated.SimulatedCluster, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_text(world.kubeconfig())
    return path


@pytest.fixture
def run(
    kubeconfig: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Shown]:
    """The command line in this process, its clock that of the simulated cluster."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(clusters.Cluster, "now", lambda _: datetime.fromtimestamp(CLOCK, UTC))
    monkeypatch.setattr("gc.disable", lambda: None)

    def call(*words: str) -> Shown:
        capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as end:  # argparse ends so
            code = int(end.code or 0)
        return Shown(code, *capsys.readouterr())

    return call


@pytest.fixture
def top(run: Callable[..., Shown]) -> Callable[..., Shown]:
    return lambda *words: run("top", *words)


# --- kinds


def test_nodes(top: Callable[..., Shown]) -> None:
    """Nodes have usage, its share of allocatable, and what is promised; a silent one has dashes."""
    shown = top("nodes")
    assert shown.code == 0
    assert shown.cells[0] == [
        "NAME", "STATUS", "PODS", "CPU(cores)", "CPU%", "CPU%REQ", "MEMORY(bytes)", "MEM%", "MEM%REQ",
    ]  # fmt: skip
    assert shown.column("NAME") == ["control-1", "general-1", "general-2", "general-3", "gpu-1", "memory-1"]
    assert shown.cells[4][:2] == ["general-3", "NotReady"]
    assert shown.cells[4][3:5] == ["-", "-"]
    assert shown.err == "note: no usage for 1 of 6 nodes: 1 not ready\n"


def test_pods_of_the_context_namespace(top: Callable[..., Shown]) -> None:
    """Without a namespace the context's is shown, and no column for it."""
    shown = top("pods")
    assert shown.cells[0] == [
        "NAME",
        "STATUS",
        "CPU(cores)",
        "CPU%REQ",
        "CPU%LIM",
        "MEMORY(bytes)",
        "MEM%REQ",
        "MEM%LIM",
        "RESTARTS",
    ]
    assert shown.column("NAME")[0] == "debug-shell"
    assert shown.column("STATUS") == ["Running", "CrashLoopBackOff"]
    assert shown.err == "note: no usage for 1 of 2 pods: 1 not running\n"


def test_a_context_with_a_namespace(top: Callable[..., Shown]) -> None:
    """The namespace of the context is the default, and its rights suffice."""
    shown = top("pods", "--context", "simulated-viewer-shop")
    assert (shown.code, len(shown.lines)) == (0, 15)
    assert shown.lines[1].startswith("account-api-")


def test_all_namespaces(top: Callable[..., Shown]) -> None:
    """With -A every pod is shown with its namespace, and the unknown are counted by reason."""
    shown = top("pods", "-A")
    assert len(shown.lines) == 73
    assert shown.cells[0][:2] == ["NAMESPACE", "NAME"]
    assert set(shown.column("NAMESPACE")) >= {"shop", "kube-system", "batch"}
    match = re.fullmatch(r"note: no usage for (\d+) of 72 pods: (.*)\n", shown.err)
    assert match is not None
    assert int(match[1]) == sum(int(part.split()[0]) for part in match[2].split("; "))
    dashes = shown.column("CPU(cores)").count("-")
    assert int(match[1]) == dashes


def test_ratios(top: Callable[..., Shown]) -> None:
    """A pod's percentages are usage by its own request and limit; without them there is a dash."""
    shown = top("pods", "-n", "checkout", "-o", "wide")
    row = next(
        dict(zip(shown.cells[0], row, strict=True)) for row in shown.cells if row[0].startswith("order")
    )
    for ratio, used, whole in (
        ("CPU%REQ", "CPU(cores)", "CPU-REQ"),
        ("CPU%LIM", "CPU(cores)", "CPU-LIM"),
        ("MEM%REQ", "MEMORY(bytes)", "MEM-REQ"),
        ("MEM%LIM", "MEMORY(bytes)", "MEM-LIM"),
    ):
        usage, size = (int(row[key].rstrip("mMi")) for key in (used, whole))
        assert int(row[ratio].rstrip("%")) == pytest.approx(100 * usage / size, abs=1)
    bare = next(row for row in shown.cells if row[0].startswith("email-sender"))
    assert bare[3:5] == ["-", "-"]


def test_containers(top: Callable[..., Shown]) -> None:
    """One row a container, by either way to ask for them."""
    shown = top("containers", "-n", "payments")
    assert shown == top("pods", "--containers", "-n", "payments")
    assert shown.cells[0][:3] == ["POD", "NAME", "STATUS"]
    assert len(shown.lines) > len(top("pods", "-n", "payments").lines)


def test_namespaces(top: Callable[..., Shown]) -> None:
    """Namespaces have the sums of their pods, over the whole cluster without being asked."""
    shown = top("namespaces")
    assert shown.cells[0][:3] == ["NAME", "PODS", "CPU(cores)"]
    assert shown.column("NAME") == sorted(set(top("pods", "-A").column("NAMESPACE")))
    assert " of 72 pods: " in shown.err


def test_workloads(top: Callable[..., Shown]) -> None:
    """Workloads are the tops of the owner chains: Deployments and CronJobs, not what these own."""
    shown = top("workloads", "-A")
    kinds = dict(zip(shown.column("NAME"), shown.column("KIND"), strict=True))
    assert kinds["checkout-api"] == "Deployment"
    assert kinds["invoice-export"] == "CronJob"
    assert kinds["db-migrate"] == "Job"
    assert kinds["cilium"] == "DaemonSet"
    assert kinds["prometheus"] == "StatefulSet"
    assert kinds["debug-shell"] == "Pod"
    assert kinds["etcd-control-1"] == "Pod", "a static pod belongs to no workload, and not to its node"
    assert "ReplicaSet" not in kinds.values()


@pytest.mark.parametrize("short", [("no", "nodes"), ("po", "pods"), ("pod", "pods"), ("ns", "namespaces")])
def test_short_names(top: Callable[..., Shown], short: tuple[str, str]) -> None:
    """Kubectl's short names work."""
    assert top(short[0]) == top(short[1])


# --- choosing rows


def test_names(top: Callable[..., Shown]) -> None:
    """Names choose rows; one that is not there is an error on stderr, and the others are shown."""
    shown = top("pods", "debug-shell", "nope", "no\x1b[31mpe")
    assert (shown.code, shown.column("NAME")) == (1, ["debug-shell"])
    assert shown.err.splitlines() == [
        "error: pod 'nope' in namespace default not found",
        "error: pod 'no\ufffd[31mpe' in namespace default not found",
    ]
    assert top("nodes", "gpu-1").column("NAME") == ["gpu-1"]
    assert top("ns", "shop", "batch").column("NAME") == ["batch", "shop"]
    assert top("containers", "nope").err.startswith("error: pod 'nope' in namespace default not found")
    assert (top("nodes", "nope").code, top("nodes", "nope").out) == (1, "")


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers", "namespaces", "workloads"])
def test_names_can_be_fed_back(top: Callable[..., Shown], kind: str) -> None:
    """What -o name prints, top takes as names."""
    names = top(kind, "-n", "shop", "-o", "name").lines if kind != "nodes" else top(kind, "-o", "name").lines
    assert names
    assert all(re.fullmatch(r"[a-z]+(/[a-z0-9.-]+){1,2}", name) for name in names)
    place = [] if kind == "nodes" else ["-n", "shop"]
    shown = top(kind, *place, *names)
    assert (shown.code, shown.out) == (0, top(kind, *place).out)


def test_label_selector(top: Callable[..., Shown]) -> None:
    """-l chooses pods, and nodes, by their labels."""
    shown = top("pods", "-A", "-l", "app=checkout-api")
    assert len(shown.lines) == 4
    assert all(name.startswith("checkout-api-") for name in shown.column("NAME"))
    assert top("nodes", "-l", "kubernetes.io/hostname=gpu-1").column("NAME") == ["gpu-1"]


def test_field_selector_and_node(top: Callable[..., Shown]) -> None:
    """--field-selector and --node choose pods by what the API server knows of them."""
    pending = top("pods", "-A", "--field-selector", "status.phase=Pending")
    assert 1 < len(pending.lines) < 10
    on_node = top("pods", "-A", "--node", "gpu-1", "-o", "wide")
    assert set(on_node.column("NODE")) == {"gpu-1"}
    both = top("pods", "-A", "--node", "gpu-1", "--field-selector", "metadata.namespace=ml", "-o", "wide")
    assert set(both.column("NAMESPACE")) == {"ml"}
    assert set(both.column("NODE")) == {"gpu-1"}


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers", "namespaces", "workloads"])
def test_filter(top: Callable[..., Shown], kind: str) -> None:
    """A filter leaves the rows that meet it; with its negation it leaves all of them."""
    everything = json.loads(top(kind, *([] if kind == "nodes" else ["-A"]), "-o", "json").out)["items"]
    found = {}
    for term in ("mem>500Mi", "!mem>500Mi"):
        words = [kind, *([] if kind == "nodes" else ["-A"]), "--filter", term]
        found[term] = json.loads(top(*words, "-o", "json").out)["items"]
    assert found["mem>500Mi"] == [
        each for each in everything if (each["memory_usage_bytes"] or 0) > 500 << 20
    ]
    assert 0 < len(found["mem>500Mi"]) < len(everything)
    kept = [each for each in everything if each not in found["mem>500Mi"]]
    assert found["!mem>500Mi"] == kept


def test_filter_with_other_options(top: Callable[..., Shown]) -> None:
    """Order, limit, sums and notes are those of the rows that the filter leaves."""
    words = ("pods", "-A", "--filter", "ns:shop search,cart", "--sort-by", "memory", "--sum")
    shown = top(*words)
    assert [name[:4] for name in shown.column("NAME")[:-2]] == ["sear", "sear", "cart", "cart"]
    total = sum(int(cell.removesuffix("Mi")) for cell in shown.column("MEMORY(bytes)")[:-2])
    (summed,) = (int(cell.removesuffix("Mi")) for cell in shown.cells[-1] if cell.endswith("Mi"))
    assert summed == pytest.approx(total, abs=4)
    assert shown.err == ""
    assert len(top(*words, "--limit", "1").lines) == 4
    assert top("pods", "-A", "--filter", "app:search usage:none").err == "No resources found.\n"


def test_filter_of_sums(top: Callable[..., Shown]) -> None:
    """Of sums a filter is about the sums, and about what sums have not it chooses the pods in them."""
    of_node = top("pods", "-A", "--node", "memory-1", "--group-by", "node", "--sum")
    by_filter = top("pods", "-A", "--filter", "node:memory-1", "--group-by", "node", "--sum")
    assert by_filter.out == of_node.out
    shown = top("namespaces", "--filter", "node:memory-1 cpu>100m", "--sum")
    rows = top("namespaces", "--filter", "node:memory-1")
    assert 2 < len(shown.lines) < len(rows.lines) + 2
    cells = [int(cell.removesuffix("m")) for cell in shown.column("CPU(cores)") if cell[0] != "-"]
    assert all(cell >= 100 for cell in cells)
    assert cells[-1] == pytest.approx(sum(cells[:-1]), abs=4)
    # Who owns a Job is looked up where the filter asks for it.
    owned = top("pods", "-A", "--filter", "kind:cronjob", "-o", "json")
    assert {item["workload_kind"] for item in json.loads(owned.out)["items"]} == {"CronJob"}
    assert len(top("pods", "-A", "--filter", "kind:cronjob").lines) == len(json.loads(owned.out)["items"]) + 1


def test_filter_of_usage_alone(top: Callable[..., Shown]) -> None:
    """--usage can be filtered by names and usage, and refuses what the metrics API does not say."""
    shown = top("pods", "-A", "--usage", "--filter", "mem>500Mi !kube-system")
    assert shown.code == 0
    assert all(int(cell.removesuffix("Mi")) >= 500 for cell in shown.column("MEMORY(bytes)"))
    assert "kube-system" not in shown.column("NAMESPACE")
    assert len(top("nodes", "--usage", "--filter", "cpu%alloc>0 status:ready").lines) == 6
    for kind, text in (
        ("pods", "node:x"),
        ("pods", "cpu%limit>1"),
        ("nodes", "pods>1"),
        ("nodes", "req:none"),
    ):
        refused = top(kind, "--usage", "--filter", text)
        assert (refused.code, "--usage asks the metrics API alone" in refused.err) == (2, True), text


def test_a_bad_filter(top: Callable[..., Shown]) -> None:
    """A filter that is none ends with 2, and with what is allowed."""
    shown = top("pods", "--filter", "ns:shop memmory>1Gi")
    assert shown.code == 2
    assert "filter: 'memmory>1Gi' at character 9: pods have no 'memmory'; did you mean mem" in shown.err
    assert "try: one of name, ns," in shown.err
    assert "names and --filter exclude each other" in top("pods", "web-0", "--filter", "cpu>1").err


def test_a_silent_node(top: Callable[..., Shown]) -> None:
    """Pods on a node without samples are told so; nobody claims that nothing was collected."""
    shown = top("pods", "-A", "--node", "general-3")
    assert shown.code == 0
    assert set(shown.column("CPU(cores)")) == {"-"}
    assert "on a node without any sample" in shown.err
    assert "nothing collected" not in shown.err


def test_nothing_there(top: Callable[..., Shown]) -> None:
    """An empty answer is no error and says so on stderr, in kubectl's words."""
    missing = "error: namespace 'none' not found\n  try: kubectl get namespaces lists them\n"
    assert top("pods", "-n", "none") == Shown(1, "", missing)
    missing = "error: node 'nobody' not found\n  try: kubectl get nodes lists them\n"
    assert top("pods", "-A", "--node", "nobody") == Shown(1, "", missing)
    shown = top("pods", "-n", "none", "-o", "json")
    assert (shown.code, json.loads(shown.out)["items"]) == (1, [])
    assert top("pods", "-A", "-l", "app=none") == Shown(0, "", "No resources found.\n")
    assert json.loads(top("pods", "-n", "none", "-o", "json").out)["items"] == []
    heading = top("pods", "-n", "none", "-o", "csv").lines
    assert heading == top("pods", "-A", "-o", "csv").lines[:1]


# --- order and number


def test_sorting(top: Callable[..., Shown]) -> None:
    """Numbers sort from the largest, text from a to z, unknown last; :asc and :desc turn it."""

    def cores(*words: str) -> list[str]:
        return top("nodes", *words).column("CPU(cores)")

    largest = cores("--sort-by", "cpu")
    assert largest[-1] == "-"
    values = [int(text[:-1]) for text in largest[:-1]]
    assert values == sorted(values, reverse=True)
    assert cores("--sort-by", "cpu:asc") == [*largest[-2::-1], "-"]
    assert cores("--sort-by=cpu_usage_cores:desc") == largest
    assert cores("--sort-by", "CPU(cores)") == largest
    names = top("nodes", "--sort-by", "name:desc").column("NAME")
    assert names == sorted(names, reverse=True)


def test_sorting_by_several(top: Callable[..., Shown]) -> None:
    """Several columns, by comma or by repeating the option, decide one after the other."""
    shown = top("pods", "-A", "--sort-by", "status,memory")
    assert shown == top("pods", "-A", "--sort-by", "status", "--sort-by", "memory")
    keys = [
        (status, -int(memory[:-2]) if memory != "-" else 1)
        for status, memory in zip(shown.column("STATUS"), shown.column("MEMORY(bytes)"), strict=True)
    ]
    assert keys == sorted(keys)


def test_sorting_by_age(top: Callable[..., Shown]) -> None:
    """By age the oldest comes first, as kubectl's users expect of a number."""
    shown = top("nodes", "--sort-by", "age", "-o", "wide")
    assert shown.column("AGE") == sorted(shown.column("AGE"), key=lambda age: -int(age.rstrip("d")))
    assert top("nodes", "--sort-by", "age:asc", "-o", "wide").column("AGE") == shown.column("AGE")[::-1]


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers"])
def test_sorting_by_ready(top: Callable[..., Shown], kind: str) -> None:
    """A key of -o json is what it sorts by: those that are ready come first, the unknown last."""
    items = json.loads(top(kind, "--sort-by", "ready", "-o", "json").out)["items"]
    order = [{True: 0, False: 1, None: 2}[item["ready"]] for item in items]
    assert order == sorted(order)


def test_an_unknown_column(top: Callable[..., Shown]) -> None:
    """A column that is not there is a usage error that suggests the nearest and lists all."""
    shown = top("pods", "--sort-by", "memroy")
    assert (shown.code, shown.out) == (2, "")
    assert "cannot sort by 'memroy'; did you mean memory" in shown.err
    assert "restarts" in shown.err
    assert top("pods", "--sort-by", "cpu:up").code == 2


def test_limit(top: Callable[..., Shown]) -> None:
    """--limit shows the first rows of the order, after sorting."""
    every = top("pods", "-A", "--sort-by", "memory").column("NAME")
    assert top("pods", "-A", "--sort-by", "memory", "--limit", "3").column("NAME") == every[:3]
    for wrong in ("0", "-1", "many", "²"):
        assert top("pods", f"--limit={wrong}").code == 2


# --- sums


def test_sum(top: Callable[..., Shown]) -> None:
    """--sum adds a last row with the exact total of all rows, also of those that --limit hides."""
    shown = top("pods", "-n", "shop", "--sum")
    assert set(shown.lines[-2]) == {"-", " "}
    total = shown.lines[-1].split()
    items = json.loads(top("pods", "-n", "shop", "-o", "json").out)["items"]
    cores = sum(item["cpu_usage_cores"] or 0 for item in items)
    assert total[:2] == ["TOTAL", f"{cores * 1000:.0f}m"]
    limited = top("pods", "-n", "shop", "--sum", "--limit", "1")
    assert limited.lines[-1].split()[1] == total[1]


@pytest.mark.parametrize(
    "words",
    [
        ("ns", "shop"),
        ("workloads", "-n", "shop", "cart"),
        ("pods", "-n", "shop", "search-0", "--group-by", "node"),
    ],
)
def test_sum_of_what_is_shown(top: Callable[..., Shown], words: tuple[str, ...]) -> None:
    """The total of a single row is that row, whatever else was read."""
    row, total = (line.split() for line in (top(*words, "--sum").lines[index] for index in (1, -1)))
    assert total[0] == "TOTAL"
    assert row[-8:] == total[-8:] or row[-7:] == total[-7:]


def test_sum_goes_with_tables(top: Callable[..., Shown]) -> None:
    """--sum is refused where it would be lost."""
    for form in ("json", "yaml", "csv", "name"):
        assert top("pods", "--sum", "-o", form).code == 2


def test_group_by(top: Callable[..., Shown]) -> None:
    """Pods add up by a label or a field, across namespaces; those without it are <none>."""
    shown = top("pods", "-A", "--group-by", "label=app")
    assert shown.cells[0][:2] == ["NAME", "PODS"]
    assert {"<none>", "checkout-api"} <= set(shown.column("NAME"))
    assert top("pods", "-A", "--group-by", "node").column("NAME")[0] == "<none>"
    assert set(top("pods", "-A", "--group-by", "qos").column("NAME")) == {
        "BestEffort",
        "Burstable",
        "Guaranteed",
    }
    for wrong in ("label=", "colour", "label"):
        refused = top("pods", "--group-by", wrong)
        assert refused.code == 2
        assert "neither label=KEY nor one of" in refused.err


# --- columns


def test_wide(top: Callable[..., Shown]) -> None:
    """-o wide adds requests, limits, age, node, workload and the age of the sample."""
    shown = top("pods", "-A", "-o", "wide")
    assert {"CPU-REQ", "MEM-LIM", "READY", "AGE", "NODE", "QOS", "WORKLOAD", "SAMPLE"} <= set(shown.cells[0])
    nodes = top("nodes", "-o", "wide")
    assert {"ROLES", "TROUBLE", "TAINTS", "AGE", "SAMPLE"} <= set(nodes.cells[0])


def test_of_capacity(top: Callable[..., Shown]) -> None:
    """A node's percentages are of allocatable, and of capacity on demand, by either name."""
    shown = top("nodes", "--of", "capacity")
    assert shown == top("nodes", "--show-capacity")
    items = json.loads(top("nodes", "-o", "json").out)["items"]
    expected = [
        f"{item['memory_of_capacity']:.0%}" for item in items if item["memory_of_capacity"] is not None
    ]
    assert [each for each in shown.column("MEM%") if each != "-"] == expected
    assert expected != [each for each in top("nodes").column("MEM%") if each != "-"]


def test_usage_only(top: Callable[..., Shown]) -> None:
    """--usage shows the columns of kubectl top, says nothing else, and needs no right but that."""
    shown = top("pods", "-A", "--usage")
    assert shown.cells[0] == ["NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert shown.err == ""
    assert top("pods", "-A", "--usage", "--context", "simulated-metrics-reader") == shown
    assert top("nodes", "--usage").cells[0] == ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
    assert top("containers", "-n", "shop", "--usage").cells[0][:2] == ["POD", "NAME"]
    for words in (("ns",), ("pods", "--node", "a"), ("pods", "--field-selector", "a=b")):
        assert top(*words, "--usage").code == 2


def test_no_headers(top: Callable[..., Shown]) -> None:
    """--no-headers leaves the heading out, also of CSV, and changes no row's words."""
    for words in (("pods", "-n", "shop"), ("pods", "-n", "shop", "-o", "csv")):
        with_heading, without = top(*words).lines, top(*words, "--no-headers").lines
        assert [line.split() for line in without] == [line.split() for line in with_heading[1:]]


# --- documents


def test_json(top: Callable[..., Shown]) -> None:
    """-o json is the documented envelope; every key is there, the unknown is null."""
    shown = top("pods", "-A", "-o", "json")
    document = json.loads(shown.out)
    assert list(document) == ["schema", "kind", "cluster", "source", "generated_at", "problems", "items"]
    assert (document["schema"], document["kind"], document["cluster"]) == (
        "kubevitals/v1",
        "PodList",
        "simulated",
    )
    assert len({tuple(item) for item in document["items"]}) == 1
    silent = [item for item in document["items"] if item["problem"]]
    assert silent
    assert {item["cpu_usage_cores"] for item in silent} == {None}
    assert " of 72 pods: " in shown.err


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers", "namespaces", "workloads"])
def test_documents_hold_the_same(top: Callable[..., Shown], kind: str) -> None:
    """JSON, YAML and CSV hold the same rows in the order of the table."""
    words = (kind, *(() if kind == "nodes" else ("-A",)), "--sort-by", "memory")
    items = json.loads(top(*words, "-o", "json").out)["items"]
    assert yaml.safe_load(top(*words, "-o", "yaml").out)["items"] == items
    rows = list(csv.DictReader(io.StringIO(top(*words, "-o", "csv").out)))
    assert [row["name"] for row in rows] == [item["name"] for item in items]
    assert list(rows[0]) == list(items[0])
    expected = ["" if item["cpu_usage_cores"] is None else str(item["cpu_usage_cores"]) for item in items]
    assert [row["cpu_usage_cores"] for row in rows] == expected


def test_groups_as_json(top: Callable[..., Shown]) -> None:
    """Groups are rows of their own kind."""
    document = json.loads(top("pods", "-A", "--group-by", "label=app", "-o", "json").out)
    assert document["kind"] == "GroupList"
    assert {item["namespace"] for item in document["items"]} == {None}


# --- rights


def test_half_the_rights(top: Callable[..., Shown]) -> None:
    """Who may read the metrics alone sees usage, a warning and what to do; that is no failure."""
    shown = top("pods", "-n", "shop", "--context", "simulated-metrics-reader")
    assert shown.code == 0
    assert set(shown.column("STATUS")) == {"-"}
    assert shown.err.startswith(
        "warning: requests, limits and health of pods unknown: metrics-reader may not list pods"
    )
    assert (
        "  try: kubevitals rbac --features top --user metrics-reader -n shop | kubectl apply -f -"
        in shown.err
    )


def test_no_rights(top: Callable[..., Shown]) -> None:
    """Who may read nothing is told who may not do what, and what grants all that is missing."""
    shown = top("nodes", "--context", "simulated-nothing")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: nothing may not list nodes, pods, nodes.metrics.k8s.io\n")
    assert "  try: kubevitals rbac --features top --user nothing | kubectl apply -f -" in shown.err
    assert "Traceback" not in shown.err


def test_impersonation(top: Callable[..., Shown]) -> None:
    """--as asks as somebody else."""
    assert top("nodes", "--as", "nothing").code == 1
    assert top("pods", "-n", "shop", "--as", "viewer-shop").code == 0


def test_nodes_are_summed(top: Callable[..., Shown]) -> None:
    """The last row of nodes is the cluster: sums, and shares of the nodes of which both numbers are known."""
    nodes = json.loads(top("nodes", "-o", "json").out)["items"]
    total = top("nodes", "--sum").lines[-1].split()
    known = [each for each in nodes if each["cpu_usage_cores"] is not None]
    share = sum(each["cpu_usage_cores"] for each in known) / sum(
        each["cpu_allocatable_cores"] for each in known
    )
    assert total[0] == "TOTAL"
    assert int(total[1]) == sum(each["pods"] for each in nodes)
    assert total[2] == f"{sum(each['cpu_usage_cores'] for each in known) * 1000:.0f}m"
    assert total[3] == f"{share:.0%}"


def test_what_can_still_be_promised(top: Callable[..., Shown]) -> None:
    """--available has columns of what a node can still promise: allocatable less what its pods asked for."""
    shown = top("nodes", "--available", "--sum", "--columns", "name,cpu-free,mem-free,pods-free")
    for node in json.loads(top("nodes", "-o", "json").out)["items"]:
        cells = next(line.split() for line in shown.lines if line.startswith(node["name"]))
        assert cells[1] == f"{(node['cpu_allocatable_cores'] - node['cpu_request_cores']) * 1000:.0f}m"
        free = node["memory_allocatable_bytes"] - node["memory_request_bytes"]
        assert abs(int(cells[2].removesuffix("Mi")) - free / (1 << 20)) <= 0.5
        assert int(cells[3]) == node["pods_allocatable"] - node["pods"]
    assert shown.lines[-1].startswith("TOTAL")


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers", "namespaces", "workloads"])
def test_sums_on_a_terminal(top: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A row of sums has no status and no age to judge, in colour as in a pipe."""
    style = console.Style(color=True, glyphs=dict.fromkeys(severity.SEVERITIES, "*"), width=300)
    monkeypatch.setattr(console, "detect_style", lambda *_: style)
    for form in ((), ("-o", "wide")):
        assert top(kind, "-A", "--sum", *form).lines[-1].startswith("TOTAL")


# --- wrong usage


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("services",),
        ("pods", "-o", "xml"),
        ("pods", "--nope"),
        ("pods", "a", "-l", "x=y"),
        ("pods", "a", "-A"),
        ("pods", "--available"),
        ("nodes", "--available", "--usage"),
        ("nodes", "--containers"),
        ("nodes", "--node", "a"),
        ("nodes", "--group-by", "node"),
        ("nodes", "--field-selector", "a=b"),
        ("namespaces", "--containers"),
        ("pods", "-w", "-o", "json"),
        ("pods", "--of", "moon"),
        ("pods", "--request-timeout", "soon"),
        ("pods", "--interval", "x"),
        ("pods", "--simulation", "nodes=many"),
        ("pods", "--context"),
    ],
)
def test_wrong_usage(top: Callable[..., Shown], words: tuple[str, ...]) -> None:
    """What cannot be meant ends with 2, a word on stderr and nothing on stdout."""
    shown = top(*words)
    assert (shown.code, shown.out) == (2, "")
    assert "error: " in shown.err


def test_wrong_commands(run: Callable[..., Shown]) -> None:
    """A command that is not there is a usage error with the nearest one."""
    assert run("topp").err.startswith("error: there is no command 'topp'; did you mean 'top'?")
    assert run("topp").code == 2
    assert run("--context", "a").code == 2


def test_unknown_context(top: Callable[..., Shown]) -> None:
    """A context that is not there is a failure that names those that are."""
    shown = top("nodes", "--context", "simulatd")
    assert (shown.code, shown.out) == (1, "")
    assert 'there is no context "simulatd"' in shown.err
    assert "simulated" in shown.err


def test_no_cluster(
    top: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Where nothing names a cluster, --simulate is offered."""
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    shown = top("nodes")
    assert (shown.code, shown.out) == (1, "")
    assert "--simulate" in shown.err


def test_help_and_version(run: Callable[..., Shown]) -> None:
    """Help is on stdout and ends well; it shows every option that is tested here."""
    shown = run("top", "--help")
    assert (shown.code, shown.err) == (0, "")
    for word in ("--sort-by", "--limit", "--group-by", "--usage", "--of", "--watch", "-o", "--simulate"):
        assert word in shown.out
    assert run("help", "top").out == shown.out
    assert run("--help").out.startswith("usage: kubevitals COMMAND")
    assert re.fullmatch(r"kubevitals \d+\.\d+\.\d+\n", run("--version").out)


def test_global_options_before_the_command(run: Callable[..., Shown]) -> None:
    """As with kubectl, global options may stand before the command."""
    assert run("--context", "simulated-viewer-shop", "top", "pods") == run(
        "top", "pods", "--context", "simulated-viewer-shop"
    )


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (("top",), "top needs KIND: nodes, pods", "kubevitals top --help"),
        (("pods",), "there is no command 'pods'", "kubevitals top pods"),
        (("get", "po", "-n", "x"), "there is no command 'get'", "kubevitals top pods"),
        (("nodes",), "there is no command 'nodes'", "kubevitals top nodes"),
        (("top", "pods", "--conatiners"), "did you mean --containers?", "--help"),
        (("top", "pods", "-o", "jsn"), "'jsn' is not one of wide, json", "--help"),
        (("top", "pods", "--limit", "x"), "--limit: 'x' is no number", "--help"),
        (("top", "pods", "--limit"), "--limit: expected one argument", "--help"),
        (("top", "pods", "--limit=--"), "--limit: '--' is no value", "after the ="),
        (("top", "pods", "-n=--"), "-n: '--' is no value", "after the ="),
        (("top", "pods", "--limit", "9" * 20), "is no number from 1", "--help"),
        (("top", "nodes", "--request-timeout", "9" * 20), "is longer than 100 years", "--help"),
        (("serve", ""), "serve takes no further word: ''", "--help"),
        (("top", "pods", "--context", "a", "--context=b"), "--context is given 2 times", "give it once"),
        (("top", "pods", "\x1b[2J", "--\x1b[31m"), "has no option", "--help"),
    ],
)
def test_wrong_words(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str, remedy: str
) -> None:
    """A mistake is told in two lines, with what was probably meant, and steers no terminal."""
    assert cli.main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("  try: ")
    assert remedy in second
    assert "\x1b" not in shown.err


def test_help_fits(capsys: pytest.CaptureFixture[str]) -> None:
    """Help has examples first and the command's own options; what all share is one line and a command."""
    with pytest.raises(SystemExit):
        cli.main(("top", "--help"))
    own = capsys.readouterr().out
    assert own.index("examples:") < own.index("options:")
    assert "--client-key" not in own
    assert "`kubevitals options`" in own
    assert len(own.splitlines()) < 75
    assert cli.main(("options",)) == 0
    shared = capsys.readouterr().out
    for flag in ("--client-key", "--source", "--simulate", "--context"):
        assert flag in shared


def test_a_name_as_kubectl_writes_it(top: Callable[..., Shown]) -> None:
    """`top pod/NAME` is `top pods NAME`."""
    name = top("pods", "-A", "-o", "name").out.split()[0].partition("/")[2]
    place = top("pods", "-A", "-o", "json")
    namespace = next(each["namespace"] for each in json.loads(place.out)["items"] if each["name"] == name)
    assert top(f"pod/{name}", "-n", namespace) == top("pods", name, "-n", namespace)


def test_groups_that_are_kinds(top: Callable[..., Shown]) -> None:
    """Grouping by namespace or workload is the table of that kind."""
    assert top("pods", "-A", "--group-by", "namespace") == top("namespaces", "-A")
    assert top("pods", "-A", "--group-by", "workload") == top("workloads", "-A")


def test_columns_of_ones_own(top: Callable[..., Shown]) -> None:
    """`--columns` shows these columns in this order, by heading or key, those of -o wide too."""
    shown = top("pods", "-A", "--columns", "name,NODE,cpu%lim,created_at", "--limit", "2")
    assert shown.lines[0].split() == ["NAME", "NODE", "CPU%LIM", "AGE"]
    wrong = top("pods", "-A", "--columns", "name,cpu%lym")
    assert wrong.code == 2
    assert "did you mean cpu%lim?" in wrong.err
    owned = top("pods", "-A", "--columns", "name,workload", "--no-headers")
    assert any(line.split()[1] != "-" for line in owned.lines)
