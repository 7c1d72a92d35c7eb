"""Where the parts of a cluster's metrics are: looked up by what refers to them, not by their names alone."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from kubevitals import cpython, errors
from kubevitals.doctor import context as contexts
from kubevitals.doctor import diagnosis, layers
from kubevitals.kube import resourceattributes, timestamps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from kubevitals.promql import discovery

    Object = dict[str, Any]

RESOURCE_METRICS, CUSTOM, EXTERNAL = "metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"
_SOON = 30 * 86400.0  # seconds before its end that a certificate is told
_AUTOSCALERS = "/apis/autoscaling/v2"
_MONITORING = "/apis/monitoring.coreos.com/v1"


def need(verb: str, resource: str, group: str = "", *, optional: bool = False) -> diagnosis.Need:
    """Return a right that a check takes."""
    return diagnosis.Need(resourceattributes.ResourceAttributes(verb, resource, group), optional)


NODES = need("list", "nodes")
PODS = need("list", "pods")
SERVICES = need("list", "services")
API_SERVICES = need("list", "apiservices", "apiregistration.k8s.io")
AUTOSCALERS = need("list", "horizontalpodautoscalers", "autoscaling")
DAEMON_SETS = need("list", "daemonsets", "apps")


def nodes(context: contexts.Context) -> contexts.Listing:
    """Return the nodes."""
    return context.listing("/api/v1/nodes")


def is_ready(item: Object) -> bool:
    """Return whether the condition Ready of a node or a pod is True."""
    return diagnosis.condition(item, "Ready").get("status") == "True"


def address_of(node: Object) -> str:
    """Return a node's internal address; empty where it states none."""
    for each in diagnosis.objects(node, "status", "addresses"):
        if each.get("type") == "InternalIP":
            return diagnosis.text(each, "address")
    return ""


def is_virtual(node: Object) -> bool:
    """Return whether a node is no machine of its own: Fargate, virtual-kubelet."""
    labels = diagnosis.labels(node)
    return (
        labels.get("eks.amazonaws.com/compute-type") == "fargate" or labels.get("type") == "virtual-kubelet"
    )


def api_services(context: contexts.Context, group: str) -> list[Object]:
    """Return the APIServices of a group that another server answers, the stable version first."""
    found = context.listing("/apis/apiregistration.k8s.io/v1/apiservices")
    mine = [
        each
        for each in found.items
        if diagnosis.text(each, "spec", "group") == group and diagnosis.dig(each, "spec", "service")
    ]
    return sorted(mine, key=lambda each: diagnosis.text(each, "spec", "version") != "v1")


def metrics_base(context: contexts.Context) -> str | None:
    """Return the path of the metrics API; None where it is not registered, or not available."""
    services = api_services(context, RESOURCE_METRICS)
    if not services or any(map(unavailable, services)):
        return None
    return f"/apis/{RESOURCE_METRICS}/{diagnosis.text(services[0], 'spec', 'version')}"


def measured_nodes(context: contexts.Context) -> set[str]:
    """Return the nodes of which the metrics API has numbers; none where it is not there, or may not be read."""
    base = metrics_base(context)
    if base is None:
        return set()
    try:
        return {diagnosis.place(each) for each in diagnosis.objects(context.json(f"{base}/nodes"), "items")}
    except errors.ClusterError:
        return set()


def service_of(api_service: Object) -> tuple[str, str]:
    """Return namespace and name of the Service that an APIService points to."""
    return (
        diagnosis.text(api_service, "spec", "service", "namespace"),
        diagnosis.text(api_service, "spec", "service", "name"),
    )


def unavailable(api_service: Object) -> Object:
    """Return the condition Available of an APIService if it is not True; else nothing."""
    found = diagnosis.condition(api_service, "Available")
    return {} if found.get("status") == "True" else found


def autoscalers(context: contexts.Context) -> contexts.Listing:
    """Return the HorizontalPodAutoscalers."""
    return context.listing(context.within(_AUTOSCALERS, "horizontalpodautoscalers"))


def wants(autoscaler: Object) -> set[str]:
    """Return the types of metrics that an autoscaler asks for: Resource, Pods, Object, External ..."""
    return {diagnosis.text(each, "type") for each in diagnosis.objects(autoscaler, "spec", "metrics")}


def pods_behind(context: contexts.Context, namespace: str, service: str) -> list[Object]:
    """Return the pods that a Service selects."""
    found = context.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(service, safe='')}")
    selector = diagnosis.dig(found, "spec", "selector")
    if not isinstance(selector, dict) or not selector:
        return []
    return labelled(
        context, ",".join(f"{key}={value}" for key, value in selector.items()), namespace=namespace
    )


def labelled(context: contexts.Context, selector: str, *, namespace: str = "") -> list[Object]:
    """Return pods by a label selector, of one namespace or of all that are looked at."""
    path = (
        f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        if namespace
        else context.within("/api/v1", "pods")
    )
    return list(context.listing(path, selector=selector, most=100).items)


def named(context: contexts.Context, *names: str) -> list[Object]:
    """Return the pods of a component, by the two labels that charts and manifests give it."""
    words = ",".join(names)
    found = labelled(context, f"app.kubernetes.io/name in ({words})")
    return found or labelled(context, f"k8s-app in ({words})") or labelled(context, f"app in ({words})")


def daemon_sets(context: contexts.Context, *names: str) -> list[Object]:
    """Return the DaemonSets of a component, by name or label."""
    found = context.listing(context.within("/apis/apps/v1", "daemonsets"), most=500)
    return [
        each
        for each in found.items
        if any(
            word in (diagnosis.text(each, "metadata", "name"), *diagnosis.labels(each).values())
            or diagnosis.text(each, "metadata", "name").endswith(f"-{word}")
            for word in names
        )
    ]


def readiness(daemon_set: Object) -> tuple[int, int]:
    """Return on how many nodes a DaemonSet is ready, and on how many it should be."""
    ready, wanted = (
        diagnosis.dig(daemon_set, "status", key) for key in ("numberReady", "desiredNumberScheduled")
    )
    return ready if isinstance(ready, int) else 0, wanted if isinstance(wanted, int) else 0


def behind_nodes(context: contexts.Context, pods: Iterable[Object]) -> tuple[str, ...]:
    """Return the layer of nodes where it explains that none of the pods is ready: all stand on lost nodes."""
    lost = {diagnosis.place(node) for node in nodes(context).items if not is_ready(node)}
    places = {diagnosis.text(pod, "spec", "nodeName") for pod in pods} - {""}
    return (layers.NODES,) if places and places <= lost else ()


def waiting_reason(pod: Object) -> tuple[str, str]:
    """Return why a container of a pod waits: the word and the message; empty where none does."""
    for each in diagnosis.objects(pod, "status", "containerStatuses"):
        reason = diagnosis.text(each, "state", "waiting", "reason")
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            return reason, diagnosis.text(each, "state", "waiting", "message")
    return "", ""


def last_termination(pod: Object) -> str:
    """Return why a container of a pod ended last, say OOMKilled."""
    for each in diagnosis.objects(pod, "status", "containerStatuses"):
        for state in ("state", "lastState"):
            reason = diagnosis.text(each, state, "terminated", "reason")
            if reason:
                return reason
    return ""


def moment_of(text: str) -> datetime | None:
    """Return an RFC 3339 time; None for what is none."""
    try:
        return timestamps.parse_time(text)
    except ValueError:
        return None


def age(context: contexts.Context, moment: str) -> float | None:
    """Return how many seconds ago an RFC 3339 time was."""
    try:
        return context.wall() - timestamps.parse_time(moment).timestamp()
    except ValueError:
        return None


def format_age(seconds: float) -> str:
    """Return an age in the two largest units: 1h38m."""
    whole = int(abs(seconds))
    for size, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size}{unit}" + (f"{rest}{part}" if rest else "")
    return f"{whole}s"


def certificate_ends(bundle: str) -> datetime | None:
    """Return when the first certificate of a caBundle (base64 of PEM) that ends, ends; None if none is read."""
    import base64

    try:
        return pem_ends(base64.b64decode(bundle, validate=True).decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return None


def pem_ends(pem: str) -> datetime | None:
    """Return when the first certificate in a PEM text that ends, ends; None if none is read."""
    import ssl

    try:
        store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        store.load_verify_locations(cadata=pem)
        ends = [
            ssl.cert_time_to_seconds(str(each["notAfter"]))
            for each in store.get_ca_certs()
            if "notAfter" in each
        ]
    except (ValueError, ssl.SSLError):
        return None
    return datetime.fromtimestamp(min(ends), UTC) if ends else None


def find_ending(context: contexts.Context, ends: datetime) -> tuple[bool, str] | None:
    """Return whether a certificate has ended, and when in words, if it has or will within 30 days."""
    left = ends.timestamp() - context.wall()
    if left >= _SOON:
        return None
    return (True, f"{format_age(left)} ago") if left <= 0 else (False, f"in {format_age(left)}")


# --- Prometheus


def find_prometheus(context: contexts.Context) -> discovery.Place | None:
    """Return the Service of the Prometheus that is likeliest the cluster's; None without one."""
    from kubevitals.promql import discovery

    found = context.listing(context.within("/api/v1", "services"))
    ranked = discovery.rank(
        (
            diagnosis.text(each, "metadata", "namespace"),
            diagnosis.text(each, "metadata", "name"),
            diagnosis.labels(each),
            [
                (port["port"], diagnosis.text(port, "name"))
                for port in diagnosis.objects(each, "spec", "ports")
                if isinstance(port.get("port"), int)
            ],
        )
        for each in found.items
        if diagnosis.text(each, "spec", "type") != "ExternalName"
    )
    return ranked[0] if ranked else None


def has_prometheus(context: contexts.Context) -> bool:
    """Return whether there is a Prometheus to ask: the one that was given, or one in the cluster."""
    return context.given_prometheus is not None or find_prometheus(context) is not None


def ask_prometheus(context: contexts.Context, path: str, **query: str) -> Any:
    """Return `data` of an answer of Prometheus; None where there is none, or it does not answer.

    Raises:
        errors.ForbiddenError: it may not be asked through the API server.
    """
    if context.given_prometheus is not None:
        try:
            body = context.given_prometheus.fetch(path, list(query.items()))
            return diagnosis.dig(cpython.parse_json(body), "data")
        except (errors.PrometheusError, ValueError):
            return None
    place = find_prometheus(context)
    if place is None:
        return None
    service = f"{place.name}:{place.port}"
    right = resourceattributes.ResourceAttributes("get", "services/proxy", "", place.namespace, service)
    if not context.may(right):
        raise_missing(right)
    try:
        return diagnosis.dig(context.json(f"{place.proxy_path}/api/v1/{path}", tuple(query.items())), "data")
    except errors.ForbiddenError:
        raise
    except errors.ClusterError:
        return None


def raise_missing(right: resourceattributes.ResourceAttributes) -> None:
    """Raise the error that says that a right is missing."""
    error = errors.ForbiddenError(f"needs {right}")
    error.right = right
    raise error


def targets(context: contexts.Context) -> Iterator[tuple[str, str, str, str]]:
    """Yield job, address, health and last error of each active target of Prometheus."""
    for each in diagnosis.objects(ask_prometheus(context, "targets", state="active"), "activeTargets"):
        yield (
            diagnosis.text(each, "labels", "job"),
            diagnosis.text(each, "scrapeUrl"),
            diagnosis.text(each, "health"),
            diagnosis.text(each, "lastError"),
        )


def query(context: contexts.Context, expression: str) -> list[tuple[dict[str, str], str]]:
    """Return labels and value of each series of an instant query of Prometheus; none where it fails."""
    found = ask_prometheus(context, "query", query=expression)
    return [
        (each["metric"], str(diagnosis.dig(each, "value", 1)))
        for each in diagnosis.objects(found, "result")
        if isinstance(each.get("metric"), dict)
    ]


def monitoring(context: contexts.Context, resource: str) -> list[Object]:
    """Return objects of the Prometheus operator; none where it is not installed, or they may not be read."""
    if not context.allows("list", resource, group="monitoring.coreos.com"):
        return []
    try:
        return list(context.listing(context.within(_MONITORING, resource), most=500).items)
    except errors.ClusterError:
        return []


def lines_with(lines: Iterable[str], *words: str) -> list[str]:
    """Return the lines that hold any of the words, the last first, each text once."""
    return list(dict.fromkeys(line for line in reversed(list(lines)) if any(word in line for word in words)))
