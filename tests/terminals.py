"""Programs on a terminal of their own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping, Sequence


class Terminal:
    """A terminal with one program on it, which is killed at the end of the block."""

    def __init__(
        self, command: Sequence[str], *, environ: Mapping[str, str], folder: pathlib.Path | None = None
    ) -> None:
        self._fd, follower = pty.openpty()
        # A session's leader that opens a terminal has it as its own: the shell does so and is replaced.
        # Not pty.fork(), which must not be called in a process of several threads.
        opening = ["sh", "-c", 'exec "$@" <"$0"', os.ttyname(follower)]
        self.process = subprocess.Popen(
            [*opening, *command],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            env=environ,
            cwd=folder,
        )
        os.close(follower)
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._fd)

    def type(self, text: str) -> None:
        """Write as if it were typed."""
        os.write(self._fd, text.encode())

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        """Read until `text` was printed; return what came before it. Both are not read again."""
        end = time.monotonic() + seconds
        while text.encode() not in self._seen:
            assert self._read(end - time.monotonic()), f"{text!r} did not come, but {self._seen!r}"
        before, _, self._seen = self._seen.partition(text.encode())
        return before.decode("utf-8", "replace")

    def rest(self, seconds: float = 20.0) -> str:
        """Return what the program prints until it ends."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        self.process.wait(max(0.0, end - time.monotonic()))
        return self._seen.decode()

    def _read(self, seconds: float) -> bool:
        """Read more; whether there was any in time."""
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return False
        try:
            part = os.read(self._fd, 65_536)
        except OSError:  # the terminal is gone with the last process on it
            return False
        self._seen += part
        return bool(part)
