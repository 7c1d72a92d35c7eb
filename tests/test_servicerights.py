"""What a service lacks of rights is told whole, once, with what grants it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests import connected, waiting

import kubevitals
from kubevitals import cluster as clusters
from kubevitals import rbac
from kubevitals.cli import argumentparser, servicerights
from kubevitals.cli.commands import export, serve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def arguments(*words: str, command: object = serve) -> argparse.Namespace:
    return argumentparser.make_parser("kubevitals", command).parse_args(words)


@pytest.fixture
def narrow() -> Iterator[clusters.Cluster]:
    """A cluster as an account sees it that may read pods of one namespace alone."""
    with (
        kubevitals.connect(simulation={"nodes": 3, "pods": 9}) as whole,
        connected.connect(whole.world, user="viewer-kube-system") as made,  # type: ignore[arg-type]
    ):
        yield made


@pytest.mark.parametrize(
    ("words", "features"),
    [
        ((), "nodes pods owners node-usage pod-usage"),
        (("--no-nodes",), "pods owners pod-usage"),
        (("-n", "shop"), "pods owners pod-usage"),
        (("--source", "kubelet"), "nodes pods owners kubelet"),
        (("--detail",), "nodes pods owners kubelet kubelet-detail"),
        (("--source", "prometheus"), "nodes pods owners prometheus"),
        (("--source", "prometheus", "--prometheus-url", "http://127.0.0.1:1"), "nodes pods owners"),
        (("--source", "none", "--compat", "kube-state-metrics"), "nodes pods owners kube-state"),
        (("--auth", "kubernetes"), "nodes pods owners node-usage pod-usage auth"),
        (("--doctor", "5m"), "nodes pods owners node-usage pod-usage doctor"),
    ],
)
def test_what_is_switched_on_is_asked_for(words: tuple[str, ...], features: str) -> None:
    """The rights are those of the features that the options switch on."""
    chosen = servicerights.choose(arguments(*words))
    assert set(chosen) == set(features.split())
    assert list(chosen) == [name for name in rbac.FEATURES if name in chosen]


@pytest.mark.parametrize("command", [serve, export])
def test_all_that_is_missing_is_one_line(
    narrow: clusters.Cluster, caplog: pytest.LogCaptureFixture, command: object
) -> None:
    """One line names each right that is missing, and the command that grants them to this account."""
    caplog.set_level(logging.WARNING, "kubevitals.rights")
    servicerights.check([narrow], arguments(command=command))
    waiting.until(lambda: caplog.records)
    (record,) = caplog.records
    said = record.getMessage()
    for right in (
        "list nodes",
        "watch nodes",
        "list nodes.metrics.k8s.io",
        "list pods.metrics.k8s.io",
        "watch pods",
    ):
        assert right in said
    assert (
        "kubevitals rbac --features nodes,pods,owners,node-usage,pod-usage --user viewer-kube-system" in said
    )


def test_nothing_is_said_where_nothing_is_missing(narrow: clusters.Cluster) -> None:
    """In its own namespace the account has all that the service needs there."""
    features = servicerights.choose(arguments("-n", "kube-system"))
    missing = servicerights.find_missing(narrow, features, namespace="kube-system")
    assert {right.resource for right in missing} <= {"replicasets", "jobs"}
