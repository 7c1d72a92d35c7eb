"""What was recorded of clusters, for callers of the library: usage over time, and the state at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubevitals import errors, history, kinds, model, parameters, quantity, recordtuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Self

    Moment = datetime | timedelta | str
else:
    from kubevitals.namedtuple import NamedTuple

WHOLE = "whole"


class UsageRow(NamedTuple):
    """The usage of one object in one step, with the requests and limits of that time. None is unknown."""

    timestamp: datetime | None = None  # the end of the step
    kind: str = ""  # node, pod, container, workload, namespace
    cluster: str = ""
    name: str = ""
    namespace: str | None = None
    pod: str | None = None  # of a container
    uid: str | None = None  # of the pod
    node: str | None = None
    workload_kind: str | None = None
    workload_name: str | None = None
    cpu_usage_cores: float | None = None  # the mean of the step
    memory_usage_bytes: int | None = None
    cpu_min_cores: float | None = None
    cpu_max_cores: float | None = None
    memory_min_bytes: int | None = None
    memory_max_bytes: int | None = None
    samples: int = 0
    coverage: float | None = None  # the part of the step that was measured, 0 to 1
    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    percentiles: tuple[float, ...] = ()  # which ones the next two hold
    cpu_percentiles: tuple[float | None, ...] = ()
    memory_percentiles: tuple[int | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form: every key present, percentiles as `cpu_p95_cores`, times as RFC 3339 text."""
        row = self._asdict()
        for key in ("percentiles", "cpu_percentiles", "memory_percentiles"):
            del row[key]
        if self.timestamp is not None:
            row["timestamp"] = self.timestamp.isoformat().replace("+00:00", "Z")
        for place, each in enumerate(self.percentiles):
            cpu, memory = self.cpu_percentiles, self.memory_percentiles
            row[f"cpu_p{each:g}_cores"] = cpu[place] if cpu else None
            row[f"memory_p{each:g}_bytes"] = memory[place] if memory else None
        return row


def open_history(location: str | None = None, *, cluster: str | None = None, **server: Any) -> ClusterHistory:
    """Return what was recorded, to be read; use it in a `with` block, or `close()` it.

    Args:
        location: a file of `kubevitals record`, or the URL of a Prometheus-compatible server that scrapes
            kubevitals or receives its remote-write; by default the file that `kubevitals record` writes.
        cluster: the name of the one cluster that is asked for; all that were recorded where None.
        **server: how a server is reached: `token_file`, `user_file`, `ca`, `header`, `timeout` ...

    Raises:
        errors.ConfigurationError: the URL, or how it is reached, cannot be used.
        errors.UsageError: options of a server are given for a file.
    """
    with parameters.Translation():
        return ClusterHistory(_open(location, server), cluster=cluster)


def _open(location: str | None, server: dict[str, Any]) -> history.History:
    if location is not None and "://" in str(location):
        from kubevitals.history import remote
        from kubevitals.promql import config

        options = config.ServerOptions(location, **server)
        return remote.Remote(config.open_prometheus(options, flag="--history"))
    if server:
        raise errors.UsageError(f"a file has no {', '.join(server)}", remedy="leave it out, or give a URL")
    from kubevitals.history import paths, store

    return store.Store.open(location or paths.default_path(), write=False)


class ClusterHistory:
    """What was recorded of a cluster, or of several. Each method raises HistoryError if it cannot be read."""

    def __init__(self, held: history.History, *, cluster: str | None = None) -> None:
        self.held = held
        self.cluster = cluster

    def usage(
        self,
        kind: str = "pods",
        *,
        since: Moment = "24h",
        until: Moment | None = None,
        step: float | str | None = WHOLE,
        name: str | None = None,
        namespace: str | None = None,
        percentiles: Sequence[float] = (95.0,),
    ) -> model.Records[UsageRow]:
        """Return a row for each step of each object, with the requests and limits of that time.

        Args:
            kind: "nodes", "pods", "containers", "namespaces" or "workloads".
            since: the begin: a time, or how long ago as "7d", "90m" or a timedelta.
            until: the end; now where None.
            step: "whole" for one row over the whole range, a length as "1h" or in seconds, None for samples.
            name: one object.
            namespace: one namespace.
            percentiles: which ones the rows have, each from 0 to 100.

        Raises:
            errors.HistoryError: nothing was recorded yet, or it cannot be read.
            errors.UsageError: an argument cannot be meant.
        """
        now = datetime.now(UTC)
        begin, end = _read_moment(since, now), now if until is None else _read_moment(until, now)
        if begin >= end:
            raise errors.UsageError(f"since {begin} is not before until {end}")
        chosen = tuple(float(each) for each in percentiles)
        if not all(0 <= each <= 100 for each in chosen):
            raise errors.UsageError("a percentile is a number from 0 to 100")
        query = history.Query(
            kinds.parse(kind).singular,
            begin,
            end,
            name=name,
            namespace=namespace,
            cluster=self.cluster,
            step=_read_step(step),
            percentiles=chosen,
        )
        with parameters.Translation():
            answer = self.held.read(query)
        make: Any = UsageRow
        rows: list[UsageRow] = [
            make(point[0], *series[:-1], *point[1:13], chosen, *point[13:15])
            for series in answer.series
            for point in series.points
        ]
        names = {row.cluster for row in rows}
        origin = recordtuple.Origin(
            "history",
            tuple([row.cluster for row in rows]) if len(names) > 1 else next(iter(names), self.cluster),
            now,
            tuple([parameters.translate_problem(each) for each in answer.problems]),
            blank=UsageRow(percentiles=chosen),
        )
        return recordtuple.Records(rows, origin)

    def nodes(self, **query: Any) -> model.Records[UsageRow]:
        """Return the usage of nodes; `query` as for `usage`."""
        return self.usage("nodes", **query)

    def pods(self, **query: Any) -> model.Records[UsageRow]:
        """Return the usage of pods; `query` as for `usage`."""
        return self.usage("pods", **query)

    def containers(self, **query: Any) -> model.Records[UsageRow]:
        """Return the usage of containers; `query` as for `usage`."""
        return self.usage("containers", **query)

    def workloads(self, **query: Any) -> model.Records[UsageRow]:
        """Return the usage of workloads; `query` as for `usage`."""
        return self.usage("workloads", **query)

    def namespaces(self, **query: Any) -> model.Records[UsageRow]:
        """Return the usage of namespaces; `query` as for `usage`."""
        return self.usage("namespaces", **query)

    def at(self, moment: Moment) -> model.Snapshot | None:
        """Return the state at a time, or so long ago as "2h"; None where nothing was recorded near it."""
        with parameters.Translation():
            found = self.held.snapshot_at(_read_moment(moment, datetime.now(UTC)), cluster=self.cluster)
        return None if found is None else parameters.translate_snapshot(found)

    def extent(self) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last sample; None where nothing was recorded."""
        with parameters.Translation():
            return self.held.extent(datetime.now(UTC))

    def clusters(self) -> list[str]:
        """Return the names of the clusters that were recorded."""
        with parameters.Translation():
            return self.held.clusters()

    def close(self) -> None:
        """Close files and connections."""
        self.held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_moment(moment: Moment, now: datetime) -> datetime:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise errors.UsageError(f"the time {moment} has no time zone", remedy="datetime(..., tzinfo=UTC)")
        return moment.astimezone(UTC)
    return now - (moment if isinstance(moment, timedelta) else timedelta(seconds=_read_length(moment)))


def _read_step(step: float | str | None) -> float | None:
    if step is None:
        return None
    if step == WHOLE:
        return history.WHOLE
    seconds = _read_length(step) if isinstance(step, str) else float(step)
    if not seconds >= 1:
        raise errors.UsageError(f"a step of {step} is too short", remedy="a second is the least")
    return seconds


def _read_length(text: str) -> float:
    seconds = quantity.parse_length(text)
    if seconds is None or not seconds <= 1e9:
        raise errors.UsageError(f"{text[:60]!r} is no length of time", remedy='write it as "90s", "6h", "7d"')
    return seconds
