"""Content negotiation: the format and the coding that a scraper asks for in its Accept headers.

Prometheus asks for OpenMetrics 1.0.0 with the highest weight, then for text 0.0.4; a browser or curl accepts
anything and gets text.
"""

from __future__ import annotations

_MOST = 20  # clauses that are read; real clients send fewer


def wants_openmetrics(accept: str | None) -> bool:
    """Return whether OpenMetrics 1.0 is to be written rather than text 0.0.4."""
    openmetrics = plain = 0.0
    for kind, parameters, weight in _clauses(accept or ""):
        version = parameters.get("version")
        if kind == "application/openmetrics-text" and version in (None, "1.0.0"):
            openmetrics = max(openmetrics, weight)
        elif kind in ("text/plain", "text/*", "*/*") and version in (None, "0.0.4"):
            plain = max(plain, weight)
    return openmetrics > 0 and openmetrics >= plain


def wants_gzip(accept_encoding: str | None) -> bool:
    """Return whether the answer may be compressed."""
    weights = {kind: weight for kind, _, weight in _clauses(accept_encoding or "")}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _clauses(header: str) -> list[tuple[str, dict[str, str], float]]:
    found = []
    for clause in header.split(",")[:_MOST]:
        kind, *rest = [part.strip().lower() for part in clause.split(";")]
        parameters = dict(part.partition("=")[::2] for part in rest)
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if kind:
            found.append((kind, parameters, weight if 0 <= weight <= 1 else 0.0))
    return found
