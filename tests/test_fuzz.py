"""Some cases of each target of the fuzzer, always the same ones; `make fuzz` runs others."""

from __future__ import annotations

import pytest
from tests.fuzz import runner, targets


@pytest.mark.parametrize("name", targets.TARGETS)
def test_nothing_that_comes_from_outside_breaks_what_reads_it(name: str) -> None:
    """Altered input is read or refused in the documented way, in a short time."""
    target = targets.TARGETS[name]
    found = runner.run(target, seed=1, count=target.cases)
    assert found is None, str(found)


def test_a_case_is_the_same_each_time() -> None:
    """What is told of a finding is enough to have it again."""
    target = targets.TARGETS["filters"]
    seeds = target.seeds()
    first = [runner.make_case(target, seeds, seed=7, number=number) for number in range(40)]
    assert first == [runner.make_case(target, seeds, seed=7, number=number) for number in range(40)]
    assert first != [runner.make_case(target, seeds, seed=8, number=number) for number in range(40)]


def test_a_finding_tells_how_to_have_it_again() -> None:
    """An error that no reader may raise is told with target, seed, number and input; a refusal is none."""

    def read(data: bytes) -> None:
        if b"x" in data:
            raise KeyError(data)
        raise ValueError

    target = runner.Target("own", lambda: [b"aaaa"], read, (ValueError,), words=(b"x",))
    found = runner.run(target, seed=3, count=1000)
    assert found is not None
    assert "KeyError" in str(found)
    assert f"own --seed 3 --case {found.number}" in str(found)
    assert runner.run(target, seed=3, count=found.number) is None
