"""`kubevitals history` and `top --at` as a user sees them, over a history that the tests hold."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import listed_history, ports, web_service
from tests import prometheus as servers
from tests.commandline import Shown

import kubevitals
from kubevitals import cli, model
from kubevitals import history as histories
from kubevitals.cli import historyoptions
from kubevitals.cli.completion import completer
from kubevitals.history import fallback, store
from kubevitals.surfaces import exposition
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _current() -> None:
    """What was recorded ends when the test begins: the file may have been loaded minutes before."""
    global NOW
    NOW = datetime.now(UTC).replace(microsecond=0)


def series() -> list[Any]:
    make = listed_history.samples
    return [
        make("web-0", [0.1, 0.2, 0.3, 0.4] * 60, until=NOW, uid="a", node="node-1"),
        make("db-0", [0.5] * 240, until=NOW - timedelta(hours=30), uid="b"),
        make("node-1", [1.0] * 240, until=NOW, kind="node"),
        make("app", [0.1] * 20, until=NOW, kind="container", pod="web-0"),
        make("log", [0.1] * 20, until=NOW, kind="container", pod="web-0"),
        make("web", [0.1] * 20, until=NOW, kind="workload", workload_kind="Deployment"),
        make("web", [0.1] * 20, until=NOW, kind="workload", workload_kind="StatefulSet"),
        make("shop", [0.1] * 20, until=NOW, kind="namespace"),
    ]


@pytest.fixture(scope="module")
def taken() -> model.Snapshot:
    """A state to look back at."""
    with kubevitals.connect(simulation={"nodes": 4, "pods": 40, "speed": 0, "tls": False}) as cluster:
        return cluster.snapshot()


@pytest.fixture
def kept(taken: model.Snapshot) -> listed_history.Listed:
    return listed_history.Listed(*series(), snapshot=taken)


@pytest.fixture
def run(
    kept: listed_history.Listed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Shown]:
    """The command line in this process, over that history."""
    monkeypatch.setattr(historyoptions, "open_reader", lambda _: kept)
    monkeypatch.setattr("gc.disable", lambda: None)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")

    def call(*words: str) -> Shown:
        capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as end:  # argparse ends so
            code = int(end.code or 0)
        return Shown(code, *capsys.readouterr())

    return call


@pytest.fixture
def history(run: Callable[..., Shown]) -> Callable[..., Shown]:
    return lambda *words: run("history", *words)


# --- the table


def test_summary(history: Callable[..., Shown]) -> None:
    """Each series is a line: samples, coverage, mean, 95th percentile and most."""
    shown = history("pods", "--since", "30m", "--step", "raw")
    assert (shown.code, shown.err) == (0, "")
    (row,) = shown.cells[1:]
    assert row[:2] == ["shop", "web-0"]
    assert int(row[2]) in (120, 121)
    assert row[3:7] == ["100%", "250m", "400m", "400m"]
    assert row[7:] == ["250Mi", "400Mi", "400Mi"]


def test_percentiles(history: Callable[..., Shown]) -> None:
    """Any percentiles can be asked for, of samples whatever the step, in the table, in JSON and in CSV."""
    shown = history("pods", "--since", "30m", "--step", "5m", "--percentile", "p25,50,99.9")
    assert shown.column("CPU-P25") == ["100m"]
    assert (shown.column("CPU-P50"), shown.column("MEM-P99.9")) == (["200m"], ["400Mi"])
    document = json.loads(history("pods", "--since", "30m", "--percentile", "50", "-o", "json").out)
    assert document["items"][0]["points"][-1]["cpu_p50_cores"] == 0.4
    rows = history("pods", "--since", "30m", "--step", "10m", "--percentile", "25,75", "-o", "csv")
    (row, *_) = csv.DictReader(io.StringIO(rows.out))
    assert (row["cpu_p25_cores"], row["memory_p75_bytes"]) == ("0.1", str(300 << 20))
    assert history("pods", "--percentile", "101").code == 2


def test_a_gap_is_seen(history: Callable[..., Shown]) -> None:
    """Coverage says for how much of the range there are samples."""
    assert history("pods", "web-0", "--since", "2h").column("COVERAGE") == ["50%"]


def test_problems_of_the_history_are_printed_once(
    history: Callable[..., Shown], kept: listed_history.Listed
) -> None:
    """What is wrong with the history is a note on stderr."""
    kept.problems = (model.Problem("history_disk_full", "there is no room for it", None),)
    assert history("pods", "--since", "6h").err == "note: there is no room for it\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("nodes",), ["node-1"]),
        (("no", "node-1"), ["node-1"]),
        (("pods", "--since", "2d"), ["db-0", "web-0"]),
        (("pods", "web-0", "pod/db-0", "--since", "2d"), ["db-0", "web-0"]),
        (("containers", "web-0"), ["app", "log"]),
        (("containers", "web-0/log"), ["log"]),
        (("containers", "pod/web-0/log"), ["log"]),
        (("workloads", "web"), ["web", "web"]),
        (("workloads", "deployment/web"), ["web"]),
        (("ns",), ["shop"]),
        (("pods", "-n", "shop", "--cluster", "prod"), ["web-0"]),
        (("--context", "prod", "history", "pods"), ["web-0"]),
    ],
)
def test_what(run: Callable[..., Shown], words: tuple[str, ...], names: list[str]) -> None:
    """Kinds have their short names; a container is meant by its pod, a workload by kind and name."""
    line = words if "history" in words else ("history", *words)
    shown = run(*line)
    assert (shown.code, shown.err) == (0, "")
    assert shown.column("NAME") == names


def test_wide(history: Callable[..., Shown]) -> None:
    """-o wide names the node and the uid."""
    shown = history("pods", "web-0", "-o", "wide")
    assert (shown.column("UID"), shown.column("NODE")) == (["a"], ["node-1"])
    assert "UID" not in history("nodes", "-o", "wide").out


def test_no_headers(history: Callable[..., Shown]) -> None:
    """--no-headers leaves the heading out, of the table and of CSV."""
    assert history("pods", "--no-headers").lines[0].startswith("shop")
    assert history("pods", "--no-headers", "-o", "csv").lines[0][:4].isdigit()


def test_a_plot_is_for_terminals(history: Callable[..., Shown]) -> None:
    """A pipe gets the table alone."""
    assert len(history("pods", "web-0").lines) == 2


# --- ranges and steps


def test_the_default_range(history: Callable[..., Shown], kept: listed_history.Listed) -> None:
    """Six hours are shown, ending now or at --until, in steps that suit them."""
    history("pods", "-o", "csv")
    assert kept.asked[-1].step == 300.0
    assert (
        timedelta(hours=5, minutes=55)
        < NOW - min(each.since for each in kept.asked)
        <= timedelta(hours=6, minutes=5)
    )
    kept.asked.clear()
    shown = history("pods", "db-0", "--until", "-30h")
    assert shown.column("NAME") == ["db-0"]
    assert kept.asked[0].step == histories.WHOLE
    kept.asked.clear()
    history("pods", "db-0", "--until", "-30h", "-o", "json")
    assert kept.asked[0].step == 60.0


def test_short_ranges_show_samples(history: Callable[..., Shown], kept: listed_history.Listed) -> None:
    """Below half an hour the samples are shown, unless a step is given."""
    history("pods", "--since", "20m", "-o", "json")
    assert kept.asked[-1].step is None
    history("pods", "--since", "-20m", "--step", "1m", "-o", "json")
    assert kept.asked[-1].step == 60.0


# --- documents


def test_json(history: Callable[..., Shown]) -> None:
    """JSON has an item a series with its points, in the envelope of all documents."""
    shown = history("pods", "--since", "10m", "-o", "json")
    assert (shown.code, shown.err) == (0, "")
    document = json.loads(shown.out)
    assert (document["kind"], document["source"], document["step_seconds"]) == ("HistoryList", "listed", None)
    (item,) = document["items"]
    assert len(item["points"]) in (40, 41)
    assert item["points"][-1]["cpu_usage_cores"] == 0.4


def test_csv(history: Callable[..., Shown]) -> None:
    """CSV has a line a point."""
    rows = list(csv.DictReader(io.StringIO(history("pods", "--since", "10m", "-o", "csv").out)))
    assert len(rows) in (40, 41)
    assert {row["name"] for row in rows} == {"web-0"}


# --- what is not there


def test_an_unknown_name(history: Callable[..., Shown]) -> None:
    """A name that nothing was recorded of is told, with names that are near; the rest is shown."""
    shown = history("pods", "web-0", "web-1")
    assert shown.code == 1
    assert shown.column("NAME") == ["web-0"]
    assert "nothing of pod 'web-1' between" in shown.err
    assert "  try: web-0" in shown.err


def test_nothing_in_the_range(history: Callable[..., Shown]) -> None:
    """An empty range is told, with the range that there is."""
    shown = history("pods", "--since", "20d", "--until", "10d")
    assert (shown.code, shown.out) == (1, "")
    assert "no pods were recorded between" in shown.err
    first, last = shown.err.split("what was recorded is from ")[1].split(" to ")
    assert abs(datetime.fromisoformat(first) - (NOW - timedelta(hours=31))) < timedelta(minutes=2)
    assert abs(datetime.fromisoformat(last.strip()) - NOW) < timedelta(minutes=2)


def test_nothing_at_all(run: Callable[..., Shown], kept: listed_history.Listed) -> None:
    """Where nothing was recorded yet it is told how to record."""
    kept.series.clear()
    shown = run("history", "nodes", "node-1", "-o", "json")
    assert shown.code == 1
    assert json.loads(shown.out)["items"] == []
    assert "kubevitals record" in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("things",), "not something to show"),
        (("pods", "--since", "soon"), "a time like 6h"),
        (("pods", "--since", "1h", "--until", "2h"), "is not before"),
        (("pods", "--step", "x"), "a length like"),
        (("pods", "-n", "a", "-A"), "exclude each other"),
        (("nodes", "-n", "a"), "about pods"),
        (("pods", "--format", "csv"), "history export"),
        (("export",), "name of one file"),
        (("export", "a.csv", "b.csv"), "name of one file"),
        (("export", "a.txt"), "which form"),
        (("export", "-", "--format", "csv"), "-o csv writes to stdout"),
        (("export", "a.csv", "-o", "json"), "writes a file"),
    ],
)
def test_wrong_usage(history: Callable[..., Shown], words: tuple[str, ...], said: str) -> None:
    """What cannot be meant is wrong usage, with what can be."""
    shown = history(*words)
    assert (shown.code, shown.out) == (2, "")
    assert said in shown.err


# --- export


@pytest.mark.parametrize("name", ["usage.csv", "usage.parquet"])
def test_export(history: Callable[..., Shown], tmp_path: pathlib.Path, name: str) -> None:
    """Everything that was recorded of nodes, pods and containers becomes rows of a file."""
    shown = history("export", str(tmp_path / name))
    assert (shown.code, shown.out) == (0, "")
    assert shown.err == f"{4 * 240 - 240 + 40} points in {tmp_path / name}\n"


def test_export_of_a_kind(history: Callable[..., Shown], tmp_path: pathlib.Path) -> None:
    """--kind and --since say what is written, --step how fine, --format as what."""
    path = tmp_path / "usage"
    shown = history(
        "export", str(path), "--format", "csv", "--kind", "nodes", "--since", "10m", "--step", "1m"
    )
    assert shown.code == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["kind"] for row in rows} == {"node"}
    assert len(rows) in (10, 11)


def test_nothing_to_export(history: Callable[..., Shown], tmp_path: pathlib.Path) -> None:
    """Where there is nothing in the range no file is written."""
    path = tmp_path / "usage.csv"
    shown = history("export", str(path), "--since", "20d", "--until", "10d")
    assert (shown.code, path.exists()) == (1, False)
    assert "was not written" in shown.err


# --- top --at


def test_top_at(run: Callable[..., Shown], taken: model.Snapshot) -> None:
    """`top --at` shows the table as it was, and says which moment it is."""
    shown = run("top", "pods", "-A", "--at", "1h")
    assert shown.code == 0
    assert sorted(shown.column("NAME")) == sorted(pod.name for pod in taken.pods)
    found = taken.generated_at.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    assert f"note: the state at {found}," in shown.err
    assert "after the time that was asked for" in shown.err


def test_top_at_selects(run: Callable[..., Shown], taken: model.Snapshot) -> None:
    """Namespace, labels, fields and names select as a cluster would."""
    pod = next(each for each in taken.pods if each.labels.get("app") and each.phase == "Running")
    place = ("-n", pod.namespace, "--at", "1h", "-o", "json")

    def names(*words: str) -> set[str]:
        return {item["name"] for item in json.loads(run("top", "pods", *place, *words).out)["items"]}

    inside = [each for each in taken.pods if each.namespace == pod.namespace]
    assert names() == {each.name for each in inside}
    label = f"app={pod.labels['app']}"
    assert names("-l", label) == {each.name for each in inside if each.labels.get("app") == pod.labels["app"]}
    assert names("--field-selector", f"spec.nodeName={pod.node}") == {
        each.name for each in inside if each.node == pod.node
    }
    assert names(pod.name) == {pod.name}


def test_top_at_filters(run: Callable[..., Shown], taken: model.Snapshot) -> None:
    """A filter means the same of the state as it was; ages are those of then."""
    words = ("top", "pods", "-A", "--at", "1h", "-o", "json", "--filter")
    found = json.loads(run(*words, "restarts>0 age>1m !kube-system").out)["items"]
    assert {(item["namespace"], item["name"]) for item in found} == {
        (pod.namespace, pod.name)
        for pod in taken.pods
        if pod.restarts
        and "kube-system" not in pod.namespace
        and pod.created_at is not None
        and (taken.generated_at - pod.created_at).total_seconds() > 60
    }
    assert found


def test_top_nodes_at(run: Callable[..., Shown], taken: model.Snapshot) -> None:
    """Nodes are selected by their labels."""
    label = "kubernetes.io/hostname"
    name = taken.nodes[0].labels[label]
    assert run("top", "nodes", "--at", "1h", "-l", f"{label}={name}").column("NAME") == [taken.nodes[0].name]


def test_top_at_nothing(run: Callable[..., Shown], kept: listed_history.Listed) -> None:
    """Where nothing was recorded near the moment it is told what was."""
    kept.snapshot = None
    shown = run("top", "nodes", "--at", "3d")
    assert shown.code == 1
    assert "nothing was recorded near" in shown.err
    assert "what was recorded is from" in shown.err
    kept.series.clear()
    assert "kubevitals record" in run("top", "nodes", "--at", "3d").err


def test_top_at_of_a_cluster_that_no_kubeconfig_knows(
    run: Callable[..., Shown], kept: listed_history.Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that was recorded under another name is asked for by that; who asks for none is told it."""
    asked: list[str | None] = []
    answer = kept.snapshot

    def snapshot_at(_: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        asked.append(cluster)
        return answer if cluster == "prod" else None

    monkeypatch.setattr(kept, "snapshot_at", snapshot_at)
    assert run("top", "pods", "-A", "--at", "1h", "--context", "prod").code == 0
    assert asked == ["prod"]
    shown = run("top", "pods", "-A", "--at", "1h", "--context", "dev")
    assert shown.code == 1
    assert "--context prod asks for another cluster" in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "soon"), "a time like 6h"),
        (("--at", "1h", "-w"), "does not change"),
        (("--history", "file"), "goes with --at"),
        (("--at", "1h", "-l", "a=("), "not a label selector"),
        (("--at", "1h", "--field-selector", "colour=red"), "there is no field 'colour'"),
    ],
)
def test_wrong_usage_of_top(run: Callable[..., Shown], words: tuple[str, ...], said: str) -> None:
    """What cannot be meant is wrong usage."""
    shown = run("top", "pods", *words)
    assert (shown.code, shown.out) == (2, "")
    assert said in shown.err


# --- where


def test_an_address_is_a_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--history with an address asks that server; one that does not answer is told."""
    monkeypatch.setattr("gc.disable", lambda: None)
    assert cli.main(["history", "nodes", "--history", f"http://127.0.0.1:{ports.free()}"]) == 1
    shown = capsys.readouterr()
    assert "127.0.0.1" in shown.err
    assert "Traceback" not in shown.err


def test_a_real_prometheus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    """What a Prometheus has scraped of the service is shown as what was recorded in a file."""
    monkeypatch.setattr("gc.disable", lambda: None)
    chosen = settings.Settings(exposition=exposition.make_options(labels=("workload",)))
    with web_service.serve(chosen, simulation={"nodes": 3, "pods": 12}) as service:
        service.tick()
        with (
            web_service.listening(service) as url,
            servers.running(url.removeprefix("http://"), tmp_path) as server,
        ):
            server.wait_for("kubevitals_ready == 1")
            place = ("--history", server.url)
            assert cli.main(["history", "nodes", "-o", "json", *place]) == 0
            document = json.loads(capsys.readouterr().out)
            assert cli.main(["top", "nodes", "--at", "now", "--simulate", "-o", "name", *place]) == 0
    assert document["source"] == "prometheus"
    assert service.collector.latest is not None
    nodes = service.collector.latest.snapshot.nodes
    known = {node.name: node.cpu_usage_cores for node in nodes if node.cpu_usage_cores is not None}
    shown = {item["name"]: item["points"][-1]["cpu_usage_cores"] for item in document["items"]}
    assert shown == pytest.approx(known)
    assert set(capsys.readouterr().out.split()) == {f"node/{node.name}" for node in nodes}


# --- a file with memory behind it


def test_memory_answers_while_the_file_cannot(tmp_path: pathlib.Path) -> None:
    """While the file cannot be read memory answers, and a problem says why; then the file does again."""
    path = tmp_path / "history.db"
    memory = listed_history.Listed(*series())
    query = histories.Query("node", NOW - timedelta(hours=1), NOW)
    with store.Store.open(path, write=False) as file:
        both = fallback.Fallback(file, memory)
        assert both.name == "file"
        answer = both.read(query)
        assert [each.name for each in answer.series] == ["node-1"]
        assert (answer.source, [each.code for each in answer.problems]) == ("listed", ["history_missing"])
        assert both.snapshot_at(NOW) is None
        assert both.clusters() == ["prod"]
        assert both.extent(NOW) == memory.extent(NOW)
        with store.Store.open(path):
            later = both.read(query)
            assert (later.series, later.source, later.problems) == ((), "file", ())
            assert answer.source == "listed"  # what was answered stays
            assert both.clusters() == []


def test_memory_answers_for_what_the_file_does_not_take(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, taken: model.Snapshot
) -> None:
    """While a file can be read but not written, what memory covers is asked there, and no more."""
    memory = listed_history.Listed(*series(), snapshot=taken)
    full = model.Problem("history_disk_full", "no room", "make some")
    with store.Store.open(tmp_path / "history.db") as file:
        both = fallback.Fallback(file, memory, window=1800.0, clock=lambda: NOW)
        late = histories.Query("node", NOW - timedelta(minutes=30), NOW)
        assert both.read(late).series == ()
        monkeypatch.setattr(file, "_status", store.Status("off", full))
        answer = both.read(late)
        assert [each.name for each in answer.series] == ["node-1"]
        assert (answer.source, answer.problems) == ("listed", (full,))
        found = both.snapshot_at(NOW)
        assert found is not None
        assert found.problems == (*taken.problems, full)
        assert both.read(late._replace(since=NOW - timedelta(hours=1))).series == ()


# --- completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("history", ""), {"nodes", "pods", "containers", "namespaces", "workloads", "export"}),
        (("history", "export", "--format", ""), {"csv", "parquet"}),
        (("history", "pods", "--s"), {"--since", "--step", "--simulate", "--simulation"}),
        (("rec",), {"record"}),
    ],
)
def test_completion(
    words: tuple[str, ...],
    expected: set[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shell completes kinds, formats and options."""
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    assert completer.run_words(words, environ={}) == 0
    found = {line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[:-1]}
    assert found == expected


def test_an_export_since_a_time_asks_a_database_for_that_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --since a database is not searched for its first sample, and is asked for nothing before."""
    from kubevitals import history
    from kubevitals.history import remote

    asked: list[history.Query] = []

    def read(_: object, query: history.Query) -> history.Answer:
        asked.append(query)
        return history.Answer((), "prometheus", query.step)

    monkeypatch.setattr(remote.Remote, "extent", None)
    monkeypatch.setattr(remote.Remote, "read", read)
    words = ["history", "export", "--since", "1h", "--history", "http://127.0.0.1:9", str(tmp_path / "a.csv")]
    assert cli.main(words) == 1
    assert (max(each.until for each in asked) - min(each.since for each in asked)).total_seconds() <= 3630
