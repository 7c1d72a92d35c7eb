"""What checks ask the cluster through: reads alone, each once, counted and bounded.

Objects are decoded JSON: `diagnosis.dig` reads them whatever their shape. A list is read up to a bound, and
`Listing.more` says that there was more.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import quote

from kubevitals import cpython, errors
from kubevitals.doctor import diagnosis
from kubevitals.kube import accessreview, resourceattributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple

    from kubevitals.kube import client as kube_client
    from kubevitals.promql import client as promql_client

    Right = resourceattributes.ResourceAttributes
else:
    from kubevitals.namedtuple import NamedTuple

MOST_OBJECTS = 1000  # of one list; more are sampled
MOST_REQUESTS = 300
_PAGE = 500


class BoundError(errors.ClusterError):
    """The examination has used up its time or its requests."""

    code = "examination_bound"


class Listing(NamedTuple):
    """A list as far as it was read; `more` is how many objects were left out (0: none)."""

    items: tuple[dict[str, Any], ...]
    more: int = 0


class Context:
    """The cluster as checks see it. Threads share it; equal questions are asked once.

    `namespace` limits what is looked at to one namespace, `probe` lets ports of nodes and pods be asked. `timeout` bounds each request, `deadline` (of
    `clock`) all of them together.
    """

    def __init__(
        self,
        client: kube_client.Client,
        *,
        namespace: str = "",
        timeout: float = 5.0,
        deadline: float = float("inf"),
        max_nodes: int = 20,
        probe: bool = False,
        prometheus: promql_client.Prometheus | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.namespace = namespace
        self.max_nodes = max_nodes
        self.probe = probe
        self.given_prometheus = prometheus
        self.wall = wall
        self._timeout = timeout
        self._deadline = deadline
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[Any, threading.Event] = {}
        self._kept: dict[Any, Any] = {}
        self.requests = 0
        self.reviews = 0

    # --- asking

    def json(self, path: str, query: tuple[tuple[str, str], ...] = ()) -> Any:
        """GET a path and return the decoded JSON.

        Raises:
            errors.ClusterError: it was refused, or the bounds of the examination are reached.
        """
        return self._once(("json", path, query), lambda: self._json(path, query))

    def get(self, path: str, query: tuple[tuple[str, str], ...] = ()) -> Any:
        """Return the same, None where there is no such thing (404)."""
        try:
            return self.json(path, query)
        except errors.NotFoundError:
            return None

    def text(self, path: str, query: tuple[tuple[str, str], ...] = ()) -> str:
        """GET a path and return its text. Raises as `json`."""
        return str(
            self._once(
                ("text", path, query),
                lambda: self._fetch(path, query, accept="*/*").decode("utf-8", "replace"),
            )
        )

    def listing(self, path: str, *, selector: str = "", most: int = MOST_OBJECTS) -> Listing:
        """Return the objects of a list up to a bound; empty where the cluster has no such resource (404).

        With a namespace in `context`, put it into the path by `within`. Raises as `json`.
        """
        found: Listing = self._once(
            ("list", path, selector, most), lambda: self._read_list(path, selector, most)
        )
        return found

    def within(self, base: str, resource: str) -> str:
        """Return the path of a list: of the one namespace that is looked at, or of all."""
        middle = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{base}{middle}/{resource}"

    def log(
        self, pod: dict[str, Any], *, container: str = "", previous: bool = False, lines: int = 200
    ) -> list[str]:
        """Return the last lines of a pod's log; none where there is none, or it may not be read."""
        namespace, name = (
            diagnosis.text(pod, "metadata", "namespace"),
            diagnosis.text(pod, "metadata", "name"),
        )
        if not self.allows("get", "pods/log", namespace=namespace):
            return []
        query = [("tailLines", str(lines)), ("limitBytes", "65536")]
        query += [("container", container)] if container else []
        query += [("previous", "true")] if previous else []
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}/log"
        try:
            return self.text(path, tuple(query)).splitlines()
        except errors.KubevitalsError:
            return []

    # --- rights

    def allows(
        self, verb: str, resource: str, *, group: str = "", namespace: str = "", name: str = ""
    ) -> bool:
        """Return whether the account may do that; where the cluster does not say, only trying tells: True."""
        return self.may(resourceattributes.ResourceAttributes(verb, resource, group, namespace, name))

    def may(self, right: Right) -> bool:
        """Return the same for a right in one piece. Each is asked once."""
        return bool(self._once(("right", right[:5]), lambda: self._review(right)))

    def _review(self, right: Right) -> bool:
        if "*" in right.resource:
            return True
        self._count(review=True)
        try:
            return accessreview.is_allowed(self.client, right) is not False
        except errors.ClusterError:
            return True

    # --- below

    def _json(self, path: str, query: tuple[tuple[str, str], ...]) -> Any:
        body = self._fetch(path, query, accept="application/json")
        try:
            return cpython.parse_json(body)
        except (ValueError, RecursionError) as error:
            raise errors.NotJSONError("the answer is not JSON", request=f"GET {path}") from error

    def _read_list(self, path: str, selector: str, most: int) -> Listing:
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            query = [("limit", str(min(_PAGE, most - len(items))))]
            query += [("labelSelector", selector)] if selector else []
            query += [("continue", token)] if token else []
            try:
                page = self._json(path, tuple(query))
            except errors.NotFoundError:
                return Listing(tuple(items))
            items += diagnosis.objects(page, "items")
            token = diagnosis.text(page, "metadata", "continue")
            if not token or len(items) >= most:
                left = diagnosis.dig(page, "metadata", "remainingItemCount")
                more = left if isinstance(left, int) and left > 0 else 1
                return Listing(tuple(items), more if token else 0)

    def _fetch(self, path: str, query: tuple[tuple[str, str], ...], *, accept: str) -> bytes:
        self._count()
        left = min(self._timeout, self._deadline - self._clock())
        return self.client.fetch(path, query, accept=accept, retry=False, timeout=max(left, 0.05))

    def _count(self, *, review: bool = False) -> None:
        with self._lock:
            if self._clock() >= self._deadline:
                raise BoundError("the examination ran out of time", remedy="give it more: --timeout 60s")
            if self.requests + self.reviews >= MOST_REQUESTS:
                raise BoundError("the examination has made as many requests as it may")
            if review:
                self.reviews += 1
            else:
                self.requests += 1

    def _once(self, key: Any, ask: Callable[[], Any]) -> Any:
        """Return the answer to a question that is asked once, whoever asks first; errors are answers too."""
        with self._lock:
            waiting = self._pending.get(key)
            first = waiting is None
            if waiting is None:
                waiting = self._pending[key] = threading.Event()
        if first:
            try:
                self._kept[key] = ask()
            except Exception as error:  # noqa: BLE001 kept for everybody who asks the same, and raised below
                self._kept[key] = error
            waiting.set()
        else:
            waiting.wait()
        kept = self._kept[key]
        if isinstance(kept, Exception):
            raise kept
        return kept
