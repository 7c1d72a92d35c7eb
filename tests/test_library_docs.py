"""Each example of docs/library.md runs as it stands, against simulated clusters and a recorded history."""

from __future__ import annotations

import json
import pathlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests import made_past

from kubevitals.history import store
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "library.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A kubeconfig with two contexts, each of a simulated cluster."""
    path = tmp_path_factory.mktemp("kube") / "config"
    with simulated.SimulatedCluster(nodes=2) as first, simulated.SimulatedCluster(nodes=3) as second:
        worlds = {"prod-eu": first, "prod-us": second}
        config = {
            "clusters": [
                {"name": each, "cluster": {"server": worlds[each].url, "insecure-skip-tls-verify": True}}
                for each in worlds
            ],
            "users": [{"name": each, "user": {"token": worlds[each].token}} for each in worlds],
            "contexts": [{"name": each, "context": {"cluster": each, "user": each}} for each in worlds],
        }
        path.write_text(json.dumps(config))
        yield str(path)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A state directory in which a few hours of the simulated cluster were recorded."""
    place = tmp_path_factory.mktemp("state")
    (place / "kubevitals").mkdir()
    now = (datetime.now(UTC) - made_past.START).total_seconds()
    with store.Store.open(place / "kubevitals" / "history.db") as held:
        for hours in (5, 4, 3, 2, 1):
            seconds = now - hours * 3600
            pods = [
                made_past.pod("web-0", seconds=seconds),
                made_past.pod("db-0", (("db", 0.4, 5),), seconds=seconds),
            ]
            nodes = [made_past.node(seconds=seconds)]
            held.append(made_past.snapshot(seconds, pods, nodes, cluster="simulated"))
            assert held.flush()
    return str(place)


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, kubeconfig: str, state: str) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setenv("XDG_STATE_HOME", state)


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_an_example_runs(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The example runs without an error, and prints something."""
    for package in ("pandas", "polars", "pyarrow"):
        if package in EXAMPLES[place]:
            pytest.importorskip(package)
    exec(compile(EXAMPLES[place], "docs/library.md", "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("surroundings")
def test_over_requested(capsys: pytest.CaptureFixture[str]) -> None:
    """The example on over-requesting finds the workload whose use stays below half of its request, alone."""
    pytest.importorskip("pandas")
    example = next(each for each in EXAMPLES if "history.workloads" in each)
    names: dict[str, object] = {}
    exec(compile(example, "docs/library.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "db" not in printed
    assert len(names["week"]) == 2  # type: ignore[arg-type]
    assert len(example.split("import kubevitals\n")[1].strip().splitlines()) == 3
