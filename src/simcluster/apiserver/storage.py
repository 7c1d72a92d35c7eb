"""Get and list: one object, all of a resource, or a page of them, in the forms that clients ask for."""

from __future__ import annotations

import base64
import bisect
import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.apiserver import api_errors, negotiation, selectors, table_printer, watch_cache
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcluster import apiobjects

_KEPT_BODIES = 64


class ListOptions:
    """The checked options of a list or watch request; StatusError 400 for options that make no sense."""

    __slots__ = (
        "field_text",
        "fields",
        "label_text",
        "labels",
        "limit",
        "match",
        "namespace",
        "resource",
        "token",
        "version",
    )

    def __init__(self, resource: apiobjects.Resource, namespace: str, request: messages.Request) -> None:
        options = request.query
        self.resource = resource
        self.namespace = namespace
        self.label_text = options.get("labelSelector", "")
        self.field_text = options.get("fieldSelector", "")
        self.labels, self.fields = parse_selectors(request, resource.key)
        self.token = options.get("continue", "")
        self.limit = _parse_number(options.get("limit", ""))
        self.match = options.get("resourceVersionMatch", "")
        self.version = options.get("resourceVersion", "")
        self._check_versions(watching=request.flag("watch"), initial=request.flag("sendInitialEvents"))

    def _check_versions(self, *, watching: bool, initial: bool) -> None:
        """StatusError in the real server's words if the versions asked for make no sense."""
        match = self.match
        if match not in {"", "Exact", "NotOlderThan"}:
            raise api_errors.invalid_option(
                f'Unsupported value: "{match[:100]}": supported values: "Exact", "NotOlderThan", ""',
                reason="FieldValueNotSupported",
            )
        if initial and match != "NotOlderThan":
            raise api_errors.invalid_option(
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            )
        if match and not self.version and not initial:
            raise api_errors.invalid_option(
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        if match == "Exact" and self.version == "0":
            raise api_errors.invalid_option(
                'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            )
        if self.version and not (self.version.isascii() and self.version.isdigit()):
            text = self.version[:100]
            why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
            message = f'resourceVersion: Invalid value: "{text}": {why}'
            if watching:
                raise api_errors.StatusError(500, "", message)
            raise api_errors.bad_request(f"invalid resource version: {message}")
        if self.token and self.version not in {"", "0"}:
            raise api_errors.bad_request("specifying resource version is not allowed when using continue")

    def matches(self, item: apiobjects.Item) -> bool:
        """Whether `item` is in the namespace and matches the selectors."""
        if self.namespace and item.namespace != self.namespace:
            return False
        if self.labels and not self.labels.matches(item.labels):
            return False
        return not self.fields or self.fields.matches(item.fields)


def parse_selectors(
    request: messages.Request, kind: str
) -> tuple[selectors.Selector, selectors.FieldSelector]:
    """The label and field selector of a request for resources of `kind`; StatusError 400 if one is none."""
    try:
        labels = selectors.parse_labels(request.query.get("labelSelector", ""))
        return labels, selectors.parse_fields(request.query.get("fieldSelector", ""), kind)
    except selectors.SelectorError as error:
        raise api_errors.bad_request(str(error)) from error


def _parse_number(text: str) -> int:
    if not text:
        return 0
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise api_errors.bad_request(f'strconv.ParseInt: parsing "{text[:100]}": invalid syntax')
    return max(int(text), 0)


class Page(NamedTuple):
    """Part of a list: its entries, the version of the whole list, and the token of the next page."""

    entries: Sequence[watch_cache.Entry]
    version: int
    token: str = ""
    remaining: int | None = None

    def metadata(self) -> dict[str, Any]:
        """ListMeta."""
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if self.token:
            metadata["continue"] = self.token
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        return metadata


class Storage:
    """Answers get and list from a watch cache. Bodies of whole lists are kept until their objects change."""

    def __init__(self, objects: watch_cache.WatchCache) -> None:
        self._store = objects
        self._lock = threading.Lock()
        self._bodies: dict[tuple[str, ...], tuple[int, messages.Body]] = {}

    def find(self, resource: apiobjects.Resource, namespace: str, name: str) -> watch_cache.Entry:
        """The object of that name; StatusError 404 without one."""
        key = f"{namespace}/{name}" if resource.namespaced else name
        entry = self._store.current(resource.key).find(key)
        if entry is None:
            raise api_errors.not_found(resource.plural, resource.group, name)
        return entry

    def read(self, query: ListOptions) -> Page:
        """The page that `query` asks for; StatusError 410 if it continues a list that is no longer kept."""
        start, snapshot = self._snapshot(query)
        entries = snapshot.within(query.namespace) if query.namespace else snapshot.entries
        if start:
            entries = entries[bisect.bisect_right(entries, start, key=lambda entry: entry.key) :]
        # As the real server does: version 0 means "from the cache, whatever it has", and that is not paged.
        limit = 0 if query.version == "0" and not query.token else query.limit
        if not query.labels and not query.fields:
            if not limit or len(entries) <= limit:
                return Page(entries, snapshot.version)
            token = _encode_token(snapshot.version, entries[limit - 1].key)
            return Page(entries[:limit], snapshot.version, token=token, remaining=len(entries) - limit)
        chosen: list[watch_cache.Entry] = []
        for entry in entries:
            if query.matches(entry.item):
                if limit and len(chosen) == limit:
                    return Page(
                        chosen, snapshot.version, token=_encode_token(snapshot.version, chosen[-1].key)
                    )
                chosen.append(entry)
        return Page(chosen, snapshot.version)

    def _snapshot(self, query: ListOptions) -> tuple[str, watch_cache.Snapshot]:
        key = query.resource.key
        if query.token:
            version, start = _decode_token(query.token)
            if version < 0:
                return start, self._store.current(key)
            snapshot = self._store.at(key, version)
            if snapshot is None:
                raise api_errors.continue_expired(_encode_token(-1, start))
            return start, snapshot
        wanted = int(query.version or "0")
        if wanted > self._store.version:
            raise api_errors.too_large_version(wanted, self._store.version)
        if query.match == "Exact" and wanted:
            snapshot = self._store.at(key, wanted)
            if snapshot is None:
                raise api_errors.list_expired()
            return "", snapshot
        return "", self._store.current(key)

    def list_body(self, query: ListOptions) -> messages.Body:
        """The list as plain JSON."""
        if query.limit or query.token or query.match == "Exact":
            return encode_list(query.resource, self.read(query))
        key = (query.resource.key, query.namespace, query.label_text, query.field_text)
        state = self._store.state(query.resource.key)
        kept = self._bodies.get(key)
        if kept is not None and kept[0] == state and int(query.version or "0") <= state:
            return kept[1]
        page = self.read(query)
        body = encode_list(query.resource, page)
        with self._lock:
            self._bodies.pop(key, None)
            if len(self._bodies) >= _KEPT_BODIES:
                del self._bodies[next(iter(self._bodies))]
            self._bodies[key] = (page.version, body)
        return body

    def table_body(
        self, query: ListOptions, form: negotiation.Form, include: str, *, now: float
    ) -> messages.Body:
        """The list as a Table."""
        page = self.read(query)
        table = table_printer.build(
            query.resource,
            page.entries,
            metadata=page.metadata(),
            version=form.version,
            include=include,
            now=now,
        )
        return messages.Body((api_errors.encode(table), b"\n"))

    def metadata_body(self, query: ListOptions, form: negotiation.Form) -> messages.Body:
        """The list as PartialObjectMetadataList."""
        page = self.read(query)
        items = [table_printer.partial(entry, version=form.version) for entry in page.entries]
        whole = {
            "kind": "PartialObjectMetadataList",
            "apiVersion": f"meta.k8s.io/{form.version}",
            "metadata": page.metadata(),
            "items": items,
        }
        return messages.Body((api_errors.encode(whole), b"\n"))


def encode_list(resource: apiobjects.Resource, page: Page) -> messages.Body:
    """A page as plain JSON; the objects' bytes are shared with the store, not copied."""
    metadata = api_errors.encode(page.metadata()).decode()
    head = f'{{"kind":"{resource.kind}List","apiVersion":"{resource.api_version}",'
    head += f'"metadata":{metadata},"items":['
    parts: list[bytes] = [head.encode()]
    opening = b"{"
    for entry in page.entries:
        parts.append(opening)
        parts.append(entry.tail())
        opening = b",{"
    parts.append(b"]}\n")
    return messages.Body(parts)


def _encode_token(version: int, key: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": f"{key}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_token(token: str) -> tuple[int, str]:
    content = b""
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        value = json.loads(content)
        version, start = value["rv"], value["start"]
    except (ValueError, KeyError, TypeError) as error:
        raise api_errors.bad_request(
            f"invalid continue token: continue key is not valid: {_go_error(content)}"
        ) from error
    if not isinstance(version, int) or not isinstance(start, str) or value.get("v") != "meta.k8s.io/v1":
        raise api_errors.bad_request(
            "continue key is not valid: server does not recognize this encoded version"
        )
    return version, start.rstrip("\0")


def _go_error(content: bytes) -> str:
    """What Go says of a text that is no JSON object."""
    if not content:
        return "illegal base64 data at input byte 0"
    first = chr(content[0]) if 0x20 <= content[0] < 0x7F else f"\\u{content[0]:04x}"
    return f"invalid character '{first}' looking for beginning of value"
