"""docs/metrics.md is the table that the code holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubevitals.surfaces.exposition import families, kube_state_metrics, metrics_server_prom, text

DOCUMENT = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
DETAILS = [family for rows in families.DETAILS.values() for family, _ in rows]
ALL = (*families.OWN, *DETAILS, *metrics_server_prom.FAMILIES, *kube_state_metrics.FAMILIES)


def row(family: text.Family) -> str:
    """The line of the table."""
    labels = ", ".join(f"`{label}`" for label in family.labels) or "-"
    cells = (f"`{family.name}`", family.type, family.unit or "-", labels, family.stability, family.help)
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_each_family_stands_in_the_document_as_in_the_code(family: text.Family) -> None:
    """Name, type, unit, labels, stability and meaning are those of the code."""
    assert row(family) in DOCUMENT


def test_the_document_names_no_family_that_does_not_exist() -> None:
    """Every row of the document is a family."""
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert sorted(rows) == sorted(family.name for family in ALL)
