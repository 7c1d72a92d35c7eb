"""With --probe: kubelets' serving certificates, read from their ports, that have ended or soon will."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, kubeletwords, layers, lookups, probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_EXPIRES = diagnosis.Diagnosis(
    "kubelet_certificate_expires", layers.KUBELETS,
    "kubelets: serving certificates expire soon",
    "Nothing renews them: serverTLSBootstrap is off, or requests for new ones are not approved.",
    ("kubectl get csr", "kubectl get nodes -o wide"),
    ("Set serverTLSBootstrap: true and rotateCertificates: true, restart the kubelet and approve its request:",
     "! kubectl certificate approve NAME"),
    "--kubelet-insecure-tls: metrics-server would then trust anything",
    severity.WARNING,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask the ports of a sample of kubelets for their certificates."""
    if not context.probe:
        return
    ready = [node for node in lookups.nodes(context).items if lookups.is_ready(node)][: context.max_nodes]
    ended: list[tuple[str, str]] = []
    soon: list[tuple[str, str]] = []
    read = 0
    for node in ready:
        address = lookups.address_of(node)
        port = diagnosis.dig(node, "status", "daemonEndpoints", "kubeletEndpoint", "Port") or 10250
        if not probes.is_worth_asking(address):
            continue
        ends = probes.certificate_ends(probes.certificate_of(address, port))
        if ends is None:
            continue
        read += 1
        ending = lookups.find_ending(context, ends)
        if ending is not None:
            proof = f"node {diagnosis.place(node)}: not after {ends.isoformat()}"
            (ended if ending[0] else soon).append((diagnosis.place(node), proof))
    for page, found in ((kubeletwords.EXPIRED, ended), (_EXPIRES, soon)):
        if found:
            names = [name for name, _ in found]
            yield diagnosis.find(
                page, *(proof for _, proof in found[:3]),
                title=f"{page.title}: {quantity.format_names(names)}", scope=names, node=names[0],
            )  # fmt: skip
    if read:
        yield diagnosis.Note(layers.KUBELETS, diagnosis.OK, f"{read}/{len(ready)} certificates read")


CHECK = diagnosis.Check("kubelet_certificates", layers.KUBELETS, look, (lookups.NODES,), (_EXPIRES,))
