"""The API under /api/v1 of one Prometheus-compatible server: Prometheus, Thanos, Mimir, VictoriaMetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kubevitals import errors
from kubevitals.kube.http import urls
from kubevitals.promql import failures, results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from kubevitals.kube.http import client as http_client

    Pairs = list[tuple[str, str]]

LabelsT = TypeVar("LabelsT")
_FORM = "application/x-www-form-urlencoded"
# A gate that lets nobody but readers in takes POST for writing: 403. Others do not know it: 405, 501.
_POST_REFUSED = (403, 405, 501)
# VictoriaMetrics hides the last 30 seconds and moves the steps of a query, but for this; others ignore it.
_EXACT = ("nocache", "1")
_LIMIT = 1 << 30  # bytes of an answer: half a million series with all their labels take 300 MB
# Two samples where the window is open at its left, three where it is closed.
_PROBE = "count_over_time(vector(1)[2m:1m])"
_PROBED_AT = 1_700_000_040.0  # a multiple of 60


class Prometheus:
    """A server that answers PromQL, behind the HTTP client `client`. Threads may share it.

    `prefix` is what stands before /api/v1, beyond the path of the client's own address. With `post=False`
    only GET is used, as through the API server, where POST takes other rights. `origin` says for people how
    it was found. `close()` closes the client, unless `lent`.
    """

    def __init__(
        self,
        client: http_client.Client,
        *,
        prefix: str = "",
        post: bool = True,
        origin: str = "",
        lent: bool = False,
    ) -> None:
        self.origin = origin
        self._client = client
        self._prefix = prefix
        self._post = post
        self._lent = lent
        self._left_open: bool | None = None

    @property
    def server(self) -> str:
        """Its address as messages name it."""
        return f"{self._client.address}{self._prefix}"

    def query(self, expression: str, *, at: float | None = None) -> results.Answer[results.Labels]:
        """Return the value of an expression at a time (None: the server's now), a vector or a matrix.

        Raises:
            errors.PrometheusError: the server does not answer, or refuses, or answers something else.
        """
        return self.query_as(expression, results.Labels, at=at)

    def query_as(
        self, expression: str, labels: type[LabelsT], *, at: float | None = None
    ) -> results.Answer[LabelsT]:
        """Return the same with the labels decoded as `labels`, say as a Struct of those needed."""
        pairs = [("query", expression)]
        if at is not None:
            pairs.append(("time", _moment(at)))
        return results.decode(self._ask("query", pairs), labels)

    def query_range(
        self, expression: str, *, start: float, end: float, step: float
    ) -> results.Answer[results.Labels]:
        """Return the expression at start, start + step, ... up to `end`, as a matrix. Raises as `query`."""
        pairs = [
            ("query", expression),
            ("start", _moment(start)),
            ("end", _moment(end)),
            ("step", f"{step:.3f}"),
        ]
        return results.decode(self._ask("query_range", pairs), results.Labels)

    def build_info(self) -> results.BuildInfo:
        """Return what the server says of itself. Raises as `query`."""
        return results.decode_build(self.fetch("status/buildinfo", []))

    def is_left_open(self) -> bool:
        """Return whether foo[1m] leaves out a sample that is exactly one minute old. Raises as `query`.

        Prometheus does so from 3.0 on, and VictoriaMetrics always did. The server is asked once.
        """
        if self._left_open is None:
            found = self.query(_PROBE, at=_PROBED_AT).series
            self._left_open = not found or found[0].points[0][1] < 3
        return self._left_open

    def close(self) -> None:
        """Close the connections."""
        if not self._lent:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Prometheus {self.server}>"

    def _ask(self, path: str, pairs: Pairs) -> bytes:
        """Send a query by POST, which has no limit of length, or by GET where POST is refused."""
        pairs = [*pairs, ("timeout", f"{self._client.request_timeout:g}s"), _EXACT]
        if not self._post:
            return self.fetch(path, pairs)
        body = urls.format_query(pairs)[1:].encode()
        answer = self._send("POST", path, headers=(("Content-Type", _FORM),), body=body)
        if answer.status not in _POST_REFUSED:
            return self._content(answer)
        content = self.fetch(path, pairs)
        self._post = False
        return content

    def fetch(self, path: str, pairs: Pairs) -> bytes:
        """GET a path below /api/v1 and return the body, say that of targets. Raises as `query`."""
        return self._content(self._send("GET", path, query=pairs))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Pairs | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> http_client.Answer:
        try:
            return self._client.request(
                method,
                f"{self._prefix}/api/v1/{path}",
                query or (),
                headers=(("Accept", "application/json"), *headers),
                body=body,
                limit=_LIMIT,
            )
        except (errors.ClusterError, errors.CredentialsError) as error:
            raise failures.translate(error) from error

    def _content(self, answer: http_client.Answer) -> bytes:
        if not answer.is_success:
            raise failures.from_answer(answer, server=self.server, who=self._client.credentials.kind)
        if "html" in answer.headers.get("content-type", ""):
            raise failures.web_page(self.server)
        return answer.content


def _moment(seconds: float) -> str:
    return f"{seconds:.3f}"
