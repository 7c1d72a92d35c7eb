"""The programs of a real control plane: which there are, which version is pinned, and where one is found.

The versions live in one place, the go.mod of each folder under `tools/`. This file must not build or start
anything, and needs the standard library only: `build_tools.py` runs before anything is installed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

MODULES = Path(__file__).with_name("tools")

# Part of what a build is, hence of its hash: change it, and everything is built anew.
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
BUILD_ENVIRONMENT = {"CGO_ENABLED": "0", "GOWORK": "off"}

# Tools that cannot be had in CI, with the reason: their tests are skipped there instead of failing.
# A name is put here only together with a test of the same claim against the simulated cluster.
UNAVAILABLE: dict[str, str] = {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tool:
    """One program: the Go package it is built from, and how it tells its version."""

    name: str
    folder: str  # under tools/, with its own go.mod
    module: str  # whose version in that go.mod is the program's version
    package: str
    stamps: tuple[str, ...] = ()  # linker variables that hold the version, `v` included
    version_arguments: tuple[str, ...] = ("--version",)
    tags: tuple[str, ...] = ()  # of the build

    @property
    def version(self) -> str:
        """The pinned version, without `v`: `1.36.4`."""
        match = re.search(rf"^(?:require|\s)\s*{re.escape(self.module)} v(\S+)", self.go_mod, re.MULTILINE)
        if match is None:
            raise LookupError(f"tools/{self.folder}/go.mod does not require {self.module}")
        return match[1]

    @property
    def go_mod(self) -> str:
        return (MODULES / self.folder / "go.mod").read_text(encoding="utf-8")

    @property
    def link_flags(self) -> str:
        """What is given to -ldflags: no symbol table, and the version where the program reads it."""
        major, minor = self.version.split(".")[:2]
        values = {"gitMajor": major, "gitMinor": minor}
        stamps = (
            f"-X {name}={values.get(name.rpartition('.')[2], 'v' + self.version)}" for name in self.stamps
        )
        return " ".join(("-s", "-w", *stamps))


KUBERNETES_STAMPS = tuple(
    f"{package}.{name}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for name in ("gitVersion", "gitMajor", "gitMinor")
)


def _kubernetes(name: str, *version_arguments: str) -> Tool:
    return Tool(
        name=name,
        folder="kubernetes",
        module="k8s.io/kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        stamps=KUBERNETES_STAMPS,
        version_arguments=version_arguments or ("--version",),
    )


# In the order in which they are built: what every test needs comes first.
TOOLS = (
    Tool(name="etcd", folder="etcd", module="go.etcd.io/etcd/server/v3", package="go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    Tool(
        name="kwok",
        folder="kwok",
        module="sigs.k8s.io/kwok",
        package="sigs.k8s.io/kwok/cmd/kwok",
        stamps=("sigs.k8s.io/kwok/pkg/consts.Version",),
    ),
    Tool(
        name="metrics-server",
        folder="metrics-server",
        module="sigs.k8s.io/metrics-server",
        package="sigs.k8s.io/metrics-server/cmd/metrics-server",
        stamps=("k8s.io/client-go/pkg/version.gitVersion",),
    ),
    _kubernetes("kubectl", "version", "--client"),
    _kubernetes("kube-controller-manager"),
    Tool(
        name="kube-state-metrics",
        folder="kube-state-metrics",
        module="k8s.io/kube-state-metrics/v2",
        package="k8s.io/kube-state-metrics/v2",
        stamps=("github.com/prometheus/common/version.Version",),
        version_arguments=("version",),
    ),
    _kubernetes("kube-scheduler"),
    Tool(
        name="prometheus-3",  # Debian's prometheus is version 2, which does not know remote-write 2.0
        folder="prometheus",
        module="github.com/prometheus/prometheus",
        package="github.com/prometheus/prometheus/cmd/prometheus",
        stamps=("github.com/prometheus/common/version.Version",),
        tags=("remove_all_sd", "netgo"),  # without the libraries of all clouds, half of the build
    ),
    Tool(
        name="helm",
        folder="helm",
        module="helm.sh/helm/v4",
        package="helm.sh/helm/v4/cmd/helm",
        stamps=("helm.sh/helm/v4/internal/version.version",),
        version_arguments=("version",),
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}


def cache_directory() -> Path:
    """Where built tools are kept: outside the checkout, so that a fresh clone finds them again."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "kubevitals" / "e2e"


def built_path(tool: Tool) -> Path:
    """Where the tool stands once it is built. Whatever changes the outcome changes the path."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULES / tool.folder / name).read_bytes())
    settings = (
        sys.platform,
        platform.machine(),
        tool.package,
        tool.link_flags,
        BUILD_FLAGS,
        BUILD_ENVIRONMENT,
        *tool.tags,
    )
    digest.update(repr(settings).encode())
    return cache_directory() / f"{tool.name}-{tool.version}-{digest.hexdigest()[:12]}" / "bin" / tool.name


@dataclasses.dataclass(frozen=True)
class Found:
    """Where a tool is, or (path None) why there is none."""

    path: Path | None
    origin: str


def find(name: str) -> Found:
    """Look for a tool: KUBEBUILDER_ASSETS, then what `make e2e-tools` has built, then PATH.

    A ready program counts if its minor version is the pinned one or newer; an older one is named as reason.
    """
    tool = BY_NAME[name]
    reasons = []
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    built = built_path(tool)
    for path, origin in (
        (shutil.which(name, path=assets) if assets else None, "KUBEBUILDER_ASSETS"),
        (built if os.access(built, os.X_OK) else None, "built"),
        (shutil.which(name), "PATH"),
    ):
        if path is None:
            continue
        if origin == "built":
            return Found(Path(path), origin)
        version = reported_version(tool, path)
        if version is not None and version >= _minor(tool.version):
            return Found(Path(path), origin)
        told = "an unknown version" if version is None else ".".join(map(str, version))
        reasons.append(f"the one in {origin} is {told}, {tool.version} is needed")
    return Found(None, "; ".join((f"{name} is not built (make e2e-tools)", *reasons)))


def require(*names: str) -> dict[str, Path]:
    """The paths of these tools.

    Raises:
        MissingToolError: for the first that cannot be found, with the reason.
    """
    paths = {}
    for name in names:
        found = find(name)
        if found.path is None:
            raise MissingToolError(name, found.origin)
        paths[name] = found.path
    return paths


class MissingToolError(Exception):
    """A program of the control plane cannot be had on this machine."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def reported_version(tool: Tool, path: str | Path) -> tuple[int, int] | None:
    """What the program itself says its major and minor version are; None if it does not say."""
    command = [str(path), *tool.version_arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv?(\d+)\.(\d+)\.\d+", done.stdout + done.stderr)
    return (int(match[1]), int(match[2])) if match else None


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
