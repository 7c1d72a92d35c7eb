"""Where one is on the screen, and where one has been."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import kinds, selection

if TYPE_CHECKING:
    from kubevitals.selection import filters

OVERVIEW, PROBLEMS, DOCTOR, HELP = "overview", "problems", "doctor", "help"
LISTS = tuple(kinds.KINDS)
DETAILS = ("node", "pod", "container", "workload")
_ROWS_OF = {"node": "pods", "workload": "pods", "pod": "containers"}


class Place(NamedTuple):
    """One page, and which rows of it are meant."""

    page: str  # overview, problems, doctor, help, the name of a kind, or the singular of one for its details
    path: tuple[str, ...] = ()  # what names the object of a page of details
    namespace: str | None = None
    filter: str = ""
    order: tuple[tuple[str, bool | None], ...] = ()

    @property
    def kind(self) -> str | None:
        """The kind of the rows of its table; None where it has none."""
        return self.page if self.page in LISTS else _ROWS_OF.get(self.page)

    @property
    def crumb(self) -> str:
        """What a line of breadcrumbs calls it."""
        name = f"{self.page} {'/'.join(self.path)}" if self.path else self.page
        return name + (f" /{self.filter}" if self.filter else "")

    def selection(self, terms: filters.Filter) -> selection.Selection:
        """Return the selection of its rows; the filter has been read already."""
        kind = self.kind or "pods"
        pods: tuple[tuple[str, frozenset[str]], ...] = ()
        namespaces = None if self.namespace is None else frozenset({self.namespace})
        if self.page == "node":
            pods, namespaces = (("node", frozenset(self.path)),), None
        elif self.page == "pod":
            pods, namespaces = (("name", frozenset(self.path[1:])),), frozenset(self.path[:1])
        elif self.page == "workload":
            pods = (("workload_kind", frozenset(self.path[1:2])), ("workload", frozenset(self.path[2:])))
            namespaces = frozenset(self.path[:1])
        if kind == "nodes":
            namespaces = None
        order = self.order or DEFAULT_ORDER[kind]
        return selection.Selection(kind, namespaces=namespaces, pods=pods, filter=terms, order=order)


_BY_MEMORY: tuple[selection.SortKey, ...] = (("memory_of_limit", True), ("cpu_usage_cores", True))
DEFAULT_ORDER: dict[str, tuple[selection.SortKey, ...]] = {
    "nodes": (("ready", False), *selection.BUSIEST_NODES),
    "pods": (*_BY_MEMORY, ("namespace", False), ("name", False)),
    "containers": (*_BY_MEMORY, ("namespace", False), ("pod", False), ("name", False)),
    "namespaces": (("memory_usage_bytes", True), ("name", False)),
    "workloads": (*_BY_MEMORY, ("namespace", False), ("name", False)),
}


class Trail:
    """The way that one has come: Esc goes up it, `[` and `]` go through all of it."""

    def __init__(self, first: Place) -> None:
        self.stack = [first]
        self._seen: list[tuple[Place, ...]] = [(first,)]
        self._at = 0

    @property
    def here(self) -> Place:
        """The place that is shown."""
        return self.stack[-1]

    def enter(self, place: Place) -> None:
        """Go deeper; going where one is does nothing."""
        if place != self.here:
            self._move([*self.stack, place])

    def jump(self, place: Place) -> None:
        """Go there from the overview."""
        first = self.stack[0]._replace(namespace=place.namespace)
        self._move([first] if place.page == OVERVIEW else [first, place])

    def replace(self, place: Place) -> None:
        """Look at the same page in another way: filtered, or ordered."""
        self.stack[-1] = place
        self._seen[self._at] = tuple(self.stack)

    def back(self) -> bool:
        """Go up one; return whether there was anything above."""
        if len(self.stack) == 1:
            return False
        self._move(self.stack[:-1])
        return True

    def turn(self, by: int) -> bool:
        """Go to the place before (-1) or after (1) in the order of visits; return whether there is one."""
        if not 0 <= self._at + by < len(self._seen):
            return False
        self._at += by
        self.stack = list(self._seen[self._at])
        return True

    def _move(self, stack: list[Place]) -> None:
        self.stack = stack
        self._seen = [*self._seen[: self._at + 1], tuple(stack)][-100:]
        self._at = len(self._seen) - 1
