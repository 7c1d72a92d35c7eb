"""What the simulated API server says it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import simulated, small_world

from simcluster import apiobjects, simulation
from simcluster.apiserver import discovery

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(
        world=small_world.SmallWorld(), tls=False, metrics_versions=("v1", "v1beta1")
    ) as running:
        yield running


def test_version(served: simulation.SimulatedCluster) -> None:
    """The version is that of a recent Kubernetes, and says that it is simulated."""
    version = simulated.ask(served, "/version").json()
    assert (version["major"], version["minor"]) == ("1", "36")
    assert version["gitVersion"].endswith("+simcluster")


def test_plain_discovery_is_complete(served: simulation.SimulatedCluster) -> None:
    """Every resource is found by walking the groups, and every readable one can be listed."""
    found = {}
    paths = ["/api/v1"]
    for group in simulated.ask(served, "/apis").json()["groups"]:
        assert (
            simulated.ask(served, f"/apis/{group['name']}").json()["preferredVersion"]
            == group["preferredVersion"]
        )
        paths += [f"/apis/{each['groupVersion']}" for each in group["versions"]]
    for path in paths:
        for row in simulated.ask(served, path).json()["resources"]:
            found[path, row["name"]] = row
            if "list" in row["verbs"]:
                answer = simulated.ask(served, f"{path}/{row['name']}")
                assert answer.json()["kind"] == f"{row['kind']}List"
    assert {name for _, name in found} >= {each.plural for each in apiobjects.RESOURCES.values()} | {
        "pods/log"
    }
    assert ("/apis/metrics.k8s.io/v1", "nodes") in found
    assert found["/api/v1", "pods"]["shortNames"] == ["po"]


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery_says_the_same(
    served: simulation.SimulatedCluster, version: str, path: str
) -> None:
    """The aggregated form names the resources of the plain one."""
    accept = discovery.aggregated_type(version)
    answer = simulated.ask(served, path, headers={"Accept": f"{accept},application/json"})
    assert answer.headers["content-type"] == accept
    assert answer.json()["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    for item in answer.json()["items"]:
        name = item["metadata"].get("name", "")
        for each in item["versions"]:
            assert each["freshness"] == "Current"
            plain = f"/apis/{name}/{each['version']}" if name else f"/api/{each['version']}"
            rows = simulated.ask(served, plain).json()["resources"]
            names = {row["name"] for row in rows if "/" not in row["name"]}
            assert {row["resource"] for row in each["resources"]} == names


def test_health(served: simulation.SimulatedCluster) -> None:
    """The health paths answer ok, line by line when asked to, and check by check."""
    for name in ("healthz", "livez", "readyz"):
        assert simulated.ask(served, f"/{name}").body == b"ok"
        assert simulated.ask(served, f"/{name}?verbose").body.endswith(f"{name} check passed\n".encode())
        assert simulated.ask(served, f"/{name}/ping").body == b"ok"
        assert simulated.ask(served, f"/{name}/nothing").status == 404
    assert simulated.ask(served, "/version", method="POST", body={}).status == 405
    assert "/api" in simulated.ask(served, "/").json()["paths"]
