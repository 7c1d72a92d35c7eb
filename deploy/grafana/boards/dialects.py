"""What a board is made of for one data source: `Dialect`, and the frames that its queries shall yield.

Whatever the data source, the frames that reach a panel have one field a key, of the key's name. What is drawn
is therefore described once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.grafana.boards.words import Ask, Lines, Variable

Json = dict[str, Any]
DATA_SOURCE = "datasource"  # the variable that chooses it


class Dialect(NamedTuple):
    """How one data source is asked. `keys_of` leaves out keys that it cannot tell."""

    slug: str
    plugin: str
    title: str
    keys_of: Callable[[Ask, Sequence[str]], tuple[str, ...]]
    make_targets: Callable[[Ask, Sequence[str]], list[Json]]
    make_transformations: Callable[[Ask, Sequence[str]], list[Json]]
    make_variable: Callable[[Variable], Json]
    all_value: str  # what "All" of a variable stands for
    make_lines: Callable[[Lines], list[Json]]  # none, where it has no past to show
    own_past: bool = False  # it remembers; others show what the service remembers

    @property
    def source(self) -> Json:
        """The reference to the chosen data source."""
        return {"type": self.plugin, "uid": f"${{{DATA_SOURCE}}}"}


def organize(keys: Sequence[str], renamed: dict[str, str], dropped: Sequence[str] = ()) -> Json:
    """Return the transformation that puts fields in order, by their new names."""
    order = [*renamed, *(key for key in keys if key not in renamed.values())]
    order.sort(key=lambda name: keys.index(renamed.get(name, name)))
    return {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(dropped, True),
            "indexByName": {name: index for index, name in enumerate(order)},
            "renameByName": renamed,
        },
    }
