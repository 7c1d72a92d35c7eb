"""Makes recorded answers fit to be kept: no secret in them, and nothing that only this run of a cluster had.

Random names, uids, addresses, times and versions become the same ones in each run, so that a second
recording differs where the API server does. Of `managedFields`, which nobody here reads and which are most
of an object, only the outline stays. Pure, but for remembering what it has called how.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TIME = "2026-01-02T03:04:05Z"
WINDOW = "10.012s"
VERSION = 1000
_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])")
_ADDRESS = re.compile(r"\b10\.\d{1,3}\.\d{1,3}\.\d{1,3}\b")
_EVENT = re.compile(r"(?<=\.)[0-9a-f]{16}\b")
_PLAIN = (
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----\n?", re.DOTALL), "(a certificate)\n"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+\.[\w-]+"), "(a token)"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), TIME.replace("Z", ".000000Z")),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), TIME),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "6443"),
    (re.compile(r"(?<=localhost:)\d+"), "6443"),
    (re.compile(r"(?<=X509SHA256=)[0-9a-f]{64}"), "0" * 64),
    (re.compile(r"(?<=\[::1\]:)\d+"), "6443"),
    (re.compile(r"(?<=kube-api-access-)[a-z0-9]{5}\b"), "aaaaa"),
    (re.compile(r"(?<=too old resource version: )(\d+) \(\d+\)"), rf"\1 ({VERSION})"),
    (re.compile(r"(?<=, current: )\d+"), str(VERSION)),
    (re.compile(r'(?<=resourceVersion: ")\d+'), str(VERSION)),  # in YAML
)
_SECRETS = {"caBundle": base64.b64encode(b"(a certificate)\n").decode(), "token": "(a token)"}
_PORTS = range(20_000, 30_000)  # those that the servers of a test listen on
_AGES = {"Age", "Duration", "Last Schedule", "First Seen", "Last Seen"}


class Scrubber:
    """Scrubs the answers of one recording. `words` are replaced wherever they stand, longest first."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = sorted(words.items(), key=lambda pair: -len(pair[0]))
        self._uuids: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._events: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text without what is secret or accidental."""
        for word, stable in self._words:
            text = text.replace(word, stable)
        for pattern, stable in _PLAIN:
            text = pattern.sub(stable, text)
        text = _UUID.sub(
            lambda match: _number(self._uuids, match[0], "00000000-0000-4000-8000-{:012d}"), text
        )
        text = _ADDRESS.sub(lambda match: _number(self._addresses, match[0], "10.0.0.{}"), text)
        return _EVENT.sub(lambda match: _number(self._events, match[0], "{:016x}"), text)

    def document(self, value: Any) -> Any:
        """A decoded body: all versions in it become one, for which object was last touched is an accident."""
        return self._value(value, "", {})

    def events(self, events: list[Any]) -> list[Any]:
        """The events of a watch: their versions become small numbers in the same order."""
        found = sorted(set(_versions(events)))
        ranks = {version: VERSION + rank for rank, version in enumerate(found)}
        return [self._value(event, "", ranks) for event in events]

    def _value(self, value: Any, key: str, ranks: Mapping[int, int]) -> Any:
        if isinstance(value, dict):
            if value.get("kind") == "Table":
                value = _steady_table(value)
            if key == "usage" and "cpu" in value:
                value = {**value, "cpu": _steady_cpu(value["cpu"])}
            return {self.text(each): self._value(part, each, ranks) for each, part in value.items()}
        if isinstance(value, list):
            if key == "managedFields":
                value = _outlines(value)
            elif key in {"resourceRules", "nonResourceRules"}:  # which come in any order
                value = sorted(value, key=str)
            elif key == "containers" and "usage" in value[0]:
                value = sorted(value, key=lambda container: container["name"])
            return [self._value(part, key, ranks) for part in value]
        if not isinstance(value, str) or not value:
            return 6443 if key.lower() == "port" and value in _PORTS else value
        if key in _SECRETS:
            return _SECRETS[key]
        if key == "window":
            return WINDOW
        if key == "resourceVersion" and value.isdigit() and value != "0":
            return str(ranks.get(int(value), VERSION))
        if key == "continue" and (token := decode_token(value)):
            token["start"] = self.text(token["start"])
            return encode_token(token, version=VERSION if token["rv"] > 0 else token["rv"])
        return self.text(value)


def _number(known: dict[str, str], found: str, form: str) -> str:
    return known.setdefault(found, form.format(len(known) + 1))


def _versions(value: Any) -> Iterable[int]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "resourceVersion" and isinstance(part, str) and part.isdigit() and int(part):
                yield int(part)
            else:
                yield from _versions(part)
    elif isinstance(value, list):
        for part in value:
            yield from _versions(part)


def decode_token(text: Any) -> dict[str, Any]:
    """What is in a continue token; nothing if it is none."""
    try:
        token = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (TypeError, ValueError, binascii.Error):
        return {}
    return token if isinstance(token, dict) and isinstance(token.get("rv"), int) else {}


def encode_token(token: Mapping[str, Any], *, version: int) -> str:
    """The token, but for another version of the list."""
    shown = json.dumps({**token, "rv": version}, separators=(",", ":"))
    return base64.urlsafe_b64encode(shown.encode()).decode().rstrip("=")


def _outlines(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of managedFields by manager, with the first level of fields: `f:metadata`, `f:spec`."""
    outlines = [
        {**entry, "fieldsV1": {field: {} for field in entry.get("fieldsV1", {})}} for entry in entries
    ]
    return sorted(
        outlines, key=lambda entry: (entry["manager"], entry["operation"], entry.get("subresource", ""))
    )


def _steady_table(table: dict[str, Any]) -> dict[str, Any]:
    """The table as if all in it were a minute old, and usage exactly what the pods' annotations say."""
    titles = [each["name"] for each in table.get("columnDefinitions") or ()]
    rows = [
        {**row, "cells": [_steady_cell(*pair) for pair in zip(titles, row["cells"], strict=False)]}
        for row in table.get("rows") or ()
    ]
    return {**table, "rows": rows}


def _steady_cell(title: str, cell: Any) -> Any:
    if title in _AGES and str(cell)[:1].isdigit():
        return "60s"
    if title == "Window":
        return WINDOW
    return _steady_cpu(cell) if title == "cpu" else cell


def _steady_cpu(cpu: str) -> str:
    """Nanocores rounded to what was asked for, with an end that is the same in each run."""
    return f"{round(int(cpu[:-1]) / 1_000_000)}012345n" if cpu.endswith("n") else cpu
