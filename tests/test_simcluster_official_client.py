"""The simulated cluster as the official Python client sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client, config, utils, watch

from simcluster import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(speed=60.0) as running:
        yield running


@pytest.fixture
def api(served: simulation.SimulatedCluster) -> Iterator[Any]:
    made = config.new_client_from_config_dict(
        yaml.safe_load(served.kubeconfig()), context="simulated-certificate"
    )
    with made:
        yield made


def test_lists(api: Any) -> None:
    """Nodes and pods become the client's models, page by page as well as at once."""
    core = client.CoreV1Api(api)
    assert core.list_node().items[0].status.allocatable["cpu"]
    pods = core.list_pod_for_all_namespaces(limit=20)
    count = len(pods.items)
    while pods.metadata._continue:
        pods = core.list_pod_for_all_namespaces(limit=20, _continue=pods.metadata._continue)
        count += len(pods.items)
    assert count >= 60


def test_metrics(api: Any) -> None:
    """The client's own metrics functions work on it."""
    nodes = utils.get_nodes_metrics(api)
    assert nodes["kind"] == "NodeMetricsList"
    pods = utils.get_pods_metrics(api, "kube-system")
    assert utils.parse_quantity(pods["items"][0]["containers"][0]["usage"]["memory"]) > 0


def test_workloads(api: Any) -> None:
    """Deployments, autoscalers, jobs and APIServices can be read."""
    assert client.AppsV1Api(api).list_deployment_for_all_namespaces().items
    assert client.AutoscalingV2Api(api).list_horizontal_pod_autoscaler_for_all_namespaces().items
    assert client.BatchV1Api(api).list_job_for_all_namespaces().items
    service = client.ApiregistrationV1Api(api).read_api_service("v1beta1.metrics.k8s.io")
    assert service.status.conditions[0].status == "True"


def test_watch(api: Any) -> None:
    """The client's watch sees pods change."""
    core = client.CoreV1Api(api)
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    stream = watch.Watch().stream(
        core.list_pod_for_all_namespaces, resource_version=version, timeout_seconds=10
    )
    event = next(stream)
    assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}
    assert event["object"].kind == "Pod"
    stream.close()


def test_reviews(api: Any) -> None:
    """Access and token reviews are understood."""
    spec = client.V1SelfSubjectAccessReviewSpec(
        resource_attributes=client.V1ResourceAttributes(verb="list", resource="pods")
    )
    authorization = client.AuthorizationV1Api(api)
    answer = authorization.create_self_subject_access_review(client.V1SelfSubjectAccessReview(spec=spec))
    assert answer.status.allowed is True
    with pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(api).read_namespaced_pod("nope", "default")
    assert caught.value.status == 404
