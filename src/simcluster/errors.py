"""What can be wrong with how a simulated cluster is asked for. It must not know who asks."""

from __future__ import annotations


class SimulationError(ValueError):
    """A setting, a fault or a port that cannot be had. `remedy` says what to write instead."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
