"""The cache of lines: it changes no byte of an exposition, and spares the work for what has not changed."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_exposition import CONTAINER, NODE, NOW, POD, STATUS, parse, snapshot

from kubevitals import collector, compression, model
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import cache as caches
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.exposition import kube_state_metrics, kube_state_pods, objectmetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIONS = exposition.make_options(labels=("workload", "team"))
NAMES = [f"web-{number}" for number in range(12)]

containers = st.builds(
    CONTAINER._replace,
    name=st.sampled_from(["app", "proxy", 'a"b']),
    restarts=st.one_of(st.none(), st.integers(0, 3)),
    ready=st.sampled_from([True, False, None]),
    phase=st.sampled_from(["Running", "Failed"]),
    cpu_usage_cores=st.one_of(st.none(), st.floats(0, 4)),
)
pods = st.builds(
    POD._replace,
    namespace=st.sampled_from(["shop", "mail"]),
    name=st.sampled_from(NAMES),
    node=st.sampled_from(["n1", None]),
    phase=st.sampled_from(["Running", "Pending", "Succeeded"]),
    labels=st.sampled_from([{}, {"team": "red"}]),
    cpu_request_cores=st.sampled_from([0.25, None]),
    cpu_usage_cores=st.one_of(st.none(), st.floats(0, 4)),
    age_seconds=st.one_of(st.none(), st.integers(0, 99).map(float)),
    problem=st.sampled_from([None, "stale", "no_sample"]),
    containers=st.lists(containers, max_size=3).map(tuple),
)
snapshots = st.lists(pods, max_size=8).map(lambda found: snapshot(*found, nodes=[NODE]))


held = st.fixed_dictionaries(
    {
        "namespaces": st.dictionaries(st.sampled_from(NAMES), st.tuples(st.binary(max_size=20)), max_size=6),
        "statefulsets": st.dictionaries(
            st.sampled_from(NAMES),
            st.tuples(st.binary(max_size=20), st.sampled_from([b"", b"x"])),
            max_size=6,
        ),
    }
)


def whole(shown: Sequence[model.Snapshot], **more: Any) -> bytes:
    """What `shown` becomes, gzip undone."""
    pieces = exposition.render_pieces(
        [(each, None) for each in shown], openmetrics=True, options=OPTIONS, **more
    )
    if more.get("compressed"):
        return gzip.decompress(b"".join(caches.join_compressed(pieces)))
    return b"".join(caches.join(pieces))


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All texts that are compressed as a whole from now on."""
    texts: list[bytes] = []
    make_chunk = compression.make_chunk

    def note(text: bytes) -> compression.Chunk:
        texts.append(text)
        return make_chunk(text)

    monkeypatch.setattr(compression, "make_chunk", note)
    return texts


@pytest.mark.parametrize("size", [1, 3])
@given(st.lists(st.lists(snapshots, min_size=1, max_size=2), min_size=1, max_size=4), st.data())
def test_the_cache_changes_nothing(size: int, ticks: list[list[model.Snapshot]], data: st.DataObject) -> None:
    """After any snapshots the next exposition is what one without a cache is, plain or compressed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objectmetrics, "_GROUP_SIZE", size)
        cache = caches.Cache()
        for shown in ticks:
            compressed = data.draw(st.booleans())
            assert whole(shown, cache=cache, compressed=compressed) == whole(shown)


@given(st.lists(st.lists(held, min_size=1, max_size=2), min_size=1, max_size=4))
def test_the_cache_changes_nothing_of_kube_state_metrics(ticks: list[list[Any]]) -> None:
    """After any lists the next families are those of a fresh exporter."""
    cache = caches.Cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kube_state_metrics, "_GROUP_SIZE", 2)
        for lists in ticks:
            cached = list(kube_state_metrics.samples(lists, cache=cache))
            fresh = list(kube_state_metrics.samples(lists))
            assert [family for family, _ in cached] == [family for family, _ in fresh]
            for (_, some), (_, texts) in zip(cached, fresh, strict=True):
                assert gzip.decompress(b"".join(caches.join_compressed(some))) == b"".join(caches.join(texts))


def test_lines_of_what_has_not_changed_are_not_compressed_again(
    compressed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pods that differ in usage alone no line that lasts is; a restart costs one family and the labels."""
    monkeypatch.setattr(objectmetrics, "_GROUP_SIZE", 1)
    cache = caches.Cache()
    whole([snapshot(POD)], cache=cache, compressed=True)
    assert [text for text in compressed if text.startswith(b"kubevitals_container_restarts_total{")]
    compressed.clear()
    later = POD._replace(cpu_usage_cores=0.5, containers=(CONTAINER._replace(cpu_usage_cores=0.5),))
    whole([snapshot(later)], cache=cache, compressed=True)
    assert not [text for text in compressed if b'pod="' in text]
    restarted = later._replace(containers=(CONTAINER._replace(restarts=4),))
    assert b'restarts_total{cluster="prod",namespace="shop"' in whole(
        [snapshot(restarted)], cache=cache, compressed=True
    )
    families = {text.partition(b"{")[0] for text in compressed if text.startswith(b"kubevitals_")}
    assert families == {b"kubevitals_container_restarts_total"}


def test_of_kube_state_metrics_only_families_that_differ_are_compressed_again(
    compressed: list[bytes],
) -> None:
    """Of the same objects nothing is; of a changed one, only the family whose lines are others."""
    cache = caches.Cache()

    def ask(*lines: tuple[bytes, bytes]) -> None:
        found: Any = {"statefulsets": dict(zip(NAMES, lines, strict=False))}
        list(kube_state_metrics.samples([found], cache=cache))

    ask((b"a 1\n", b"b 1\n"), (b"a 2\n", b"b 2\n"))
    assert len(compressed) == 2
    compressed.clear()
    ask((b"a 1\n", b"b 1\n"), (b"a 2\n", b"b 2\n"))
    assert compressed == []
    ask((b"a 1\n", b"b 1\n"), (b"a 2\n", b"b 3\n"))
    assert [sorted(text.splitlines()) for text in compressed] == [[b"b 1", b"b 3"]]


def test_sets_of_families_share_a_cache(compressed: list[bytes]) -> None:
    """Both sets of families keep their lines side by side: a second exposition compresses none of them."""
    cache = caches.Cache()
    lists: Any = [{"pods": {"web": (b"x 1\n",) * len(kube_state_pods.FAMILIES)}}]
    for _ in range(2):
        compressed.clear()
        whole(
            [snapshot(POD)],
            cache=cache,
            compressed=True,
            further=kube_state_metrics.samples(lists, cache=cache),
        )
    assert not [text for text in compressed if text == b"x 1\n" or b"kubevitals_pod_phase{" in text]


def test_where_a_group_begins_depends_on_one_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that comes or goes changes the group that it is in, and its neighbour at most."""
    monkeypatch.setattr(objectmetrics, "_GROUP_SIZE", 16)
    found = [POD._replace(name=f"pod-{number}") for number in range(2_000)]

    def names(of: list[model.Pod]) -> set[tuple[str, ...]]:
        return {tuple(pod.name for pod in group) for group in objectmetrics.split(of)}

    before, after = names(found), names([*found[:700], *found[701:]])
    assert len(before) > 50
    assert len(before - after) <= 2


class Ticking:
    """What an exporter needs of a collector."""

    def __init__(self) -> None:
        self.latest: collector.Published | None = None

    def status(self) -> collector.Status:
        return STATUS


def test_every_form_of_every_tick_is_the_same_text() -> None:
    """An exporter that is asked for all forms in any order answers with what one of that moment would."""
    source = Ticking()
    collectors: Any = {"prod": source}
    lasting = exporters.Exporter(collectors, OPTIONS)
    pod = POD
    for number in range(1, 5):
        pod = pod._replace(age_seconds=float(number), created_at=NOW - timedelta(days=number // 3))
        source.latest = collector.Published(snapshot(pod, nodes=[NODE]), number, "e")
        for openmetrics in (True, False):
            fresh = b"".join(
                exporters.Exporter(collectors, OPTIONS).answer(openmetrics=openmetrics, gzip=False)
            )
            zipped = b"".join(lasting.answer(openmetrics=openmetrics, gzip=True))
            assert gzip.decompress(zipped) == fresh
            assert b"".join(lasting.answer(openmetrics=openmetrics, gzip=False)) == fresh
            assert parse(fresh.decode(), openmetrics=openmetrics)
