"""What a real control plane answered: the fixtures that `make record` writes, one file a request.

A file holds the request with {placeholders} for the names in it, those names, the status, the content type
and the body: decoded JSON as `body`, the lines of a watch as `events`, everything else as `text`.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent / "fixtures" / "recorded"
SCHEMA = "schema.json"


class Request(NamedTuple):
    """A request. `path` and the values of `query` and `body` hold placeholders: `/api/v1/nodes/{node}`.

    `who` asks: admin, nobody, viewer (of one namespace), anonymous, stranger (an unknown token).
    `state` is that of the cluster: full, or one of the metrics API's troubles, or compacted.
    """

    path: str
    query: dict[str, str]
    method: str = "GET"
    accept: str = "application/json"
    who: str = "admin"
    state: str = "full"
    body: Any = None
    headers: dict[str, str] | None = None

    def fill(self, names: dict[str, str]) -> Request:
        """The request with `names` in place of the placeholders."""
        query = {key: fill(value, names) for key, value in self.query.items()}
        headers = {key: fill(value, names) for key, value in (self.headers or {}).items()}
        body = json.loads(fill(json.dumps(self.body), names))
        return self._replace(path=fill(self.path, names), query=query, headers=headers, body=body)


class Recording(NamedTuple):
    """A request and what came of it. `name` is the file's path without its ending: `metrics/nodes`."""

    name: str
    request: Request
    names: dict[str, str]
    status: int
    content_type: str
    body: Any = None
    events: list[Any] | None = None
    text: str | None = None

    @property
    def content(self) -> bytes:
        """The body as it came, but for what is scrubbed."""
        if self.events is not None:
            return b"".join(_encode(event) + b"\n" for event in self.events)
        if self.text is not None:
            return self.text.encode()
        return _encode(self.body) + b"\n"


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def fill(text: str, names: dict[str, str]) -> str:
    """`text` with the values of `names` in place of {placeholders}; other braces stay."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: names.get(match[1], match[0]), text)


def unfill(text: str, names: dict[str, str]) -> str:
    """`text` with {placeholders} in place of the whole words that are in `names`."""
    for key, value in sorted(names.items(), key=lambda pair: -len(pair[1])):
        text = re.sub(rf"(?<![\w{{-]){re.escape(value)}(?![\w}}-])", f"{{{key}}}", text)
    return text


def versions() -> list[str]:
    """The Kubernetes versions that there are recordings of, oldest first."""
    return sorted(
        (path.name for path in ROOT.iterdir() if path.is_dir()),
        key=lambda name: [int(part) for part in name[1:].split(".")],
    )


@functools.cache
def load(version: str) -> dict[str, Recording]:
    """The recordings of one version by name."""
    folder = ROOT / version
    paths = sorted(path for path in folder.rglob("*.json") if path.name != SCHEMA)
    return {recording.name: recording for recording in (_read(path, folder) for path in paths)}


@functools.cache
def load_schema(version: str) -> dict[str, Any]:
    """`kinds`: "apps/v1 Deployment" to its type; `types`: the fields of each type and the types of those."""
    schema: dict[str, Any] = json.loads((ROOT / version / SCHEMA).read_text(encoding="utf-8"))
    return schema


def _read(path: Path, folder: Path) -> Recording:
    document = json.loads(path.read_text(encoding="utf-8"))
    request = Request(**{"query": {}, **document.pop("request")})
    return Recording(str(path.relative_to(folder).with_suffix("")), request, **document)


def write(recording: Recording, folder: Path) -> None:
    """Write the recording's file below `folder`; defaults and what is empty are left out."""
    default = Request("", {})
    request = {
        key: value
        for key, value in recording.request._asdict().items()
        if value != getattr(default, key) or key in {"method", "path", "accept"}
    }
    document = recording._asdict() | {"request": request}
    del document["name"]
    shown = {key: value for key, value in document.items() if value is not None}
    path = folder / f"{recording.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
