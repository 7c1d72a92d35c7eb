"""The client of one HTTP server: credentials, retries, compression, over connections that stay open.

Its methods return what the server answered, whatever the status is.
"""

from __future__ import annotations

import os
import time

import kubevitals
from kubevitals import errors
from kubevitals.kube.http import authentication, dates, pool, proxy, retries, tls, urls
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import request as requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NamedTuple, Self

    from kubevitals.kube.http import response as responses
else:
    from kubevitals.namedtuple import NamedTuple

USER_AGENT = f"kubevitals/{kubevitals.__version__}"
_ERROR_LIMIT = 1 << 20  # bytes of the body of an answer that is no success
_ONCE_LIMIT = 16 << 20  # bytes of an answer to a single request


class Answer(NamedTuple):
    """A whole answer: status, reason, headers (names in lower case) and the body, decompressed.

    `request` is "GET /path" for messages; `attempts` and `seconds` say how often and how long it was tried.
    """

    status: int
    reason: str
    headers: dict[str, str]
    content: bytes
    request: str = ""
    attempts: int = 1
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """True for a status from 200 to 299."""
        return 200 <= self.status < 300


class Client:
    """A client of the server at `url`. Threads may share it.

    `request_timeout` (seconds) bounds a call with all its retries until the answer begins; after that it
    bounds the silence in the middle of a body, so that a long, healthy download goes on. What it takes to get
    the credential, say a login, does not count. `connect_timeout` bounds one TCP connection with its TLS
    handshake. `compression` asks for gzip; switch it off where
    bandwidth is no matter.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: authentication.Credentials | None = None,
        headers: Sequence[tuple[str, str]] = (),
        ca: bytes | None = None,
        insecure: bool = False,
        tls_server_name: str | None = None,
        proxy_url: str | None = None,
        compression: bool = True,
        origin: str = "",
        request_timeout: float = 15.0,
        connect_timeout: float = 5.0,
        user_agent: str = USER_AGENT,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: http(s)://HOST[:PORT][/PREFIX]; paths of requests are put behind it.
            credentials: who asks. Nothing is shown over plain HTTP, but on this machine.
            headers: sent with each request.
            ca: PEM of the authorities; the system's where None.
            insecure: take any certificate of the server.
            tls_server_name: the name to expect in the certificate, if it is not the host's.
            proxy_url: a forward proxy; where None the environment decides.
            compression: see above.
            origin: where the address came from, for messages.
            request_timeout: see above.
            connect_timeout: see above.
            user_agent: for the header of that name.
            environ: may name a proxy.
            clock: monotonic.
            sleep: waits so many seconds between tries.
            jitter: gives numbers from 0 to 1.

        Raises:
            errors.ConfigurationError: the address cannot be used.
            errors.ProxyError: the proxy is of a kind that is not supported.
        """
        address = urls.split_url(url)
        if address.scheme not in ("https", "http"):
            raise errors.ConfigurationError(
                f"the server's address begins with {address.scheme}://",
                remedy="Write it as https://HOST:PORT.",
            )
        self.address = address
        self.credentials = credentials if credentials is not None else authentication.Credentials()
        self.request_timeout = request_timeout
        self.connect_timeout = connect_timeout
        self.compression = compression
        self.jitter = jitter or retries.draw
        self._headers = [("User-Agent", user_agent), *headers]
        self._clock = clock
        self._sleep = sleep
        self._pool = pool.Pool(clock=clock)
        self._date = ("", 0.0)  # of the last answer that had one, and when that was by our own clock
        # No secret goes over a plain connection; on this machine nobody listens in.
        self._shows_credentials = address.scheme == "https" or address.is_loopback
        settings = None
        if address.scheme == "https":
            settings = tls.Settings(ca, insecure, server_name=tls_server_name, origin=origin)
        chosen = proxy.choose_proxy(address, proxy_url=proxy_url, environ=environ)
        self._route = connections.Route(address.origin, settings, chosen, origin)

    @property
    def shown(self) -> str:
        """The kind of credential that the server sees, for messages."""
        return self.credentials.kind if self._shows_credentials else "anonymous"

    @property
    def clock_lead(self) -> float | None:
        """By how many seconds this machine's clock is ahead of the server's; None if unknown.

        It is as exact as the server's Date is, to a second, and as the answer was quick.
        """
        text, own = self._date
        date = dates.parse_date(text)
        return None if date is None else own - date

    def request(
        self,
        method: str,
        path: str,
        query: urls.Query = (),
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        retry: bool = False,
        timeout: float | None = None,
        limit: int = bodies.LIMIT,
    ) -> Answer:
        """Make a request and return the whole answer, whatever its status.

        With `retry` it is made again after 429, 500, 502, 503, 504 and broken connections, while the request
        time-out lasts; without, only if an idle connection turns out to be closed. After a 401 there is one
        more try, if the credential has changed meanwhile. `timeout` (seconds) is for this call instead of
        `request_timeout`. `limit` is how many bytes the body may have, decompressed.

        Raises:
            errors.ClusterError: there is no answer.
            errors.CredentialsError: the credential could not be had.
            errors.UsageError: the path has to be built by `urls.path_join`.
        """
        if self.compression:
            headers = [*headers, ("Accept-Encoding", "gzip")]
        request = self._build(method, path, query, headers=headers, body=body)
        timeout = self.request_timeout if timeout is None else timeout
        started = self._clock()
        deadline = started + timeout
        attempts = 0
        renewed = False
        while True:
            attempts += 1
            delay = None
            asked = self._clock()
            credential = self.credentials.fetch()
            waited = self._clock() - asked  # for a person, perhaps: no time of the network
            started += waited
            deadline += waited
            try:
                answer = self._fetch(request, credential, deadline, read_timeout=timeout, limit=limit)
            except errors.ClusterError as error:
                if retry and retries.is_broken(error):
                    delay = retries.delay(attempts, self.jitter)
                if delay is None or self._clock() + delay >= deadline:
                    if attempts > 1:
                        from kubevitals.kube.http import failures

                        failures.add_effort(error, attempts=attempts, seconds=self._clock() - started)
                    raise
            else:
                if answer.status == 401 and not renewed and self.credentials.renew():
                    renewed = True
                    continue
                if retry and answer.status in retries.STATUSES:
                    # What the server asks for, but never less than our own pause.
                    delay = max(
                        retries.delay(attempts, self.jitter), retries.parse_retry_after(answer.headers)
                    )
                if delay is None or self._clock() + delay >= deadline:
                    if attempts > 1:
                        answer = answer._replace(attempts=attempts, seconds=self._clock() - started)
                    return answer
            self._sleep(delay)

    def stream(
        self, path: str, query: urls.Query = (), *, headers: Sequence[tuple[str, str]] = ()
    ) -> responses.Response:
        """GET an answer whose body comes little by little; the caller reads it to its end, or closes it.

        Not retried but after a 401, as in `request`. Raises as `request`.
        """
        request = self._build("GET", path, query, headers=headers)
        credential = self.credentials.fetch()
        answer = self._send(request, credential, self._clock() + self.request_timeout)
        if answer.status == 401 and self.credentials.renew():
            answer.close()
            credential = self.credentials.fetch()
            answer = self._send(request, credential, self._clock() + self.request_timeout)
        return answer

    def read_error(self, response: responses.Response, request: str) -> Answer:
        """Return the whole answer of a response that is no success; what cannot be read of it is left out."""
        try:
            content = response.read(read_timeout=self.request_timeout, limit=_ERROR_LIMIT)
        except errors.ClusterError:  # the status says enough
            content = b""
        return Answer(response.status, response.reason, response.headers, content, request)

    def close(self) -> None:
        """Close the idle connections; those in use are closed as their requests end."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build(
        self,
        method: str,
        path: str,
        query: urls.Query,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
    ) -> requests.Request:
        if path[:1] != "/" or " " in path or "?" in path or not (path.isascii() and path.isprintable()):
            raise errors.UsageError(f"{path[:200]!r} is no request path: build it by path_join")
        target = self.address.path + path + urls.format_query(urls.query_pairs(query))
        return requests.Request(method, target, f"{method} {path}", [*self._headers, *headers], body)

    def _send(
        self, request: requests.Request, credential: authentication.Credential, deadline: float
    ) -> responses.Response:
        route = self._route
        if route.tls is not None and (credential.certificate, credential.key) != (None, None):
            settings = route.tls._replace(certificate=credential.certificate, key=credential.key)
            route = route._replace(tls=settings)
        if credential.authorization and self._shows_credentials:
            headers = [*request.headers, ("Authorization", credential.authorization)]
            request = request._replace(headers=headers)
        answer = self._pool.send(request, route, deadline=deadline, connect_timeout=self.connect_timeout)
        if date := answer.headers.get("date"):
            self._date = date, time.time()
        return answer

    def _fetch(
        self,
        request: requests.Request,
        credential: authentication.Credential,
        deadline: float,
        *,
        read_timeout: float,
        limit: int,
    ) -> Answer:
        response = self._send(request, credential, deadline)
        if not 200 <= response.status < 300:
            return self.read_error(response, request.name)
        content = response.read(read_timeout=read_timeout, limit=limit)
        return Answer(response.status, response.reason, response.headers, content, request.name)


def fetch_once(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    ca: bytes | None = None,
    timeout: float = 10.0,
) -> Answer:
    """Make one request to any http(s) URL, without credentials; the environment's proxy applies.

    `ca` is PEM, None the system's CAs. At most 16 MiB of the answer are read, whatever the status is. The
    answer has to begin within `timeout` seconds, and may not be silent for longer.

    Raises:
        errors.ClusterError: no answer could be had; one of its subclasses says why.
        errors.ConfigurationError: `url` or `ca` cannot be used.
    """
    place, mark, query = url.partition("?")
    address = urls.split_url(place, "request")
    settings = tls.Settings(ca) if address.scheme == "https" else None
    route = connections.Route(address.origin, settings, proxy.choose_proxy(address, environ=os.environ))
    pairs = [("User-Agent", USER_AGENT), *(headers or {}).items(), ("Connection", "close")]
    target = (address.path or "/") + mark + query
    request = requests.Request(method, target, f"{method} {address}", pairs, body)
    response = pool.Pool().send(request, route, deadline=time.monotonic() + timeout)
    content = response.read(read_timeout=timeout, limit=_ONCE_LIMIT)
    response.close()
    return Answer(response.status, response.reason, response.headers, content, request.name)
