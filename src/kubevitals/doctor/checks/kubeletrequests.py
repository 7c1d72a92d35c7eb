"""Kubelets' serving certificates that were asked for and never approved, by node."""

from __future__ import annotations

from kubevitals import errors, quantity
from kubevitals.doctor import diagnosis, kubeletwords, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_GROUP = "certificates.k8s.io"
_SERVING = "kubernetes.io/kubelet-serving"
_YOUNG = 60.0  # seconds that an approver may take


def pending(context: contexts.Context) -> list[tuple[str, str, float]]:
    """Return request, node and age of each serving certificate that waits for approval."""
    if not context.allows("list", "certificatesigningrequests", group=_GROUP):
        return []
    try:
        found = context.listing(f"/apis/{_GROUP}/v1/certificatesigningrequests", most=500)
    except errors.ClusterError:
        return []
    waiting = []
    for each in found.items:
        decided = list(diagnosis.objects(each, "status", "conditions"))
        if (
            diagnosis.text(each, "spec", "signerName") != _SERVING
            or decided
            or diagnosis.text(each, "status", "certificate")
        ):
            continue
        node = diagnosis.text(each, "spec", "username").removeprefix("system:node:")
        age = lookups.age(context, diagnosis.text(each, "metadata", "creationTimestamp")) or 0.0
        waiting.append((diagnosis.place(each), node, age))
    return waiting


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """List certificate signing requests."""
    old = [each for each in pending(context) if each[2] > _YOUNG]
    if not old:
        return
    names = sorted({node for _, node, _ in old})
    oldest = max(age for _, _, age in old)
    yield diagnosis.find(
        kubeletwords.CSR_PENDING,
        *(f"CertificateSigningRequest {name} of {node}: pending for {lookups.format_age(age)}" for name, node, age in old[:3]),
        title=f"kubelets: serving certificates of {quantity.format_names(names)} wait for approval, {lookups.format_age(oldest)}",
        damage=f"nobody can read {len(names)} kubelets over TLS",
        scope=names, name=old[0][0], node=names[0],
    )  # fmt: skip


CHECK = diagnosis.Check(
    "kubelet_requests",
    layers.KUBELETS,
    look,
    (lookups.need("list", "certificatesigningrequests", _GROUP, optional=True),),
    (kubeletwords.CSR_PENDING,),
)
