"""From a described panel to Grafana's JSON. The look is decided here, the same for all data sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.grafana.boards import columns, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.grafana.boards.dialects import Dialect, Json

WARNING, CRITICAL = 0.85, 0.95  # the one scale of kubevitals: green to, yellow to, red above
_GOOD = ("Ready", "Running", "Completed", "Succeeded")
_SOON = ("Pending", "ContainerCreating", "PodInitializing", "Terminating", "SchedulingDisabled")
_SEVERITIES = {"critical": "red", "warning": "orange", "info": "blue"}


def render(panel: words.Panel, dialect: Dialect) -> Json | None:
    """Return the panel without id and place; None where the data source cannot show it."""
    if isinstance(panel, words.Lines):
        return _lines(panel, dialect)
    asked = (panel.key,) if isinstance(panel, words.Bars) else panel.keys
    keys = dialect.keys_of(panel.ask, ("name", *asked) if isinstance(panel, words.Bars) else asked)
    made: Json
    if isinstance(panel, words.Stat):
        made = _stat(panel)
    elif isinstance(panel, words.Bars):
        made = _bars()
    else:
        made = _table(panel, keys, dialect)
    targets = dialect.make_targets(panel.ask, keys)
    # A field that a transformation has renamed would give all bars its own name.
    bars = isinstance(panel, words.Bars)
    transformations = [] if bars else dialect.make_transformations(panel.ask, keys)
    return {
        "title": panel.title,
        "description": panel.text.strip(),
        "datasource": dialect.source,
        "targets": [{**target, "datasource": dialect.source} for target in targets],
        "transformations": transformations,
        **made,
    }


def _scale() -> Json:
    return _steps(("green", None), ("yellow", WARNING), ("red", CRITICAL))


def _steps(*steps: tuple[str, float | None]) -> Json:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def _override(name: str, **properties: Any) -> Json:
    """Return what holds for one field. Underscores in the names of properties are dots."""
    listed = [{"id": key.replace("_", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


# --- stat


def _stat(panel: words.Stat) -> Json:
    column = columns.column(panel.ask.of, panel.keys[0])
    ratio = column.unit == "percentunit"
    defaults: Json = {"unit": column.unit, "noValue": "-", "color": {"mode": "thresholds"}}
    defaults["thresholds"] = _scale() if ratio else _steps(("text", None))
    if ratio:
        defaults |= {"decimals": 0, "min": 0, "max": 1}
    elif column.unit == "short":
        defaults["decimals"] = 2
    alarms = dict(panel.alarms)
    overrides = []
    for key, name in zip(panel.keys, panel.names or [""] * len(panel.keys), strict=True):
        properties: Json = {"displayName": name} if name else {}
        if key in alarms:
            properties["thresholds"] = _steps(("green", None), (alarms[key], 1))
        if properties:
            overrides.append(_override(key, **properties))
    return {
        "type": "stat",
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": {
            "reduceOptions": {"values": False, "calcs": [panel.calc], "fields": ""},
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "value_and_name" if panel.names else "value",
            "wideLayout": True,
        },
    }


# --- bars


def _bars() -> Json:
    return {
        "type": "bargauge",
        "fieldConfig": {
            "defaults": {
                "unit": "percentunit",
                "decimals": 0,
                "min": 0,
                "max": 1,
                "noValue": "-",
                "color": {"mode": "thresholds"},
                "thresholds": _scale(),
            },
            "overrides": [],
        },
        "options": {
            # Each row is a bar of its own, called after the text in it.
            "reduceOptions": {"values": True, "calcs": [], "fields": ""},
            "displayMode": "basic",
            "orientation": "horizontal",
            "valueMode": "color",
            "namePlacement": "left",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizHeight": 16,
            "maxVizHeight": 24,
        },
    }


# --- table


def _table(panel: words.Table, keys: Sequence[str], dialect: Dialect) -> Json:
    by = columns.column(panel.ask.of, panel.by).title if panel.by else ""
    return {
        "type": "table",
        "fieldConfig": {
            "defaults": {
                "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True},
            },
            "overrides": [_cells(panel.ask.of, key, dialect) for key in keys],
        },
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
            "sortBy": [{"displayName": by, "desc": True}] if by else [],
        },
    }


def _cells(of: str, key: str, dialect: Dialect) -> Json:
    column = columns.column(of, key)
    # Of a number that is unknown; a text that is not there, such as a problem, is none.
    properties: Json = {"displayName": column.title, "noValue": "-" if column.type == "number" else ""}
    if column.unit:
        properties["unit"] = column.unit
    if column.width:
        properties["custom_width"] = column.width
    if column.unit == "short":
        properties["decimals"] = 3
    if column.look == "gauge":
        properties |= {
            "custom_cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
            "min": 0,
            "max": 1,
            "decimals": 0,
            "color": {"mode": "thresholds"},
            "thresholds": _scale(),
        }
    elif column.look:
        properties |= {"custom_cellOptions": {"type": "color-text"}, "mappings": _mappings(column.look)}
    if column.link:
        properties["links"] = [_link(of, key, column.link, dialect)]
    return _override(key, **properties)


def _mappings(look: str) -> list[Json]:
    if look == "severity":
        return [_values(_SEVERITIES)]
    known = {**dict.fromkeys(_GOOD, "green"), **dict.fromkeys(_SOON, "yellow")}
    others = {"pattern": ".+", "result": {"color": "red", "index": len(known)}}
    return [_values(known), {"type": "regex", "options": others}]


def _values(colors: dict[str, str]) -> Json:
    results = {value: {"color": color, "index": index} for index, (value, color) in enumerate(colors.items())}
    return {"type": "value", "options": results}


def _link(of: str, key: str, slug: str, dialect: Dialect) -> Json:
    """Return the way from a cell to the board about what it names. The cluster goes along."""
    variables = {
        "nodes": {"node": "${__value.raw}"},
        "pods": {"namespace": "${__value.raw}"},
        "workload": {
            "namespace": "${__data.fields.namespace}",
            "kind": "${__data.fields.workload_kind}",
            "workload": "${__value.raw}",
        },
        "cluster": {"cluster": "${__value.raw}"},
    }[slug]
    if slug == "pods" and key == "name" and of == "pods":
        variables = {"namespace": "${__data.fields.namespace}", "pod": "${__value.raw}"}
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    kept = "${datasource:queryparam}" + ("" if slug == "cluster" else "&${cluster:queryparam}")
    url = f"/d/{uid(slug, dialect)}?{kept}{chosen}&${{__url_time_range}}"
    return {"title": f"Show {slug}", "url": url}


def uid(slug: str, dialect: Dialect) -> str:
    """Return the stable uid of a board."""
    return f"kubevitals-{dialect.slug}-{slug}"


# --- lines


def _lines(panel: words.Lines, dialect: Dialect) -> Json | None:
    past = None if dialect.own_past else panel.past
    if past is None and not dialect.own_past:
        return None
    dashed = {"fill": "dash", "dash": [8, 6]}
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text if past is None else past.text,
        "datasource": dialect.source,
        "targets": [{**target, "datasource": dialect.source} for target in dialect.make_lines(panel)],
        "transformations": [] if past is None else [_by_name(past.key)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "color": {"mode": "palette-classic"},
                "custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False},
            },
            "overrides": [
                _override(line.legend, custom_lineStyle=dashed, custom_fillOpacity=0)
                for line in (panel.lines if past is None else ())
                if line.dashed
            ],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _by_name(key: str) -> Json:
    """Return what makes a field of each name, from rows of time, name and value."""
    options = {"columnField": "name", "rowField": "timestamp", "valueField": key, "emptyValue": "null"}
    return {"id": "groupingToMatrix", "options": options}
