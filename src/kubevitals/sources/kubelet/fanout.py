"""One round of scrapes: many kubelets at the same time, by a few threads, each with a deadline of its own."""

from __future__ import annotations

import threading
import time

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubevitals.sources.kubelet import addresses

_GRACE_SECONDS = 1.0  # for what no deadline reaches, such as the resolver; after it a thread is left alone


def scrape_all(
    kubelets: Sequence[addresses.Kubelet],
    scrape: Callable[[addresses.Kubelet, float], None],
    *,
    workers: int,
    timeout: float,
    round_seconds: float,
) -> list[addresses.Kubelet]:
    """Call `scrape(kubelet, deadline)` for each; return those that were not scraped, or not to the end.

    `deadline` is by time.monotonic: `timeout` seconds from when the kubelet's turn comes, and never beyond
    the round. An error of `scrape` ends the round and is raised here; failures of single kubelets are its own
    matter.
    """
    round_ends = time.monotonic() + round_seconds
    queue = _Queue(kubelets)

    def work() -> None:
        while (kubelet := queue.take()) is not None:
            now = time.monotonic()
            if now >= round_ends:
                return
            try:
                scrape(kubelet, min(now + timeout, round_ends))
            except Exception as error:  # noqa: BLE001 - the boundary of a thread: raised below
                queue.fail(error)
                return
            queue.finish(kubelet)

    # Daemons: neither Ctrl-C nor the end of the process waits for a kubelet.
    threads = [
        threading.Thread(target=work, name=f"kubelets-{number}", daemon=True)
        for number in range(min(workers, len(kubelets)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, round_ends + _GRACE_SECONDS - time.monotonic()))
    if queue.error is not None:
        raise queue.error
    return queue.rest()


class _Queue:
    """The kubelets that wait for a thread, and those that are done."""

    def __init__(self, kubelets: Sequence[addresses.Kubelet]) -> None:
        self._kubelets = kubelets
        self._waiting = iter(kubelets)
        self._done: set[str] = set()
        self._lock = threading.Lock()
        self.error: Exception | None = None

    def take(self) -> addresses.Kubelet | None:
        with self._lock:
            return None if self.error is not None else next(self._waiting, None)

    def finish(self, kubelet: addresses.Kubelet) -> None:
        with self._lock:
            self._done.add(kubelet.node)

    def fail(self, error: Exception) -> None:
        with self._lock:
            self.error = self.error or error

    def rest(self) -> list[addresses.Kubelet]:
        with self._lock:
            return [each for each in self._kubelets if each.node not in self._done]


def not_in_time(timeout: float) -> errors.RequestTimeoutError:
    """Return the error for a kubelet of `rest`."""
    return errors.RequestTimeoutError(f"no answer within the {timeout:g} s that one round may take")
