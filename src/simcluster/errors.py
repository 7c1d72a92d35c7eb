"""The exceptions that a simulated cluster raises when it cannot be made or started."""

from __future__ import annotations


class SimulationError(ValueError):
    """A setting or a fault that does not exist. `remedy` says what to write instead."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class CertificatesError(SimulationError):
    """The package that makes certificates is not installed."""


class PortError(SimulationError):
    """The port to listen on is taken, or this process may not use it."""
