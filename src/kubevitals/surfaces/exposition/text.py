"""The two text formats of Prometheus: families with their headers, labels and lines.

Text 0.0.4 and OpenMetrics 1.0 differ in the headers, in the names of counters there, and in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END = b"# EOF\n"  # the end of OpenMetrics, which shows that an answer was not cut off

_SUFFIXES = {"counter": "_total", "info": "_info"}


class Family(NamedTuple):
    """One metric: what its samples mean. `name` is that of its samples, `_total` and `_info` included."""

    name: str
    type: str  # gauge, counter, info
    help: str
    unit: str = ""  # cores, bytes, seconds: always the end of the name, but for _total
    labels: tuple[str, ...] = ()  # in the order in which they are written
    stability: str = "stable"  # stable, or alpha: may change between minor versions

    @property
    def base(self) -> str:
        """The name of the family itself in OpenMetrics."""
        return self.name.removesuffix(_SUFFIXES.get(self.type, ""))

    def header(self, *, openmetrics: bool) -> str:
        """Return the lines that introduce the samples."""
        if not openmetrics:
            kind = "gauge" if self.type == "info" else self.type
            return f"# HELP {self.name} {escape_help(self.help)}\n# TYPE {self.name} {kind}\n"
        unit = f"# UNIT {self.base} {self.unit}\n" if self.unit else ""
        return f"# TYPE {self.base} {self.type}\n{unit}# HELP {self.base} {escape(self.help)}\n"


def escape(value: str) -> str:
    """Return a label value as it is written between quotes; what could steer a terminal is replaced."""
    if not value.isprintable():
        value = "\n".join(map(sanitize.printable, value.split("\n")))
    if '"' in value or "\\" in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def escape_help(text: str) -> str:
    """Return a help text for text 0.0.4, where quotes are not escaped."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def labels(pairs: Mapping[str, str | None]) -> str:
    """Return `a="1",b="2"`; an unknown value is empty, which Prometheus takes as no label."""
    return ",".join([f'{name}="{escape(value or "")}"' for name, value in pairs.items()])


def line(name: str, pairs: Mapping[str, str | None], value: float) -> str:
    """Return one sample."""
    inner = labels(pairs)
    return f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def seconds(moment: datetime) -> float:
    """Return the seconds since 1970."""
    return moment.timestamp()


def label_name(key: str) -> str:
    """Return the name of the Prometheus label for a Kubernetes label, as kube-state-metrics builds it."""
    import re

    snake = re.sub("([a-z0-9])([A-Z])", r"\1_\2", re.sub("[^a-zA-Z0-9_]", "_", key))
    return f"label_{snake.lower()}"


def encode(said: str) -> bytes:
    """Return the text as UTF-8; lone surrogates become question marks."""
    return said.encode("utf-8", "replace")
