"""What the families of kube-state-metrics share: objects of the cluster to samples with its labels and units.

Each object becomes its lines for each family of its kind when it changes; a scrape only joins them.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from kubevitals import errors, quantity
from kubevitals.kube import timestamps
from kubevitals.surfaces.exposition import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubevitals.kube import kube_state_wire, objects

    Samples = Mapping[str, float]  # further labels, each with its comma in front: the value

STATUSES = ("true", "false", "unknown")
_BYTES = ("memory", "ephemeral-storage", "storage")
_BYTE_PREFIXES = ("hugepages-", "attachable-volumes-")


def block(name: str, base: str, samples: Samples) -> bytes:
    """Return the lines of one family for one object: as bytes, so that a scrape has nothing to encode."""
    head = f"{name}{{{base}"
    return text.encode("".join([f"{head}{more}}} {value}\n" for more, value in samples.items()]))


def label(name: str, value: str | None) -> str:
    """Return a further label."""
    return f',{name}="{text.escape(value or "")}"'


def choice(name: str, words: Iterable[str], current: str) -> Samples:
    """Return a sample for each word: 1 for the current one, 0 for the others."""
    return {f',{name}="{word}"': int(word == current) for word in words}


def conditions(
    found: Iterable[kube_state_wire.Condition] | None, *, status_label: str = "status", named: bool = True
) -> Samples:
    """Return three samples a condition: for true, false and unknown."""
    return {
        f"{label('condition', each.type) if named else ''}{more}": value
        for each in found or ()
        for more, value in choice(status_label, STATUSES, each.status.lower()).items()
    }


def moment(said: str | None) -> Samples:
    """Return one sample with the whole seconds since 1970; none where that is unknown."""
    seconds = read_moment(said)
    return {} if seconds is None else {"": seconds}


def read_moment(said: str | None) -> int | None:
    """Return whole seconds since 1970."""
    if said is None:
        return None
    try:
        return math.floor(timestamps.parse_time(said).timestamp())
    except errors.DecodingError:
        return None


def amounts(found: kube_state_wire.Amounts | None, *, before: str = "", pods: bool = False) -> Samples:
    """Return a sample for each resource that kube-state-metrics knows the unit of, `pods` if wanted."""
    samples: dict[str, float] = {}
    for name, said in (found or {}).items():
        unit = "integer" if pods and name == "pods" else _unit_of(name)
        value = read_amount(name, said)
        if unit is not None and value is not None:
            samples[f'{before},resource="{_resource_label(name)}",unit="{unit}"'] = value
    return samples


def read_amount(name: str, said: objects.Quantity) -> float | None:
    """Return cores, rounded up to the millicore as kube-state-metrics does, or whole bytes and pieces."""
    return _parse(str(said), name.rpartition(".")[2] == "cpu")


@functools.lru_cache(maxsize=4096)
def _parse(said: str, cpu: bool) -> float | None:  # noqa: FBT001 - the key of a cache
    try:
        if cpu:
            return math.ceil(round(quantity.parse_cpu(said) * 1000, 6)) / 1000
        return quantity.parse_memory(said)
    except errors.QuantityError:
        return None


@functools.lru_cache(maxsize=512)
def _resource_label(name: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "_" for each in name)


@functools.lru_cache(maxsize=512)
def _unit_of(name: str) -> str | None:
    if name == "cpu":
        return "core"
    if name in _BYTES or name.startswith(_BYTE_PREFIXES):
        return "byte"
    extended = "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")
    return "integer" if extended else None
