"""A plain HTTPS JSON client of one API server, for what tests have to set up.

It shares no code with kubevitals on purpose: what is under test must not be what prepares the test.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import ssl
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class ApiError(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, text: str, *, request: str) -> None:
        super().__init__(f"{request}: {status} {text[:500]}")
        self.status = status
        self.text = text


class Client:
    """Requests as one user, who is known by a client certificate or by a token. One connection a thread."""

    def __init__(
        self,
        port: int,
        *,
        authority: Path,
        certificate: tuple[Path, Path] | None = None,
        token: str | None = None,
    ) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(authority))
        if certificate is not None:
            self._tls.load_cert_chain(*certificate)
        self._headers = {"Accept": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        self._local = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    def raw(
        self, method: str, path: str, *, body: bytes | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """One request, any answer: its status and body.

        Raises:
            OSError: if there is no answer.
        """
        headers = self._headers | ({"Content-Type": content_type} if body is not None else {})
        try:
            return self._once(method, path, body, headers)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.BadStatusLine):
            return self._once(method, path, body, headers)  # the kept connection was one of a server now gone
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=60)
            self._local.connection = connection
            self._connections.append(connection)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()  # it opens anew at the next request
            raise

    def json(
        self, method: str, path: str, body: Object | None = None, *, content_type: str = "application/json"
    ) -> Any:
        """One request with an object, and the object of the answer.

        Raises:
            ApiError: for a status of 400 and more.
        """
        data = None if body is None else json.dumps(body).encode()
        status, answer = self.raw(method, path, body=data, content_type=content_type)
        if status >= 400:
            raise ApiError(status, answer.decode(errors="replace"), request=f"{method} {path}")
        return json.loads(answer)

    def get(self, path: str) -> Any:
        """The object at a path."""
        return self.json("GET", path)

    def answers(self, path: str) -> bool:
        """Whether a GET gives 200; no connection is a no."""
        try:
            return self.raw("GET", path)[0] == 200
        except OSError:
            return False

    def create(self, thing: Object) -> Any:
        """POST an object to the collection of its kind."""
        return self.json("POST", self.collection(thing), thing)

    def apply(self, *things: Object) -> None:
        """Create each object, or bring the existing one to what is given (server-side apply)."""
        for thing in things:
            name = urllib.parse.quote(thing["metadata"]["name"])
            path = f"{self.collection(thing)}/{name}?fieldManager=e2e&force=true"
            self.json("PATCH", path, thing, content_type=APPLY)

    def delete(self, thing: Object) -> None:
        """Delete an object; none there is fine."""
        try:
            self.json("DELETE", f"{self.collection(thing)}/{urllib.parse.quote(thing['metadata']['name'])}")
        except ApiError as error:
            if error.status != 404:
                raise

    def collection(self, thing: Object) -> str:
        """The path of the list that the object belongs to, as the server's discovery says."""
        version, kind = thing["apiVersion"], thing["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._kinds:
            for resource in self.get(root)["resources"]:
                if "/" not in resource["name"]:
                    self._kinds[version, resource["kind"]] = resource["name"], resource["namespaced"]
        plural, namespaced = self._kinds[version, kind]
        if not namespaced:
            return f"{root}/{plural}"
        namespace = thing["metadata"].get("namespace", "default")
        return f"{root}/namespaces/{namespace}/{plural}"


def in_parallel(
    client: Client, action: Callable[[Client, Object], Any], things: Iterable[Object], *, threads: int = 8
) -> None:
    """Call `action(client, thing)` for all things from some threads; the first failure is raised."""
    queue = iter(list(things))
    lock = threading.Lock()

    def work() -> None:
        for thing in _shared(queue, lock):
            action(client, thing)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work) for _ in range(threads)]:
            future.result()


def _shared(queue: Iterator[Object], lock: threading.Lock) -> Iterator[Object]:
    while True:
        with lock:
            try:
                thing = next(queue)
            except StopIteration:
                return
        yield thing


def parse_manifests(text: str) -> Sequence[Object]:
    """The objects of a YAML stream."""
    import yaml

    return [thing for thing in yaml.safe_load_all(text) if thing]
