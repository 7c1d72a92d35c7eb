"""The writer's memory of who is in the file: objects with their numbers, and what was last recorded of them.

It is loaded when the file is opened, and again after anything failed: the file is right then and this may
not be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.history import samples, schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from kubevitals import history, model

    Requests = tuple[float | None, float | None, int | None, int | None]

_RECENT = 8  # ticks that are looked through for the newest samples
_COLUMNS = (
    "id, cluster, kind, key, pod, name, namespace, node, workload_kind, workload_name, shared, shared_until"
)


class Known:
    """An object of the file as the writer knows it."""

    __slots__ = ("body", "gone", "id", "newest", "parts", "place", "record", "resources", "seen", "shared")

    def __init__(self, number: int) -> None:
        self.id = number
        self.newest = -1  # time of its newest sample
        self.record: model.Node | model.Pod | None = None  # of which the newest fact was made
        self.body: bytes | None = None  # the newest fact
        self.place: tuple[str | None, ...] = ()  # node, kind and name of the workload
        self.parts: dict[str, Known] = {}  # containers by name
        self.shared: Known | None = None  # the container whose samples are this pod's
        self.resources: Requests | None = None  # the newest requests and limits; None if not known yet
        self.seen = 0  # tick
        self.gone = False


class Catalog:
    """All objects that are there, and those that went while it watched."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.clusters: dict[str, int] = dict(connection.execute("SELECT name, id FROM cluster").fetchall())
        self.objects: dict[tuple[int, str, str], Known] = {}  # by cluster, kind and key
        (largest,) = connection.execute("SELECT max(id) FROM object").fetchone()
        self._next = int(largest or 0) + 1
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
                if kind == "pod":
                    self._find_parts(known, row)
        return known

    def add(self, cluster: int, kind: str, key: str, *, series: history.Series, first_at: int) -> Known:
        """Add a new object to the file."""
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
        """Write the node or the workload of a pod where it is another one, or known only now."""
        place = place_of(series)
        for each in (known, *known.parts.values()):
            if each.place != place:
                each.place = place
                self._connection.execute(
                    "UPDATE object SET node = ?, workload_kind = ?, workload_name = ? WHERE id = ?",
                    (*place, each.id),
                )

    def leave(self, known: Known, *, at: int) -> None:
        """Write that an object, with its containers, is no more."""
        known.gone = True
        for each in (known, *known.parts.values()):
            self._connection.execute("UPDATE object SET last_at = ? WHERE id = ?", (at, each.id))

    def come_back(self, known: Known) -> None:
        """Write that an object that had gone is there again."""
        known.gone = False
        for each in (known, *known.parts.values()):
            self._connection.execute("UPDATE object SET last_at = NULL WHERE id = ?", (each.id,))

    def share(self, known: Known, part: Known) -> None:
        """Write that a pod's samples are those of its only container from the first one on."""
        known.shared = part
        self._connection.execute(
            "UPDATE object SET shared = ?, shared_until = NULL WHERE id = ?", (part.id, known.id)
        )

    def end_sharing(self, known: Known) -> None:
        """Write that a pod has samples of its own from now on."""
        if known.shared is not None:
            self._connection.execute(
                "UPDATE object SET shared_until = ? WHERE id = ?", (known.shared.newest - 1, known.id)
            )
            known.shared = None

    def forget(self, before: int) -> None:
        """Drop from memory what has gone and was last seen before that tick; the file still knows it."""
        for place in [place for place, known in self.objects.items() if known.gone and known.seen < before]:
            known = self.objects.pop(place)
            for name in known.parts:
                self.objects.pop((place[0], "container", f"{place[2]}/{name}"), None)

    def newest_fact(self, known: Known) -> bytes | None:
        """Return what was last said of the object."""
        if known.body is None:
            row = self._connection.execute(
                "SELECT body FROM fact WHERE object = ? ORDER BY tick DESC LIMIT 1", (known.id,)
            ).fetchone()
            known.body = None if row is None else row[0]
        return known.body

    def _load(self) -> None:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM object WHERE last_at IS NULL ORDER BY kind DESC, id"  # noqa: S608 - ours
        ).fetchall()  # pods come before containers
        sharing = {row[10]: self._keep(row) for row in rows if row[10] is not None and row[11] is None}
        for row in rows:
            known = self._keep(row)
            if row[2] == "container":
                pod = self.objects.get((row[1], "pod", row[3].rpartition("/")[0]))
                if pod is not None:
                    pod.parts[row[5]] = known
                if row[0] in sharing:
                    sharing[row[0]].shared = known

    def _find_parts(self, known: Known, row: tuple[object, ...]) -> None:
        """Load the containers of a pod that had gone."""
        start = f"{row[3]}/"
        for part in self._connection.execute(
            f"SELECT {_COLUMNS} FROM object WHERE cluster = ? AND kind = 'container' AND key > ? AND key < ?",  # noqa: S608
            (row[1], start, f"{row[3]}0"),  # "0" follows "/"
        ).fetchall():
            known.parts[part[5]] = self._keep(part)
            if part[0] == row[10] and row[11] is None:
                known.shared = known.parts[part[5]]

    def _keep(self, row: tuple[object, ...]) -> Known:
        number, cluster, kind, key = row[:4]
        known = self.objects.get((cluster, kind, key))  # type: ignore[arg-type]
        if known is None:
            known = self.objects[cluster, kind, key] = Known(number)  # type: ignore[arg-type, index]
            known.place = row[7:10]  # type: ignore[assignment]
        return known

    def _load_newest(self) -> None:
        """Read when each series was last measured, so that the same sample is not recorded twice."""
        by_id = {known.id: known for known in self.objects.values()}
        for series, time in self._newest_samples():
            known = by_id.get(series)
            if known is not None:
                known.newest = max(known.newest, time)

    def _newest_samples(self) -> Iterator[tuple[int, int]]:
        ticks = self._connection.execute(
            "SELECT id FROM tick ORDER BY id DESC LIMIT ?", (_RECENT,)
        ).fetchall()
        for (tick,) in ticks:
            for (body,) in self._connection.execute(
                "SELECT body FROM open WHERE id >= ? AND id < ?",
                (schema.open_key(tick), schema.open_key(tick + 1)),
            ):
                for sample in samples.decode_tick(body):
                    yield sample.series, sample.time
        batch = self._connection.execute(
            "SELECT id FROM batch WHERE last_tick >= ? ORDER BY id DESC LIMIT 1",
            (ticks[-1][0] if ticks else 0,),
        ).fetchone()
        if batch is not None:  # an hour has just ended: what was newest then is in its blocks
            for key, body in self._connection.execute(
                "SELECT id, body FROM block WHERE id >= ? AND id < ?",
                (schema.block_key(batch[0]), schema.block_key(batch[0] + 1)),
            ):
                yield key & ((1 << schema.SERIES_BITS) - 1), samples.decode(body).times[-1]


def place_of(series: history.Series) -> tuple[str | None, ...]:
    """Return what may change of an object's identity: its node and its workload."""
    return series.node, series.workload_kind, series.workload_name
