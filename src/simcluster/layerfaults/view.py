"""What a fault of a layer changes: objects as they are shown, and answers to single paths."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster import apiobjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Object = dict[str, Any]


class Answer(NamedTuple):
    """The answer to GET of paths that match a pattern."""

    pattern: re.Pattern[str]
    status: int
    content_type: str
    body: bytes


class Edit(NamedTuple):
    """A change to one object: `alter` modifies its decoded form; None removes the object."""

    alter: Callable[[Object], None] | None


class AddedItem(apiobjects.Item):
    """An object that is given as a whole."""

    __slots__ = ("_shown",)

    def __init__(self, resource: apiobjects.Resource, shown: Object) -> None:
        metadata = shown["metadata"]
        super().__init__(
            resource,
            metadata["name"],
            namespace=metadata.get("namespace", ""),
            uid=metadata.setdefault("uid", f"added-{resource.plural}-{metadata['name']}"),
            labels=metadata.get("labels", {}),
            created=0.0,
        )
        self._shown = shown

    def render(self, resource_version: int) -> bytes:
        """The object."""
        metadata = {**self._shown["metadata"], "resourceVersion": str(resource_version)}
        shown = {
            "kind": self.resource.kind,
            "apiVersion": self.resource.api_version,
            **self._shown,
            "metadata": metadata,
        }
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()


class View:
    """The cluster as faults of layers see and change it. `items` gives all objects of a resource."""

    def __init__(self, items: Callable[[str], Iterable[apiobjects.Item]], *, now: float) -> None:
        self._items = items
        self.now = now
        self.edits: dict[tuple[str, str, str], list[Edit]] = {}
        self.added: list[AddedItem] = []
        self.answers: list[Answer] = []

    def objects(self, key: str) -> list[Object]:
        """The decoded objects of a resource."""
        return [json.loads(item.render(1)) for item in self._items(key)]

    def alter(
        self, key: str, alter: Callable[[Object], None], where: Callable[[Object], bool] = lambda _: True
    ) -> None:
        """Modify the objects of a resource that `where` chooses."""
        for shown in self.objects(key):
            if where(shown):
                self._edit(key, shown, Edit(alter))

    def remove(self, key: str, where: Callable[[Object], bool] = lambda _: True) -> None:
        """Remove objects."""
        for shown in self.objects(key):
            if where(shown):
                self._edit(key, shown, Edit(None))

    def _edit(self, key: str, shown: Object, edit: Edit) -> None:
        metadata = shown["metadata"]
        self.edits.setdefault((key, metadata.get("namespace", ""), metadata["name"]), []).append(edit)

    def add(self, key: str, shown: Object) -> None:
        """Add an object."""
        self.added.append(AddedItem(apiobjects.RESOURCES[key], shown))

    def answer(
        self, pattern: str, body: Any, *, status: int = 200, content_type: str = "application/json"
    ) -> None:
        """Answer GET of paths that match the pattern whole: JSON of a value, or text as it is."""
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.answers.append(Answer(re.compile(pattern), status, content_type, content))

    def list(self, group: str, version: str, plural: str, items: list[Object]) -> None:
        """Answer the list of a resource that the simulated cluster has not."""
        kind = {
            "kind": f"{plural}List",
            "apiVersion": f"{group}/{version}",
            "metadata": {"resourceVersion": "1"},
        }
        self.answer(f"/apis/{re.escape(group)}/{version}/{plural}", {**kind, "items": items})

    def log(self, pod: str, *lines: str) -> None:
        """Let the logs of pods whose names begin with `pod` be these lines."""
        self.answer(
            rf"/api/v1/namespaces/[^/]+/pods/{re.escape(pod)}[^/]*/log",
            "".join(f"{line}\n" for line in lines),
            content_type="text/plain",
        )


def is_named(*prefixes: str) -> Callable[[dict[str, Any]], bool]:
    """A test whether an object's name begins with one of the words."""
    return lambda shown: shown["metadata"]["name"].startswith(prefixes)
