"""A report without the names and addresses of its cluster: the same name is the same word everywhere."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kubevitals.doctor import report

_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\b")
_PUBLIC = frozenset({"kube-system", "metrics-server", "kube-node-lease", "default"})  # the same everywhere


def redact(found: report.Report) -> report.Report:
    """Return the report with "name-1", "address-1" and so on in place of names and addresses."""
    words: dict[str, str] = {}
    for each in found.findings:
        for text in (*each.scope, *each.places.values()):
            for part in text.split("/"):
                if part and part not in _PUBLIC:
                    words.setdefault(part, f"name-{len(words) + 1}")
    if found.context:
        words[found.context] = "context"
    if found.user:
        words[found.user] = "user"
    addresses: dict[str, str] = {}
    names = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))) if words else None

    def clean(text: str) -> str:
        if names is not None:
            text = names.sub(lambda match: words[match[0]], text)
        return _ADDRESS.sub(
            lambda match: addresses.setdefault(match[0], f"address-{len(addresses) + 1}"), text
        )

    def clean_all(value: Any) -> Any:
        if isinstance(value, str):
            return clean(value)
        return tuple(map(clean, value))

    return found._replace(
        context=clean(found.context),
        user=clean(found.user),
        layers=tuple(state._replace(text=clean(state.text)) for state in found.layers),
        findings=tuple(
            each._replace(
                title=clean(each.title),
                damage=clean(each.damage),
                evidence=clean_all(each.evidence),
                scope=clean_all(each.scope),
                blocks=clean_all(each.blocks),
                places={key: clean(value) for key, value in each.places.items()},
            )
            for each in found.findings
        ),
        problems=clean_all(found.problems),
    )
