"""The answer to a request, whose body is read from its connection."""

from __future__ import annotations

from kubevitals.kube.http import body as bodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import head as heads
    from kubevitals.kube.http import request as requests


class Response:
    """Status, reason and headers of an answer (names in lower case); its body is still to be read, once.

    One thread reads it. Whoever does not read it to its end closes it.
    """

    __slots__ = ("_connection", "_head", "_release", "_request", "headers", "reason", "status")

    def __init__(
        self,
        head: heads.Head,
        connection: connections.Connection,
        *,
        request: requests.Request,
        release: Callable[[connections.Connection], None],
    ) -> None:
        """`release` takes the connection back when the body has been read."""
        self.status = head.status
        self.reason = head.reason
        self.headers = head.headers
        self._head = head
        self._connection = connection
        self._request = request
        self._release = release

    def read(self, *, read_timeout: float, limit: int = bodies.LIMIT, deadline: float | None = None) -> bytes:
        """Return the whole body, decompressed, and release the connection.

        Args:
            read_timeout: the longest silence, in seconds.
            limit: bytes of the body, decompressed.
            deadline: by the pool's clock, when all of it has to be there.

        Raises:
            errors.ClusterError: the body did not arrive, or cannot be read.
        """
        connection = self._connection
        with connection.translated(self._request, read_timeout):
            content = bodies.read(
                connection, self._head, read_timeout=read_timeout, limit=limit, deadline=deadline
            )
        self._release(connection)
        return content

    def read_lines(self, *, read_timeout: float) -> Iterator[bytes]:
        """Yield each line of the body as it arrives, without its line break; then close the connection.

        `read_timeout` is the longest silence, in seconds. Raises as `read`.
        """
        connection = self._connection
        with connection.translated(self._request, read_timeout):
            yield from bodies.read_lines(connection, self._head, read_timeout=read_timeout)
        connection.close()

    def limit_silence(self, seconds: float) -> None:
        """Change the longest silence within `read_lines`, in the reading thread."""
        self._connection.limit_silence(seconds)

    def interrupt(self) -> None:
        """End the body, from any thread: the reading one sees its end at once."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection, in the reading thread."""
        self._connection.close()
