"""The PromQL of this source as a table, and a file that takes the place of parts of it. Text alone.

`docs/prometheus.md` is held against this table by a test. What a query may give:

- the samples of a range (`foo[$range]`, a matrix): counters of seconds for CPU, bytes for memory. They come
  with their own times, so that window and timestamp are those that were measured
- ready numbers (a vector): cores or bytes, as of now
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.promql import expressions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FILE_LIMIT = 1 << 20  # bytes
_PLACEHOLDER = re.compile(r"\$(\w*)")
PLACEHOLDERS = {
    "scope": "matchers for the cluster; with containers also for the namespace and the pod asked for",
    "range": "how long CPU is averaged: --prometheus-range, or 4.5 scrape intervals and a minute at least",
    "recent": "how old a value may be: 2.5 scrape intervals and a minute at least",
}
OF_CONTAINERS, OF_NODES = 'container!=""', 'id="/"'  # matchers of cAdvisor's series
CONTAINER_LABELS = ("namespace", "pod", "container")


class Query(NamedTuple):
    """One query.

    `family` is the metric that it stands or falls with. `window` are the seconds of ready numbers of CPU, and
    `origin` names for people a query that came from a file.
    """

    text: str
    family: str = ""
    window: float | None = None
    origin: str = ""

    def render(self, *, scope: str, window: float, recent: float) -> str:
        """Return the query with its placeholders filled in."""
        filled = {
            "scope": scope,
            "range": expressions.duration(window),
            "recent": expressions.duration(recent),
        }
        return _PLACEHOLDER.sub(lambda found: filled[found[1]], self.text)


# The pause container has the name POD, or none; without a container are the groups around containers.
_OF_CONTAINERS = 'container!="",container!="POD",$scope'
# What each number is read from. Of several queries the first that gives anything counts, so that no family
# is added to another: kubelets tell the same in /metrics/cadvisor and in /metrics/resource.
TABLE: Mapping[str, tuple[Query, ...]] = {
    "container_cpu": (
        Query(
            f"container_cpu_usage_seconds_total{{{_OF_CONTAINERS}}}[$range]",
            "container_cpu_usage_seconds_total",
        ),
    ),
    "container_memory": (
        Query(
            f"container_memory_working_set_bytes{{{_OF_CONTAINERS}}}[$recent]",
            "container_memory_working_set_bytes",
        ),
    ),
    "node_cpu": (
        Query(
            'container_cpu_usage_seconds_total{id="/",$scope}[$range]', "container_cpu_usage_seconds_total"
        ),
        Query("node_cpu_usage_seconds_total{$scope}[$range]", "node_cpu_usage_seconds_total"),
        Query(
            "sum without (cpu, mode) (rate(node_cpu_seconds_total"
            '{mode!~"idle|iowait|steal|guest|guest_nice",$scope}[$range]))',
            "node_cpu_seconds_total",
        ),
    ),
    "node_memory": (
        Query(
            'container_memory_working_set_bytes{id="/",$scope}[$recent]', "container_memory_working_set_bytes"
        ),
        Query("node_memory_working_set_bytes{$scope}[$recent]", "node_memory_working_set_bytes"),
        Query(
            "node_memory_MemTotal_bytes{$scope} - node_memory_MemAvailable_bytes{$scope}",
            "node_memory_MemTotal_bytes",
        ),
    ),
}
# Which node an address belongs to, where series of nodes have no name but an IP: kube-state-metrics knows.
NODE_ADDRESSES = "kube_node_info{$scope}"
# How many samples a series has in ten minutes tells the scrape interval, whoever scrapes. Young series have
# fewer, hence not the median. The first of them that gives anything counts.
SAMPLES = tuple(
    f"quantile(0.9, count_over_time({selector}[10m]))"
    for selector in (
        f"container_cpu_usage_seconds_total{{{_OF_CONTAINERS}}}",
        'container_cpu_usage_seconds_total{id="/",$scope}',
        "node_memory_MemTotal_bytes{$scope}",
    )
)


def load(path: str) -> dict[str, tuple[Query, ...]]:
    """Return the table with the queries of a TOML, YAML or JSON file in the place of its own.

    The file has for each of the table's names `query` and, for ready numbers of CPU, `window_seconds`.

    Raises:
        errors.ConfigurationError: the file cannot be read, or holds something else.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as everywhere else here
            data = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise errors.ConfigurationError(
            f"the file of --prometheus-queries {path} cannot be read: {error.strerror}"
        ) from error
    if len(data) > _FILE_LIMIT:
        raise _wrong(path, "is larger than 1 MiB")
    found = _parse(path, data)
    if not isinstance(found, dict):
        raise _wrong(path, "is no table of queries")
    return {**TABLE, **{str(name): (_read(path, str(name), entry),) for name, entry in found.items()}}


def _parse(path: str, data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
        if path.endswith(".toml"):
            import tomllib

            return tomllib.loads(text)
        import yaml

        return yaml.safe_load(text)  # JSON is a part of YAML
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise _wrong(path, "cannot be read: it is neither TOML, YAML nor JSON") from error
    except Exception as error:  # yaml.YAMLError, named without importing yaml for TOML
        raise _wrong(path, f"cannot be read: {str(error).splitlines()[0][:100]}") from error


def _read(path: str, name: str, entry: Any) -> Query:
    if name not in TABLE:
        raise _wrong(path, f"names {name[:60]!r}, which is none of {', '.join(TABLE)}")
    if not isinstance(entry, dict) or not isinstance(entry.get("query"), str) or not entry["query"].strip():
        raise _wrong(path, f"has no `query` for {name}")
    if unknown := entry.keys() - {"query", "window_seconds"}:
        raise _wrong(path, f"has {str(min(map(str, unknown)))[:60]!r} for {name}, which means nothing")
    text = entry["query"].strip()
    for found in _PLACEHOLDER.findall(text):
        if found not in PLACEHOLDERS:
            raise _wrong(path, f"has ${found[:40]} in {name}; there are ${', $'.join(PLACEHOLDERS)}")
    window = entry.get("window_seconds")
    if window is not None and not (type(window) in (int, float) and 0 < window < 1e7):
        raise _wrong(path, f"has a window_seconds for {name} that is no number of seconds")
    return Query(text, window=None if window is None else float(window), origin=f"the query {name} of {path}")


def _wrong(path: str, what: str) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f"the file of --prometheus-queries {path} {what}",
        remedy="docs/prometheus.md shows such a file and what each query has to give",
    )
