"""The routes: from a request to ready bytes. A request never touches the cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette import responses

from kubevitals import sanitize
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import negotiation
from kubevitals.surfaces.web import page, problemdetails, queries, renderer, servicestatus, stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence

    from starlette import requests

    from kubevitals import collector
    from kubevitals.surfaces.view import recorderstatus
    from kubevitals.surfaces.web import answercache, scrapecache

    Endpoint = Callable[[requests.Request], Awaitable[responses.Response]]

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
_PART = 256 << 10  # bytes that are handed to a connection at once
_REMEMBERED = 512  # queries that need not be read again
_NO_STORE = {"cache-control": "no-store"}


class Api:
    """The endpoints over the cached answers of each cluster."""

    def __init__(
        self,
        caches: Mapping[str, answercache.ClusterCache],
        *,
        hub: stream.Hub,
        scrape_cache: scrapecache.ScrapeCache,
        recorded: Callable[[], recorderstatus.RecorderStatus],
    ) -> None:
        self._caches = caches
        self._sources: dict[str, collector.Collector] = {name: cache.source for name, cache in caches.items()}
        self._hub = hub
        self._scrapes = scrape_cache
        self._recorded = recorded
        self._queries: dict[tuple[str, str, bytes, tuple[str, ...]], queries.Query] = {}

    # --- answers made of a snapshot

    def endpoint(self, route: str, kind: str) -> Endpoint:
        """Return the endpoint of a list, of single objects, of names or of problems."""

        async def answer(request: requests.Request) -> responses.Response:
            path = (
                tuple(str(request.path_params[key]) for key in renderer.PATHS[kind]) if route == "one" else ()
            )
            query = self._parse(route, kind, request.scope["query_string"], path)
            name, cache = self._choose(query.cluster)
            if kind == "clusters":
                return _json(_encode_names(self._caches))
            current = cache.current
            if current is None:
                raise self._no_snapshot(name)
            zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
            cache.note(query, zipped=zipped)
            made = await current.find(query, zipped=zipped)
            return respond(request, made, zipped=zipped, age=cache.source.status().age_seconds)

        return answer

    def _parse(self, route: str, kind: str, text: bytes, path: tuple[str, ...]) -> queries.Query:
        key = (route, kind, text, path)
        query = self._queries.get(key)
        if query is None:
            query = queries.parse(route, kind, text, path)
            if len(self._queries) >= _REMEMBERED:
                self._queries.clear()
            self._queries[key] = query
        return query

    def _choose(self, name: str | None) -> tuple[str, answercache.ClusterCache]:
        """Return the cache of that cluster; of the first where none is named."""
        if name is None:
            return next(iter(self._caches.items()))
        if name not in self._caches:
            raise problemdetails.bad_word("cluster", name, self._caches)
        return name, self._caches[name]

    def _no_snapshot(self, name: str) -> problemdetails.Refusal:
        source = self._sources[name]
        error = source.status().last_error
        reason = error.message if error is not None else "nodes and pods are being listed"
        remedy = error.remedy if error is not None else None
        return problemdetails.no_snapshot(name, reason, remedy, retry_seconds=min(source.interval, 15.0))

    # --- the service about itself

    async def status(self, request: requests.Request) -> responses.Response:
        """How the service is doing."""
        query = self._parse("status", "", request.scope["query_string"], ())
        sources = self._sources
        if query.cluster is not None:
            name, _ = self._choose(query.cluster)
            sources = {name: sources[name]}
        # In a thread, for it looks at the disk, and disks can hang.
        return _json(servicestatus.make_status(sources, await asyncio.to_thread(self._recorded)))

    async def stream(self, request: requests.Request) -> Any:
        """An event a snapshot."""
        query = self._parse("status", "", request.scope["query_string"], ())
        if query.cluster is not None:
            self._choose(query.cluster)
        return self._hub.open([query.cluster] if query.cluster is not None else list(self._caches))

    async def metrics(self, request: requests.Request) -> responses.Response:
        """The exposition for Prometheus."""
        wanted = negotiation.wants_openmetrics(request.headers.get("accept"))
        zipped = negotiation.wants_gzip(request.headers.get("accept-encoding"))
        parts = await self._scrapes.find(openmetrics=wanted, gzip=zipped)
        headers = {
            **_NO_STORE,
            "content-type": exposition.OPENMETRICS if wanted else exposition.TEXT,
            "vary": "accept, accept-encoding",
            **({"content-encoding": "gzip"} if zipped else {}),
        }
        return Parts(parts, headers=headers)

    async def livez(self, _: requests.Request) -> responses.Response:
        """Whether it ticks."""
        return _probe(servicestatus.not_live(self._sources))

    async def readyz(self, _: requests.Request) -> responses.Response:
        """Whether it has a snapshot that is not older than it may be."""
        return _probe(servicestatus.not_ready(self._sources))

    async def page(self, request: requests.Request) -> responses.Response:
        """The page with links to everything."""
        content = page.render(
            {name: _show(source) for name, source in self._sources.items()},
            recorded=await asyncio.to_thread(self._recorded),
            place=request.headers.get("host", ""),
            tls=request.url.scheme == "https",
            token="authorization" in request.headers,
        )
        return responses.Response(content, media_type=HTML, headers=_NO_STORE)

    async def style(self, _: requests.Request) -> responses.Response:
        """The page's style sheet."""
        return responses.Response(page.STYLE, media_type=CSS, headers={"cache-control": "max-age=3600"})


class Parts(responses.Response):
    """An answer that is sent a part at a time: what a client has not taken yet is not copied for it."""

    def __init__(self, parts: Sequence[bytes], *, headers: dict[str, str]) -> None:
        self._parts = parts
        length = str(sum(map(len, parts)))
        super().__init__(headers={**headers, "content-length": length})

    async def __call__(self, scope: MutableMapping[str, Any], _: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for part in self._parts:
                for start in range(0, len(part), _PART):
                    content = part if len(part) <= _PART else part[start : start + _PART]
                    await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _encode_names(names: Mapping[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(list(names))


def _json(content: bytes) -> responses.Response:
    return responses.Response(content, media_type=renderer.JSON, headers=_NO_STORE)


def _show(source: collector.Collector) -> page.ClusterState:
    published = source.latest
    return page.ClusterState(source.status(), published and published.snapshot, source.namespace)


def _probe(reasons: list[str]) -> responses.Response:
    text = "\n".join(sanitize.shorten(reason, 300) for reason in reasons) or "ok"
    return responses.Response(
        text + "\n", status_code=503 if reasons else 200, media_type=PLAIN, headers=_NO_STORE
    )


def respond(
    request: requests.Request,
    made: answercache.Representation,
    *,
    zipped: bool,
    age: float | None = None,
) -> responses.Response:
    """Return the ready bytes, or 304 where the client has them."""
    zipped = zipped and made.zipped is not None
    etag = made.gzip_etag if zipped else made.etag
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if age is not None:
        headers["age"] = str(int(age))
    if made.total is not None:
        headers["x-total-count"] = str(made.total)
    if _has(request.headers.get("if-none-match"), made):
        return responses.Response(status_code=304, headers=headers)
    if zipped:
        headers["content-encoding"] = "gzip"
    headers["content-type"] = made.media_type
    parts = [made.zipped] if zipped and made.zipped is not None else made.plain or []
    if sum(map(len, parts)) <= _PART:
        return responses.Response(b"".join(parts), headers=headers)
    return Parts(parts, headers=headers)


def _has(given: str | None, made: answercache.Representation) -> bool:
    """Return whether If-None-Match names the answer in either coding, or any with a star."""
    if not given:
        return False
    tags = {each.strip().removeprefix("W/") for each in given.split(",")}
    return "*" in tags or made.etag in tags or made.gzip_etag in tags
