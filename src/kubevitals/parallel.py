"""Jobs in threads: a few at the same time, or one that must not be left half done."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TO_THE_END = "kubevitals-to-the-end"


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


def run_to_the_end(job: Callable[[], None]) -> None:
    """Run a job that must not be left half done: Ctrl-C ends the wait here, and `finish` waits for the job.

    Errors are those of the job.
    """
    import threading

    failed: list[BaseException] = []
    over = threading.Event()

    def run_it() -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - the boundary of a thread: raised below
            failed.append(error)
        finally:
            over.set()

    threading.Thread(target=run_it, name=_TO_THE_END, daemon=False).start()
    over.wait()  # not join(): before Python 3.13 a thread counts as ended when that is interrupted
    if failed:
        raise failed[0]


def finish() -> None:
    """Wait for jobs of `run_to_the_end` that are still at it, before the process ends."""
    import sys

    if threading := sys.modules.get("threading"):  # else there is no such job
        for thread in threading.enumerate():
            if thread.name == _TO_THE_END:
                thread.join()
