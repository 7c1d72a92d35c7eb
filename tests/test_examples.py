"""The examples run as they stand, against a simulated cluster of their own and against a kubeconfig."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def run(name: str, *words: str, kubeconfig: str = "/nonexistent") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "KUBECONFIG": kubeconfig},
        check=False,
    )


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("kube") / "config"
    with simulated.SimulatedCluster() as world:
        path.write_text(world.kubeconfig())
        yield str(path)


def test_namespace_total() -> None:
    """A namespace's total is one line with pods, cores and bytes."""
    done = run("namespace_total.py", "shop", "--simulate")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"shop: \d+ pods, CPU \d+\.\d{3} cores, memory \d+ MiB\n", done.stdout)


def test_namespace_total_of_nothing() -> None:
    """What is unknown is called that."""
    done = run("namespace_total.py", "none", "--simulate")
    assert done.stdout == "none: 0 pods, CPU unknown, memory unknown\n"


def test_pods_above() -> None:
    """Pods above the threshold come fullest first, and make the exit code 1; none above is 0."""
    done = run("pods_above.py", "0.5", "--simulate")
    assert (done.returncode, done.stderr) == (1, "")
    shares = [float(line.split("%")[0]) for line in done.stdout.splitlines()]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) >= 50  # 50.04 is printed as 50.0
    done = run("pods_above.py", "99", "--simulate")
    assert (done.returncode, done.stdout) == (0, "")


def test_compare_namespaces() -> None:
    """Namespaces stand side by side; some of them on demand."""
    done = run("compare_namespaces.py", "--simulate")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"shop", "checkout", "kube-system"} <= {line.split()[0] for line in done.stdout.splitlines()}
    done = run("compare_namespaces.py", "--simulate", "--only", "shop")
    assert len(done.stdout.splitlines()) == 1


def test_watch_node() -> None:
    """A node is read as often as asked for; one that is not there is an error."""
    done = run("watch_node.py", "general-1", "--simulate", "--times", "2", "--interval", "0.1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"general-1: CPU \d+%, memory \d+% \(measured \d\d:\d\d:\d\d\)", lines[0])
    done = run("watch_node.py", "nope", "--simulate")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "there is no node nope\n")


def test_with_a_kubeconfig(kubeconfig: str) -> None:
    """Without --simulate they read the cluster that kubectl would."""
    done = run("namespace_total.py", "shop", kubeconfig=kubeconfig)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("namespace_total.py", "shop", "--context", "simulated-viewer-shop", kubeconfig=kubeconfig)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_example_is_tested() -> None:
    """No example is there that does not run here."""
    tests = pathlib.Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.name}"' in tests
