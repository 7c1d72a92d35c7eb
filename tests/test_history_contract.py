"""The contract of histories: file and fallback answer as memory does of the same samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import history_contract
from tests import made_past as past

from kubevitals.history import fallback, ring, store

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTIONS = history_contract.questions()


@pytest.fixture(scope="module")
def memory() -> ring.Ring:
    """The reference."""
    made = ring.Ring(samples=1000)
    for cluster, factor in (("prod", 1), ("test", 2)):
        for snapshot in history_contract.snapshots(cluster=cluster, factor=factor):
            made.append(snapshot)
    return made


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    """A store that was given the same, in the order of time."""
    pairs = zip(
        history_contract.snapshots(cluster="prod"),
        history_contract.snapshots(cluster="test", factor=2),
        strict=True,
    )
    with store.Store.open(tmp_path_factory.mktemp("store") / "history.db", pause=0.0) as opened:
        for pair in pairs:
            for snapshot in pair:
                opened.append(snapshot)
            assert opened.flush()
        yield opened


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda name: name.replace(" ", "-"))
def test_the_same_as_in_memory(file: store.Store, memory: ring.Ring, question: str) -> None:
    """Whatever is asked, series, points and numbers are those of memory."""
    query = QUESTIONS[question]
    history_contract.compare(file.read(query), memory.read(query))


@pytest.mark.parametrize("question", list(QUESTIONS)[:6], ids=lambda name: name.replace(" ", "-"))
def test_the_fallback_has_the_same_answers(file: store.Store, memory: ring.Ring, question: str) -> None:
    """A file with memory behind it answers as each of them, and names the one that did."""
    query = QUESTIONS[question]
    both = fallback.Fallback(file, memory)
    answer = both.read(query)
    assert answer == file.read(query)
    history_contract.compare(answer, memory.read(query))


def test_where_and_when(file: store.Store, memory: ring.Ring) -> None:
    """All know the same clusters, the same range and the same states."""
    both = fallback.Fallback(file, memory)
    for held in (file, both):
        assert held.clusters() == memory.clusters() == ["prod", "test"]
        found, known = held.extent(past.at(10_000)), memory.extent(past.at(10_000))
        assert found is not None
        assert known is not None
        assert abs(found[0] - known[0]).total_seconds() <= 2  # the first sample is older than its snapshot
        assert found[1] == known[1]
        assert held.snapshot_at(past.at(301), cluster="test") == memory.snapshot_at(
            past.at(301), cluster="test"
        )
