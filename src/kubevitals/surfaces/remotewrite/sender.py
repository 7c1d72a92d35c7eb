"""One remote-write request: compress the samples, send them, and judge the answer by the specification.

2xx: the samples are written. 400, 409, 413 and 422: the receiver will never take this request, because of
some sample in it or because of its size. Anything else, such as 401, 404, 429, 5xx or no answer, says nothing
about the samples: try again later. The first request shows which version of the protocol the receiver knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors, sanitize
from kubevitals.kube.http import retries
from kubevitals.surfaces.remotewrite import protobuf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubevitals.kube.http import client as http_client
    from kubevitals.surfaces.remotewrite.series import Sample

PROTOCOLS = ("auto", "1.0", "2.0")
_TOO_LARGE = 413
_REFUSALS = (400, 409, _TOO_LARGE, 422)
_REMEDIES = {
    401: "check the credentials: --remote-write-token-file, --remote-write-user-file",
    403: "check what the credentials may do, and the tenant: --remote-write-header",
    404: "check the path of --remote-write, and that the receiver takes remote-write",
    415: "check --remote-write-protocol",
}
_WRITTEN = "x-prometheus-remote-write-samples-written"


class Outcome(NamedTuple):
    """What became of a request."""

    written: bool  # all samples are
    retry: float | None = None  # seconds to wait at least before another try; None: no other try
    reason: str = ""  # why they are not written
    remedy: str | None = None  # what can be done about it
    samples_written: int | None = None  # of a refused request; None if the receiver does not say
    too_large: bool = False  # the request is, whatever its samples are


class Sender:
    """Sends to one receiver.

    Args:
        client: the HTTP client of the receiver.
        path: the path of its remote-write endpoint, with the query if there is one.
        protocol: one of PROTOCOLS; "auto" tries 2.0 first, and 1.0 if the receiver does not know it.

    Raises:
        errors.ConfigurationError: the library that compresses is not installed.
    """

    def __init__(self, client: http_client.Client, path: str, *, protocol: str = "auto") -> None:
        try:
            import cramjam
        except ImportError as error:
            raise errors.ConfigurationError(
                "remote-write needs a package that is not installed (cramjam)",
                remedy="pip install 'kubevitals[remote-write]'",
            ) from error
        self._compress = cramjam.snappy.compress_raw
        self._client = client
        self._path = path
        self._first = protobuf.Encoder1()
        self._second = protobuf.Encoder2()
        self._chooses = protocol == "auto"
        self._known = not self._chooses
        self._encoder: protobuf.Encoder1 | protobuf.Encoder2 = (
            self._first if protocol == "1.0" else self._second
        )

    @property
    def protocol(self) -> str:
        """The version that is sent, followed by "?" until the receiver has accepted it."""
        version = "1.0" if self._encoder is self._first else "2.0"
        return version if self._known else f"{version}?"

    def close(self) -> None:
        """Close the connection to the receiver."""
        self._client.close()

    def send(self, batch: Sequence[Sample]) -> Outcome:
        """Send the samples; with "auto", once more as 1.0 if the receiver shows that it does not know 2.0."""
        encoder = self._encoder
        headers = [
            ("Content-Type", encoder.content_type),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", encoder.version),
        ]
        body = bytes(self._compress(encoder.encode(batch)))
        try:
            answer = self._client.request("POST", self._path, body=body, headers=headers)
        except errors.KubevitalsError as error:  # nobody answers, or nothing can be sent as things are now
            return Outcome(written=False, retry=0.0, reason=error.message)
        status = answer.status
        ignorant = encoder is self._second and self._is_ignorant(status, answer.headers)
        if ignorant and self._chooses:
            self._encoder, self._known = self._first, False
            outcome = self.send(batch)
            if outcome.retry is not None:  # neither version was judged: begin anew
                self._encoder = self._second
            return outcome
        if 200 <= status < 300 and not ignorant:
            self._known = True
            return Outcome(written=True)
        reason, remedy = describe(status, answer.content), _REMEDIES.get(status)
        if status < 300:
            reason, remedy = f"HTTP {status}: it does not know version 2.0 of the protocol", _REMEDIES[415]
        if status not in _REFUSALS:
            delay = retries.parse_retry_after(answer.headers)
            return Outcome(written=False, retry=delay, reason=reason, remedy=remedy)
        return Outcome(
            written=False,
            reason=reason,
            samples_written=_count(answer.headers.get(_WRITTEN)),
            too_large=status == _TOO_LARGE,
        )

    def _is_ignorant(self, status: int, answer: Mapping[str, str]) -> bool:
        """Return whether the answer shows that the receiver does not know 2.0, or no longer does.

        A newer receiver says 415. An older one ignores the content type, finds no samples (2.0 was designed
        so), and does not say how many it has written.
        """
        if status == 415 or (200 <= status < 300 and _WRITTEN not in answer):
            return True
        return not self._known and status in (400, 404, 405, 422) and _WRITTEN not in answer


def describe(status: int, body: bytes) -> str:
    """Return an answer for a message: its status and the beginning of its body, without credentials."""
    excerpt = sanitize.excerpt(body)
    return f"HTTP {status}{f': {excerpt}' if excerpt else ''}"


def _count(said: str | None) -> int | None:
    """Return the number in a header, if it is one."""
    return int(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 10 else None
