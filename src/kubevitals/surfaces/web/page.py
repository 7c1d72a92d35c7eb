"""The page at `/`: what the service is and knows, with links to all it serves. Plain HTML, no script."""

from __future__ import annotations

import html
import urllib.parse
from typing import TYPE_CHECKING

import kubevitals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubevitals import collector

STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;
background:#fff}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
code{font-size:.95em}.bad{color:#a40000}.good{color:#0a5c0a}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}a{color:#8ab4f8}
.bad{color:#ff8a80}.good{color:#8fd694}}
"""

LINKS = (
    ("for Grafana boards", (
        ("/api/v1/infra/nodes", "nodes in millicores, MiB and percent"),
        ("/api/v1/infra/pods", "pods likewise, the busiest first"),
    )),
    ("in base units", (
        ("/api/v1/nodes", "nodes"),
        ("/api/v1/pods", "pods"),
        ("/api/v1/containers", "containers"),
        ("/api/v1/namespaces", "sums by namespace"),
        ("/api/v1/workloads", "sums by workload"),
        ("/api/v1/pods?sort=-memory_usage_bytes&limit=10", "the ten pods with the most memory"),
        ("/api/v1/pods?format=csv", "pods as CSV"),
    )),
    ("names for variables", (
        ("/api/v1/names/clusters", "clusters"),
        ("/api/v1/names/namespaces", "namespaces"),
        ("/api/v1/names/nodes", "nodes"),
        ("/api/v1/names/pods", "pods"),
        ("/api/v1/names/apps", "apps"),
        ("/api/v1/names/workloads", "workloads"),
        ("/api/v1/names/containers", "containers"),
        ("/api/v1/names/node_pools", "node pools"),
    )),
    ("how it is", (
        ("/api/v1/vitals", "the cluster in one row"),
        ("/api/v1/problems", "what is wrong, and what could not be read"),
        ("/api/v1/status", "the service itself"),
        ("/api/v1/stream", "an event a snapshot"),
        ("/metrics", "for Prometheus"),
        ("/healthz", "health"),
        ("/livez", "alive"),
        ("/readyz", "ready"),
        ("/openapi.json", "the description of this API"),
    )),
)  # fmt: skip


def render(statuses: Mapping[str, collector.Status]) -> bytes:
    """Return the page. All text from a cluster is escaped."""
    rows = "".join(_row(name, status) for name, status in statuses.items())
    links = "".join(_section(title, some) for title, some in LINKS)
    text = (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>kubevitals</title>"
        '<meta name=viewport content="width=device-width">'
        '<link rel=stylesheet href="/style.css"></head>\n<body><h1>kubevitals</h1>\n'
        f"<p>How a Kubernetes cluster is doing. Version {html.escape(kubevitals.__version__)}.</p>\n"
        "<table><tr><th>cluster<th>state<th>snapshot<th>nodes<th>pods with usage<th>problem</tr>\n"
        f"{rows}</table>\n{links}</body></html>\n"
    )
    return text.encode()


def _row(name: str, status: collector.Status) -> str:
    nodes, pods = status.coverage["nodes"], status.coverage["pods"]
    state = "<span class=good>ready</span>" if status.ready else "<span class=bad>not ready</span>"
    age = "none yet" if status.age_seconds is None else f"{status.age_seconds:.0f} s old"
    problem = html.escape(status.last_error.message[:300]) if status.last_error is not None else ""
    href = html.escape(f"/api/v1/status?cluster={urllib.parse.quote(name, safe='')}")
    return (
        f'<tr><td><a href="{href}">{html.escape(name)}</a><td>{state}<td>{age}'
        f"<td>{nodes[1]}<td>{pods[0]} of {pods[1]}<td>{problem}</tr>\n"
    )


def _section(title: str, links: Iterable[tuple[str, str]]) -> str:
    items = "".join(
        f'<li><a href="{html.escape(path)}"><code>{html.escape(path)}</code></a> {html.escape(text)}</li>\n'
        for path, text in links
    )
    return f"<h2>{html.escape(title)}</h2>\n<ul>\n{items}</ul>\n"
