"""The three metrics functions of the official Python client (>= 36), with its returns and its errors.

They take that client's `ApiClient` or a `kubevitals.Cluster`. Beyond the official ones: the API version is
discovered (v1 or v1beta1), namespaces are read at the same time, and `namespaces=None` is one list of the
whole cluster.

    from kubevitals.compat import get_nodes_metrics        # instead of kubernetes.utils.metrics
"""

from __future__ import annotations

import json
import sys

from kubevitals import cluster, errors
from kubevitals.sources import metricsapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

METRICS_API_GROUP = metricsapi.GROUP
_AT_ONCE = 8  # namespaces that are read at the same time


def get_nodes_metrics(api_client: Any) -> dict[str, Any]:
    """Return the NodeMetricsList as the server sent it: `items` of {metadata, timestamp, window, usage}.

    The quantities are text ("250m", "1024Ki"): `kubevitals.parse_cpu` and `parse_memory` read them.

    Raises:
        ApiException: with an ApiClient, or with a Cluster where the official client is imported; the error is
            then a kubevitals.ClusterError too.
        kubevitals.ClusterError, kubevitals.MetricsError: with a Cluster otherwise.
    """
    return _reader(api_client)(("nodes",), None)


def get_pods_metrics(
    api_client: Any, namespace: str | None, label_selector: str | None = None
) -> dict[str, Any]:
    """Return the PodMetricsList of one namespace: `items` of {metadata, timestamp, window, containers}.

    Raises:
        ValueError: no namespace.
        and as `get_nodes_metrics`.
    """
    return _reader(api_client)(_pods_of(namespace), label_selector)


def get_pods_metrics_in_all_namespaces(
    api_client: Any, namespaces: Iterable[str] | None = None, label_selector: str | None = None
) -> dict[str, Any]:
    """Return {namespace: its PodMetricsList, or {"kind": "Error", "error": text}}, in the order given.

    With `namespaces=None` one request lists the whole cluster, and the result has the namespaces that have
    pods with metrics, by name; that request raises as `get_nodes_metrics`.
    """
    if namespaces is None:
        return _split(_reader(api_client)(("pods",), label_selector))
    from concurrent.futures import ThreadPoolExecutor

    names = list(dict.fromkeys(namespaces))
    read = _reader(api_client)

    def attempt(name: str) -> dict[str, Any]:
        try:
            return read(_pods_of(name), label_selector)
        except Exception as error:  # noqa: BLE001 - as documented: whatever fails becomes that namespace's entry
            return {"kind": "Error", "error": str(error)}

    with ThreadPoolExecutor(min(_AT_ONCE, len(names)) or 1) as pool:
        return dict(zip(names, pool.map(attempt, names), strict=True))


def _pods_of(namespace: str | None) -> tuple[str, ...]:
    if not namespace:
        raise ValueError("namespace parameter is required and cannot be empty")
    return "namespaces", namespace, "pods"


def _split(answer: dict[str, Any]) -> dict[str, Any]:
    """Return one list a namespace from the list of all."""
    envelope = {key: value for key, value in answer.items() if key != "items"}
    lists: dict[str, Any] = {}
    for item in answer.get("items") or ():
        namespace = item["metadata"]["namespace"]
        if namespace not in lists:
            lists[namespace] = {**envelope, "items": []}
        lists[namespace]["items"].append(item)
    return dict(sorted(lists.items()))


def _reader(api_client: Any) -> Callable[[tuple[str, ...], str | None], dict[str, Any]]:
    """Return what reads a path below the group's version, for either kind of client."""
    if isinstance(api_client, cluster.Cluster):
        return _read_with_cluster(metricsapi.MetricsAPI(api_client.client))
    if hasattr(api_client, "call_api"):
        return _read_with_official(api_client)
    raise TypeError(
        "api_client must be a kubernetes.client.ApiClient or a kubevitals.Cluster, "
        f"not {type(api_client).__name__}"
    )


def _read_with_cluster(
    api: metricsapi.MetricsAPI,
) -> Callable[[tuple[str, ...], str | None], dict[str, Any]]:
    def read(segments: tuple[str, ...], label_selector: str | None) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(api.fetch_raw(*segments, label_selector=label_selector))
        except (errors.ClusterError, errors.MetricsError) as error:
            raise _as_api_exception(error) from error
        return answer

    return read


def _as_api_exception(error: errors.KubevitalsError) -> Exception:
    """Return the error as an ApiException too, so that code written for the official client catches it.

    Only where that client is imported already: nobody else can have an `except ApiException`.
    """
    official = sys.modules.get("kubernetes.client.exceptions")
    if official is None:
        return error
    cause = error if isinstance(error, errors.StatusError) else error.__cause__
    base: Any = official.ApiException

    class ClusterApiException(type(error), base):  # type: ignore[misc] # both bases are known at run time only
        """A failure of kubevitals in the official client's terms."""

        def __init__(self) -> None:
            errors.KubevitalsError.__init__(self, error.message, remedy=error.remedy)
            self.__dict__.update(error.__dict__)
            self.status = getattr(cause, "status", 0)
            self.reason = getattr(cause, "reason", error.message)
            self.body = getattr(cause, "content", b"").decode("utf-8", "replace") or None
            self.headers = getattr(cause, "headers", None)

    return ClusterApiException()


def _read_with_official(
    api_client: Any,
) -> Callable[[tuple[str, ...], str | None], dict[str, Any]]:
    from kubernetes import client as official

    api = official.CustomObjectsApi(api_client)
    versions: list[str] = []

    def discover() -> list[str]:
        if not versions:
            try:
                groups = official.ApisApi(api_client).get_api_versions().groups
            except official.ApiException:  # the lists may be allowed without discovery, or fail alike
                return ["v1beta1"]
            found = next((each for each in groups if each.name == METRICS_API_GROUP), None)
            offered = [each.version for each in found.versions] if found is not None else []
            # Where the group is absent, asking for the version of always gives the official client's own 404.
            # Of both the older one, which the official functions ask for.
            versions.extend(v for v in reversed(metricsapi.READABLE_VERSIONS) if v in offered)
        return versions or ["v1beta1"]

    def read(segments: tuple[str, ...], label_selector: str | None) -> dict[str, Any]:
        options: dict[str, Any] = {
            "group": METRICS_API_GROUP,
            "version": discover()[0],
            "plural": segments[-1],
        }
        if label_selector:
            options["label_selector"] = label_selector
        if len(segments) == 1:
            answer: dict[str, Any] = api.list_cluster_custom_object(**options)
        else:
            answer = api.list_namespaced_custom_object(namespace=segments[1], **options)
        return answer

    return read
