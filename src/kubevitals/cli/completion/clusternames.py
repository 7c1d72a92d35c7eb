"""The names for completion, from the kubeconfig and from the cluster.

Of objects only metadata is read. It never asks for input, prints nothing, and returns after two seconds with
what it has by then.
"""

from __future__ import annotations

import contextlib
import os
import time

from kubevitals import errors
from kubevitals.cli import clusteroptions
from kubevitals.kube.auth import kubeconfig
from kubevitals.kube.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from kubevitals.kube import client as kube_client
    from kubevitals.kube import clientconfig, objects

PATIENCE = 2.0  # seconds for all that is asked of a cluster
_GRACE = 0.5  # seconds after which a call that no signal interrupts, say of the resolver, ends the process
_PAGE, _ENOUGH = 500, 5000  # names a page, and in all: nobody reads more
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class _TooLate(BaseException):
    """The time is up. It is a BaseException so that no `except Exception` on the way catches it."""


class _Enough(Exception):  # noqa: N818 - it is no error
    """There are enough names."""


class Names:
    """The names of the cluster that the options typed so far choose; each option has its values in order."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._given = given
        self._deadline: float | None = None

    @property
    def all_namespaces(self) -> bool:
        """Whether -A was typed."""
        return "all_namespaces" in self._given

    def contexts(self) -> list[str]:
        """Return the contexts of the kubeconfig."""
        return self._entries("contexts")

    def clusters(self) -> list[str]:
        """Return the cluster entries of the kubeconfig."""
        return self._entries("clusters")

    def users(self) -> list[str]:
        """Return the user entries of the kubeconfig."""
        return self._entries("users")

    def namespaces(self) -> list[str]:
        """Return the cluster's namespaces."""
        return [meta.name for meta in self._fetch("namespaces")]

    def nodes(self) -> list[str]:
        """Return the cluster's nodes."""
        return [meta.name for meta in self._fetch("nodes")]

    def pods(self) -> list[str]:
        """Return the pods of the chosen namespace, or of all."""
        return list(dict.fromkeys(meta.name for meta in self._fetch("pods")))

    def labels(self, resource: str) -> dict[str, set[str]]:
        """Return the labels of "pods" or "nodes": keys, and the values of each."""
        labels: dict[str, set[str]] = {}
        for meta in self._fetch(resource):
            for key, value in (meta.labels or {}).items():
                labels.setdefault(key, set()).add(value)
        return labels

    def workloads(self) -> list[str]:
        """Return what stands above the pods of the chosen namespace: Deployments, CronJobs and so on."""
        metas = self._fetch("pods")
        if not metas:
            return []
        from kubevitals.kube import records

        found = [records.find_workload(meta, meta.labels or {}) for meta in metas]
        parents: dict[tuple[str, str], str] = {}
        if any(kind == "Job" for kind, _ in found):
            for job in self._fetch("jobs"):
                owner = records.find_workload(job, {})[1]
                if owner is not None:
                    parents[job.namespace, job.name] = owner
        names = [
            parents.get((meta.namespace, name or ""), name or meta.name)
            for meta, (_, name) in zip(metas, found, strict=True)
        ]
        return list(dict.fromkeys(names))

    def _entries(self, field: str) -> list[str]:
        try:
            chosen = self._options()
            paths = kubeconfig.list_paths(chosen, environ=os.environ)
            return list(getattr(kubeconfig.read_files(paths), field))
        except (errors.KubevitalsError, OSError):
            return []

    def _last(self, name: str) -> str | None:
        values = self._given.get(name)
        return values[-1] if values else None

    def _options(self) -> kubeconfig.Options:
        chosen: dict[str, Any] = {
            name: values[-1]
            for name, values in self._given.items()
            if values and name in kubeconfig.Options._fields
        }
        for name in ("insecure_skip_tls_verify", "disable_compression"):
            if name in chosen:
                chosen[name] = chosen[name] != "false"
        if self._given.get("as_groups"):
            chosen["as_groups"] = self._given["as_groups"]
        extras: dict[str, list[str]] = {}
        for pair in self._given.get("as_user_extra", ()):
            key, _, value = pair.partition("=")
            extras.setdefault(key, []).append(value)
        chosen["as_user_extra"] = extras
        return kubeconfig.Options(**chosen)

    def _fetch(self, resource: str) -> list[objects.ObjectMeta]:
        """Return the metadata of the objects: as many as could be had in time, of failures none."""
        if self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE
        left = self._deadline - time.monotonic()
        found: list[objects.ObjectMeta] = []
        if left <= 0:
            return found
        with (
            contextlib.suppress(errors.KubevitalsError, OSError, ValueError, _Enough, _TooLate),
            _hurry(left),
            self._connect() as client,
        ):
            self._list(client, resource, found)
        return [meta for meta in found if meta.name.isprintable()]

    def _list(self, client: kube_client.Client, resource: str, found: list[objects.ObjectMeta]) -> None:
        from kubevitals.kube import listpages, objects

        def decode(body: bytes) -> objects.ObjectList[objects.PartialObject]:
            decoder = listpages.decoder(objects.ObjectList[objects.PartialObject])
            page: objects.ObjectList[objects.PartialObject] = listpages.decode_list(
                body, decoder, kind="PartialObjectMetadataList"
            )
            found.extend(each.metadata for each in page.items or ())
            if len(found) >= _ENOUGH:
                raise _Enough
            return page

        place: tuple[str, ...] = ()
        if resource in ("pods", "jobs") and not self.all_namespaces:
            place = ("namespaces", self._last("namespace") or client.config.namespace)
        root = ("apis", "batch", "v1") if resource == "jobs" else ("api", "v1")
        path = urls.path_join(*root, *place, resource)
        client.fetch_list(path, decode, limit=_PAGE, accept=_METADATA, retry=False)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[kube_client.Client]:
        from kubevitals.kube import client as kube_client

        if "simulate" in self._given or "simulation" in self._given:
            from kubevitals import cluster as clusters

            settings = clusteroptions.parse_simulation(self._last("simulation") or "")
            with clusters.connect(simulation=settings, request_timeout=PATIENCE) as cluster:
                yield cluster.client
            return
        connection: clientconfig.ClientConfig = kubeconfig.open_config(
            self._options(), environ=os.environ, interactive=False
        )
        with kube_client.Client(connection, request_timeout=PATIENCE, connect_timeout=PATIENCE) as client:
            yield client


@contextlib.contextmanager
def _hurry(seconds: float) -> Iterator[None]:
    """Raise _TooLate within the block after so many seconds."""
    import signal
    import threading

    main = hasattr(signal, "setitimer") and _in_main_thread()
    if not main:  # the time-outs of the client must do
        yield
        return

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise _TooLate

    running = threading.Lock()
    running.acquire()

    def watch() -> None:
        if not running.acquire(timeout=seconds + _GRACE):
            os._exit(0)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        running.release()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()
