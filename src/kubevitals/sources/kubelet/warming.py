"""Waiting for the second reading, for commands that show only one: kubelets count, two counts make a rate."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals import sources

PATIENCE_SECONDS = 25.0  # a kubelet counts anew every 10 to 15 s, and each container at its own moment
_PAUSE_SECONDS = 3.0
_CODE = "first_sample"


def warm_up(
    read: Callable[[sources.Scope], sources.Usage],
    scope: sources.Scope,
    *,
    patience: float,
    wait: Callable[[float], object],
    notify: Callable[[str], object],
) -> None:
    """Call `read` until all that its first answer holds has a rate, for about `patience` seconds.

    What appears meanwhile is not waited for. `notify` is told once what is awaited, before the first wait.
    """
    usage = read(scope)
    awaited = _unknown(usage)
    waited = 0.0
    if awaited:
        notify(
            f"kubelets only count: waiting up to {patience:.0f} s for a second reading, which gives CPU usage"
        )
    while awaited and waited < patience:
        pause = min(_PAUSE_SECONDS, patience - waited)
        wait(pause)
        waited += pause
        awaited &= _unknown(read(scope))


def _unknown(usage: sources.Usage) -> set[object]:
    """Return the nodes and pods of which CPU is unknown for want of a second reading."""
    nodes: set[object] = {
        node for node, code in usage.silent.items() if code == _CODE and node in usage.nodes
    }
    return nodes | {pod for pod, code in usage.partial.items() if code == _CODE}
