"""The terminal screen: its pages, keys and sizes on text, and the application through Textual's pilot."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, waiting

import kubevitals
from kubevitals import cli, doctor, history, kinds, model
from kubevitals.doctor import commands
from kubevitals.history import paths, store
from kubevitals.surfaces.screen import app, effects, feed, frame, glyphs, goto, places, reasons, spans
from kubevitals.surfaces.screen import past as pasts
from kubevitals.surfaces.screen import picture as pictures
from kubevitals.surfaces.screen import session as sessions
from kubevitals.surfaces.screen.pages import chart
from kubevitals.surfaces.view import columns
from simcluster import faults
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib

SMALL = {"nodes": 6, "pods": 60, "speed": 0, "tls": False}
SIZES = [(40, 10), (80, 24), (120, 36), (160, 48), (20, 5)]
PAGES = [
    "overview", "problems", "doctor", "nodes", "pods", "containers", "namespaces", "workloads", "help",
]  # fmt: skip


def take(**settings: Any) -> pictures.Picture:
    """A picture of a simulated cluster."""
    with kubevitals.connect(simulation={**SMALL, **settings}) as cluster:
        taken = cluster.snapshot()
    living = [pod for pod in taken.pods if not pod.terminated]
    coverage = sum(pod.cpu_usage_cores is not None for pod in living), len(living)
    return pictures.Picture("prod").look(taken, coverage, ())


@pytest.fixture(scope="module")
def seen() -> pictures.Picture:
    return take()


@pytest.fixture
def session(seen: pictures.Picture) -> sessions.Session:
    return sessions.Session(seen)


def press(session: sessions.Session, *keys: str) -> effects.Effect | None:
    """Press keys, drawing in between as the application does; return what the last one asks for."""
    effect = None
    for key in keys:
        draw(session)
        effect = session.press(key, key if len(key) == 1 else None, moment(session))
    return effect


def type_line(session: sessions.Session, text: str) -> None:
    press(session, *text, "enter")


def moment(session: sessions.Session) -> Any:
    taken = session.seen.snapshot
    assert taken is not None
    return taken.generated_at + timedelta(seconds=12)


def draw(session: sessions.Session) -> list[str]:
    lines = frame.compose(session, moment(session))
    assert len(lines) == session.height
    texts = [spans.text_of(line) for line in lines]
    assert all(len(text) <= session.width for text in texts), texts
    assert all(text.isprintable() for text in texts)
    return texts


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_fits_every_size(session: sessions.Session, page: str, size: tuple[int, int]) -> None:
    """Each page has exactly the lines and at most the columns of the terminal."""
    session.width, session.height = size
    session.trail.jump(places.Place(page))
    texts = draw(session)
    assert "prod" in texts[0] or "LIVE" in texts[0]
    assert "LIVE" in texts[0]


def test_overview_begins_with_the_verdict(session: sessions.Session) -> None:
    """The first page has source and age, the verdict, then problems, nodes and pods."""
    texts = draw(session)
    assert "metrics-server 12s old" in texts[0]
    assert texts[1].startswith("5 critical, 3 warnings: node general-3 NotReady")
    heads = [text.split()[0] for text in texts if text.startswith(("PROBLEMS", "NODES", "PODS"))]
    assert heads == ["PROBLEMS", "NODES", "PODS"]


def test_enter_drills_down_and_escape_comes_back(session: sessions.Session) -> None:
    """Enter opens node, pod and container in turn; Esc goes back; [ and ] walk the places."""
    press(session, "enter")
    assert session.here == places.Place("node", ("general-3",))
    press(session, "enter")
    assert session.here.page == "pod"
    press(session, "enter")
    assert session.here.page == "container"
    press(session, "escape", "escape")
    assert session.here.page == "node"
    press(session, "escape")
    assert session.here.page == "overview"
    press(session, "[")
    assert session.here.page == "node"
    press(session, "]")
    assert session.here.page == "overview"


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("pods shop", places.Place("pods", namespace="shop")),
        ("po", places.Place("pods")),
        ("node gpu-1", places.Place("node", ("gpu-1",))),
        ("ns shop", places.Place("pods", namespace="shop")),
        ("deploy", places.Place("workloads")),
        ("pod shop/search-0", places.Place("pod", ("shop", "search-0"))),
        ("problems", places.Place("problems")),
        ("pods all", places.Place("pods")),
    ],
)
def test_goto(session: sessions.Session, words: str, place: places.Place) -> None:
    """`:` goes to the page that a noun means, of the namespace or object behind it."""
    press(session, ":")
    type_line(session, words)
    assert session.here == place
    assert goto.find(words, places.Place("overview")) == place


def test_goto_says_what_was_meant(session: sessions.Session) -> None:
    """A noun that means nothing is told, with what was probably meant, and one stays where one is."""
    press(session, ":")
    type_line(session, "podz")
    assert session.here.page == "overview"
    assert "did you mean" in draw(session)[-1]


def test_filter_counts_and_keeps_rows_while_it_is_wrong(session: sessions.Session) -> None:
    """A filter shows how many of all rows meet it; while it cannot be read it says why, and the rows stay."""
    press(session, ":")
    type_line(session, "pods")
    press(session, "/", *"ns:shop")
    title = next(text for text in draw(session) if text.startswith("PODS"))
    assert title.endswith("  /ns:shop")
    count, total = len(session.rows()), len(session.rows(filtered=False))
    assert 0 < count < total
    assert title.split()[1] == f"{count}/{total}"
    press(session, *" cpu>x")
    assert len(session.rows()) == count
    assert "is not cores" in draw(session)[-1]
    press(session, "escape")
    assert len(session.rows()) == total


def test_sort_begins_with_the_largest_and_turns(session: sessions.Session) -> None:
    """Shift-C sorts by CPU from the largest; again it is turned; unknown values stay last."""
    press(session, ":")
    type_line(session, "pods")
    for descending in (True, False):
        press(session, "C")
        values = [row.cpu_usage_cores for row in session.rows()]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=descending)
        assert None not in values[: len(known)]


def test_the_cursor_stays_on_its_row(session: sessions.Session) -> None:
    """Sorting, and a new picture, move the row and the cursor with it."""
    press(session, ":")
    type_line(session, "pods")
    press(session, "j", "j", "j")
    found = session.current()
    assert found is not None
    press(session, "N")
    draw(session)
    assert session.current() == found
    assert any(text.startswith(">") for text in draw(session))


def test_the_last_row_is_reached(session: sessions.Session) -> None:
    """G marks the last row, g the first, and both are on the screen."""
    press(session, ":")
    type_line(session, "pods")
    press(session, "G")
    draw(session)
    assert session.cursor.index == len(session.rows()) - 1
    assert any(text.startswith(">") for text in draw(session))
    press(session, "g")
    assert session.cursor.index == 0


def test_q_twice_quits_and_escape_never(session: sessions.Session) -> None:
    """On the overview q asks for a second q; Esc ends nothing; Ctrl-C ends it anywhere."""
    assert press(session, "escape", "escape") is None
    assert press(session, "q") is None
    assert press(session, "q") == effects.Effect(effects.QUIT)
    assert press(session, "ctrl+c") == effects.Effect(effects.QUIT)


KUBECTL = {"e": "edit", "a": "attach", "l": "logs", "y": "yaml", "ctrl+k": "delete"}


@pytest.mark.parametrize(("key", "word"), KUBECTL.items())
def test_habits_of_k9s(session: sessions.Session, key: str, word: str) -> None:
    """What k9s would change or stream is told as a kubectl command: the screen is read only."""
    press(session, ":")
    type_line(session, "pods")
    press(session, key)
    assert session.message.startswith("read only: kubectl ")
    assert word in session.message


def test_a_ticket_has_cluster_time_and_next_step(session: sessions.Session) -> None:
    """`x` on a problem writes cluster, UTC, object, evidence and the next step."""
    effect = press(session, "x")
    assert effect is not None
    assert effect.word == effects.SAVE
    assert "cluster   prod\n" in effect.text
    assert "(UTC)" in effect.text
    assert "node general-3" in effect.text
    assert "next      " in effect.text


@pytest.mark.parametrize("fault", [None, *faults.FAULTS])
def test_no_cell_is_empty_without_a_reason(fault: str | None) -> None:
    """Whatever is broken, each unknown value of each row has a reason, and each known one none."""
    try:
        seen = take(faults=[] if fault is None else [fault], nodes=4, pods=30)
    except kubevitals.errors.KubevitalsError:
        pytest.skip("nothing at all can be read; the page of that is tested below")
    taken = seen.snapshot
    assert taken is not None
    session = sessions.Session(seen)
    for name in kinds.KINDS:
        for row in session.rows(places.Place(name)):
            for column in columns.BY_KIND[name]:
                unknown = column.texts([row], taken.generated_at) == ["-"]
                assert bool(reasons.explain(row, column.key, taken)) is unknown, (column.key, row)
    for page in PAGES:
        session.trail.jump(places.Place(page))
        draw(session)
        press(session, "w")
        draw(session)


def test_nothing_read_says_what_failed_and_what_to_do() -> None:
    """Without a picture the page says what is being read, or what failed; never that all is well."""
    session = sessions.Session(pictures.Picture("prod"))
    now = take(nodes=1, pods=1).snapshot
    assert now is not None
    text = "\n".join(spans.text_of(line) for line in frame.compose(session, now.generated_at))
    assert "READING" in text
    assert "reading nodes" in text
    assert "nothing is wrong" not in text
    problem = model.Problem("usage_failed", "the API server gave no answer", "look at the VPN")
    session.show(pictures.Picture("prod", error=problem))
    text = "\n".join(spans.text_of(line) for line in frame.compose(session, now.generated_at))
    assert "NO ANSWER" in text
    assert "try: look at the VPN" in text


def test_a_lost_connection_keeps_the_picture_with_its_age(seen: pictures.Picture) -> None:
    """While the connection is lost the header says since when and why, and the rows stay."""
    assert seen.snapshot is not None
    problem = model.Problem("usage_failed", "connection refused", "look at the VPN")
    lost = seen._replace(error=problem, lost_at=seen.snapshot.generated_at)
    texts = draw(sessions.Session(lost))
    assert "LOST 12s" in texts[0]
    assert "connection refused" in texts[2]
    assert any("general-3" in text for text in texts)


def test_hostile_names_steer_no_terminal(seen: pictures.Picture) -> None:
    """Names with control characters are shown with replacements, on every page and in tickets."""
    taken = seen.snapshot
    assert taken is not None
    bad = "x\x1b[2J\n\u202e"
    pods = model.Records(pod._replace(name=pod.name + bad, status=bad, node=bad) for pod in taken.pods)
    session = sessions.Session(seen.look(taken._replace(cluster=bad, pods=pods), (1, 2), ()))
    for page in PAGES:
        session.trail.jump(places.Place(page))
        draw(session)
        press(session, "enter")
        draw(session)
    effect = press(session, "x")
    assert effect is None or all(line.isprintable() for line in effect.text.splitlines())


def test_ascii_alone(seen: pictures.Picture) -> None:
    """Without UTF-8 the overview is drawn in ASCII, names of the cluster aside."""
    session = sessions.Session(seen, glyphs=glyphs.ASCII)
    assert all(text.replace("…", "").isascii() for text in draw(session))


def test_the_application_paints_and_quits(seen: pictures.Picture, tmp_path: pathlib.Path) -> None:
    """On a terminal the keys reach the session, a ticket overwrites no file, and q q ends with 0."""
    session = sessions.Session(seen)
    now = moment(session)
    shown = app.ScreenApp(session, lambda: seen, lambda: now, folder=str(tmp_path))

    async def drive() -> None:
        async with shown.run_test(size=(80, 24)) as pilot:
            await pilot.press("x", "x")
            await pilot.press("colon", *"pods", "enter", "j")
            await pilot.resize_terminal(100, 30)
            await pilot.pause()
            assert (session.width, session.height) == (100, 30)
            assert session.here.page == "pods"
            assert "PODS" in shown.export_screenshot()
            await pilot.press("escape", "q", "q")

    asyncio.run(drive())
    assert shown.return_code == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_the_feed_brings_pictures() -> None:
    """The collector's snapshots come as pictures with verdict, problems and coverage."""
    with (
        kubevitals.connect(simulation=SMALL) as cluster,
        feed.Feed(cluster, namespace=None, interval=15.0) as followed,
    ):
        assert followed.look().reading
        followed.collector.tick()
        seen = followed.look()
    assert seen.snapshot is not None
    assert seen.verdict is not None
    assert seen.coverage[1] > 0
    assert seen.error is None


def test_one_frame_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """--snapshot prints one frame of that size; the screen itself needs a terminal and says what does not."""
    simulation = "nodes=4,pods=30"
    assert cli.main(["screen", "--simulation", simulation, "--snapshot", "100x30"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 30
    assert cli.main(["screen", "--simulate"]) == 1
    assert "--snapshot 120x40" in capsys.readouterr().err
    assert cli.main([]) == 0
    assert capsys.readouterr().out.startswith("usage: kubevitals COMMAND")


# --- the doctor


@pytest.fixture(scope="module")
def examined(seen: pictures.Picture) -> pictures.Picture:
    """The picture with what the doctor says of it."""
    with kubevitals.connect(simulation=SMALL) as cluster:
        return seen._replace(examination=pictures.Examination(doctor.examine(cluster.client)))


@pytest.mark.parametrize("size", SIZES)
def test_the_doctor_shows_all_of_its_report(examined: pictures.Picture, size: tuple[int, int]) -> None:
    """Scrolled through, each line of the report is there, whole commands included, at every size."""
    session = sessions.Session(examined, place=places.Place(places.DOCTOR))
    session.width, session.height = size
    shown = draw(session)
    for _ in range(200):
        press(session, "j")
        shown += draw(session)
    said = "".join(shown).replace(" ", "")
    report = examined.examination.report
    assert report is not None
    for finding in report.findings:
        assert finding.id in said
        for lines in commands.fill(finding, report.context):
            for line in filter(commands.is_command, lines):
                if size[0] >= 80:
                    assert line.removeprefix("! ").replace(" ", "") in said


def test_the_doctor_is_asked_when_one_comes(session: sessions.Session) -> None:
    """Coming to the page asks for an examination, once; r asks again; elsewhere r only paints."""
    assert not session.wants_examination
    assert press(session, "r") == effects.Effect(effects.REPAINT)
    press(session, "D")
    assert session.wants_examination
    assert "being examined" in " ".join(draw(session))
    session.show(session.seen._replace(examination=pictures.Examination(running=True)))
    assert not session.wants_examination
    assert press(session, "r") == effects.Effect(effects.EXAMINE)
    error = model.Problem("refused", "the API server does not answer", "is it there?")
    session.show(session.seen._replace(examination=pictures.Examination(error=error)))
    assert "does not answer" in " ".join(draw(session))


def test_an_empty_cell_names_what_the_doctor_found(examined: pictures.Picture) -> None:
    """After an examination `w` on a cell without usage says which layer is silent, too."""
    session = sessions.Session(examined)
    type_line(session, ":node general-3")
    press(session, "w")
    assert any("doctor: nodes: 1 of 6 not Ready" in line for line in session.note)
    type_line(session, ":node general-1")
    press(session, "w")
    assert not any("doctor:" in line for line in session.note)


def test_the_application_runs_the_doctor(seen: pictures.Picture) -> None:
    """The application begins an examination when the page is opened, and shows the report when it comes."""
    with (
        kubevitals.connect(simulation=SMALL) as cluster,
        feed.Feed(cluster, namespace=None, interval=5.0) as followed,
    ):
        waiting.until(lambda: followed.look().snapshot is not None)
        session = sessions.Session(followed.look())
        shown = app.ScreenApp(session, followed.look, followed.now, examine=followed.examine)

        async def run() -> None:
            async with shown.run_test(size=(100, 30)) as pilot:
                await pilot.press("D")
                for _ in range(200):
                    await pilot.pause(0.05)
                    shown.renew()
                    if session.seen.examination.report is not None:
                        break
                assert any("node_not_ready" in line for line in draw_of(session, followed))
                await pilot.press("r")

        asyncio.run(run())


def draw_of(session: sessions.Session, followed: feed.Feed) -> list[str]:
    return [spans.text_of(line) for line in frame.compose(session, followed.now())]


# --- charts


def past_of(
    *values: float | None, request: float | None = None, limit: float | None = None, kind: str = "pod"
) -> pasts.Past:
    """An hour with these values of CPU, one each six minutes; None is a gap."""
    until = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    points = [
        history.Point(
            until - timedelta(minutes=6 * (9 - at)),
            value,
            int(value * 1000),
            cpu_request_cores=request,
            cpu_limit_cores=limit,
        )
        for at, value in enumerate(values)
        if value is not None
    ]
    asked = pasts.Asked(kind, ("shop", "a"), 1)
    return pasts.Past(asked, until - timedelta(hours=1), until, tuple(points), 360.0, "memory")


def chart_of(past: pasts.Past, *, width: int = 80, height: int = 8, plain: bool = False) -> list[str]:
    drawn = chart.compose(
        past, None, width=width, height=height, glyphs=glyphs.ASCII if plain else glyphs.BLOCKS
    )
    assert len(drawn) <= height
    return [spans.text_of(line) for line in drawn]


def test_a_chart_has_gaps_where_nothing_was_measured() -> None:
    """A column of which nothing is known is empty, one of zero is not, and the highest fills its column."""
    lines = chart_of(past_of(1.0, 0.0, None, None, None, None, None, 0.5, 0.5, 1.0), width=71, height=16)
    bars = [line[8:] for line in lines[1:8]]
    assert lines[0].startswith("CPU last 1h  peak 1000m")
    assert all(row[0] == "█" for row in bars)
    assert bars[-1][7] == "▁"
    assert bars[0][7] == " "
    assert all(row[30] == " " for row in bars)
    assert bars[-1][45] == "█"
    assert bars[0][45] == " "


@pytest.mark.parametrize("plain", [False, True])
def test_request_and_limit_are_lines(plain: bool) -> None:
    """Both are drawn where they are near enough, and told in the title always."""
    glyph = glyphs.ASCII if plain else glyphs.BLOCKS
    lines = chart_of(past_of(*[0.2] * 10, request=0.3, limit=0.5), width=71, height=16, plain=plain)[:8]
    assert f"{glyph.request}request 300m" in lines[0]
    assert f"{glyph.limit}limit 500m" in lines[0]
    assert any(glyph.limit * 10 in line for line in lines[1:])
    assert any(glyph.request * 10 in line for line in lines[1:])
    far = chart_of(past_of(*[0.2] * 10, limit=20.0), width=71, height=16, plain=plain)[:8]
    assert "  limit 20000m" in far[0]
    assert not any(glyph.limit * 10 in line for line in far[1:])
    if plain:
        assert "".join(lines).isascii()


def test_a_chart_without_a_past_says_so() -> None:
    """Where nothing was recorded, or it cannot be read, a line says why."""
    assert "nothing was recorded" in chart_of(past_of())[0]
    assert "damaged" in chart_of(past_of()._replace(problem="the file is damaged"))[0]
    assert chart_of(past_of(1.0), height=3) == []


def test_the_time_of_charts_is_chosen_by_h(session: sessions.Session) -> None:
    """On a page of details h goes through the times; elsewhere it moves, as in vi."""
    type_line(session, ":node general-1")
    spans_asked = []
    for _ in range(6):
        assert session.wanted_past is not None
        spans_asked.append(pasts.RANGES[session.wanted_past.span][0])
        press(session, "h")
    assert spans_asked == ["1h", "6h", "24h", "7d", "15m", "1h"]
    press(session, "escape")
    assert session.wanted_past is None


def world_of(cluster: kubevitals.Cluster) -> simulated.SimulatedCluster:
    assert cluster.world is not None
    return cluster.world


def test_a_past_is_read_from_the_file_that_is_recorded(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word the charts show what `kubevitals record` has written, and else what was seen here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with (
        kubevitals.connect(simulation=SMALL) as whole,
        connected.connect(world_of(whole), user="admin") as cluster,
    ):
        with feed.Feed(cluster, namespace=None, interval=5.0) as followed:
            waiting.until(lambda: followed.look().snapshot is not None)
            assert followed.history.name == "memory"
            asked = pasts.Asked("node", ("general-1",), 0)
            waiting.until(lambda: len(followed.read_past(asked).points) == 1)
        path = paths.default_path()
        held = store.Store.open(path)
        held.append(cluster.snapshot())
        waiting.until(lambda: held.status().ticks == 1)
        held.close()
        with feed.Feed(cluster, namespace=None, interval=5.0) as followed:
            assert followed.history.name == "file"
            assert followed.read_past(asked).points
