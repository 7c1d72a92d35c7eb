"""The faults of layers in force, laid over the objects of the store, and taken away again."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from simcluster import apiobjects
from simcluster.apiserver import alterations
from simcluster.http import messages
from simcluster.layerfaults import table, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simcluster.apiserver import watch_cache

Key = tuple[str, str, str]


class Overlay:
    """What faults of layers change in `store`. The caller serialises all but `answer`."""

    def __init__(self, store: watch_cache.WatchCache) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._originals: dict[Key, apiobjects.Item] = {}
        self._edits: dict[Key, list[view.Edit]] = {}
        self._added: list[view.AddedItem] = []
        self._answers: list[view.Answer] = []

    def lay(self, names: Sequence[str], *, now: float) -> None:
        """Put the faults of these names in force; nothing else of ours is."""
        if not names:
            return
        shown = view.View(lambda key: [entry.item for entry in self._store.current(key).entries], now=now)
        for name in names:
            table.CHANGES[name](shown)
        changes = []
        for key, edits in shown.edits.items():
            found = self._find(key)
            if found is not None:
                self._originals[key], self._edits[key] = found, edits
                changes.append(self._edit(key, found))
        self._added = shown.added
        changes += [apiobjects.Change("ADDED", item) for item in shown.added]
        self._store.apply(changes)
        with self._lock:
            self._answers = shown.answers

    def withdraw(self) -> None:
        """Show everything as it is."""
        with self._lock:
            self._answers = []
        changes = [apiobjects.Change("DELETED", item) for item in self._added]
        for key, original in self._originals.items():
            there = self._find(key) is not None
            changes.append(apiobjects.Change("MODIFIED" if there else "ADDED", original))
        self._originals, self._edits, self._added = {}, {}, []
        self._store.apply(changes)

    def pass_on(self, changes: Iterable[apiobjects.Change]) -> list[apiobjects.Change]:
        """The changes of the world's life, as faults let them show."""
        passed = []
        for change in changes:
            item = change.item
            key = (item.resource.key, item.namespace, item.name)
            if key not in self._edits:
                passed.append(change)
            elif change.type == "DELETED":
                if self._find(key) is not None:
                    passed.append(change)
                del self._edits[key], self._originals[key]
            else:
                self._originals[key] = item
                edited = self._edit(key, item)
                if edited.type != "DELETED":
                    passed.append(edited)
        return passed

    def answer(self, request: messages.Request) -> messages.Response | None:
        """The answer that a fault gives in the place of the cluster's own; None for none."""
        with self._lock:
            answers = list(self._answers)
        for each in answers:
            if each.pattern.fullmatch(request.path):
                body = each.body
                if body.startswith(b'{"by_query"'):
                    body = _by_query(body, request.query.get("query", ""))
                return messages.Response(each.status, body, content_type=each.content_type)
        return None

    def _find(self, key: Key) -> apiobjects.Item | None:
        resource, namespace, name = key
        entry = self._store.current(resource).find(f"{namespace}/{name}" if namespace else name)
        return None if entry is None else entry.item

    def _edit(self, key: Key, item: apiobjects.Item) -> apiobjects.Change:
        edits = self._edits[key]
        if any(edit.alter is None for edit in edits):
            return apiobjects.Change("DELETED", item)

        def alter(shown: dict[str, Any]) -> None:
            for edit in edits:
                assert edit.alter is not None
                edit.alter(shown)

        return apiobjects.Change("MODIFIED", Altered(item, alter))


class Altered(alterations.AlteredItem):
    """An altered object whose labels are those that it shows."""

    __slots__ = ()

    def __init__(self, original: apiobjects.Item, alter: Any) -> None:
        super().__init__(original, alter)
        self.labels = json.loads(self.render(1))["metadata"].get("labels", {})


def _by_query(body: bytes, query: str) -> bytes:
    """The answer to an instant query: the first in the table whose words stand in it."""
    for words, found in json.loads(body)["by_query"]:
        if words in query:
            return json.dumps(found).encode()
    return b'{"status":"success","data":{"resultType":"vector","result":[]}}'
