"""What is copied and written down: the name of a row, and a ticket with evidence and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import problems, sanitize
from kubevitals.surfaces.screen import rowtable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals.surfaces.screen import picture as pictures

_COMMANDS = {
    "e": "edit {object}", "a": "attach -it {object}", "l": "logs -f {object}", "p": "logs -p {object}",
    "y": "get {object} -o yaml", "ctrl+k": "delete {object}", "f": "port-forward {object} 8080:80",
}  # fmt: skip


def name_of(row: Any) -> str:
    """Return the name of a row, or of what a problem is about."""
    return sanitize.printable(str(getattr(row, "name", None) or getattr(row, "code", "")))


def command(key: str, kind: str, row: Any) -> str | None:
    """Return the kubectl command that a key of k9s stands for; None where it means nothing here."""
    form = _COMMANDS.get(key)
    if form is None:
        return None
    noun, name, namespace = (
        kind.removesuffix("s"),
        getattr(row, "name", None),
        getattr(row, "namespace", None),
    )
    if kind == "problems":
        noun = row.kind.lower()
    if kind == "workloads":
        noun = (row.workload_kind or "pod").lower()
    if kind == "containers":
        noun, name = "pod", row.pod
    if not name or noun == "snapshot":
        return None
    place = f" -n {namespace}" if namespace else ""
    return sanitize.printable("kubectl " + form.format(object=f"{noun}/{name}") + place)


def write(seen: pictures.Picture, kind: str, row: Any, now: datetime) -> str:
    """Return a ticket: cluster, time, the row with every number, its problems with the next step."""
    taken = seen.snapshot
    lines = [f"cluster   {sanitize.printable(seen.cluster)}", f"time      {now:%Y-%m-%dT%H:%M:%SZ} (UTC)"]
    if taken is not None:
        lines.append(
            f"usage     from {sanitize.printable(taken.source)}, read {taken.generated_at:%H:%M:%SZ}"
        )
    found: Sequence[problems.ClusterProblem]
    if kind == "problems":
        lines.append(f"object    {sanitize.printable(problems.describe_object(row))}")
        found = [row]
    else:
        for column in rowtable.list_columns(kind):
            text = column.texts([row], now)[0]
            lines.append(
                f"{column.heading.lower():<9} {text}" + (f"  ({row.problem})" if _silent(row, text) else "")
            )
        found = related(seen, kind, row)
    for each in found:
        lines.append(
            f"{each.severity:<9} {sanitize.printable(each.code)}: {sanitize.printable(each.message)}"
        )
        if each.since is not None:
            lines.append(f"since     {each.since:%Y-%m-%dT%H:%M:%SZ}")
        if each.remedy:
            lines.append(f"next      {sanitize.printable(each.remedy)}")
    return "\n".join(lines) + "\n"


def _silent(row: Any, text: str) -> bool:
    return text == "-" and getattr(row, "problem", None) is not None


def related(seen: pictures.Picture, kind: str, row: Any) -> list[problems.ClusterProblem]:
    """Return the problems that are about a row, or about its workload or pod."""
    namespace, name = getattr(row, "namespace", None), row.pod if kind == "containers" else row.name
    names = {name, getattr(row, "workload_name", None)} - {None}
    if kind in ("nodes", "node"):
        return [each for each in seen.problems if each.kind == "Node" and each.name == name]
    if kind in ("namespaces", "namespace"):
        return [each for each in seen.problems if each.namespace == name]
    return [each for each in seen.problems if each.namespace == namespace and each.name in names]
