"""Reading a kubelet's /stats/summary: network, file systems, swap, pressure of all objects. Pure.

The document becomes two kinds of numbers by object: `gauges`, which stand as they are, and `counters`, of
which two readings make a rate. The objects' keys are (node), (namespace, pod), (namespace, pod, container).
"""

from __future__ import annotations

import msgspec

from kubevitals import errors
from kubevitals.kube import timestamps

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[str, ...]
    Gauges = dict[Key, dict[str, int]]
    Counters = dict[Key, dict[str, tuple[float, float]]]  # by field: the count, and when it was read

_LARGEST = 1 << 63
_Count = int | float | None


class _Wire(msgspec.Struct, rename="camel", gc=False):
    """Base of all: every field optional, unknown ones skipped."""


class _Share(_Wire):
    total: _Count = None  # microseconds


class _Pressure(_Wire):
    some: _Share | None = None
    full: _Share | None = None


class _Pressed(_Wire):
    """CPU, memory or I/O, of which the pressure alone is read here."""

    time: str | None = None
    psi: _Pressure | None = None


class _Network(_Wire):
    time: str | None = None
    rx_bytes: _Count = None
    tx_bytes: _Count = None


class _FileSystem(_Wire):
    used_bytes: _Count = None
    capacity_bytes: _Count = None


class _Swap(_Wire):
    swap_usage_bytes: _Count = None


class _Measured(_Wire):
    cpu: _Pressed | None = None
    memory: _Pressed | None = None
    io: _Pressed | None = None
    swap: _Swap | None = None
    network: _Network | None = None


class _Container(_Measured):
    name: str = ""
    rootfs: _FileSystem | None = None
    logs: _FileSystem | None = None


class _Reference(_Wire):
    name: str = ""
    namespace: str = ""


class _Pod(_Measured):
    pod_ref: _Reference = msgspec.field(default_factory=_Reference)
    containers: list[_Container] | None = None
    ephemeral_storage: _FileSystem | None = msgspec.field(name="ephemeral-storage", default=None)


class _Node(_Measured):
    fs: _FileSystem | None = None


class _Summary(_Wire):
    node: _Node
    pods: list[_Pod] | None = None


_DECODER = msgspec.json.Decoder(_Summary)


class Summary:
    """Gauges and counters by object, as in the module's first lines."""

    __slots__ = ("counters", "gauges")

    def __init__(self) -> None:
        self.gauges: Gauges = {}
        self.counters: Counters = {}

    def add(self, key: Key, measured: _Measured, files: dict[str, _Count]) -> None:
        """Take in what was measured of one object; `files` are its amounts on file systems by field."""
        swap = measured.swap.swap_usage_bytes if measured.swap is not None else None
        gauges = {"swap_used_bytes": swap, **files}
        known = {field: int(value) for field, value in gauges.items() if value is not None and _fits(value)}
        if known:
            self.gauges[key] = known
        counters: dict[str, tuple[float, float]] = {}
        network = measured.network
        if network is not None and (at := _moment(network.time)) is not None:
            for field, count in (("receive", network.rx_bytes), ("transmit", network.tx_bytes)):
                if count is not None and _fits(count):
                    counters[f"network_{field}_bytes_per_second"] = (count, at)
        for resource, pressed in (("cpu", measured.cpu), ("memory", measured.memory), ("io", measured.io)):
            if pressed is None or pressed.psi is None or (at := _moment(pressed.time)) is None:
                continue
            for word, share in (("some", pressed.psi.some), ("full", pressed.psi.full)):
                if share is not None and share.total is not None and _fits(share.total):
                    counters[f"{resource}_pressure_{word}_of_time"] = (share.total / 1e6, at)
        if counters:
            self.counters[key] = counters


def parse(body: bytes, *, node: str) -> Summary:
    """Return the numbers of the document; `node` is the name of whose kubelet it is.

    Raises:
        errors.DecodingError: it is no such document.
    """
    try:
        wire = _DECODER.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise errors.DecodingError("the answer is no summary of a kubelet's statistics") from error
    found = Summary()
    found.add((node,), wire.node, _of_file_system(wire.node.fs))
    for pod in wire.pods or ():
        place = (pod.pod_ref.namespace, pod.pod_ref.name)
        ephemeral = pod.ephemeral_storage.used_bytes if pod.ephemeral_storage is not None else None
        found.add(place, pod, {"ephemeral_storage_used_bytes": ephemeral})
        for each in pod.containers or ():
            found.add((*place, each.name), each, _of_container(each))
    return found


def _of_file_system(files: _FileSystem | None) -> dict[str, _Count]:
    if files is None:
        return {}
    return {"filesystem_used_bytes": files.used_bytes, "filesystem_capacity_bytes": files.capacity_bytes}


def _of_container(container: _Container) -> dict[str, _Count]:
    """Return a container's own writings; its capacity is the node's, and says nothing of it."""
    root = container.rootfs.used_bytes if container.rootfs is not None else None
    logs = container.logs.used_bytes if container.logs is not None else None
    whole = root + logs if root is not None and logs is not None else None
    return {"filesystem_used_bytes": root, "ephemeral_storage_used_bytes": whole}


def _fits(value: float) -> bool:
    return 0 <= value < _LARGEST


def _moment(text: str | None) -> float | None:
    try:
        return None if text is None else timestamps.parse_time(text).timestamp()
    except errors.DecodingError:
        return None
