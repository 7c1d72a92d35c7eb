"""`kubevitals problems`: what it shows, chooses and answers scripts, on the simulated cluster."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from tests import listed_history

from kubevitals import cli, model
from kubevitals import problems as listed
from kubevitals.cli import historyoptions
from kubevitals.surfaces.terminal import console, problemtable

SIMULATED = ("problems", "--simulate", "--simulation", "nodes=6,pods=60")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_line_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem is a line, the most serious first, with the object, since when, and the facts."""
    code, out, err = call(capsys, *SIMULATED)
    assert (code, err) == (0, "")
    heading, *lines = out.splitlines()
    assert heading.split() == ["SEVERITY", "REASON", "OBJECT", "SINCE", "MESSAGE"]
    words = [line.split()[0] for line in lines]
    assert words == sorted(words, key=["critical", "warning", "info"].index)
    assert any("CrashLoopBackOff" in line and "restarts" in line for line in lines)


def test_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Wide, each problem of an object says the command that shows more of it."""
    _, out, _ = call(capsys, *SIMULATED, "-o", "wide")
    for line in out.splitlines()[1:]:
        if line.startswith("critical"):
            assert "kubectl" in line


def test_forms_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, YAML and CSV have the same rows with the same keys: those of /api/v1/problems."""
    yaml = pytest.importorskip("yaml")
    documents = {form: call(capsys, *SIMULATED, "-o", form)[1] for form in ("json", "yaml", "csv")}
    items = json.loads(documents["json"])["items"]
    assert json.loads(documents["json"])["kind"] == "ProblemList"
    assert [each["code"] for each in yaml.safe_load(documents["yaml"])["items"]] == [
        each["code"] for each in items
    ]
    rows = list(csv.DictReader(io.StringIO(documents["csv"])))
    assert [row["code"] for row in rows] == [each["code"] for each in items]
    assert list(rows[0]) == list(items[0])


def test_what_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """A severity, a namespace and a number of rows choose among the problems."""
    everything = json.loads(call(capsys, *SIMULATED, "-o", "json")[1])["items"]
    serious = json.loads(call(capsys, *SIMULATED, "-o", "json", "--severity", "critical")[1])["items"]
    assert {each["severity"] for each in serious} == {"critical"}
    assert 0 < len(serious) < len(everything)
    namespace = next(each["namespace"] for each in everything if each["namespace"])
    inside = json.loads(call(capsys, *SIMULATED, "-o", "json", "-n", namespace)[1])["items"]
    assert {each["namespace"] for each in inside} <= {namespace, None}
    assert "Node" not in {each["kind"] for each in inside if each["severity"] == "critical"}
    _, out, _ = call(capsys, *SIMULATED, "--limit", "1")
    assert out.splitlines()[-1] == f"and {len(everything) - 1} more"


def test_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one node its own problems and those of its pods are shown."""
    everything = json.loads(call(capsys, *SIMULATED, "-o", "json")[1])["items"]
    lost = next(each for each in everything if each["kind"] == "Node" and each["name"])
    items = json.loads(call(capsys, *SIMULATED, "-o", "json", "--node", lost["name"])[1])["items"]
    assert lost["code"] in {each["code"] for each in items}
    assert {each["name"] for each in items if each["kind"] == "Node" and each["name"]} == {lost["name"]}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--fail-on", "critical"), 1),
        (("--fail-on", "warning", "-q"), 1),
        ((), 0),
        (("--fail-on", "critical", "-n", "nobody-has-this"), 3),
        (("-n", "nobody-has-this"), 1),
    ],
)
def test_exit_codes(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int) -> None:
    """Scripts get 1 for what is serious enough and 3 where nothing can be told; people get 0."""
    answered, out, _ = call(capsys, *SIMULATED, *words)
    assert answered == code
    assert not ("-q" in words and out)


def test_nothing_seen_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    """A namespace without pods is never called well: nothing of it was seen."""
    _, out, err = call(capsys, *SIMULATED, "-n", "nobody-has-this")
    assert "nothing is wrong" not in out + err
    assert "namespace 'nobody-has-this' not found" in err


def test_a_cluster_that_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the cluster does not answer, a script gets 3, a person the failure as of any command."""
    words = ("problems", "--server", "http://127.0.0.1:9", "--request-timeout", "1s")
    assert call(capsys, *words)[0] == 1
    code, _, err = call(capsys, *words, "--fail-on", "warning")
    assert code == 3
    assert err.startswith("error:")


@pytest.mark.parametrize(
    "words",
    [
        ("-n", "a", "-A"),
        ("--at", "1h", "-w"),
        ("--at", "1h", "--since", "2h"),
        ("-w", "-o", "json"),
        ("-w", "--fail-on", "critical"),
        ("--history", "x.db"),
        ("--severity", "fatal"),
        ("--fail-on", "info"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """Options that cannot be meant together are wrong usage: 2."""
    try:
        code = cli.main([*SIMULATED, *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert capsys.readouterr().err


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> model.Snapshot:
    """A history in which half an hour ago one pod crashed, which is well now, and nothing else was wrong."""
    crashed = model.Pod("shop", "web-0", phase="Running", status="CrashLoopBackOff")
    taken = model.Snapshot("simulated", "none", datetime.now(UTC), pods=model.Records([crashed]))
    held = listed_history.Listed(snapshot=taken)
    monkeypatch.setattr(historyoptions, "open_reader", lambda _: held)
    return taken


def test_what_is_new_and_what_is_gone(capsys: pytest.CaptureFixture[str], recorded: model.Snapshot) -> None:
    """Compared with what was recorded, problems are marked as new or gone, in the table and in JSON."""
    del recorded
    code, out, err = call(capsys, *SIMULATED, "--since", "30m")
    assert code == 0
    assert out.splitlines()[0].split()[:2] == ["SEVERITY", "CHANGE"]
    assert "compared with now" in err
    changes = {line.split()[1] for line in out.splitlines()[1:]}
    assert changes == {"NEW", "GONE"}
    (gone,) = [line for line in out.splitlines() if "GONE" in line]
    assert "shop/web-0" in gone
    items = json.loads(call(capsys, *SIMULATED, "--since", "30m", "-o", "json")[1])["items"]
    assert {each["change"] for each in items} == {"new", "gone"}


def test_as_it_was(capsys: pytest.CaptureFixture[str], recorded: model.Snapshot) -> None:
    """With --at the problems are those of that time, and nothing of now."""
    code, out, err = call(capsys, *SIMULATED, "--at", "30m", "-o", "json")
    assert code == 0
    (item,) = json.loads(out)["items"]
    assert (item["code"], item["name"]) == ("CrashLoopBackOff", "web-0")
    assert "note: the state at" in err
    assert call(capsys, *SIMULATED, "--at", "30m", "--fail-on", "critical")[0] == 1
    assert recorded.pods


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_message_is_cut_last(width: int) -> None:
    """On a terminal only the message is cut: reason and object are whole in any width."""
    row = listed.ClusterProblem(
        "critical", "ImagePullBackOff", "Pod", "shop", "web-0", "x" * 300, reason="ImagePullBackOff"
    )
    text = problemtable.render([row], now=datetime.now(UTC), style=console.Style(width=width))
    for line in text.splitlines():
        assert len(line) <= max(width, 80)
    assert "ImagePullBackOff" in text
    assert "shop/web-0" in text
    assert "x.." in text


def test_hostile_words() -> None:
    """What a cluster writes steers no terminal and forges no line."""
    row = listed.ClusterProblem("critical", "X", "Pod", "a", "b", "one\nforged \x1b[2J\u202e", reason="X")
    text = problemtable.render([row], now=datetime.now(UTC), style=console.PLAIN)
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert "\u202e" not in text
