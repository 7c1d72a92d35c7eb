"""Usage from the metrics API (metrics.k8s.io), whoever serves it: metrics-server, an adapter, a vendor.

The versions v1 and v1beta1 have one schema, and either or both may be there.
"""

from __future__ import annotations

import sys
import threading

from kubevitals import cpython, errors, model, parallel, quantity, sanitize, sources
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, TypeVar

    from kubevitals.kube import client as kube_client
    from kubevitals.kube import objects

    WireContainer = tuple[str, Any, Any]  # name, cpu, memory
    WirePod = tuple[str, str, str, str, list[WireContainer]]  # namespace, name, timestamp, window, containers
    WireNode = tuple[str, str, str, Any, Any]  # name, timestamp, window, cpu, memory
    RowT = TypeVar("RowT")

GROUP = "metrics.k8s.io"
READABLE_VERSIONS = ("v1", "v1beta1")
_USUAL_VERSION = "v1beta1"  # served by nearly all clusters: asked at once, without looking the group up
_ONCE_MORE = (500, 502)  # statuses that often are those of one request alone
_SMALL = 1_000_000  # bytes; below it json is quicker than importing msgspec
_TINY = 65_536  # bytes; below it json is taken even where msgspec is loaded


class MetricsAPI:
    """The metrics API of one cluster as a source."""

    name = sources.METRICS_API

    def __init__(self, client: kube_client.Client) -> None:
        self._client = client
        self._version: str | None = None  # which has answered
        self._offered: list[str] | None = None
        self._guessed = False  # discovery is forbidden: what is offered is a guess
        self._lock = threading.Lock()

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return the usage of what `scope` names: one request for nodes and one for pods, at the same time.

        Raises:
            errors.MetricsNotInstalledError: the API server has no such group.
            errors.MetricsUnavailableError: it has, but nobody answers behind it.
            errors.ForbiddenError: the account may not read it.
            errors.ClusterError: the request failed in another way.
        """
        place = () if scope.namespace is None else ("namespaces", scope.namespace)
        of_nodes = _Fetch(self._fetch, ("nodes",), scope)
        of_pods = _Fetch(self._fetch, (*place, "pods"), scope)
        wanted = [fetch for fetch, is_wanted in ((of_nodes, scope.nodes), (of_pods, scope.pods)) if is_wanted]
        if wanted:
            parallel.run(wanted)
        usage = sources.Usage(self.name)
        if (body := of_nodes.result()) is not None:
            usage.nodes = _read_nodes(decode_nodes(body, usage.problems), usage.problems)
        if (body := of_pods.result()) is not None:
            usage.pods = _read_pods(decode_pods(body, usage.problems), usage.problems)
        return usage

    def fetch_raw(self, *segments: str, label_selector: str | None = None) -> bytes:
        """Return the body of /apis/metrics.k8s.io/VERSION/SEGMENTS as the server sent it.

        Raises: as `fetch_usage`.
        """
        query = [("labelSelector", label_selector)] if label_selector else []
        return self._fetch_path(segments, query)

    def discover_versions(self) -> list[str]:
        """Return the versions of the group that can be read here, in the server's order; kept once known.

        Raises:
            errors.MetricsNotInstalledError: the group is absent, or serves only versions unknown here.
            errors.MetricsUnavailableError: the API server cannot tell now.
        """
        with self._lock:
            if self._offered is None:
                self._offered = self._fetch_versions()
            return self._offered

    def _fetch_versions(self) -> list[str]:
        try:
            group = _load(self._client.fetch(f"/apis/{GROUP}"), kind="APIGroup")
        except errors.NotFoundError as error:
            raise _not_installed() from error
        except errors.ForbiddenError:
            # Discovery is open to every account by default. Where it was taken away, the lists may still be
            # allowed, and the older version is the one that is served nearly everywhere.
            self._guessed = True
            return list(reversed(READABLE_VERSIONS))
        except errors.UnavailableError as error:
            raise _unavailable(error) from error
        found = group.get("versions")
        offered = [
            str(each.get("version", ""))
            for each in (found if isinstance(found, list) else ())
            if isinstance(each, dict)
        ]
        readable = [version for version in offered if version in READABLE_VERSIONS]
        if not readable:
            said = sanitize.excerpt(", ".join(offered), 80) or "no version at all"
            raise errors.MetricsNotInstalledError(
                f"the cluster serves metrics.k8s.io only as {said}, which this kubevitals cannot read",
                remedy="upgrade kubevitals",
            )
        return readable

    def _fetch(self, segments: tuple[str, ...], scope: sources.Scope) -> bytes | None:
        """Return the body of a list, or of one object as such; None where that one has no sample."""
        query = []
        if scope.name is not None:
            segments = (*segments, scope.name)
        else:
            if scope.label_selector:
                query.append(("labelSelector", scope.label_selector))
            if scope.field_selector:
                query.append(("fieldSelector", scope.field_selector))
        try:
            return self._fetch_path(segments, query)
        except errors.NotFoundError:
            if scope.name is None:
                raise
            return None

    def _fetch_path(self, segments: Sequence[str], query: Sequence[tuple[str, str]]) -> bytes:
        """Return a body in the version that answered before, or the usual one, or another that is offered."""
        known = self._version
        first = known or _USUAL_VERSION
        failed: errors.StatusError
        try:
            return self._fetch_version(first, segments, query)
        except errors.ForbiddenError:
            if known is None:
                self.discover_versions()  # without the group, that is the better thing to say
            raise
        except errors.UnavailableError as error:
            failed = error
        except errors.NotFoundError as error:
            if not _is_of_version(error):
                raise
            failed = error
            self._version = self._offered = None
        for version in self.discover_versions():
            if version == first:
                continue
            try:
                return self._fetch_version(version, segments, query)
            except errors.UnavailableError as error:
                failed = error
            except errors.NotFoundError as error:
                if not _is_of_version(error):
                    raise
                failed = failed if isinstance(failed, errors.UnavailableError) else error
        if self._guessed and isinstance(failed, errors.NotFoundError):
            raise _not_installed() from failed
        raise _unavailable(failed) from failed

    def _fetch_version(
        self, version: str, segments: Sequence[str], query: Sequence[tuple[str, str]]
    ) -> bytes:
        try:
            body = self._fetch_now(urls.path_join("apis", GROUP, version, *segments), query)
        except errors.ForbiddenError as error:
            if error.unrecognized:
                raise _not_ready(error) from error
            raise
        self._version = version
        return body

    def _fetch_now(self, path: str, query: Sequence[tuple[str, str]]) -> bytes:
        """Return the body; an unavailable metrics API is said at once, as nothing here is worth 15 seconds.

        What is over in a moment, a throttled request or a broken connection, is tried again, and a failure of
        the server itself once.
        """
        try:
            return self._client.fetch(path, query, retry=False)
        except (errors.RateLimitedError, errors.UnreachableError, errors.TruncatedBodyError):
            return self._client.fetch(path, query)
        except errors.StatusError as error:
            if error.status not in _ONCE_MORE:
                raise
            return self._client.fetch(path, query, retry=False)


class _Fetch:
    """One request of several at the same time, with its result."""

    def __init__(
        self,
        fetch: Callable[[tuple[str, ...], sources.Scope], bytes | None],
        segments: tuple[str, ...],
        scope: sources.Scope,
    ) -> None:
        self._fetch = fetch
        self._segments = segments
        self._scope = scope
        self._body: bytes | None = None
        self._error: errors.KubevitalsError | None = None

    def __call__(self) -> None:
        """Make the request."""
        try:
            self._body = self._fetch(self._segments, self._scope)
        except errors.KubevitalsError as error:
            self._error = error

    def result(self) -> bytes | None:
        """Return the body, or None where there is none; raise what the request raised."""
        if self._error is not None:
            raise self._error
        body, self._body = self._body, None
        return body


def _is_of_version(error: errors.NotFoundError) -> bool:
    """Return whether the whole version is not there, rather than one object."""
    return "page not found" in error.body


def _not_installed() -> errors.MetricsNotInstalledError:
    return errors.MetricsNotInstalledError(
        "metrics API not installed: the cluster has no metrics.k8s.io",
        remedy="install metrics-server (https://github.com/kubernetes-sigs/metrics-server) "
        "or another provider of metrics.k8s.io",
    )


def _not_ready(error: errors.ForbiddenError) -> errors.MetricsUnavailableError:
    return errors.MetricsUnavailableError(
        "metrics API installed but not ready: it does not know yet who asks (HTTP 403 for system:anonymous)",
        remedy=error.remedy,
    )


def _unavailable(error: errors.StatusError) -> errors.MetricsUnavailableError:
    said = f": {error.body.strip()}" if error.body.strip() else ""
    return errors.MetricsUnavailableError(
        f"metrics API installed but unavailable (HTTP {error.status}{said})",
        remedy="kubectl get apiservice v1beta1.metrics.k8s.io tells why; "
        "then look at the pods behind it, often -n kube-system -l k8s-app=metrics-server",
    )


def decode_pods(body: bytes, problems: list[model.Problem]) -> Iterable[WirePod]:
    """Return the rows of a PodMetricsList, or of one PodMetrics.

    A row that cannot be read is left out, with an entry in `problems`.

    Raises:
        errors.DecodingError: the body is neither.
    """
    if not _is_small(body):
        from kubevitals.kube import objects

        pods = _decode_typed(body, objects.PodMetricsList)
        if pods is not None and all(map(_is_named_pod, pods)):
            return map(_read_typed_pod, pods)
    return _read_items(body, "PodMetrics", _read_pod_item, problems)


def decode_nodes(body: bytes, problems: list[model.Problem]) -> Iterable[WireNode]:
    """Return the rows of a NodeMetricsList, or of one NodeMetrics.

    A row that cannot be read is left out, with an entry in `problems`.

    Raises:
        errors.DecodingError: the body is neither.
    """
    if not _is_small(body):
        from kubevitals.kube import objects

        nodes = _decode_typed(body, objects.NodeMetricsList)
        if nodes is not None and all(node.metadata.name for node in nodes):
            return map(_read_typed_node, nodes)
    return _read_items(body, "NodeMetrics", _read_node_item, problems)


def _decode_typed(body: bytes, kind: Any) -> list[Any] | None:
    """Return the items of a large list; None for what json is to judge: anything but a list in good order."""
    from kubevitals.kube import listpages

    try:
        answer = listpages.decode_list(body, listpages.decoder(kind), kind=kind.__name__)
    except errors.DecodingError:
        return None
    return answer.items or []


def _is_named_pod(pod: objects.PodMetrics) -> bool:
    meta = pod.metadata
    return bool(meta.name and meta.namespace) and all(each.name for each in pod.containers or ())


def _read_typed_pod(pod: objects.PodMetrics) -> WirePod:
    return (
        pod.metadata.namespace,
        pod.metadata.name,
        pod.timestamp or "",
        pod.window or "",
        [
            (each.name, each.usage and each.usage.cpu, each.usage and each.usage.memory)
            for each in pod.containers or ()
        ],
    )


def _read_typed_node(node: objects.NodeMetrics) -> WireNode:
    amounts = node.usage
    return (
        node.metadata.name,
        node.timestamp or "",
        node.window or "",
        amounts and amounts.cpu,
        amounts and amounts.memory,
    )


def _read_items(
    body: bytes, single: str, read: Callable[[dict[str, Any]], RowT], problems: list[model.Problem]
) -> Iterator[RowT]:
    answer = _load(body, kind=f"{single}List", single=single)
    items = [answer] if answer["kind"] == single else answer.get("items")
    if items is None:  # as Go writes an empty list
        return
    if not isinstance(items, list):
        raise _misshapen(f"{single}List")
    for item in items:
        try:
            row = read(item)
        except (TypeError, AttributeError) as error:
            problems.append(_unreadable(item, single, error))
        else:
            yield row


def _read_pod_item(item: dict[str, Any]) -> WirePod:
    meta = _mapping(item.get("metadata"), "metadata")
    containers: list[WireContainer] = []
    found = item.get("containers")
    if not isinstance(found, list | None):
        raise TypeError("its containers are no list")
    for each in found or ():
        amounts = _mapping(each.get("usage"), "usage")
        containers.append((_name(each.get("name")), amounts.get("cpu"), amounts.get("memory")))
    return (
        _name(meta.get("namespace")),
        _name(meta.get("name")),
        _text(item.get("timestamp")),
        _text(item.get("window")),
        containers,
    )


def _read_node_item(item: dict[str, Any]) -> WireNode:
    amounts = _mapping(item.get("usage"), "usage")
    return (
        _name(_mapping(item.get("metadata"), "metadata").get("name")),
        _text(item.get("timestamp")),
        _text(item.get("window")),
        amounts.get("cpu"),
        amounts.get("memory"),
    )


def _mapping(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise TypeError(f"its {field} is no mapping")


def _name(value: Any) -> str:
    name = _text(value)
    if not name:
        raise TypeError("a name is missing")
    return name


def _text(value: Any) -> str:
    """Return the text, empty where there is none: Go writes a time that was never set as null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("something else stands where a text belongs")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("a text of it is no Unicode") from None
    return value


def _unreadable(item: Any, kind: str, error: Exception) -> model.Problem:
    meta = item.get("metadata") if isinstance(item, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    words = [meta.get("namespace"), meta.get("name")]
    subject = sanitize.excerpt("/".join(word for word in words if isinstance(word, str)), 120)
    why = str(error) if isinstance(error, TypeError) else "it is no mapping"
    return model.Problem(
        errors.DecodingError.code,
        f"usage of {subject or 'an object without a name'} is unknown, as its {kind} cannot be read: {why}",
        "something between here and the API server may have changed the answer",
        subject or None,
    )


def _misshapen(kind: str) -> errors.WrongKindError:
    return errors.WrongKindError(
        f"the server's {kind} is not as Kubernetes defines it",
        remedy="something between here and the API server may have changed the answer",
    )


def _is_small(body: bytes) -> bool:
    """Return whether json is the better decoder; one single object always is small."""
    return len(body) < (_SMALL if "msgspec" not in sys.modules else _TINY)


def _load(body: bytes, *, kind: str, single: str | None = None) -> dict[str, Any]:
    try:
        answer: Any = cpython.parse_json(body)
    except (ValueError, RecursionError) as error:
        raise errors.NotJSONError(
            f"the server answered something else than JSON where a {kind} was expected",
            remedy="check that the server address is that of a Kubernetes API server",
        ) from error
    if isinstance(answer, dict) and answer.get("kind") in (kind, single):
        return answer
    found = answer.get("kind") if isinstance(answer, dict) else type(answer).__name__
    raise errors.WrongKindError(
        f"the server answered a {str(found)[:60]!r} where a {kind} was expected",
        remedy="check that the server address is that of a Kubernetes API server",
    )


def _read_nodes(rows: Iterable[WireNode], problems: list[model.Problem]) -> dict[str, sources.Sample]:
    samples: dict[str, sources.Sample] = {}
    for name, timestamp, window, cpu, memory in rows:
        samples[name] = (timestamp, window, *_parse(cpu, memory, name, problems))
    return samples


def _read_pods(
    rows: Iterable[WirePod], problems: list[model.Problem]
) -> dict[tuple[str, str], sources.PodSample]:
    samples: dict[tuple[str, str], sources.PodSample] = {}
    parse_cpu, parse_memory = quantity.parse_cpu, quantity.parse_memory
    for namespace, name, timestamp, window, containers in rows:
        measured: list[sources.ContainerSample] = []
        for container, cpu, memory in containers:
            try:
                measured.append((container, parse_cpu(cpu), parse_memory(memory)))
            except (errors.QuantityError, TypeError, AttributeError):
                subject = f"{namespace}/{name}/{container}"
                measured.append((container, *_parse(cpu, memory, subject, problems)))
        samples[namespace, name] = (timestamp, window, measured)
    return samples


def _parse(
    cpu: Any, memory: Any, subject: str, problems: list[model.Problem]
) -> tuple[float | None, int | None]:
    """Return cores and bytes; what is missing or no quantity becomes None, the latter with a problem."""
    cores: float | None = None
    size: int | None = None
    try:
        cores = None if cpu is None else quantity.parse_cpu(str(cpu))
    except errors.QuantityError as error:
        problems.append(model.Problem(error.code, f"CPU usage of {subject}: {error.message}", object=subject))
    try:
        size = None if memory is None else quantity.parse_memory(str(memory))
    except errors.QuantityError as error:
        problems.append(
            model.Problem(error.code, f"memory usage of {subject}: {error.message}", object=subject)
        )
    return cores, size
