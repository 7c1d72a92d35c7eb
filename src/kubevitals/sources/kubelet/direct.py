"""Requests to many kubelets at the addresses of their nodes, over connections that stay open."""

from __future__ import annotations

import time

from kubevitals import errors
from kubevitals.kube import statuserrors
from kubevitals.kube.http import client as http_client
from kubevitals.kube.http import connection, pool, tls
from kubevitals.kube.http import request as requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube.http import authentication
    from kubevitals.sources.kubelet import addresses

# Bytes of an answer; 500 pods take less than one of them for usage, some for /metrics/cadvisor.
_LIMIT = 64 << 20
_ERROR_LIMIT = 1 << 16
_SPARED_FILES = 256  # descriptors that others in the process may need
_FEWEST_IDLE = 64


class DirectClient:
    """Asks kubelets directly. Threads may share it.

    Args:
        credentials: the account's own. Its token is what kubelets are shown; a client certificate only where
            there is no token, and a password never.
        ca: PEM of who signs the kubelets' certificates; the system's CAs where None.
        insecure: take any certificate: whoever sits at the node's address gets the token then.
        origin: where the CA comes from, for messages.
    """

    def __init__(
        self, credentials: authentication.Credentials, *, ca: bytes | None, insecure: bool, origin: str = ""
    ) -> None:
        self._credentials = credentials
        self._settings = tls.Settings(ca, insecure, origin=origin)
        self._pool = pool.Pool(idle_per_route=1, idle_limit=_count_files())

    def fetch(
        self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = "text/plain"
    ) -> bytes:
        """GET the path and return the body. All of it has to be there at `deadline`, by time.monotonic.

        Raises:
            errors.ClusterError: one of its subclasses says why not.
            errors.CredentialsError: the credential could not be had.
            errors.ConfigurationError: the CA cannot be used.
        """
        assert kubelet.address is not None
        credential = self._credentials.fetch()
        headers = [("User-Agent", http_client.USER_AGENT), ("Accept", accept)]
        settings = self._settings
        if (credential.authorization or "").startswith("Bearer "):
            headers.append(("Authorization", str(credential.authorization)))
        else:
            settings = settings._replace(certificate=credential.certificate, key=credential.key)
        route = connection.Route(kubelet.address.origin, settings)
        request = requests.Request("GET", path, f"GET {kubelet.address}{path}", headers)
        response = self._pool.send(request, route, deadline=deadline)
        is_success = response.status == 200
        try:
            content = response.read(
                read_timeout=deadline - time.monotonic(),
                limit=_LIMIT if is_success else _ERROR_LIMIT,
                deadline=deadline,
            )
        except errors.ClusterError:
            if is_success:
                raise
            content = b""  # the status says enough
        if is_success:
            return content
        raise statuserrors.from_status(
            response.status,
            response.reason,
            response.headers,
            content,
            request=request.name,
            who=self._credentials.kind,
        )

    def renew(self) -> bool:
        """Forget the credential that was refused. True if a further try may succeed."""
        return self._credentials.renew()

    def close(self) -> None:
        """Close the idle connections; those in use are closed as their requests end."""
        self._pool.close()


def _count_files() -> int:
    """Return how many idle connections may be kept: a part of what the system lets a process open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(_FEWEST_IDLE, soft - _SPARED_FILES)
