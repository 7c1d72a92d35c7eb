"""The Grafana dashboards: made of their description, well-formed, and understood by the service."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from deploy.grafana.boards import columns, description, promql, render, words
from tests import grafana, web_service

from kubevitals import details
from kubevitals.surfaces.view import vitalsrow
from kubevitals.surfaces.web import models, rowkinds

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = grafana.GRAFANA.parent.parent
ALL = [(source, slug) for source in grafana.SOURCES for slug in grafana.SLUGS]
# What Prometheus alone shows: details, which are no keys of a row, and how much was added in a step.
OVER_TIME = {*details.Detail._fields, *promql.GROWN}
PYTHON_TYPES = {"number": "float", "string": "str", "time": "datetime", "timestamp": "datetime"}


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """A service of a cluster with a bit of everything."""
    with web_service.serve(simulation={"pods": 72}) as made:
        made.tick()
        yield made


@pytest.fixture(params=ALL, ids="-".join)
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One of the dashboards."""
    return grafana.load(*request.param)


# --- made of one description


def test_files_are_those_of_the_description() -> None:
    """Each file is what tools/render-dashboards makes, and no other lies there."""
    made = render.render_files()
    for name, text in made.items():
        assert (grafana.GRAFANA / "dashboards" / name).read_text() == text, "run tools/render-dashboards"
    folder = grafana.GRAFANA / "dashboards"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(made)


def test_the_script_finds_no_difference() -> None:
    """tools/render-dashboards --check agrees."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "render-dashboards"), "--check"], check=False, timeout=60
    )
    assert done.returncode == 0


def test_the_chart_has_the_same_files() -> None:
    """The chart's dashboards are these very files."""
    assert (ROOT / "deploy/helm/kubevitals/files/dashboards").resolve() == grafana.GRAFANA / "dashboards"


def test_keys_are_those_of_the_service() -> None:
    """Each described column is a key of the rows asked for, of the type that the service states."""
    types = {name: kind.types for name, kind in rowkinds.KINDS.items()}
    types |= {
        "vitals": vitalsrow.VITALS_TYPES,
        "clusters": vitalsrow.VITALS_TYPES,
        "problems": models.PROBLEM_TYPES,
    }
    for panel in (each for board in description.BOARDS for row in board.rows for each in row.panels):
        if isinstance(panel, words.Lines):
            asked = [(line.ask.of, line.key) for line in panel.lines if line.key not in OVER_TIME]
        else:
            keys = (panel.key, "name") if isinstance(panel, words.Bars) else panel.keys
            asked = [(panel.ask.of, key) for key in keys]
        for of, key in asked:
            stated = types[of][key].removesuffix(" | None").replace("int", "float")
            assert stated == PYTHON_TYPES[columns.column(of, key).type], (panel.title, key)


# --- well-formed


def test_every_panel_has_its_place(board: dict[str, Any]) -> None:
    """Panels have ids of their own, fill the rows from left to right, and do not overlap."""
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells
    widest, lowest = max(x for x, _ in places) + 1, max(y for _, y in places) + 1
    assert (widest, len(places)) == (24, 24 * lowest)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_panel_says_what_it_shows(board: dict[str, Any]) -> None:
    """Each panel has a title, a description, a query, and the data source that is chosen above."""
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["targets"]
        for each in (panel, *panel["targets"]):
            assert each["datasource"]["uid"] == "${datasource}"
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_boards_behave_alike(board: dict[str, Any]) -> None:
    """Refreshed every 30 s, in the viewer's time zone, linked with each other by tag, of stable uids."""
    assert (board["refresh"], board["timezone"]) == ("30s", "")
    (link,) = board["links"]
    assert set(link["tags"]) <= set(board["tags"])
    assert (link["includeVars"], link["keepTime"]) == (True, True)
    assert re.fullmatch(
        r"kubevitals-(infinity|json-api|prometheus)-(clusters?|nodes|pods|workload)", board["uid"]
    )
    assert len(board["uid"]) <= 40
    first, *others = board["templating"]["list"]
    assert (first["type"], first["query"]) == ("datasource", board["panels"][0]["datasource"]["type"])
    if not board["uid"].endswith("-clusters"):
        assert others[0]["name"] == "cluster"


def test_uids_are_unique() -> None:
    """All of them can be installed side by side."""
    uids = [grafana.load(*each)["uid"] for each in ALL]
    assert len(set(uids)) == len(uids)


def test_columns_have_titles_of_their_own(board: dict[str, Any]) -> None:
    """No two columns of a table are called alike, and the one that it is sorted by is among them."""
    for panel in board["panels"]:
        if panel["type"] == "table":
            titles = [
                each["value"]
                for override in panel["fieldConfig"]["overrides"]
                for each in override["properties"]
                if each["id"] == "displayName"
            ]
            assert len(set(titles)) == len(titles), panel["title"]
            assert {each["displayName"] for each in panel["options"]["sortBy"]} <= set(titles)


def test_links_lead_to_boards(board: dict[str, Any]) -> None:
    """Each link of a cell leads to a board of the same data source, which has the variables that are set."""
    for url in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(board)):
        uid = url.removeprefix("/d/").partition("?")[0]
        source, _, slug = uid.removeprefix("kubevitals-").rpartition("-")
        assert board["uid"].startswith(f"kubevitals-{source}-")
        variables = {each["name"] for each in grafana.load(source, slug)["templating"]["list"]}
        assert set(re.findall(r"&var-(\w+)=", url)) <= variables


def test_percentages_have_one_scale(board: dict[str, Any]) -> None:
    """A share is green below 60 %, yellow to 85 %, red above, and its gauge ends at 100 %."""
    found = 0
    for panel in board["panels"]:
        if panel["type"] == "timeseries":  # of which nothing is too much by itself
            found += 1
            continue
        config = panel["fieldConfig"]
        fields = [config["defaults"]]
        fields += [{each["id"]: each["value"] for each in made["properties"]} for made in config["overrides"]]
        for field in fields:
            if field.get("unit") != "percentunit":
                continue
            steps = [(step["color"], step["value"]) for step in field["thresholds"]["steps"]]
            assert steps == [("green", None), ("yellow", 0.85), ("red", 0.95)]
            assert (field["min"], field["max"]) == (0, 1)
            found += 1
    assert found


def test_json_api_never_caches() -> None:
    """Each of its queries says 0, as its default is to show what was true five minutes ago."""
    asked = grafana.questions("json-api", grafana.CHOSEN)
    assert {question.target["cacheDurationSeconds"] for question in asked} == {0}


def test_infinity_parses_in_its_backend() -> None:
    """So that alerts, shared boards and caches work."""
    asked = grafana.questions("infinity", grafana.CHOSEN)
    assert {question.target["parser"] for question in asked} == {"backend"}
    # The parser tells columns by text in one place and by selector in another.
    assert all(each["text"] == each["selector"] for question in asked for each in question.target["columns"])


# --- understood by the service


@pytest.mark.parametrize("chosen", [{"cluster": "simulated", "namespace": "shop", "workload": "cart"}, {}])
@pytest.mark.parametrize("source", ["infinity", "json-api"])
def test_the_service_answers(service: web_service.Service, source: str, chosen: dict[str, str]) -> None:
    """Each query is answered with rows that have all the keys, whatever is chosen."""
    for question in grafana.questions(source, chosen):
        answer = service.get(grafana.path_of(question.target))
        assert answer.status_code == 200, (question, answer.text)
        types = grafana.types_of(question.target)
        if "variable" in question.panel:
            assert answer.json()
            assert all(isinstance(name, str) for name in answer.json())
            continue
        rows = answer.json()["items"]
        assert rows, question
        for key in types:
            assert all(key in row for row in rows), (question, key)


@pytest.mark.parametrize("source", ["infinity", "json-api"])
def test_every_column_is_known_of_some_row(service: web_service.Service, source: str) -> None:
    """With everything shown, no column is empty from top to bottom."""
    empty = set()
    for question in grafana.questions(source, {"cluster": "simulated"}):
        if "variable" not in question.panel:
            rows = service.get(grafana.path_of(question.target)).json()["items"]
            empty |= {
                (question.panel, key)
                for key in grafana.types_of(question.target)
                if all(row[key] is None for row in rows)
            }
    assert not empty


# --- documentation


def test_panels_are_documented() -> None:
    """The table of docs/grafana.md names each panel with the route that it asks, and no other."""
    text = (ROOT / "docs" / "grafana.md").read_text().partition("## What each panel asks")[2]
    told: dict[str, dict[str, str]] = {}
    title = ""
    for first, names, asks in re.findall(r"^\| ([^|]*) ?\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)[1:]:
        title = first.strip() or title
        for name in re.sub(r" over time| \(Prometheus only\)", "", names).split(", "):
            told.setdefault(title, {})[name] = told.get(title, {}).get(name, "") + asks
    for board in description.BOARDS:
        panels = [each for row in board.rows for each in row.panels]
        assert set(told[board.title]) == {each.title for each in panels}
        for panel in panels:
            if not isinstance(panel, words.Lines):
                of = {"clusters": "vitals"}.get(panel.ask.of, panel.ask.of)
                assert re.search(rf"/api/v1/{of}\b|`{of}`", told[board.title][panel.title])
    assert set(told) == {board.title for board in description.BOARDS}


# --- provisioning


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_provisioned_data_sources(source: str) -> None:
    """Each variant has one, of its plug-in, with a stable uid, and no secret in the file."""
    path = grafana.GRAFANA / "provisioning" / "datasources" / f"{source}.yaml"
    (made,) = yaml.safe_load(path.read_text())["datasources"]
    plugin = {each.slug: each.plugin for each in render.DIALECTS}[source]
    assert (made["type"], made["access"]) == (plugin, "proxy")
    assert made["uid"] == f"kubevitals-{source}"
    for secret in made.get("secureJsonData", {}).values():
        assert secret.endswith("$KUBEVITALS_TOKEN")
    if source == "infinity":
        assert made["jsonData"]["allowedHosts"] == [made["url"]]


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_provisioned_dashboards(source: str) -> None:
    """Each variant has a provider for its folder of dashboards."""
    path = grafana.GRAFANA / "provisioning" / "dashboards" / f"{source}.yaml"
    (provider,) = yaml.safe_load(path.read_text())["providers"]
    assert provider["options"]["path"] == f"/var/lib/grafana/dashboards/kubevitals-{source}"
    assert provider["type"] == "file"


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_config_maps_for_the_sidecar(source: str) -> None:
    """The kustomization holds each board once, under a name of its own, with the label that is looked for."""
    made = yaml.safe_load((grafana.GRAFANA / "dashboards" / source / "kustomization.yaml").read_text())
    assert made["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    files = [file for each in made["configMapGenerator"] for file in each["files"]]
    assert files == [f"kubevitals-{source}-{slug}.json={slug}.json" for slug in grafana.SLUGS]
    largest = max(path.stat().st_size for path in (grafana.GRAFANA / "dashboards" / source).iterdir())
    assert largest < 250_000  # kubectl apply keeps a copy in an annotation of 256 KiB
