"""The service about itself: status, probes and the exposition. It must not know HTTP.

These are made when they are asked for: they tell how old the snapshot is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

import kubevitals
from kubevitals.surfaces import exposition
from kubevitals.surfaces.web import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kubevitals import collector, model

STATUS_TYPES = {
    "cluster": "str",
    "namespace": "str | None",
    "source": "str",
    "live": "bool",
    "ready": "bool",
    "snapshot": "int | None",
    "etag": "str | None",
    "started_at": "datetime",
    "generated_at": "datetime | None",
    "age_seconds": "float | None",
    "max_age_seconds": "float",
    "interval_seconds": "float",
    "ticks": "int",
    "last_tick_seconds": "float | None",
    "last_good_at": "datetime | None",
    "failures": "Mapping[str, int]",
    "watch_restarts": "int",
}
"""The keys of a cluster's status that hold plain values; coverage, rights and problems stand beside them."""

LISTS = ("nodes", "pods", "node_usage", "pod_usage")


def make_status(sources: Mapping[str, collector.Collector]) -> bytes:
    """Return the document of `/api/v1/status`."""
    return msgspec.json.encode(
        {
            "schema": "kubevitals/v1",
            "kind": "Status",
            "version": kubevitals.__version__,
            "ready": all(source.status().ready for source in sources.values()),
            "clusters": [_describe(name, source) for name, source in sources.items()],
        }
    )


def _describe(name: str, source: collector.Collector) -> dict[str, Any]:
    status, published = source.status(), source.latest
    held = published.snapshot if published is not None else None
    problems = list(held.problems) if held is not None else []
    if status.last_error is not None and status.last_error not in problems:
        problems.insert(0, status.last_error)
    values = {
        "cluster": name,
        "namespace": source.namespace,
        "snapshot": published.number if published is not None else None,
        "etag": f'"{published.tag}"' if published is not None else None,
        "generated_at": held.generated_at if held is not None else None,
        **{key: getattr(status, key) for key in STATUS_TYPES if hasattr(status, key)},
    }
    return {
        **{key: values[key] for key in STATUS_TYPES},
        "coverage": {
            kind: {"with_usage": with_usage, "total": total}
            for kind, (with_usage, total) in status.coverage.items()
        },
        "rights": describe_rights(problems, held),
        "problems": [problem.to_dict() for problem in problems],
    }


def describe_rights(problems: Iterable[model.Problem], held: model.Snapshot | None) -> dict[str, str]:
    """Return of each thing that is read whether it is granted, forbidden or unknown, as far as was seen."""
    codes = {problem.code for problem in problems}
    refusals = [problem.message for problem in problems if problem.code == "usage_forbidden"]
    rights = {}
    for kind in ("nodes", "pods"):
        if f"{kind}_forbidden" in codes:
            rights[kind] = "forbidden"
        else:
            rights[kind] = "unknown" if held is None else "granted"
        rows: Sequence[Any] = () if held is None else (held.nodes if kind == "nodes" else held.pods)
        usage = f"{kind[:-1]}_usage"
        if any(f"{kind}.metrics" in text or f"metrics.k8s.io {kind}" in text for text in refusals):
            rights[usage] = "forbidden"
        else:
            rights[usage] = "granted" if any(row.timestamp is not None for row in rows) else "unknown"
    return {name: rights[name] for name in LISTS}


def not_ready(sources: Mapping[str, collector.Collector]) -> list[str]:
    """Return why the service is not ready, a line a cluster; empty if it is."""
    lines = []
    for name, source in sources.items():
        status = source.status()
        if not status.ready:
            age = status.age_seconds
            state = "no snapshot yet" if age is None else f"the snapshot is {age:.0f} s old"
            said = f": {status.last_error.message}" if status.last_error is not None else ""
            lines.append(f"{name}: {state}{said}")
    return lines


def not_live(sources: Mapping[str, collector.Collector]) -> list[str]:
    """Return which collectors do not tick; empty if all do."""
    return [f"{name}: does not tick" for name, source in sources.items() if not source.status().live]


class Exposition:
    """What `/metrics` answers, rendered anew after a publication or a failure, not for each scrape."""

    def __init__(
        self,
        shelves: Mapping[str, answers.Shelf],
        options: exposition.Options,
        *,
        requests: Mapping[tuple[str, int], int],
        further: Callable[[], Iterable[Any]] | None = None,
    ) -> None:
        self._shelves = shelves
        self._options = options
        self._requests = requests
        self._further = further
        self._made: dict[bool, tuple[Any, answers.Answer]] = {}

    def find(self, *, openmetrics: bool, zipped: bool) -> answers.Answer:
        """Return the exposition; for a thread, as it may take a while."""
        pairs = []
        for shelf in self._shelves.values():
            shown = shelf.shown
            pairs.append((shown.published if shown is not None else None, shelf.source.status()))
        state = tuple(
            (published and published.number, status.ready, status.live, sum(status.failures.values()))
            for published, status in pairs
        )
        known = self._made.get(openmetrics)
        if known is None or known[0] != state:
            content = exposition.render(
                [(published and published.snapshot, status) for published, status in pairs],
                openmetrics=openmetrics,
                options=self._options,
                clusters=list(self._shelves),
                requests=dict(self._requests),
                **({"further": self._further()} if self._further is not None else {}),
            )
            media_type = exposition.OPENMETRICS if openmetrics else exposition.TEXT
            tag = "-".join(published.tag if published is not None else "0" for published, _ in pairs)
            failed = sum(each[3] for each in state)
            made = answers.Answer(answers.Body(content, media_type), f"{tag}-{failed}-{int(openmetrics)}")
            known = self._made[openmetrics] = (state, made)
        if zipped:
            known[1].zip()
        return known[1]
