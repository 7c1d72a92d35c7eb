"""The overview: what it shows, in which width, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests import small_world

from kubevitals import cli, model, severity, verdict
from kubevitals.cli.commands import overview
from kubevitals.surfaces.terminal import console
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MIB = 1 << 20
GLYPHS = {severity.INFO: "o", severity.WARNING: "*", severity.CRITICAL: "#"}


def make_pod(number: int, **fields: Any) -> model.Pod:
    facts: dict[str, Any] = {
        "phase": "Running", "status": "Running", "ready": True, "created_at": NOW - timedelta(days=1),
        "cpu_usage_cores": number / 100, "memory_usage_bytes": number * MIB, "restarts": 0,
        "cpu_request_cores": 1.0, "memory_limit_bytes": 1000 * MIB,
    }  # fmt: skip
    return model.Pod("shop", f"web-{number:02d}")._replace(**{**facts, **fields})


def make_node(name: str, **fields: Any) -> model.Node:
    facts: dict[str, Any] = {
        "ready": True, "status": "Ready", "pods": 20, "cpu_usage_cores": 1.0, "cpu_allocatable_cores": 4.0,
        "memory_usage_bytes": 1 << 30, "memory_allocatable_bytes": 4 << 30, "cpu_request_cores": 2.0,
    }  # fmt: skip
    return model.Node(name)._replace(**{**facts, **fields})


def make_snapshot(
    nodes: int = 2,
    pods: int = 20,
    *,
    problems: tuple[model.Problem, ...] = (),
    ill: tuple[model.Pod, ...] = (),
) -> model.Snapshot:
    return model.Snapshot(
        "prod",
        "metrics-server",
        NOW,
        model.Records(make_node(f"node-{index}") for index in range(nodes)),
        model.Records([*map(make_pod, range(pods)), *ill]),
        problems,
    )


def show(
    snapshot: model.Snapshot,
    width: int | None = None,
    *,
    limit: int | None = None,
    namespace: str | None = None,
    height: int | None = None,
) -> list[str]:
    style = console.PLAIN if width is None else console.Style(glyphs=GLYPHS, width=width)
    view = overview.View(namespace=namespace, limit=limit)
    return overview.compose(snapshot, view, style=style, height=height).splitlines()


def test_sections() -> None:
    """The verdict, a summary, what is wrong, nodes and the ten busiest pods, in this order."""
    ill = make_pod(1, name="ill", status="CrashLoopBackOff")
    lines = show(make_snapshot(ill=(ill,)))
    assert lines[0] == "1 critical: shop/ill CrashLoopBackOff"
    assert lines[1].startswith(
        "cluster prod   usage from metrics-server   2 of 2 nodes ready   21 pods: 21 Running"
    )
    assert lines[2] == "CPU 8 cores: 25% used, 50% requested   memory 8 GiB: 25% used"
    assert lines[4].startswith("CrashLoopBackOff   shop/ill")
    assert lines[6].startswith("NAME")
    lines = show(make_snapshot())
    start = lines.index("busiest pods, 10 of 20, by CPU")
    assert [line.split()[1] for line in lines[start + 2 : start + 12]] == [
        f"web-{number:02d}" for number in range(19, 9, -1)
    ]
    assert lines[0] == "nothing is wrong with 2 nodes and 20 pods"


def test_nothing_seen_is_not_well() -> None:
    """Where nothing was seen nothing is called well: not a namespace without pods, not an empty cluster."""
    assert show(make_snapshot(pods=0), namespace="shop")[0] == (
        "nothing can be said of shop: no pod was seen in it"
    )
    assert show(make_snapshot(0, 0))[0] == "nothing can be said: no node and no pod was seen"


def test_large_numbers() -> None:
    """The summary of a large cluster has plain numbers."""
    assert "CPU 2000 cores: 25% used" in "\n".join(show(make_snapshot(nodes=500)))


def test_limit() -> None:
    """--limit bounds problems, nodes and pods, and is met where there are more of them."""
    ill = tuple(make_pod(number, name=f"ill-{number}", status="CrashLoopBackOff") for number in range(60))
    assert sum("CrashLoop" in line for line in show(make_snapshot(ill=ill), limit=60)) == 61
    lines = show(make_snapshot(nodes=30, ill=ill), limit=4)
    assert sum("CrashLoop" in line for line in lines) == 5
    lines = show(make_snapshot(nodes=30), limit=4)
    assert "busiest nodes, 4 of 30, by share of CPU" in lines
    assert "busiest pods, 4 of 20, by CPU" in lines


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("height", [4, 10, 24, 60])
@pytest.mark.parametrize(("nodes", "ill"), [(2, 0), (300, 1), (3, 40), (0, 7)])
def test_it_fits_the_screen(width: int, height: int, nodes: int, ill: int) -> None:
    """Without --limit it has no more lines than the terminal, the verdict first, and what is wrong next."""
    sick = tuple(
        make_pod(number, name=f"ill-{number}", status="CrashLoopBackOff", cpu_usage_cores=0.0)
        for number in range(ill)
    )
    lines = show(make_snapshot(nodes, ill=sick), width, height=height)
    assert len(lines) <= height
    assert lines[0].startswith(f"{ill} critical" if ill else "nothing is wrong with 2 nodes")
    rows = [sum(word in line for line in lines[1:]) for word in ("CrashLoop", "node-", "web-")]
    if height >= 24:
        assert all(rows) or not ill or not nodes
        assert rows[0] == min(ill, 10) or rows[0] >= rows[2]
    if height == 60:
        assert rows == [min(ill, 10), min(nodes, 10), 10]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_width(width: int) -> None:
    """No line is longer than the terminal is wide."""
    ill = (
        make_pod(1, name="a-rather-long-name-6bhthskcp", phase="Pending", status="ImagePullBackOff"),
        make_pod(2, name="b", status="CrashLoopBackOff", restarts=12),
        make_pod(3, name="c", phase="Failed", status="Evicted", node="node-with-a-name-of-some-length"),
    )
    lines = show(make_snapshot(ill=ill), width)
    assert max(map(len, lines)) <= width
    assert any("shop/a-rather-long-name-6bhthskcp" in line for line in lines)


def test_troubles_are_bounded() -> None:
    """At most ten troubles are shown, and how many more there are."""
    ill = tuple(make_pod(number, name=f"ill-{number}", status="CrashLoopBackOff") for number in range(13))
    lines = show(make_snapshot(ill=ill))
    assert sum("CrashLoopBackOff" in line for line in lines[1:]) == 10
    assert "and 3 more: kubevitals problems" in lines


def test_namespace() -> None:
    """With one namespace its name stands in the summary and not in each row."""
    lines = show(make_snapshot(), namespace="shop")
    assert lines[1].endswith("20 pods in shop: 20 Running")
    assert not any("NAMESPACE" in line for line in lines)


def test_unknown_is_not_well() -> None:
    """Where pods could not be read, their number is unknown, and so is whether they are well."""
    problem = model.Problem("pods_forbidden", "may not list pods")
    lines = show(make_snapshot(pods=0, problems=(problem,)))
    assert "pods unknown" in lines[1]
    assert lines[0] == "1 critical: may not list pods"


def test_hostile_names() -> None:
    """No name or reason reaches the terminal with control characters."""
    ill = (make_pod(1, name="x\x1b[2Jy", status="CrashLoopBackOff\x07", phase="Failed", reason="\n"),)
    text = "\n".join(show(make_snapshot(ill=ill), 80))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_empty_cluster() -> None:
    """A cluster of nothing is shown as one."""
    lines = show(make_snapshot(nodes=0, pods=0))
    assert "nodes unknown   0 pods" in lines[1]


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    world = small_world.SmallWorld()
    with simulated.SimulatedCluster(world=world) as cluster:
        path = tmp_path_factory.mktemp("overview") / "config"
        path.write_text(cluster.kubeconfig())
        yield str(path)


def test_command(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command reads a real server and ends with 0."""
    assert cli.main(["overview", "--kubeconfig", kubeconfig, "--limit", "3"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 nodes ready" in out
    assert "busiest pods, 3 of 8, by CPU" in out


def test_one_namespace(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """-n counts the pods of that namespace alone."""
    assert cli.main(["overview", "--kubeconfig", kubeconfig, "-n", "shop"]) == 0
    assert "4 pods in shop" in capsys.readouterr().out


def test_without_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a metrics API the health is shown, the reason told, and the exit code is 1."""
    assert cli.main(["overview", "--simulation", "nodes=3,pods=20,fault=metrics-absent"]) == 1
    captured = capsys.readouterr()
    assert "usage unknown" in captured.out
    assert "busiest pods" not in captured.out
    assert "metrics API not installed" in captured.err


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_document(kubeconfig: str, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """-o json and -o yaml hold the verdict, vitals, what is wrong, and the busiest nodes and pods."""
    words = ["overview", "--kubeconfig", kubeconfig, "-o", form, "--limit", "2"]
    assert cli.main(words) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert (document["schema"], document["kind"]) == ("kubevitals/v1", "Overview")
    assert set(document["verdict"]) == set(verdict.Verdict._fields)
    assert document["vitals"]["nodes"] == 2
    usage = [each["cpu_usage_cores"] for each in document["pods"]]
    assert usage == sorted(usage, reverse=True)
    assert [len(document[key]) for key in ("nodes", "pods")] == [2, 2]
    assert len(document["found"]) <= 2


def test_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    """The simulated cluster shows its troubles."""
    assert cli.main(["overview", "--simulate"]) == 0
    out = capsys.readouterr().out
    for word in ("NotReady", "CrashLoopBackOff", "OOMKilled", "ImagePullBackOff", "Unschedulable", "Evicted"):
        assert word in out


@pytest.mark.parametrize(
    "words",
    [["--limit", "0"], ["--limit", "x"], ["-n", "shop", "-A"], ["extra"], ["-w", "-o", "json"]],
    ids=" ".join,
)
def test_wrong_usage(words: list[str]) -> None:
    """Wrong options end with 2."""
    try:
        code = cli.main(["overview", "--simulate", *words])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    assert code == 2
