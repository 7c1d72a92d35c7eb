"""What accounts with few rights see, and that the rule which an error prints is the one that was missing.

A real API server with real RBAC: an account for one namespace only, one without core access, one without
metrics access, one with nothing. kubectl as the same account shows what may be seen at all.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
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
    assert account.run("top", "namespaces").returncode == 1


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
        assert _printed_rules(ended.stderr)
    with kubevitals.connect(kubeconfig=str(account.kubeconfig)) as cluster:
        with pytest.raises(kubevitals.ForbiddenError) as raised:
            cluster.snapshot()
        assert raised.value.rule


# what an error prints makes the command work


class Grants(NamedTuple):
    """What an error offers: the rules, and the commands of an administrator."""

    rules: list[rights.Rule]
    commands: list[str]


def _printed_rules(stderr: str) -> list[rights.Rule]:
    """The rules that stand below the words that announce them, for each error and warning."""
    blocks = re.findall(r"the RBAC rule that would allow it:\n((?: +(?:- |  )[a-zA-Z]+: \[.*\]\n)+)", stderr)
    return [rule for block in blocks for rule in yaml.safe_load(textwrap.dedent(block))]


def _printed(stderr: str) -> Grants:
    commands = re.findall(r"kubectl create (?:cluster)?role .*", stderr)
    return Grants(_printed_rules(stderr), commands)


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


def _namespace_of(arguments: tuple[str, ...]) -> str | None:
    if arguments[0] in ("nodes", "namespaces") or "-A" in arguments:
        return None
    return arguments[arguments.index("-n") + 1] if "-n" in arguments else "default"


@by_command
def test_printed_rbac_rule_once_applied_makes_the_same_command_work(
    arguments: tuple[str, ...], account: rights.Account
) -> None:
    """An account with nothing gets the rule of the first error, and nothing more is missing then."""
    refused = account.run("top", *arguments)
    assert refused.returncode == 1
    rules = _printed_rules(refused.stderr)
    account.grant(*rules, namespace=_namespace_of(arguments))
    rights.until(lambda: account.run("top", *arguments).returncode == 0)
    ended = account.run("top", *arguments)
    assert "warning" not in ended.stderr
    assert "error" not in ended.stderr


@both_kinds
@pytest.mark.parametrize("arguments", [("pods",), ("nodes",), ("pods", "-A", "--usage")], ids=" ".join)
def test_printed_commands_once_run_make_the_same_command_work(
    arguments: tuple[str, ...], account: rights.Account
) -> None:
    """The kubectl commands of the error, run by an administrator as they stand, do the same."""
    refused = account.run("top", *arguments)
    commands = _printed(refused.stderr).commands
    assert len(commands) == len(_printed_rules(refused.stderr))
    made = [_run_as_administrator(account.cluster, command) for command in commands]
    try:
        rights.until(lambda: account.run("top", *arguments).returncode == 0)
        assert "may not" not in account.run("top", *arguments).stderr
    finally:
        for command in (command for both in made for command in both):
            account.cluster.kubectl("delete", *command)


def _run_as_administrator(cluster: controlplane.ControlPlane, line: str) -> list[list[str]]:
    """Run `kubectl create ... && kubectl create ...`; the arguments that delete what came of it."""
    undo = []
    for command in line.split(" && "):
        program, verb, *words = shlex.split(command)
        assert (program, verb) == ("kubectl", "create")
        ended = cluster.kubectl(verb, *words)
        assert ended.returncode == 0, ended.stderr
        scope = words[words.index("-n") : words.index("-n") + 2] if "-n" in words else []
        undo.append([words[0], words[1], *scope])
    return undo


@pytest.mark.parametrize("arguments", [("pods",), ("pods", "-A"), ("nodes",), ("workloads",)], ids=" ".join)
def test_printed_remedy_of_missing_metrics_access_makes_the_same_command_work(
    arguments: tuple[str, ...], account: rights.Account
) -> None:
    """With core access alone a table comes without usage and an error; its rule brings the usage."""
    account.grant(rights.CORE_PODS, rights.CORE_NODES)
    account.wait("list", "nodes")
    refused = account.run("top", *arguments)
    assert refused.returncode == 1
    assert refused.stdout
    account.grant(*_printed_rules(refused.stderr), namespace=_namespace_of(arguments))
    rights.until(lambda: account.run("top", *arguments).returncode == 0)
    assert account.run("top", *arguments).stderr == ""


@pytest.mark.parametrize("arguments", [("pods",), ("pods", "-A"), ("nodes",)], ids=" ".join)
def test_printed_remedy_of_missing_core_access_fills_the_same_table(
    arguments: tuple[str, ...], account: rights.Account
) -> None:
    """With metrics access alone a table comes with warnings; their rules silence them."""
    account.grant(rights.METRICS_PODS, rights.METRICS_NODES)
    account.wait("list", "nodes.metrics.k8s.io")
    partial = account.run("top", *arguments)
    assert partial.returncode == 0
    assert "warning: " in partial.stderr
    account.grant(*_printed_rules(partial.stderr), namespace=_namespace_of(arguments))
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
