"""The client of one Kubernetes API server: GET, POST, paged lists and streams.

Threads may use one client at the same time. Callers pass a decoder for what is in a body.
"""

from __future__ import annotations

import os
import time

from kubevitals import errors
from kubevitals.kube import prefetch
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import client as http_client
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self, TypeVar

    from kubevitals.kube import clientconfig, resourceattributes
    from kubevitals.kube.http import response as responses

    L = TypeVar("L")

_RESTARTS = 3
_PAGES = 100_000
_WARNINGS = 50
_REVIEW_LIMIT = 4 << 20  # bytes of the answer to a POST, which is a review


class Client:
    """A client for the cluster of `config`.

    `request_timeout` (seconds) bounds a call with all its retries until the answer begins; after that it
    bounds the silence in the middle of a body, so that a long, healthy download goes on. `connect_timeout`
    bounds one TCP connection with its TLS handshake.

    `http` is the HTTP client below. `warnings` holds what the server warned of, each once; `awaited` the
    paths that are being read, with how many objects have come and how many there are (None: unknown).
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
        user_agent: str = http_client.USER_AGENT,
    ) -> None:
        """Nothing is sent yet. `jitter` gives numbers from 0 to 1.

        Raises:
            errors.ConfigurationError: the server's address cannot be used.
            errors.ProxyError: the proxy is of a kind that is not supported.
        """
        self.config = config
        self.warnings: list[str] = []
        self.awaited: dict[str, tuple[int, int | None]] = {}
        self.http = http_client.Client(
            config.server,
            credentials=config.credentials,
            headers=config.impersonation,
            ca=config.ca,
            insecure=config.insecure,
            tls_server_name=config.tls_server_name,
            proxy_url=config.proxy_url,
            compression=config.compression,
            origin=config.origin,
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            user_agent=user_agent,
            environ=environ,
            clock=clock,
            sleep=sleep,
            jitter=jitter,
        )

    def fetch(
        self,
        path: str,
        query: urls.Query = (),
        *,
        accept: str = "application/json",
        retry: bool = True,
        timeout: float | None = None,
        attributes: resourceattributes.ResourceAttributes | None = None,
    ) -> bytes:
        """GET `path` and return the body of the answer, decompressed.

        Tries again after 429, 500, 502, 503, 504 and broken connections while the request time-out lasts;
        with `retry=False` a failure is raised at once. `timeout` is for this request instead of the client's.
        `attributes` name in errors what was asked for, where the path does not say it.

        Raises:
            errors.ClusterError: one of its subclasses.
            errors.CredentialsError: the credential could not be had.
        """
        self.awaited[path] = 0, None
        try:
            return self._call(
                "GET", path, query, accept=accept, retry=retry, timeout=timeout, attributes=attributes
            )
        finally:
            self.awaited.pop(path, None)

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
        return self._call(
            "POST",
            path,
            query,
            accept=accept,
            attributes=attributes,
            body=body,
            content_type=content_type,
            limit=_REVIEW_LIMIT,
        )

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
        """Return all pages of a list, each decoded while the next arrives; None as `limit` asks for one.

        What `decode` returns says how to go on by `continue_`, or by `metadata.continue_`. When the server
        has forgotten the position (410), all of it is read anew, and at last without pages: the result never
        has gaps or duplicates.

        Raises as `fetch` does, and what `decode` raises.
        """
        self.awaited[path] = 0, None
        try:
            return self._fetch_pages(
                path, decode, query, limit=limit, accept=accept, retry=retry, attributes=attributes
            )
        finally:
            self.awaited.pop(path, None)

    def _fetch_pages(
        self,
        path: str,
        decode: Callable[[bytes], L],
        query: urls.Query,
        *,
        limit: int | None,
        accept: str,
        retry: bool,
        attributes: resourceattributes.ResourceAttributes | None,
    ) -> list[L]:
        base = urls.query_pairs(query)
        pages: list[L] = []
        token = ""
        restarts = 0
        begun: prefetch.Prefetch | None = None

        def fetch(position: str) -> bytes:
            pairs = [*base, ("limit", str(limit))] if limit else [*base]
            if position:
                pairs.append(("continue", position))
            size = bodies.LIMIT if limit else bodies.LIST_LIMIT
            return self._call(
                "GET", path, pairs, accept=accept, retry=retry, attributes=attributes, limit=size
            )

        while len(pages) < _PAGES:
            try:
                content = fetch(token) if begun is None else begun.result()
            except errors.GoneError:
                if not token:
                    raise
                restarts += 1
                pages.clear()
                self.awaited[path] = 0, None
                token, begun = "", None
                if restarts >= _RESTARTS:
                    limit = None
                continue
            hint = prefetch.peek_token(content) if limit else ""
            begun = prefetch.Prefetch(fetch, hint) if hint and hint != token else None
            page = _decode(content, decode, f"GET {path}")
            del content  # megabytes that need not wait for the next page
            pages.append(page)
            self._note_page(path, page)
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
    ) -> LineStream:
        """GET an answer that comes line by line. `read_timeout` is the longest silence in seconds. No retry.

        Raises as `fetch` does.
        """
        try:
            response = self.http.stream(path, query, headers=[("Accept", accept)])
        except errors.ClusterError as error:
            _advise(error)
            raise
        self._note_warnings(response.headers)
        if 200 <= response.status < 300:
            return LineStream(response, read_timeout)
        raise self._refusal(self.http.read_error(response, f"GET {path}"), query)

    def close(self) -> None:
        """Close the idle connections; those in use are closed as their requests end."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note_page(self, path: str, page: object) -> None:
        count = self.awaited.get(path, (0, None))[0] + len(getattr(page, "items", None) or ())
        remaining = getattr(page, "remaining", None)
        self.awaited[path] = count, None if remaining is None else count + remaining

    def _call(
        self,
        method: str,
        path: str,
        query: urls.Query,
        *,
        accept: str,
        retry: bool = False,
        timeout: float | None = None,
        attributes: resourceattributes.ResourceAttributes | None = None,
        body: bytes = b"",
        content_type: str = "",
        limit: int = bodies.LIMIT,
    ) -> bytes:
        headers = [("Accept", accept)]
        if content_type:
            headers.append(("Content-Type", content_type))
        try:
            answer = self.http.request(
                method, path, query, headers=headers, body=body, retry=retry, timeout=timeout, limit=limit
            )
        except errors.ClusterError as error:
            _advise(error)
            raise
        self._note_warnings(answer.headers)
        if not answer.is_success:
            raise self._refusal(answer, query, attributes)
        kind = answer.headers.get("content-type", "")
        if "html" in kind and "json" in accept:
            from kubevitals.kube import statuserrors

            raise statuserrors.not_json(answer.content, request=answer.request, content_type=kind)
        return answer.content

    def _refusal(
        self,
        answer: http_client.Answer,
        query: urls.Query,
        attributes: resourceattributes.ResourceAttributes | None = None,
    ) -> errors.ClusterError:
        """Return the error for an answer that is no success."""
        from kubevitals.kube import statuserrors
        from kubevitals.kube.http import failures

        error: errors.ClusterError
        if answer.status == 400 and b"HTTP request to an HTTPS server" in answer.content[:200]:  # Go's words
            error = failures.speaks_tls(self.http.address, request=answer.request)
        else:
            error = statuserrors.from_status(
                answer.status,
                answer.reason,
                answer.headers,
                answer.content,
                request=answer.request,
                query=urls.query_pairs(query),
                attributes=attributes,
                who=self.http.shown,
            )
        if answer.attempts > 1:
            failures.add_effort(error, attempts=answer.attempts, seconds=answer.seconds)
        return error

    def _note_warnings(self, headers: Mapping[str, str]) -> None:
        if "warning" not in headers:
            return
        from kubevitals.kube import statuserrors

        for text in statuserrors.parse_warnings(headers["warning"]):
            if text not in self.warnings and len(self.warnings) < _WARNINGS:
                self.warnings.append(text)


class LineStream:
    """The lines of one answer as they arrive. Iterate in one thread; `interrupt` it from any."""

    def __init__(self, response: responses.Response, read_timeout: float) -> None:
        self._response = response
        self._read_timeout = read_timeout

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line without its line break. Raises errors.ClusterError if the connection breaks."""
        try:
            yield from self._response.read_lines(read_timeout=self._read_timeout)
        except errors.ClusterError as error:
            _advise(error)
            raise

    def limit_silence(self, seconds: float) -> None:
        """Change the longest silence that is taken, in the reading thread."""
        self._response.limit_silence(seconds)

    def interrupt(self) -> None:
        """End the stream from another thread: the reading one returns at once."""
        self._response.interrupt()

    def close(self) -> None:
        """Close the connection, in the reading thread."""
        self._response.close()


def _advise(error: errors.ClusterError) -> None:
    from kubevitals.kube import remedies

    remedies.advise(error)


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
