"""What to do about a request to an API server that got no answer, in the words of kubeconfigs.

Loaded only when something failed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals import errors

# By the cause that the HTTP client found.
_REMEDIES = {
    "certificate_refused": "Renew client-certificate and client-key of the kubeconfig's user; "
    "they may have expired.",
    "certificate_missing": "Give the kubeconfig's user a client-certificate and client-key.",
    "handshake": "It may want a client certificate that the kubeconfig's user does not have, "
    "or offer no TLS version or cipher that is safe.",
    "wrong_host": "Use a name that stands in the certificate as the server's address, "
    "or give that name as tls-server-name in the kubeconfig.",
    "expired": "Renew the API server's certificate (with kubeadm: kubeadm certs renew apiserver). "
    "Is this machine's clock right?",
    "not_yet_valid": "Compare this machine's clock with the cluster's.",
    "unknown_ca": "Give the cluster's CA as certificate-authority in the kubeconfig. "
    "If the cluster was made anew, its kubeconfig has to be fetched anew.",
    "signature": "Give the CA that signed it as certificate-authority in the kubeconfig: the one there has "
    "its name and another key, as after a renewal.",
    "slow": "The API server may be overloaded; allow more time by --request-timeout.",
}


def advise(error: errors.ClusterError) -> None:
    """Put the remedy for an API server on the error, where there is a better one than the client's."""
    error.remedy = _REMEDIES.get(error.cause, error.remedy)
