"""When usage of a node was recorded last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubevitals import history

if TYPE_CHECKING:
    from collections.abc import Callable


def finder(
    recorded: history.History, cluster: str, *, back: float = 86400.0
) -> Callable[[str], datetime | None]:
    """Return what says when usage of a node was recorded last, in the last `back` seconds.

    It returns None where none was, and raises errors.HistoryError where what was recorded cannot be read.
    """

    def find(node: str) -> datetime | None:
        until = datetime.now(UTC)
        asked = history.Query("node", until - timedelta(seconds=back), until, name=node, cluster=cluster)
        moments = [
            point.timestamp
            for series in recorded.read(asked).series
            for point in series.points
            if point.cpu_usage_cores is not None
        ]
        return max(moments, default=None)

    return find
