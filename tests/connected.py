"""A kubevitals.Cluster for a simulated cluster that runs already, as any of its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import cluster as clusters
from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import authentication

if TYPE_CHECKING:
    from simcluster import simulation as simulated


class Token(authentication.Credentials):
    """The token of one user."""

    kind = "token"

    def __init__(self, token: str) -> None:
        self._token = token

    def fetch(self) -> authentication.Credential:
        return authentication.Credential(f"Bearer {self._token}")


def connect(
    world: simulated.SimulatedCluster,
    *,
    user: str = "admin",
    namespace: str = "default",
    request_timeout: float = 15.0,
    **options: Any,
) -> clusters.Cluster:
    """Connected as `user`; ages are counted from the simulated time."""
    made = clientconfig.ClientConfig(
        world.url,
        Token(world.token_for(user)),
        context="simulated",
        namespace=namespace,
        ca=world.ca or None,
        origin="the test",
    )
    return clusters.Cluster(client.Client(made, request_timeout=request_timeout), clock=world.now, **options)
