"""What kubectl's global options change in the cluster and user entries of a kubeconfig.

Where an option and the entry would contradict each other the option wins, with all that goes with it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kubevitals.kube.auth import kubeconfig, kubeconfig_file

_NAMESPACE_PREFIXES = ("namespaces/", "namespace/", "ns/")


def override_cluster(cluster: kubeconfig_file.Entry, options: kubeconfig.Options) -> kubeconfig_file.Entry:
    """Return the cluster with --server, --certificate-authority and their like put in."""
    fields: dict[str, Any] = {}
    if options.server:
        # A name for the certificate of another server says nothing of this one.
        fields |= {"server": options.server, "tls-server-name": None}
    if options.tls_server_name:
        fields["tls-server-name"] = options.tls_server_name
    if options.certificate_authority or options.insecure_skip_tls_verify:
        fields |= {
            "certificate-authority": _absolute(options.certificate_authority),
            "certificate-authority-data": None,
            "insecure-skip-tls-verify": None,
        }
    if options.insecure_skip_tls_verify is not None:
        fields["insecure-skip-tls-verify"] = options.insecure_skip_tls_verify
    if options.proxy_url:
        fields["proxy-url"] = options.proxy_url
    if options.disable_compression is not None:
        fields["disable-compression"] = options.disable_compression
    return cluster.replaced(fields)


def override_user(user: kubeconfig_file.Entry, options: kubeconfig.Options) -> kubeconfig_file.Entry:
    """Return the user with --token, --as and their like put in."""
    fields: dict[str, Any] = {}
    if options.token or options.token_file:
        # Who names a token means it: it goes before whatever else the entry would send in that header.
        fields |= dict.fromkeys(("username", "password", "exec", "auth-provider"))
        fields |= {"token": options.token or None, "tokenFile": _absolute(options.token_file)}
    if options.username or options.password:
        if not (options.token or options.token_file):
            fields |= dict.fromkeys(("token", "tokenFile", "exec", "auth-provider"))
        fields |= {"username": options.username, "password": options.password}
    if options.client_certificate:
        fields |= {
            "client-certificate": _absolute(options.client_certificate),
            "client-certificate-data": None,
        }
    if options.client_key:
        fields |= {"client-key": _absolute(options.client_key), "client-key-data": None}
    if options.as_user:
        fields["as"] = options.as_user
    if options.as_uid:
        fields["as-uid"] = options.as_uid
    if options.as_groups:
        fields["as-groups"] = list(options.as_groups)
    if options.as_user_extra:
        fields["as-user-extra"] = {key: list(values) for key, values in options.as_user_extra.items()}
    return user.replaced(fields)


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(path) if path else None  # noqa: PTH100 - pathlib costs 8 ms


def parse_namespace(options: kubeconfig.Options) -> str:
    """Return the option, which may also be written "ns/NAME" as in kubectl."""
    name = options.namespace or ""
    for prefix in _NAMESPACE_PREFIXES:
        if name.lower().startswith(prefix) and len(name) > len(prefix):
            return name[len(prefix) :]
    return name
