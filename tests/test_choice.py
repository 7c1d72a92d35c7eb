"""The choice among sources: who answers, who does not, and when the better ones are asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kubevitals import errors, sources
from kubevitals.kube import resourceattributes
from kubevitals.sources import choice, none

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = sources.Scope(pods=True)
NODES = sources.Scope(nodes=True)
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Scripted:
    """A source that fails as long as it has an error."""

    def __init__(self, name: str, error: errors.KubevitalsError | None = None) -> None:
        self.name = name
        self.error = error
        self.calls = 0
        self.closed = False
        self.takes: Callable[[], object] = lambda: None
        self.pods = {("a", "b"): (1.0, 1.0, [("c", 0.5, 1)])}
        self.nodes = {"n": (1.0, 1.0, 0.5, 1)}

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        self.calls += 1
        self.takes()
        if self.error is not None:
            raise self.error
        usage = sources.Usage()
        if scope.pods:
            usage.pods = dict(self.pods)  # type: ignore[arg-type]
        if scope.nodes:
            usage.nodes = dict(self.nodes)
        return usage

    def close(self) -> None:
        self.closed = True


class World:
    """Three sources in one choice, and a clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.refused: str | None = None
        self.best, self.middle, self.last = Scripted("best"), Scripted("middle"), Scripted("last")
        self.choice = choice.Choice(
            [
                choice.Candidate("best", lambda: self.best),
                choice.Candidate("middle", lambda: self.middle, check=self.check),
                choice.Candidate("last", lambda: self.last),
            ],
            retry_seconds=60,
            clock=lambda: self.seconds,
            now=lambda: START + timedelta(seconds=self.seconds),
        )

    def check(self) -> None:
        if self.refused is not None:
            error = errors.NoSourceError(self.refused)
            error.right = resourceattributes.ResourceAttributes("get", "nodes/metrics")
            raise error

    def answering(self) -> str:
        return self.choice.fetch_usage(PODS).source


@pytest.fixture
def world() -> World:
    return World()


def absent() -> errors.MetricsError:
    return errors.MetricsNotInstalledError("not installed", remedy="install it")


def test_the_best_one_answers_without_a_word(world: World) -> None:
    """While the best source answers nobody else is asked, and nothing is said about it."""
    usage = world.choice.fetch_usage(PODS)
    assert (usage.source, usage.problems) == ("best", [])
    assert (world.middle.calls, world.last.calls) == (0, 0)


def test_the_next_one_answers_and_says_why(world: World) -> None:
    """Where the best gives no usage the next one answers, with since when and why in a problem."""
    world.best.error = absent()
    usage = world.choice.fetch_usage(PODS)
    assert usage.source == "middle"
    (problem,) = usage.problems
    assert problem.code == "source_fallback"
    assert "middle since 2026-01-02T03:04:05Z" in problem.message
    assert "best: not installed" in problem.message
    assert problem.remedy == "install it"


def test_a_source_without_rights_is_passed_over(world: World) -> None:
    """A candidate whose check gives a reason is not asked, and the reason is told."""
    world.best.error, world.refused = absent(), "no right to get nodes/metrics"
    assert world.answering() == "last"
    assert world.middle.calls == 0
    told = {each.name: each for each in world.choice.statuses()}
    assert told["middle"].problem is not None
    assert told["middle"].problem.message == "no right to get nodes/metrics"
    assert told["middle"].problem.right == resourceattributes.ResourceAttributes("get", "nodes/metrics")
    assert (told["last"].answers, told["last"].since) == (True, START)


def test_the_better_one_is_taken_again(world: World) -> None:
    """A better source that failed is asked again after a minute, and taken when it answers."""
    world.best.error = absent()
    world.answering()
    world.best.error = None
    world.seconds = 59
    assert world.answering() == "middle"
    world.seconds = 61
    assert world.answering() == "best"
    assert [each.answers for each in world.choice.statuses()] == [True, False, False]


def test_the_first_reason_is_what_is_raised(world: World) -> None:
    """Where no source answers, the error is that of the best one, with why the others do not either."""
    for each in (world.best, world.middle, world.last):
        each.error = errors.MetricsUnavailableError(f"{each.name} is down")
    with pytest.raises(errors.MetricsUnavailableError, match="best is down") as caught:
        world.answering()
    assert caught.value.remedy == "nor does middle answer: middle is down\nnor does last answer: last is down"


def test_a_cluster_that_does_not_answer_is_no_reason_to_change(world: World) -> None:
    """A request that fails for another reason than the source is raised as it is."""
    world.best.error = errors.UnreachableError("nobody there")
    with pytest.raises(errors.UnreachableError):
        world.answering()
    assert world.middle.calls == 0


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestTimeoutError("no answer in time"),
        errors.StatusError("it broke", status=500, reason="Internal Server Error"),
        errors.NotJSONError("a web page"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_answer_that_is_none_is_a_reason(world: World, error: errors.ClusterError) -> None:
    """A source that hangs, breaks or talks nonsense stands aside, as what is behind it may be dead."""
    world.best.error = error
    assert world.answering() == "middle"


def test_a_wrong_question_is_asked_once(world: World) -> None:
    """A question that the cluster refuses as wrong is not asked of anybody else."""
    world.best.error = errors.StatusError("no such selector", status=400, reason="Bad Request")
    with pytest.raises(errors.StatusError):
        world.answering()
    assert world.middle.calls == 0


def test_a_better_one_that_is_tried_harms_nothing(world: World) -> None:
    """While another source answers, a better one that is tried again may fail in any way."""
    world.best.error = absent()
    world.answering()
    world.best.error = errors.UnreachableError("nobody there")
    world.seconds = 61
    assert world.answering() == "middle"
    assert world.best.calls == 2


def test_a_try_takes_a_small_part_of_the_time(world: World) -> None:
    """A better source that costs a long wait each time is asked less often."""
    world.best.error = absent()
    world.best.takes = lambda: setattr(world, "seconds", world.seconds + 15)
    world.answering()
    for world.seconds in (80, 160):
        world.answering()
    assert world.best.calls == 1
    world.seconds = 166
    world.answering()
    assert world.best.calls == 2


def test_a_late_answer_does_not_take_the_place_of_a_better_one(world: World) -> None:
    """Nodes that the second-best tells while pods find the best one again change nothing any more."""
    world.best.error = absent()
    world.answering()
    world.best.error, world.seconds = None, 61
    world.middle.takes = lambda: world.choice.fetch_usage(PODS)
    usage = world.choice.fetch_usage(NODES)
    assert (usage.source, usage.problems) == ("middle", [])
    assert world.choice.name == "best"


def test_each_absence_has_its_own_beginning(world: World) -> None:
    """Who stands in a second time does so since then; who is not needed has nothing to tell."""
    world.best.error, world.refused = absent(), "no right"
    world.answering()
    world.best.error, world.refused, world.seconds = None, None, 61
    world.answering()
    assert [(each.since, each.problem) for each in world.choice.statuses()[1:]] == [(None, None)] * 2
    world.best.error, world.seconds = absent(), 300
    (problem,) = world.choice.fetch_usage(PODS).problems
    assert "middle since 2026-01-02T03:09:05Z" in problem.message


def test_rights_are_looked_at_each_time_it_stands_in(world: World) -> None:
    """A right that was taken away while a source was not needed is found before it is asked."""
    world.best.error = absent()
    world.answering()
    world.best.error, world.seconds = None, 61
    world.answering()
    world.best.error, world.refused = absent(), "no right any more"
    assert world.answering() == "last"
    assert world.middle.calls == 1


def test_rights_on_nodes_alone_change_nothing(world: World) -> None:
    """An account that may read pods but not nodes keeps its source."""
    world.best.error = errors.ForbiddenError("no nodes")
    with pytest.raises(errors.ForbiddenError):
        world.choice.fetch_usage(NODES)
    world.best.error = None
    assert world.answering() == "best"
    assert world.middle.calls == 0


def test_a_source_that_has_collected_nothing_stands_aside(world: World) -> None:
    """A source that answers and knows no pod of the whole cluster is passed over for one that does."""
    world.best.pods = {}
    assert world.answering() == "middle"


def test_nodes_without_any_sample_stand_aside_too(world: World) -> None:
    """A source that knows no node of the whole cluster is passed over as well."""
    world.best.nodes = {}
    assert world.choice.fetch_usage(NODES).source == "middle"
    assert world.choice.fetch_usage(sources.Scope(nodes=True, name="n")).source == "middle"


def test_empty_everywhere_is_an_empty_answer(world: World) -> None:
    """Where no source knows a pod, the best one's empty answer is the answer."""
    for each in (world.best, world.middle, world.last):
        each.pods = {}
    world.middle.error = absent()
    usage = world.choice.fetch_usage(PODS)
    assert (usage.source, usage.pods, usage.problems) == ("best", {}, [])


def test_a_part_of_the_cluster_may_be_empty(world: World) -> None:
    """A namespace without pods is no reason to change the source."""
    world.best.pods = {}
    assert world.choice.fetch_usage(sources.Scope(pods=True, namespace="a")).source == "best"


def test_closing_closes_what_was_opened(world: World) -> None:
    """close() closes the sources that were used, and opens no others."""
    world.best.error = absent()
    world.answering()
    world.choice.close()
    assert (world.best.closed, world.middle.closed, world.last.closed) == (True, True, False)


def test_none_knows_nothing_and_says_so() -> None:
    """The source none answers without a request that no usage is to be expected."""
    usage = none.NoSource().fetch_usage(PODS)
    assert (usage.nodes, usage.pods, usage.reason, usage.source) == ({}, {}, "no_source", "none")


def test_of_a_named_source_there_is_one_standing() -> None:
    """A source that was named stands alone: none stands behind it."""
    (standing,) = choice.statuses_of(none.NoSource())
    assert (standing.name, standing.answers) == ("none", True)
