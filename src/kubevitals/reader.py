"""Reading one snapshot: the lists it needs are fetched at the same time and joined.

A list that may not be read, or a source that does not answer, becomes a problem of the snapshot as long as
something of what was asked for can be shown. Where nothing can, it is an error.
"""

from __future__ import annotations

from kubevitals import attribution, clocks, errors, garbage, model, parallel, sanitize, snapshot, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals.kube import client as kube_client

    NodeList = tuple[list[model.Node], list[model.Problem]]
    PodList = tuple[list[model.Pod], list[model.Problem]]
else:
    from kubevitals.namedtuple import NamedTuple


_PRECEDENCE = ("nodes", "pods", "pod usage", "node usage")  # whose error is raised first


class Request(NamedTuple):
    """What a snapshot shall hold. Selectors are Kubernetes' own texts; `namespace` None means all."""

    nodes: bool = True
    pods: bool = True
    namespace: str | None = None
    name: str | None = None  # the one pod that is wanted, or without pods the one node
    label_selector: str | None = None  # of pods
    field_selector: str | None = None  # of pods
    node_label_selector: str | None = None
    pod_usage: bool = True  # False: pods are read for their requests alone
    pod_details: bool = True  # False: pods are read for their usage alone
    with_owners: bool = True  # look up what stands above Jobs and ReplicaSets
    with_containers: bool = True  # False spares usage alone the rows of containers

    @property
    def whole(self) -> bool:
        """Whether all pods of the cluster are read, so that sums over nodes are right."""
        return (
            self.pods
            and self.pod_details
            and not (self.namespace or self.label_selector or self.field_selector)
        )


def read(
    client: kube_client.Client, source: sources.Source, request: Request, *, now: Callable[[], datetime]
) -> model.Snapshot:
    """Return the snapshot that `request` describes.

    Raises:
        errors.ClusterError: nothing of what is asked for could be read.
        errors.MetricsError: usage alone was asked for, and there is none.
        errors.UsageError: usage alone is asked for with a field selector, which needs the list of pods.
    """
    if request.field_selector is not None and request.pods and not request.pod_details:
        raise errors.UsageError(
            "the metrics API knows no fields of pods",
            remedy="read their details too, or select by labels",
        )
    reader = _Reader(client, source, request)
    with garbage.paused:
        reader.fetch()
        return reader.join(now())


class _Reader:
    """The requests for one snapshot: what came back of each, and the problems so far."""

    def __init__(self, client: kube_client.Client, source: sources.Source, request: Request) -> None:
        self._client = client
        self._source = source
        self._request = request
        self._problems: list[model.Problem] = []
        self._node_usage: sources.Usage | None = None
        self._pod_usage: sources.Usage | None = None
        self._samples: Mapping[tuple[str, str], sources.PodSample] = {}  # of pods
        self._node_list: list[model.Node] | None = None
        self._pod_list: list[model.Pod] | None = None
        self._errors: dict[str, errors.KubevitalsError] = {}

    def fetch(self) -> None:
        """Make all requests, the independent ones at the same time."""
        request = self._request
        jobs = [self._fetch_usage]
        if request.nodes:
            jobs.append(self._fetch_nodes)
        if request.pods and request.pod_details:
            jobs.append(self._fetch_pods)
        parallel.run(jobs)

    def join(self, now: datetime) -> model.Snapshot:
        """Make rows of what came back."""
        self._raise_if_nothing()
        self._attribute()
        nodes = self._join_nodes(now) if self._request.nodes else []
        pods = self._join_pods(now) if self._request.pods and self._request.pod_usage else []
        usages = [usage for usage in (self._node_usage, self._pod_usage) if usage is not None]
        self._problems += clocks.find_problems(
            nodes,
            pods,
            node_samples=self._node_usage.nodes if self._node_usage is not None else {},
            pod_samples=self._samples,
            now=now,
            own_lead=self._client.http.clock_lead,
        )
        for usage in usages:
            self._problems += usage.problems
            nodes = snapshot.add_details_of_nodes(nodes, usage.details if usage is self._node_usage else {})
            pods = snapshot.add_details_of_pods(pods, usage.details if usage is self._pod_usage else {})
        return model.Snapshot(
            cluster=self._client.config.context,
            source=usages[-1].source or self._source.name if usages else "none",
            generated_at=now,
            nodes=model.Records(nodes),
            pods=model.Records(pods),
            problems=model.distinct(self._problems),
        )

    def _attribute(self) -> None:
        """Find the objects of samples from a source that has names of its own for them."""
        request = self._request
        for usage in (self._node_usage, self._pod_usage):
            attribution.attribute(
                usage,
                nodes=self._node_list,
                pods=self._pod_list,
                judge=not (
                    request.name
                    or request.label_selector
                    or request.field_selector
                    or request.node_label_selector
                ),
            )

    def _fetch_usage(self) -> None:
        request = self._request
        name = request.name
        if request.nodes:
            scope = sources.Scope(
                nodes=True, name=None if request.pods else name, label_selector=request.node_label_selector
            )
            self._node_usage = self._attempt("node usage", lambda: self._source.fetch_usage(scope))
        if request.pods and request.pod_usage:
            pod_scope = sources.Scope(
                pods=True,
                name=name if request.namespace is not None else None,
                namespace=request.namespace,
                label_selector=request.label_selector,
            )
            self._pod_usage = self._attempt("pod usage", lambda: self._source.fetch_usage(pod_scope))

    def _fetch_nodes(self) -> None:
        from kubevitals.kube import inventory

        request = self._request
        answer = self._attempt(
            "nodes",
            lambda: inventory.fetch_nodes(
                self._client,
                label_selector=request.node_label_selector,
                name=None if request.pods else request.name,
            ),
        )
        if answer is not None:
            self._node_list = answer[0]
            self._problems += answer[1]

    def _fetch_pods(self) -> None:
        from kubevitals.kube import inventory

        request = self._request
        fields = request.field_selector
        if request.name is not None and request.namespace is not None:
            fields = ",".join(filter(None, (fields, f"metadata.name={request.name}")))
        answer = self._attempt(
            "pods",
            lambda: inventory.fetch_pods(
                self._client,
                namespace=request.namespace,
                label_selector=request.label_selector,
                field_selector=fields,
                with_owners=request.with_owners,
            ),
        )
        if answer is not None:
            self._pod_list = answer[0]
            self._problems += answer[1]

    def _attempt(self, what: str, fetch: Callable[[], Any]) -> Any:
        try:
            return fetch()
        except (errors.ClusterError, errors.MetricsError) as error:
            self._errors[what] = error
            return None

    def _raise_if_nothing(self) -> None:
        """Raise if there is nothing to show of what was asked for."""
        request = self._request
        missing = []
        if request.nodes:
            missing.append(self._node_list is None and self._node_usage is None)
        if request.pods and request.pod_usage:
            listed = self._pod_list is not None
            missing.append(not listed and (self._pod_usage is None or request.field_selector is not None))
        if missing and all(missing):
            failed = [self._errors[what] for what in _PRECEDENCE if what in self._errors]
            refused = [error for error in failed if isinstance(error, errors.ForbiddenError)]
            if len(refused) == len(failed) > 1:
                raise _join_refusals(refused)
            raise failed[0]

    def _join_nodes(self, now: datetime) -> list[model.Node]:
        request, usage = self._request, self._node_usage
        if self._node_list is None:
            self._report("nodes", "nodes")
        failure = None
        if usage is None:
            failure = self._report_usage("node usage")
        elif usage.reason is not None:
            failure = usage.reason
        elif (
            self._node_list
            and not usage.nodes
            and not usage.node_reasons
            and self._has_collected_nothing(usage)
        ):
            failure = self._report_empty()
        held = self._pod_list if request.whole else None
        if request.pods and not request.pod_usage and self._pod_list is None:
            self._report("pods", "what their pods asked for")
        return snapshot.join_nodes(
            self._node_list,
            usage.nodes if usage is not None else {},
            now=now,
            pods=held,
            failure=failure,
            node_reasons=usage.node_reasons if usage is not None else {},
        )

    def _join_pods(self, now: datetime) -> list[model.Pod]:
        request, usage = self._request, self._pod_usage
        if usage is not None:
            self._samples = snapshot.choose_reports(usage, self._pod_list or ())
        samples = self._samples
        if self._pod_list is None:
            if request.field_selector is not None:
                # Samples have no fields: all of them would pass for the selected ones.
                self._report("pods", "which pods the field selector means")
                return []
            if request.pod_details:
                self._report("pods", "requests, limits and health of pods")
            elif not samples and request.name is None and self._pods_exist():
                raise empty() if self._has_collected_nothing(usage) else _nothing_of_these()
            return snapshot.rows_of_samples(
                samples,
                now=now,
                with_containers=request.with_containers,
                pod_reasons=usage.pod_reasons if usage is not None else {},
            )
        failure = None
        if usage is None:
            failure = self._report_usage("pod usage")
        elif usage.reason is not None:
            failure = usage.reason
        elif (
            not samples
            and not usage.node_reasons
            and snapshot.expect_usage(self._pod_list, now, whole=request.whole)
            and self._has_collected_nothing(usage)
        ):
            failure = self._report_empty()
        not_ready = frozenset(node.name for node in self._node_list or () if not node.ready)
        return snapshot.join_pods(
            self._pod_list,
            samples,
            now=now,
            unready_nodes=not_ready,
            failure=failure,
            node_reasons=usage.node_reasons if usage is not None else {},
            pod_reasons=usage.pod_reasons if usage is not None else {},
            # By name alone the source knows no labels, and it never knows fields: there the list decides.
            keep_unlisted=request.field_selector is None
            and not (request.name is not None and request.label_selector),
        )

    def _pods_exist(self) -> bool:
        """Ask for one pod: without any, an empty answer of the metrics API is right."""
        from kubevitals.kube import inventory

        request = self._request
        try:
            return inventory.any_pod_runs(
                self._client, namespace=request.namespace, label_selector=request.label_selector
            )
        except errors.ClusterError:
            return False  # without the right to know, an empty list is all there is to say

    def _has_collected_nothing(self, usage: sources.Usage | None) -> bool:
        """Return whether the metrics API has no sample at all, where it has none of what was asked for.

        Of a part of the cluster the samples may be missing for reasons of its own, say a silent kubelet.
        Other sources say themselves when they have nothing.
        """
        request = self._request
        if usage is not None and usage.source not in ("", sources.METRICS_API):
            return False
        if not (
            request.name
            or request.namespace
            or request.label_selector
            or request.field_selector
            or request.node_label_selector
        ):
            return True
        try:
            return not self._source.fetch_usage(sources.Scope(nodes=True)).nodes
        except (errors.ClusterError, errors.MetricsError):
            return True  # without the right to know, the part is taken for the whole

    def _report(self, what: str, unknown: str) -> None:
        """Say that a list could not be read, and what is unknown for it."""
        error = self._errors.get(what)
        if error is not None:
            self._problems.append(_problem_of(error, f"{what}_{error.code}", about=f"{unknown} unknown"))

    def _report_usage(self, what: str) -> str:
        error = self._errors[what]
        if isinstance(error, errors.MetricsError):
            code = error.code
        else:
            code = "usage_forbidden" if isinstance(error, errors.ForbiddenError) else "usage_failed"
        self._add(_problem_of(error, code))
        return code

    def _report_empty(self) -> str:
        error = empty()
        self._add(model.Problem.of(error))
        return error.code

    def _add(self, problem: model.Problem) -> None:
        if problem not in self._problems:
            self._problems.append(problem)


def _problem_of(error: errors.KubevitalsError, code: str, *, about: str = "") -> model.Problem:
    """Return the problem that an error is; with a refusal it names the RBAC rule that would allow it."""
    problem = model.Problem.of(error, code=code, about=about)
    if isinstance(error, errors.ForbiddenError) and error.rule:
        advice = f"{error.remedy}\nthe RBAC rule that would allow it:\n{error.rule.rstrip()}"
        return problem._replace(remedy=advice)
    return problem


def _join_refusals(refused: list[errors.ForbiddenError]) -> errors.ForbiddenError:
    """Return one error that names every rule that is missing, so that one round of granting is enough."""
    first = refused[0]
    rights = [error.right for error in refused if error.right is not None]
    message = "\n".join(dict.fromkeys(error.message for error in refused))
    if (
        len(rights) == len(refused)
        and len({(right.user, right.verb, right.namespace) for right in rights}) == 1
    ):
        right = rights[0]
        what = ", ".join(dict.fromkeys(right.full_resource for right in rights))
        where = f" in the namespace {right.namespace}" if right.namespace else ""
        message = f"{sanitize.excerpt(right.user, 80) or 'the user'} may not {right.verb} {what}{where}"
    joined = errors.ForbiddenError(
        message,
        remedy="\n".join(dict.fromkeys(error.remedy for error in refused if error.remedy)),
        request=first.request,
        status=first.status,
        reason=first.reason,
        body=first.body,
        headers=first.headers,
    )
    joined.right = first.right
    joined.rule = "".join(dict.fromkeys(error.rule for error in refused if error.rule))
    return joined


def empty() -> errors.MetricsEmptyError:
    """Return the error for a metrics API that has collected nothing yet."""
    return errors.MetricsEmptyError(
        "metrics API installed, nothing collected yet",
        remedy="wait: metrics-server needs two scrapes of a kubelet, up to two minutes after its start; "
        "if it stays so: kubevitals doctor",
    )


def _nothing_of_these() -> errors.MetricsEmptyError:
    return errors.MetricsEmptyError(
        "there is no sample of the pods that run there, though there are of others",
        remedy="a pod needs up to two minutes after its start; without --usage each row says why it has none",
    )
