"""Composing the snapshot of one tick from usage and inventory, and errors as problems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import attribution, clocks, errors, model, snapshot, sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from kubevitals import cluster as clusters
    from kubevitals.kube import liveinventory


UNVERIFIED = "inventory_unverified"
"""The code of the problem that nodes and pods are as they were at a time, and perhaps not now."""


class UsageResults:
    """The answers of a source for nodes and for pods, or the errors instead."""

    def __init__(self) -> None:
        self.nodes: sources.Usage | None = None
        self.pods: sources.Usage | None = None
        self.failures: dict[str, errors.KubevitalsError] = {}

    def attempt(self, what: str, fetch: Callable[[], sources.Usage]) -> None:
        """Keep what `fetch` returns, or its error, under that name."""
        try:
            setattr(self, what, fetch())
        except (errors.ClusterError, errors.MetricsError, errors.ConfigurationError) as error:
            self.failures[what] = error

    @property
    def failure(self) -> errors.KubevitalsError | None:
        """The error for which the tick has failed, if it has; a missing right on one of the two is none."""
        failed = [self.failures[what] for what in ("pods", "nodes") if what in self.failures]
        for error in failed:
            if not isinstance(error, errors.ForbiddenError):
                return error
        return failed[0] if failed and self.nodes is None and self.pods is None else None


def newest_sample(made: model.Snapshot) -> datetime | None:
    """Return when the newest sample of a snapshot was measured."""
    rows = made.nodes or made.pods
    return max((row.timestamp for row in rows if row.timestamp is not None), default=None)


def compose(
    cluster: clusters.Cluster,
    usage: UsageResults,
    held: liveinventory.Inventory,
    failure: errors.KubevitalsError | None,
    *,
    now: datetime,
    whole: bool,
) -> model.Snapshot:
    """Return the snapshot of a tick; `failure` is why there is no usage, `whole` that these are all pods."""
    may_list_pods = "pods" in held.resource_versions
    for part in (usage.nodes, usage.pods):
        attribution.attribute(
            part,
            nodes=held.nodes if "nodes" in held.resource_versions else None,
            pods=held.pods if may_list_pods else None,
        )
    problems = list(held.problems)
    problems += map(problem_of, usage.failures.values())
    if failure is not None:
        problems.append(problem_of(failure))
    for part in (usage.nodes, usage.pods):
        problems += part.problems if part is not None else ()
    answered = usage.pods or usage.nodes
    reason = answered.reason if answered is not None else None
    code = problem_of(failure).code if failure is not None else reason
    of_nodes = usage.failures.get("nodes")
    of_pods = usage.failures.get("pods")
    samples = snapshot.choose_reports(usage.pods, held.pods) if usage.pods is not None else {}
    not_ready = frozenset(node.name for node in held.nodes if not node.ready)
    pods = (
        snapshot.join_pods(
            held.pods,
            samples,
            now=now,
            unready_nodes=not_ready,
            failure=code or (problem_of(of_pods).code if of_pods is not None else None),
            node_reasons=usage.pods.node_reasons if usage.pods is not None else {},
            pod_reasons=usage.pods.pod_reasons if usage.pods is not None else {},
        )
        if may_list_pods
        else snapshot.rows_of_samples(
            samples, now=now, pod_reasons=usage.pods.pod_reasons if usage.pods is not None else {}
        )
    )
    nodes = snapshot.join_nodes(
        held.nodes if "nodes" in held.resource_versions else None,
        usage.nodes.nodes if usage.nodes is not None else {},
        now=now,
        pods=held.pods if whole and may_list_pods else None,
        failure=problem_of(of_nodes).code if of_nodes is not None else reason,
        node_reasons=usage.nodes.node_reasons if usage.nodes is not None else {},
    )
    problems += clocks.find_problems(
        nodes,
        pods,
        node_samples=usage.nodes.nodes if usage.nodes is not None else {},
        pod_samples=samples,
        now=now,
        own_lead=cluster.client.http.clock_lead,
    )
    if usage.nodes is not None:
        nodes = snapshot.add_details_of_nodes(nodes, usage.nodes.details)
    if usage.pods is not None:
        pods = snapshot.add_details_of_pods(pods, usage.pods.details)
    return model.Snapshot(
        cluster=cluster.name,
        source=answered.source or cluster.source.name if answered is not None else "none",
        generated_at=now,
        nodes=model.Records(nodes),
        pods=model.Records(pods),
        problems=model.distinct(problems),
    )


def find_unverified(error: errors.KubevitalsError, verified_at: datetime | None) -> tuple[model.Problem, ...]:
    """Return that nodes and pods may be others by now, if the error is that the API server does not answer.

    `verified_at` is when it last said anything of them; None if it never did.
    """
    silent = isinstance(error, errors.UnreachableError | errors.RequestTimeoutError)
    if not silent or verified_at is None:
        return ()
    since = f"{verified_at:%Y-%m-%dT%H:%M:%SZ}"
    remedy = "look at the API server; they are read again as soon as it answers"
    message = f"nodes and pods are unverified since {since}: the API server does not answer"
    return (model.Problem(UNVERIFIED, message, remedy),)


def problem_of(error: errors.KubevitalsError) -> model.Problem:
    """Return the problem for an error of a source."""
    code = error.code
    if isinstance(error, errors.ForbiddenError):
        code = "usage_forbidden"
    elif isinstance(error, errors.ClusterError):
        code = "usage_failed"
    return model.Problem.of(error, code=code)


def fingerprint(problem: model.Problem) -> tuple[str, str]:
    """Return what makes it the same problem again: all but numbers, such as how often it was tried."""
    return problem.code, "".join(each for each in problem.message if not each.isdigit())


def as_error(problem: model.Problem) -> errors.KubevitalsError:
    """Return an error with the code, the message and the remedy of a problem."""
    error = errors.KubevitalsError(problem.message, remedy=problem.remedy)
    error.code = problem.code
    error.right = problem.right
    return error


def count_coverage(made: model.Snapshot) -> dict[str, tuple[int, int]]:
    """Return of nodes and of pods that live how many have usage, and how many there are."""
    pods = [pod for pod in made.pods if not pod.terminated]
    return {
        "nodes": (sum(row.cpu_usage_cores is not None for row in made.nodes), len(made.nodes)),
        "pods": (sum(row.cpu_usage_cores is not None for row in pods), len(pods)),
    }
