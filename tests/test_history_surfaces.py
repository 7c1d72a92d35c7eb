"""History shown: moments in words, reading in pieces, summaries, plots, documents and files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import hypothesis
import pyarrow.parquet
import pytest
from hypothesis import strategies
from tests import listed_history as past

from kubevitals import errors, model
from kubevitals import history as histories
from kubevitals.history import chunks
from kubevitals.surfaces.terminal import console, plot, summary, table
from kubevitals.surfaces.view import historydocuments, historyfiles, times

if TYPE_CHECKING:
    import pathlib

NOW = past.NOW
QUERY = histories.Query("pod", NOW - timedelta(hours=6), NOW)

# --- moments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("6h", NOW - timedelta(hours=6)),
        ("-90m", NOW - timedelta(minutes=90)),
        ("2d12h", NOW - timedelta(days=2, hours=12)),
        ("1w", NOW - timedelta(days=7)),
        ("2026-11-21T14:30:00Z", datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
        ("2026-11-21T14:30:00+02:00", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
        ("2026-11-21 14:30", datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("11:59", NOW - timedelta(minutes=1)),
        ("12:01:30", NOW - timedelta(days=1) + timedelta(seconds=90)),
        ("1795348800", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-23:00", datetime(2200, 1, 1, tzinfo=UTC)),
        ("99999w", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1795348800500", datetime(2026, 11, 22, 12, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    """A time may be a length ago, a time of day that has passed, RFC 3339 or seconds since 1970."""
    assert times.parse_moment(text, now=NOW, zone=UTC) == expected


def test_a_zone() -> None:
    """What has no offset is in the zone that is given, a time of day too."""
    east = timezone(timedelta(hours=13))
    assert times.parse_moment("00:30", now=NOW, zone=east) == datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
    assert times.parse_moment("01:30", now=NOW, zone=east) == datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "25:00", "6x", "6h30", "1e9", "٣h", "--6h", "x" * 500],
)
def test_no_moments(text: str) -> None:
    """Anything else is refused, and what would have been understood is told, with little of what was sent."""
    with pytest.raises(errors.UsageError, match="a time like 6h") as caught:
        times.parse_moment(text, now=NOW, zone=UTC)
    assert len(str(caught.value)) < 200


@hypothesis.given(strategies.text(max_size=40))
def test_any_text_as_a_moment(text: str) -> None:
    """No text makes it fail in another way."""
    try:
        found = times.parse_moment(text, now=NOW, zone=UTC)
    except errors.UsageError:
        return
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["0", "0s", "-5m", "1000w9999999w", "1h 5m", ""])
def test_no_lengths(text: str) -> None:
    """A length is above nothing and below three centuries."""
    with pytest.raises(errors.UsageError, match="a length like"):
        times.parse_length(text)


@hypothesis.given(strategies.floats(1, 1e9), strategies.integers(1, 2000))
def test_steps_suit(seconds: float, points: int) -> None:
    """The step that is chosen gives no more points than were asked for."""
    assert seconds / times.choose_step(seconds, points=points) <= points


@hypothesis.given(
    strategies.integers(1_600_000_000, 1_900_000_000),
    strategies.integers(1, 10**6),
    strategies.sampled_from([0.5, 15.0, 60.0, 86_400.0]),
)
def test_ranges_are_whole_steps(begin: int, seconds: int, step: float) -> None:
    """A range grows to whole steps, by less than one at each end."""
    since = datetime.fromtimestamp(begin, UTC)
    until = since + timedelta(seconds=seconds)
    first, last = times.align(since, until, step=step)
    assert first <= since
    assert last >= until
    assert (since - first).total_seconds() < step
    assert (last - until).total_seconds() < step
    assert first.timestamp() % step == last.timestamp() % step == 0


# --- pieces


@pytest.mark.parametrize("step", [None, 60.0, histories.WHOLE])
@pytest.mark.parametrize("at_once", [1, 50, 100_000])
def test_pieces_are_the_whole(step: float | None, at_once: int) -> None:
    """However small the pieces are, together they are what one reading gives; each is short."""
    held = past.Listed(
        past.samples("web", [0.1, 0.2, None, 0.4] * 90),
        past.samples("db", [0.5] * 30, until=NOW - timedelta(hours=2)),
        past.samples("web", [0.9] * 5, until=NOW - timedelta(hours=5), uid="older"),
    )
    query = QUERY._replace(step=step)
    found = list(chunks.read(held, query, at_once=at_once))
    whole, joined = past.Listed(*held.series).read(query), chunks.join(found)
    if step is None or step == histories.WHOLE:
        assert joined == whole
    else:  # the coverage of a step depends on what else was read
        assert [len(each.points) for each in joined.series] == [len(each.points) for each in whole.series]
        assert joined.step == whole.step
    if at_once == 50 and step != histories.WHOLE:
        assert max(sum(len(each.points) for each in piece.series) for piece in found) <= 100


def test_pieces_of_one_that_counts_the_first_moment_in() -> None:
    """A history that counts both ends in gives no point twice."""

    class Closed(past.Listed):
        def read(self, query: histories.Query) -> histories.Answer:
            return super().read(query._replace(since=query.since - timedelta(microseconds=1)))

    held = Closed(past.samples("web", [0.1] * 100))
    points = [each.timestamp for each in chunks.join(chunks.read(held, QUERY, at_once=7)).series[0].points]
    assert len(points) == len(set(points)) == 100


def test_pieces_of_a_history_that_has_hours_alone() -> None:
    """Where finer points are gone all pieces have the longer step, and none overlap."""

    class Hourly(past.Listed):
        def read(self, query: histories.Query) -> histories.Answer:
            answer = super().read(query._replace(step=3600.0))
            return (
                answer
                if query.until > NOW - timedelta(hours=4)
                else answer._replace(series=(), step=query.step)
            )

    held = Hourly(past.samples("web", [0.1] * 1200))
    answer = chunks.join(chunks.read(held, QUERY._replace(step=60.0), at_once=20))
    assert answer.step == 3600.0
    (series,) = answer.series
    ends = [point.timestamp for point in series.points]
    assert ends == sorted(set(ends))
    assert {end.minute for end in ends} == {0}


# --- the summary


def whole(*series: histories.Series, percentiles: tuple[float, ...] = (95.0,)) -> histories.Answer:
    """Each series as one point over all of it."""
    asked = QUERY._replace(step=histories.WHOLE, percentiles=percentiles)
    return past.Listed(*series).read(asked)


def test_figures() -> None:
    """Mean, extremes and percentiles are of all samples of the range."""
    (line,) = summary.lines_of(whole(past.samples("web", [0.1, 0.2, 0.3, 0.4]), percentiles=(50, 95)))
    assert (line.samples, line.cpu_mean_cores, line.cpu_max_cores) == (4, 0.25, 0.4)
    assert (line.cpu_percentiles, line.memory_percentiles) == ((0.2, 0.4), (200 << 20, 400 << 20))
    assert line.coverage == pytest.approx(60 / (QUERY.until - QUERY.since).total_seconds(), abs=1e-4)


def test_table() -> None:
    """The table names the cluster only where there are several, and cleans what it prints."""
    lines: Any = summary.lines_of(whole(past.samples("we\x1bb", [0.25] * 3), percentiles=(50, 99.9)))
    shown = summary.choose_columns("pod", lines, (50, 99.9))
    text = table.render_table(lines, shown, now=NOW)
    assert text.splitlines()[0].split() == [
        "NAMESPACE", "NAME", "SAMPLES", "COVERAGE", "CPU-MEAN", "CPU-P50", "CPU-P99.9", "CPU-MAX",
        "MEM-MEAN", "MEM-P50", "MEM-P99.9", "MEM-MAX",
    ]  # fmt: skip
    assert "\x1b" not in text
    assert text.splitlines()[1].split()[-8:] == ["250m"] * 4 + ["250Mi"] * 4
    lines += summary.lines_of(whole(past.samples("web", [0.1], cluster="test")))
    assert summary.choose_columns("pod", lines, (95,))[0].heading == "CLUSTER"


# --- the plot


def terminal_text(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("plain", [True, False])
def test_plots(width: int, plain: bool) -> None:
    """A plot is as wide as the terminal; a terminal without braille gets ASCII, one without colour none."""
    glyphs = {"info": "."} if plain else {"info": "○"}
    style = console.Style(color=not plain, glyphs=glyphs, width=width)
    series = past.samples("web", [0.1 + 0.02 * (index % 20) for index in range(200)])
    text = plot.render(series, since=NOW - timedelta(hours=1), until=NOW, style=style)
    lines = text.splitlines()
    assert [line for line in lines if "CPU (cores)" in line or "memory" in line]
    assert text.isascii() is plain
    assert ("\x1b" in text) is not plain
    if plain:
        assert max(map(len, lines)) <= max(width, 26)
        assert any("*" in line for line in lines)
    assert any("500m" in line for line in lines)
    assert terminal_text(lines[-1]).split() == [
        (NOW - timedelta(hours=1)).astimezone().strftime("%H:%M"),
        NOW.astimezone().strftime("%H:%M"),
    ]


def test_gaps_stay_gaps() -> None:
    """Where nothing was measured nothing is drawn."""
    style = console.Style(glyphs={"info": "○"}, width=110)
    first = past.samples("web", [0.5] * 20, until=NOW - timedelta(minutes=40))
    last = past.samples("web", [0.5] * 20)
    series = first._replace(points=first.points + last.points)
    text = plot.render(series, since=NOW - timedelta(hours=1), until=NOW, style=style)
    drawn = next(line for line in text.splitlines() if line.startswith("   500m"))
    assert "          " in drawn[10:].strip()


def test_an_unknown_quantity() -> None:
    """What is unknown is said to be."""
    text = plot.render(past.samples("web", [None]), since=QUERY.since, until=NOW, style=console.PLAIN)
    assert "CPU (cores): unknown" in text
    assert "memory: unknown" in text


# --- documents


def test_json() -> None:
    """One item a series, each point with every key, times in UTC, unknown null, in ASCII."""
    query = QUERY._replace(percentiles=(50, 99.9))
    answer = past.Listed(past.samples("wéb", [0.25, None], uid="a")).read(query)
    text = historydocuments.render_json(query, answer, now=NOW)
    assert text.isascii()
    document = json.loads(text)
    assert document["schema"] == "kubevitals/v1"
    assert (document["kind"], document["cluster"], document["source"]) == ("HistoryList", "prod", "listed")
    assert document["until"] == "2026-11-22T12:00:00Z"
    (item,) = document["items"]
    assert list(item) == [*historydocuments.SERIES_TYPES, "points"]
    assert [list(point) for point in item["points"]] == [list(historydocuments.point_types((50, 99.9)))] * 2
    assert item["points"][0]["cpu_p99.9_cores"] == 0.25
    assert item["points"][0]["timestamp"] == "2026-11-22T11:59:45Z"
    assert item["points"][0]["memory_usage_bytes"] == 250 << 20
    assert item["points"][1]["cpu_usage_cores"] is None


def test_the_keys_are_those_of_the_records() -> None:
    """No field of a record is left out, and none is named otherwise."""
    assert [*historydocuments.SERIES_TYPES, "points"] == list(histories.Series._fields)
    plain = list(historydocuments.point_types(()))
    assert [*plain, "cpu_percentiles", "memory_percentiles"] == list(histories.Point._fields)
    assert list(historydocuments.POINT_TYPES) == [*plain, "cpu_p95_cores", "memory_p95_bytes"]


def test_problems_stand_in_the_document() -> None:
    """What is wrong with the history that answered is in its answer, with the name of that history."""
    held = past.Listed(past.samples("web", [0.25]))
    held.problems = (model.Problem("history_disk_full", "no room", "make some"),)
    document = json.loads(historydocuments.render_json(QUERY, held.read(QUERY), now=NOW))
    assert [each["code"] for each in document["problems"]] == ["history_disk_full"]


def answered(name: str, values: list[float | None], **more: Any) -> tuple[histories.Series, ...]:
    """One series, with the default percentiles."""
    query = QUERY._replace(percentiles=historydocuments.PERCENTILES)
    return past.Listed(past.samples(name, values, **more)).read(query).series


def test_csv() -> None:
    """One line a point; unknown is empty, and no text is a formula."""
    out = io.StringIO()
    historydocuments.write_csv(historydocuments.rows_of(answered("=cmd()", [0.25, None])), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert list(rows[0]) == list(historydocuments.ROW_TYPES)
    assert [row["cpu_usage_cores"] for row in rows] == ["0.25", ""]
    assert rows[0]["name"] == "'=cmd()"
    assert rows[1]["timestamp"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize("aggregate", historydocuments.AGGREGATES)
def test_aggregates(aggregate: str) -> None:
    """The usage of a point is the aggregate that was asked for; a single sample is all of them."""
    point = histories.Point(
        NOW, 2.0, 20, 1.0, 4.0, 10, 40, 5, cpu_percentiles=(3.0,), memory_percentiles=(30,)
    )
    expected = {"mean": (2.0, 20), "min": (1.0, 10), "max": (4.0, 40), "p95": (3.0, 30)}[aggregate]
    assert historydocuments.pick(point, aggregate)[1:3] == expected
    assert historydocuments.pick(histories.Point(NOW, 2.0, 20), aggregate)[1:3] == (2.0, 20)


# --- files


def parts() -> list[tuple[histories.Series, ...]]:
    return [answered("web", [0.25, None]), (), answered("db", [0.5], cluster="test")]


def test_a_csv_file(tmp_path: pathlib.Path) -> None:
    """A CSV file has a heading and a line a point, and everybody may read it as other files."""
    path = tmp_path / "usage.csv"
    told: list[int] = []
    assert historyfiles.write(str(path), parts(), form="csv", progress=told.append) == 3
    assert told == [2, 2, 3]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["cluster"] for row in rows] == ["prod", "prod", "test"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~_umask()
    assert [each.name for each in tmp_path.iterdir()] == ["usage.csv"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_parquet_file(tmp_path: pathlib.Path) -> None:
    """A Parquet file has typed columns, with nulls where something is unknown."""
    path = tmp_path / "usage.parquet"
    assert historyfiles.write(str(path), parts(), form="parquet") == 3
    found = pyarrow.parquet.read_table(path)
    assert found.schema.names == list(historydocuments.ROW_TYPES)
    assert str(found.schema.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    rows = found.to_pylist()
    assert [row["cpu_usage_cores"] for row in rows] == [0.25, None, 0.5]
    assert rows[2]["memory_usage_bytes"] == 500 << 20
    assert rows[0]["timestamp"] == NOW - timedelta(seconds=15)


@pytest.mark.parametrize("form", historyfiles.FORMATS)
def test_nothing_to_write(tmp_path: pathlib.Path, form: str) -> None:
    """Nothing to write leaves the file as it was."""
    path = tmp_path / "usage"
    path.write_text("before")
    assert historyfiles.write(str(path), [], form=form) == 0
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["usage"]


def test_a_reading_that_fails(tmp_path: pathlib.Path) -> None:
    """A history that cannot be read to its end leaves the file as it was, and nothing beside it."""

    def fail() -> Any:
        yield parts()[0]
        raise errors.HistoryError("it is torn")

    path = tmp_path / "usage.csv"
    path.write_text("before")
    with pytest.raises(errors.HistoryError):
        historyfiles.write(str(path), fail(), form="csv")
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["usage.csv"]


def test_a_place_that_is_none(tmp_path: pathlib.Path) -> None:
    """A directory that does not exist is an error with what to do."""
    with pytest.raises(errors.ConfigurationError, match="cannot be written") as caught:
        historyfiles.write(str(tmp_path / "nowhere" / "usage.csv"), parts(), form="csv")
    assert caught.value.remedy


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow CSV works, and Parquet says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    historyfiles.check("csv")
    with pytest.raises(errors.ConfigurationError, match="pyarrow") as caught:
        historyfiles.check("parquet")
    assert "kubevitals[parquet]" in str(caught.value.remedy)


@pytest.mark.parametrize("most", [1, 3, 40, 5000])
@pytest.mark.parametrize("step", [60.0, None])
def test_what_is_refused_as_too_much_is_asked_for_in_less(step: float | None, most: int) -> None:
    """Pieces shrink until the database takes them, do not grow beyond that again, and lose nothing."""
    refused: list[timedelta] = []

    class Limited(past.Listed):
        def read(self, query: histories.Query) -> histories.Answer:
            if query.until - query.since > timedelta(seconds=most * (step or 15.0)):
                refused.append(query.until - query.since)
                error = errors.HistoryError("query processing would load too many samples into memory")
                error.too_much = True
                raise error
            return super().read(query)

    series = past.samples("web", [0.1, 0.2, 0.3, 0.4] * 100)
    query = QUERY._replace(step=step)
    found = chunks.join(chunks.read(Limited(series), query))
    whole = past.Listed(series).read(query)
    assert [len(each.points) for each in found.series] == [len(each.points) for each in whole.series]
    assert len(refused) <= 12


def test_a_refusal_of_the_least_is_told() -> None:
    """A database that refuses whatever is asked for, or fails for another reason, ends it with its words."""

    class Refusing(past.Listed):
        too_much, times = True, 0

        def read(self, query: histories.Query) -> histories.Answer:
            del query
            self.times += 1
            error = errors.HistoryError("no")
            error.too_much = self.too_much
            raise error

    held = Refusing(past.samples("web", [0.1]))
    with pytest.raises(errors.HistoryError, match="no"):
        list(chunks.read(held, QUERY))
    assert 1 < held.times <= 6
    held.too_much, held.times = False, 0
    with pytest.raises(errors.HistoryError, match="no"):
        list(chunks.read(held, QUERY))
    assert held.times == 1
