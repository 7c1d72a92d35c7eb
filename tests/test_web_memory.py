"""The memory that answers may take, however many are asked for and however slowly they are read."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import subprocess
import sys
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests import waiting, web_service
from tests.test_exposition_serving import Fake

from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.exposition import httpserver, requests
from kubevitals.surfaces.http import capacity, heap, memory
from kubevitals.surfaces.web import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 3 << 20


class Kept:
    """A cache with answers of ten bytes."""

    def __init__(self, budget: memory.Budget, count: int) -> None:
        self.leases = [budget.lease() for _ in range(count)]
        for lease in self.leases:
            lease.grow(10)
        budget.register(self)

    def evict(self) -> bool:
        if not self.leases:
            return False
        del self.leases[0]
        return True


def test_a_budget_counts_what_is_there() -> None:
    """Bytes are counted until what holds them is gone, and no more than the budget has are given."""
    budget = memory.Budget(100)
    first, second = budget.lease(), budget.lease()
    first.grow(60)
    second.grow(30)
    with pytest.raises(memory.BudgetError):
        second.grow(11)
    assert budget.used == 90
    del first
    assert budget.used == 30
    second.grow(70)
    assert budget.used == 100


def test_caches_make_room_in_their_order() -> None:
    """What is kept goes before an answer is refused: of the first cache first, and no more than is needed."""
    budget = memory.Budget(100)
    older, newer = Kept(budget, 5), Kept(budget, 5)
    lease = budget.lease()
    lease.grow(30)
    assert (len(older.leases), len(newer.leases)) == (2, 5)
    lease.grow(40)
    assert (len(older.leases), len(newer.leases)) == (0, 3)
    with pytest.raises(memory.BudgetError):
        lease.grow(40)
    assert budget.used == 70


def test_a_cache_that_is_gone_is_not_asked() -> None:
    """A budget keeps no cache alive."""
    budget = memory.Budget(100)
    for _ in range(50):
        Kept(budget, 1)
    assert budget.used == 0
    budget.lease().grow(100)


def test_threads_share_a_budget() -> None:
    """Whatever threads take and give at the same time, the count comes out even."""
    budget = memory.Budget(1000)

    def work() -> None:
        for size in range(1, 300):
            lease = budget.lease()
            with contextlib.suppress(memory.BudgetError):
                lease.grow(size)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.used == 0


_FREE_BETWEEN_USED = """
import pathlib, os
from kubevitals.surfaces.http import heap
def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
freed, kept = zip(*((bytes(64 << 10), bytes(600)) for _ in range(1024)))
del freed
held = resident() - before
heap.trim()
print(held >> 20, (resident() - before) >> 20, len(kept))
"""


def test_free_memory_goes_back_to_the_system() -> None:
    """Of 64 MiB that lie free between blocks in use, a process keeps less than a quarter once trimmed."""
    if heap.trim_function() is None:
        pytest.skip("only glibc gives free memory back on demand")
    command = [sys.executable, "-c", _FREE_BETWEEN_USED]
    held, left, _ = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert held > 48
    assert left < 16


def test_a_budget_trims_after_much_was_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free memory goes back each time that so much of it has been given back, not with every answer."""
    trimmed: list[int] = []
    monkeypatch.setattr(heap, "trim", lambda: trimmed.append(1))
    budget = memory.Budget(1 << 30)
    for count in range(1, 9):
        lease = budget.lease()
        lease.grow(16 << 20)
        del lease
        assert len(trimmed) == (count - 1) // 2


@pytest.fixture
def service() -> Iterator[web_service.Service]:
    chosen = settings.Settings(answer_bytes=ROOM)
    with web_service.serve(chosen, simulation={"nodes": 6, "pods": 500}) as made:
        made.tick()
        yield made


def paths(count: int) -> list[str]:
    """Routes whose answers are all different, half a megabyte each."""
    return [f"/api/v1/pods?limit={500 - number}" for number in range(count)]


def ask_slowly(stack: contextlib.ExitStack, url: str, path: str) -> None:
    """Ask, and read nothing."""
    place = urllib.parse.urlsplit(url)
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((place.hostname, place.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())


def test_slow_readers_take_no_more_than_the_budget(service: web_service.Service) -> None:
    """Forty clients that ask for different answers and read none get what there is room for; the others get
    503 and when to try again, and all is given back when they leave.
    """
    budget: memory.Budget = service.app.state.budget
    size = len(service.get("/api/v1/pods").content)
    assert ROOM // 20 < size < ROOM // 4
    with web_service.listening(service, send_buffer=4096) as url, contextlib.ExitStack() as stack:
        for path in paths(40):
            ask_slowly(stack, url, path)
        waiting.until(lambda: budget.used > ROOM - size)
        answer = httpx.get(f"{url}/api/v1/containers", headers={"accept-encoding": "identity"})
        assert (answer.status_code, answer.json()["code"]) == (503, "answers_full")
        assert answer.headers["retry-after"] == "5"
        assert budget.used <= ROOM
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.get(f"{url}/api/v1/status").status_code == 200
        stack.close()
        waiting.until(lambda: _leave(budget, size))
        assert httpx.get(f"{url}/api/v1/containers").status_code == 200


def _leave(budget: memory.Budget, size: int) -> bool:
    gc.collect()
    return budget.used < ROOM - 2 * size


def test_both_generations_share_the_budget(service: web_service.Service) -> None:
    """What is made ahead of a new snapshot has the room that answers of the one before leave or make."""
    budget: memory.Budget = service.app.state.budget
    for _ in range(4):
        for path in paths(12):
            assert service.get(path).status_code == 200
            assert budget.used <= ROOM
        service.tick()
        assert budget.used <= ROOM


def test_an_answer_larger_than_the_budget_is_refused_and_nothing_stays_behind() -> None:
    """An answer that can never fit costs 503 and no memory."""
    chosen = settings.Settings(answer_bytes=100_000)
    with web_service.serve(chosen, simulation={"nodes": 6, "pods": 500}) as service:
        service.tick()
        for path in (
            "/api/v1/pods",
            "/api/v1/pods?format=csv",
            "/metrics",
            "/api/v1/history/containers?since=1h",
        ):
            answer = service.get(path, accept_encoding="identity")
            assert (path, answer.status_code) == (path, 503)
        assert service.get("/api/v1/nodes").status_code == 200
        gc.collect()
        assert service.app.state.budget.used < 100_000


def test_gzip_and_plain_are_both_counted(service: web_service.Service) -> None:
    """Each form of an answer that is kept is counted by its own bytes."""
    budget: memory.Budget = service.app.state.budget

    def used() -> int:
        gc.collect()
        return budget.used

    before = used()
    zipped = service.get("/api/v1/pods", accept_encoding="gzip")
    small = used() - before
    assert small == int(zipped.headers["content-length"])
    plain = service.get("/api/v1/pods", accept_encoding="identity")
    assert used() - before == small + len(plain.content)


def test_the_exporter_has_the_same_budget() -> None:
    """Scrapes on their way are counted once for all that share them; what has no room gets 503."""
    fake: Any = Fake()
    exporter = exporters.Exporter({"prod": fake}, exposition.Options())
    bodies = iter([[bytes(600)], [bytes(600)]])
    exporter.answer = lambda **_: next(bodies)  # type: ignore[method-assign]
    server = httpserver.Server(exporter, port=0, answer_bytes=1000)
    scrape = requests.Request("GET", "/metrics", [])

    async def run() -> None:
        server._loop = asyncio.get_running_loop()
        first = await server._answer(scrape)
        assert first.status == 200
        refused = await server._answer(scrape)
        assert (refused.status, refused.headers) == (503, (("retry-after", "5"),))
        body: Any = first.body
        exporter.answer = lambda **_: body  # type: ignore[method-assign]
        assert (await server._answer(scrape)).status == 200
        assert server._budget.used == 600

    loop = server._loop
    asyncio.run(run())
    loop.close()
    server._listening.close()
    exporter.answer = None  # type: ignore[method-assign,assignment]
    gc.collect()
    assert server._budget.used == 0


def test_answers_fit_the_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the control group has less memory, answers take half of it at most."""
    monkeypatch.setattr(capacity, "read_memory_limit", lambda: 128 << 20)
    assert capacity.fit_answers(256 << 20) == (64 << 20, "half of the limit of 128 MiB of memory")
    assert capacity.fit_answers(32 << 20) == (32 << 20, "")
    monkeypatch.setattr(capacity, "read_memory_limit", lambda: None)
    assert capacity.fit_answers(256 << 20) == (256 << 20, "")
