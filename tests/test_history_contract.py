"""The contract of histories, held by the file: it answers as memory does of the same samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import history_contract

from kubevitals.history import ring, store

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
