"""With --security: kubelets that answer whoever asks, by their own settings or, with --probe, by asking them."""

from __future__ import annotations

import json
from urllib.parse import quote

from kubevitals import errors, quantity
from kubevitals.doctor import diagnosis, layers, lookups, probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_READ_ONLY_PORT = 10255
_READ_ONLY = diagnosis.Diagnosis(
    "kubelet_read_only_port", layers.SECURITY,
    "security: kubelets tell pods, their environment and usage to everybody on port 10255",
    "readOnlyPort is on, as it was by default on GKE before 1.32: no account, no encryption.",
    ("kubectl get nodes -o wide",),
    ("Set readOnlyPort: 0 in the kubelets' configuration; on GKE --no-autoprovisioning-enable-insecure-kubelet-readonly-port.",
     "First see who still reads it: old exporters do."),
    "closing it by a firewall alone: pods of the node still reach it",
)  # fmt: skip
_ANONYMOUS = diagnosis.Diagnosis(
    "kubelet_anonymous", layers.SECURITY,
    "security: kubelets let anonymous requests in",
    "authentication.anonymous is on, or authorization.mode is AlwaysAllow: who reaches port 10250 can run commands in pods.",
    ("kubectl get nodes -o wide",),
    ("Set authentication.anonymous.enabled: false, authentication.webhook.enabled: true and authorization.mode: Webhook.",),
    "closing the port: metrics-server and kubectl logs need it",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the settings of a sample of kubelets, where that is allowed; with --probe ask their ports."""
    nodes = [node for node in lookups.nodes(context).items if lookups.is_ready(node)][: context.max_nodes]
    proofs: dict[str, list[tuple[str, str]]] = {_READ_ONLY.id: [], _ANONYMOUS.id: []}
    judged = 0
    for node in nodes:
        settings = _read_settings(context, diagnosis.place(node))
        told = list(_of_settings(settings)) if settings is not None else []
        if context.probe:
            told += _of_ports(node)
        judged += settings is not None or context.probe
        for page, proof in told:
            proofs[page.id].append((diagnosis.place(node), proof))
    for page in (_READ_ONLY, _ANONYMOUS):
        names = list(dict.fromkeys(name for name, _ in proofs[page.id]))
        if names:
            yield diagnosis.find(
                page, *(f"node {name}: {proof}" for name, proof in proofs[page.id][:3]),
                title=f"{page.title}: {quantity.format_names(names)}", scope=names, node=names[0],
            )  # fmt: skip
    if judged:
        yield diagnosis.Note(layers.SECURITY, diagnosis.OK, f"kubelets {judged}/{len(nodes)} looked at")
    elif nodes:
        yield diagnosis.Note(
            layers.SECURITY, diagnosis.UNKNOWN, "kubelets' settings need get nodes/proxy, or --probe"
        )


def _read_settings(context: contexts.Context, name: str) -> Any:
    """Return a kubelet's configuration; None where it may not be read, or the kubelet does not answer."""
    if not context.allows("get", "nodes/proxy"):
        return None
    try:
        found = context.json(f"/api/v1/nodes/{quote(name, safe='')}/proxy/configz")
    except errors.ClusterError:
        return None
    return diagnosis.dig(found, "kubeletconfig")


def _of_settings(settings: Any) -> Iterator[tuple[diagnosis.Diagnosis, str]]:
    port = diagnosis.dig(settings, "readOnlyPort")
    if isinstance(port, int) and port:
        yield _READ_ONLY, f"readOnlyPort: {port}"
    if diagnosis.dig(settings, "authentication", "anonymous", "enabled") is True:
        yield _ANONYMOUS, "authentication.anonymous.enabled: true"
    if diagnosis.text(settings, "authorization", "mode") == "AlwaysAllow":
        yield _ANONYMOUS, "authorization.mode: AlwaysAllow"


def _of_ports(node: dict[str, Any]) -> Iterator[tuple[diagnosis.Diagnosis, str]]:
    """Yield what the ports of a kubelet give to a stranger."""
    address = lookups.address_of(node)
    if not probes.is_worth_asking(address):
        return
    url = probes.url("http", address, _READ_ONLY_PORT, "/metrics")
    answer = probes.get(url)
    if answer.status == 200 and answer.body.startswith(b"#"):
        yield _READ_ONLY, f"GET {url}: 200"
    port = diagnosis.dig(node, "status", "daemonEndpoints", "kubeletEndpoint", "Port") or 10250
    url = probes.url("https", address, port, "/pods")
    answer = probes.get(url)
    if answer.status == 200 and _is_pod_list(answer.body):
        yield _ANONYMOUS, f"GET {url} without a token: 200"


def _is_pod_list(body: bytes) -> bool:
    """Return whether an answer begins as a list of pods does: of a long one only the beginning is read."""
    try:
        return bool(json.loads(body).get("kind") == "PodList")
    except (ValueError, AttributeError):
        return body.startswith(b'{"kind":"PodList"')


CHECK = diagnosis.Check("kubelet_settings", layers.SECURITY, look, (lookups.NODES,), (_READ_ONLY, _ANONYMOUS))
