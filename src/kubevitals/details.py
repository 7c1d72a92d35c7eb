"""The record of what kubelets tell beside CPU and memory; as those of `model`, with units in the names."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Detail(NamedTuple):
    """What a kubelet tells of a node, pod or container beside CPU and memory, where it was asked to.

    What is per second, of time or of periods is a mean over `window_seconds`. Pressure is the share of that
    time in which some tasks, or all of them, waited for CPU, memory or the disk.
    """

    window_seconds: float | None = None
    network_receive_bytes_per_second: float | None = None
    network_transmit_bytes_per_second: float | None = None
    filesystem_used_bytes: int | None = None
    filesystem_capacity_bytes: int | None = None
    ephemeral_storage_used_bytes: int | None = None
    swap_used_bytes: int | None = None
    cpu_throttled_of_periods: float | None = None
    oom_events: int | None = None  # since the container started
    cpu_pressure_some_of_time: float | None = None
    cpu_pressure_full_of_time: float | None = None
    memory_pressure_some_of_time: float | None = None
    memory_pressure_full_of_time: float | None = None
    io_pressure_some_of_time: float | None = None
    io_pressure_full_of_time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form."""
        return self._asdict()
