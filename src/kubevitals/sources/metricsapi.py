"""Usage from the metrics API (metrics.k8s.io), whoever serves it: metrics-server, an adapter, a vendor.

The versions v1 and v1beta1 have one schema, and either or both may be there.
"""

from __future__ import annotations

import threading

from kubevitals import errors, model, parallel, quantity, sanitize, sources
from kubevitals.kube.http import urls
from kubevitals.sources import metricslists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from kubevitals.kube import client as kube_client


GROUP = "metrics.k8s.io"
READABLE_VERSIONS = ("v1", "v1beta1")
_USUAL_VERSION = "v1beta1"  # served by nearly all clusters: asked at once, without looking the group up
_ONCE_MORE = (500, 502)  # statuses that often are those of one request alone


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
            usage.nodes = _read_nodes(metricslists.decode_nodes(body, usage.problems), usage.problems)
        if (body := of_pods.result()) is not None:
            usage.pods = _read_pods(metricslists.decode_pods(body, usage.problems), usage.problems)
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
            group = metricslists.load(self._client.fetch(f"/apis/{GROUP}"), kind="APIGroup")
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
        remedy="kubevitals doctor says why and what to do; "
        "by hand: kubectl get apiservice v1beta1.metrics.k8s.io -o yaml",
    )


def _read_nodes(
    rows: Iterable[metricslists.WireNode], problems: list[model.Problem]
) -> dict[str, sources.Sample]:
    samples: dict[str, sources.Sample] = {}
    for name, timestamp, window, cpu, memory in rows:
        samples[name] = (timestamp, window, *_parse(cpu, memory, name, problems))
    return samples


def _read_pods(
    rows: Iterable[metricslists.WirePod], problems: list[model.Problem]
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
