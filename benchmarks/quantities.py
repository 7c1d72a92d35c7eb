"""Nanoseconds a value of the quantity parser beside the official client's, in a process of their own."""

from __future__ import annotations

import json
import sys
import tempfile

from benchmarks import figures, peers, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT_NS = 250.0


def measure_quantities(*, quick: bool) -> Iterator[figures.Row]:
    """Yield ns a value of parse_cpu and parse_memory."""
    official = peers.official_client_is_missing() is None
    command = [sys.executable, "-m", "benchmarks.reader_quantities", "2000" if quick else "100000"]
    with tempfile.TemporaryDirectory(prefix="kubevitals-bench-") as folder:
        processes.measure([*command, *(["official"] if official else [])], folder=folder)
        told = json.loads(processes.read_text(f"{folder}/stdout"))
    for name, figure in told.items():
        own, theirs = figure["ours_ns"], figure.get("peer_ns")
        yield figures.Row(
            f"quantities-{name}",
            f"parse_{name}, ns a value / kubernetes.utils.parse_quantity",
            ours=f"{own:.0f} ns",
            peer="skipped: the Python package kubernetes is not installed"
            if theirs is None
            else f"{theirs:.0f} ns",
            ratio="" if theirs is None else f"{theirs / own:.1f}x faster",
            target=f"at most {_LIMIT_NS:.0f} ns",
            reached=own <= _LIMIT_NS,
            data=figure,
        )
