"""The choice among sources: who answers, who does not, and when the better ones are asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kubevitals import errors, sources
from kubevitals.sources import choice, none

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
        self.pods = {("a", "b"): (1.0, 1.0, [("c", 0.5, 1)])}

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        self.calls += 1
        if self.error is not None:
            raise self.error
        usage = sources.Usage()
        if scope.pods:
            usage.pods = dict(self.pods)  # type: ignore[arg-type]
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
                choice.Candidate("middle", lambda: self.middle, check=lambda: self.refused),
                choice.Candidate("last", lambda: self.last),
            ],
            retry_seconds=60,
            clock=lambda: self.seconds,
            now=lambda: START + timedelta(seconds=self.seconds),
        )

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
    told = {each.name: each for each in world.choice.standings()}
    assert told["middle"].problem is not None
    assert told["middle"].problem.message == "no right to get nodes/metrics"
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
    assert [each.answers for each in world.choice.standings()] == [True, False, False]


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
    assert (usage.nodes, usage.pods, usage.missing, usage.source) == ({}, {}, "no_source", "none")


def test_of_a_named_source_there_is_one_standing() -> None:
    """A source that was named stands alone: none stands behind it."""
    (standing,) = choice.standings_of(none.NoSource())
    assert (standing.name, standing.answers) == ("none", True)
