"""Recording and looking back as processes: killed, ended, started again, on a terminal, with wrong files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import terminals, waiting

import kubevitals
from kubevitals.history import store

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from kubevitals import model

SMALL = ("--simulation", "nodes=3,pods=12")
NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    """Of processes that have no kubeconfig, and a state directory of their own."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    return {**kept, "KUBECONFIG": "/nonexistent", "XDG_STATE_HOME": str(tmp_path / "state"), "TZ": "UTC"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "kubevitals", *words]


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@contextlib.contextmanager
def running(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end, if it still runs."""
    with subprocess.Popen(
        command(*words), env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def count_nodes(environment: dict[str, str], *words: str) -> int:
    """How many nodes have a history."""
    done = run(environment, "history", "nodes", "--since", "10m", "-o", "json", *words)
    return len(json.loads(done.stdout)["items"]) if done.stdout else 0


def earlier(snapshot: model.Snapshot, moment: datetime) -> model.Snapshot:
    """The snapshot as if it had been taken at that time."""
    shift = moment - snapshot.generated_at

    def move(row: Any) -> Any:
        return row._replace(timestamp=None if row.timestamp is None else row.timestamp + shift)

    pods = [
        move(pod)._replace(containers=tuple(move(each) for each in pod.containers)) for pod in snapshot.pods
    ]
    records = type(snapshot.nodes)
    return snapshot._replace(
        generated_at=moment, nodes=records(map(move, snapshot.nodes)), pods=type(snapshot.pods)(pods)
    )


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, model.Snapshot]:
    """A file in which a minute of yesterday's noon was recorded, and what was."""
    path = tmp_path_factory.mktemp("history") / "history.db"
    with kubevitals.connect(simulation={"nodes": 3, "pods": 12, "speed": 0, "tls": False}) as cluster:
        taken = cluster.snapshot()
    with store.Store.open(path) as kept:
        for index in range(5):
            kept.append(earlier(taken, NOON + timedelta(seconds=15 * index)))
            assert kept.flush()
    return str(path), taken


# --- recording


def test_what_was_recorded_survives_a_kill(environment: dict[str, str]) -> None:
    """A recorder that is killed leaves what it had; the next one goes on in the same file."""
    with running(environment, "record", "--interval", "1s", *SMALL) as process:
        found = waiting.until(lambda: count_nodes(environment))
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert count_nodes(environment) == found
    done = run(environment, "record", "--interval", "1s", "--duration", "2s", *SMALL)
    assert (done.returncode, done.stdout) == (0, "")
    assert "recording simulated to" in done.stderr
    assert count_nodes(environment) >= found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end(environment: dict[str, str], tmp_path: pathlib.Path, number: int) -> None:
    """Ctrl-C and SIGTERM end a recorder well, with all of it in the file."""
    place = ("--history", str(tmp_path / "mine.db"))
    with running(environment, "record", "--interval", "1s", *place, *SMALL) as process:
        waiting.until(lambda: count_nodes(environment, *place))
        process.send_signal(number)
        assert process.wait(10) == 0
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "mine.db-wal").exists()


def test_a_second_recorder_says_that_it_waits(environment: dict[str, str]) -> None:
    """Two recorders of one file: the second one says that the first one records."""
    with running(environment, "record", "--interval", "1s", *SMALL):
        waiting.until(lambda: count_nodes(environment))
        done = run(environment, "record", "--interval", "1s", "--duration", "2s", *SMALL)
    assert done.returncode == 0
    assert "records there" in done.stderr


def test_the_service_records(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    """`serve --history` records until it is ended."""
    place = str(tmp_path / "service.db")
    with running(environment, "serve", "--port", "0", "--interval", "1s", "--history", place, *SMALL) as made:
        waiting.until(lambda: count_nodes(environment, "--history", place))
        made.send_signal(signal.SIGTERM)
        assert made.wait(10) == 0
    assert count_nodes(environment, "--history", place)


# --- looking back


def test_yesterday(environment: dict[str, str], yesterday: tuple[str, model.Snapshot]) -> None:
    """What was recorded yesterday is there after everything was started again."""
    path, taken = yesterday
    done = run(
        environment, "history", "nodes", "--since", "2d", "--step", "raw", "-o", "json", "--history", path
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["source"] == "file"
    assert {item["name"] for item in document["items"]} == {
        node.name for node in taken.nodes if node.cpu_usage_cores is not None
    }
    assert {len(item["points"]) for item in document["items"]} == {5}
    known = {node.name: node for node in taken.nodes}
    for item in document["items"]:
        point = item["points"][0]
        assert point["cpu_usage_cores"] == pytest.approx(known[item["name"]].cpu_usage_cores)
        assert point["memory_usage_bytes"] == known[item["name"]].memory_usage_bytes


def test_the_state_of_yesterday(environment: dict[str, str], yesterday: tuple[str, model.Snapshot]) -> None:
    """`top --at` shows requests, limits and health as they were, without a cluster or a kubeconfig."""
    path, taken = yesterday
    at = (NOON + timedelta(seconds=37)).isoformat()
    done = run(environment, "top", "pods", "-A", "-o", "json", "--at", at, "--history", path)
    assert done.returncode == 0
    assert f"note: the state at {NOON:%Y-%m-%d}T12:00:30Z, 7 s before" in done.stderr
    document = json.loads(done.stdout)
    known = {(pod.namespace, pod.name): pod for pod in taken.pods}
    assert {(item["namespace"], item["name"]) for item in document["items"]} == set(known)
    for item in document["items"]:
        pod = known[item["namespace"], item["name"]]
        assert item["cpu_usage_cores"] == pytest.approx(pod.cpu_usage_cores)
        for key in ("phase", "status", "restarts", "memory_limit_bytes", "cpu_request_cores", "node"):
            assert item[key] == getattr(pod, key), key


def on_terminal(environment: dict[str, str], *words: str) -> str:
    """What a command that ends well shows on a terminal."""
    with terminals.Terminal(command(*words), environ=environment) as terminal:
        seen = terminal.rest()
        assert terminal.process.wait() == 0
        return seen.replace("\r\n", "\n")


def test_a_recorder_on_a_small_terminal(environment: dict[str, str]) -> None:
    """The line of `record` is renewed in place, fits 40 columns, and says that its receiver is away."""
    text = on_terminal(
        {**environment, "TERM": "xterm", "COLUMNS": "40"},
        "record", "--interval", "1s", "--duration", "3s", "--remote-write", "http://127.0.0.1:1/w", *SMALL,
    )  # fmt: skip
    assert text.count("remote-write waits for its receiver") == 1
    lines = [each.rstrip("\n").removesuffix("\x1b[K") for each in text.split("\r") if " ticks, " in each]
    assert lines
    assert max(map(len, lines)) < 40
    assert " pods" in lines[-1]


def test_a_plot_on_a_small_terminal(
    environment: dict[str, str], yesterday: tuple[str, model.Snapshot]
) -> None:
    """A terminal of 40 columns shows one series with a plot that fits it, and NO_COLOR takes the colour."""
    path, taken = yesterday
    name = next(node.name for node in taken.nodes if node.cpu_usage_cores is not None)
    words = ("history", "nodes", name, "--since", "2d", "--history", path)
    more = {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "40", "PYTHONUTF8": "1"}
    text = on_terminal({**environment, **more}, *words)
    assert "\x1b" not in text
    assert "CPU (cores)" in text
    plot = text[text.index("CPU (cores)") :].splitlines()
    assert max(map(len, plot)) <= 40
    assert any(character > "\u2800" for line in plot for character in line)


def test_export_and_read_again(
    environment: dict[str, str], yesterday: tuple[str, model.Snapshot], tmp_path: pathlib.Path
) -> None:
    """All of it becomes a file without --since."""
    path, taken = yesterday
    done = run(environment, "history", "export", "--history", path, str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out.csv").read_text().splitlines()[1:]
    known: list[Any] = [*taken.nodes, *taken.pods, *taken.containers]
    assert len(rows) == 5 * sum(row.cpu_usage_cores is not None for row in known)


# --- wrong files


def test_no_history_yet(environment: dict[str, str]) -> None:
    """Without a file it is told how to record."""
    done = run(environment, "history", "nodes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "history.db" in done.stderr
    assert "kubevitals record" in done.stderr


@pytest.mark.parametrize("words", [("history", "nodes"), ("top", "nodes", "--at", "1h"), ("record", *SMALL)])
def test_a_foreign_file(environment: dict[str, str], tmp_path: pathlib.Path, words: tuple[str, ...]) -> None:
    """A file of something else is an error, and stays as it is."""
    path = tmp_path / "letter.txt"
    path.write_text("dear all\n" * 100)
    done = run(environment, *words, "--history", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "letter.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_text() == "dear all\n" * 100


def test_wrong_words(environment: dict[str, str]) -> None:
    """A size that is none, and sending what is not recorded, are wrong usage."""
    assert run(environment, "record", "--history-size", "little").returncode == 2
    done = run(environment, "serve", "--remote-write", "http://127.0.0.1:1/api/v1/write", *SMALL)
    assert done.returncode == 2
    assert "add --history" in done.stderr
