"""Listening and ending: a socket, a server on it, and a drain that takes no longer than it may."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

import uvicorn

from kubevitals.surfaces.web import limits

if TYPE_CHECKING:
    import contextlib
    import socket
    import ssl

    import fastapi

_LOG = logging.getLogger(__name__)
BACKLOG = 1024
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
            http=type("Protocol", (limits.Protocol,), {"most": connections}),
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

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        import contextlib as contexts

        return contexts.nullcontext()

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
