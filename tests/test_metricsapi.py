"""The metrics API as a source: decoding, discovery of its version, and its three ways of having nothing."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import strategies
from tests import connected, small_world

from kubevitals import errors, model, sources
from kubevitals.kube.http import urls
from kubevitals.sources import metricsapi, metricslists
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

pytestmark = pytest.mark.usefixtures("cpython_modules")

Json = dict[str, Any]
BOTH = sources.Scope(nodes=True, pods=True)
GROUP = {
    "kind": "APIGroup",
    "apiVersion": "v1",
    "name": "metrics.k8s.io",
    "versions": [{"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}],
}
POD = {
    "metadata": {"name": "web-0", "namespace": "shop", "labels": {"app": "web"}},
    "timestamp": "2026-07-30T10:00:00Z",
    "window": "15.021s",
    "containers": [{"name": "app", "usage": {"cpu": "7532567891n", "memory": "14833444Ki"}}],
}
NODE = {
    "metadata": {"name": "node-1"},
    "timestamp": "2026-07-30T10:00:00Z",
    "window": "10s",
    "usage": {"cpu": "250m", "memory": "1Gi"},
}


def pods(*items: Any) -> bytes:
    return json.dumps({"kind": "PodMetricsList", "items": list(items)}).encode()


def nodes(*items: Any) -> bytes:
    return json.dumps({"kind": "NodeMetricsList", "items": list(items)}).encode()


class Recorded:
    """A client that answers from recorded bodies or errors, by path, and counts what it was asked for."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def fetch(self, path: str, query: urls.Query = (), *, retry: bool = True) -> bytes:
        self.asked.append(path + urls.format_query(urls.query_pairs(query)))
        answer = self.answers.get(path)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise not_found()
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def not_found(body: str = "404 page not found") -> errors.NotFoundError:
    return errors.NotFoundError("404", status=404, body=body)


def source(answers: dict[str, Any]) -> tuple[metricsapi.MetricsAPI, Recorded]:
    client = Recorded(answers)
    return metricsapi.MetricsAPI(client), client  # type: ignore[arg-type] # only fetch is used


def answering(
    pod_list: bytes = pods(POD), node_list: bytes = nodes(NODE)
) -> tuple[metricsapi.MetricsAPI, Recorded]:
    return source(
        {
            "/apis/metrics.k8s.io": GROUP,
            "/apis/metrics.k8s.io/v1beta1/pods": pod_list,
            "/apis/metrics.k8s.io/v1beta1/nodes": node_list,
        }
    )


# --- decoding


@pytest.fixture(params=["small", "large"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two decoders in turn, whatever the size."""
    size = 1 << 40 if request.param == "small" else -1
    monkeypatch.setattr(metricslists, "_SMALL", size)
    monkeypatch.setattr(metricslists, "_TINY", size)
    return str(request.param)


def test_usage_in_cores_and_bytes(decoder: str) -> None:
    """Samples hold cores and bytes, with the time and window as the server wrote them."""
    api, _ = answering()
    usage = api.fetch_usage(BOTH)
    assert usage.nodes == {"node-1": ("2026-07-30T10:00:00Z", "10s", 0.25, 2**30)}
    sample = ("2026-07-30T10:00:00Z", "15.021s", [("app", 7.532567891, 14833444 * 1024)])
    assert usage.pods == {("shop", "web-0"): sample}
    assert usage.problems == []


def test_an_empty_list(decoder: str) -> None:
    """No items, by [] or by the null that Go writes, is no usage and no error."""
    for items in ("[]", "null"):
        api, _ = answering(f'{{"kind":"PodMetricsList","items":{items}}}'.encode())
        assert api.fetch_usage(sources.Scope(pods=True)).pods == {}
    api, _ = answering(b'{"kind":"PodMetricsList","metadata":{}}')
    assert api.fetch_usage(sources.Scope(pods=True)).pods == {}


def test_what_is_missing_is_unknown(decoder: str) -> None:
    """A sample without a number, a time or containers keeps its row, with None for what is not there."""
    api, _ = answering(
        pods(
            {"metadata": {"name": "bare", "namespace": "shop"}},
            {
                "metadata": {"name": "half", "namespace": "shop"},
                "timestamp": None,
                "window": "1s",
                "containers": [
                    {"name": "a"},
                    {"name": "b", "usage": {"cpu": "1"}},
                    {"name": "c", "usage": None},
                ],
            },
        ),
        nodes({"metadata": {"name": "mute"}, "timestamp": None, "usage": {"memory": "1"}}),
    )
    usage = api.fetch_usage(BOTH)
    assert usage.pods["shop", "bare"] == ("", "", [])
    assert usage.pods["shop", "half"] == ("", "1s", [("a", None, None), ("b", 1.0, None), ("c", None, None)])
    assert usage.nodes == {"mute": ("", "", None, 1)}
    assert usage.problems == []


def test_bad_quantity(decoder: str) -> None:
    """A value that is no quantity costs that number alone, and a problem names the place and the text."""
    broken = {**POD, "containers": [{"name": "app", "usage": {"cpu": "12x", "memory": "1Mi"}}]}
    api, _ = answering(pods(broken), nodes({**NODE, "usage": {"cpu": "1", "memory": "much"}}))
    usage = api.fetch_usage(BOTH)
    assert usage.pods["shop", "web-0"][2] == [("app", None, 2**20)]
    assert usage.nodes["node-1"][2:] == (1.0, None)
    assert [(each.code, each.object) for each in usage.problems] == [
        ("bad_quantity", "node-1"),
        ("bad_quantity", "shop/web-0/app"),
    ]
    assert "'12x'" in usage.problems[1].message
    assert "CPU" in usage.problems[1].message


def test_numbers_instead_of_texts(decoder: str) -> None:
    """A provider that writes bare numbers means cores and bytes."""
    api, _ = answering(node_list=nodes({**NODE, "usage": {"cpu": 2, "memory": 1024}}))
    assert api.fetch_usage(sources.Scope(nodes=True)).nodes["node-1"][2:] == (2.0, 1024)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"PodMetricsList","items":7}',
        b'{"kind":"PodMetricsList","items":{}}',
        b'{"kind":"PodMetricsList","items":false}',
        b'{"kind":"PodList","items":[]}',
        b'{"kind":"Status","code":200}',
        b'{"items":[]}',
        b"[]",
        b"null",
        b"7",
    ],
)
def test_another_object(decoder: str, body: bytes) -> None:
    """JSON that is not the list that was asked for is that error, in either decoder, never a traceback."""
    api, _ = answering(body)
    with pytest.raises(errors.WrongKindError, match="PodMetricsList"):
        api.fetch_usage(sources.Scope(pods=True))


@pytest.mark.parametrize(
    "odd",
    [
        None,
        True,
        "x",
        [],
        {},
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"namespace": "shop", "name": 5}},
        {"metadata": {"namespace": "shop", "name": None}},
        {"metadata": {"namespace": None, "name": "a"}},
        {"metadata": {"namespace": "shop", "name": "\ud800"}},
        {**POD, "timestamp": 7},
        {**POD, "window": True},
        {**POD, "containers": ["x"]},
        {**POD, "containers": {}},
        {**POD, "containers": 7},
        {**POD, "containers": [{"name": 5}]},
        {**POD, "containers": [{"name": "a", "usage": True}]},
        {**POD, "containers": [{"name": "a", "usage": []}]},
    ],
)
def test_an_odd_row_costs_itself(decoder: str, odd: Any) -> None:
    """Of a list with one row that cannot be read the others are read, and a problem tells which was lost."""
    good = {**POD, "metadata": {"name": "good", "namespace": "shop"}}
    api, _ = answering(pods(good, odd, {**good, "metadata": {"name": "last", "namespace": "shop"}}))
    usage = api.fetch_usage(sources.Scope(pods=True))
    assert [name for _, name in usage.pods] == ["good", "last"]
    assert [each.code for each in usage.problems] == ["bad_answer"]
    assert "PodMetrics" in usage.problems[0].message


@pytest.mark.parametrize("nameless", [{}, {"name": ""}, {"name": None}])
def test_usage_of_no_container_counts_nowhere(decoder: str, nameless: dict[str, Any]) -> None:
    """What a sample says under no name, such as the sum of the pod, costs its containers nothing."""
    total = {**nameless, "usage": {"cpu": "135m", "memory": "650Mi"}}
    api, _ = answering(pods({**POD, "containers": [total, *POD["containers"], total]}))
    usage = api.fetch_usage(sources.Scope(pods=True))
    assert usage.pods["shop", "web-0"][2] == [("app", 7.532567891, 14833444 * 1024)]
    assert usage.problems == []


@pytest.mark.parametrize("value", [True, [], {}, "-1x", 1e400])
def test_an_odd_number_costs_itself(decoder: str, value: Any) -> None:
    """A value that is no quantity, of whatever type, is unknown, and its row stays."""
    body = nodes({**NODE, "usage": {"cpu": value, "memory": "1Gi"}}).replace(b"Infinity", b"1e400")
    api, _ = answering(node_list=body)
    usage = api.fetch_usage(sources.Scope(nodes=True))
    assert usage.nodes["node-1"][2:] == (None, 2**30)
    assert [each.object for each in usage.problems] == ["node-1"]


@pytest.mark.parametrize("versions", [5, [5], {}, "x", [{"version": 7}], [None]])
def test_odd_versions_are_none(versions: Any) -> None:
    """A group that lists its versions in a form of its own has none that can be read."""
    api, _ = source({"/apis/metrics.k8s.io": json.dumps({"kind": "APIGroup", "versions": versions}).encode()})
    with pytest.raises(errors.MetricsNotInstalledError):
        api.discover_versions()


@pytest.mark.parametrize(
    "body",
    [b"", b"service unavailable\n", b'{"kind":"PodMetricsList","items":[', b"\xff\xfe", b'{"kind":"\xff"}',
     b'{"x":' * 100_000],
    ids=["empty", "text", "cut", "bytes", "not utf-8", "nested"],
)  # fmt: skip
def test_not_json(decoder: str, body: bytes) -> None:
    """What is no JSON is that error, in either decoder."""
    api, _ = answering(body)
    with pytest.raises(errors.NotJSONError):
        api.fetch_usage(sources.Scope(pods=True))


NAMES = strategies.text(strategies.characters(codec="utf-8"), max_size=8)
QUANTITIES = strategies.one_of(
    strategies.none(),
    strategies.integers(0, 2**70).map(str),
    strategies.integers(-5, 2**53),
    strategies.sampled_from(["12x", "", "7532567891n", "1Ki", "1e3", "250m", "٣"]),
)
USAGES = strategies.one_of(
    strategies.none(),
    strategies.fixed_dictionaries({}, optional={"cpu": QUANTITIES, "memory": QUANTITIES}),
)
TIMES = strategies.one_of(strategies.none(), NAMES)
PODS = strategies.lists(
    strategies.fixed_dictionaries(
        {"metadata": strategies.fixed_dictionaries({}, optional={"name": NAMES, "namespace": NAMES})},
        optional={
            "timestamp": TIMES,
            "window": TIMES,
            "containers": strategies.one_of(
                strategies.none(),
                strategies.lists(
                    strategies.fixed_dictionaries({}, optional={"name": NAMES, "usage": USAGES, "x": NAMES}),
                    max_size=3,
                ),
            ),
        },
    ),
    max_size=4,
)


def with_size(
    small: int, decode: Callable[[bytes, list[model.Problem]], Iterable[Any]], body: bytes
) -> tuple[str, str, list[model.Problem]]:
    """What a decoder makes of a body: its rows, as text that tells 1 from True, or its error; problems."""
    patch = pytest.MonkeyPatch()
    problems: list[model.Problem] = []
    with patch.context() as patched:
        patched.setattr(metricslists, "_SMALL", small)
        patched.setattr(metricslists, "_TINY", small)
        try:
            return repr(list(decode(body, problems))), "", problems
        except errors.DecodingError as error:
            return "", type(error).__name__, problems


ODD = strategies.recursive(
    strategies.sampled_from([None, True, False, 0, -1, 7, 1.5, 10**30, "", "x", "5m", "\ud800"]),
    lambda inner: strategies.one_of(
        strategies.lists(inner, max_size=2),
        strategies.dictionaries(strategies.sampled_from(["name", "usage", "cpu", "kind"]), inner, max_size=2),
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each value within a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@hypothesis.given(strategies.data(), strategies.booleans())
def test_both_decoders_agree_on_mutated_documents(data: strategies.DataObject, of_pods: bool) -> None:
    """Whatever stands in place of any value of a list, both decoders give the same rows and problems."""
    kind, item = ("PodMetricsList", POD) if of_pods else ("NodeMetricsList", NODE)
    document: Any = json.loads(json.dumps({"kind": kind, "metadata": {}, "items": [item] * 3}))
    for _ in range(data.draw(strategies.integers(1, 3))):
        *above, last = data.draw(strategies.sampled_from(places(document)[1:]))
        target = document
        for key in above:
            target = target[key]
        if isinstance(target, dict) and data.draw(strategies.booleans()):
            del target[last]
        else:
            target[last] = data.draw(ODD)
    body = json.dumps(document).encode()
    decode: Any = metricslists.decode_pods if of_pods else metricslists.decode_nodes
    small = with_size(1 << 40, decode, body)
    assert small == with_size(-1, decode, body)


@hypothesis.given(PODS)
def test_both_decoders_agree_on_pods(items: list[Json]) -> None:
    """Small and large answers are read by different decoders to the same rows."""
    body = pods(*items)
    decode = metricslists.decode_pods
    assert with_size(1 << 40, decode, body) == with_size(-1, decode, body)


@hypothesis.given(
    strategies.lists(
        strategies.fixed_dictionaries(
            {"metadata": strategies.fixed_dictionaries({}, optional={"name": NAMES})},
            optional={"timestamp": TIMES, "window": TIMES, "usage": USAGES},
        ),
        max_size=4,
    )
)
def test_both_decoders_agree_on_nodes(items: list[Json]) -> None:
    """And so it is for nodes."""
    body = nodes(*items)
    assert with_size(1 << 40, metricslists.decode_nodes, body) == with_size(
        -1, metricslists.decode_nodes, body
    )


# --- discovery


def group(*versions: str) -> Json:
    return {**GROUP, "versions": [{"version": each} for each in versions]}


@pytest.mark.parametrize(
    ("offered", "asked"),
    [(["v1"], "v1"), (["v1beta1"], "v1beta1"), (["v1", "v1beta1"], "v1"), (["v1beta1", "v1"], "v1beta1"),
     (["v2", "v1"], "v1")],
)  # fmt: skip
def test_the_version_is_discovered(offered: list[str], asked: str) -> None:
    """v1beta1 is asked at once where it is served; else the group is looked up, and the version kept."""
    api, client = source(
        {"/apis/metrics.k8s.io": group(*offered), f"/apis/metrics.k8s.io/{asked}/nodes": nodes(NODE)}
    )
    for _ in range(2):
        assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]
    assert client.asked.count("/apis/metrics.k8s.io") == (asked != "v1beta1")
    assert client.asked.count(f"/apis/metrics.k8s.io/{asked}/nodes") == 2
    assert client.asked[-1] == f"/apis/metrics.k8s.io/{asked}/nodes", "the version is remembered"


@pytest.mark.parametrize("failure", [not_found(), errors.UnavailableError("503", status=503)])
def test_the_other_version_is_tried(failure: errors.StatusError) -> None:
    """Where two versions are registered and the usual one fails, the other one answers."""
    api, _ = source(
        {
            "/apis/metrics.k8s.io": group("v1", "v1beta1"),
            "/apis/metrics.k8s.io/v1beta1/nodes": failure,
            "/apis/metrics.k8s.io/v1/nodes": nodes(NODE),
        }
    )
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]


def test_only_unknown_versions() -> None:
    """A cluster with versions of the future alone is told so, with the way out."""
    api, _ = source({"/apis/metrics.k8s.io": group("v2", "v3alpha1")})
    with pytest.raises(errors.MetricsNotInstalledError, match="v2, v3alpha1") as caught:
        api.fetch_usage(BOTH)
    assert caught.value.remedy == "upgrade kubevitals"


def test_no_group() -> None:
    """Without the group the metrics API is not installed, and the remedy names what to install."""
    api, _ = source({})
    with pytest.raises(errors.MetricsNotInstalledError, match="not installed") as caught:
        api.fetch_usage(BOTH)
    assert "metrics-server" in str(caught.value.remedy)


def test_forbidden_discovery() -> None:
    """Without the right to discover, the lists themselves are tried, in the version that is everywhere."""
    forbidden = errors.ForbiddenError("403", status=403)
    api, client = source(
        {"/apis/metrics.k8s.io": forbidden, "/apis/metrics.k8s.io/v1beta1/nodes": nodes(NODE)}
    )
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]
    api, client = source({"/apis/metrics.k8s.io": forbidden, "/apis/metrics.k8s.io/v1/nodes": nodes(NODE)})
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]
    api, client = source({"/apis/metrics.k8s.io": forbidden})
    with pytest.raises(errors.MetricsNotInstalledError):
        api.fetch_usage(sources.Scope(nodes=True))
    assert client.asked == [
        "/apis/metrics.k8s.io/v1beta1/nodes",
        "/apis/metrics.k8s.io",
        "/apis/metrics.k8s.io/v1/nodes",
    ]


def test_unavailable() -> None:
    """A registered group behind which nobody answers is unavailable, with what the server said."""
    refused = errors.UnavailableError("503", status=503, body="error trying to reach service: refused")
    api, client = source({"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/pods": refused})
    with pytest.raises(errors.MetricsUnavailableError, match="error trying to reach service") as caught:
        api.fetch_usage(sources.Scope(pods=True))
    assert "apiservice" in str(caught.value.remedy)
    assert len(client.asked) == 2, "it is said at once, without a second try"


def test_the_version_is_gone() -> None:
    """A version that vanished since its discovery is unavailable, and is discovered anew the next time."""
    api, client = source({"/apis/metrics.k8s.io": [GROUP, group("v1")]})
    with pytest.raises(errors.MetricsUnavailableError, match="404"):
        api.fetch_usage(sources.Scope(nodes=True))
    client.answers["/apis/metrics.k8s.io/v1/nodes"] = nodes(NODE)
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]


def test_the_group_is_gone() -> None:
    """Uninstalled between two snapshots, it is said to be not installed: old discovery is not trusted."""
    api, client = source({"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/nodes": nodes(NODE)})
    api.fetch_usage(sources.Scope(nodes=True))
    client.answers.clear()
    with pytest.raises(errors.MetricsNotInstalledError):
        api.fetch_usage(sources.Scope(nodes=True))
    client.answers["/apis/metrics.k8s.io"] = group("v1")
    client.answers["/apis/metrics.k8s.io/v1/nodes"] = nodes(NODE)
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]


def test_a_server_that_does_not_know_yet_who_asks() -> None:
    """Just after its start metrics-server takes everybody for anonymous: not ready, rather than forbidden."""
    refused = errors.ForbiddenError("403", status=403, remedy="try again")
    refused.unrecognized = True
    api, _ = source({"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/pods": refused})
    with pytest.raises(errors.MetricsUnavailableError, match="not ready") as caught:
        api.fetch_usage(sources.Scope(pods=True))
    assert caught.value.remedy == "try again"
    api, _ = source(
        {"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/pods": errors.ForbiddenError("")}
    )
    with pytest.raises(errors.ForbiddenError):
        api.fetch_usage(sources.Scope(pods=True))


@pytest.mark.parametrize(
    "failure",
    [
        errors.RateLimitedError("429", status=429),
        errors.UnreachableError("reset"),
        errors.TruncatedBodyError("cut"),
        errors.StatusError("500", status=500),
        errors.StatusError("502", status=502),
    ],
)
def test_what_passes_is_tried_again(failure: errors.ClusterError) -> None:
    """A throttled request and a broken connection are no reason to go without usage."""
    api, _ = source(
        {"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/nodes": [failure, nodes(NODE)]}
    )
    assert list(api.fetch_usage(sources.Scope(nodes=True)).nodes) == ["node-1"]


def test_a_failure_that_stays_is_said_after_the_second_time() -> None:
    """A failure of the server is tried once more and no longer: another source may be waiting."""
    failure = errors.StatusError("500", status=500)
    api, client = source(
        {"/apis/metrics.k8s.io": GROUP, "/apis/metrics.k8s.io/v1beta1/nodes": [failure] * 5 + [nodes(NODE)]}
    )
    with pytest.raises(errors.StatusError):
        api.fetch_usage(sources.Scope(nodes=True))
    assert len([path for path in client.asked if path.endswith("/nodes")]) == 2


# --- what is asked for


def test_one_request_each() -> None:
    """Nodes and pods take one request each, with the selectors and the namespace in it."""
    api, client = source(
        {
            "/apis/metrics.k8s.io": GROUP,
            "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods": pods(POD),
            "/apis/metrics.k8s.io/v1beta1/nodes": nodes(NODE),
        }
    )
    api.fetch_usage(sources.Scope(pods=True, namespace="shop", label_selector="a in (b,c)"))
    api.fetch_usage(sources.Scope(nodes=True, field_selector="metadata.name=n"))
    pod_path, node_path = client.asked
    assert pod_path.startswith("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=a%20in%20")
    assert node_path == "/apis/metrics.k8s.io/v1beta1/nodes?fieldSelector=metadata.name%3Dn"


def test_one_object() -> None:
    """A name asks for that object alone; without a sample it is simply not there."""
    api, client = source(
        {
            "/apis/metrics.k8s.io": GROUP,
            "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-0": {"kind": "PodMetrics", **POD},
            "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/new": not_found('podmetrics "new" not found'),
        }
    )
    usage = api.fetch_usage(sources.Scope(pods=True, namespace="shop", name="web-0"))
    assert list(usage.pods) == [("shop", "web-0")]
    assert api.fetch_usage(sources.Scope(pods=True, namespace="shop", name="new")).pods == {}
    assert len(client.asked) == 2


def test_nodes_and_pods_are_asked_at_the_same_time() -> None:
    """The request for pods does not wait for that for nodes."""
    both = threading.Barrier(2)

    class Waiting(Recorded):
        def fetch(self, path: str, query: urls.Query = (), *, retry: bool = True) -> bytes:
            both.wait(10)
            return super().fetch(path, query, retry=retry)

    client = Waiting(
        {
            "/apis/metrics.k8s.io/v1beta1/nodes": nodes(NODE),
            "/apis/metrics.k8s.io/v1beta1/pods": pods(POD),
        }
    )
    usage = metricsapi.MetricsAPI(client).fetch_usage(BOTH)  # type: ignore[arg-type] # only fetch is used
    assert (list(usage.nodes), list(usage.pods)) == (["node-1"], [("shop", "web-0")])


def test_a_refusal_without_the_group_means_not_installed() -> None:
    """An API server refuses rights on a group that it does not have: then what lacks is the group."""
    refused = errors.ForbiddenError("403", status=403)
    api, client = source({"/apis/metrics.k8s.io/v1beta1/pods": refused})
    with pytest.raises(errors.MetricsNotInstalledError):
        api.fetch_usage(sources.Scope(pods=True))
    client.answers["/apis/metrics.k8s.io"] = GROUP
    with pytest.raises(errors.ForbiddenError):
        api.fetch_usage(sources.Scope(pods=True))


# --- against a real server


@pytest.mark.parametrize("versions", [("v1",), ("v1beta1",), ("v1", "v1beta1")])
def test_real_servers(versions: tuple[str, ...]) -> None:
    """Clusters with either version, or with both, are read alike."""
    with (
        simulated.SimulatedCluster(
            world=small_world.SmallWorld(), metrics_versions=versions, tls=False
        ) as world,
        connected.connect(world) as cluster,
    ):
        api = metricsapi.MetricsAPI(cluster.client)
        assert set(api.discover_versions()) == set(versions)
        usage = api.fetch_usage(BOTH)
        assert sorted(usage.nodes) == ["node-1", "node-2"]
        assert usage.nodes["node-2"][2:] == (0.266965936, (6663 * 1024 + 1) * 1024)
        assert len(usage.pods) == 8
        raw = json.loads(api.fetch_raw("namespaces", "shop", "pods", label_selector="app=db"))
        assert raw["kind"] == "PodMetricsList"
        assert [item["metadata"]["name"] for item in raw["items"]] == ["pod-000", "pod-004"]


def test_three_answers() -> None:
    """Not installed, unavailable and nothing collected yet are three different answers."""
    with (
        simulated.SimulatedCluster(world=small_world.SmallWorld(), tls=False) as world,
        connected.connect(world) as cluster,
    ):
        world.set_faults(["metrics-absent"])
        with pytest.raises(errors.MetricsNotInstalledError):
            metricsapi.MetricsAPI(cluster.client).fetch_usage(BOTH)
        world.set_faults(["metrics-unavailable"])
        with pytest.raises(errors.MetricsUnavailableError, match="service unavailable"):
            metricsapi.MetricsAPI(cluster.client).fetch_usage(BOTH)
        world.set_faults(["metrics-empty"])
        usage = metricsapi.MetricsAPI(cluster.client).fetch_usage(BOTH)
        assert (usage.nodes, usage.pods) == ({}, {})
