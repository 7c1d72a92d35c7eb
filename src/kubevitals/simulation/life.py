"""placeholder"""

from __future__ import annotations


class Life:
    def __init__(self, state) -> None:
        pass

    def tick(self, number: int) -> None:
        pass
