"""A service that has no descriptor left for a further connection."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import urllib.parse

import pytest
from tests import serviceprocess, waiting

resource = pytest.importorskip("resource", reason="limits of processes are Unix's")
if not hasattr(resource, "prlimit"):
    pytest.skip("the limits of another process are set on Linux alone", allow_module_level=True)

SIMULATION = ("--simulation", "nodes=3,pods=30")


@pytest.mark.parametrize("service", ["serve", "export"])
def test_out_of_descriptors(service: str) -> None:
    """Connections for which there is no descriptor cost a few lines of the log, not one each and not a busy
    core; health is answered meanwhile, and all is well when they are gone.
    """
    with serviceprocess.running(service, *SIMULATION) as running, contextlib.ExitStack() as stack:
        place = urllib.parse.urlsplit(running.url)
        held = len(list(pathlib.Path(f"/proc/{running.pid}/fd").iterdir()))
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (held + 20, held + 20))
        before = cpu_seconds(running.pid)
        for _ in range(200):
            stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=5))
        waiting.until(lambda: any("no connection can be accepted" in line for line in running.lines))
        assert running.status_of("/livez") == 200
        assert cpu_seconds(running.pid) - before < 5.0
        stack.close()
        assert running.status_of("/readyz") == 200
    told = [line for line in running.lines if "no connection can be accepted" in line]
    assert 1 <= len(told) <= 22, told  # ten in ten seconds, then a count
    assert sum(map(len, running.lines)) < 20_000


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
