"""The rows as a table and as JSON, with the date and the machine that they were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import sys
import sysconfig

from benchmarks import peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks import figures

_PACKAGES = ("msgspec", "kubernetes", "PyYAML")
_HEADINGS = ("what", "kubevitals", "peer", "ratio", "to reach", "")


def describe_machine() -> dict[str, Any]:
    """Return date, processor, cores, and the versions of all that takes part."""
    kubectl, capacity = peers.find_kubectl(), peers.find_kube_capacity()
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load at the start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": f"{platform.python_implementation()} {platform.python_version()}, {_python_build()}",
        "kubevitals": importlib.metadata.version("kubevitals"),
        "kubectl": "not found" if kubectl is None else peers.kubectl_version(kubectl),
        "kube-capacity": "not found" if capacity is None else "found",
        **versions,
    }


def render_table(rows: Sequence[figures.Row]) -> str:
    """Return the rows aligned, as Markdown."""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(_HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def _cells(row: figures.Row) -> tuple[str, ...]:
    verdict = {True: "reached", False: "missed", None: ""}[row.reached]
    return (row.what, row.ours, row.peer, row.ratio, row.target, verdict)


def render_machine(machine: dict[str, Any]) -> str:
    """Return the machine, a line a fact."""
    return "".join(f"- {key}: {value}\n" for key, value in machine.items())


def render_readme(rows: Sequence[figures.Row], machine: dict[str, Any], notes: str) -> str:
    """Return benchmarks/README.md: what was measured, where, and what stays true of it."""
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`; the figures behind the table are in [results.json](results.json).\n\n"
        f"{render_table(rows)}\n{render_machine(machine)}\n{notes}"
    )


def to_document(rows: Sequence[figures.Row], machine: dict[str, Any]) -> dict[str, Any]:
    """Return all figures for the JSON."""
    return {"machine": machine, "argv": sys.argv[1:], "rows": [row.to_dict() for row in rows]}


def _python_build() -> str:
    """Return where this Python comes from: distributions build by a profile, others often do not."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    if "--enable-optimizations" in options:
        return "optimized build"
    return "the system's own" if sys.base_prefix == "/usr" else "built without --enable-optimizations"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 the process stays small
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
