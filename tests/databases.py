"""The databases that tests read samples from: a real Prometheus, a real VictoriaMetrics."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests import prometheus, victoria

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("prometheus", "victoria-metrics")


@contextlib.contextmanager
def holding(name: str, openmetrics: str, text: str, directory: Path) -> Iterator[str]:
    """The address of a database of its own that holds the samples, ended with the block.

    `openmetrics` has their times in seconds, for Prometheus, and `text` in milliseconds, for VictoriaMetrics.
    """
    if name == "prometheus":
        with prometheus.holding(openmetrics, directory) as started:
            yield started.url
    else:
        with victoria.running(directory) as started:
            started.give(text)
            yield started.url
