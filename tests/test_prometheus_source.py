"""Usage by PromQL, from the real Prometheus and the real VictoriaMetrics that hold the same samples."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests import connected, databases, scraped

from kubevitals import errors, sources
from kubevitals.promql import config
from kubevitals.sources.prometheus import queries, source
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from kubevitals.promql import client as promql_client


def about(number: float) -> Any:
    """That number, but for how floats are rounded."""
    return pytest.approx(number, rel=1e-6)


PODS, NODES = sources.Scope(pods=True), sources.Scope(nodes=True)
MI = 1 << 20


def cadvisor(node: str, cluster: str, **labels: str) -> dict[str, str]:
    """Labels that a scrape of /metrics/cadvisor has."""
    return {"cluster": cluster, "node": node, "instance": f"{node}:10250", "job": "kubelet", **labels}


def healthy() -> list[scraped.Series]:
    """A cluster scraped by two replicas, each of which scrapes both paths of the kubelets."""
    series = []
    for replica, shift in (("a", 0.0), ("b", -7.0)):
        moments = scraped.times(shift=shift)
        for path in ("/metrics/cadvisor", "/metrics/resource"):
            more = {"metrics_path": path, "prometheus_replica": replica}
            if path == "/metrics/cadvisor":
                more |= {"image": "registry/web:1", "id": "/kubepods/web"}
            for name, cores, size in (("web", 0.25, 100 * MI), ("proxy", 0.05, 20 * MI)):
                series += scraped.container(
                    "shop",
                    "web-1",
                    name,
                    cores=cores,
                    size=size,
                    moments=moments,
                    labels=cadvisor("n1", "one", **more),
                )
            series += scraped.container(
                "data",
                "db-0",
                "db",
                cores=1.5,
                size=900 * MI,
                moments=moments,
                labels=cadvisor("n2", "one", **more),
            )
        around = {"metrics_path": "/metrics/cadvisor", "prometheus_replica": replica}
        series += scraped.container(  # the pause container, and the group around all of the pod
            "shop",
            "web-1",
            "POD",
            cores=9,
            size=9 * MI,
            moments=moments,
            labels=cadvisor("n1", "one", **around),
        )
        series += scraped.container(
            "shop", "web-1", "", cores=9, size=9 * MI, moments=moments, labels=cadvisor("n1", "one", **around)
        )
        for node, cores in (("n1", 0.75), ("n2", 2.5)):
            labels = cadvisor(node, "one", **around, id="/")
            series += [
                scraped.Series("container_cpu_usage_seconds_total", labels, scraped.counter(cores, moments)),
                scraped.Series(
                    "container_memory_working_set_bytes", labels, [(each, 4096.0 * MI) for each in moments]
                ),
                scraped.Series(  # the same once more, under the name of the small path
                    "node_cpu_usage_seconds_total", labels, scraped.counter(cores, moments)
                ),
            ]
    return series


def lively() -> list[scraped.Series]:
    """A cluster in which containers begin, restart and end."""
    labels = cadvisor("n1", "two")
    before, after = scraped.times(until=60), scraped.times(since=45)
    return [
        *scraped.container(
            "shop", "web-1", "web", cores=3.0, size=7 * MI, moments=scraped.times(), labels=labels
        ),
        # cAdvisor tells a container from the one before it by its id
        *scraped.container(
            "shop",
            "again-1",
            "web",
            cores=2.0,
            size=500 * MI,
            moments=before,
            labels={**labels, "id": "/old"},
        ),
        *scraped.container(
            "shop",
            "again-1",
            "web",
            cores=0.5,
            size=60 * MI,
            moments=after,
            start=0,
            labels={**labels, "id": "/new"},
        ),
        scraped.Series(  # the small path has no id: the counter begins anew
            "container_cpu_usage_seconds_total",
            {"namespace": "shop", "pod": "again-2", "container": "web", **labels},
            scraped.counter(2.0, before, start=500) + scraped.counter(0.25, after),
        ),
        *scraped.container(
            "shop", "new-1", "web", cores=1.0, size=5 * MI, moments=scraped.times(since=0), labels=labels
        ),
        *scraped.container(
            "shop", "new-3", "web", cores=0.5, size=5 * MI, moments=scraped.times(since=30), labels=labels
        ),
        *scraped.container(
            "shop",
            "gone-1",
            "web",
            cores=1.0,
            size=5 * MI,
            moments=scraped.times(since=300, until=75),
            labels=labels,
        ),
        scraped.Series(
            "container_memory_working_set_bytes",
            {"namespace": "shop", "pod": "again-2", "container": "web", **labels},
            [(each, float("nan")) for each in after],
        ),
    ]


def by_exporter() -> list[scraped.Series]:
    """A cluster of which only node-exporter and kube-state-metrics are scraped, by address."""
    moments = scraped.times()
    series = []
    for replica in ("a", "b"):
        labels = {"cluster": "three", "instance": "10.0.0.7:9100", "replica": replica}
        for cpu in ("0", "1"):
            for mode, cores in (("user", 0.3), ("system", 0.1), ("idle", 0.55), ("iowait", 0.05)):
                own = {**labels, "cpu": cpu, "mode": mode}
                series.append(scraped.Series("node_cpu_seconds_total", own, scraped.counter(cores, moments)))
        for name, size in (
            ("node_memory_MemTotal_bytes", 8192.0),
            ("node_memory_MemAvailable_bytes", 6144.0),
        ):
            series.append(scraped.Series(name, labels, [(each, size * MI) for each in moments]))
    info = {"cluster": "three", "node": "worker-7", "internal_ip": "10.0.0.7", "instance": "ksm:8080"}
    return [*series, scraped.Series("kube_node_info", info, [(each, 1.0) for each in moments])]


def silent() -> list[scraped.Series]:
    """Clusters without usage, each for another reason."""
    moments = scraped.times()
    up = [(each, 1.0) for each in moments]
    down = [(each, 0.0) for each in moments]
    return [
        scraped.Series("up", {"cluster": "down", "job": "kubelet", "instance": "n1"}, down),
        scraped.Series("up", {"cluster": "down", "job": "kubelet", "instance": "n2"}, up),
        scraped.Series("up", {"cluster": "dropped", "job": "kubelet", "instance": "n1"}, up),
        scraped.Series("up", {"cluster": "unselected", "job": "web"}, up),
        scraped.Series("up", {"cluster": "stopped", "job": "web"}, up),
        *scraped.container(
            "shop", "web-1", "web", cores=1, size=1, moments=scraped.times(since=3600, until=1800),
            labels=cadvisor("n1", "stopped"),
        ),
        scraped.Series("up", {"cluster": "unlabelled", "job": "kubelet"}, up),
        scraped.Series(
            "container_cpu_usage_seconds_total", {"cluster": "unlabelled", "id": "/kubepods"},
            scraped.counter(1, moments),
        ),
    ]  # fmt: skip


def everything() -> list[scraped.Series]:
    """All of the clusters, in one database."""
    return [*healthy(), *lively(), *by_exporter(), *silent()]


@pytest.fixture(scope="module", params=databases.NAMES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[promql_client.Prometheus]:
    """A real server that holds all of it."""
    held = everything()
    directory = tmp_path_factory.mktemp("held")
    with (
        databases.holding(request.param, scraped.openmetrics(held), scraped.text(held), directory) as url,
        config.open_prometheus(config.ServerOptions(url)) as opened,
    ):
        yield opened


@pytest.fixture
def asking(server: promql_client.Prometheus) -> Callable[..., source.PrometheusSource]:
    """Makes a source of one of the clusters."""

    def make(cluster: str | None, **options: Any) -> source.PrometheusSource:
        return source.PrometheusSource(lambda: server, cluster=cluster, at=lambda: scraped.NOW, **options)

    return make


def test_containers_are_counted_once(asking: Callable[..., source.PrometheusSource]) -> None:
    """Two replicas and two paths of the same kubelet give each container once, with real times."""
    usage = asking("one").fetch_usage(PODS)
    assert set(usage.pods) == {("shop", "web-1"), ("data", "db-0")}
    timestamp, window, containers = usage.pods["shop", "web-1"]
    assert timestamp == scraped.NOW
    assert window == 60
    assert containers == [("proxy", about(0.05), 20 * MI), ("web", about(0.25), 100 * MI)]
    assert (usage.problems, usage.pod_reasons, usage.source) == ([], {}, "prometheus")


def test_nodes_are_counted_once(asking: Callable[..., source.PrometheusSource]) -> None:
    """The root of cAdvisor is the node, whoever scrapes it, and whatever else says the same."""
    usage = asking("one").fetch_usage(NODES)
    assert usage.nodes == {
        "n1": (scraped.NOW, 60, about(0.75), 4096 * MI),
        "n2": (scraped.NOW, 60, about(2.5), 4096 * MI),
    }
    assert usage.node_reasons == {}


def test_scope(asking: Callable[..., source.PrometheusSource]) -> None:
    """A namespace, a pod and a node give themselves alone; what is not there gives nothing."""
    one = asking("one")
    assert set(one.fetch_usage(sources.Scope(pods=True, namespace="data")).pods) == {("data", "db-0")}
    assert set(one.fetch_usage(sources.Scope(pods=True, namespace="shop", name="web-1")).pods) == {
        ("shop", "web-1")
    }
    assert one.fetch_usage(sources.Scope(pods=True, namespace="nowhere")).pods == {}
    assert set(one.fetch_usage(sources.Scope(nodes=True, name="n2")).nodes) == {"n2"}
    assert one.fetch_usage(sources.Scope(nodes=True, name="n3")).nodes == {}
    odd = 'a"b\\c\n}'
    assert one.fetch_usage(sources.Scope(pods=True, namespace=odd)).pods == {}


def test_the_window_may_be_given(asking: Callable[..., source.PrometheusSource]) -> None:
    """With a window of its own the rate is over that, as far as there are samples."""
    usage = asking("one", window=307.0).fetch_usage(PODS)
    assert usage.pods["data", "db-0"][:2] == (scraped.NOW, 300)
    assert asking("one", window=7200.0).fetch_usage(PODS).pods["data", "db-0"][1] == 600


def test_lives_of_containers(asking: Callable[..., source.PrometheusSource]) -> None:
    """After a restart the new container counts alone, a young one over its time; one sample is no rate."""
    usage = asking("two").fetch_usage(PODS)
    found = {pod: (sample[1], *sample[2][0][1:]) for (_, pod), sample in usage.pods.items()}
    assert found == {
        "web-1": (60, about(3.0), 7 * MI),
        "again-1": (45, about(0.5), 60 * MI),
        "again-2": (45, about(0.25), None),
        "new-1": (sources.UNKNOWN, None, 5 * MI),
        "new-3": (30, about(0.5), 5 * MI),
    }
    assert usage.pod_reasons == {("shop", "new-1"): "first_sample", ("shop", "again-2"): "prometheus_empty"}


def test_clusters_are_not_mixed(asking: Callable[..., source.PrometheusSource]) -> None:
    """A database of several clusters needs to be told which; one that it does not know is told."""
    with pytest.raises(errors.PrometheusError, match="holds several clusters: one, two") as found:
        asking(None).fetch_usage(PODS)
    assert "--prometheus-cluster" in str(found.value.remedy)
    with pytest.raises(errors.PrometheusError, match="knows no cluster 'on': cluster is ") as unknown:
        asking("on").fetch_usage(PODS)
    assert unknown.value.code == "prometheus_empty"
    found_one = asking("one", cluster_label="cluster").fetch_usage(PODS)
    assert found_one.pods


def test_node_exporter(asking: Callable[..., source.PrometheusSource]) -> None:
    """Where kubelets tell nothing of nodes, node-exporter does, under the node's name and once."""
    usage = asking("three").fetch_usage(NODES)
    window: Any = pytest.approx(4.5 * scraped.INTERVAL, rel=0.05)  # as far as counting tells it
    assert usage.nodes == {"worker-7": (scraped.NOW, window, about(0.8), 2048 * MI)}
    assert usage.problems == []


@pytest.mark.parametrize(
    ("cluster", "words", "remedy"),
    [
        ("down", "1 of 2 kubelet targets are down", "10250"),
        ("dropped", "though all of its 1 kubelet targets are up", "relabelling"),
        ("unselected", "no target whose job is called kubelet or cadvisor", "ServiceMonitor"),
        ("stopped", "the last sample is minutes old", "Targets"),
        ("unlabelled", "none of containers with the labels", "cAdvisor"),
    ],
)
def test_why_there_is_nothing(
    asking: Callable[..., source.PrometheusSource], cluster: str, words: str, remedy: str
) -> None:
    """An empty answer is an error that names the family and the probable reason."""
    with pytest.raises(errors.PrometheusError, match=words) as found:
        asking(cluster).fetch_usage(PODS)
    assert "container_cpu_usage_seconds_total" in str(found.value)
    assert remedy in str(found.value.remedy)
    assert found.value.code == "prometheus_empty"


def test_selectors(asking: Callable[..., source.PrometheusSource]) -> None:
    """What a label selector means is asked of the API server; without one that is said."""
    with pytest.raises(errors.UsageError, match="selector"):
        asking("one").fetch_usage(sources.Scope(pods=True, label_selector="a=b"))
    with simulated.SimulatedCluster(nodes=2, pods=6, speed=0.0) as world, connected.connect(world) as cluster:
        one = asking("one", client=cluster.client)
        assert one.fetch_usage(sources.Scope(pods=True, label_selector="no=such")).pods == {}
        assert one.fetch_usage(sources.Scope(nodes=True, label_selector="no=such")).nodes == {}


def test_queries_of_ones_own(asking: Callable[..., source.PrometheusSource], tmp_path: Path) -> None:
    """A file replaces queries: samples of a range, or ready numbers with the window that it states."""
    file = tmp_path / "queries.toml"
    file.write_text(
        "[container_cpu]\n"
        "query = 'max by (namespace, pod, container) "
        '(rate(container_cpu_usage_seconds_total{container!="",container!="POD",$scope}[2m]))\'\n'
        "window_seconds = 120\n"
        "[container_memory]\n"
        "query = 'container_memory_working_set_bytes{container=\"web\",$scope}[$recent]'\n"
    )
    usage = asking("one", table=queries.load(str(file))).fetch_usage(PODS)
    timestamp, window, containers = usage.pods["shop", "web-1"]
    assert (timestamp, window) == (scraped.NOW, 120)
    assert containers == [("proxy", about(0.05), None), ("web", about(0.25), 100 * MI)]


def test_queries_that_do_not_fit(asking: Callable[..., source.PrometheusSource], tmp_path: Path) -> None:
    """A query without the labels, or that cannot be read, is an error; one without series is a problem."""

    def replaced(query: str) -> source.PrometheusSource:
        file = tmp_path / "queries.yaml"
        file.write_text(f"container_cpu:\n  query: '{query}'\n")
        return asking("one", table=queries.load(str(file)))

    with pytest.raises(errors.PrometheusError, match="lack one of the labels namespace, pod"):
        replaced("sum by (pod) (container_cpu_usage_seconds_total{$scope})").fetch_usage(PODS)
    with pytest.raises(errors.PrometheusError, match=r"cannot (read|answer) the query"):
        replaced("vector(1{$scope}").fetch_usage(PODS)
    with pytest.raises(errors.ConfigurationError, match=r"\$scope"):
        replaced("vector(1)")
    usage = replaced("nothing_of_that_name{$scope}").fetch_usage(PODS)
    assert [each.code for each in usage.problems] == ["prometheus_empty"]
    assert usage.pods["shop", "web-1"][2][1] == ("web", None, 100 * MI)
    assert usage.pod_reasons["shop", "web-1"] == "prometheus_empty"


def test_nodes_and_pods_at_once_open_one_server() -> None:
    """Threads that need the server at the same time share it, so that none is left open."""
    opened: list[object] = []
    together = threading.Barrier(2)

    def open_slowly() -> Any:
        opened.append(object())
        time.sleep(0.05)
        return opened[-1]

    asked = source.PrometheusSource(open_slowly)

    def ask() -> None:
        together.wait(5)
        assert asked.prometheus is opened[0]

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
