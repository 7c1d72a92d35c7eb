"""Requests to many kubelets over connections that stay open, with one TLS context for all of them.

It must not know what is in an answer, nor who is asked when.
"""

from __future__ import annotations

import threading
import time

import kubevitals
from kubevitals import errors
from kubevitals.kube import statuserrors
from kubevitals.kube.http import authentication, failures, tls
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import connection as connections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubevitals.kube.http import response
    from kubevitals.sources.kubelet import addresses

_IDLE_SECONDS = 60.0  # kubelets close an idle connection after 90
_LIMIT = (
    64 << 20
)  # bytes of an answer; 500 pods take less than one of them for usage, some for /metrics/cadvisor
_ERROR_LIMIT = 1 << 16
_SPARED_FILES = 256  # descriptors that others in the process may need
_FEWEST_KEPT = 64


class Wire:
    """Asks kubelets directly. Threads may use it at the same time, each for another node.

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
        self._ca = ca
        self._insecure = insecure
        self._origin = origin
        self._agent = f"kubevitals/{kubevitals.__version__}"
        self._lock = threading.Lock()
        self._idle: dict[str, _Line] = {}
        self._most_idle = _count_files()
        self._context: tls.Context | None = None
        self._context_of: authentication.Credential | None = None
        self._closed = False

    def fetch(
        self, kubelet: addresses.Kubelet, path: str, *, deadline: float, accept: str = "text/plain"
    ) -> bytes:
        """GET the path and return the body. All of it has to be there at `deadline`, by time.monotonic.

        Raises:
            errors.ClusterError: one of its subclasses says why not.
            errors.CredentialsError: the credential could not be had.
            errors.ConfigurationError: the CA cannot be used.
        """
        request = f"GET {kubelet.address}{path}"
        credential = self._credentials.fetch()
        read_timeout = deadline - time.monotonic()
        line, head = self._ask(kubelet, path, credential, request=request, deadline=deadline, accept=accept)
        try:
            content = bodies.read(
                line, head, read_timeout=_left(deadline), limit=_LIMIT if head.status == 200 else _ERROR_LIMIT
            )
        except (OSError, errors.ClusterError) as error:
            line.close()
            if head.status == 200:
                raise _translate(error, line, request=request, read_timeout=read_timeout) from error
            content = b""  # the status says enough
        except BaseException:
            line.close()
            raise
        self._keep(kubelet.node, line)
        if head.status == 200:
            return content
        raise statuserrors.from_status(
            head.status,
            head.reason,
            head.headers,
            content,
            request=request,
            who=self._credentials.kind,
        )

    def renew(self) -> bool:
        """Forget the credential that was refused. True if a further try may succeed."""
        return self._credentials.renew()

    def forget(self, nodes: Iterable[str]) -> None:
        """Close the idle connections to nodes that are gone."""
        for node in nodes:
            with self._lock:
                line = self._idle.pop(node, None)
            if line is not None:
                line.close()

    def close(self) -> None:
        """Close the idle connections; those in use are closed as their requests end."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, {}
        for line in idle.values():
            line.close()

    def _ask(
        self,
        kubelet: addresses.Kubelet,
        path: str,
        credential: authentication.Credential,
        *,
        request: str,
        deadline: float,
        accept: str,
    ) -> tuple[_Line, response.Head]:
        """Send it on the idle connection, or a new one, and return the head of the answer."""
        assert kubelet.address is not None
        headers = [("User-Agent", self._agent), ("Accept", accept)]
        if token := _token(credential):
            headers.append(("Authorization", token))
        context = self._context_for(credential)
        with self._lock:
            line = self._idle.pop(kubelet.node, None)
        if line is not None and line.serves(kubelet, context):
            try:
                return line, _exchange(line, path, headers, request=request, deadline=deadline)
            except errors.UnreachableError:  # it was closed meanwhile
                if line.received:
                    raise
        elif line is not None:
            line.close()
        line = _Line(kubelet.address, context=context)
        return line, _exchange(line, path, headers, request=request, deadline=deadline)

    def _keep(self, node: str, line: _Line) -> None:
        with self._lock:
            kept = (
                line.reusable
                and not self._closed
                and node not in self._idle
                and len(self._idle) < self._most_idle
            )
            if kept:
                self._idle[node] = line
        if not kept:
            line.close()

    def _context_for(self, credential: authentication.Credential) -> tls.Context:
        certificate, key = credential.certificate, credential.key
        if _token(credential):
            certificate = key = None
        with self._lock:
            known = self._context_of
            if self._context is None or known is None or (known.certificate, known.key) != (certificate, key):
                self._context = tls.build_context(
                    ca=self._ca,
                    insecure=self._insecure,
                    certificate=certificate,
                    key=key,
                    origin=self._origin,
                )
                self._context_of = authentication.Credential(certificate=certificate, key=key)
            return self._context


class _Line(connections.Connection):
    """A connection to one kubelet, with one deadline for all of an answer: also for one that drips."""

    __slots__ = ("_deadline",)

    def ask(self, path: str, headers: list[tuple[str, str]], deadline: float) -> response.Head:
        """Send one request, connecting before if there is no connection; return the head of its answer."""
        self._deadline = deadline
        if self._raw is None:
            self.connect(_left(deadline))
        self.send("GET", path, headers, body=b"", deadline=deadline)
        return self.read_head(deadline)

    def serves(self, kubelet: addresses.Kubelet, context: tls.Context) -> bool:
        """Return whether the idle connection can be used for it."""
        wanted = kubelet.address
        return (
            wanted is not None
            and (self.address.host, self.address.port) == (wanted.host, wanted.port)
            and self.context is context
            and time.monotonic() - self.idle_since < _IDLE_SECONDS
            and self.is_quiet
        )

    def receive_into(self, view: memoryview) -> int:
        self._hurry()
        return super().receive_into(view)

    def _read(self, size: int) -> bytes:
        if self.stage == "body":
            self._hurry()
        return super()._read(size)

    def _hurry(self) -> None:
        if self._raw is not None:
            self._raw.settimeout(_left(self._deadline))


def _token(credential: authentication.Credential) -> str | None:
    """Return the header of a bearer token; a user's password is for the API server alone."""
    value = credential.authorization or ""
    return value if value.startswith("Bearer ") else None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _exchange(
    line: _Line, path: str, headers: list[tuple[str, str]], *, request: str, deadline: float
) -> response.Head:
    """Return the head of the answer; a failure closes the line."""
    read_timeout = deadline - time.monotonic()
    try:
        return line.ask(path, headers, deadline)
    except (OSError, errors.ClusterError) as error:
        line.close()
        raise _translate(error, line, request=request, read_timeout=read_timeout) from error
    except BaseException:
        line.close()
        raise


def _translate(
    error: OSError | errors.ClusterError, line: _Line, *, request: str, read_timeout: float
) -> errors.ClusterError:
    """Return the error for the user. `read_timeout` is how long it was waited for, for the message."""
    if isinstance(error, errors.ClusterError):
        error.request = error.request or request
        return error
    return failures.from_exception(error, connection=line, request=request, waited=read_timeout)


def _count_files() -> int:
    """Return how many idle connections may be kept: a part of what the system lets a process open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(_FEWEST_KEPT, soft - _SPARED_FILES)
