"""A few plausible lines of log for a container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster.apiserver import api_errors, go_formats

if TYPE_CHECKING:
    from simcluster.apiserver import watch_cache

_LINES = (
    'level=info msg="starting" component={name}',
    'level=info msg="listening" address=:8080',
    'level=info msg="ready"',
    'level=info msg="handled request" method=GET path=/healthz status=200 duration=1.2ms',
    'level=warn msg="slow answer" upstream=database duration=812ms',
    'level=info msg="handled request" method=POST path=/v1/items status=201 duration=9.8ms',
)
_STEP = 7.0  # seconds between two lines


def read(entry: watch_cache.Entry, query: dict[str, str], *, now: float) -> bytes:
    """The log of one container of a pod; StatusError 400, in the real server's words, if it has none."""
    shown: dict[str, Any] = json.loads(entry.encoded())
    pod = shown["metadata"]["name"]
    names = [each["name"] for each in shown["spec"]["containers"]]
    every = names + [each["name"] for each in shown["spec"].get("initContainers", [])]
    name = query.get("container", "")
    if not name:
        if len(names) > 1:
            raise api_errors.bad_request(
                f"a container name must be specified for pod {pod}, choose one of: [{' '.join(names)}]"
            )
        name = names[0]
    if name not in every:
        raise api_errors.bad_request(f"container {name[:100]} is not valid for pod {pod}")
    waiting = _waiting(shown, name)
    if waiting:
        raise api_errors.bad_request(f'container "{name}" in pod "{pod}" is waiting to start: {waiting}')
    lines = [line.format(name=name) for line in _LINES]
    stamped = query.get("timestamps", "") == "true"
    first = now - _STEP * len(lines)
    if stamped:
        lines = [
            f"{go_formats.format_time(first + _STEP * place)} {line}" for place, line in enumerate(lines)
        ]
    tail = query.get("tailLines", "")
    if tail.isdigit():
        lines = lines[max(0, len(lines) - int(tail)) :]
    return "".join(f"{line}\n" for line in lines).encode()


def _waiting(shown: dict[str, Any], name: str) -> str:
    state = shown.get("status", {})
    for each in (*state.get("containerStatuses", ()), *state.get("initContainerStatuses", ())):
        waiting = each.get("state", {}).get("waiting")
        if each["name"] == name and waiting and not each.get("restartCount"):
            return str(waiting.get("reason", "ContainerCreating"))
    return ""
