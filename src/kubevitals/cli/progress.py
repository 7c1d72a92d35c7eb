"""What a command waits for, said on a terminal after a second of silence, and wiped away when it comes."""

from __future__ import annotations

import os
import sys
import threading

from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import TextIO

_AFTER, _EVERY = 1.0, 0.2  # seconds
_BAR = 20  # columns


class Progress:
    """Within the `with` block a line on stderr says what is awaited, if stderr is a terminal.

    Args:
        describe: returns the words, "" for nothing to say. It is called in another thread.
        stream: the terminal.
        after: how many seconds of silence come first.
    """

    def __init__(
        self, describe: Callable[[], str], *, stream: TextIO | None = None, after: float = _AFTER
    ) -> None:
        self._describe = describe
        self._stream = sys.stderr if stream is None else stream
        self._after = after
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown = False

    def __enter__(self) -> None:
        if self._stream.isatty() and os.environ.get("TERM") != "dumb":
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            if self._shown:
                self._write("")

    def _run(self) -> None:
        wait = self._after
        while not self._over.wait(wait):
            wait = _EVERY
            if text := self._describe():
                self._shown = True
                width = console.detect_style(self._stream).width or 80
                self._write(text[: width - 1])

    def _write(self, text: str) -> None:
        self._stream.write(f"\r{text}{console.CLEAR_LINE_END}")
        self._stream.flush()


def describe_lists(awaited: Mapping[str, tuple[int, int | None]]) -> str:
    """Return what requests to an API server are awaited, with a bar where it is known how many there are.

    `awaited` are paths with how many objects have come, and how many there are, None where that is not known.
    """
    from kubevitals.kube import resourceattributes

    words = []
    for path, (count, total) in list(awaited.items()):
        about = resourceattributes.parse_request("GET", path)
        what = about.resource or path
        if about.group == "metrics.k8s.io":
            what = f"usage of {what}"
        if total:
            words.append(f"{what}: {count:,} of {total:,} {bar(count / total)}")
        else:
            words.append(f"{what}: {count:,} ..." if count else f"{what} ...")
    return f"reading {'; '.join(words)}" if words else ""


def bar(share: float) -> str:
    """Return a bar of that share, from 0 to 1."""
    full = round(_BAR * min(max(share, 0.0), 1.0))
    return f"[{'#' * full}{'.' * (_BAR - full)}]"
