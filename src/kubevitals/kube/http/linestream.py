"""An answer that comes line by line and does not end by itself, as that of a watch."""

from __future__ import annotations

from kubevitals.kube.http import body as bodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import pool, response


class LineStream:
    """The lines of one answer as they arrive. Iterate in one thread; `interrupt` from any, which ends it."""

    __slots__ = ("_connection", "_head", "_pool", "_read_timeout", "_request")

    def __init__(
        self,
        owner: pool.Pool,
        connection: connections.Connection,
        head: response.Head,
        *,
        request: pool.Request,
        read_timeout: float,
    ) -> None:
        self._pool = owner
        self._connection = connection
        self._head = head
        self._request = request
        self._read_timeout = read_timeout

    def __iter__(self) -> Iterator[bytes]:
        """Each line without its line break. Raises errors.ClusterError if the connection breaks."""
        with self._pool.guard(self._connection, self._request, read_timeout=self._read_timeout):
            yield from bodies.read_lines(self._connection, self._head, read_timeout=self._read_timeout)
        self._connection.close()

    def interrupt(self) -> None:
        """End the stream from another thread: the reading one returns at once."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection, in the reading thread."""
        self._connection.close()
