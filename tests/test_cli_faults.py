"""Every fault of the simulated cluster, and what a user of `kubevitals top` then reads."""

from __future__ import annotations

import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.commandline import CLOCK, Shown, command

from kubevitals import cli
from kubevitals import cluster as clusters
from simcluster import faults
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Top = Callable[..., Shown]

INSTALL = (
    "install metrics-server (https://github.com/kubernetes-sigs/metrics-server) "
    "or another provider of metrics.k8s.io"
)
NOTE = "note: no usage for "


@pytest.fixture(scope="module")
def running() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(nodes=4, pods=40, clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture
def world(running: simulated.SimulatedCluster) -> Iterator[simulated.SimulatedCluster]:
    """A cluster in good health before and after."""
    yield running
    running.set_faults([])


@pytest.fixture
def kubeconfig(world: simulated.SimulatedCluster, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "config"
    path.write_text(world.kubeconfig())
    return path


@pytest.fixture
def top(
    world: simulated.SimulatedCluster,
    kubeconfig: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Top:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(clusters.Cluster, "now", lambda _: datetime.fromtimestamp(world.now(), UTC))
    monkeypatch.setattr("gc.disable", lambda: None)

    def call(*words: str) -> Shown:
        capsys.readouterr()
        code = cli.main(("top", *words))
        shown = Shown(code, *capsys.readouterr())
        assert "Traceback" not in shown.err
        assert world.token not in shown.out + shown.err
        return shown

    return call


def strike(world: simulated.SimulatedCluster, *names: str) -> None:
    world.set_faults(names)


def test_health(top: Top) -> None:
    """Without faults there is usage, and nothing but the note on what cannot have any."""
    shown = top("pods", "-A")
    assert shown.code == 0
    assert shown.err.startswith(NOTE)
    assert len(shown.err.splitlines()) == 1


def dashes(shown: Shown) -> set[str]:
    return set(shown.column("CPU(cores)")) | set(shown.column("MEMORY(bytes)"))


def test_metrics_absent(top: Top, world: simulated.SimulatedCluster) -> None:
    """The table stands without usage, and it says that the metrics API is not installed, and what to do."""
    strike(world, "metrics-absent")
    for words in (("pods", "-A"), ("nodes",), ("namespaces",)):
        shown = top(*words)
        assert shown.code == 1
        assert dashes(shown) == {"-"}
        assert shown.err.splitlines()[:2] == [
            "error: metrics API not installed: the cluster has no metrics.k8s.io",
            f"  try: {INSTALL}",
        ]
    shown = top("pods", "-A", "--usage")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: metrics API not installed")


@pytest.mark.parametrize("reason", faults.REASONS)
def test_metrics_unavailable(top: Top, world: simulated.SimulatedCluster, reason: str) -> None:
    """Installed but unavailable is another answer, said at once, with where to look next."""
    strike(world, f"metrics-unavailable={reason}")
    started = time.monotonic()
    shown = top("nodes")
    assert time.monotonic() - started < 5.0
    assert shown.code == 1
    assert dashes(shown) == {"-"}
    assert len(shown.lines) == 5
    error, remedy, other = shown.err.splitlines()
    assert error == "error: metrics API installed but unavailable (HTTP 503: service unavailable)"
    assert remedy.startswith("  try: kubevitals doctor says why and what to do")
    assert other.startswith("    nor does kubelet answer: ")
    assert top("pods", "-A", "--usage").err.startswith("error: metrics API installed but unavailable")


def test_metrics_empty(top: Top, world: simulated.SimulatedCluster) -> None:
    """Installed with nothing collected yet is a third answer: wait."""
    strike(world, "metrics-empty")
    for words in (("pods", "-A"), ("pods", "-n", "kube-system"), ("nodes",), ("workloads", "-A")):
        shown = top(*words)
        assert shown.code == 1
        assert dashes(shown) == {"-"}
        assert shown.err.startswith("error: metrics API installed, nothing collected yet\n  try: wait: ")
    shown = top("pods", "-A", "--usage")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: metrics API installed, nothing collected yet")


def test_metrics_stale(top: Top, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old numbers are shown, and it is said of how many rows, and where to see their age."""
    times = [CLOCK]
    with simulated.SimulatedCluster(nodes=3, pods=20, clock=lambda: times[0]) as aging:
        path = tmp_path / "aging"
        path.write_text(aging.kubeconfig())
        monkeypatch.setattr(clusters.Cluster, "now", lambda _: datetime.fromtimestamp(aging.now(), UTC))
        words = ("nodes", "--kubeconfig", str(path))
        strike(aging, "metrics-stale")
        assert "older" not in top(*words).err
        times[0] += 600.0
        shown = top(*words, "-o", "wide")
        items = json.loads(top(*words, "-o", "json").out)["items"]
    assert shown.code == 0
    assert "nodes with a sample older than three of its windows; -o wide shows their age" in shown.err
    assert {"10m"} == {age[:3] for age in shown.column("SAMPLE")} - {"-"}
    stale = [item for item in items if item["stale"]]
    assert {item["problem"] for item in stale} == {"stale"}
    assert all(item["age_seconds"] >= 600 and item["cpu_usage_cores"] is not None for item in stale)


@pytest.mark.parametrize(("lead", "where"), [("3h", "3 h behind"), ("-20m", "20 min ahead of")])
def test_clock(top: Top, world: simulated.SimulatedCluster, lead: str, where: str) -> None:
    """Where this machine's time is not the cluster's, one line says so, and every number is shown."""
    strike(world, f"clock={lead}")
    shown = top("nodes")
    assert shown.code == 0
    warnings = [line for line in shown.err.splitlines() if line.startswith("warning:")]
    assert warnings == [f"warning: the clock of this machine is {where} that of the API server"]
    assert "no usage" not in shown.err


def test_unauthorized(top: Top, world: simulated.SimulatedCluster) -> None:
    """Refused credentials are named by their kind, never by their text."""
    strike(world, "unauthorized")
    for words in (("pods", "-A"), ("nodes",), ("pods", "--usage")):
        shown = top(*words)
        assert (shown.code, shown.out) == (1, "")
        assert shown.err.startswith("error: the cluster does not accept the credentials (token)\n  try: ")


def test_forbidden(top: Top, world: simulated.SimulatedCluster) -> None:
    """Who may not do what, and the line that would allow it."""
    strike(world, "forbidden")
    shown = top("pods", "-A")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: admin may not list pods")
    assert shown.err == (
        "error: admin may not list pods, pods.metrics.k8s.io\n"
        "  try: kubevitals rbac --features top --user admin | kubectl apply -f -"
        "   (by someone who may grant it)\n"
    )


def test_one_resource_is_forbidden(top: Top, world: simulated.SimulatedCluster) -> None:
    """Without rights on the metrics the table stands, and what fails is said."""
    strike(world, "forbidden=pods.metrics.k8s.io")
    shown = top("pods", "-A")
    assert shown.code == 1
    assert dashes(shown) == {"-"}
    assert shown.err.startswith("error: admin may not list pods.metrics.k8s.io")
    assert top("nodes").code == 0
    strike(world, "forbidden=nodes")
    assert top("pods", "-A").code == 0


def test_throttled(top: Top, world: simulated.SimulatedCluster) -> None:
    """A throttled request is tried again, unseen; without end the error says how long it was tried."""
    healthy = top("nodes")
    strike(world, "throttled=1")
    assert top("nodes") == healthy
    strike(world, "throttled")
    shown = top("nodes", "--request-timeout", "1500ms")
    assert (shown.code, shown.out) == (1, "")
    assert "error: " in shown.err
    assert "429" in shown.err
    assert "tried 2 times" in shown.err


def test_slow(top: Top, world: simulated.SimulatedCluster) -> None:
    """A slow answer is waited for, as long as --request-timeout allows; then it is an error."""
    strike(world, "slow=100ms")
    assert top("nodes").code == 0
    strike(world, "slow=3s")
    started = time.monotonic()
    shown = top("nodes", "--request-timeout", "300ms")
    assert time.monotonic() - started < 2.5
    assert (shown.code, shown.out) == (1, "")
    assert re.match(r"error: 127\.0\.0\.1:\d+ did not answer within 0\.\d+ s\n", shown.err)
    assert "--request-timeout" in shown.err


def test_cut_off(top: Top, world: simulated.SimulatedCluster) -> None:
    """A body that ends too early is asked for again; if it always does, no half list is ever shown."""
    healthy = top("nodes")
    strike(world, "cut-off=2")
    assert top("nodes") == healthy
    strike(world, "cut-off")
    shown = top("pods", "-A", "--request-timeout", "700ms")
    assert (shown.code, shown.out) == (1, "")
    assert re.match(r"error: the connection ended after \d+ of \d+ bytes of the answer \(tried", shown.err)
    assert "  try: Try again." in shown.err


def test_bad_quantity(top: Top, world: simulated.SimulatedCluster) -> None:
    """One bad value costs one cell; it is named with its place and its text."""
    healthy = top("nodes")
    strike(world, "bad-quantity")
    shown = top("nodes")
    assert shown.code == 0
    changed = [
        index for index, line in enumerate(healthy.lines) if line.split() != shown.lines[index].split()
    ]
    assert len(changed) == 1
    assert shown.cells[changed[0]][3:5] == ["-", "-"]
    name = shown.cells[changed[0]][0]
    assert f"warning: CPU usage of {name}: '12x' is not a Kubernetes quantity" in shown.err
    assert "1 with a value that is missing, no quantity or impossible" in shown.err
    pods = top("pods", "-A", "--usage")
    assert pods.code == 0
    assert pods.column("CPU(cores)").count("-") == 1
    assert "'12x'" in pods.err


def test_watch_gone(top: Top, world: simulated.SimulatedCluster) -> None:
    """`top` asks and does not watch: a server that ends every watch changes nothing for it."""
    healthy = top("pods", "-A")
    strike(world, "watch-gone")
    assert top("pods", "-A") == healthy


def test_connection_reset(top: Top, world: simulated.SimulatedCluster) -> None:
    """A broken connection is opened anew, unseen; without end it is an error with what to check."""
    healthy = top("nodes")
    strike(world, "connection-reset=2")
    assert top("nodes") == healthy
    strike(world, "connection-reset")
    shown = top("nodes", "--request-timeout", "700ms")
    assert (shown.code, shown.out) == (1, "")
    closed = r"error: (127\.0\.0\.1:\d+ closed the connection|the connection to 127\.0\.0\.1:\d+ broke)"
    assert re.match(closed, shown.err)
    assert re.search(r"\(tried \d+ times in ", shown.err)
    assert "  try: " in shown.err


def test_expired_certificate(top: Top, world: simulated.SimulatedCluster) -> None:
    """An expired certificate is refused, said to be that, and never passed over."""
    strike(world, "expired-certificate")
    shown = top("nodes")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: the certificate of 127.0.0.1:")
    assert "has expired" in shown.err
    assert "Renew the API server's certificate" in shown.err


def test_several_at_once(top: Top, world: simulated.SimulatedCluster) -> None:
    """Faults add up, and each that matters is told."""
    strike(world, "metrics-unavailable", "slow=20ms", "throttled=1", "watch-gone")
    shown = top("nodes")
    assert shown.code == 1
    assert "metrics API installed but unavailable" in shown.err
    strike(world, "bad-quantity", "connection-reset=1")
    shown = top("nodes")
    assert shown.code == 0
    assert "'12x'" in shown.err


def test_while_it_runs(kubeconfig: pathlib.Path, world: simulated.SimulatedCluster) -> None:
    """A watching table outlives faults: it says what is wrong meanwhile, and goes on when it is over."""
    with subprocess.Popen(
        command(kubeconfig, "top", "nodes", "-w", "--interval=50ms", "--request-timeout=500ms"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        remarks: list[str] = []
        told = threading.Event()

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                remarks.append(line)
                if "unavailable" in line:
                    told.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        wait_for_table(process)
        strike(world, "metrics-unavailable")
        assert told.wait(10.0)
        strike(world, "unauthorized")
        for _ in range(2):
            wait_for_table(process)
        strike(world)
        wait_for_table(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        listener.join(5.0)
    assert process.returncode == 0
    assert any("metrics API installed but unavailable" in line for line in remarks)
    assert any("does not accept the credentials" in line for line in remarks)
    assert not any("Traceback" in line for line in remarks)


def wait_for_table(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("NAME"):
            return
    raise AssertionError("it ended")


def test_interrupted_while_it_waits(kubeconfig: pathlib.Path, world: simulated.SimulatedCluster) -> None:
    """Ctrl-C during a slow answer ends at once with 130 and without a traceback."""
    strike(world, "slow=20s")
    with subprocess.Popen(
        command(kubeconfig, "top", "nodes"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        time.sleep(1.0)  # until its requests are under way
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 3.0
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_the_server_is_gone(top: Top, world: simulated.SimulatedCluster) -> None:
    """Nobody listening is said with the address."""
    del world
    shown = top("nodes", "--server", "https://127.0.0.1:1")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: nothing listens on 127.0.0.1:1: connection refused\n  try: ")


def test_an_unknown_fault() -> None:
    """A fault that does not exist is a usage error that names the nearest."""
    done = subprocess.run(
        [sys.executable, "-m", "kubevitals", "top", "nodes", "--simulation", "fault=metrics-emty"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean metrics-empty?" in done.stderr


def test_every_fault_is_tested() -> None:
    """No fault is added without a test of what a user then sees."""
    here = pathlib.Path(__file__)
    files = ("test_cli_sources.py", "test_doctor_scenarios.py")
    source = here.read_text() + "".join(here.with_name(name).read_text() for name in files)
    for name in faults.FAULTS:
        assert re.search(rf'"{name}["=]', source), name


@pytest.mark.parametrize("words", [["--help"], ["options"], ["--version"], ["completion", "bash"]])
def test_a_full_disk_is_told_in_two_lines(words: list[str]) -> None:
    """Output that cannot be written is an error with exit code 1."""
    with pathlib.Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kubevitals", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "the output cannot be written: No space left on device" in done.stderr
