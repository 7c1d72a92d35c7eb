"""One remote-write request: compressed, sent, and its answer judged as the specification says.

2xx is done. 429 and 5xx, and no answer at all, ask for another try later; any other status says that these
samples will never be taken. Which of the two protocols a receiver knows is found out by the first request.
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
_WRITTEN = "x-prometheus-remote-write-samples-written"


class Outcome(NamedTuple):
    """What became of a request. `retry` None: it is settled; else seconds to wait, -1 if nobody said.

    `taken` is how many of the samples were written, as far as the receiver tells; None: all, or none.
    """

    written: bool
    retry: float | None = None
    said: str = ""
    taken: int | None = None


class Sender:
    """Sends to one receiver.

    Args:
        client: of the receiver.
        path: of its remote-write endpoint, with the query if there is one.
        protocol: one of PROTOCOLS; "auto" tries 2.0 and takes 1.0 where that is not known.

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
        """The version that is sent, and "?" behind it while the receiver has not accepted it yet."""
        version = "1.0" if self._encoder is self._first else "2.0"
        return version if self._known else f"{version}?"

    def close(self) -> None:
        """Close the connection to the receiver."""
        self._client.close()

    def send(self, batch: Sequence[Sample]) -> Outcome:
        """Send the samples once; of 2.0 that is not understood, once more as 1.0."""
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
            return Outcome(written=False, retry=-1, said=error.message)
        status = answer.status
        ignorant = encoder is self._second and self._is_ignorant(status, answer.headers)
        if ignorant and self._chooses:
            self._encoder, self._known = self._first, True
            return self.send(batch)
        if 200 <= status < 300 and not ignorant:
            self._known = True
            return Outcome(written=True)
        words = describe(status, answer.content)
        if status < 300 and ignorant:
            words = f"HTTP {status}: it does not know version 2.0 of the protocol"
        if status == 429 or status >= 500:
            delay = retries.parse_retry_after(answer.headers.get("retry-after"))
            return Outcome(written=False, retry=-1 if delay is None else delay, said=words)
        return Outcome(written=False, said=words, taken=_count(answer.headers.get(_WRITTEN)))

    def _is_ignorant(self, status: int, answer: Mapping[str, str]) -> bool:
        """Return whether the receiver shows that it does not know 2.0, or no more.

        A new one says 415. An old one ignores the message's type; 2.0 was made so that it then finds no
        samples, and it does not say how many it has written.
        """
        if status == 415 or (200 <= status < 300 and _WRITTEN not in answer):
            return True
        return not self._known and status in (400, 404, 405, 422) and _WRITTEN not in answer


def describe(status: int, body: bytes) -> str:
    """Return an answer for a message: its status and the beginning of its body, without credentials."""
    said = sanitize.excerpt(body)
    return f"HTTP {status}{f': {said}' if said else ''}"


def _count(said: str | None) -> int | None:
    """Return the number in a header, if it is one."""
    return int(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 10 else None
