"""The certificate authority of the front proxy: extension servers trust the API server's requests by it."""

from __future__ import annotations

from kubevitals import errors, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_NAME = "extension-apiserver-authentication"
_KEY = "requestheader-client-ca-file"
_EXPIRED = diagnosis.Diagnosis(
    "front_proxy_ca_expired", layers.METRICS_SERVER,
    "metrics-server: the front proxy's certificate authority has expired",
    "Extension servers do not believe the API server any more who a request is of, and refuse all.",
    (f"kubectl -n kube-system get configmap {_NAME} -o yaml",),
    ("On the control-plane nodes renew it: kubeadm init phase certs front-proxy-ca, front-proxy-client; then restart the API server.",),
    "copying the cluster's CA in its place: everybody with a client certificate could then pose as anybody",
)  # fmt: skip
_EXPIRES = _EXPIRED._replace(
    id="front_proxy_ca_expires",
    title="metrics-server: the front proxy's certificate authority expires soon",
    severity=severity.WARNING,
)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the authority that the API server tells extension servers, where that is allowed."""
    if not context.allows("get", "configmaps", namespace="kube-system", name=_NAME):
        return
    try:
        found = context.get(f"/api/v1/namespaces/kube-system/configmaps/{_NAME}")
    except errors.ClusterError:
        return
    ends = lookups.pem_ends(diagnosis.text(found, "data", _KEY))
    if ends is None:
        return
    if (ending := lookups.find_ending(context, ends)) is not None:
        ended, when = ending
        page = _EXPIRED if ended else _EXPIRES
        yield diagnosis.find(
            page,
            f"configmap kube-system/{_NAME}, {_KEY}: not after {ends.isoformat()}",
            title=f"{page.title.removesuffix(' soon')} {when}",
        )


CHECK = diagnosis.Check(
    "front_proxy",
    layers.METRICS_SERVER,
    look,
    (),
    (_EXPIRED, _EXPIRES),
)
