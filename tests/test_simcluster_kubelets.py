"""The kubelets of a simulated cluster over HTTPS and through the node proxy: texts, rights, faults."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from tests import accounts_simulated, simulated, small_world
from tests import simulated_life as life

from simcluster import errors, fault_targets, faults, simulation
from simcluster.apiserver import authorizer
from simcluster.kubelets import prometheus_text

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = "general-1"
RESOURCE = "/metrics/resource"
EVERY = (RESOURCE, "/metrics/cadvisor", "/stats/summary")
COUNTING = re.compile(r"^(\w+_total)(\{.*\}|) (\S+) \d+$", re.MULTILINE)


class Clock:
    """A clock that the test moves."""

    now = life.START

    def __call__(self) -> float:
        return self.now


class Kubelet:
    """A client of one node's kubelet, as its Node says it is to be reached."""

    def __init__(self, world: simulation.SimulatedCluster, name: str = NODE) -> None:
        self.world = world
        shown = simulated.ask(world, f"/api/v1/nodes/{name}").json()
        (self.host,) = (
            each["address"] for each in shown["status"]["addresses"] if each["type"] == "InternalIP"
        )
        self.port = shown["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
        path = shown["metadata"]["annotations"]["metrics.k8s.io/resource-metrics-path"]
        self.prefix = path.removesuffix(RESOURCE)

    def ask(
        self,
        path: str = RESOURCE,
        *,
        user: str | None = "kubelet-reader",
        method: str = "GET",
        headers: dict[str, str] | None = None,
        timeout: float = 10.0,
    ) -> simulated.Answer:
        context = ssl.create_default_context(cadata=self.world.ca.decode())
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        with contextlib.closing(connection):
            given = {**simulated.headers_for(self.world, user), **(headers or {})}
            connection.request(method, self.prefix + path, headers=given)
            response = connection.getresponse()
            said = {key.lower(): value for key, value in response.getheaders()}
            return simulated.Answer(response.status, said, response.read())


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(kubelets=True, clock=clock) as made:
        yield made


@pytest.fixture
def served(running: simulation.SimulatedCluster) -> Iterator[simulation.SimulatedCluster]:
    """A cluster in good health before and after."""
    yield running
    running.set_faults([])


def relayed(
    world: simulation.SimulatedCluster, path: str = RESOURCE, *, user: str = "admin"
) -> simulated.Answer:
    """What the API server's node proxy answers."""
    return simulated.ask(world, f"/api/v1/nodes/{NODE}/proxy{path}", user=user)


def samples(body: bytes) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Container CPU and its moment by namespace, pod and container."""
    found = {}
    for family in parser.text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name == "container_cpu_usage_seconds_total":
                key = (sample.labels["namespace"], sample.labels["pod"], sample.labels["container"])
                found[key] = (sample.value, float(str(sample.timestamp)))
    return found


def test_the_metrics_api_s_usage_is_the_rate_of_the_counters(
    served: simulation.SimulatedCluster, clock: Clock
) -> None:
    """Two scrapes of the kubelet, a tick apart, say what the metrics API says of its pods."""
    kubelet = Kubelet(served)
    before = samples(kubelet.ask().body)
    clock.now += 15
    after = samples(kubelet.ask().body)
    rows = simulated.ask(served, "/apis/metrics.k8s.io/v1beta1/pods").json()["items"]
    compared = 0
    for row in rows:
        for container in row["containers"]:
            key = (row["metadata"]["namespace"], row["metadata"]["name"], container["name"])
            if key not in after:
                continue
            (value, since), (grown, until) = before[key], after[key]
            said = container["usage"]["cpu"]
            cores = float(said[:-1]) / 1e9 if said.endswith("n") else float(said)
            assert (grown - value) / (until - since) == pytest.approx(cores, abs=1e-8)
            compared += 1
    assert compared > 5


def test_resource_text(served: simulation.SimulatedCluster) -> None:
    """The families, types and order of kubelet 1.36; all but start times and the error have a moment."""
    answer = Kubelet(served).ask()
    assert answer.headers["content-type"] == prometheus_text.CONTENT_TYPE
    lines = answer.body.decode().splitlines()
    heads = [line.split(" ", 4)[2:] for line in lines if line.startswith("# TYPE")]
    assert heads == [
        ["container_cpu_usage_seconds_total", "counter"],
        ["container_memory_working_set_bytes", "gauge"],
        ["container_start_time_seconds", "gauge"],
        ["container_swap_limit_bytes", "gauge"],
        ["container_swap_usage_bytes", "gauge"],
        ["node_cpu_usage_seconds_total", "counter"],
        ["node_memory_working_set_bytes", "gauge"],
        ["node_swap_usage_bytes", "gauge"],
        ["pod_cpu_usage_seconds_total", "counter"],
        ["pod_memory_working_set_bytes", "gauge"],
        ["pod_swap_usage_bytes", "gauge"],
        ["resource_scrape_error", "gauge"],
    ]
    for line in lines:
        if not line.startswith("#"):
            timed = not line.startswith(("container_start_time", "resource_scrape"))
            assert re.fullmatch(rf"\w+(\{{[^}}]*\}})? [0-9.e+]+{' [0-9]{13}' if timed else ''}", line), line
    rows = [line for line in lines if line.startswith("container_cpu")]
    assert rows == sorted(rows)


@pytest.mark.parametrize("path", ["/metrics/resource", "/metrics/cadvisor"])
def test_prometheus_s_own_parser_reads_it(served: simulation.SimulatedCluster, path: str) -> None:
    """Every family is typed and explained, none comes twice, and no series does."""
    body = Kubelet(served).ask(path).body.decode()
    families = list(parser.text_string_to_metric_families(body))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type in {"counter", "gauge"} for family in families)
    every = [(each.name, *sorted(each.labels.items())) for family in families for each in family.samples]
    assert len(set(every)) == len(every) > 50
    names = [line.split()[2] for line in body.splitlines() if line.startswith("# HELP")]
    assert names == sorted(names)


def test_cadvisor_and_summary_say_the_same(served: simulation.SimulatedCluster) -> None:
    """The three endpoints agree on each container's CPU and memory, and on the network of its pod."""
    kubelet = Kubelet(served)
    counted = samples(kubelet.ask().body)
    summary = kubelet.ask("/stats/summary").json()
    metrics: dict[str, list[Any]] = {}
    for family in parser.text_string_to_metric_families(kubelet.ask("/metrics/cadvisor").body.decode()):
        for sample in family.samples:
            metrics.setdefault(sample.name, []).append(sample)

    def of(name: str, pod: str, container: str = "") -> list[float]:
        return [
            each.value
            for each in metrics[name]
            if (each.labels["pod"], each.labels["container"]) == (pod, container)
        ]

    seen = 0
    for pod in summary["pods"]:
        name = pod["podRef"]["name"]
        for container in pod["containers"]:
            seconds = container["cpu"]["usageCoreNanoSeconds"] / 1e9
            key = (pod["podRef"]["namespace"], name, container["name"])
            assert counted[key][0] == seconds
            assert of("container_cpu_usage_seconds_total", name, container["name"]) in ([seconds], [])
            assert of("container_memory_working_set_bytes", name, container["name"]) == [
                container["memory"]["workingSetBytes"]
            ]
            assert {"some", "full"} == container["io"]["psi"].keys()
            seen += 1
        received = of("container_network_receive_bytes_total", name) if "network" in pod else []
        assert received == ([pod["network"]["rxBytes"]] if "network" in pod else [])
    assert seen == len(counted)
    assert summary["node"]["fs"]["capacityBytes"] > summary["node"]["fs"]["usedBytes"]
    assert next(each.labels["id"] for each in metrics["container_cpu_usage_seconds_total"]) == "/"


def test_short_summary(served: simulation.SimulatedCluster) -> None:
    """Asked for CPU and memory alone, the summary has no network and no file system."""
    shown = Kubelet(served).ask("/stats/summary?only_cpu_and_memory=true").json()
    assert shown["node"]["cpu"]["usageCoreNanoSeconds"] > 0
    assert not {"network", "fs", "runtime", "rlimit"} & shown["node"].keys()
    assert not any("network" in pod or "ephemeral-storage" in pod for pod in shown["pods"])


@pytest.mark.parametrize("path", ["/metrics/resource", "/metrics/cadvisor"])
def test_what_counts_never_goes_back(served: simulation.SimulatedCluster, clock: Clock, path: str) -> None:
    """All counters of a kubelet, of whatever kind, only grow in some minutes."""
    kubelet = Kubelet(served, "memory-1")
    last: dict[tuple[str, str], float] = {}
    for _ in range(9):
        clock.now += 45
        for name, labels, value in COUNTING.findall(kubelet.ask(path).body.decode()):
            if "id=" in labels or not name.startswith("container_"):  # an id names one life of a container
                assert float(value) >= last.get((name, labels), 0.0), (name, labels)
                last[name, labels] = float(value)
    assert last


def test_texts_change_with_the_tick_only(served: simulation.SimulatedCluster, clock: Clock) -> None:
    """Within one tick the same bytes come, plain or gzipped; at the next one others do."""
    kubelet = Kubelet(served)
    clock.now = life.START + (clock.now - life.START) // 15 * 15
    first = kubelet.ask().body
    clock.now += 14
    assert kubelet.ask().body == first
    packed = kubelet.ask(headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == first
    clock.now += 1
    assert kubelet.ask().body != first


def test_the_node_proxy(served: simulation.SimulatedCluster) -> None:
    """The API server passes on what the kubelet says, to those with rights on nodes/proxy."""
    for path in EVERY:
        assert relayed(served, path).body == Kubelet(served).ask(path).body
    assert relayed(served, "/healthz").body == b"ok"
    assert relayed(served, "/nothing").status == 404
    refused = relayed(served, user="kubelet-reader")
    assert (refused.status, refused.json()["reason"]) == (403, "Forbidden")
    assert 'cannot get resource "nodes/proxy"' in refused.json()["message"]
    gone = simulated.ask(served, "/api/v1/nodes/general-9/proxy/metrics/resource")
    assert (gone.status, gone.json()["message"]) == (404, 'nodes "general-9" not found')


def test_the_node_proxy_is_always_there() -> None:
    """Without reachable kubelets nodes keep their addresses, and the proxy answers as well."""
    with simulation.SimulatedCluster(tls=False) as world:
        assert b"container_cpu_usage_seconds_total" in relayed(world).body
        shown = simulated.ask(world, f"/api/v1/nodes/{NODE}").json()
        assert shown["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 0}}
        assert "metrics.k8s.io/resource-metrics-path" not in shown["metadata"]["annotations"]
        lost = simulated.ask(world, "/api/v1/nodes/general-3/proxy/metrics/resource")
        assert (lost.status, lost.json()["reason"]) == (503, "ServiceUnavailable")
        assert re.fullmatch(
            r"error trying to reach service: dial tcp 10\.[0-9.]+:10250: connect: connection refused",
            lost.json()["message"],
        )


def test_a_world_without_kubelets() -> None:
    """A world that measures nothing has silent kubelets, and is otherwise in good health."""
    with simulation.SimulatedCluster(world=small_world.SmallWorld(), tls=False) as world:
        assert simulated.ask(world, "/api/v1/nodes/node-1/proxy/metrics/resource").status == 503


@pytest.mark.parametrize(
    ("user", "path", "status", "said"),
    [
        (None, RESOURCE, 401, "Unauthorized"),
        (
            "reader",
            RESOURCE,
            403,
            "Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[metrics])\n",
        ),
        (
            "reader",
            "/stats/summary",
            403,
            "Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[stats])\n",
        ),
        (
            "kubelet-reader",
            "/healthz",
            403,
            "Forbidden (user=kubelet-reader, verb=get, resource=nodes, subresource(s)=[healthz proxy])\n",
        ),
        ("admin", "/healthz", 200, "ok"),
        ("admin", "/metrics/other", 404, "404 page not found\n"),
    ],
)
def test_rights(
    served: simulation.SimulatedCluster, user: str | None, path: str, status: int, said: str
) -> None:
    """The kubelet asks who comes and what they may do on the node, in its own words."""
    answer = Kubelet(served).ask(path, user=user)
    assert (answer.status, answer.body.decode()) == (status, said)
    assert answer.headers["content-type"].startswith("text/plain")


def test_rights_are_those_of_the_path(served: simulation.SimulatedCluster) -> None:
    """nodes/metrics opens the metrics and nodes/stats the summary; neither opens the other."""
    rules = {
        "only-metrics": authorizer.Rule(["get"], [""], ["nodes/metrics"]),
        "only-stats": authorizer.Rule(["get"], [""], ["nodes/stats"]),
    }
    for name, rule in rules.items():
        served._registry._add(accounts_simulated.Account(name, [rule]))
    kubelet = Kubelet(served)
    found = {name: [kubelet.ask(path, user=name).status for path in (*EVERY, "/pods")] for name in rules}
    assert found == {"only-metrics": [200, 200, 403, 403], "only-stats": [403, 403, 200, 403]}


def test_strange_tokens_and_paths(served: simulation.SimulatedCluster) -> None:
    """Unknown tokens are 401, unknown nodes and paths 404, other methods 405 for those who might."""
    kubelet = Kubelet(served)
    for credential in ("Bearer x", "Basic YTpi", "Bearer"):
        assert kubelet.ask(user=None, headers={"Authorization": credential}).status == 401
    assert kubelet.ask(user="admin", method="POST").status == 405
    assert kubelet.ask(method="POST").status == 403
    kubelet.prefix = "/metrics/nodes/nobody"
    assert kubelet.ask().status == 404
    kubelet.prefix = ""
    assert kubelet.ask().status == 404


def test_client_certificates(served: simulation.SimulatedCluster, tmp_path: Any) -> None:
    """The cluster's client certificates are accepted too."""
    pair = served.client_certificate()
    file = tmp_path / "client.pem"
    file.write_bytes(pair.certificate + pair.key)
    kubelet = Kubelet(served)
    context = ssl.create_default_context(cadata=served.ca.decode())
    context.load_cert_chain(file)
    connection = http.client.HTTPSConnection(kubelet.host, kubelet.port, timeout=10, context=context)
    with contextlib.closing(connection):
        connection.request("GET", kubelet.prefix + RESOURCE)
        assert connection.getresponse().status == 200


def test_a_lost_node_refuses(served: simulation.SimulatedCluster) -> None:
    """Nobody listens where the node that is lost at the start says that its kubelet is."""
    with pytest.raises(ConnectionRefusedError):
        Kubelet(served, "general-3").ask()


# --- faults


def test_refused(served: simulation.SimulatedCluster) -> None:
    """The Node states a port where nobody listens, the others stay reachable; an open connection breaks."""
    usual = Kubelet(served)
    served.set_faults([f"kubelet-refused={NODE}"])
    with pytest.raises(ConnectionRefusedError):
        Kubelet(served).ask()
    with pytest.raises(ConnectionResetError):
        usual.ask()
    assert relayed(served).status == 503
    assert Kubelet(served, "memory-1").ask().status == 200
    served.set_faults([])
    assert Kubelet(served).ask().status == 200


def test_self_signed(served: simulation.SimulatedCluster) -> None:
    """The certificate is of an authority that the cluster does not know."""
    served.set_faults(["kubelet-self-signed=general-*"])
    with pytest.raises(ssl.SSLCertVerificationError):
        Kubelet(served).ask()
    assert relayed(served).status == 200
    assert Kubelet(served, "memory-1").ask().status == 200


def test_hangs(served: simulation.SimulatedCluster) -> None:
    """The request is taken and never answered."""
    served.set_faults([f"kubelet-hangs={NODE}"])
    with pytest.raises(TimeoutError):
        Kubelet(served).ask(timeout=0.4)
    assert Kubelet(served, "memory-1").ask().status == 200


def test_slow(served: simulation.SimulatedCluster) -> None:
    """The answer waits for as long as is said, for the nodes that are named."""
    served.set_faults([f"kubelet-slow=700ms@{NODE}"])
    assert served.faults() == [f"kubelet-slow=0.7s@{NODE}"]
    with pytest.raises(TimeoutError):
        Kubelet(served).ask(timeout=0.3)
    assert Kubelet(served).ask().status == 200


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("kubelet-unauthorized", 401, b"Unauthorized"),
        ("kubelet-forbidden", 403, b"Forbidden (user="),
        ("kubelet-empty", 200, b""),
    ],
)
def test_refusals(served: simulation.SimulatedCluster, fault: str, status: int, said: bytes) -> None:
    """No credential, no right or no word, directly and through the proxy."""
    served.set_faults([fault])
    for answer in (Kubelet(served).ask(), relayed(served)):
        assert answer.status == status
        assert answer.body.startswith(said)
        assert bool(answer.body) == bool(said)


def test_cut_off(served: simulation.SimulatedCluster) -> None:
    """The body ends in its middle."""
    served.set_faults(["kubelet-cut-off"])
    with pytest.raises(http.client.IncompleteRead):
        Kubelet(served).ask()


def test_garbage(served: simulation.SimulatedCluster) -> None:
    """What comes is neither text for Prometheus nor JSON."""
    served.set_faults(["kubelet-garbage"])
    kubelet = Kubelet(served)
    with pytest.raises(ValueError, match="codec"):
        kubelet.ask().body.decode()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(kubelet.ask("/stats/summary").body)


def test_duplicates(served: simulation.SimulatedCluster) -> None:
    """Each series comes twice, with two values."""
    good = Kubelet(served).ask().body.decode().splitlines()
    served.set_faults(["kubelet-duplicates"])
    lines = Kubelet(served).ask().body.decode().splitlines()
    assert len(lines) == len(good) + sum(not line.startswith("#") for line in good)
    start = 'container_cpu_usage_seconds_total{container="cilium-agent"'
    first, second = (line.split(" ") for line in lines if line.startswith(start))
    assert (first[0], first[2]) == (second[0], second[2])
    assert first[1] != second[1] == "1"


def test_scrape_error(served: simulation.SimulatedCluster) -> None:
    """Nothing but the error is said; the summary fails."""
    served.set_faults(["kubelet-scrape-error"])
    kubelet = Kubelet(served)
    (family,) = parser.text_string_to_metric_families(kubelet.ask().body.decode())
    assert [(each.name, each.value) for each in family.samples] == [("resource_scrape_error", 1.0)]
    assert b"\ncontainer_scrape_error 1\n" in kubelet.ask("/metrics/cadvisor").body
    assert kubelet.ask("/stats/summary").status == 500


def test_zero_counters(served: simulation.SimulatedCluster) -> None:
    """Containers and pods use nothing at all, and still have their moments; the node is counted."""
    good = samples(Kubelet(served).ask().body)
    served.set_faults(["kubelet-zero-counters"])
    kubelet = Kubelet(served)
    found = samples(kubelet.ask().body)
    assert found.keys() == good.keys()
    assert {value for value, _ in found.values()} == {0.0}
    assert all(moment > life.START - 60 for _, moment in found.values())
    assert re.search(rb"\nnode_cpu_usage_seconds_total [1-9]", kubelet.ask().body)
    pods = kubelet.ask("/stats/summary").json()["pods"]
    assert {pod["cpu"]["usageCoreNanoSeconds"] for pod in pods} == {0}
    assert b'container_cpu_usage_seconds_total{container="a' not in kubelet.ask("/metrics/cadvisor").body


def test_no_timestamps(served: simulation.SimulatedCluster) -> None:
    """The metrics have values and no moments."""
    served.set_faults(["kubelet-no-timestamps"])
    for path in ("/metrics/resource", "/metrics/cadvisor"):
        for family in parser.text_string_to_metric_families(Kubelet(served).ask(path).body.decode()):
            assert all(sample.timestamp is None for sample in family.samples)


def test_a_share_of_the_nodes() -> None:
    """A share hits as many nodes as it says, at least one, and always the same; names may be patterns."""
    names = [f"general-{number}" for number in range(50)]
    chosen = fault_targets.Targets("20%").choose(names, salt="x")
    assert len(chosen) == 10
    assert chosen == fault_targets.Targets("20%").choose(reversed(names), salt="x")
    assert chosen != fault_targets.Targets("20%").choose(names, salt="y")
    assert len(fault_targets.Targets("1%").choose(names[:5], salt="x")) == 1
    assert fault_targets.Targets("general-1?+general-3").choose(names, salt="x") == {
        "general-3",
        *names[10:20],
    }
    assert fault_targets.Targets().choose(names, salt="x") == set(names)


@pytest.mark.parametrize(
    "wrong", ["kubelet-refused=", "kubelet-refused=0%", "kubelet-refused=a%", "kubelet-slow=x@20%"]
)
def test_wrong_targets(wrong: str) -> None:
    """What names no nodes is refused with an example."""
    with pytest.raises(errors.SimulationError) as caught:
        faults.parse_faults([wrong])
    assert "20%" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1, "1"),
        (0.25, "0.25"),
        (123456, "123456"),
        (999999.5, "999999.5"),
        (1000000, "1e+06"),
        (1234567.25, "1.23456725e+06"),
        (1795382473.356, "1.795382473356e+09"),
        (1.07361579008e11, "1.07361579008e+11"),
        (0.0001, "0.0001"),
        (0.00001234, "1.234e-05"),
        (2.5e20, "2.5e+20"),
        (-1500000, "-1.5e+06"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    """Numbers are written as Go's strconv writes them with the format 'g' and no precision."""
    assert prometheus_text.number(value) == written


@given(st.floats(min_value=0, max_value=1e18, allow_nan=False))
def test_numbers_are_exact(value: float) -> None:
    """What is written reads back as the same number."""
    assert float(prometheus_text.number(value)) == value
