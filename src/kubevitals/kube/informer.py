"""Records of lists kept current by list and watch, a thread a list, as client-go's informers do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kubevitals import errors, model
from kubevitals.kube import codec as codecs
from kubevitals.kube import listwatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from kubevitals.kube import client as clients
    from kubevitals.kube import listpages, resources

RecordT = TypeVar("RecordT")


class Informer(Generic[RecordT]):
    """The records of one list. `run` belongs to a thread; all else is read under `changed`.

    Args:
        source: the list and its changes.
        changed: the condition that informers of one group share.
        on_change: called under it after each change, with the records that are new: a handler.
    """

    def __init__(
        self,
        source: listwatch.ListWatch[RecordT],
        *,
        changed: threading.Condition,
        on_change: Callable[[tuple[RecordT, ...]], None],
    ) -> None:
        self.name = source.resource.plural
        self.listed = False
        self.verified_at: datetime | None = None  # when the server last said anything of the list
        self.resource_version = ""
        self.changes = 0
        self.error: errors.KubevitalsError | None = None  # why the list is unknown or not current
        self.problems: dict[codecs.Key, tuple[model.Problem, ...]] = {}  # what could not be read of objects
        self._source = source
        self._changed = changed
        self._on_change = on_change
        self._records: dict[codecs.Key, RecordT] = {}
        self._copy: tuple[RecordT, ...] | None = None

    @property
    def settled(self) -> bool:
        """Whether it was listed once, or cannot be: the account may not, or the server does not have it."""
        return self.listed or isinstance(self.error, (errors.ForbiddenError, errors.NotFoundError))

    @property
    def restarts(self) -> int:
        """How often the watch was begun anew: after its stream ended or failed, or after a new list."""
        return max(0, self._source.streams - 1)

    def records(self) -> tuple[RecordT, ...]:
        """Return the records; the same tuple as long as nothing changes."""
        if self._copy is None:
            self._copy = tuple(self._records.values())
        return self._copy

    def get(self, key: codecs.Key) -> RecordT | None:
        """Return the record of that namespace and name."""
        return self._records.get(key)

    def stop(self) -> None:
        """End `run` from another thread, promptly."""
        self._source.stop()

    def run(self) -> None:
        """List and watch until `stop`."""
        while not self._source.stopped:
            events = iter(self._source)
            try:
                for event in events:
                    self._apply(event)
            except Exception as error:  # noqa: BLE001 - the boundary of a thread, which nobody would miss
                unexpected = f"unexpected {type(error).__name__} while following it"
                self._apply(codecs.Event("ERROR", errors.KubevitalsError(unexpected)))
                self._source.back_off()
            finally:
                events.close()

    def _apply(self, event: codecs.Event) -> None:
        with self._changed:
            self.error = event.object if event.type == "ERROR" else None
            if event.type != "ERROR":
                self.verified_at = datetime.now(UTC)
            self.resource_version = event.resource_version or self.resource_version
            if event.type == "SYNC":
                self._replace(event.object)
                self._on_change(self.records())
            elif event.type == "ERROR":
                self._on_change(())
            elif event.object is not None:  # no bookmark
                record, problems = event.object
                self._update(record, () if event.type == "DELETED" else problems, event.type)
                self._on_change((record,))

    def _replace(self, page: listpages.Page[RecordT]) -> None:
        key_of = self._source.codec.key
        self._records = {key_of(each): each for each in page.items}
        self.problems = {}
        for problem in page.problems:
            namespace, _, name = (problem.object or "").rpartition("/")
            self.problems[namespace, name] = (*self.problems.get((namespace, name), ()), problem)
        self.listed = True
        self._copy = None
        self.changes += 1

    def _update(self, record: RecordT, problems: tuple[model.Problem, ...], change: str) -> None:
        key = self._source.codec.key(record)
        if change == "DELETED":
            self._records.pop(key, None)
        else:
            self._records[key] = record
        if problems:
            self.problems[key] = problems
        else:
            self.problems.pop(key, None)
        self._copy = None
        self.changes += 1


class InformerGroup:
    """Informers that are started, stopped and read together. Threads may share it.

    Use it in a `with` block, or `start()` and `stop()` it. After a failure each list goes on by itself with
    back-off, for ever; until then its last state is shown, and `problems` says why. Needs list and watch on
    what it follows. Without the right to watch, it lists again now and then.
    """

    def __init__(self, client: clients.Client, *, stream_seconds: float) -> None:
        """Nothing is requested yet. The client stays the caller's, to be closed after `stop()`."""
        self._client = client
        self._stream_seconds = stream_seconds
        self._changed = threading.Condition()
        self._informers: dict[str, Informer[Any]] = {}
        self._threads: list[threading.Thread] = []
        self._started = False
        self._stopped = False

    def start(self) -> None:
        """Begin to list and to watch; returns at once. A second call, or one after `stop`, does nothing."""
        with self._changed:
            if self._started or self._stopped:
                return
            self._started = True
            for informer in self._informers.values():
                self._run(informer)

    def stop(self, *, timeout: float = 5.0) -> None:
        """End the watches; wait for their threads, `timeout` seconds at most for each.

        What was read stays readable. A thread in the middle of fetching a list ends with that.
        """
        with self._changed:
            self._stopped = True
            informers, threads = list(self._informers.values()), list(self._threads)
            self._changed.notify_all()
        for informer in informers:
            informer.stop()
        for thread in threads:
            thread.join(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready(self) -> bool:
        """Whether everything was listed once, or cannot be."""
        with self._changed:
            return self._is_ready()

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds, or until it is stopped; return whether it is ready."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_ready() or self._stopped, timeout)
            return self._is_ready()

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """Why a list is unknown or not current at the moment, and what could not be read of objects."""
        with self._changed:
            return self._problems()

    @property
    def verified_at(self) -> datetime | None:
        """When the server last said anything of the list of which it has been silent for longest."""
        with self._changed:
            heard = [each.verified_at for each in self._informers.values() if each.verified_at is not None]
            return min(heard, default=None)

    @property
    def resource_versions(self) -> dict[str, str]:
        """How far each list is followed, by the plural name of its resource."""
        with self._changed:
            return self._resource_versions()

    @property
    def restarts(self) -> dict[str, int]:
        """How often the watch of each list was begun anew: after its stream ended, failed, or a new list."""
        with self._changed:
            return {name: each.restarts for name, each in self._informers.items()}

    # under the lock, all that follow

    def _add(
        self,
        resource: resources.Resource,
        codec: codecs.Codec[RecordT],
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Informer[RecordT]:
        """Add an informer, which runs at once where the group does."""
        source = listwatch.ListWatch(
            self._client,
            resource,
            codec,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            stream_seconds=self._stream_seconds,
        )
        informer: Informer[RecordT] = Informer(
            source, changed=self._changed, on_change=lambda records: self._note_change(informer, records)
        )
        self._informers[informer.name] = informer
        if self._started:
            self._run(informer)
        return informer

    def _run(self, informer: Informer[Any]) -> None:
        thread = threading.Thread(target=informer.run, name=f"informer-{informer.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _note_change(self, informer: Informer[Any], records: tuple[Any, ...]) -> None:
        """Called by the informers with the records that are new."""
        del informer, records
        self._changed.notify_all()

    def _is_ready(self) -> bool:
        return all(each.settled for each in self._informers.values())

    def _problems(self) -> tuple[model.Problem, ...]:
        found: list[model.Problem] = []
        for informer in self._informers.values():
            if informer.error is not None:
                found.append(self._describe(informer, informer.error))
            for problems in informer.problems.values():
                found += problems
        return tuple(found)

    def _describe(self, informer: Informer[Any], error: errors.KubevitalsError) -> model.Problem:
        """Return the problem that a list is not current."""
        about = f"{informer.name} unknown"
        if informer.verified_at is not None:
            about = f"{informer.name} unverified since {informer.verified_at:%Y-%m-%dT%H:%M:%SZ}"
        return model.Problem.of(error, code=f"{informer.name}_{error.code}", about=about)

    def _resource_versions(self) -> dict[str, str]:
        return {name: each.resource_version for name, each in self._informers.items() if each.listed}
