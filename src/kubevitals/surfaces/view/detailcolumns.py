"""The columns of `top --detail`: what kubelets report beside CPU and memory."""

from __future__ import annotations

from kubevitals import quantity
from kubevitals.surfaces.view import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _size(value: float) -> str:
    return quantity.format_memory(round(value))


def _speed(value: float) -> str:
    """Return bytes a second in the unit that leaves few digits."""
    for unit in ("B/s", "Ki/s", "Mi/s"):
        if value < 9999.5:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.0f}Gi/s"


def _of(heading: str, field: str, form: Callable[[Any], str], *, drop: int) -> columns.Column:
    def write(row: Any) -> str:
        value = getattr(row.detail, field)
        return columns.UNKNOWN if value is None else form(value)

    return columns.Column(heading, "detail", numeric=True, row_form=write, drop=drop)


def _share(heading: str, field: str, *, drop: int) -> columns.Column:
    return _of(heading, field, quantity.format_ratio, drop=drop)


_NETWORK = (
    _of("NET-RX", "network_receive_bytes_per_second", _speed, drop=20),
    _of("NET-TX", "network_transmit_bytes_per_second", _speed, drop=21),
)
_SWAP = _of("SWAP", "swap_used_bytes", _size, drop=30)
_PRESSURE = (
    _share("PSI-CPU", "cpu_pressure_some_of_time", drop=24),
    _share("PSI-MEM", "memory_pressure_some_of_time", drop=22),
    _share("PSI-IO", "io_pressure_some_of_time", drop=23),
)
_EPHEMERAL = _of("EPHEMERAL", "ephemeral_storage_used_bytes", _size, drop=25)

BY_KIND: dict[str, tuple[columns.Column, ...]] = {
    "nodes": (
        *_NETWORK,
        _of("FS-USED", "filesystem_used_bytes", _size, drop=26),
        _of("FS-SIZE", "filesystem_capacity_bytes", _size, drop=27),
        _SWAP,
        *_PRESSURE,
    ),
    "pods": (*_NETWORK, _EPHEMERAL, _SWAP, *_PRESSURE),
    "containers": (
        _share("THROTTLED", "cpu_throttled_of_periods", drop=20),
        _of("OOM", "oom_events", str, drop=21),
        _EPHEMERAL,
        _SWAP,
        *_PRESSURE,
    ),
}
