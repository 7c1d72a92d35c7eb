"""A process that times quantity parsers on the texts that metrics-server and manifests hold."""

from __future__ import annotations

import json
import random
import sys
import time

from kubevitals import quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_TURNS = 11


def main() -> None:
    """Print ns a value of ours and, if the second argument asks for it, of the official client's, as JSON."""
    count = int(sys.argv[1])
    dice = random.Random(7)  # noqa: S311 made-up amounts, the same in each run
    cpu = [_one_cpu(dice) for _ in range(count)]
    memory = [_one_memory(dice) for _ in range(count)]
    peer: Callable[[str], Any] | None = None
    if sys.argv[2:]:
        from kubernetes.utils import quantity as official

        peer = official.parse_quantity
    answer = {}
    for name, texts, parse in (
        ("cpu", cpu, quantity.parse_cpu),
        ("memory", memory, quantity.parse_memory),
    ):
        ours, theirs = [], []
        for _ in range(_TURNS):
            ours.append(_time(parse, texts))
            if peer is not None:
                theirs.append(_time(peer, [text for text in texts if text[-1] not in "nu"]))
        answer[name] = {"ours_ns": _middle(ours)} | ({"peer_ns": _middle(theirs)} if theirs else {})
    print(json.dumps(answer))


def _one_cpu(dice: random.Random) -> str:
    """Return usage in nanocores mostly, and requests as people write them."""
    kind = dice.random()
    if kind < 0.6:
        return f"{dice.randrange(10**9)}n"
    if kind < 0.95:
        return f"{dice.randrange(1, 4000)}m"
    return dice.choice(("1", "2", "4", "16"))


def _one_memory(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.6:
        return f"{dice.randrange(10**4, 10**8)}Ki"
    if kind < 0.9:
        return f"{dice.randrange(1, 4096)}Mi"
    return str(dice.randrange(10**11)) if kind < 0.95 else dice.choice(("1Gi", "2Gi", "8Gi"))


def _time(parse: Callable[[str], Any], texts: Sequence[str]) -> float:
    """Return ns of CPU time a value, the loop included: other processes do not count."""
    started = time.process_time()
    for text in texts:
        parse(text)
    return (time.process_time() - started) / len(texts) * 1e9


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
