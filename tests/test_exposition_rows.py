"""What is kept from one exposition to the next changes no byte of it."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_exposition import CONTAINER, NODE, NOW, POD, STATUS, parse, snapshot

from kubevitals import collector, model
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.exposition import packing, rows

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


def whole(shown: Sequence[model.Snapshot], **more: Any) -> bytes:
    """What `shown` becomes, gzip undone."""
    pieces = exposition.render_pieces(
        [(each, None) for each in shown], openmetrics=True, options=OPTIONS, **more
    )
    if more.get("packed"):
        return gzip.decompress(b"".join(packing.Packer().pack(pieces)))
    return b"".join(map(packing.text_of, pieces))


@pytest.mark.parametrize("apart", [1, 3])
@given(st.lists(st.lists(snapshots, min_size=1, max_size=2), min_size=1, max_size=4), st.data())
def test_what_is_kept_changes_nothing(
    apart: int, ticks: list[list[model.Snapshot]], data: st.DataObject
) -> None:
    """After any snapshots the next exposition is what a fresh renderer writes, plain or compressed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_APART", apart)
        kept = rows.Kept()
        for shown in ticks:
            packed = data.draw(st.booleans())
            assert whole(shown, kept=kept, packed=packed) == whole(shown)


def test_lines_of_what_has_not_changed_are_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of pods that differ in usage alone are kept; a restart costs one family of one group."""
    monkeypatch.setattr(rows, "_APART", 1)
    kept = rows.Kept()

    def chunks() -> dict[str, packing.Chunk]:
        (group,) = kept.groups.values()
        return {row.family.name: chunk for row, chunk in group.chunks.items()}

    whole([snapshot(POD)], kept=kept, packed=True)
    first = chunks()
    later = POD._replace(cpu_usage_cores=0.5, containers=(CONTAINER._replace(cpu_usage_cores=0.5),))
    whole([snapshot(later)], kept=kept, packed=True)
    assert chunks() == first
    restarted = later._replace(containers=(CONTAINER._replace(restarts=4),))
    assert b'restarts_total{cluster="prod",namespace="shop"' in whole(
        [snapshot(restarted)], kept=kept, packed=True
    )
    changed = {name for name, chunk in chunks().items() if chunk is not first[name]}
    assert changed == {"kubevitals_container_restarts_total"}


def test_where_a_group_begins_depends_on_one_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that comes or goes changes the group that it is in, and its neighbour at most."""
    monkeypatch.setattr(rows, "_APART", 16)
    found = [POD._replace(name=f"pod-{number}") for number in range(2_000)]

    def names(of: list[model.Pod]) -> set[tuple[str, ...]]:
        return {tuple(pod.name for pod in group) for group in rows.split(of)}

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
