"""Content negotiation: which form of a response an Accept header asks for."""

from __future__ import annotations

from typing import NamedTuple

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"


class Form(NamedTuple):
    """The form of a response. `kind` is json, protobuf, table or metadata; `version` is that of
    meta.k8s.io.
    """

    kind: str
    version: str = "v1"


PLAIN = Form("json")
_WILD = {"*/*", "application/*", JSON}


def choose(accept: str, *, protobuf: bool = False, lists: bool = True) -> Form | None:
    """The first acceptable clause, or None. `protobuf` says whether that form is supported here."""
    if not accept.strip():
        return PLAIN
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        transformed = values.get("as")
        if media == PROTOBUF:
            if protobuf and transformed is None:
                return Form("protobuf")
            continue
        if media not in _WILD:
            continue
        if transformed is None:
            return PLAIN
        if values.get("g") != "meta.k8s.io" or values.get("v") not in {"v1", "v1beta1"}:
            continue
        if transformed == "Table":
            return Form("table", values["v"])
        if transformed == ("PartialObjectMetadataList" if lists else "PartialObjectMetadata"):
            return Form("metadata", values["v"])
    return None
