"""A receiver of remote-write 1.0 on loopback that refuses a whole request for one sample in it."""

from __future__ import annotations

import contextlib
import http.server
import threading
from typing import TYPE_CHECKING, NamedTuple

import cramjam
from tests import protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One sample as it came, its labels in the order in which they came."""

    labels: Labels
    value: bytes  # a NaN is not equal to itself
    milliseconds: int


class Receiver:
    """Refuses requests with `status` that have a sample of which `refuses` is true, or too many samples."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.refuses: Callable[[Sample], bool] = lambda _: False
        self.status = 400
        self.most = 1_000_000
        self.requests: list[int] = []  # the number of samples in each
        self.held: dict[tuple[Labels, int], bytes] = {}

    def judge(self, body: bytes) -> int:
        """Take the samples of a request in, or return why not."""
        samples = list(decode(bytes(cramjam.snappy.decompress_raw(body))))
        self.requests.append(len(samples))
        if len(samples) > self.most:
            return 413
        if any(self.refuses(each) for each in samples):
            return self.status
        for each in samples:
            self.held[each.labels, each.milliseconds] = each.value
        return 204


@contextlib.contextmanager
def running() -> Iterator[Receiver]:
    """A receiver that is ended with the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status = receiver.judge(self.rfile.read(int(self.headers["Content-Length"])))
            words = b"" if status == 204 else b"a sample is out of order"
            self.send_response(status)
            if words:
                self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(5)


def decode(message: bytes) -> Iterator[Sample]:
    """Yield the samples of a WriteRequest."""
    for number, series in protobuf.fields(message):
        assert number == 1
        labels, sample = [], {}
        for kind, content in protobuf.fields(series):
            if kind == 1:
                pair = dict(protobuf.fields(content))
                labels.append((pair[1].decode(), pair[2].decode()))
            else:
                sample = dict(protobuf.fields(content))
        yield Sample(tuple(labels), sample[1], sample[2])
