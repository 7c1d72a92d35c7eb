"""Messages to callers of the library name parameters; each flag in a message is known."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

import kubevitals
from kubevitals import cli, errors, parameters

SOURCES = pathlib.Path(str(kubevitals.__file__)).parent
# Modules whose messages only programs of the command line and the service print.
SPOKEN_ELSEWHERE = ("cli", "doctor", "surfaces", "rbac.py", "sockets.py")
OTHER_PROGRAMS = {
    "--raw",
    "--web",
    "--query",
    "--resource",
    "--non-resource-url",
    "--serviceaccount",
    "--verb",
    "--user",
}
OF_RECORDERS = {"--history-size", "--labels", "--previous", "--compat", "--port", "--address"}


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("give its address by --prometheus-url", 'give its address by prometheus={"url": ...}'),
        ("the tenant (--prometheus-header X-Scope-OrgID=NAME)?",
         'the tenant (prometheus={"header": ["X-Scope-OrgID=NAME"]})?'),
        ("Choose one with --context: a; or with --simulate.",
         "Choose one with context=...: a; or with simulate=True."),
        ("as --source none asks for", 'as source="none" asks for'),
        ("see --source", "see source=..."),
        ("allow more time by --request-timeout.", "allow more time by request_timeout=...."),
        ("leave out --as, or ask by --kubelet-proxy",
         'leave out as_user=..., or ask by kubelet={"proxy": True}'),
        ("kubectl create role x --user=bob --cluster y", "kubectl create role x --user=bob --cluster y"),
        ("record with `kubevitals serve --history`", "record with `kubevitals serve --history`"),
        ("run `kubectl x --context y`, or name --context",
         "run `kubectl x --context y`, or name context=..."),
        ("its --query.timeout is short", "its --query.timeout is short"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)  # fmt: skip
def test_flags_become_parameters(text: str, translated: str) -> None:
    """A flag becomes its parameter; commands, and flags of other programs, stay."""
    assert parameters.translate(text) == translated


def messages() -> set[str]:
    """All texts in modules that the library uses, without docstrings."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        if path.relative_to(SOURCES).parts[0] in SPOKEN_ELSEWHERE or path.name == "parameters.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
        }
    return found


def test_every_flag_is_known() -> None:
    """Every flag that a message of the library's modules names has a parameter."""
    flags = {flag for text in messages() for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)}
    assert "--kubeconfig" in flags
    assert flags - set(parameters.FLAGS) <= OTHER_PROGRAMS | OF_RECORDERS


def test_the_library_and_the_command_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same error names the parameter in the library, and the flag on the command line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(errors.ConfigurationError) as caught:
        kubevitals.connect()
    assert "simulate=True" in (caught.value.remedy or "")
    assert "--" not in (caught.value.remedy or "")
    assert cli.main(["top", "nodes"]) != 0
    assert "--simulate" in capsys.readouterr().err


def test_problems_of_a_snapshot() -> None:
    """Problems of a snapshot name parameters too."""
    settings = {"nodes": 2, "pods": 6, "faults": ["kubelet-self-signed"]}
    with kubevitals.connect(simulation=settings, source="kubelet") as cluster:
        remedies = [problem.remedy or "" for problem in cluster.snapshot().problems]
    assert any('kubelet={"ca_file": ...}' in each for each in remedies)
    assert not any("--kubelet" in each for each in remedies)


def test_an_unknown_source() -> None:
    """A setting that cannot be used is told by its parameter."""
    with pytest.raises(errors.UsageError) as caught:
        kubevitals.connect(simulate=True, prometheus={"token_file": "x"}, source="prometheus")
    assert "--" not in f"{caught.value} {caught.value.remedy}"
