"""Whatever names and texts a cluster has, no surface prints what steers a terminal, forges a line or runs."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import unicodedata
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import strategies as st
from tests import web_service

import kubevitals
from kubevitals import cli, kinds, model, sanitize
from kubevitals import history as histories
from kubevitals.cli import messages, oneshot
from kubevitals.history import ring
from kubevitals.surfaces import exposition
from kubevitals.surfaces.view import documents, historydocuments
from kubevitals.surfaces.web import problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BAD = [
    chr(code)
    for code in range(0x11000)
    if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Zs") and chr(code) != " "
]
assert {"\x1b", "\n", "\r", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff"} <= set(_BAD)
HOSTILE = (
    "".join(_BAD),
    "web\npod/forged\r\nforged,1,2\rover",
    "\x1b[2J\x1b]0;title\x07\u202egnp.exe",
    '=cmd|" /C calc"!A0</script><script>alert(1)</script>',
    "\U000e0041\U0001d173",  # a tag and a musical control, beyond the first 65,536
)


def poison(value: Any, text: str) -> Any:
    """The same value with the text behind each text in it."""
    if isinstance(value, str):
        return value + text
    fields: tuple[str, ...] = getattr(value, "_fields", ())
    if fields:
        return value._replace(**{name: poison(getattr(value, name), text) for name in fields})
    if isinstance(value, model.Records):
        return model.Records(poison(each, text) for each in value)
    if isinstance(value, tuple):
        return tuple(poison(each, text) for each in value)
    if isinstance(value, dict):
        return {poison(key, text): poison(each, text) for key, each in value.items()}
    return value


def check(shown: str, *, html: bool = False) -> None:
    """Nothing but printable characters and line ends."""
    bad = {each for each in shown if not each.isprintable()} - {"\n"}
    assert not bad, (bad, ascii(shown)[:300])
    if html:
        assert "<script>alert" not in shown


@pytest.fixture(scope="module")
def snapshot() -> Iterator[model.Snapshot]:
    simulation = {"nodes": 3, "pods": 25, "speed": 0, "tls": False}
    with kubevitals.connect(simulation=simulation) as cluster:
        yield cluster.snapshot()


COMMANDS = (
    "top nodes", "top nodes -o wide", "top pods -A", "top pods -A -o wide", "top pods -A -o name",
    "top pods -A -o yaml", "top pods -A -o json", "top pods -A -o csv", "top containers -A",
    "top containers -A -o name", "top containers -A -o wide", "top workloads -A", "top workloads -A -o name",
    "top namespaces", "top namespaces -o name", "top nodes -o name", "top nodes -o csv", "top nodes -o yaml",
    "top pods -A --group-by node", "top pods -A --sort-by cpu --sum", "overview", "overview -A",
    "problems -A",
    "problems -A -o wide", "problems -A -o json", "problems -A -o csv", "problems -A -o yaml",
    "export --once", "export --once --openmetrics --labels app",
)  # fmt: skip


@pytest.fixture
def shown(
    snapshot: model.Snapshot, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str, str], str]:
    """What a command prints of the snapshot with a text behind each of its texts."""

    def run(command: str, text: str) -> str:
        found = poison(snapshot, text)
        monkeypatch.setattr(oneshot, "take", lambda _, request, **__: (found, request))
        capfd.readouterr()
        with contextlib.suppress(SystemExit):
            assert cli.main([*command.split(), "--simulation", "nodes=1,pods=1"]) in (0, 1, 2)
        out, err = capfd.readouterr()
        check(err)
        return out

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_print_clean_text(shown: Callable[[str, str], str], command: str) -> None:
    """Each output of each command is printable, and has the lines that a harmless name gives it."""
    harmless = shown(command, "x")
    assert harmless, command
    for text in HOSTILE:
        out = shown(command, text)
        check(out)
        if (
            not command.startswith("overview") and "yaml" not in command and "json" not in command
        ):  # they wrap
            assert len(out.splitlines()) == len(harmless.splitlines())


def test_yaml_and_json_say_what_was_there(shown: Callable[[str, str], str], snapshot: model.Snapshot) -> None:
    """What is escaped comes back as it was: nothing is lost to a program."""
    import yaml

    for text in HOSTILE:
        names = [pod.name + text for pod in snapshot.pods]
        for form, load in (("json", json.loads), ("yaml", yaml.safe_load)):
            items = load(shown(f"top pods -A -o {form}", text))["items"]
            assert sorted(each["name"] for each in items) == sorted(names)


def test_spreadsheets_run_nothing(snapshot: model.Snapshot) -> None:
    """No cell of CSV begins as a formula, of any kind of rows."""
    for kind in (kinds.NODES, kinds.PODS, kinds.CONTAINERS):
        for text in ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1"):
            rows: Any = getattr(snapshot, "nodes" if kind is kinds.NODES else "pods")
            if kind is kinds.CONTAINERS:
                rows = [each for pod in rows for each in pod.containers]
            broken = [poison_whole(row, text) for row in rows[:3]]
            table = csv.reader(io.StringIO(documents.render_csv(kind, broken)))
            for line in table:
                assert not any(cell.startswith(("=", "+", "@")) for cell in line)


def poison_whole(value: Any, text: str) -> Any:
    """The record with the text in place of each text of its own."""
    return value._replace(**{name: text for name in value._fields if isinstance(getattr(value, name), str)})


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    with web_service.serve(simulation={"pods": 25}) as made:
        made.tick()
        yield made


PATHS = (
    *web_service.PATHS,
    *(
        f"{path}?format=csv"
        for path in ("/api/v1/pods", "/api/v1/nodes", "/api/v1/containers", "/api/v1/infra/pods")
    ),
    "/api/v1/pods?format=columns",
    "/api/v1/history/pods?since=1h&format=csv",
)


def test_the_service_answers_clean_text(service: web_service.Service) -> None:
    """Each route answers printable text; JSON says what was there all the same."""
    good = service.collector.latest
    assert good is not None
    names = {}
    for number, text in enumerate(HOSTILE, 2):
        broken = poison(good.snapshot, text)
        published = good._replace(snapshot=broken, number=good.number + number)
        (cache,) = service.app.state.caches.values()
        service.collector._published = published  # as a tick would publish it
        cache.take(published)
        names[text] = {pod.name for pod in broken.pods}
        for path in PATHS:
            answer = service.get(path, accept_encoding="identity")
            assert answer.status_code in (200, 404, 503), (path, answer.content)
            shown = (
                answer.text.replace("\r\n", "\n") if "csv" in answer.headers["content-type"] else answer.text
            )
            check(shown, html="html" in answer.headers["content-type"])
        items = service.get("/api/v1/pods").json()["items"]
        assert {each["name"] for each in items} == names[text]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_sent_comes_back_clean(service: web_service.Service, text: str) -> None:
    """What a client sends stands in a refusal without what could steer anything."""
    for refusal in (
        problemdetails.bad_parameter("x", sanitize.shorten(text)),
        problemdetails.bad_word("x", text, ["a", "b"]),
        problemdetails.unknown_parameter(text, ["a"]),
        problemdetails.no_snapshot(text, "why", None, retry_seconds=1),
    ):
        check(refusal.document("/" + text).decode())
    import httpx

    for parameter in ("filter", "fields", "sort", "label_selector", "cluster", "at", text[:50]):
        answer = service.get(str(httpx.URL("/api/v1/pods", params={parameter: text[:500]})))
        check(answer.text)


@pytest.mark.parametrize("text", HOSTILE)
def test_histories_are_written_clean(snapshot: model.Snapshot, text: str) -> None:
    """CSV and JSON of history have no control characters in any text."""
    held = ring.Ring()
    held.append(poison(snapshot, text))
    moment = snapshot.generated_at
    from datetime import timedelta

    for kind in ("node", "pod", "container", "workload", "namespace"):
        query = histories.Query(kind, moment - timedelta(hours=1), moment + timedelta(hours=1))
        answer = held.read(query)
        out = io.StringIO()
        historydocuments.write_csv(historydocuments.rows_of(answer.series), out)
        check(out.getvalue())
        assert len(out.getvalue().splitlines()) == 1 + sum(len(each.points) for each in answer.series)
        check(historydocuments.render_json(query, answer, now=moment))


@pytest.mark.parametrize("text", HOSTILE)
def test_records_and_messages_are_clean(snapshot: model.Snapshot, text: str) -> None:
    """Tables of the library, in Python and in notebooks, and messages on stderr are printable."""
    broken = poison(snapshot, text)
    for records in (broken.nodes, broken.pods):
        check(repr(records))
        check(records._repr_html_(), html=True)
    check(messages.format_message("error", f"x {text}", text))
    for openmetrics in (False, True):
        body = exposition.render([(broken, None)], openmetrics=openmetrics, options=exposition.Options())
        check(body.decode())


@hypothesis.given(st.text())
def test_json_is_the_same_document(text: str) -> None:
    """Escaping changes no value, and leaves nothing that steers a terminal."""
    document = json.dumps([text], ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        document.decode()
    except UnicodeDecodeError:
        return
    cleaned = sanitize.json_text(document)
    assert json.loads(cleaned) == [text]
    check(cleaned.decode())
