"""What tests look at inside of informers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubevitals.kube import informer


def relists(group: informer.InformerGroup) -> dict[str, int]:
    """How often each list was read anew, because the server had forgotten where the watch stood."""
    return {name: each._source.lists - 1 for name, each in group._informers.items()}
