"""The command line as a process: pipes that close, terminals, signals, watching."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests import terminals
from tests.commandline import CLOCK, command

from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture(scope="module")
def kubeconfig(world: simulated.SimulatedCluster, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_text(world.kubeconfig())
    return path


def test_a_pipe_that_closes(kubeconfig: pathlib.Path) -> None:
    """`| head` is no error: nothing on stderr, and the code is 0."""
    words = " ".join(command(kubeconfig, "top", "pods", "-A", "--usage", "-o", "wide"))
    script = f"set -o pipefail; {words} --context simulated | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NAMESPACE")


def test_a_reader_that_is_gone(kubeconfig: pathlib.Path) -> None:
    """A reader that never reads is no error either."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            command(kubeconfig, "top", "pods", "-A", "--usage"),
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_plugin_name(kubeconfig: pathlib.Path) -> None:
    """Installed as kubectl-vitals it calls itself `kubectl vitals`."""
    plugin = pathlib.Path(sys.executable).with_name("kubectl-vitals")
    if not plugin.exists():
        pytest.skip("the package is not installed with its scripts")
    done = subprocess.run([plugin, "top", "--help"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: kubectl vitals top")
    done = subprocess.run(
        [plugin, "top", "nodes", "--kubeconfig", kubeconfig], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "control-1" in done.stdout


def on_terminal(
    kubeconfig: pathlib.Path, *words: str, until: str, interrupt: bool = False, **environ: str
) -> tuple[int, str]:
    """What the command writes to a terminal of 40 columns, and how it ended."""
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment = {**plain, "TERM": "xterm", "PYTHONUTF8": "1", **environ}
    with terminals.Terminal(command(kubeconfig, *words), environ=environment) as terminal:
        seen = terminal.wait_for(until) + until
        if interrupt:
            terminal.process.send_signal(signal.SIGINT)
        seen += terminal.rest()
        return terminal.process.wait(), seen


def test_colours_on_a_terminal(kubeconfig: pathlib.Path) -> None:
    """What is bad has a colour on a terminal, a ratio a glyph too; usage above a request is normal."""
    code, text = on_terminal(kubeconfig, "top", "pods", "-n", "shop", until="search-1", COLUMNS="120")
    assert code == 0
    assert re.search(r"\s11\d%   \x1b\[33m\s*9\d% ◐\x1b\[0m", text)
    assert re.search(r"\x1b\[33mEvicted\x1b\[0m", text)
    assert "\x1b[32m" not in text


def test_no_color(kubeconfig: pathlib.Path) -> None:
    """NO_COLOR takes the colour and leaves the glyphs."""
    _, text = on_terminal(
        kubeconfig, "top", "pods", "-n", "shop", until="search-1", NO_COLOR="1", COLUMNS="120"
    )
    assert "\x1b[" not in text
    assert "◐" in text


def test_watch_on_a_terminal(kubeconfig: pathlib.Path) -> None:
    """-w refreshes in place, hides the cursor meanwhile and brings it back at Ctrl-C, which is a good end."""
    code, text = on_terminal(
        kubeconfig, "top", "nodes", "-w", "--interval", "100ms", until="Ctrl-C ends", interrupt=True
    )
    assert code == 0
    assert text.startswith("\x1b[2J\x1b[?25l")
    assert text.rstrip().endswith("\x1b[?25h")


def test_watch_into_a_pipe(kubeconfig: pathlib.Path) -> None:
    """Elsewhere -w writes a new table each time, without any escape, until it is interrupted."""
    with subprocess.Popen(
        command(kubeconfig, "top", "nodes", "--watch", "--interval=100ms"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        headings = 0
        for line in process.stdout:
            headings += line.startswith("NAME")
            if headings == 3:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "\x1b" not in out
    assert "no usage for" in err


def test_simulate() -> None:
    """--simulate needs no cluster and no file, and --simulation says how large it is."""
    done = subprocess.run(
        [sys.executable, "-m", "kubevitals", "top", "nodes", "--simulation", "nodes=3,pods=20,seed=2"],
        capture_output=True,
        text=True,
        env={**os.environ, "KUBECONFIG": "/nonexistent"},
        check=False,
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4
    row = done.stdout.splitlines()[1].split()
    assert row[1] in ("Ready", "NotReady")


@pytest.mark.parametrize(
    "words", [("top", "pods", "-A"), ("overview",), ("problems",), ("--help",), ("options",)]
)
def test_a_closed_stdout(kubeconfig: pathlib.Path, words: tuple[str, ...]) -> None:
    """Without a stdout a command that prints fails in two lines."""
    program = f"{sys.executable} -m kubevitals {' '.join(words)}"
    ended = subprocess.run(
        ["sh", "-c", f"exec {program} >&-"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    first, second, *rest = ended.stderr.splitlines()
    assert first == "error: the output cannot be written: stdout is closed"
    assert second.startswith("  try: ")
    assert not [line for line in rest if "Traceback" in line]


def test_a_closed_stderr(kubeconfig: pathlib.Path) -> None:
    """Without a stderr a command works, and its warnings go nowhere."""
    ended = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m kubevitals top nodes 2>&-"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("NAME")
