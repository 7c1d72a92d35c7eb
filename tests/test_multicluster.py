"""Several clusters for one command, and what each is called."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests import small_world

from kubevitals import errors
from kubevitals.cli import clusteroptions, multicluster
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(world=small_world.SmallWorld()) as made:
        yield made


@pytest.fixture
def arguments(world: simulated.SimulatedCluster, tmp_path: pathlib.Path) -> Any:
    """What a command line leaves that names a kubeconfig with two contexts, `one` and `two`."""
    config = yaml.safe_load(world.kubeconfig())
    context = config["contexts"][0]["context"]
    config["contexts"] = [{"name": name, "context": context} for name in ("one", "two")]
    config["current-context"] = "one"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    parser = argparse.ArgumentParser()
    clusteroptions.add_cluster_options(parser, several=True)

    def parse(*words: str) -> argparse.Namespace:
        return parser.parse_args(["--kubeconfig", str(path), *words])

    return parse


def names(arguments: argparse.Namespace) -> list[str]:
    with contextlib.ExitStack() as stack:
        return [cluster.name for cluster in multicluster.connect_all(arguments, stack)]


def test_clusters_are_called_by_their_contexts(arguments: Any) -> None:
    """Each context that is named is a cluster, once, in that order; without one it is the current."""
    assert names(arguments()) == ["one"]
    assert names(arguments("--context", "two", "--context", "one", "--context", "two")) == ["two", "one"]


def test_one_cluster_can_be_given_a_name(arguments: Any) -> None:
    """--cluster-name is what snapshots say, whatever the context is called."""
    with contextlib.ExitStack() as stack:
        (cluster,) = multicluster.connect_all(arguments("--cluster-name", "prod"), stack)
        assert (cluster.name, cluster.snapshot().cluster) == ("prod", "prod")


def test_several_clusters_have_no_common_name(arguments: Any) -> None:
    """--cluster-name with two contexts is wrong usage."""
    with pytest.raises(errors.UsageError, match="there are several contexts"):
        names(arguments("--context", "one", "--context", "two", "--cluster-name", "prod"))


def test_several_clusters_have_no_common_prometheus(arguments: Any) -> None:
    """The address of one Prometheus with two contexts is wrong usage: both would show the same usage."""
    both = ("--context", "one", "--context", "two", "--prometheus-url", "http://127.0.0.1:9")
    with pytest.raises(errors.UsageError, match="is for one cluster"):
        names(arguments(*both))
    assert names(arguments(*both, "--source", "kubelet")) == ["one", "two"]
