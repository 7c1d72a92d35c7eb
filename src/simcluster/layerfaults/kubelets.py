"""Faults of nodes, kubelets and cAdvisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.apiserver import go_formats
from simcluster.layerfaults import parts

if TYPE_CHECKING:
    from simcluster.layerfaults.view import Object, View

_GET = 'Get \\"https://{address}:10250/metrics/resource\\": '


def no_ip_san(view: View) -> None:
    """Kubelets' certificates do not name their addresses."""
    parts.fail_scrapes(
        view,
        _GET
        + "tls: failed to verify certificate: x509: cannot validate certificate for {address} because it doesn't contain any IP SANs",
    )


def csr_pending(view: View) -> None:
    """Serving certificates were asked for, and nobody approved them."""
    parts.fail_scrapes(view, _GET + "remote error: tls: internal error")
    view.list("certificates.k8s.io", "v1", "certificatesigningrequests", [
        {
            "metadata": {"name": f"csr-{number}", "creationTimestamp": go_formats.format_time(view.now - 7200)},
            "spec": {"signerName": "kubernetes.io/kubelet-serving", "username": f"system:node:{node['metadata']['name']}"},
            "status": {},
        }
        for number, node in enumerate(view.objects("nodes"))
    ])  # fmt: skip


def port_closed(view: View) -> None:
    """Packets to 10250 are dropped."""
    parts.fail_scrapes(view, _GET + "dial tcp {address}:10250: i/o timeout")


def names_unresolved(view: View) -> None:
    """Nodes' names are not in DNS."""
    parts.fail_scrapes(
        view,
        'Get \\"https://{node}:10250/metrics/resource\\": dial tcp: lookup {node} on 10.96.0.10:53: no such host',
    )


def webhook_off(view: View) -> None:
    """Kubelets take everybody for anonymous."""
    parts.fail_scrapes(
        view,
        'request failed, status: \\"403 Forbidden\\": Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource=metrics)',
    )


def right_missing(view: View) -> None:
    """metrics-server may not get nodes/metrics."""
    parts.fail_scrapes(
        view,
        'request failed, status: \\"403 Forbidden\\": Forbidden (user=system:serviceaccount:kube-system:metrics-server, verb=get, resource=nodes, subresource=metrics)',
    )


def rejects_tokens(view: View) -> None:
    """Kubelets accept no token."""
    parts.fail_scrapes(view, 'request failed, status: \\"401 Unauthorized\\"')


def expired(view: View) -> None:
    """Kubelets' certificates have expired."""
    parts.fail_scrapes(
        view,
        _GET
        + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T03:52:07Z is after 2026-11-30T02:14:07Z",
    )


def unknown_authority(view: View) -> None:
    """Kubelets' certificates are of another authority."""
    parts.fail_scrapes(
        view, _GET + "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )


def one_slow(view: View) -> None:
    """One kubelet answers too late."""
    parts.fail_scrapes(view, _GET + "context deadline exceeded", nodes=1)


def fargate(view: View) -> None:
    """A virtual node that cannot be scraped from its own pod."""
    first = view.objects("nodes")[0]["metadata"]["name"]
    view.alter(
        "nodes", lambda shown: shown["metadata"]["labels"].update({"eks.amazonaws.com/compute-type": "fargate"}),
        lambda shown: shown["metadata"]["name"] == first,
    )  # fmt: skip
    parts.fail_scrapes(view, _GET + "dial tcp {address}:10250: connect: connection refused", nodes=1)
    view.answer(
        f"/api/v1/nodes/{first}/proxy/.*",
        "error trying to reach service: connection refused",
        status=503,
        content_type="text/plain",
    )


def nodes_not_ready(view: View) -> None:
    """All kubelets stopped reporting; the log of metrics-server 0.9 says nothing."""
    view.alter("nodes", lambda shown: _lose(view, shown))
    view.alter("pods", parts.make_unready)
    parts.stop_metrics_server(view)


def _lose(view: View, shown: Object) -> None:
    parts.set_condition(
        shown,
        "Ready",
        "Unknown",
        reason="NodeStatusUnknown",
        message="Kubelet stopped posting node status.",
        now=view.now,
    )


def disk_pressure(view: View) -> None:
    """A disk is nearly full."""
    first = view.objects("nodes")[-1]["metadata"]["name"]
    view.alter(
        "nodes",
        lambda shown: parts.set_condition(
            shown,
            "DiskPressure",
            "True",
            reason="KubeletHasDiskPressure",
            message="kubelet has disk pressure",
            now=view.now,
        ),
        lambda shown: shown["metadata"]["name"] == first,
    )


def no_container_labels(view: View) -> None:
    """CAdvisor's series name no container."""
    series = "".join(
        f'container_memory_working_set_bytes{{id="/kubepods/{n}",image="",name=""}} 1\n' for n in range(9)
    )
    view.answer("/api/v1/nodes/[^/]+/proxy/metrics/cadvisor", series, content_type="text/plain")


def cri_stats(view: View) -> None:
    """Statistics come from the runtime."""
    view.answer(
        "/api/v1/nodes/[^/]+/proxy/metrics",
        'kubelet_metrics_provider{provider="cri"} 1\n',
        content_type="text/plain",
    )
    view.answer(
        "/api/v1/nodes/[^/]+/proxy/metrics/cadvisor",
        'container_memory_working_set_bytes{image="a"} 1\n',
        content_type="text/plain",
    )
