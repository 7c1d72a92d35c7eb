"""Where the programs come from: found, built, refused, missing. No control plane runs here."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from tests.e2e import build_tools, provision, toolchain

if TYPE_CHECKING:
    from pathlib import Path

GO = """#!/bin/sh
case "$1" in env) echo go1.26.8; exit 0;; esac
echo run >> "{log}"
echo "go: downloading k8s.io/api v0.36.4" >&2
echo k8s.io/api/core/v1 >&2
{action}
"""
SUCCEEDS = 'while [ "$1" != "-o" ]; do shift; done; echo built > "$2"; chmod +x "$2"'
FAILS = 'echo "go: example.com/missing@v1: reading https://mirror.example/x: 403 Forbidden" >&2; exit 1'


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A cache of its own with nothing in it, and a PATH without any of the tools."""
    if "real_machine" in request.fixturenames:
        return
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/sbin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.fixture
def real_machine() -> None:
    """The test looks at what is really there."""


def test_missing_tool_says_how_to_get_it() -> None:
    """A tool that is nowhere is named, with the command that builds it."""
    with pytest.raises(toolchain.MissingToolError, match=r"kwok is not built \(make e2e-tools\)"):
        toolchain.require("kwok")


@pytest.mark.parametrize(("version", "accepted"), [("3.4.23", False), ("3.6.0", True), ("4.0.0", True)])
def test_ready_program_counts_from_the_pinned_minor_version_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, accepted: bool
) -> None:
    """KUBEBUILDER_ASSETS and PATH are taken if new enough, else refused with both versions named."""
    _script(tmp_path / "assets" / "etcd", f"#!/bin/sh\necho etcd Version: {version}\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    found = toolchain.find("etcd")
    assert (found.path == tmp_path / "assets" / "etcd") is accepted
    assert accepted or "the one in KUBEBUILDER_ASSETS is 3.4," in found.origin
    monkeypatch.delenv("KUBEBUILDER_ASSETS")
    shutil.move(tmp_path / "assets", tmp_path / "bin")
    assert (toolchain.find("etcd").path is not None) is accepted


def test_another_pin_is_another_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed go.mod or go.sum leads to a new build, and to none of the other modules."""
    modules = tmp_path / "tools"
    shutil.copytree(toolchain.MODULES, modules)
    monkeypatch.setattr(toolchain, "MODULES", modules)
    before = {tool.name: toolchain.built_path(tool) for tool in toolchain.TOOLS}
    assert len(set(before.values())) == len(toolchain.TOOLS)
    with (modules / "etcd" / "go.sum").open("a", encoding="utf-8") as sums:
        sums.write("\n")
    changed = {tool.name for tool in toolchain.TOOLS if toolchain.built_path(tool) != before[tool.name]}
    assert changed == {"etcd"}


def test_build_happens_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run builds and says where; the second finds it and does not call Go."""
    _script(tmp_path / "bin" / "go", GO.format(log=tmp_path / "log", action=SUCCEEDS))
    assert build_tools.main(["etcd"]) == 0
    assert "built" in capsys.readouterr().out
    assert build_tools.main(["etcd"]) == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == "run\n"
    assert toolchain.find("etcd").path == toolchain.built_path(toolchain.BY_NAME["etcd"])


def test_failed_build_is_named_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be built is said by name with Go's last words, without addresses; the others are built."""
    _script(tmp_path / "bin" / "go", GO.format(log=tmp_path / "log", action=FAILS))
    assert build_tools.main(["etcd", "kwok"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["etcd", "MISSING"], ["kwok", "MISSING"]]
    assert "example.com/missing@v1: reading (address) 403 Forbidden" in lines[0]
    assert toolchain.find("etcd").path is None


def test_listed_tool_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tool on the list of the unavailable does not fail the build, and the list's reason is shown."""
    _script(tmp_path / "bin" / "go", GO.format(log=tmp_path / "log", action=FAILS))
    monkeypatch.setitem(toolchain.UNAVAILABLE, "etcd", "no such module")
    assert build_tools.main(["etcd"]) == 0
    assert "(known: no such module)" in capsys.readouterr().out


def test_without_go_the_reason_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """No Go on the machine: the line says what to install or to set."""
    assert build_tools.main(["etcd"]) == 1
    assert "Go is not installed" in capsys.readouterr().out


def test_second_builder_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While another build holds the cache, this one says that it waits, and goes on afterwards."""
    _script(tmp_path / "bin" / "go", GO.format(log=tmp_path / "log", action=SUCCEEDS))
    toolchain.cache_directory().mkdir(parents=True)
    with (toolchain.cache_directory() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        release = threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN))
        release.start()
        assert build_tools.main(["etcd"]) == 0
        release.join()
    assert "another build is running" in capsys.readouterr().err


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no tool ends with code 2 and is repeated."""
    with pytest.raises(SystemExit) as ended:
        build_tools.main(["etdc"])
    assert ended.value.code == 2
    assert "etdc" in capsys.readouterr().err


def test_missing_tool_skips_for_a_user_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tool a test is skipped with the reason; in CI it fails, but for the listed ones."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make e2e-tools"):
        provision.provide("kwok")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI must have it"):
        provision.provide("kwok")
    monkeypatch.setitem(toolchain.UNAVAILABLE, "kwok", "no such module")
    with pytest.raises(pytest.skip.Exception, match="no such module"):
        provision.provide("kwok")


@pytest.mark.parametrize("name", toolchain.BY_NAME)
def test_program_reports_the_pinned_version(real_machine: None, name: str) -> None:
    """Each program on this machine says itself that it is the pinned minor version or newer."""
    path = provision.provide(name)[name]
    tool = toolchain.BY_NAME[name]
    version = toolchain.reported_version(tool, path)
    pinned = tuple(int(part) for part in tool.version.split(".")[:2])
    assert version is not None
    assert version >= pinned
    assert os.access(path, os.X_OK)
