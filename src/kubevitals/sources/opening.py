"""Opening the source of usage that was asked for by name, or the choice among all of them."""

from __future__ import annotations

from kubevitals import errors, sources
from kubevitals.sources import metricsapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.kube.http import client as kube_client
    from kubevitals.sources import choice

NAMES = ("auto", "metrics-server", "none")


def open_source(client: kube_client.Client, name: str = "auto") -> sources.Source:
    """Return the source of that name. Nothing is requested yet.

    A source that is named is never replaced by another. "auto" takes the metrics API.

    Raises:
        errors.UsageError: there is no such source.
    """
    if name == "auto":
        from kubevitals.sources import choice

        return choice.Choice(_candidates(client))
    if name not in NAMES:
        raise errors.UsageError(
            f"there is no source {name[:60]!r}", remedy=f"the sources are {', '.join(NAMES)}"
        )
    return _OPENERS[name](client)


def _candidates(client: kube_client.Client) -> list[choice.Candidate]:
    from kubevitals.sources import choice

    return [choice.Candidate("metrics-server", lambda: _OPENERS["metrics-server"](client))]


def _open_nothing(client: kube_client.Client) -> sources.Source:
    from kubevitals.sources import none

    del client
    return none.NoSource()


_OPENERS: dict[str, Callable[[kube_client.Client], sources.Source]] = {
    "metrics-server": metricsapi.MetricsAPI,
    "none": _open_nothing,
}
