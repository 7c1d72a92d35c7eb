"""From the described boards to files: dashboards, and what makes ConfigMaps of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deploy.grafana.boards import api, description, dialects, panels, prometheus

if TYPE_CHECKING:
    from deploy.grafana.boards.dialects import Dialect, Json
    from deploy.grafana.boards.words import Board, Variable

DIALECTS = (api.INFINITY, api.JSON_API, prometheus.PROMETHEUS)
SCHEMA_VERSION = 39  # of Grafana 11; newer ones bring it up to date when they read it
_ALL = {"text": "All", "value": "$__all"}
_KUSTOMIZATION = """\
# ConfigMaps for the sidecar of Grafana's chart: kubectl apply -n monitoring -k {folder}
# Made by tools/render-dashboards.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
configMapGenerator:
{entries}
generatorOptions:
  disableNameSuffixHash: true
  labels:
    grafana_dashboard: "1"
  annotations:
    grafana_folder: Kubernetes
"""
_ENTRY = """\
  - name: kubevitals-dashboard-{slug}
    files: [kubevitals-{dialect}-{slug}.json={slug}.json]"""


def render_files() -> dict[str, str]:
    """Return all that is made of the description: path below deploy/grafana/dashboards to text."""
    made = {}
    for dialect in DIALECTS:
        for board in description.BOARDS:
            text = json.dumps(render_board(board, dialect), indent=2, ensure_ascii=False)
            made[f"{dialect.slug}/{board.slug}.json"] = text + "\n"
        entries = [_ENTRY.format(slug=board.slug, dialect=dialect.slug) for board in description.BOARDS]
        made[f"{dialect.slug}/kustomization.yaml"] = _KUSTOMIZATION.format(
            folder=f"deploy/grafana/dashboards/{dialect.slug}", entries="\n".join(entries)
        )
    return made


def render_board(board: Board, dialect: Dialect) -> Json:
    """Return one dashboard for one data source."""
    tag = f"kubevitals-{dialect.slug}"
    return {
        "uid": panels.uid(board.slug, dialect),
        "title": f"kubevitals / {board.title} ({dialect.title})",
        "description": board.text,
        "tags": ["kubevitals", "kubernetes", tag],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "",
        "refresh": "30s",
        # What a service without a file of history remembers, so that no graph begins half empty.
        "time": {"from": "now-1h" if dialect.own_past else "now-30m", "to": "now"},
        "timepicker": {"refresh_intervals": ["15s", "30s", "1m", "5m"]},
        "links": [
            {
                "type": "dashboards",
                "title": "kubevitals",
                "tags": [tag],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "annotations": {"list": []},
        "templating": {
            "list": [_data_source(dialect), *(_variable(each, dialect) for each in board.variables)]
        },
        "panels": _place(board, dialect),
    }


def _place(board: Board, dialect: Dialect) -> list[Json]:
    """Return the panels in rows; a row of which the data source can show nothing is left out."""
    placed: list[Json] = []
    y = 0
    for row in board.rows:
        made = [(each, panels.render(each, dialect)) for each in row.panels]
        x = 0
        for each, panel in made:
            if panel is None:
                continue
            grid = {"h": row.height, "w": each.width, "x": x, "y": y}
            placed.append({"id": len(placed) + 1, "gridPos": grid, **panel})
            x += each.width
        y += row.height if x else 0
    return placed


def _data_source(dialect: Dialect) -> Json:
    return {
        "name": dialects.DATA_SOURCE,
        "label": "Data source",
        "type": "datasource",
        "query": dialect.plugin,
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
    }


def _variable(variable: Variable, dialect: Dialect) -> Json:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": dialect.source,
        **dialect.make_variable(variable),
        "current": _ALL if variable.several else {},
        "hide": 0,
        "includeAll": variable.several,
        "multi": variable.several,
        "allValue": dialect.all_value if variable.several else None,
        "options": [],
        # With the range, too: what was there then can be chosen.
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
    }
