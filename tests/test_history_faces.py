"""The library, the command line and the service give the same numbers for the same question."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from tests import databases, history_contract, web_service
from tests import made_past as past

from kubevitals import cli, history, kinds
from kubevitals.cli import historyoptions
from kubevitals.history import remote, ring, store
from kubevitals.promql import config
from kubevitals.surfaces.remotewrite import series as written
from kubevitals.surfaces.view import historydocuments, times
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import model

TICKS = 300  # an hour is over among them, so that some samples are in blocks


@pytest.fixture(scope="module")
def ticks() -> list[model.Snapshot]:
    """Ticks of a cluster with the name of the simulated one."""
    return [each._replace(cluster="simulated") for each in past.ticks(TICKS, pods=3)]


@pytest.fixture(scope="module")
def file(ticks: list[model.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> Iterator[history.History]:
    """A file that recorded them."""
    path = tmp_path_factory.mktemp("faces") / "history.db"
    with store.Store.open(path, pause=0.0) as opened:
        for each in ticks:
            opened.append(each)
            assert opened.flush()
        yield opened


@pytest.fixture(scope="module", params=["memory", "file", *databases.NAMES])
def held(
    request: pytest.FixtureRequest, ticks: list[model.Snapshot], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[history.History]:
    """A history that holds them; a database was sent them by remote-write."""
    if request.param == "memory":
        memory = ring.Ring(samples=TICKS)
        for each in ticks:
            memory.append(each)
        yield memory
        return
    if request.param == "file":
        yield request.getfixturevalue("file")
        return
    samples = history_contract.as_sent(ticks, written.Sampler(uid=True))
    directory = tmp_path_factory.mktemp("database")
    with contextlib.ExitStack() as running:
        seconds, milliseconds = history_contract.openmetrics(samples), history_contract.text(samples)
        url = running.enter_context(databases.holding(request.param, seconds, milliseconds, directory))
        asked = remote.Remote(config.open_prometheus(config.ServerOptions(url)))
        running.callback(asked.close)
        yield asked


@pytest.fixture(scope="module")
def service(held: history.History) -> Iterator[web_service.Service]:
    with web_service.serve(settings.Settings(history=held)) as made:
        yield made


@pytest.mark.parametrize("step", ["raw", "15s", "1m", "5m", "1h"])
@pytest.mark.parametrize("kind", kinds.SINGULARS)
def test_three_faces_give_the_same_numbers(  # noqa: PLR0917 - fixtures
    held: history.History,
    file: history.History,
    service: web_service.Service,
    kind: str,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Series, points, percentiles, samples and coverage are the same in all of them, and as the file's."""
    since, until = past.at(600), past.at(TICKS * 15)
    seconds = None if step == "raw" else times.parse_length(step)
    query = times.settle(history.Query(kind, since, until, step=seconds, percentiles=(95.0,)))
    answer = held.read(query)
    assert answer.series
    history_contract.compare(answer, file.read(query))
    expected = [historydocuments.to_item(each) for each in answer.series]
    words = [times.format_moment(each) for each in (since, until)]
    asked = f"since={words[0]}&until={words[1]}&step={step}"
    over_http = service.get(f"/api/v1/history/{kinds.parse(kind).name}?{asked}").json()
    monkeypatch.setattr(historyoptions, "open_reader", lambda _: _Kept(held))
    monkeypatch.setattr("gc.disable", lambda: None)
    code = cli.main(["history", kind, "--since", words[0], "--until", words[1], "--step", step, "-o", "json"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert over_http["source"] == printed["source"] == answer.source == held.name
    assert over_http["step_seconds"] == printed["step_seconds"] == answer.step
    assert printed["items"] == expected
    assert over_http["items"] == expected


class _Kept:
    """A history that is not closed by who asked it."""

    def __init__(self, held: history.History) -> None:
        self.name = held.name
        self.read = held.read

    def close(self) -> None:
        pass
