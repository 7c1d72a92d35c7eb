"""Listening and ending: a socket, a server on it, and a drain that takes no longer than it may."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from asyncio import sslproto
from typing import TYPE_CHECKING

import uvicorn

from kubevitals.surfaces.http import acceptor
from kubevitals.surfaces.web import limits

if TYPE_CHECKING:
    import contextlib
    import socket
    import ssl

    import fastapi

_LOG = logging.getLogger(__name__)
BACKLOG = 1024
_TLS_BUFFER = 32 << 10  # bytes of a TLS connection, also of a silent one; two records fit
_DRAIN = 2  # seconds that answers in the making have
_LAST = 4.7  # seconds after which the process ends whatever still runs


class Server(uvicorn.Server):
    """Ends streams before it waits for the rest; leaves signals to the program."""

    def __init__(
        self,
        app: fastapi.FastAPI,
        *,
        connections: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            loop="asyncio",
            http=limits.Protocol,
            lifespan="on",
            ws="none",
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=65,  # longer than the idle time of the usual balancers
            timeout_graceful_shutdown=_DRAIN,
        )
        config.load()
        config.ssl = tls
        super().__init__(config)
        self._hub = app.state.hub
        self._connections = connections

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        import contextlib as contexts

        return contexts.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections within their bounds."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(3)
        if self.config.ssl is not None:
            sslproto.SSLProtocol.max_size = min(sslproto.SSLProtocol.max_size, _TLS_BUFFER)
        loop = asyncio.get_running_loop()

        def make() -> limits.Protocol:
            return limits.Protocol(self.config, self.server_state, self.lifespan.state, _loop=loop)

        accepting = [
            acceptor.Acceptor(listening, make, most=self._connections, tls=self.config.ssl)
            for listening in sockets or ()
        ]
        for one in accepting:
            one.start()
        self.servers = accepting  # type: ignore[assignment] # has the methods that uvicorn calls
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then wait for the answers in the making."""
        self._hub.close()
        await super().shutdown(sockets)

    def end(self, *, hard: bool = True) -> None:
        """Begin to end; for any thread and for signal handlers. With `hard` the process ends in 5 s."""
        self.should_exit = True
        if hard:
            last = threading.Timer(_LAST, _end_now)
            last.daemon = True
            last.start()


def _end_now() -> None:
    _LOG.warning("did not end in time; ends now", extra={"event": "killed"})
    os._exit(1)
