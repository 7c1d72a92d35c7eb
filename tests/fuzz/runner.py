"""Running cases of targets: each is told by target, seed and number, and is the same on every machine."""

from __future__ import annotations

import random
import time
import traceback
from typing import TYPE_CHECKING, NamedTuple

from tests.fuzz import mutation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CPU_SECONDS = 5.0  # for one case; a bad parser takes minutes, a busy machine does not


class Target(NamedTuple):
    """Something that reads what others wrote.

    `read` is called with an altered seed. It may raise one of `refusals`, which is how the code says that
    input is bad; anything else is a finding, and so is a case that takes longer than CPU_SECONDS. `seeds`
    makes good inputs once; `words` are of the target's language.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], object]
    refusals: tuple[type[BaseException], ...] = ()
    words: tuple[bytes, ...] = ()
    cases: int = 300  # in `make test`


class Finding(NamedTuple):
    """A case that did what none may do."""

    target: str
    seed: int
    number: int
    data: bytes
    why: str

    def __str__(self) -> str:
        return (
            f"{self.target}, seed {self.seed}, case {self.number}: {self.why}\n"
            f"input: {self.data[:2000]!r}{'...' if len(self.data) > 2000 else ''}\n"
            f'again: make fuzz FUZZ_ARGS="{self.target} --seed {self.seed} --case {self.number}"'
        )


def make_case(target: Target, seeds: Sequence[bytes], *, seed: int, number: int) -> bytes:
    """Return the input of a case; case 0 and its next ones are the seeds themselves."""
    if number < len(seeds):
        return seeds[number]
    return mutation.mutate(random.Random(f"{seed}/{target.name}/{number}"), seeds, target.words)


def run_case(target: Target, data: bytes) -> str | None:
    """Return what is wrong with how the target takes this input; None if nothing is."""
    started = time.process_time()
    try:
        target.read(data)
    except target.refusals:
        pass
    except Exception as error:  # noqa: BLE001 - what is looked for
        return "".join(traceback.format_exception(error)[-4:])
    spent = time.process_time() - started
    return f"{spent:.1f} s of CPU" if spent > CPU_SECONDS else None


def run(target: Target, *, seed: int, first: int = 0, count: int) -> Finding | None:
    """Run so many cases; return the first finding."""
    seeds = target.seeds()
    for number in range(first, first + count):
        data = make_case(target, seeds, seed=seed, number=number)
        why = run_case(target, data)
        if why is not None:
            return Finding(target.name, seed, number, data, why)
    return None
