"""Prometheus' targets that are down: the last error of each says which layer it is about."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, kubeletwords, layers, lookups
from kubevitals.doctor.checks import prometheus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

    Targets = list[tuple[str, str, str, str]]

_PROXY = diagnosis.Diagnosis(
    "kube_proxy_on_loopback", layers.KUBE_PROXY,
    "kube-proxy: it serves its metrics on 127.0.0.1 alone",
    "metricsBindAddress is empty, which means 127.0.0.1:10249: nobody but the node itself can scrape it.",
    ("kubectl -n kube-system get configmap kube-proxy -o yaml",),
    ("In config.conf: metricsBindAddress: 0.0.0.0:10249 (plain HTTP: let a firewall keep others out), then:",
     "! kubectl -n kube-system edit configmap kube-proxy",
     "! kubectl -n kube-system rollout restart daemonset kube-proxy"),
    "a ServiceMonitor on another port: nothing listens there",
    severity.WARNING,
    "dial tcp 10.0.3.7:10249: connect: connection refused",
)  # fmt: skip
_CONTROLLERS = diagnosis.Diagnosis(
    "control_plane_on_loopback", layers.CONTROL_PLANE,
    "control plane: scheduler or controller-manager serve their metrics on 127.0.0.1 alone",
    "kubeadm starts them with --bind-address=127.0.0.1; old charts also ask the plain ports 10251 and 10252, which are gone.",
    ("kubectl -n kube-system get pods -l tier=control-plane -o wide",),
    ("In the static manifests on each control-plane node: --bind-address=0.0.0.0; let the chart scrape https at 10257 and 10259.",),
    "an --insecure-port: it was removed",
    severity.WARNING,
    "dial tcp 10.0.3.7:10257: connect: connection refused",
)  # fmt: skip
_ETCD = diagnosis.Diagnosis(
    "etcd_unscrapable", layers.CONTROL_PLANE,
    "control plane: etcd's metrics are asked for at the wrong port, scheme or with the wrong certificate",
    "etcd serves metrics at 2379 to holders of a client certificate, and in plain HTTP at 2381 only if listen-metrics-urls says so.",
    ("kubectl -n kube-system get pods -l component=etcd -o yaml",),
    ("Set listen-metrics-urls: http://0.0.0.0:2381 and scrape that (kubeEtcd.service.port: 2381), or give Prometheus a client certificate by a Secret.",),
    "copying etcd's CA key into the cluster",
    severity.WARNING,
    'malformed HTTP response "\\x15\\x03\\x01"',
)  # fmt: skip
_CONTENT_TYPE = diagnosis.Diagnosis(
    "target_content_type", layers.APPLICATIONS,
    "applications: exporters answer without a proper Content-Type, which Prometheus 3 refuses",
    "Prometheus 2 guessed the format; from 3.0 on a missing or foreign Content-Type is an error.",
    ("kubectl get servicemonitors,podmonitors -A",),
    ("Update the exporter. As a bridge, in its ServiceMonitor: fallbackScrapeProtocol: PrometheusText0.0.4",),
    "going back to Prometheus 2",
    severity.WARNING,
    'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
)  # fmt: skip
_DOWN = diagnosis.Diagnosis(
    "targets_down", layers.APPLICATIONS,
    "applications: targets of Prometheus are down",
    "The last error of each target says why: refused (it listens elsewhere), 404 (another path), 401 or 403 (credentials), timeout (NetworkPolicy).",
    ("kubectl get servicemonitors,podmonitors -A",),
    ("Correct port, path or credentials in the monitor, or let the application listen at 0.0.0.0.",),
    "a longer scrape timeout for what is refused",
    severity.WARNING,
    "server returned HTTP status 404 Not Found",
)  # fmt: skip
_KUBELETS_REFUSE = diagnosis.Diagnosis(
    "kubelet_targets_refused", layers.PROMETHEUS,
    "Prometheus: the kubelets refuse it (401 or 403)",
    "Prometheus may not get nodes/metrics, or its ServiceMonitor sends no token or speaks http.",
    ("kubectl auth can-i get nodes/metrics --as system:serviceaccount:monitoring:prometheus-k8s",),
    ("Grant get on nodes/metrics to Prometheus' service account; in the ServiceMonitor: scheme https and its token file.",),
    "opening the read-only port 10255",
    symptom="server returned HTTP status 403 Forbidden",
)  # fmt: skip
_CONTENT = ("Content-Type",)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Sort the targets that are down by the layer that their errors tell of."""
    if not prometheus.reachable(context):
        return
    found = list(lookups.targets(context))
    down = [each for each in found if each[2] == "down"]
    yield diagnosis.Note(layers.PROMETHEUS, diagnosis.OK, f"{len(found) - len(down)}/{len(found)} targets")
    sorted_out: set[int] = set()
    for page, chosen in _groups(context, down):
        sorted_out |= {id(each) for each in chosen}
        if chosen:
            yield _finding(page, chosen)
    rest = [each for each in down if id(each) not in sorted_out]
    if rest:
        yield _finding(_DOWN, rest)


def _groups(context: contexts.Context, down: Targets) -> Iterator[tuple[diagnosis.Diagnosis, Targets]]:
    yield _CONTENT_TYPE, [each for each in down if any(word in each[3] for word in _CONTENT)]
    yield _PROXY, [each for each in down if ":10249" in each[1]]
    yield (
        _CONTROLLERS,
        [each for each in down if any(port in each[1] for port in (":10257", ":10259", ":10251", ":10252"))],
    )
    yield _ETCD, [each for each in down if "etcd" in each[0] or ":2379" in each[1] or ":2381" in each[1]]
    kubelets = [each for each in down if ":10250" in each[1]]
    addresses = {
        diagnosis.text(address, "address")
        for node in (lookups.nodes(context).items if context.may(lookups.NODES.right) else ())
        for address in diagnosis.objects(node, "status", "addresses")
    }
    gone = [each for each in kubelets if addresses and _host(each[1]) not in addresses]
    refused = [each for each in kubelets if each not in gone and ("401" in each[3] or "403" in each[3])]
    yield kubeletwords.STALE_ENDPOINTS, gone
    yield _KUBELETS_REFUSE, refused
    others: dict[str, tuple[diagnosis.Diagnosis, Targets]] = {}
    for each in kubelets:
        page = None if each in gone or each in refused else kubeletwords.classify(each[3])
        if page is not None:
            others.setdefault(page.id, (page, []))[1].append(each)
    yield from others.values()


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0].strip("[]")


def _finding(page: diagnosis.Diagnosis, chosen: Targets) -> diagnosis.Finding:
    jobs = list(dict.fromkeys(job for job, _, _, _ in chosen))
    return diagnosis.find(
        page,
        *(f"target {url}: {error}" for _, url, _, error in chosen[:3]),
        title=f"{page.title}: {len(chosen)} targets of {quantity.format_names(jobs)}",
        damage=f"no series of {quantity.format_names(jobs)}",
        scope=jobs,
    )  # fmt: skip


CHECK = diagnosis.Check(
    "targets", layers.PROMETHEUS, look, (lookups.SERVICES,),
    (kubeletwords.STALE_ENDPOINTS, _KUBELETS_REFUSE, _PROXY, _CONTROLLERS, _ETCD, _CONTENT_TYPE, _DOWN),
)  # fmt: skip
