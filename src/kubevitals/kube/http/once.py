"""A single request outside the cluster, say to an identity provider. See connection.fetch_once."""

from __future__ import annotations

import os
import time

from kubevitals import errors
from kubevitals.kube.http import body as bodies
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import failures, proxy, tls, urls

_LIMIT = 16 << 20  # bytes of an answer


def fetch(
    method: str, url: str, *, headers: dict[str, str], body: bytes, ca: bytes | None, timeout: float
) -> tuple[int, dict[str, str], bytes]:
    """See connection.fetch_once."""
    place, mark, query = url.partition("?")
    address = urls.split_url(place, "request")
    target = (address.path or "/") + mark + query
    request = f"{method} {address}"
    connection = connections.Connection(
        address,
        context=tls.build_context(ca=ca) if address.scheme == "https" else None,
        proxy=proxy.choose_proxy(address, environ=os.environ),
    )
    try:
        connection.connect(timeout)
        pairs = [*headers.items(), ("Connection", "close")]
        connection.send(method, target, pairs, body=body, deadline=time.monotonic() + timeout)
        head = connection.read_head(time.monotonic() + timeout)
        content = bodies.read(connection, head, read_timeout=timeout, limit=_LIMIT)
    except errors.ClusterError as error:
        error.request = error.request or request
        raise
    except OSError as error:
        raise failures.from_exception(
            error, connection=connection, request=request, waited=timeout
        ) from error
    finally:
        connection.close()
    return head.status, head.headers, content
