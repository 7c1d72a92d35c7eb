"""The HTTP client of one cluster: GET, POST, paged lists and streams, over connections that stay open.

It knows credentials, retries and errors, and must not know what is in a body: callers pass a decoder.
Threads may use one client at the same time; each request takes an idle connection or opens one.
"""

from __future__ import annotations

import os
import time

import kubevitals
from kubevitals import errors
from kubevitals.kube import prefetch
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import pool, retries, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self, TypeVar

    from kubevitals.kube import clientconfig, resourceattributes
    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import linestream, response

    L = TypeVar("L")

path_join = urls.path_join

_ERROR_BODY = 1 << 20  # bytes of an error's body that are read
_RESTARTS = 3
_PAGES = 100_000
_WARNINGS = 50


class Client:
    """A client for the cluster of `config`.

    `request_timeout` (seconds) bounds a call with all its retries until the answer begins; after that it
    bounds the silence in the middle of a body, so that a long, healthy download goes on. `connect_timeout`
    bounds one TCP connection with its TLS handshake.

    `compression` asks for gzip, as kubectl does; switch it off where bandwidth is no matter. `warnings` holds
    what the server warned of, each once.
    """

    def __init__(
        self,
        config: clientconfig.ClientConfig,
        *,
        request_timeout: float = 15.0,
        connect_timeout: float = 5.0,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] | None = None,
        user_agent: str | None = None,
    ) -> None:
        """Nothing is sent yet. `jitter` gives numbers from 0 to 1.

        Raises:
            errors.ConfigurationError: the server's address cannot be used.
            errors.ProxyError: the proxy is of a kind that is not supported.
        """
        self.config = config
        self.request_timeout = request_timeout
        self.connect_timeout = connect_timeout
        self.compression = config.compression
        self.warnings: list[str] = []
        self._pool = pool.Pool(config, connect_timeout=connect_timeout, environ=environ, clock=clock)
        self._clock = clock
        self._sleep = sleep
        self.jitter = jitter or retries.draw
        self._user_agent = user_agent or f"kubevitals/{kubevitals.__version__}"
        # As kubectl, no secret goes over a plain connection; on this machine nobody listens in.
        address = self._pool.address
        self._shows_credentials = address.scheme == "https" or address.is_loopback

    def fetch(
        self,
        path: str,
        query: urls.Query = (),
        *,
        accept: str = "application/json",
        retry: bool = True,
        attributes: resourceattributes.ResourceAttributes | None = None,
    ) -> bytes:
        """GET `path` and return the body of the answer, decompressed.

        Tries again after 429, 500, 502, 503, 504 and broken connections while the request time-out lasts;
        with `retry=False` a failure is said at once. `attributes` names in errors what was asked for, where
        the path does not say it.

        Raises:
            errors.ClusterError: one of its subclasses.
            errors.CredentialsError: the credential could not be had.
        """
        pairs = urls.query_pairs(query)
        return self._call("GET", path, pairs, body=b"", accept=accept, retry=retry, attributes=attributes)

    def post(
        self,
        path: str,
        body: bytes,
        *,
        query: urls.Query = (),
        accept: str = "application/json",
        content_type: str = "application/json",
        attributes: resourceattributes.ResourceAttributes | None = None,
    ) -> bytes:
        """POST `body`, say an access review. Sent again only if an idle connection turns out to be closed.

        Raises as `fetch` does.
        """
        pairs = urls.query_pairs(query)
        return self._call(
            "POST",
            path,
            pairs,
            body=body,
            accept=accept,
            retry=False,
            attributes=attributes,
            content_type=content_type,
        )

    def exchange(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Make one request and return status, headers (names in lower case) and body, whatever the status.

        For servers that are no API server, whose statuses mean something of their own. After a 401 there is
        one more try, if the credential has changed meanwhile.

        Raises:
            errors.ClusterError: there is no answer.
            errors.CredentialsError: the credential could not be had.
        """
        request = self._request(method, path, [], accept="*/*", compressed=False, body=body)
        request.headers = [*request.headers, *headers]
        renewed = False
        while True:
            connection, head = self._send(request, deadline=self._clock() + self.request_timeout)
            with self._pool.guard(connection, request, read_timeout=self.request_timeout):
                content = bodies.read(connection, head, read_timeout=self.request_timeout, limit=_ERROR_BODY)
            self._pool.release(connection)
            if head.status != 401 or renewed or not self.config.credentials.renew():
                return head.status, head.headers, content
            renewed = True

    def fetch_list(
        self,
        path: str,
        decode: Callable[[bytes], L],
        *,
        query: urls.Query = (),
        limit: int | None = 500,
        accept: str = "application/json",
        retry: bool = True,
        attributes: resourceattributes.ResourceAttributes | None = None,
    ) -> list[L]:
        """All pages of a list, each decoded by `decode` while the next arrives; None as `limit` asks for one.

        What `decode` returns says how to go on by `continue_`, or by `metadata.continue_`. When the server
        has forgotten the position (410), all of it is read anew, and at last without pages: the result never
        has gaps or duplicates.

        Raises as `fetch` does, and what `decode` raises.
        """
        base = urls.query_pairs(query)
        pages: list[L] = []
        token = ""
        restarts = 0
        begun: prefetch.Prefetch | None = None

        def fetch(position: str) -> bytes:
            pairs = [*base, ("limit", str(limit))] if limit else [*base]
            if position:
                pairs.append(("continue", position))
            return self._call("GET", path, pairs, body=b"", accept=accept, retry=retry, attributes=attributes)

        while len(pages) < _PAGES:
            try:
                content = fetch(token) if begun is None else begun.result()
            except errors.GoneError:
                if not token:
                    raise
                restarts += 1
                pages.clear()
                token, begun = "", None
                if restarts >= _RESTARTS:
                    limit = None
                continue
            hint = prefetch.peek_token(content) if limit else ""
            begun = prefetch.Prefetch(fetch, hint) if hint and hint != token else None
            page = _decode(content, decode, f"GET {path}")
            del content  # megabytes that need not wait for the next page
            pages.append(page)
            previous, token = token, _continue_of(page)
            if token != hint:
                begun = None
            if not token:
                return pages
            if token == previous:
                break
        raise errors.DecodingError(
            "the pages of the list do not end: the server repeats itself", request=f"GET {path}"
        )

    def open_stream(
        self, path: str, query: urls.Query = (), *, read_timeout: float, accept: str = "application/json"
    ) -> linestream.LineStream:
        """GET an answer that comes line by line. `read_timeout` is the longest silence in seconds. No retry.

        Raises as `fetch` does.
        """
        from kubevitals.kube.http import linestream

        pairs = urls.query_pairs(query)
        request = self._request("GET", path, pairs, accept=accept, compressed=False)
        renewed = False
        while True:
            connection, head = self._send(request, deadline=self._clock() + self.request_timeout)
            if 200 <= head.status < 300:
                return linestream.LineStream(
                    self._pool, connection, head, request=request, read_timeout=read_timeout
                )
            error = self._refuse(connection, head, request, pairs=pairs, attributes=None)
            if head.status != 401 or renewed or not self.config.credentials.renew():
                raise error
            renewed = True

    def close(self) -> None:
        """Close the idle connections; those in use are closed as their requests end."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        pairs: list[tuple[str, str]],
        *,
        body: bytes = b"",
        accept: str,
        retry: bool,
        attributes: resourceattributes.ResourceAttributes | None,
        content_type: str = "",
    ) -> bytes:
        """One request with its retries and, after a 401, one try with a renewed credential."""
        request = self._request(
            method,
            path,
            pairs,
            accept=accept,
            compressed=self.compression,
            body=body,
            content_type=content_type,
        )
        started = self._clock()
        deadline = started + self.request_timeout
        attempts = 0
        renewed = False
        while True:
            attempts += 1
            try:
                connection, head = self._send(request, deadline=deadline)
                if 200 <= head.status < 300:
                    return self._read(connection, head, request, accept=accept)
            except errors.ClusterError as failure:
                error = failure
                delay = retries.delay(attempts, self.jitter) if retry and retries.is_broken(failure) else None
            else:
                refusal = self._refuse(connection, head, request, pairs=pairs, attributes=attributes)
                error = refusal
                if head.status == 401 and not renewed and self.config.credentials.renew():
                    renewed = True
                    continue
                delay = None
                if retry and head.status in retries.STATUSES:
                    delay = retries.parse_retry_after(head.headers.get("retry-after"))
                    delay = retries.delay(attempts, self.jitter) if delay is None else delay
            if delay is None or self._clock() + delay >= deadline:
                if attempts > 1:
                    from kubevitals.kube.http import failures

                    failures.add_effort(error, attempts=attempts, seconds=self._clock() - started)
                raise error
            self._sleep(delay)

    def _request(
        self,
        method: str,
        path: str,
        pairs: list[tuple[str, str]],
        *,
        accept: str,
        compressed: bool,
        body: bytes = b"",
        content_type: str = "",
    ) -> pool.Request:
        if path[:1] != "/" or " " in path or "?" in path or not (path.isascii() and path.isprintable()):
            raise errors.UsageError(f"{path[:200]!r} is no request path: build it by path_join")
        headers = [("User-Agent", self._user_agent), ("Accept", accept)]
        if compressed:
            headers.append(("Accept-Encoding", "gzip"))
        if content_type:
            headers.append(("Content-Type", content_type))
        headers += self.config.impersonation
        target = self._pool.address.path + path + urls.format_query(pairs)
        return pool.Request(method, target, name=f"{method} {path}", headers=headers, body=body)

    def _send(
        self, request: pool.Request, *, deadline: float
    ) -> tuple[connections.Connection, response.Head]:
        """Send it with the credential of the moment; the head of the answer."""
        credential = self.config.credentials.fetch()
        headers = request.headers
        if credential.authorization and self._shows_credentials:
            headers = [*headers, ("Authorization", credential.authorization)]
        ready = pool.Request(
            request.method, request.target, name=request.name, headers=headers, body=request.body
        )
        connection, head = self._pool.send(ready, credential, deadline=deadline)
        if "warning" in head.headers:
            self._note_warnings(head.headers["warning"])
        return connection, head

    def _read(
        self, connection: connections.Connection, head: response.Head, request: pool.Request, *, accept: str
    ) -> bytes:
        with self._pool.guard(connection, request, read_timeout=self.request_timeout):
            content = bodies.read(connection, head, read_timeout=self.request_timeout)
        self._pool.release(connection)
        kind = head.headers.get("content-type", "")
        if "html" in kind and "json" in accept:
            from kubevitals.kube.http import failures

            raise failures.not_json(content, request=request.name, content_type=kind)
        return content

    def _refuse(
        self,
        connection: connections.Connection,
        head: response.Head,
        request: pool.Request,
        *,
        pairs: list[tuple[str, str]],
        attributes: resourceattributes.ResourceAttributes | None,
    ) -> errors.ClusterError:
        """The error for an answer that is no success, its connection given back."""
        from kubevitals.kube import resourceattributes as about
        from kubevitals.kube.http import failures

        content = b""
        try:
            content = bodies.read(connection, head, read_timeout=self.request_timeout, limit=_ERROR_BODY)
        except (OSError, errors.DecodingError):  # the status says enough
            connection.close()
        except BaseException:
            connection.close()
            raise
        self._pool.release(connection)
        if head.status == 400 and b"HTTP request to an HTTPS server" in content[:200]:  # what Go servers say
            return failures.speaks_tls(self._pool.address, request=request.name)
        if attributes is None:
            method, _, path = request.name.partition(" ")
            attributes = about.parse_request(method, path, pairs)
        return failures.from_status(
            head.status,
            head.reason,
            head.headers,
            content,
            request=request.name,
            attributes=attributes,
            who=self.config.credentials.kind if self._shows_credentials else "anonymous",
        )

    def _note_warnings(self, value: str) -> None:
        from kubevitals.kube.http import failures

        for text in failures.parse_warnings(value):
            if text not in self.warnings and len(self.warnings) < _WARNINGS:
                self.warnings.append(text)


def _decode(content: bytes, decode: Callable[[bytes], L], request: str) -> L:
    try:
        return decode(content)
    except errors.ClusterError as error:
        error.request = error.request or request
        raise


def _continue_of(page: object) -> str:
    """Where the next page begins; empty at the last one."""
    token = getattr(page, "continue_", None)
    if token is None:
        token = getattr(getattr(page, "metadata", None), "continue_", None)
    return token or ""
