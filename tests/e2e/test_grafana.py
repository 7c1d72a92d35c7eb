"""The dashboards through Grafana's own code: what the plug-ins read, and what the panels then show.

No Grafana runs here. Its data sources' parsers read the service's answers, and its transformations, overrides
and formats make of them what a panel draws, for all three data sources of one and the same snapshot.
"""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from deploy.grafana.boards import columns, description, render, words
from tests import grafana, web_service
from tests import prometheus as servers
from tests.e2e import grafana_programs, provision

from kubevitals.surfaces import exposition
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

CHART = grafana.GRAFANA.parent / "helm" / "kubevitals"
CHOSEN = {"cluster": "simulated", "namespace": "shop", "workload": "cart"}
DIALECTS = {dialect.slug: dialect for dialect in render.DIALECTS}
Shown = dict[str, Any]


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """A service of a cluster with a bit of everything, that stands still."""
    chosen = settings.Settings(exposition=exposition.make_options(labels=("workload",)))
    with web_service.serve(chosen, simulation={"pods": 72}) as made:
        made.tick()
        yield made


@pytest.fixture(scope="module")
def server(
    service: web_service.Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Prometheus]:
    """Prometheus with at least one scrape of it."""
    with (
        web_service.listening(service) as url,
        servers.running(url.removeprefix("http://"), tmp_path_factory.mktemp("prometheus")) as made,
    ):
        made.wait_for("kubevitals_pod_phase and on() kubevitals_ready == 1")
        yield made


def seen_at(service: web_service.Service) -> datetime:
    """The time at which the boards are looked at, the same for all sources: ages are shown in minutes."""
    assert service.collector.latest is not None
    return service.collector.latest.snapshot.generated_at + timedelta(seconds=100)


def read(service: web_service.Service, targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames of targets of Infinity or of JSON API, as their parsers make them."""
    asked = [{**target, "body": service.get(grafana.path_of(target)).text} for target in targets]
    if "parser" in targets[0]:
        return grafana_programs.read_with_infinity(asked)
    return grafana_programs.read_with_json_api(asked)


def tables(server: servers.Prometheus, targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames that Grafana makes of instant queries as tables."""
    frames = []
    for target in targets:
        found = server.query(target["expr"])
        labels = sorted({label for each, _ in found for label in each})
        fields = [{"name": "Time", "type": "time", "values": [0] * len(found)}]
        fields += [
            {"name": label, "type": "string", "values": [each.get(label, "") for each, _ in found]}
            for label in labels
        ]
        value = f"Value #{target['refId']}" if len(targets) > 1 else "Value"
        fields.append({"name": value, "type": "number", "values": [number for _, number in found]})
        frames.append({"refId": target["refId"], "fields": fields})
    return frames


# --- what the plug-ins read


@pytest.mark.parametrize("chosen", [CHOSEN, {"cluster": "simulated"}], ids=["chosen", "all"])
@pytest.mark.parametrize("source", ["infinity", "json-api"])
def test_every_query_yields_columns(
    service: web_service.Service, source: str, chosen: dict[str, str]
) -> None:
    """Each query of each panel and variable yields columns of one length, of their types, not empty."""
    asked = grafana.questions(source, chosen)
    frames = read(service, [question.target for question in asked])
    for question, frame in zip(asked, frames, strict=True):
        types = {
            name: kind.replace("timestamp", "time")
            for name, kind in grafana.types_of(question.target).items()
        }
        fields = {field["name"]: field for field in frame["fields"]}
        if "variable" in question.panel:
            (field,) = frame["fields"]
            assert field["values"] == service.get(grafana.path_of(question.target)).json(), question
            continue
        assert {name: field["type"] for name, field in fields.items()} == types, question
        (length,) = {len(field["values"]) for field in fields.values()}
        assert length, question
        for field in fields.values():
            known = [value for value in field["values"] if value is not None]
            assert all(
                isinstance(value, str if field["type"] == "string" else int | float) for value in known
            )
            assert known or chosen == CHOSEN, (question, field["name"])


@pytest.mark.parametrize("source", ["infinity", "json-api"])
def test_what_is_read_is_what_was_answered(service: web_service.Service, source: str) -> None:
    """The numbers and texts of the columns are those of the service's rows, row by row; null stays null."""
    asked = [each for each in grafana.questions(source, CHOSEN) if "variable" not in each.panel]
    frames = read(service, [question.target for question in asked])
    for question, frame in zip(asked, frames, strict=True):
        rows = service.get(grafana.path_of(question.target)).json()["items"]
        for field in frame["fields"]:
            if field["type"] != "time":
                assert field["values"] == [row[field["name"]] for row in rows], question


# --- what the panels show


@pytest.fixture(scope="module")
def shown(service: web_service.Service, server: servers.Prometheus) -> dict[str, list[tuple[Any, Shown]]]:
    """Of each data source the described panels, but for lines, each with what Grafana shows of it."""
    found = {}
    described = [
        panel
        for board in description.BOARDS
        for row in board.rows
        for panel in row.panels
        if not isinstance(panel, words.Lines)
    ]
    for source in grafana.SOURCES:
        asked = []
        for board in grafana.boards(source):
            every = ".*" if source == "prometheus" else "*"
            chosen = {"cluster": "simulated", "namespace": every, "kind": every}
            # Its containers have ended before, and have requests and limits.
            values = grafana.values_of(board, {**chosen, "workload": "order-worker"})
            for panel in board["panels"]:
                if panel["type"] == "timeseries":
                    continue
                targets = [grafana.put_in(target, values) for target in panel["targets"]]
                frames = tables(server, targets) if source == "prometheus" else read(service, targets)
                asked.append({"panel": panel, "frames": frames})
        found[source] = list(zip(described, grafana_programs.show(asked, at=seen_at(service)), strict=True))
    return found


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_panels_show_one_table(shown: dict[str, list[tuple[Any, Shown]]], source: str) -> None:
    """Each panel has one frame of columns of one length; tables have the described ones, in their order."""
    for panel, made in shown[source]:
        assert made["frames"] == 1, panel.title
        assert len({len(field["texts"]) for field in made["fields"]}) == 1
        if isinstance(panel, words.Table):
            keys = DIALECTS[source].keys_of(panel.ask, panel.keys)
            titles = [columns.column(panel.ask.of, key).title for key in keys]
            assert [field["title"] for field in made["fields"]] == titles


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_values_are_shown_with_their_units(shown: dict[str, list[tuple[Any, Shown]]], source: str) -> None:
    """Shares are per cent, memory has a binary unit, and colours follow the scale."""
    colors = set()
    for panel, made in shown[source]:
        if isinstance(panel, words.Bars):
            continue
        keys = DIALECTS[source].keys_of(panel.ask, panel.keys)
        for key, field in zip(keys, made["fields"], strict=True):
            unit = columns.column(panel.ask.of, key).unit
            cells = [
                cell for cell in zip(field["texts"], field["colors"], strict=True) if cell[0].strip(" -")
            ]
            assert cells, (panel.title, key)
            if unit == "percentunit":
                assert all(text.endswith("%") for text, _ in cells), (panel.title, cells)
                colors |= {color for _, color in cells}
            elif unit == "bytes":
                assert all(text.endswith((" B", "iB")) for text, _ in cells), (panel.title, cells)
    assert len(colors) == 3


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_stats_and_bars(shown: dict[str, list[tuple[Any, Shown]]], source: str) -> None:
    """A stat shows one value a key, called as described; bars are called after what they stand for."""
    for panel, made in shown[source]:
        if isinstance(panel, words.Stat):
            assert len(made["shown"]) == len(panel.keys), panel.title
            if panel.names:
                assert tuple(each["title"] for each in made["shown"]) == panel.names
            assert all(each["text"].strip(" -") for each in made["shown"]), (panel.title, made["shown"])
        elif isinstance(panel, words.Bars):
            assert "general-1" in {each["title"] for each in made["shown"]}
            assert all(each["text"].endswith("%") for each in made["shown"] if each["text"] != "-")


def test_all_data_sources_show_the_same(shown: dict[str, list[tuple[Any, Shown]]]) -> None:
    """Of one snapshot, the texts on the panels are the same whatever the data source."""
    one, two = shown["infinity"], shown["json-api"]
    for (panel, made), (_, other) in zip(one, two, strict=True):
        what = "shown" if isinstance(panel, words.Bars) else "fields"
        assert made[what] == other[what], panel.title
    for (panel, made), (_, other) in zip(one, shown["prometheus"], strict=True):
        if panel.ask.of == "problems" or panel.title in ("Problems", "Restarts"):
            continue  # counted in another way
        if isinstance(panel, words.Stat | words.Bars):
            known = [[each for each in one["shown"] if each["text"] != "-"] for one in (made, other)]
            first, second = (sorted(each, key=str) for each in known)  # unknown has no sample in Prometheus
            assert first == second, panel.title


# --- how they get there


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_the_chart_brings_them(source: str) -> None:
    """With grafana.dashboards.enabled the chart makes a labelled ConfigMap a board, without it none."""
    helm = provision.provide("helm")["helm"]
    command = [str(helm), "template", "kubevitals", str(CHART), "--namespace", "kubevitals"]
    chosen = ["--set", f"grafana.dashboards.enabled=true,grafana.dashboards.dataSource={source}"]
    assert not boards_in(command)
    found = boards_in([*command, *chosen])
    assert found == {f"kubevitals-{source}-{slug}.json": grafana.load(source, slug) for slug in grafana.SLUGS}


@pytest.mark.parametrize("source", grafana.SOURCES)
def test_kubectl_brings_them(source: str) -> None:
    """`kubectl apply -k` makes the same ConfigMaps of the folder."""
    kubectl = provision.provide("kubectl")["kubectl"]
    found = boards_in([str(kubectl), "kustomize", str(grafana.GRAFANA / "dashboards" / source)])
    assert found == {f"kubevitals-{source}-{slug}.json": grafana.load(source, slug) for slug in grafana.SLUGS}


def boards_in(command: list[str]) -> dict[str, Any]:
    """Return the dashboards in the labelled ConfigMaps that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {
        file: json.loads(text)
        for each in yaml.safe_load_all(done.stdout)
        if each["kind"] == "ConfigMap" and each["metadata"]["labels"].get("grafana_dashboard") == "1"
        for file, text in each["data"].items()
    }


@pytest.mark.parametrize("source", ["infinity", "json-api"])
def test_the_past_is_a_line_a_name(service: web_service.Service, source: str) -> None:
    """What the service remembers becomes a field of times and one of numbers for each name."""
    asked, names = [], []
    for board in grafana.boards(source):
        values = grafana.values_of(board, {"cluster": "simulated", "namespace": "shop", "workload": "cart"})
        for panel in board["panels"]:
            if panel["type"] == "timeseries":
                (target,) = [grafana.put_in(each, values) for each in panel["targets"]]
                rows = service.get(grafana.path_of(target)).json()["items"]
                names.append({row["name"] for row in rows})
                asked.append({"panel": panel, "frames": read(service, [target])})
    assert len(asked) == 2 * (len(grafana.SLUGS) - 1)  # that of all clusters has a table alone
    for made, expected in zip(grafana_programs.show(asked, at=seen_at(service)), names, strict=True):
        times, *lines = made["fields"]
        assert made["frames"] == 1
        assert times["type"] == "time"
        assert times["texts"]
        assert {line["type"] for line in lines} == {"number"}
        assert {line["name"] for line in lines} == expected
        assert all(any(text.strip(" -") for text in line["texts"]) for line in lines)
