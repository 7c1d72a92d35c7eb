"""A process that takes one snapshot with kubevitals and tells how long that took. Nothing else runs in it."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """Print import and work seconds and the number of pods, as JSON."""
    started = time.perf_counter()
    import kubevitals

    connect = kubevitals.connect
    imported = time.perf_counter()
    options: dict[str, Any] = {"disable_compression": True} if sys.argv[2:] == ["uncompressed"] else {}
    with connect(kubeconfig=sys.argv[1], **options) as cluster:
        taken = cluster.snapshot()
    done = time.perf_counter()
    with_usage = sum(pod.cpu_usage_cores is not None for pod in taken.pods)
    if not with_usage:
        sys.exit("the snapshot holds no usage")
    print(
        f'{{"import_seconds": {imported - started}, "work_seconds": {done - imported}, '
        f'"rows": {len(taken.pods)}}}'
    )


if __name__ == "__main__":
    main()
