"""The result of an examination: a state for each layer, the findings, what could not be judged."""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import commands, diagnosis, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from kubevitals.kube import resourceattributes
else:
    from kubevitals.namedtuple import NamedTuple

SCHEMA_VERSION = 1
FAIL, WARN, INCOMPLETE, CLEAN, NOT_EXAMINED = "fail", "warn", "incomplete", "ok", "not_examined"
VERDICTS = (CLEAN, WARN, FAIL, INCOMPLETE, NOT_EXAMINED)


class LayerState(NamedTuple):
    """How one layer is: its status, a few words, what blocks it, and the rights that are missing."""

    name: str
    status: str
    text: str = ""
    blocked_by: str | None = None
    missing: tuple[resourceattributes.ResourceAttributes, ...] = ()

    @property
    def title(self) -> str:
        """The layer's name for people."""
        return layers.LAYERS[self.name].title


class Report(NamedTuple):
    """One examination. `findings` are causes, the most serious and lowest first."""

    context: str
    user: str
    version: str
    started_at: str  # RFC 3339
    seconds: float
    requests: int
    reviews: int
    layers: tuple[LayerState, ...]
    findings: tuple[diagnosis.Finding, ...]
    problems: tuple[str, ...] = ()  # what kept checks from looking, in words

    @property
    def verdict(self) -> str:
        """One word for all of it: fail, warn, incomplete, ok, or not_examined."""
        worst = {finding.severity for finding in self.findings}
        if severity.CRITICAL in worst:
            return FAIL
        if not self.examined:
            return NOT_EXAMINED
        if any(state.status == diagnosis.UNKNOWN for state in self.layers):
            return INCOMPLETE
        return WARN if severity.WARNING in worst else CLEAN

    @property
    def examined(self) -> bool:
        """Whether any layer above the API server could be judged."""
        return any(
            state.status not in (diagnosis.UNKNOWN, diagnosis.SKIP) and state.name != layers.API_SERVER
            for state in self.layers
        )

    @property
    def missing(self) -> tuple[resourceattributes.ResourceAttributes, ...]:
        """The rights that would let more be judged, each once."""
        return tuple(dict.fromkeys(right for state in self.layers for right in state.missing))

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form, which `docs/doctor.schema.json` describes: every key is always there."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "context": self.context,
            "user": self.user or None,
            "server_version": self.version or None,
            "started_at": self.started_at,
            "duration_seconds": round(self.seconds, 3),
            "requests": self.requests,
            "access_reviews": self.reviews,
            "layers": [_layer_row(state) for state in self.layers],
            "findings": [self._finding_row(finding) for finding in self.findings],
            "problems": list(self.problems),
        }

    def _finding_row(self, finding: diagnosis.Finding) -> dict[str, Any]:
        check, fix = commands.fill(finding, self.context)
        return {
            "id": finding.id,
            "layer": finding.layer,
            "severity": finding.severity,
            "status": diagnosis.FAIL if finding.severity == severity.CRITICAL else diagnosis.WARN,
            "confidence": finding.confidence,
            "title": finding.title,
            "cause": finding.diagnosis.cause,
            "damage": finding.damage or None,
            "since": finding.since or None,
            "evidence": list(finding.evidence),
            "scope": list(finding.scope),
            "check": list(check),
            "fix": list(fix),
            "avoid": finding.diagnosis.avoid or None,
            "blocks": list(finding.blocks),
        }


def _layer_row(state: LayerState) -> dict[str, Any]:
    return {
        "name": state.name,
        "title": state.title,
        "status": state.status,
        "text": state.text or None,
        "blocked_by": state.blocked_by,
        "missing": [
            {
                "verb": right.verb,
                "resource": right.resource,
                "group": right.group,
                "namespace": right.namespace or None,
            }
            for right in state.missing
        ],
    }
