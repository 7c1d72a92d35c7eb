"""The public names, and how little is loaded for them: the start of the command line is the product."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import kubevitals
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = {
    "asyncio",
    "httpx",
    "rich",
    "textual",
    "fastapi",
    "pydantic",
    "uvicorn",
    "kubernetes",
    "requests",
    "urllib3",
}
# Measured: each costs milliseconds that a whole `kubectl top` does not take.
UNNEEDED = {
    "msgspec", "yaml", "http.client", "email", "dataclasses", "inspect", "typing", "logging", "subprocess",
    "tempfile", "pathlib", "shutil", "random", "uuid", "cryptography", "concurrent.futures", "urllib.request",
    "http.server", "decimal", "json",
}  # fmt: skip


def loaded_by(program: str, *words: str) -> set[str]:
    """The modules that are loaded at the end of a program that says nothing itself."""
    tail = "\nimport sys\nsys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program + tail, *words], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


def test_public_names() -> None:
    """Every public name is there, has a docstring, and nothing else is exported."""
    for name in kubevitals.__all__:
        value = getattr(kubevitals, name)
        assert inspect.getdoc(value), name
        assert name in dir(kubevitals)
    assert sorted(kubevitals.__all__) == list(kubevitals.__all__)
    for module in ("compat", "errors", "model", "selection", "severity", "totals"):
        assert inspect.ismodule(getattr(kubevitals, module))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        kubevitals.nope  # noqa: B018 - the look-up is what is tested


def test_the_names_that_types_see() -> None:
    """What type checkers see is what there is at run time."""
    tree = ast.parse(pathlib.Path(str(kubevitals.__file__)).read_text())
    seen = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kubevitals.")
        for alias in node.names
    }
    assert seen == set(kubevitals.__all__)


def test_version() -> None:
    """The version is that of the installed package, and the package is marked as typed."""
    assert kubevitals.__version__ == importlib.metadata.version("kubevitals")
    assert pathlib.Path(str(kubevitals.__file__)).with_name("py.typed").exists()


def test_importing_loads_next_to_nothing() -> None:
    """`import kubevitals` loads itself, and reads or starts nothing."""
    extra = loaded_by("import kubevitals") - loaded_by("")
    assert {name for name in extra if name.startswith("kubevitals")} == {"kubevitals"}
    assert len(extra) <= 3


def test_quantities_load_no_client() -> None:
    """Who parses quantities loads no network and no model."""
    loaded = loaded_by("import kubevitals; kubevitals.parse_cpu('250m')")
    assert {name for name in loaded if name.startswith("kubevitals")} == {
        "kubevitals",
        "kubevitals.errors",
        "kubevitals.quantity",
    }


RUN = """
import sys
from kubevitals import cli
sys.stdout = open('/dev/null', 'w')
try:
    code = cli.main(sys.argv[1:])
except SystemExit as end:
    code = end.code
sys.stdout.close()
sys.stdout = sys.__stdout__
assert code == 0, code
"""


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("top", "--help"), ("help", "top")])
def test_help_is_light(words: tuple[str, ...]) -> None:
    """Help loads no client and nothing heavy."""
    loaded = loaded_by(RUN, *words)
    assert not loaded & HEAVY
    assert not loaded & {
        "msgspec",
        "yaml",
        "ssl",
        "http.client",
        "kubevitals.kube.client",
        "cryptography",
    }
    assert not {name for name in loaded if name.startswith("simcluster")}


def test_simulate_needs_no_tls() -> None:
    """A command with its own simulated cluster loads neither TLS nor what makes certificates."""
    assert not loaded_by(RUN, "top", "pods", "-A", "--simulate") & {"ssl", "cryptography"}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("kube") / "config"
    with simulated.SimulatedCluster(nodes=6, pods=100) as world:
        path.write_text(world.kubeconfig())
        yield str(path)


@pytest.mark.parametrize("words", [("pods", "-A", "--usage"), ("pods", "--usage", "-n", "shop")])
def test_usage_is_light(kubeconfig: str, words: tuple[str, ...]) -> None:
    """`top --usage` of a hundred pods, over TLS and with a kubeconfig, loads nothing that can be spared."""
    loaded = loaded_by(RUN, "top", *words, "--kubeconfig", kubeconfig)
    assert not loaded & HEAVY
    assert not loaded & UNNEEDED, loaded & UNNEEDED
    assert not {name for name in loaded if name.startswith(("simcluster", "kubevitals.kube.objects"))}


@pytest.mark.parametrize("words", [("pods", "-A"), ("nodes",), ("pods", "-A", "-o", "json")])
def test_top_is_light(kubeconfig: str, words: tuple[str, ...]) -> None:
    """`top` with requests and health loads msgspec, and nothing heavy."""
    loaded = loaded_by(RUN, "top", *words, "--kubeconfig", kubeconfig)
    assert not loaded & HEAVY
    assert not loaded & {"yaml", "cryptography", "http.client", "email", "subprocess"}
    assert not {name for name in loaded if name.startswith("simcluster")}
