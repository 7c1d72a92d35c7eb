"""What a Prometheus would have scraped of kubelets, as samples with times, for the real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOW = 1_760_000_400.0  # the time that is asked for; a multiple of 60
INTERVAL = 15


class Series(NamedTuple):
    """A name, labels, and points of (seconds, value)."""

    name: str
    labels: dict[str, str]
    points: Sequence[tuple[float, float]]


def openmetrics(series: Iterable[Series]) -> str:
    """The samples as promtool takes them to make blocks."""
    return "".join(
        f"{_selector(each)} {value!r} {moment!r}\n" for each in series for moment, value in each.points
    )


def text(series: Iterable[Series]) -> str:
    """The samples as VictoriaMetrics imports them, with times in milliseconds."""
    return "".join(
        f"{_selector(each)} {value!r} {round(moment * 1000)}\n"
        for each in series
        for moment, value in each.points
    )


def times(*, since: float = 600, until: float = 0, shift: float = 0) -> list[float]:
    """Moments of scrapes, from so many seconds before NOW to so many before it."""
    return [NOW - since + step * INTERVAL + shift for step in range(int((since - until) // INTERVAL) + 1)]


def counter(cores: float, moments: Iterable[float], *, start: float = 0.0) -> list[tuple[float, float]]:
    """A counter of seconds that grows by so many cores."""
    moments = list(moments)
    return [(moment, start + cores * (moment - moments[0])) for moment in moments]


def container(
    namespace: str,
    pod: str,
    name: str,
    *,
    cores: float,
    size: float,
    moments: Sequence[float],
    start: float = 100.0,
    labels: dict[str, str],
) -> list[Series]:
    """The two families of a container as cAdvisor has them."""
    own = {"namespace": namespace, "pod": pod, "container": name, **labels}
    return [
        Series("container_cpu_usage_seconds_total", own, counter(cores, moments, start=start)),
        Series("container_memory_working_set_bytes", own, [(moment, size) for moment in moments]),
    ]


def _selector(each: Series) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in each.labels.items())
    return f"{each.name}{{{inside}}}"
