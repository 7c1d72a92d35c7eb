"""How the world writes values: times, quantities, compact JSON, names, and JSON texts with slots to fill."""

from __future__ import annotations

import hashlib
import json
import re
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30

# The alphabet of Kubernetes' generated names: no vowels and nothing that looks like one.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_HEXADECIMAL_TO_NAME = str.maketrans("0123456789abcdef-", "bcdfghjklmnpqrstv")

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_REMEMBERED = 100_000
_times: dict[int, str] = {}


def timestamp(epoch: float) -> str:
    """An epoch as metav1.Time writes it: RFC 3339 in whole seconds, UTC."""
    second = int(epoch)
    text = _times.get(second)
    if text is None:
        if len(_times) > _REMEMBERED:  # a cluster has far fewer moments than pods have mentions of them
            _times.clear()
        text = _times[second] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
    return text


def micro_timestamp(epoch: float) -> str:
    """An epoch as metav1.MicroTime writes it."""
    return f"{timestamp(epoch)[:-1]}.{int(epoch % 1 * 1e6):06}Z"


def cpu(millicores: int) -> str:
    """A canonical CPU quantity: "250m", "2"."""
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)


def memory(size: int) -> str:
    """A canonical binary quantity of bytes: "512Mi", "2Gi", "16073456Ki"."""
    for unit, suffix in ((GIBIBYTE, "Gi"), (MEBIBYTE, "Mi"), (1024, "Ki")):
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)


def compact(value: Any) -> str:
    """JSON as the API server writes it, without spaces."""
    return _ENCODER.encode(value)


def digest(text: str) -> str:
    """64 hexadecimal digits, as container and image ids have them."""
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(text: str) -> int:
    """63 bits that depend on the text alone, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def name_suffix(hexadecimal: str) -> str:
    """Letters of the generated-name alphabet for hexadecimal digits."""
    return hexadecimal.translate(_HEXADECIMAL_TO_NAME)


def slot(name: str) -> str:
    """A slot inside a JSON string of a `Form`."""
    return f"@@{name}@@"


def value_slot(name: str) -> str:
    """A slot for a whole JSON value."""
    return f"@@!{name}@@"


def member_slot(name: str) -> dict[str, int]:
    """A slot for whole object members, each with its comma; it is never the last in its object."""
    return {f"@@?{name}@@": 0}


_SLOT = re.compile(r'"@@\?(\w+)@@":0,|"@@!(\w+)@@"|@@(\w+)@@')


class Form:
    """A JSON text with slots. It is made once and filled often, for little more than the cost of a copy."""

    __slots__ = ("_names", "_pieces")

    def __init__(self, value: Any) -> None:
        text = compact(value)
        self._pieces: list[str] = []  # fixed text and open places in turn
        names = []
        end = 0
        for found in _SLOT.finditer(text):
            self._pieces += (text[end : found.start()], "")
            names.append(found[1] or found[2] or found[3])
            end = found.end()
        self._pieces.append(text[end:])
        self._names = tuple(names)

    def fill(self, texts: dict[str, str]) -> str:
        """The JSON with each slot replaced by its text."""
        pieces = self._pieces.copy()
        pieces[1::2] = [texts[name] for name in self._names]
        return "".join(pieces)


_LIST_KEYS = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "hostIPs": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}


def fields_of(value: Any, *, name: str = "") -> dict[str, Any]:
    """The `fieldsV1` form of an object: which of its fields somebody manages."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_of(inner, name=key) for key, inner in value.items()}
    keys = _LIST_KEYS.get(name)
    if not isinstance(value, list) or keys is None or not all(keys[0] in element for element in value):
        return {}
    fields: dict[str, Any] = {".": {}}
    for element in value:
        label = compact({key: element[key] for key in keys if key in element})
        fields["k:" + label] = {".": {}, **fields_of(element)}
    return fields


def managed(
    who: str, when: str, what: Any, *, api_version: str = "v1", status: bool = False
) -> dict[str, Any]:
    """One entry of `metadata.managedFields`."""
    entry = {
        "manager": who,
        "operation": "Update",
        "apiVersion": api_version,
        "time": when,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields_of(what),
    }
    return {**entry, "subresource": "status"} if status else entry
