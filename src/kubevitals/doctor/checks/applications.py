"""With --probe: the endpoints that pods announce by their annotations, asked as Prometheus would."""

from __future__ import annotations

import re
from urllib.parse import quote

from kubevitals import errors, quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups, probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_PROTOBUF = "application/vnd.google.protobuf"
_TYPES = frozenset({"text/plain", "application/openmetrics-text", _PROTOBUF})
_EXPOSITION = re.compile(rb"\s*(#|[a-zA-Z_:][a-zA-Z0-9_:]*[ {])")
_SAMPLE = 20  # pods, one of each workload
_SEE = "kubectl -n {namespace} get pod {name} -o yaml"


def _page(name: str, title: str, cause: str, fix: str, avoid: str) -> diagnosis.Diagnosis:
    return diagnosis.Diagnosis(
        f"application_{name}", layers.APPLICATIONS, f"applications: {title}", cause,
        (_SEE, "kubectl -n {namespace} port-forward {name} {port}"), (fix,), avoid, severity.WARNING,
    )  # fmt: skip


_REFUSED = _page(
    "port_refused",
    "nothing listens on the port that the annotation names",
    "The application binds 127.0.0.1, or another port than prometheus.io/port says.",
    "Bind 0.0.0.0 (or [::]), and name the port that it listens on.",
    "hostNetwork: the port would be open on the node",
)
_PATH = _page(
    "path_missing",
    "the path of metrics is another one",
    "prometheus.io/path is missing or wrong: the application answers 404.",
    "Set prometheus.io/path to where the application has its metrics (Spring: /actuator/prometheus).",
    "a redirect from /metrics: Prometheus follows it, and everything else too",
)
_LOGIN = _page(
    "needs_login",
    "metrics are behind a login",
    "The application answers 401 or 403; the scrape has no credentials.",
    "Give the scrape configuration credentials (a ServiceMonitor's authorization), or the metrics a port without a login.",
    "annotations with a password: everybody who may list pods reads them",
)
_FORMAT = _page(
    "no_exposition",
    "what answers is no exposition of metrics",
    "It is a page, JSON, or has no Content-Type, which Prometheus 3 refuses without fallback_scrape_protocol.",
    "Name the right path, or set fallback_scrape_protocol: PrometheusText0.0.4 if it is an exposition.",
    "turning the check off for all targets",
)
_PAGES = (_REFUSED, _PATH, _LOGIN, _FORMAT)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask one pod of each workload that announces metrics."""
    if not context.probe:
        return
    pods = _announced(context)
    found: dict[str, list[tuple[dict[str, Any], str]]] = {}
    silent = 0
    for pod in pods:
        answer, target = _ask(context, pod)
        page = judge(answer, through_proxy=target.startswith("/"))
        if page is not None:
            found.setdefault(page.id, []).append((pod, f"GET {target}: {answer.error or answer.status}"))
        silent += answer.error == "timed out"
    for page in _PAGES:
        if mine := found.get(page.id):
            names = [diagnosis.place(pod) for pod, _ in mine]
            first = mine[0][0]
            yield diagnosis.find(
                page, *(proof for _, proof in mine[:3]), title=f"{page.title}: {quantity.format_names(names)}",
                scope=names, about=first, port=_annotation(first, "port") or "PORT",
            )  # fmt: skip
    if not pods:
        yield diagnosis.Note(layers.APPLICATIONS, diagnosis.SKIP, "no pod has prometheus.io/scrape")
    elif silent == len(pods):
        yield diagnosis.Note(
            layers.APPLICATIONS, diagnosis.UNKNOWN, "the pod network cannot be reached from here"
        )
    else:
        yield diagnosis.Note(layers.APPLICATIONS, diagnosis.OK, f"{len(pods) - silent}/{len(pods)} answer")


def judge(answer: probes.Answer, *, through_proxy: bool = False) -> diagnosis.Diagnosis | None:
    """Return what an answer says is wrong; None for an exposition, and where nothing can be said."""
    if answer.error:
        return _REFUSED if answer.error == "connection refused" else None
    if answer.status in (401, 403):
        return _LOGIN
    if answer.status == 404:
        return _PATH
    if answer.status != 200:
        return None
    kind = answer.content_type.partition(";")[0].strip()
    typed = kind in _TYPES or through_proxy  # which tells no type
    return None if typed and (_EXPOSITION.match(answer.body) or kind == _PROTOBUF) else _FORMAT


def _announced(context: contexts.Context) -> list[dict[str, Any]]:
    """Return running pods with the annotation, one of each owner."""
    found: dict[str, dict[str, Any]] = {}
    for pod in context.listing(context.within("/api/v1", "pods")).items:
        if _annotation(pod, "scrape") == "true" and diagnosis.text(pod, "status", "phase") == "Running":
            owner = diagnosis.text(pod, "metadata", "ownerReferences", 0, "uid") or diagnosis.place(pod)
            found.setdefault(owner, pod)
    return list(found.values())[:_SAMPLE]


def _annotation(pod: dict[str, Any], name: str) -> str:
    return diagnosis.text(pod, "metadata", "annotations", f"prometheus.io/{name}")


def _ask(context: contexts.Context, pod: dict[str, Any]) -> tuple[probes.Answer, str]:
    """Ask a pod through the API server where that is allowed, else straight; return the answer and the target."""
    path = _annotation(pod, "path") or "/metrics"
    port = _port_of(pod)
    namespace, name = diagnosis.text(pod, "metadata", "namespace"), diagnosis.text(pod, "metadata", "name")
    if context.allows("get", "pods/proxy", namespace=namespace, name=name):
        place = (
            f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(f'{name}:{port}', safe=':')}/proxy"
        )
        target = place + quote(path if path.startswith("/") else f"/{path}", safe="/?=&")
        try:
            return probes.Answer(200, context.text(target).encode()), target
        except errors.StatusError as error:
            refused = "connection refused" in error.body
            return probes.Answer(error.status, error="connection refused" if refused else ""), target
        except errors.ClusterError as error:
            return probes.Answer(0, error=error.message), target
    address = diagnosis.text(pod, "status", "podIP")
    scheme = "https" if _annotation(pod, "scheme") == "https" else "http"
    target = probes.url(scheme, address, port, path)
    if not probes.is_worth_asking(address):
        return probes.Answer(0, error="no address"), target
    return probes.get(target), target


def _port_of(pod: dict[str, Any]) -> int:
    """Return the port of the annotation, or the first one that a container names."""
    told = _annotation(pod, "port")
    if told.isascii() and told.isdigit() and 0 < int(told[:6]) < 65536:
        return int(told)
    for container in diagnosis.objects(pod, "spec", "containers"):
        for each in diagnosis.objects(container, "ports"):
            if isinstance(each.get("containerPort"), int):
                return int(each["containerPort"])
    return 80


CHECK = diagnosis.Check("applications", layers.APPLICATIONS, look, (lookups.PODS,), _PAGES)
