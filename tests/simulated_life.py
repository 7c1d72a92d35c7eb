"""What the tests of the simulated world share: a start, a store that follows changes, and invariants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster.world import pods, world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simcluster import apiobjects

START = 1_790_010_800.0  # a Monday noon in September 2026, UTC
TICK = 15.0

Key = tuple[str, str, str]


def key(item: apiobjects.Item) -> Key:
    return item.resource.key, item.namespace, item.name


def read(item: apiobjects.Item) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(item.render(42))
    return body


def of_kind(items: Iterable[apiobjects.Item], kind: str) -> list[apiobjects.Item]:
    return [item for item in items if item.resource.kind == kind]


def all_pods(items: Iterable[apiobjects.Item]) -> list[pods.Pod]:
    return [item for item in items if isinstance(item, pods.Pod)]


class Follower:
    """Applies changes to a copy of the start, as a client with list and watch would."""

    def __init__(self, living: world.World) -> None:
        self.world = living
        self.items: dict[Key, apiobjects.Item] = {}
        for item in living.items():
            assert key(item) not in self.items, item
            self.items[key(item)] = item

    def advance(self, now: float) -> list[apiobjects.Change]:
        changes = self.world.advance(now)
        for change in changes:
            where = key(change.item)
            if change.type == "ADDED":
                assert where not in self.items, change
                self.items[where] = change.item
            elif change.type == "MODIFIED":
                assert self.items[where].uid == change.item.uid, change
                self.items[where] = change.item
            else:
                assert self.items.pop(where).uid == change.item.uid, change
        return changes
