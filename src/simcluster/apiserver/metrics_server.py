"""The metrics API as metrics-server answers it behind the aggregation layer, in JSON and in protobuf.

Each object is encoded once for each scrape of the simulated metrics-server, and so are complete lists.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Protocol

from simcluster import apiobjects
from simcluster.apiserver import api_errors, go_formats, metrics_protobuf, selectors
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simcluster import faults as faults_
    from simcluster.apiserver import negotiation

    Usage = apiobjects.NodeUsage | apiobjects.PodUsage

GROUP = "metrics.k8s.io"
RESOLUTION = 15.0
"""Seconds between two turns of metrics-server."""

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
KINDS = {"nodes": "NodeMetrics", "pods": "PodMetrics"}
_STORAGE_NAMES = {"nodes": "nodemetrics", "pods": "podmetrics"}
_COLUMNS = (("Name", "name"), ("cpu", "quantity"), ("memory", "quantity"), ("Window", "duration"))
BAD_QUANTITY = "12x"


class UsageWorld(Protocol):
    """The world as metrics-server sees it."""

    def node_usage(self, now: float) -> list[apiobjects.NodeUsage]:
        """Usage of every measured node."""

    def pod_usage(self, now: float) -> list[apiobjects.PodUsage]:
        """Usage of every measured pod."""


class MetricsServer:
    """The metrics API of one world. It scrapes every 15 seconds of `clock`, counted from `start`."""

    def __init__(
        self, world: UsageWorld, *, clock: Callable[[], float], start: float, faults: faults_.FaultSet
    ) -> None:
        self._world = world
        self._clock = clock
        self._start = start
        self._faults = faults
        self._lock = threading.RLock()
        self._stopped_at: float | None = None
        self._scrapes: dict[str, _Scrape] = {}

    def find(self, resource: str, version: str, *, namespace: str, name: str, form: str) -> messages.Body:
        """One object; StatusError 404 in metrics-server's words if it has no usage."""
        shown = f"{namespace}/{name}" if resource == "pods" else name
        scrape = self._scrape(resource)
        row = scrape.by_name.get((namespace, name))
        if row is None:
            raise api_errors.not_found(_STORAGE_NAMES[resource], GROUP, shown)
        if form == PROTOBUF:
            message = metrics_protobuf.encode_row(row.usage, scrape.served, bad_cpu=row.bad_cpu)
            return messages.Body((metrics_protobuf.envelope(KINDS[resource], f"{GROUP}/{version}", message),))
        head = f'{{"kind":"{KINDS[resource]}","apiVersion":"{GROUP}/{version}",'.encode()
        return messages.Body((head, row.json()[1:], b"\n"))

    def list(
        self,
        resource: str,
        version: str,
        *,
        namespace: str = "",
        labels: selectors.Selector = selectors.EVERYTHING,
        fields: selectors.FieldSelector = selectors.ANYTHING,
        form: str = JSON,
    ) -> messages.Body:
        """A list. As in the real metrics-server there are no pages."""
        scrape = self._scrape(resource)
        kind = f"{KINDS[resource]}List"
        key = (version, form)
        whole = not namespace and not labels and not fields
        if whole and key in scrape.bodies:
            return scrape.bodies[key]
        with self._lock:
            if whole and key in scrape.bodies:
                return scrape.bodies[key]
            rows = scrape.rows if whole else scrape.choose(namespace, labels, fields)
            body = _encode_list(kind, f"{GROUP}/{version}", rows, form=form, served=scrape.served)
            if whole:
                scrape.bodies[key] = body
            return body

    def table(
        self,
        resource: str,
        form: negotiation.Form,
        *,
        namespace: str,
        name: str,
        labels: selectors.Selector,
        fields: selectors.FieldSelector,
    ) -> dict[str, Any]:
        """A Table (or the metadata alone) for `kubectl get nodes.metrics.k8s.io [NAME]`."""
        scrape = self._scrape(resource)
        rows = [row for row in scrape.choose(namespace, labels, fields) if not name or row.usage.name == name]
        if name and not rows:
            self.find(resource, "", namespace=namespace, name=name, form=JSON)  # raises 404
        version = f"meta.k8s.io/{form.version}"
        partials = [_partial(row, version) for row in rows]
        if form.kind == "metadata":
            whole = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": version,
                "metadata": {},
                "items": partials,
            }
            return partials[0] if name else whole
        lines = [{"cells": _cells(row), "object": shown} for row, shown in zip(rows, partials, strict=True)]
        columns = [
            {
                "name": title,
                "type": "string",
                "format": form_,
                "description": "Name of the resource" if title == "Name" else "",
                "priority": 0,
            }
            for title, form_ in _COLUMNS
        ]
        return {
            "kind": "Table",
            "apiVersion": version,
            "metadata": {},
            "columnDefinitions": columns,
            "rows": lines,
        }

    def _scrape(self, resource: str) -> _Scrape:
        now = self._clock()
        with self._lock:
            if self._faults.active("metrics-stale"):
                if self._stopped_at is None:
                    self._stopped_at = now
                now = self._stopped_at
            else:
                self._stopped_at = None
            empty = self._faults.active("metrics-empty")
            bad = self._faults.active("bad-quantity")
            lead = self._faults.value("clock") or 0.0
            number = (int((now - self._start) // RESOLUTION), empty, bad, lead)
            scrape = self._scrapes.get(resource)
            if scrape is None or scrape.number != number:
                usages: Sequence[Usage] = []
                if not empty:
                    world = self._world
                    usages = world.node_usage(now) if resource == "nodes" else world.pod_usage(now)
                if lead:
                    usages = [usage._replace(timestamp=usage.timestamp + lead) for usage in usages]
                scrape = self._scrapes[resource] = _Scrape(number, usages, served=int(self._clock()))
                if bad and scrape.rows:
                    scrape.rows[0].bad_cpu = BAD_QUANTITY
            return scrape


class Row:
    """One node's or pod's usage, encoded when first asked for. `served` is its metadata.creationTimestamp."""

    __slots__ = ("_json", "bad_cpu", "served", "usage")

    def __init__(self, usage: Usage, served: int) -> None:
        self.usage = usage
        self.served = served
        self.bad_cpu: str | None = None
        self._json: bytes | None = None

    @property
    def namespace(self) -> str:
        """The pod's namespace, "" for nodes."""
        return self.usage.namespace if isinstance(self.usage, apiobjects.PodUsage) else ""

    def json(self) -> bytes:
        """The object as it is in a list."""
        if self._json is None:
            self._json = _encode_row(self)
        return self._json


class _Scrape:
    """What metrics-server holds between two scrapes."""

    __slots__ = ("_by_name", "bodies", "number", "rows", "served")

    def __init__(
        self, number: tuple[int, bool, bool, float], usages: Sequence[Usage], *, served: int
    ) -> None:
        self.number = number
        self.served = served
        self.rows = [Row(usage, served) for usage in usages]
        self.bodies: dict[tuple[str, str], messages.Body] = {}
        self._by_name: dict[tuple[str, str], Row] | None = None

    @property
    def by_name(self) -> dict[tuple[str, str], Row]:
        """The rows by namespace and name."""
        if self._by_name is None:
            self._by_name = {(row.namespace, row.usage.name): row for row in self.rows}
        return self._by_name

    def choose(
        self, namespace: str, labels: selectors.Selector, fields: selectors.FieldSelector
    ) -> Sequence[Row]:
        """The rows that match."""
        rows: Sequence[Row] = self.rows
        if namespace:
            rows = [row for row in rows if row.namespace == namespace]
        if labels:
            rows = [row for row in rows if labels.matches(row.usage.labels)]
        if fields:
            rows = [row for row in rows if fields.matches(_fields(row))]
        return rows


def _fields(row: Row) -> dict[str, str]:
    return {"metadata.name": row.usage.name, "metadata.namespace": row.namespace}


def _encode_list(
    kind: str, api_version: str, rows: Sequence[Row], *, form: str, served: int
) -> messages.Body:
    if form == PROTOBUF:
        encoded = [metrics_protobuf.encode_row(row.usage, served, bad_cpu=row.bad_cpu) for row in rows]
        return messages.Body(
            (metrics_protobuf.envelope(kind, api_version, metrics_protobuf.encode_list(encoded)),)
        )
    head = f'{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{{}},"items":['.encode()
    return messages.Body((head + b",".join([row.json() for row in rows]) + b"]}\n",))


_LABELS: dict[int, tuple[dict[str, str], str]] = {}
_LABELS_LIMIT = 4096


def _encode_labels(labels: dict[str, str]) -> str:
    # Pods of one template share one mapping, so it is encoded once; the entry holds it, so its id stays its
    # own.
    known = _LABELS.get(id(labels))
    if known is not None and known[0] is labels:
        return known[1]
    text = json.dumps(labels, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if len(_LABELS) >= _LABELS_LIMIT:
        _LABELS.clear()
    _LABELS[id(labels)] = (labels, text)
    return text


_TIMES: dict[int, str] = {}


def _format_time(epoch: float) -> str:
    second = int(epoch)
    text = _TIMES.get(second)
    if text is None:
        if len(_TIMES) >= _LABELS_LIMIT:
            _TIMES.clear()
        text = _TIMES[second] = go_formats.format_time(second)
    return text


def _usage_text(nanocores: int, kibibytes: int, cpu: str | None = None) -> str:
    cpu = cpu or go_formats.format_cpu(nanocores)
    return f'"usage":{{"cpu":"{cpu}","memory":"{go_formats.format_memory(kibibytes)}"}}'


def _encode_row(row: Row) -> bytes:
    usage = row.usage
    namespace = f'"namespace":"{row.namespace}",' if row.namespace else ""
    labels = f',"labels":{_encode_labels(usage.labels)}' if usage.labels else ""
    head = (
        f'{{"metadata":{{"name":"{usage.name}",{namespace}'
        f'"creationTimestamp":"{_format_time(row.served)}"{labels}}},'
        f'"timestamp":"{_format_time(usage.timestamp)}",'
        f'"window":"{go_formats.format_duration(usage.window)}",'
    )
    if isinstance(usage, apiobjects.NodeUsage):
        return f"{head}{_usage_text(usage.cpu_nanocores, usage.memory_kibibytes, row.bad_cpu)}}}".encode()
    parts = []
    bad = row.bad_cpu
    for name, nanocores, kibibytes in usage.containers:
        parts.append(f'{{"name":"{name}",{_usage_text(nanocores, kibibytes, bad)}}}')
        bad = None
    return f'{head}"containers":[{",".join(parts)}]}}'.encode()


def _partial(row: Row, version: str) -> dict[str, Any]:
    shown = json.loads(row.json())["metadata"]
    return {"kind": "PartialObjectMetadata", "apiVersion": version, "metadata": shown}


def _cells(row: Row) -> list[str]:
    usage = row.usage
    if isinstance(usage, apiobjects.NodeUsage):
        cpu, memory = usage.cpu_nanocores, usage.memory_kibibytes
    else:
        cpu = sum(nanocores for _, nanocores, _ in usage.containers)
        memory = sum(kibibytes for _, _, kibibytes in usage.containers)
    return [
        usage.name,
        row.bad_cpu or go_formats.format_cpu(cpu),
        go_formats.format_memory(memory),
        go_formats.format_duration(usage.window),
    ]
