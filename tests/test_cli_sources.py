"""Where usage comes from, as a user of the command line says it, and what is read then."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.commandline import CLOCK, Shown
from tests.test_cli_faults import strike

from kubevitals import cli
from kubevitals import cluster as clusters
from kubevitals.cli import oneshot
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    Top = Callable[..., Shown]

KUBELETS = ("--source", "kubelet", "--no-wait")
SECONDS = {"moved": 0.0}


@pytest.fixture(scope="module")
def running() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(
        nodes=4, pods=40, kubelets=True, clock=lambda: CLOCK + SECONDS["moved"]
    ) as made:
        yield made


@pytest.fixture
def world(running: simulated.SimulatedCluster) -> Iterator[simulated.SimulatedCluster]:
    """A cluster whose kubelets answer, before and after."""
    yield running
    running.set_faults([])


@pytest.fixture
def call(
    world: simulated.SimulatedCluster,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Top:
    path = tmp_path / "config"
    path.write_text(world.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr(clusters.Cluster, "now", lambda _: datetime.fromtimestamp(world.now(), UTC))
    monkeypatch.setattr("gc.disable", lambda: None)

    def run(*words: str) -> Shown:
        capsys.readouterr()
        shown = Shown(cli.main(words), *capsys.readouterr())
        assert "Traceback" not in shown.err
        assert world.token not in shown.out + shown.err
        return shown

    return run


def test_one_reading_of_the_kubelets_tells_memory(call: Top) -> None:
    """Without waiting, memory is known, usage of CPU is not, and the note says that it takes two readings."""
    shown = call("top", "nodes", *KUBELETS)
    assert shown.code == 0
    assert set(shown.column("CPU(cores)")) == {"-"}
    assert any(cell.endswith("Mi") for cell in shown.column("MEMORY(bytes)"))
    assert "usage of CPU needs two readings" in shown.err


def test_the_second_reading_tells_what_the_metrics_api_tells(
    call: Top, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the wait the kubelets' rates are the usage that the metrics API has of the same moment."""

    def later(_: float) -> None:
        SECONDS["moved"] += 15.0

    monkeypatch.setattr(
        oneshot.take, "__kwdefaults__", {**(oneshot.take.__kwdefaults__ or {}), "sleep": later}
    )
    monkeypatch.setattr("kubevitals.sources.kubelet.source.REUSE_SECONDS", 0.0)
    kubelets = json.loads(call("top", "pods", "-A", "--source", "kubelet", "-o", "json").out)
    metrics = json.loads(call("top", "pods", "-A", "--source", "metrics-server", "-o", "json").out)
    assert (kubelets["source"], metrics["source"]) == ("kubelet", "metrics-server")
    usage = {each["name"]: each for each in kubelets["items"]}
    compared = 0
    for each in metrics["items"]:
        if each["cpu_usage_cores"] is None or usage[each["name"]]["problem"]:
            continue
        compared += 1
        assert usage[each["name"]]["cpu_usage_cores"] == pytest.approx(each["cpu_usage_cores"], abs=1e-6)
        assert usage[each["name"]]["memory_usage_bytes"] == each["memory_usage_bytes"]
    assert compared > 20


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("kubelet-refused", "kubelet_unreachable", "cannot be reached"),
        ("kubelet-unauthorized", "kubelet_unauthorized", "authentication.webhook.enabled"),
        ("kubelet-forbidden", "kubelet_forbidden", "nodes/metrics"),
        ("kubelet-self-signed", "kubelet_tls", "serverTLSBootstrap"),
        ("kubelet-cut-off", "kubelet_failed", "the kubelet of general-1"),
        ("kubelet-empty", "kubelet_failed", "the kubelet of general-1"),
        ("kubelet-garbage", "kubelet_failed", "the kubelet of general-1"),
    ],
)
def test_a_kubelet_that_fails_costs_its_own_rows(
    call: Top, world: simulated.SimulatedCluster, fault: str, code: str, words: str
) -> None:
    """The rows of its node say why, all others are there, and the remedy is told."""
    strike(world, f"{fault}=general-1")
    told = json.loads(call("top", "nodes", *KUBELETS, "-o", "json").out)
    problems = {each["name"]: each["problem"] for each in told["items"]}
    assert problems.pop("general-1") == code
    assert "first_sample" in problems.values()
    shown = call("top", "pods", "-A", *KUBELETS)
    assert shown.code == 0
    assert words in shown.err


# The rest of the catalogue, each by its own words, so that none is forgotten.
def test_slow_and_silent_kubelets(call: Top, world: simulated.SimulatedCluster) -> None:
    """A slow kubelet is waited for."""
    strike(world, "kubelet-slow=200ms")
    assert "first_sample" in call("top", "nodes", *KUBELETS, "-o", "json").out


def test_a_kubelet_that_hangs(
    call: Top, world: simulated.SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubelet that never answers costs its own rows, after its time-out."""
    from kubevitals.sources.kubelet import source

    defaults = source.Kubelets.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout", 0.5)
    strike(world, "kubelet-hangs=general-1")
    told = json.loads(call("top", "nodes", *KUBELETS, "-o", "json").out)
    assert {each["name"]: each["problem"] for each in told["items"]}["general-1"] == "kubelet_timeout"


def test_a_kubelet_without_times(call: Top, world: simulated.SimulatedCluster) -> None:
    """Metrics that do not say when they were measured are taken as of now."""
    strike(world, "kubelet-no-timestamps")
    shown = call("top", "nodes", *KUBELETS)
    assert any(cell.endswith("Mi") for cell in shown.column("MEMORY(bytes)"))


@pytest.mark.parametrize("fault", ["kubelet-duplicates", "kubelet-zero-counters", "kubelet-scrape-error"])
def test_numbers_that_nobody_can_believe(call: Top, world: simulated.SimulatedCluster, fault: str) -> None:
    """Contradictions, zeros of a cgroup that is not read, and failed measurements are unknown, never 0."""
    strike(world, fault)
    told = json.loads(call("top", "pods", "-A", *KUBELETS, "-o", "json").out)
    assert {each["memory_usage_bytes"] for each in told["items"]} == {None}
    assert {each["cpu_usage_cores"] for each in told["items"]} == {None}


@pytest.mark.parametrize("source", ["metrics-server", "kubelet", "prometheus"])
def test_a_named_source_is_never_replaced(call: Top, world: simulated.SimulatedCluster, source: str) -> None:
    """Where the named source gives nothing, requests and limits are shown with the reason, exit code 1."""
    strike(world, "metrics-unavailable", "kubelet-refused")
    shown = call("top", "pods", "-A", "--source", source, "--no-wait", "-o", "json")
    told = json.loads(shown.out)
    assert shown.code == 1
    assert told["source"] == "none"
    assert any(each["cpu_request_cores"] for each in told["items"])
    assert {each["cpu_usage_cores"] for each in told["items"]} == {None}
    assert shown.err.startswith("error: ")


def test_auto_takes_the_kubelets_and_says_so(call: Top, world: simulated.SimulatedCluster) -> None:
    """Without the metrics API the kubelets answer, and a warning says since when and why."""
    strike(world, "metrics-absent")
    shown = call("top", "nodes", "--no-wait")
    assert shown.code == 0
    assert any(cell.endswith("Mi") for cell in shown.column("MEMORY(bytes)"))
    assert "warning: usage comes from kubelet since " in shown.err
    assert "metrics API not installed" in shown.err


def test_no_source_is_no_failure(call: Top) -> None:
    """--source none shows requests and limits, asks nobody, and is good."""
    shown = call("top", "nodes", "--source", "none")
    assert shown.code == 0
    assert set(shown.column("CPU(cores)")) == {"-"}
    assert "as --source none asks for" in shown.err


@pytest.mark.parametrize(
    "command", [("top", "nodes"), ("overview",), ("export", "--once")], ids=lambda each: each[0]
)
def test_every_command_that_prints_once_takes_a_source(
    call: Top, world: simulated.SimulatedCluster, command: tuple[str, ...]
) -> None:
    """The source that is named is the one that is asked, and none is good everywhere."""
    strike(world, "metrics-absent")
    assert call(*command, "--source", "metrics-server").code == 1
    assert "metrics API not installed" in call(*command, "--source", "metrics-server").err
    assert call(*command, "--source", "kubelet", "--no-wait").code == 0
    assert call(*command, "--source", "none").code == 0


@pytest.mark.parametrize("command", ["top", "overview", "export", "serve", "record", "rbac"])
def test_sources_are_completed(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Behind --source the shell is offered the sources."""
    assert cli.main(["__complete", command, "--source", ""]) == 0
    offered = [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert offered[:-1] == ["auto", "metrics-server", "kubelet", "prometheus", "none"]


def test_usage_alone_of_no_source(call: Top) -> None:
    """--usage without a source of usage is wrong usage."""
    shown = call("top", "pods", "-A", "--usage", "--source", "none")
    assert (shown.code, shown.out) == (2, "")


def test_prometheus_that_does_not_answer(call: Top, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prometheus that is configured and away gives way to the metrics API, and is told of."""
    monkeypatch.setenv("KUBEVITALS_PROMETHEUS_URL", "http://127.0.0.1:1")
    shown = call("top", "nodes")
    assert shown.code == 0
    assert "usage comes from metrics-server since" in shown.err
    assert "nothing listens on 127.0.0.1:1" in shown.err


@pytest.mark.parametrize(
    ("words", "headings"),
    [
        (("nodes",), {"NET-RX", "NET-TX", "FS-USED", "FS-SIZE", "SWAP", "PSI-CPU", "PSI-MEM", "PSI-IO"}),
        (("pods", "-A"), {"NET-RX", "NET-TX", "EPHEMERAL", "SWAP", "PSI-CPU", "PSI-MEM", "PSI-IO"}),
        (("containers", "-A"), {"THROTTLED", "OOM", "EPHEMERAL", "SWAP", "PSI-CPU", "PSI-MEM", "PSI-IO"}),
    ],
)
def test_details_are_columns(call: Top, words: tuple[str, ...], headings: set[str]) -> None:
    """--detail asks the kubelets and shows what they tell beside CPU and memory, by kind."""
    shown = call("top", *words, "--detail", "--no-wait")
    assert shown.code == 0
    assert headings <= set(shown.lines[0].split())
    assert any(cell.endswith("Mi") for cell in shown.column("SWAP"))


def test_details_are_in_documents(call: Top) -> None:
    """With --detail each row of JSON has the details as numbers; without, the key is null."""
    detailed = json.loads(call("top", "nodes", "--detail", "--no-wait", "-o", "json").out)["items"]
    assert any(each["detail"] and each["detail"]["filesystem_capacity_bytes"] for each in detailed)
    plain = json.loads(call("top", "nodes", "--no-wait", "-o", "json").out)["items"]
    assert {each["detail"] for each in plain} == {None}


def test_details_of_another_source(call: Top) -> None:
    """--detail with a source that has none is wrong usage."""
    shown = call("top", "nodes", "--detail", "--source", "metrics-server")
    assert (shown.code, shown.out) == (2, "")
    assert "--detail comes from the kubelets" in shown.err
