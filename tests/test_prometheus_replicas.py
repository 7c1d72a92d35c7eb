"""Two real Prometheus that scrape the same kubelet below one VictoriaMetrics: counted once."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests import prometheus, victoria

from kubevitals import sources
from kubevitals.promql import config
from kubevitals.sources.prometheus import source

if TYPE_CHECKING:
    from collections.abc import Iterator

CORES, SIZE = 0.5, 64 << 20
STARTED = time.monotonic()


class Kubelet(http.server.BaseHTTPRequestHandler):
    """Answers as a kubelet of one pod that uses half a core."""

    def do_GET(self) -> None:
        own = 'namespace="shop",pod="web-1",container="web",node="n1"'
        counted = 100 + CORES * (time.monotonic() - STARTED)
        text = (
            "# TYPE container_cpu_usage_seconds_total counter\n"
            f"container_cpu_usage_seconds_total{{{own}}} {counted}\n"
            f'container_cpu_usage_seconds_total{{id="/",node="n1"}} {counted * 2}\n'
            "# TYPE container_memory_working_set_bytes gauge\n"
            f"container_memory_working_set_bytes{{{own}}} {SIZE}\n"
            f'container_memory_working_set_bytes{{id="/",node="n1"}} {SIZE * 2}\n'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def kubelet() -> Iterator[str]:
    """HOST:PORT of the kubelet."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_a_pair_counts_once(kubelet: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One container and one node, with the rate of the counter, though both replicas tell of them."""
    with contextlib.ExitStack() as running:
        pair = [
            running.enter_context(
                prometheus.running(kubelet, tmp_path_factory.mktemp(replica), replica=replica)
            )
            for replica in ("a", "b")
        ]
        storing = running.enter_context(victoria.running(tmp_path_factory.mktemp("victoria"), below=pair))
        opened = running.enter_context(config.open_prometheus(config.ServerOptions(storing.url)))
        enough = "container_cpu_usage_seconds_total{node='n1'}[1m]"

        def is_told_twice() -> bool:
            """Whether each replica has told a few samples of each series."""
            return [each.points[-1][0] - each.points[0][0] >= 2 for each in opened.query(enough).series] == [
                True
            ] * 4

        storing.wait_until(is_told_twice, what="samples of both replicas")
        usage = source.PrometheusSource(lambda: opened).fetch_usage(sources.Scope(nodes=True, pods=True))
    ((timestamp, window, containers),) = usage.pods.values()
    assert [(name, size) for name, _, size in containers] == [("web", SIZE)]
    assert containers[0][1] == pytest.approx(CORES, rel=0.2)
    assert isinstance(window, float)
    assert 2 <= window < 30
    assert isinstance(timestamp, float)
    assert abs(time.time() - timestamp) < 15
    assert [(name, sample[3]) for name, sample in usage.nodes.items()] == [("n1", 2 * SIZE)]
    assert usage.nodes["n1"][2] == pytest.approx(2 * CORES, rel=0.2)
