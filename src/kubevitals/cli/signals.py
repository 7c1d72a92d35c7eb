"""Ending a command: one that runs for long in order, one that writes credentials once they are written."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class StopSignals:
    """Within the `with` block, the first SIGINT or SIGTERM calls `stop` instead of ending the program.

    The second one of its kind does what it did before, so that a command that hangs can be ended. `stop` is
    called in the main thread, between two instructions of it, and must return at once. In another thread
    than the main one the block changes nothing: signals are not delivered there.
    """

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)

    def _handle(self, number: int, _: object) -> None:
        self._restore(number)
        self._stop()

    def _restore(self, number: int) -> None:
        import signal

        before = self._before[number]
        signal.signal(number, signal.SIG_DFL if before is None else before)  # None: not of Python's making

    def __exit__(self, *_: object) -> None:
        for number in self._before:
            self._restore(number)


class Terminated(KeyboardInterrupt):
    """The program is to end because of this signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interrupt_on_termination() -> None:
    """Have SIGTERM and SIGHUP end the program as Ctrl-C does, after what `parallel.run_to_the_end` runs.

    Signals that somebody handles or ignores already, as `nohup` does, are left to them.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    for number in filter(None, (signal.SIGTERM, getattr(signal, "SIGHUP", None))):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _: object) -> None:
    raise Terminated(number)
