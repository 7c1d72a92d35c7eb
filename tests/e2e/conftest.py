"""What tests on a real control plane share. They run when asked for, `pytest tests/e2e`, else not."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import controlplane, provision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
NODES = 50
PODS = 1000


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out unless an argument of the command line lies in it."""
    arguments = (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)
    asked_for = any(path.resolve().is_relative_to(HERE) for path in arguments)
    return None if asked_for else True


@pytest.fixture(scope="session")
def bare_tools() -> None:
    """The programs that every control plane needs are there."""
    provision.provide(*controlplane.TOOLS, "kubectl")


@pytest.fixture(scope="session")
def controller_tools() -> None:
    """The programs of a control plane with controllers are there."""
    provision.provide(*controlplane.TOOLS, *controlplane.CONTROLLER_TOOLS, "kubectl")


@pytest.fixture(scope="session")
def cluster(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    """One for the whole run, with usage of 50 nodes and 1,000 pods, for tests that leave it as it was."""
    with controlplane.ControlPlane() as running:
        running.add_nodes(NODES)
        running.add_pods(PODS)
        running.metrics_server.install()
        running.metrics_server.wait_until_full(nodes=NODES, pods=PODS)
        yield running


@pytest.fixture
def private_cluster(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    """An empty cluster, without metrics-server, for one test that may break it."""
    with controlplane.ControlPlane() as running:
        yield running


@pytest.fixture
def make_cluster(bare_tools: None) -> Iterator[Callable[..., controlplane.ControlPlane]]:
    """Makes private clusters with options of their own; they end with the test."""
    with contextlib.ExitStack() as made:

        def make(**options: Any) -> controlplane.ControlPlane:
            return made.enter_context(controlplane.ControlPlane(**options))

        yield make


@pytest.fixture(scope="session")
def kubectls(bare_tools: None) -> list[Path]:
    """Every real kubectl at hand: the pinned one, the user's, and the versions that stand beside that one."""
    programs = [provision.provide("kubectl")["kubectl"]]
    own = shutil.which("kubectl")
    if own is not None:
        folder = Path(own).resolve().parent
        sdk = Path("/usr/lib/google-cloud-sdk/bin")  # some images keep many versions there
        programs += [Path(own), *sorted({*folder.glob("kubectl.1.*"), *sdk.glob("kubectl.1.*")})]
    return programs
