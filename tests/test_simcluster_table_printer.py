"""Cells of `kubectl get`, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from tests import simulated

from simcluster import apiobjects, simulation
from simcluster.apiserver import table_cells, table_columns, table_pods


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (184, "3m4s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (51 * 3600, "2d3h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (731 * 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    """Ages are shortened as kubectl shortens them."""
    assert table_cells.format_age(seconds) == text


def pod(
    status: dict[str, Any], *, init: list[dict[str, Any]] | None = None, deleted: bool = False
) -> dict[str, Any]:
    metadata = {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": init or []}
    return {"metadata": metadata, "spec": spec, "status": status}


RUNNING = {"name": "a", "ready": True, "restartCount": 0, "state": {"running": {}}}
WAITING = {
    "name": "b",
    "ready": False,
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
}
DONE = {"name": "b", "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
KILLED = {"name": "b", "restartCount": 0, "state": {"terminated": {"exitCode": 137, "signal": 9}}}
FAILED = {"name": "b", "restartCount": 0, "state": {"terminated": {"exitCode": 2}}}
READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("shown", "ready", "word", "restarts"),
    [
        (pod({"phase": "Pending"}), "0/2", "Pending", "0"),
        (pod({"phase": "Running", "containerStatuses": [RUNNING, WAITING]}), "1/2", "CrashLoopBackOff", "3"),
        (
            pod({"phase": "Running", "conditions": READY, "containerStatuses": [RUNNING, DONE]}),
            "1/2",
            "Running",
            "0",
        ),
        (pod({"phase": "Running", "containerStatuses": [RUNNING, DONE]}), "1/2", "NotReady", "0"),
        (pod({"phase": "Running", "containerStatuses": [KILLED]}), "0/2", "Signal:9", "0"),
        (pod({"phase": "Running", "containerStatuses": [FAILED]}), "0/2", "ExitCode:2", "0"),
        (pod({"phase": "Failed", "reason": "Evicted"}), "0/2", "Evicted", "0"),
        (pod({"phase": "Running", "containerStatuses": [RUNNING]}, deleted=True), "1/2", "Terminating", "0"),
        (pod({"phase": "Running", "reason": "NodeLost"}, deleted=True), "0/2", "Unknown", "0"),
        (pod({"phase": "Succeeded"}, deleted=True), "0/2", "Succeeded", "0"),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
                init=[{"name": "i"}, {"name": "j"}],
            ),
            "0/2",
            "Init:0/2",
            "0",
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        {
                            "name": "i",
                            "restartCount": 2,
                            "state": {"terminated": {"exitCode": 1, "reason": "Error"}},
                        }
                    ],
                },
                init=[{"name": "i"}],
            ),
            "0/2",
            "Init:Error",
            "2",
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        {"name": "i", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
                    ],
                },
                init=[{"name": "i"}],
            ),
            "0/2",
            "Init:ImagePullBackOff",
            "0",
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "conditions": [*READY, {"type": "Initialized", "status": "True"}],
                    "initContainerStatuses": [
                        {
                            "name": "s",
                            "ready": True,
                            "started": True,
                            "restartCount": 1,
                            "state": {"running": {}},
                        }
                    ],
                    "containerStatuses": [RUNNING],
                },
                init=[{"name": "s", "restartPolicy": "Always"}],
            ),
            "2/3",
            "Running",
            "1",
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
                }
            ),
            "0/2",
            "SchedulingGated",
            "0",
        ),
    ],
)
def test_pod_status(shown: dict[str, Any], ready: str, word: str, restarts: str) -> None:
    """READY, STATUS and RESTARTS follow the real printer's rules."""
    cells = table_pods.cells(shown, 1_800_000_000.0)
    assert cells[1:4] == [ready, word, restarts]


def test_last_restart() -> None:
    """The time since the last restart stands beside their number."""
    ended = {"terminated": {"finishedAt": "2026-01-01T00:10:00Z", "exitCode": 1}}
    status = {"phase": "Running", "containerStatuses": [{**RUNNING, "restartCount": 4, "lastState": ended}]}
    now = table_cells.epoch("2026-01-01T00:25:00Z")
    assert table_pods.cells(pod(status), now)[3] == "4 (15m ago)"


def test_every_resource_of_the_world_has_a_row() -> None:
    """Each object of the real world makes a row of as many cells as there are columns."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    with simulation.SimulatedCluster(tls=False) as made:
        for key, resource in apiobjects.RESOURCES.items():
            base = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
            table = simulated.ask(made, f"{base}/{resource.plural}", headers=accept).json()
            width = len(table["columnDefinitions"])
            assert width == len(table_columns.layout(key).columns)
            assert all(len(row["cells"]) == width for row in table["rows"])
            assert not any(cell is None for row in table["rows"] for cell in row["cells"])


def test_selectors_in_short() -> None:
    """Label selectors are written in the short form."""
    expressions = [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "x", "operator": "Exists"},
        {"key": "y", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": expressions}
    assert table_cells.format_label_selector(selector) == "app=web,tier in (a,b),x,!y"
    assert table_cells.format_label_selector(None) == "<none>"
