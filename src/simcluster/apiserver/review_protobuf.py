"""Review requests in Kubernetes' protobuf form, as newer kubectls send them, decoded into plain data.

Only the fields that the reviews need are read; their numbers are those of the public .proto files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"k8s\0"

# Field number to (name, schema of the message in it); a schema of None is a string, a list means repeated.
_Schema = dict[int, tuple[str, Any]]
_RESOURCE: _Schema = {
    number: (name, None)
    for number, name in enumerate(
        ("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1
    )
}
_PATH: _Schema = {1: ("path", None), 2: ("verb", None)}
_SUBJECT: _Schema = {
    1: ("resourceAttributes", _RESOURCE),
    2: ("nonResourceAttributes", _PATH),
    3: ("user", None),
    4: ("groups", []),
}
_SPECS: dict[str, _Schema] = {
    "SelfSubjectReview": {},
    "TokenReview": {1: ("token", None)},
    "SelfSubjectRulesReview": {1: ("namespace", None)},
    "SelfSubjectAccessReview": _SUBJECT,
    "SubjectAccessReview": _SUBJECT,
    "LocalSubjectAccessReview": _SUBJECT,
}
_ENVELOPE: _Schema = {1: ("meta", {1: ("apiVersion", None), 2: ("kind", None)}), 2: ("raw", b"")}


def read_review(body: bytes) -> dict[str, Any]:
    """`body` decoded as its JSON form would be; ValueError if it is no known message."""
    if not body.startswith(MAGIC):
        raise ValueError("no magic bytes")
    envelope = _read(body[len(MAGIC) :], _ENVELOPE)
    meta = envelope.get("meta", {})
    kind = meta.get("kind", "")
    if kind not in _SPECS:
        raise ValueError("unknown kind")
    message = _read(envelope.get("raw", b""), {2: ("spec", _SPECS[kind])})
    return {"kind": kind, "apiVersion": meta.get("apiVersion", ""), "spec": message.get("spec", {})}


def _read(data: bytes, schema: _Schema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        if number not in schema:
            continue
        name, inner = schema[number]
        if inner is None:
            found[name] = value.decode()
        elif isinstance(inner, bytes):
            found[name] = value
        elif isinstance(inner, list):
            found.setdefault(name, []).append(value.decode())
        else:
            found[name] = _read(value, inner)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields; numbers are passed over."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            _, place = _varint(data, place)
        elif tag & 7 == 2:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise ValueError("cut short")
            yield tag >> 3, data[place : place + length]
            place += length
        else:
            raise ValueError("unexpected wire type")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(data) and shift < 64:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
    raise ValueError("bad number")
