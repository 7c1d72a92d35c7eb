"""What accounts with few rights see, and that the line which an error prints grants what was missing.

A real API server with real RBAC: an account for one namespace only, one without core access, one without
metrics access, one with nothing. kubectl as the same account shows what may be seen at all.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from typing import TYPE_CHECKING

import pytest
from tests.e2e import rights

import kubevitals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e import controlplane


@pytest.fixture
def account(
    request: pytest.FixtureRequest, cluster: controlplane.ControlPlane, tmp_path: Path
) -> Iterator[rights.Account]:
    """An account without any rights; a service account unless the parameter says `user`."""
    kind = getattr(request, "param", "robot")
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[-40:].strip("-")
    made = rights.Account(cluster, name, tmp_path, user=kind == "user")
    try:
        yield made
    finally:
        made.revoke()


both_kinds = pytest.mark.parametrize("account", ["robot", "user"], indirect=True)


# what each sees


def test_account_for_one_namespace_sees_all_of_it_and_nothing_else(account: rights.Account) -> None:
    """Its pods are whole: usage, requests, health; -A, nodes and other namespaces are refused."""
    account.grant(rights.CORE_PODS, rights.METRICS_PODS, namespace="default")
    account.wait("list", "pods.metrics.k8s.io", namespace="default")
    assert account.kubectl_may("top", "pods")
    items = account.items("pods")
    assert len(items) == 1000
    assert all(item["cpu_usage_cores"] is not None and item["status"] == "Running" for item in items)
    assert any(item["memory_of_request"] for item in items)
    for arguments in (
        ("containers",),
        ("pods", "pod-3"),
        ("workloads",),
        ("namespaces", "-n", "default"),
        ("pods", "--group-by", "label=app"),
    ):
        ended = account.run("top", *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
    for refused in (("pods", "-A"), ("nodes",), ("pods", "-n", "kube-system")):
        assert not account.kubectl_may("top", *refused)
        ended = account.run("top", *refused)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith("error: ")
    for narrowed in (("top", "namespaces"), ("overview",), ("problems",)):
        ended = account.run(*narrowed)
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr.startswith(
            "note: shown is the namespace default alone: this account may not read"
        )
        assert "error" not in ended.stderr


def test_account_without_core_access_sees_usage_alone(account: rights.Account) -> None:
    """Usage is there; requests, limits and health are unknown, never 0, and a warning says why."""
    account.grant(rights.METRICS_PODS, rights.METRICS_NODES)
    account.wait("list", "nodes.metrics.k8s.io")
    assert account.kubectl_may("top", "pods", "-A")
    document = account.document("pods", "-A")
    assert [problem["code"] for problem in document["problems"]] == ["pods_forbidden"]
    assert len(document["items"]) == 1000
    for item in document["items"]:
        assert item["cpu_usage_cores"] > 0
        unknown = ("cpu_request_cores", "memory_limit_bytes", "cpu_of_request", "status", "restarts", "node")
        assert {item[key] for key in unknown} == {None}
    nodes = account.document("nodes")
    assert {problem["code"] for problem in nodes["problems"]} == {"nodes_forbidden", "pods_forbidden"}
    assert len(nodes["items"]) == 50
    for item in nodes["items"]:
        assert item["memory_usage_bytes"] > 0
        missing = ("cpu_allocatable_cores", "cpu_of_allocatable", "pods", "ready", "cpu_request_cores")
        assert {item[key] for key in missing} == {None}
    table = account.run("top", "nodes", "--no-headers")
    assert table.returncode == 0
    assert "0%" not in re.findall(r"\S+", table.stdout)
    plain = account.run("top", "pods", "--usage", "--no-headers")
    assert (plain.returncode, plain.stderr, len(plain.stdout.splitlines())) == (0, "", 1000)


def test_account_without_core_access_to_nodes_sees_what_kubectl_cannot(account: rights.Account) -> None:
    """Without the nodes kubectl has no percentages and fails; here usage is shown without percentages."""
    account.grant(rights.METRICS_NODES)
    account.wait("list", "nodes.metrics.k8s.io")
    assert not account.kubectl_may("top", "nodes")
    ended = account.run("top", "nodes", "--usage", "--no-headers")
    assert ended.returncode == 0
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert len(rows) == 50
    assert {(row[2], row[4]) for row in rows} == {("-", "-")}


def test_account_without_metrics_access_sees_requests_and_health(account: rights.Account) -> None:
    """Requests, limits and health are there; usage is unknown, never 0, and the command fails saying why."""
    account.grant(rights.CORE_PODS, rights.CORE_NODES)
    account.wait("list", "nodes")
    assert not account.kubectl_may("top", "pods")
    document = account.document("pods", "-A", code=1)
    assert [problem["code"] for problem in document["problems"]] == ["usage_forbidden"]
    assert len(document["items"]) == 1000
    for item in document["items"]:
        assert (item["cpu_usage_cores"], item["memory_usage_bytes"], item["age_seconds"]) == (
            None,
            None,
            None,
        )
        assert (item["status"], item["ready"], item["problem"]) == ("Running", True, "usage_forbidden")
    assert sum(item["cpu_request_cores"] is not None for item in document["items"]) >= 750
    nodes = account.document("nodes", code=1)
    assert len(nodes["items"]) == 50
    for item in nodes["items"]:
        assert (item["cpu_usage_cores"], item["cpu_of_allocatable"]) == (None, None)
        assert (item["ready"], item["cpu_allocatable_cores"], item["pods"]) == (True, 8.0, 20)
    table = account.run("top", "pods", "--no-headers")
    assert table.returncode == 1
    assert {tuple(line.split()[2:8]) for line in table.stdout.splitlines()} == {("-",) * 6}
    assert account.run("top", "pods", "--usage").returncode == 1


def test_account_for_nodes_only_sees_nodes_without_their_pods(account: rights.Account) -> None:
    """Usage and allocatable of nodes are there; what their pods asked for is unknown, with a warning."""
    account.grant(rights.CORE_NODES, rights.METRICS_NODES)
    account.wait("list", "nodes.metrics.k8s.io")
    assert account.kubectl_may("top", "nodes")
    document = account.document("nodes")
    assert [problem["code"] for problem in document["problems"]] == ["pods_forbidden"]
    for item in document["items"]:
        assert item["cpu_of_allocatable"] > 0
        assert (item["pods"], item["cpu_request_cores"], item["cpu_request_of_allocatable"]) == (None,) * 3
    with kubevitals.connect(kubeconfig=str(account.kubeconfig)) as cluster:
        taken = cluster.snapshot()
    assert (len(taken.nodes), len(taken.pods)) == (50, 0)
    assert "pods_forbidden" in {problem.code for problem in taken.problems}


@both_kinds
def test_account_with_nothing_is_refused_by_every_command(account: rights.Account) -> None:
    """No table, no zero, no traceback: an error with what is missing, and for whom."""
    for arguments in (
        ("nodes",),
        ("pods",),
        ("pods", "-A"),
        ("containers",),
        ("workloads", "-A"),
        ("namespaces",),
    ):
        ended = account.run("top", *arguments)
        assert (ended.returncode, ended.stdout) == (1, ""), arguments
        assert account.name in ended.stderr
        assert "may not list" in ended.stderr
        assert _printed(ended.stderr)
    with kubevitals.connect(kubeconfig=str(account.kubeconfig)) as cluster:
        with pytest.raises(kubevitals.ForbiddenError) as raised:
            cluster.snapshot()
        assert raised.value.rule


# what an error prints makes the command work


def _printed(stderr: str) -> list[str]:
    """The different commands that grant something, as they are printed."""
    return list(dict.fromkeys(re.findall(r"(kubevitals rbac .*?) \| kubectl apply -f -", stderr)))


@contextlib.contextmanager
def granted_as_printed(account: rights.Account, stderr: str, folder: Path) -> Iterator[None]:
    """Within the block an administrator has run what is printed, as it stands."""
    paths = []
    for number, line in enumerate(_printed(stderr)):
        ended = account.run(*shlex.split(line)[1:])
        assert ended.returncode == 0, ended.stderr
        path = folder / f"granted-{number}.yaml"
        path.write_text(ended.stdout)
        applied = account.cluster.kubectl("apply", "-f", str(path))
        assert applied.returncode == 0, applied.stderr
        paths.append(str(path))
    assert paths
    try:
        yield
    finally:
        for name in paths:
            account.cluster.kubectl("delete", "-f", name)


COMMANDS = [
    ("pods",),
    ("pods", "-n", "kube-system"),
    ("pods", "-A"),
    ("pods", "-A", "--usage"),
    ("pods", "pod-3"),
    ("containers",),
    ("nodes",),
    ("nodes", "--usage"),
    ("nodes", "node-3"),
    ("nodes", "node-3", "--usage"),
    ("workloads",),
    ("namespaces",),
]
by_command = pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)


@both_kinds
@by_command
def test_printed_line_once_run_makes_the_same_command_work(
    arguments: tuple[str, ...], account: rights.Account, tmp_path: Path
) -> None:
    """An account with nothing gets what the first error's line grants, and nothing more is missing then."""
    refused = account.run("top", *arguments)
    assert refused.returncode == 1
    with granted_as_printed(account, refused.stderr, tmp_path):
        rights.until(lambda: account.run("top", *arguments).returncode == 0)
        ended = account.run("top", *arguments)
        assert "warning" not in ended.stderr
        assert "error" not in ended.stderr


@pytest.mark.parametrize("arguments", [("pods",), ("pods", "-A"), ("nodes",), ("workloads",)], ids=" ".join)
def test_printed_remedy_of_missing_metrics_access_makes_the_same_command_work(
    arguments: tuple[str, ...], account: rights.Account, tmp_path: Path
) -> None:
    """With core access alone a table comes without usage and an error; its line brings the usage."""
    account.grant(rights.CORE_PODS, rights.CORE_NODES)
    account.wait("list", "nodes")
    refused = account.run("top", *arguments)
    assert refused.returncode == 1
    assert refused.stdout
    with granted_as_printed(account, refused.stderr, tmp_path):
        rights.until(lambda: account.run("top", *arguments).returncode == 0)
        assert account.run("top", *arguments).stderr == ""


@pytest.mark.parametrize("arguments", [("pods",), ("pods", "-A"), ("nodes",)], ids=" ".join)
def test_printed_remedy_of_missing_core_access_fills_the_same_table(
    arguments: tuple[str, ...], account: rights.Account, tmp_path: Path
) -> None:
    """With metrics access alone a table comes with warnings; their lines silence them."""
    account.grant(rights.METRICS_PODS, rights.METRICS_NODES)
    account.wait("list", "nodes.metrics.k8s.io")
    partial = account.run("top", *arguments)
    assert partial.returncode == 0
    assert "warning: " in partial.stderr
    with granted_as_printed(account, partial.stderr, tmp_path):
        rights.until(lambda: account.run("top", *arguments).stderr == "")


def test_rights_taken_away_while_a_table_is_watched_are_said_and_it_goes_on(account: rights.Account) -> None:
    """A library that watches raises ForbiddenError when rights go, and reads again when they are back."""
    account.grant(rights.CORE_PODS, rights.METRICS_PODS, namespace="default")
    account.wait("list", "pods.metrics.k8s.io", namespace="default")
    with kubevitals.connect(kubeconfig=str(account.kubeconfig)) as cluster:

        def readable() -> bool:
            try:
                return len(cluster.pods(namespace="default")) == 1000
            except kubevitals.ForbiddenError:
                return False

        assert readable()
        account.revoke()
        rights.until(lambda: not readable())
        account.grant(rights.CORE_PODS, rights.METRICS_PODS, namespace="default")
        rights.until(readable)
