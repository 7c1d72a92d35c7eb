"""Whether anything is wrong, in one line: counts by severity, the worst of it, and how much was not seen.

Nothing is called well of which nothing was seen.
"""

from __future__ import annotations

from kubevitals import problems, quantity, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple

    from kubevitals import model
else:
    from kubevitals.namedtuple import NamedTuple

OK, UNKNOWN = "ok", "unknown"
_NAMED = 2  # problems that the line names


class Verdict(NamedTuple):
    """What is to be said of a cluster first.

    `severity` is that of the worst problem: critical, warning, or ok if nothing is that serious; unknown if
    nothing was seen. `silent_nodes` and `silent_pods` are how many lack usage that they should have. `text`
    holds names from the cluster as they are.
    """

    severity: str
    critical: int
    warning: int
    info: int
    silent_nodes: int
    silent_pods: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form."""
        return self._asdict()


def judge(
    taken: model.Snapshot,
    found: Sequence[problems.ClusterProblem] | None = None,
    *,
    namespace: str | None = None,
) -> Verdict:
    """Return the verdict on a snapshot.

    Args:
        taken: what was read.
        found: its problems, where they are known already: `problems.find(taken)`.
        namespace: the one that was looked at, None for all.
    """
    found = problems.find(taken) if found is None else found
    counts = {word: sum(each.severity == word for each in found) for word in severity.SEVERITIES}
    worst, text = _describe(taken, found, counts, namespace)
    return Verdict(
        worst,
        counts[severity.CRITICAL],
        counts[severity.WARNING],
        counts[severity.INFO],
        sum(None in (node.cpu_usage_cores, node.memory_usage_bytes) for node in taken.nodes),
        sum(
            None in (pod.cpu_usage_cores, pod.memory_usage_bytes)
            for pod in taken.pods
            if pod.problem not in problems.EXPECTED
        ),
        text,
    )


def _describe(
    taken: model.Snapshot,
    found: Sequence[problems.ClusterProblem],
    counts: dict[str, int],
    namespace: str | None,
) -> tuple[str, str]:
    """Return the severity and the words."""
    serious = [each for each in found if each.severity != severity.INFO]
    if serious:
        words = []
        if counts[severity.CRITICAL]:
            words.append(f"{counts[severity.CRITICAL]} critical")
        if counts[severity.WARNING]:
            words.append(quantity.format_count(counts[severity.WARNING], "warning"))
        named = "; ".join(map(_name, serious[:_NAMED]))
        more = " ..." if len(serious) > _NAMED else ""
        return serious[0].severity, f"{', '.join(words)}: {named}{more}"
    if not taken.pods and namespace is not None:
        return UNKNOWN, f"nothing can be said of {namespace}: no pod was seen in it"
    if not taken.pods and not taken.nodes:
        return UNKNOWN, "nothing can be said: no node and no pod was seen"
    seen = [
        quantity.format_count(len(rows), noun)
        for rows, noun in ((taken.nodes, "node"), (taken.pods, "pod"))
        if rows
    ]
    return OK, f"nothing is wrong with {' and '.join(seen)}{f' in {namespace}' if namespace else ''}"


def _name(each: problems.ClusterProblem) -> str:
    """Return one problem in as few words as name it."""
    if each.name is None:
        return each.message
    return f"{problems.describe_object(each)} {each.reason or each.code}"
