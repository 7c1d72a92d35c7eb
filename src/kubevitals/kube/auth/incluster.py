"""The service account that a pod is given: the cluster it runs in, as a kubeconfig would describe it.

It only looks at the environment and one folder.
"""

from __future__ import annotations

import os

from kubevitals.kube.auth import kubeconfig_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
RECHECK_SECONDS = 60.0  # the kubelet renews a token when a fifth of its life is left, which is minutes


class ServiceAccount(NamedTuple):
    """The two entries, the namespace, and what there is to say about them."""

    cluster: kubeconfig_file.Entry
    user: kubeconfig_file.Entry
    namespace: str
    warnings: tuple[str, ...] = ()


def find_service_account(environ: Mapping[str, str], *, folder: str = FOLDER) -> ServiceAccount | None:
    """Return the service account of the pod this runs in, or None outside of a cluster."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token, ca = f"{folder}/token", f"{folder}/ca.crt"
    if not host or not port or not os.path.isfile(token):  # noqa: PTH113 - pathlib costs 8 ms
        return None
    fields: dict[str, Any] = {"server": f"https://{f'[{host}]' if ':' in host else host}:{port}"}
    warnings: tuple[str, ...] = ()
    if os.path.isfile(ca):  # noqa: PTH113
        fields["certificate-authority"] = ca
    else:
        warnings = (f"There is no {ca}: the server is checked against the system's certificate authorities.",)
    return ServiceAccount(
        kubeconfig_file.Entry("service account", "", body=fields),
        kubeconfig_file.Entry("service account", "", body={"tokenFile": token}),
        namespace=environ.get("POD_NAMESPACE", "") or _read_namespace(folder),
        warnings=warnings,
    )


def _read_namespace(folder: str) -> str:
    try:
        with open(f"{folder}/namespace", encoding="utf-8") as file:  # noqa: PTH123
            return file.read(1024).strip()
    except (OSError, UnicodeDecodeError):
        return ""
