"""The life of metrics-server, from not installed to uninstalled: what kubevitals says at each step.

One small cluster goes through the whole life once; every command is run at each step, and beside them a
library's user takes snapshots all the time. The tests look at what came of it.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests import waiting
from tests.e2e import controlplane, metricsserver, population, product

import kubevitals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import model

PODS = 3  # that run; a further one waits and never has usage
TABLES = ("nodes", "pods", "containers", "namespaces", "workloads")
SILENT = {
    "not installed": "metrics_not_installed",
    "installed, not ready": "metrics_unavailable",
    "ready and empty": "metrics_empty",
    "killed": "metrics_unavailable",
    "back and empty": "metrics_empty",
    "uninstalled": "metrics_not_installed",
}
SPEAKING = ("full", "back and full")
SAID = {
    "metrics_not_installed": "error: metrics API not installed: the cluster has no metrics.k8s.io\n",
    "metrics_unavailable": "error: metrics API installed but unavailable (HTTP 503: ",
    "metrics_empty": "error: metrics API installed, nothing collected yet\n",
}
REMEDIES = {
    "metrics_not_installed": "install metrics-server",
    "metrics_unavailable": "kubevitals doctor says why",
    "metrics_empty": "wait: ",
}
KUBECTL_SAYS = {
    "metrics_not_installed": ("Metrics API not available",),
    # by discovery first; later the request itself fails
    "metrics_unavailable": ("Metrics API not available", "ServiceUnavailable"),
    "metrics_empty": ("metrics not available yet",),
}
USAGE_KEYS = (
    "cpu_usage_cores",
    "memory_usage_bytes",
    "timestamp",
    "window_seconds",
    "age_seconds",
    "stale",
)
USAGE_HEADINGS = {"CPU(cores)", "CPU(%)", "CPU%", "CPU%LIM", "MEMORY(bytes)", "MEMORY(%)", "MEM%", "MEM%LIM"}
_TABLE_COMMANDS: dict[str, tuple[str, ...]] = {
    name: ("top", name) if name in ("nodes", "namespaces") else ("top", name, "-A") for name in TABLES
}
COMMANDS: dict[str, tuple[str, ...]] = {
    **_TABLE_COMMANDS,
    "usage of nodes": ("top", "nodes", "--usage"),
    "usage of pods": ("top", "pods", "-A", "--usage"),
    "usage of one pod": ("top", "pods", "pod-1", "--usage"),
    "sum": ("top", "pods", "-A", "--sum"),
    **{f"{name} as json": (*command, "-o", "json") for name, command in _TABLE_COMMANDS.items()},
}


class Glance(NamedTuple):
    """One snapshot of the library's user: the step, why there is no usage, every number of usage."""

    step: str
    codes: tuple[str, ...]
    numbers: tuple[float | None, ...]


class Life:
    """What was said at each step."""

    def __init__(self, cluster: controlplane.ControlPlane) -> None:
        self.cluster = cluster
        self.said: dict[tuple[str, str], product.Ended] = {}
        self.kubectl: dict[tuple[str, str], product.Ended] = {}
        self.bodies: dict[str, tuple[int, str]] = {}
        self.glances: list[Glance] = []
        self.step = "not installed"
        self._environ = product.environ(home=cluster.directory, kubeconfig=cluster.kubeconfig)

    def visit(self, step: str) -> None:
        """Run everything at this step."""
        self.step = step
        status, body = self.cluster.api.raw("GET", f"{metricsserver.API}/nodes")
        self.bodies[step] = status, body.decode()
        for name, command in COMMANDS.items():
            # Named, for auto would ask the kubelets instead, which answer here.
            self.said[step, name] = product.kubevitals(
                *command, "--source", "metrics-server", environ=self._environ
            )
        for kind in ("nodes", "pods"):
            self.kubectl[step, kind] = product.kubectl("top", kind, environ=self._environ)

    def look(self, stop: threading.Event) -> None:
        """Take snapshots until `stop`, as a program would that uses the library."""
        config = str(self.cluster.kubeconfig)
        with kubevitals.connect(kubeconfig=config, source="metrics-server") as cluster:
            while not stop.wait(0.4):
                step = self.step
                taken = cluster.snapshot()
                self.glances.append(Glance(step, _codes(taken), tuple(_numbers(taken))))

    def document(self, step: str, kind: str) -> Any:
        """The JSON that was printed."""
        return json.loads(self.said[step, f"{kind} as json"].stdout)


def _codes(taken: model.Snapshot) -> tuple[str, ...]:
    return tuple(problem.code for problem in taken.problems)


def _numbers(taken: model.Snapshot) -> Iterator[float | None]:
    rows: list[model.Node | model.Pod | model.Container] = [*taken.nodes, *taken.pods, *taken.containers]
    for row in rows:
        yield row.cpu_usage_cores
        yield row.memory_usage_bytes


def _start_empty(life: Life) -> None:
    """Start metrics-server and catch it while it answers and has collected nothing.

    A machine that is busy lets that moment pass now and then: then it is started anew, and what was seen
    meanwhile is forgotten.
    """
    metrics = life.cluster.metrics_server
    for _ in range(5):
        seen = len(life.glances)
        metrics.start()
        if metrics.wait_until_empty_or_full() == (0, 0):
            return
        metrics.kill()
        waiting.until(lambda: _answers(life, 503), seconds=10)
        del life.glances[seen:]
    pytest.fail("metrics-server was never seen ready and empty")


def _answers(life: Life, code: int) -> bool:
    return life.cluster.api.raw("GET", f"{metricsserver.API}/nodes")[0] == code


def _live(life: Life) -> None:
    metrics = life.cluster.metrics_server
    life.visit("not installed")
    metrics.install(run=False)
    waiting.until(lambda: _answers(life, 503), seconds=10)
    life.visit("installed, not ready")
    for empty, full in (("ready and empty", "full"), ("back and empty", "back and full")):
        _start_empty(life)
        life.visit(empty)
        metrics.wait_until_full(nodes=2, pods=PODS)
        life.visit(full)
        if full == "full":
            metrics.kill()
            waiting.until(lambda: _answers(life, 503), seconds=10)
            life.visit("killed")
    metrics.uninstall()
    waiting.until(lambda: _answers(life, 404), seconds=10)
    life.visit("uninstalled")


@pytest.fixture(scope="module")
def life(bare_tools: None) -> Iterator[Life]:
    """The whole life, once."""
    with controlplane.ControlPlane() as cluster:
        cluster.add_nodes(2)
        cluster.add_pods(PODS)
        waits = population.pod("waits", node_name="node-0", annotations={"stays.test/pending": ""})
        population.create(cluster.api, [waits])
        lived = Life(cluster)
        stop = threading.Event()
        user = threading.Thread(target=lived.look, args=(stop,))
        user.start()
        try:
            _live(lived)
        finally:
            stop.set()
            user.join()
        yield lived


def cells(table: str) -> list[dict[str, str]]:
    """The rows of a table by heading; a cell never holds a space here."""
    header, *lines = [line.split() for line in table.splitlines() if not line.startswith("---")]
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.parametrize("step", SILENT)
def test_each_step_answers_what_the_list_of_steps_says(life: Life, step: str) -> None:
    """The steps are what they claim: 404, 503 with plain text, 200 with an empty list."""
    status, body = life.bodies[step]
    if SILENT[step] == "metrics_unavailable":
        assert status == 503
        assert body.strip() in ("service unavailable", "") or body.startswith("error trying to reach service")
    elif SILENT[step] == "metrics_empty":
        assert status == 200
        assert not json.loads(body)["items"]
    else:
        assert status == 404


@pytest.mark.parametrize("command", [name for name in COMMANDS if "json" not in name])
@pytest.mark.parametrize("step", SILENT)
def test_a_silent_step_is_named_with_its_remedy(life: Life, step: str, command: str) -> None:
    """Every `top` exits 1 and says on stderr which of the three silences it is, and what to do."""
    ended = life.said[step, command]
    code = SILENT[step]
    assert ended.returncode == 1
    if command == "usage of one pod" and code == "metrics_empty":  # one request, which tells only so much
        told = "error: no usage of pod 'pod-1' in namespace default: not there, or not measured yet\n"
        assert ended.stderr == told
        return
    assert SAID[code] in ended.stderr
    assert REMEDIES[code] in ended.stderr
    assert "Traceback" not in ended.stderr
    others = [text for other, text in SAID.items() if other != code]
    assert not [text for text in others if text in ended.stderr]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("step", SILENT)
def test_a_silent_step_shows_everything_but_usage(life: Life, step: str, kind: str) -> None:
    """The table has all rows, with requests and health, and a dash wherever usage would stand: no 0."""
    rows = cells(life.said[step, kind].stdout)
    wanted = {"nodes": 2, "pods": PODS + 1, "containers": PODS + 2, "namespaces": 1, "workloads": PODS + 1}
    assert len(rows) == wanted[kind]
    for row in rows:
        assert {row[heading] for heading in USAGE_HEADINGS & row.keys()} == {"-"}
    if kind == "nodes":
        assert [row["CPU%REQ"] for row in rows] == ["2%", "1%"]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("step", SILENT)
def test_a_silent_step_is_null_in_json(life: Life, step: str, kind: str) -> None:
    """In JSON each number of usage is there as null, and the reason stands in `problems` and in the rows."""
    document = life.document(step, kind)
    assert [problem["code"] for problem in document["problems"]] == [SILENT[step]]
    assert document["items"]
    for item in document["items"]:
        assert {item[key] for key in USAGE_KEYS} == {None}
        assert not [key for key in item if key.startswith(("cpu_of", "memory_of")) and item[key] is not None]
        assert item["problem"] in (SILENT[step], "not_running", "usage_incomplete")
    if kind in ("pods", "nodes"):
        assert any(item["cpu_request_cores"] for item in document["items"])


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("step", SPEAKING)
def test_a_full_step_shows_usage_of_all_that_runs(life: Life, step: str, kind: str) -> None:
    """With samples every running row has numbers above 0, before the crash and after it."""
    assert life.said[step, kind].returncode == 0
    assert "error" not in life.said[step, kind].stderr
    for item in life.document(step, kind)["items"]:
        numbers = [item["cpu_usage_cores"], item["memory_usage_bytes"]]
        if "waits" in (item["name"], item.get("pod")):
            assert numbers == [None, None]
        else:
            assert all(number > 0 for number in numbers)


@pytest.mark.parametrize("step", SPEAKING)
def test_a_pod_that_waits_is_told_from_a_silent_api(life: Life, step: str) -> None:
    """The pending pod keeps its row, a dash and a reason; nothing is an error."""
    assert life.said[step, "pods"].stderr == f"note: no usage for 1 of {PODS + 1} pods: 1 not running\n"
    (row,) = [row for row in cells(life.said[step, "pods"].stdout) if row["NAME"] == "waits"]
    assert (row["STATUS"], row["CPU(cores)"], row["MEMORY(bytes)"]) == ("Pending", "-", "-")


@pytest.mark.parametrize("kind", ["nodes", "pods"])
@pytest.mark.parametrize("step", [*SILENT, *SPEAKING])
def test_kubectl_sees_the_same_step(life: Life, step: str, kind: str) -> None:
    """`kubectl top` fails where kubevitals says that usage is missing, and only there."""
    ended = life.kubectl[step, kind]
    usage = life.said[step, f"usage of {kind}"]
    assert ended.returncode == usage.returncode
    if step in SILENT:
        assert any(text in ended.stderr for text in KUBECTL_SAYS[SILENT[step]])
    else:
        shown = {row["NAME"]: row["MEMORY(bytes)"] for row in cells(usage.stdout)}
        assert shown == {row["NAME"]: row["MEMORY(bytes)"] for row in cells(ended.stdout)}


def test_the_total_of_nothing_known_is_a_dash(life: Life) -> None:
    """The row of totals shows what is unknown as such while the metrics API is silent."""
    for step in SILENT:
        total = life.said[step, "sum"].stdout.splitlines()[-1].split()
        assert total == ["TOTAL", *["-"] * 6, "0"], "all but the restarts, of which there are none"


def test_a_user_of_the_library_sees_each_step_in_turn(life: Life) -> None:
    """A program that keeps one connection is told each silence, and gets usage in between."""
    turns: list[str] = []
    for glance in life.glances:
        code = glance.codes[0] if glance.codes else "usage"
        if turns[-1:] != [code]:
            turns.append(code)
    assert turns[:7] == [
        "metrics_not_installed",
        "metrics_unavailable",
        "metrics_empty",
        "usage",
        "metrics_unavailable",
        "metrics_empty",
        "usage",
    ]
    assert turns[7:] in (["metrics_not_installed"], ["metrics_unavailable", "metrics_not_installed"])


def test_no_number_is_ever_0(life: Life) -> None:
    """In no snapshot of the whole life, at its turning points too, is anything used 0.

    A snapshot asks for nodes and then for pods. Where metrics-server changes in between, one of them has
    usage and the other says why not: then the snapshot before or after has usage throughout.
    """
    assert len(life.glances) > 30
    for index, glance in enumerate(life.glances):
        assert all(number is None or number > 0 for number in glance.numbers), glance
        if glance.codes and set(glance.numbers) != {None}:
            neighbours = life.glances[max(index - 1, 0) : index + 2]
            assert any(not each.codes for each in neighbours), glance
