"""What the doctor reads from the real Prometheus 3: its targets, their errors, its jobs and series."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests import answering, prometheus, waiting
from tests.e2e import product, provision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e import controlplane

TEXT = "text/plain; version=0.0.4"
PAGES = {
    "/good": (200, TEXT, b"up_to_date 1\n"),
    "/kubelet": (200, TEXT, b'kubelet_running_pods 3\ncontainer_memory_working_set_bytes{id="/"} 7\n'),
    "/page": (200, "text/html", b"<!doctype html>"),
    "/login": (401, TEXT, b""),
}


@pytest.fixture(scope="module")
def exporter() -> Iterator[int]:
    with answering.serve(PAGES) as made:
        yield made.port


def examine(
    cluster: controlplane.ControlPlane, jobs: dict[str, str], directory: Path, port: int
) -> dict[str, list[str]]:
    """The ids of findings with their evidence, once Prometheus has scraped all of these jobs."""
    scrapes = [
        {"job_name": job, "metrics_path": path, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, path in jobs.items()
    ]
    text = json.dumps(
        {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scrapes}
    )
    path = str(provision.provide("prometheus-3")["prometheus-3"])
    with prometheus.configured(text, directory, path=path) as server:
        waiting.until(
            lambda: (
                all(each["health"] != "unknown" for each in server.ask("targets")["activeTargets"])
                and len(server.query("up")) == len(jobs)
            ),
            seconds=30,
            what="Prometheus to scrape",
        )
        environ = product.environ(home=cluster.directory, kubeconfig=cluster.kubeconfig)
        ended = product.kubevitals("doctor", "--prometheus-url", server.url, "-o", "json", environ=environ)
    document = json.loads(ended.stdout)
    return {each["id"]: each["evidence"] for each in document["findings"]}


def test_targets_that_are_down(cluster: controlplane.ControlPlane, tmp_path: Path, exporter: int) -> None:
    """A page in place of metrics, a missing path and a login are told with Prometheus' own words."""
    jobs = {"shop": "/nope", "web": "/page", "pay": "/login", "fine": "/good"}
    found = examine(cluster, jobs, tmp_path, exporter)
    assert "unsupported Content-Type" in found["target_content_type"][0]
    proofs = " ".join(found["targets_down"])
    assert "404" in proofs
    assert "401" in proofs


def test_series_under_another_job(cluster: controlplane.ControlPlane, tmp_path: Path, exporter: int) -> None:
    """The kubelets' series under another job, and containers without a name, are found by their counts."""
    found = examine(cluster, {"kubernetes-nodes": "/kubelet"}, tmp_path, exporter)
    assert "kubernetes-nodes" in found["job_renamed"][0]
    assert "cadvisor_no_container_labels" in found


def test_one_process_scraped_twice(cluster: controlplane.ControlPlane, tmp_path: Path, exporter: int) -> None:
    """Several jobs with the same families, as k3s has them, are named."""
    found = examine(cluster, {"kubelet": "/kubelet", "apiserver": "/kubelet"}, tmp_path, exporter)
    assert "apiserver, kubelet" in found["families_from_several_jobs"][0]


def test_a_prometheus_in_which_nothing_is_wrong(
    cluster: controlplane.ControlPlane, tmp_path: Path, exporter: int
) -> None:
    """Targets that are up are no finding."""
    found = examine(cluster, {"shop": "/good"}, tmp_path, exporter)
    assert set(found) <= {"metrics_server_certificate_expires"}
