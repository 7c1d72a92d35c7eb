"""The page at `/`: what the service is and knows, with links to all it serves. Plain HTML, no script.

What it says of a cluster is as old as the page: it is read again by loading it again.
"""

from __future__ import annotations

import html
import re
import urllib.parse
from typing import TYPE_CHECKING, NamedTuple

import kubevitals
from kubevitals import sanitize
from kubevitals.surfaces.view import recorderstatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubevitals import collector, model

STYLE = """\
:root{color-scheme:light dark;--text:#1a1a1a;--ground:#fff;--soft:#595959;--card:#f5f6f7;--line:#d8dbde;
--link:#0b57d0;--bad:#a40000;--good:#0a5c0a}
@media(prefers-color-scheme:dark){:root{--text:#e6e6e6;--ground:#161616;--soft:#a3a3a3;--card:#202224;
--line:#3a3d40;--link:#8ab4f8;--bad:#ff8a80;--good:#8fd694}}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem;
color:var(--text);background:var(--ground)}
h1{font-size:1.7rem;margin:0}h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:0 0 .5rem}
p{margin:.2rem 0 1rem}.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}
a{color:var(--link)}code,pre{font:.875rem/1.6 ui-monospace,monospace}code,dd,h3{overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;
margin:.75rem 0;min-width:0}
.facts{display:flex;flex-wrap:wrap;gap:.4rem 2.5rem;margin:0}.facts dt{color:var(--soft);font-size:.875rem}
.facts dd{margin:0}
.columns{columns:22rem;column-gap:.75rem}.columns .card{margin:0 0 .75rem;break-inside:avoid}
ul{margin:0;padding:0;list-style:none}li{margin:0 0 .4rem}li .soft{display:block;font-size:.9rem}
.problems{margin-top:.8rem}.problems li{border-left:3px solid var(--bad);padding-left:.6rem}
pre{margin:0;overflow-x:auto}
"""

LINKS = (
    ("For Grafana boards", (
        ("/api/v1/infra/nodes", "nodes in millicores, MiB and percent of allocatable"),
        ("/api/v1/infra/pods", "pods likewise, the busiest first"),
    )),
    ("In base units: cores, bytes, ratios", (
        ("/api/v1/nodes", "nodes: used, promised, allocatable, conditions"),
        ("/api/v1/pods", "pods: usage against requests and limits, state, owner"),
        ("/api/v1/containers", "the same of each container"),
        ("/api/v1/namespaces", "sums by namespace"),
        ("/api/v1/workloads", "sums by Deployment, StatefulSet, CronJob ..."),
        ("/api/v1/pods?sort=-memory_usage_bytes&limit=10", "for example the ten pods with the most memory"),
        ("/api/v1/pods?format=csv", "or all pods as CSV"),
    )),
    ("Over time, where history is kept", (
        ("/api/v1/history/nodes", "usage of nodes: the last hour, or as since, until and step say"),
        ("/api/v1/history/pods", "of pods"),
        ("/api/v1/history/containers", "of containers"),
        ("/api/v1/history/namespaces", "the sums of namespaces"),
        ("/api/v1/history/workloads", "the sums of workloads"),
    )),
    ("Names, for the variables of dashboards", (
        ("/api/v1/names/clusters", "clusters that this service reads"),
        ("/api/v1/names/namespaces", "namespaces in which there are pods"),
        ("/api/v1/names/nodes", "nodes"),
        ("/api/v1/names/pods", "pods"),
        ("/api/v1/names/containers", "containers"),
        ("/api/v1/names/apps", "values of the label app, else app.kubernetes.io/name"),
        ("/api/v1/names/workloads", "workloads"),
        ("/api/v1/names/node_pools", "node pools, as a label of the nodes says"),
    )),
    ("How it is", (
        ("/api/v1/vitals", "the cluster in one row: counts, and shares of what is allocatable"),
        ("/api/v1/problems", "what is wrong in the cluster, and what could not be read"),
        ("/api/v1/doctor", "which layer of metrics is silent, why, and what to do"),
        ("/api/v1/status", "the service: source, age, coverage, rights, version"),
        ("/api/v1/stream", "server-sent events: a small one a snapshot, without end"),
        ("/metrics", "for Prometheus, as text or OpenMetrics"),
        ("/openapi.json", "the description of this API: every parameter and every key"),
        ("/healthz", "health, as livez"),
        ("/livez", "alive: the clock ticks"),
        ("/readyz", "ready: there is a snapshot, not older than it may be"),
    )),
)  # fmt: skip
"""Headings, and below each what it links to."""

_SINGLE = (
    ("/api/v1/nodes/{name}", "one node"),
    ("/api/v1/pods/{namespace}/{name}", "one pod"),
    ("/api/v1/containers/{namespace}/{pod}/{name}", "one container"),
    ("/api/v1/namespaces/{name}", "the sums of one namespace"),
    ("/api/v1/workloads/{namespace}/{workload_kind}/{name}", "the sums of one workload"),
    ("/api/v1/history/nodes/{name}", "one node over time"),
    ("/api/v1/history/pods/{namespace}/{name}", "one pod"),
    ("/api/v1/history/containers/{namespace}/{pod}/{name}", "one container"),
    ("/api/v1/history/namespaces/{name}", "one namespace"),
    ("/api/v1/history/workloads/{namespace}/{workload_kind}/{name}", "one workload"),
)
_CURL = (
    "/api/v1/infra/nodes",
    "/api/v1/pods?sort=-memory_usage_bytes&limit=10&fields=namespace,name,memory_usage_bytes",
    "/api/v1/containers?label_selector=app&format=csv",
    "/metrics",
)
_PLACE = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")  # what may be pasted into a shell
_SHOWN = 5  # problems of a cluster; a link leads to the others


class ClusterState(NamedTuple):
    """What is known of one cluster."""

    status: collector.Status
    snapshot: model.Snapshot | None = None
    namespace: str | None = None  # the only one whose pods are read


def render(
    clusters: Mapping[str, ClusterState],
    *,
    recorded: recorderstatus.RecorderStatus | None = None,
    place: str = "",
    tls: bool = False,
    token: bool = False,
) -> bytes:
    """Return the page. All text from a cluster, and `place`, is escaped.

    Args:
        clusters: by their names.
        recorded: how history and remote-write are doing.
        place: host and port that the reader came by, for commands to copy.
        tls: by https.
        token: the reader came with one, so the commands bring one too.
    """
    cards = "".join(_card(name, state) for name, state in clusters.items())
    cards += _history_card(recorded or recorderstatus.RecorderStatus())
    sections = [_section(title, some) for title, some in LINKS]
    sections.insert(2, _section("One of them", _SINGLE, examples=_examples(clusters)))
    text = (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>kubevitals</title>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        '<link rel=icon href="data:,"><link rel=stylesheet href="/style.css"></head>\n<body>'
        "<header><h1>kubevitals</h1>\n"
        "<p class=soft>How a Kubernetes cluster is doing. "
        f"Version {html.escape(kubevitals.__version__)}.</p></header>\n"
        f"<main>{cards}<h2>From a shell</h2>\n"
        f"<pre class=card tabindex=0>{_commands(place, tls=tls, token=token)}</pre>\n"
        "<h2>What it serves</h2>\n<p class=soft>Lists take the parameters cluster, namespace, filter, at, "
        "label_selector, field_selector, node_pool, sort, limit, offset, fields and format. "
        f"A wrong one is answered with what is allowed.</p>\n<div class=columns>\n{''.join(sections)}</div>\n"
        "</main></body></html>\n"
    )
    return text.encode()


def _card(name: str, state: ClusterState) -> str:
    status, of = state.status, f"?cluster={urllib.parse.quote(name, safe='')}"
    badge = "<span class=good>ready</span>" if status.ready else "<span class=bad>not ready</span>"
    facts = {
        "usage from": _escape(_answering(status)),
        "snapshot": _age(status),
        "nodes with usage": _coverage(status, "nodes"),
        "pods with usage": _coverage(status, "pods"),
        "pods of": _escape(state.namespace) if state.namespace else "all namespaces",
    }
    rows = _rows(facts)
    return (
        f'<section class=card><h3>cluster <a href="{html.escape(f"/api/v1/status{of}")}">{_escape(name)}</a> '
        f"{badge}</h3><dl class=facts>{rows}</dl>{_problems(state, of)}</section>\n"
    )


def _rows(facts: Mapping[str, str]) -> str:
    return "".join(f"<div><dt>{key}<dd>{value}</div>" for key, value in facts.items())


def _history_card(recorded: recorderstatus.RecorderStatus) -> str:
    """Return how history and remote-write are doing; nothing where there is neither."""
    told = {
        "history": recorderstatus.history_words(recorded),
        "remote-write": recorderstatus.remote_write_words(recorded),
    }
    facts = {key: _escape(", ".join(words)) for key, words in told.items() if words}
    if not facts:
        return ""
    lines = "".join(f"<li>{_describe(each)}\n" for each in recorded.problems)
    wrong = f"<ul class=problems>{lines}</ul>" if lines else ""
    return f"<section class=card><h3>over time</h3><dl class=facts>{_rows(facts)}</dl>{wrong}</section>\n"


def _answering(status: collector.Status) -> str:
    """Return which source answers, and since when."""
    for each in status.sources:
        if each.answers and each.since is not None:
            return f"{each.name}, since {each.since:%Y-%m-%d %H:%M:%S} UTC"
    return f"no source now; the last was {status.source}" if status.ticks else "no source yet"


def _age(status: collector.Status) -> str:
    if status.age_seconds is None:
        return "none yet"
    return f"{status.age_seconds:.0f} s old, read every {status.interval_seconds:g} s"


def _coverage(status: collector.Status, kind: str) -> str:
    with_usage, total = status.coverage[kind]
    return f"{with_usage} of {total}"


def _problems(state: ClusterState, of: str) -> str:
    """Return what could not be read and why, and why a better source of usage does not answer."""
    status = state.status
    told = [status.last_error, *(each.problem for each in status.sources)]
    told += state.snapshot.problems if state.snapshot is not None else ()
    found = list(dict.fromkeys(each for each in told if each is not None))
    lines = [f"<li>{_describe(each)}\n" for each in found[:_SHOWN]]
    link = html.escape(f"/api/v1/problems{of}")
    more = "What is wrong in the cluster" if len(found) <= _SHOWN else f"All {len(found)} problems"
    return f'<ul class=problems>{"".join(lines)}</ul><a href="{link}">{more}</a>'


def _describe(problem: model.Problem) -> str:
    remedy = f"<span class=soft>try: {_escape(problem.remedy)}</span>" if problem.remedy else ""
    return f"{_escape(problem.message)}{remedy}"


def _section(
    title: str, links: Iterable[tuple[str, str]], *, examples: Mapping[str, str] | None = None
) -> str:
    """Return the links of a heading; a path with a place for names leads to its example."""
    items = []
    for path, text in links:
        code, href = f"<code>{html.escape(path)}</code>", (examples or {}).get(path, path)
        linked = code if "{" in href else f'<a href="{html.escape(href)}">{code}</a>'
        items.append(f"<li>{linked}<span class=soft>{html.escape(text)}</span>\n")
    return f"<section class=card><h3>{html.escape(title)}</h3><ul>\n{''.join(items)}</ul></section>\n"


def _examples(clusters: Mapping[str, ClusterState]) -> dict[str, str]:
    """Return of each route of single objects one that is there, of the first cluster."""
    held = next((each.snapshot for each in clusters.values()), None)
    if held is None:
        return {}
    known: dict[str, dict[str, str | None]] = {}
    if held.nodes:
        known["nodes"] = {"name": held.nodes[0].name}
    pod = next((each for each in held.pods if each.containers and not each.terminated), None)
    if pod is not None:
        known["pods"] = {"namespace": pod.namespace, "name": pod.name}
        known["containers"] = {**known["pods"], "pod": pod.name, "name": pod.containers[0].name}
        known["namespaces"] = {"name": pod.namespace}
        if pod.workload_kind and pod.workload_name:
            kind, name = pod.workload_kind, pod.workload_name
            known["workloads"] = {"namespace": pod.namespace, "workload_kind": kind, "name": name}
    found = {}
    for path, _ in _SINGLE:
        names = known.get(path.split("/{")[0].rpartition("/")[2])
        if names is not None:
            quoted = {key: urllib.parse.quote(name or "", safe="") for key, name in names.items()}
            found[path] = path.format(**quoted)
    return found


def _commands(place: str, *, tls: bool, token: bool) -> str:
    """Return commands to copy; a place that could mean more to a shell than a place is left out."""
    url = f"{'https' if tls else 'http'}://{place if _PLACE.fullmatch(place) else '127.0.0.1:8080'}"
    words = "curl -s --compressed" + (' -H "Authorization: Bearer $TOKEN"' if token else "")
    return html.escape("\n".join(f"{words} '{url}{path}'" for path in _CURL))


def _escape(text: str) -> str:
    return html.escape(sanitize.shorten(text, 300))
