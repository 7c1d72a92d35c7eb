"""A few jobs at the same time, each in a thread."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run(jobs: Sequence[Callable[[], None]]) -> None:
    """Run the jobs at the same time, the last one here; an unexpected error of any of them is raised here.

    Ctrl-C is not waited for: the threads are daemons, and end with their requests.
    """
    if len(jobs) == 1:
        jobs[0]()
        return
    import threading

    failed: list[Exception] = []

    def run_one(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: raised below, where it is seen
            failed.append(error)

    threads = [threading.Thread(target=run_one, args=(job,), daemon=True) for job in jobs[:-1]]
    for thread in threads:
        thread.start()
    run_one(jobs[-1])
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
