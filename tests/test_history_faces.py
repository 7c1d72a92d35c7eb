"""The library, the command line and the service give the same numbers for the same question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests import made_past as past
from tests import web_service

from kubevitals import cli, history, kinds
from kubevitals.cli import historyoptions
from kubevitals.history import ring, store
from kubevitals.surfaces.view import historydocuments, times
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

TICKS = 300  # an hour is over among them, so that some samples are in blocks


@pytest.fixture(scope="module", params=["memory", "file"])
def held(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[history.History]:
    """A history of a cluster with the name of the simulated one."""
    ticks = [each._replace(cluster="simulated") for each in past.ticks(TICKS, pods=3)]
    if request.param == "memory":
        memory = ring.Ring(samples=TICKS)
        for each in ticks:
            memory.append(each)
        yield memory
        return
    path: pathlib.Path = tmp_path_factory.mktemp("faces") / "history.db"
    with store.Store.open(path, pause=0.0) as file:
        for each in ticks:
            file.append(each)
            assert file.flush()
        yield file


@pytest.fixture(scope="module")
def service(held: history.History) -> Iterator[web_service.Service]:
    with web_service.serve(settings.Settings(history=held)) as made:
        yield made


@pytest.mark.parametrize("step", ["raw", "15s", "1m", "5m", "1h"])
@pytest.mark.parametrize("kind", kinds.SINGULARS)
def test_three_faces_give_the_same_numbers(  # noqa: PLR0917 - fixtures
    held: history.History,
    service: web_service.Service,
    kind: str,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Series, points, percentiles, samples and coverage are the same in all of them."""
    since, until = past.at(600), past.at(TICKS * 15)
    seconds = None if step == "raw" else times.parse_length(step)
    query = times.settle(history.Query(kind, since, until, step=seconds, percentiles=(95.0,)))
    answer = held.read(query)
    assert answer.series
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
