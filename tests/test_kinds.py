"""The kinds of rows."""

from __future__ import annotations

import pytest

from kubevitals import kinds


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("no", "nodes"), ("node", "nodes"), ("nodes", "nodes"), ("po", "pods"), ("pod", "pods"),
        ("containers", "containers"), ("ns", "namespaces"), ("workload", "workloads"),
    ],
)  # fmt: skip
def test_words(word: str, kind: str) -> None:
    """A kind is found by its plural, its singular and the short name that kubectl has for it."""
    found = kinds.find(word)
    assert found is not None
    assert found.name == kind


def test_other_words() -> None:
    """Another word is no kind; sums by a label are not asked for by a word."""
    assert kinds.find("deployments") is None
    assert kinds.find("groups") is None


@pytest.mark.parametrize("kind", [*kinds.KINDS.values(), kinds.GROUPS])
def test_facts_are_about_fields_that_there_are(kind: kinds.Kind) -> None:
    """What names, orders and selects rows is a field of their record, and ratios are made of fields."""
    fields = set(kind.record._fields)
    row = kind.blank
    assert fields >= {*kind.path, *kind.texts, *(field for field, _ in kind.order)}
    assert set(kind.sortable) <= set(kind.keys)
    for ratio, parts in kind.ratios.items():
        assert fields >= set(parts)
        assert ratio not in fields
        assert getattr(row, ratio) is None
    selected = kind.record if kind.name == "containers" else kinds.KINDS[kind.selected_by].record
    assert set(selected._fields) >= set(kind.selectable.values())
    assert kind.list_item == kind.item + "List"


def test_fields_of_selectors() -> None:
    """Kubernetes' names of fields are known; sums are selected by the fields of their pods."""
    assert kinds.CONTAINERS.selectable["metadata.name"] == "pod"
    assert kinds.PODS.selectable["spec.nodeName"] == "node"
    assert kinds.NAMESPACES.selectable == kinds.WORKLOADS.selectable == kinds.PODS.selectable
    assert "phase" not in kinds.NODES.selectable
