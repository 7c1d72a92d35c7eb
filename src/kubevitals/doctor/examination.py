"""The examination: rights first, then all checks at the same time, then which finding is whose cause."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from kubevitals import errors, parallel, sanitize, severity
from kubevitals.doctor import checks, diagnosis, layers, onset, report, subjects
from kubevitals.doctor import context as contexts
from kubevitals.kube import accessreview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NamedTuple

    from kubevitals.kube import client as kube_client
    from kubevitals.kube import resourceattributes
    from kubevitals.promql import client as promql_client
else:
    from kubevitals.namedtuple import NamedTuple


class Options(NamedTuple):
    """How an examination is made.

    `only` and `skip` hold names of layers and ids of findings. `timeout` is seconds for all of it,
    `request_timeout` for one request. With a `subject` only what it stands on is looked at, and it itself.
    `security` adds what is too open, `probe` lets ports of nodes and pods be asked without credentials: else
    nothing but the API server and Prometheus is talked to.
    """

    namespace: str = ""
    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    timeout: float = 15.0
    request_timeout: float = 5.0
    max_nodes: int = 20
    concurrency: int = 8
    subject: subjects.Subject | None = None
    security: bool = False
    probe: bool = False


class _Seen:
    """What the checks have said so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.findings: list[diagnosis.Finding] = []
        self.notes: list[diagnosis.Note] = []
        self.missing: dict[str, list[resourceattributes.ResourceAttributes]] = {}
        self.problems: list[str] = []

    def add(self, said: Iterable[diagnosis.Finding | diagnosis.Note]) -> None:
        """Keep what a check says, as it says it."""
        for each in said:
            with self.lock:
                if isinstance(each, diagnosis.Finding):
                    self.findings.append(each)
                else:
                    self.notes.append(each)

    def miss(self, layer: str, rights: Iterable[resourceattributes.ResourceAttributes]) -> None:
        """Keep which rights a layer's check lacks."""
        with self.lock:
            self.missing.setdefault(layer, []).extend(rights)

    def fail(self, layer: str, why: str) -> None:
        """Keep why a layer could not be looked at."""
        with self.lock:
            self.problems.append(f"{layers.LAYERS[layer].title}: {why}")
            self.notes.append(diagnosis.Note(layer, diagnosis.UNKNOWN, why))


def examine(
    client: kube_client.Client,
    options: Options = Options(),  # noqa: B008 an immutable tuple
    *,
    prometheus: promql_client.Prometheus | None = None,
    last_sample: onset.LastSample | None = None,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> report.Report:
    """Examine a cluster and return the report. Only reads and access reviews are sent.

    Args:
        client: of the API server.
        options: what is looked at, and for how long.
        prometheus: the server to ask, where it is not to be looked for.
        last_sample: says when usage of a node was recorded last, by its name.
        progress: is told how many checks of how many have ended, in any thread.
        clock: gives seconds for bounds.
        wall: gives the epoch, for ages.

    Raises:
        errors.UsageError: a name in `only` or `skip` is neither a layer nor a finding, or there is no such subject.
        errors.ClusterError: the API server does not answer, or does not know who asks.
        errors.CredentialsError: the credential could not be had.
    """
    chosen = choose(options)
    began, started = clock(), wall()
    context = contexts.Context(
        client,
        namespace=options.namespace,
        timeout=options.request_timeout,
        deadline=began + options.timeout,
        max_nodes=options.max_nodes,
        probe=options.probe,
        prometheus=prometheus,
        clock=clock,
        wall=wall,
    )
    version = diagnosis.text(context.json("/version"), "gitVersion")
    seen = _Seen()
    node = ""
    if options.subject is not None:
        seen.add(subjects.look(context, options.subject))
        node = subjects.node_of(context, options.subject)
    _run(chosen, context, seen, options=options, progress=progress)
    if options.subject is not None:
        subject = options.subject
        seen.findings = [each for each in seen.findings if subjects.is_about(each, subject, node)]
    roots = _find_roots(_wanted(seen.findings, options))
    if last_sample is not None:
        try:
            roots = onset.find(roots, last_sample, context)
        except errors.HistoryError as error:
            seen.problems.append(f"history: {sanitize.excerpt(error.message, 160)}")
    return report.Report(
        sanitize.shorten(client.config.context, 100),
        sanitize.shorten(accessreview.whoami(client), 100),
        sanitize.shorten(version, 60),
        datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        clock() - began,
        context.requests,
        context.reviews,
        tuple(_judge(seen, roots, options)),
        tuple(roots),
        tuple(dict.fromkeys(seen.problems)),
    )


def choose(options: Options) -> list[diagnosis.Check]:
    """Return the checks that `only` and `skip` leave. Raises errors.UsageError for a word that is neither."""
    chain = None if options.subject is None else subjects.KINDS[options.subject.kind]
    known = layers.LAYERS.keys() | {page.id for page in checks.diagnoses()}
    for word in options.only | options.skip:
        if word not in known:
            raise errors.UsageError(
                f"{word[:60]!r} is neither a layer nor a finding",
                remedy=f"the layers are {', '.join(layers.LAYERS)}; kubevitals doctor explain lists the findings",
            )
    return [
        check
        for check in checks.CHECKS
        if not (
            check.layer in options.skip and not any(page.layer != check.layer for page in check.diagnoses)
        )
        and (check.layer != layers.SECURITY or options.security or _names(check) & options.only)
        and (not options.only or _names(check) & options.only)
        and (chain is None or check.layer in chain)
    ]


def _names(check: diagnosis.Check) -> set[str]:
    return {check.layer, *(page.id for page in check.diagnoses), *(page.layer for page in check.diagnoses)}


def _wanted(found: list[diagnosis.Finding], options: Options) -> list[diagnosis.Finding]:
    return [
        each
        for each in found
        if not {each.id, each.layer} & options.skip
        and (not options.only or {each.id, each.layer} & options.only)
    ]


def _run(
    chosen: list[diagnosis.Check],
    context: contexts.Context,
    seen: _Seen,
    *,
    options: Options,
    progress: Callable[[int, int], None] | None,
) -> None:
    waiting = list(reversed(chosen))
    done = 0

    def work() -> None:
        nonlocal done
        while True:
            with seen.lock:
                if not waiting:
                    return
                check = waiting.pop()
            _run_one(check, context, seen)
            with seen.lock:
                done += 1
                ended = done
            if progress is not None:
                progress(ended, len(chosen))

    parallel.run([work] * max(1, min(options.concurrency, len(chosen))))


def _run_one(check: diagnosis.Check, context: contexts.Context, seen: _Seen) -> None:
    """Run a check; what keeps it from looking makes its layer unknown, and never ends the examination."""
    try:
        missing = [need.right for need in check.needs if not need.optional and not _may(context, need.right)]
        if missing:
            seen.miss(check.layer, missing)
            return
        seen.add(check.look(context))
    except errors.ForbiddenError as error:
        seen.miss(check.layer, [] if error.right is None else [error.right])
        seen.add([diagnosis.Note(check.layer, diagnosis.UNKNOWN, sanitize.excerpt(error.message, 120))])
    except errors.KubevitalsError as error:
        seen.fail(check.layer, sanitize.excerpt(error.message, 160))
    except Exception as error:  # noqa: BLE001 an answer of a shape that nobody foresaw costs its check alone
        seen.fail(check.layer, f"an odd answer of the cluster ({type(error).__name__})")


def _may(context: contexts.Context, right: resourceattributes.ResourceAttributes) -> bool:
    if context.namespace and not right.namespace and not _is_cluster_wide(right.resource):
        right = right._replace(namespace=context.namespace)
    return context.may(right)


def _is_cluster_wide(resource: str) -> bool:
    return resource.partition("/")[0] in {"nodes", "namespaces", "apiservices", "certificatesigningrequests"}


def _find_roots(found: list[diagnosis.Finding]) -> list[diagnosis.Finding]:
    """Return the causes, each with what it blocks: a finding that a lower failure explains is no cause."""
    failed = {each.layer for each in found if each.severity == severity.CRITICAL and not each.symptom_of}
    # From below: what is itself explained explains what is above it by its own cause.
    explained: dict[str, str] = {}
    roots: list[diagnosis.Finding] = []
    symptoms: list[tuple[str, diagnosis.Finding]] = []
    for each in sorted(found, key=lambda each: layers.ORDER[each.layer]):
        below = next((layer for layer in each.symptom_of if layer in failed or layer in explained), None)
        if below is None:
            roots.append(each)
            if each.severity == severity.CRITICAL:
                failed.add(each.layer)
        else:
            cause = below if below in failed else explained[below]
            explained.setdefault(each.layer, cause)
            symptoms.append((cause, each))
    result = []
    credited: set[str] = set()
    for root in roots:
        mine = [each for cause, each in symptoms if cause == root.layer and cause not in credited]
        if root.severity == severity.CRITICAL and mine:
            credited.add(root.layer)
            said = (root.damage, *(each.damage for each in mine))
            damage = "; ".join(dict.fromkeys(filter(None, said))) or mine[0].title
            blocks = tuple(dict.fromkeys(each.title for each in mine))
            root = root._replace(damage=sanitize.shorten(damage, 300), blocks=blocks)  # noqa: PLW2901
        result.append(root)
    order = {word: place for place, word in enumerate(severity.SEVERITIES)}
    return sorted(result, key=lambda each: (order[each.severity], layers.ORDER[each.layer], each.id))


def _judge(seen: _Seen, roots: list[diagnosis.Finding], options: Options) -> Iterable[report.LayerState]:
    """Yield the state of each layer that was looked at."""
    of_layer: dict[str, set[str]] = {}
    for each in roots:
        of_layer.setdefault(each.layer, set()).add(each.severity)
    blocked: dict[str, str] = {}
    ids = {each.id for each in roots}
    for each in seen.findings:
        if each.symptom_of and each.id not in ids and each.layer not in of_layer:
            cause = next((layer for layer in each.symptom_of if layer in of_layer or layer in blocked), None)
            if cause is not None:
                blocked.setdefault(each.layer, blocked.get(cause, cause))
    for name in layers.LAYERS:
        notes = [note for note in seen.notes if note.layer == name]
        missing = tuple(dict.fromkeys(seen.missing.get(name, ())))
        if name in options.skip or not (notes or missing or name in of_layer or name in blocked):
            continue
        if options.only and not (name in options.only or name in of_layer or name in blocked):
            continue
        worst = of_layer.get(name, set())
        statuses = {note.status for note in notes}
        text = next((note.text for note in notes if note.status == diagnosis.OK and note.text), "")
        if severity.CRITICAL in worst:
            status = diagnosis.FAIL
        elif name in blocked:
            status = diagnosis.BLOCKED
        elif severity.WARNING in worst:
            status = diagnosis.WARN
        elif diagnosis.OK in statuses:
            status = diagnosis.OK
        elif diagnosis.SKIP in statuses:
            status = diagnosis.SKIP
        else:
            status = diagnosis.UNKNOWN
        text = text or next((note.text for note in notes if note.text), "")
        if status == diagnosis.UNKNOWN and missing:
            text = "needs " + ", ".join(str(right) for right in missing)
        by = blocked.get(name) if status == diagnosis.BLOCKED else None
        yield report.LayerState(name, status, sanitize.shorten(text, 160), by, missing)
