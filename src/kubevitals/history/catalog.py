"""Who is in the file: objects and their numbers, the pages of their series, and what was last said of them.

The writer's memory of the file, loaded when it opens it and again after whatever failed: then the file is
right and this may not be. It must not know samples beyond the time of the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.history import blocks, schema

if TYPE_CHECKING:
    import sqlite3

    from kubevitals import history, model

SERIES_IN_PAGE = 32  # fewer make more rows, more make the reading of one series dearer
_RECENT = 8  # ticks that are looked through for the newest samples


class Known:
    """An object of the file as the writer knows it."""

    __slots__ = ("body", "gone", "id", "newest", "page", "parts", "place", "record", "seen", "twin")

    def __init__(self, number: int) -> None:
        self.id = number
        self.page = 0  # none before its first sample
        self.newest = -1  # time of its newest sample
        self.record: model.Node | model.Pod | None = None  # of which the newest fact was made
        self.body: bytes | None = None  # the newest fact
        self.place: tuple[str | None, ...] = ()  # node, kind and name of the workload
        self.parts: dict[str, Known] = {}  # containers by name
        self.twin: Known | None = None  # the container whose samples are this pod's
        self.seen = 0  # tick
        self.gone = False


class Catalog:
    """All objects that are there, and those that went while it watched."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.clusters: dict[str, int] = dict(connection.execute("SELECT name, id FROM cluster").fetchall())
        self.objects: dict[tuple[int, str, str], Known] = {}  # by cluster, kind and key
        self._next = self._largest("object") + 1
        self._next_page = self._largest("page") + 1
        self._pages: dict[tuple[int, str | None], dict[int, int]] = {}  # by namespace: how many are on each
        self._load()
        self._load_newest()

    def cluster(self, name: str) -> int:
        """Return the number of a cluster, a new one if need be."""
        if name not in self.clusters:
            number = max(self.clusters.values(), default=0) + 1
            self._connection.execute("INSERT INTO cluster (id, name) VALUES (?, ?)", (number, name))
            self.clusters[name] = number
        return self.clusters[name]

    def find(self, cluster: int, kind: str, key: str) -> Known | None:
        """Return the object, also one that was gone before this catalog was loaded."""
        known = self.objects.get((cluster, kind, key))
        if known is None:
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM object WHERE cluster = ? AND kind = ? AND key = ?",  # noqa: S608 - ours
                (cluster, kind, key),
            ).fetchone()
            if row is not None:
                known = self._keep(row)
                known.gone = True
                for part in self._connection.execute(
                    f"SELECT {_COLUMNS} FROM object WHERE kind = 'container' AND namespace = ? AND pod = ?"  # noqa: S608
                    " AND cluster = ? AND substr(key, 1, ?) = ?",
                    (row[6], row[5], cluster, len(key) + 1, f"{key}/"),
                ).fetchall():
                    self._adopt(known, self._keep(part), part)
        return known

    def add(self, cluster: int, kind: str, key: str, *, series: history.Series, first_at: int) -> Known:
        """Take a new object into the file."""
        known = Known(self._next)
        self._next += 1
        known.place = place_of(series)
        self.objects[cluster, kind, key] = known
        self._connection.execute(
            "INSERT INTO object (id, cluster, kind, key, name, namespace, pod, uid, node, workload_kind,"
            " workload_name, first_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                known.id, cluster, kind, key, series.name, series.namespace, series.pod, series.uid,
                *known.place, first_at,
            ),
        )  # fmt: skip
        return known

    def move(self, known: Known, series: history.Series) -> None:
        """Write down a node or a workload that is another one, or known by now."""
        place = place_of(series)
        for each in (known, *known.parts.values()):
            if each.place != place:
                each.place = place
                self._connection.execute(
                    "UPDATE object SET node = ?, workload_kind = ?, workload_name = ? WHERE id = ?",
                    (*place, each.id),
                )

    def assign_page(self, known: Known, cluster: int, namespace: str | None) -> int:
        """Return the page of a series that has its first sample: one of its namespace with room."""
        pages = self._pages.setdefault((cluster, namespace), {})
        page = next((page for page, members in pages.items() if members < SERIES_IN_PAGE), None)
        if page is None:
            page, self._next_page = self._next_page, self._next_page + 1
            self._connection.execute(
                "INSERT INTO page (id, cluster, namespace) VALUES (?, ?, ?)", (page, cluster, namespace)
            )
            pages[page] = 0
        pages[page] += 1
        known.page = page
        self._connection.execute("UPDATE object SET page = ? WHERE id = ?", (page, known.id))
        return page

    def leave(self, known: Known, *, cluster: int, namespace: str | None, at: int) -> None:
        """Write down that an object, with its containers, is no more; its places on pages are free."""
        known.gone = True
        pages = self._pages.get((cluster, namespace), {})
        for each in (known, *known.parts.values()):
            self._connection.execute("UPDATE object SET last_at = ? WHERE id = ?", (at, each.id))
            if each.page in pages:
                pages[each.page] -= 1

    def come_back(self, known: Known, *, cluster: int, namespace: str | None) -> None:
        """Write down that an object that had gone is there again."""
        known.gone = False
        pages = self._pages.setdefault((cluster, namespace), {})
        for each in (known, *known.parts.values()):
            self._connection.execute("UPDATE object SET last_at = NULL WHERE id = ?", (each.id,))
            if each.page:
                pages[each.page] = pages.get(each.page, 0) + 1

    def forget(self, before: int) -> None:
        """Let go of what has gone and was last seen before that tick; the file still knows it."""
        for place in [place for place, known in self.objects.items() if known.gone and known.seen < before]:
            known = self.objects.pop(place)
            cluster = place[0]
            for name in known.parts:
                self.objects.pop((cluster, "container", f"{place[2]}/{name}"), None)

    def newest_fact(self, known: Known) -> bytes | None:
        """Return what was last said of the object."""
        if known.body is None:
            row = self._connection.execute(
                "SELECT body FROM fact WHERE object = ? ORDER BY tick DESC LIMIT 1", (known.id,)
            ).fetchone()
            known.body = None if row is None else row[0]
        return known.body

    def _largest(self, table: str) -> int:
        (largest,) = self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608 - ours
        return int(largest or 0)

    def _load(self) -> None:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM object WHERE last_at IS NULL ORDER BY kind DESC, id"  # noqa: S608 - ours
        ).fetchall()  # pods come before containers
        for row in rows:
            known = self._keep(row)
            if row[2] == "container":
                pod = self.objects.get((row[1], "pod", row[3].rpartition("/")[0]))
                if pod is not None:
                    self._adopt(pod, known, row)
            if known.page:
                pages = self._pages.setdefault((row[1], row[6]), {})
                pages[known.page] = pages.get(known.page, 0) + 1

    def _keep(self, row: tuple[object, ...]) -> Known:
        number, cluster, kind, key = row[:4]
        known = self.objects.get((cluster, kind, key))  # type: ignore[arg-type]
        if known is None:
            known = self.objects[cluster, kind, key] = Known(number)  # type: ignore[arg-type, index]
            known.page = row[4] or 0  # type: ignore[assignment]
            known.place = row[7:10]  # type: ignore[assignment]
        return known

    def _adopt(self, pod: Known, part: Known, row: tuple[object, ...]) -> None:
        pod.parts[str(row[5])] = part
        (twin, until) = self._connection.execute(
            "SELECT twin, twin_until FROM object WHERE id = ?", (pod.id,)
        ).fetchone()
        if twin == part.id and until is None:
            pod.twin = part

    def _load_newest(self) -> None:
        """Read when each series was last measured, so that the same sample is not taken twice."""
        by_id = {known.id: known for known in self.objects.values()}
        for (tick,) in self._connection.execute(
            "SELECT tick FROM moment ORDER BY tick DESC LIMIT ?", (_RECENT,)
        ).fetchall():
            for (body,) in self._connection.execute(
                "SELECT body FROM raw WHERE id >= ? AND id < ?",
                (tick << schema.PAGES, (tick + 1) << schema.PAGES),
            ):
                for series, time, _, _ in blocks.decode_raw(body):
                    known = by_id.get(series)
                    if known is not None:
                        known.newest = max(known.newest, time)


_COLUMNS = "id, cluster, kind, key, page, name, namespace, node, workload_kind, workload_name"


def place_of(series: history.Series) -> tuple[str | None, ...]:
    """Return what may change of an object's identity: its node and its workload."""
    return series.node, series.workload_kind, series.workload_name
