"""Build the programs of the control plane with the machine's Go: `python -m tests.e2e.build_tools [NAME]`.

Each is built once a version, into the cache directory; a ready one is left alone, and an interrupted run
goes on where it stopped. Progress goes to stderr, one line a tool to stdout. What cannot be built is said by
name, with the reason, and makes the exit code 1 unless it is listed as unavailable. Needs the standard
library only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from tests.e2e import toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRESS_SECONDS = 15.0
UNTRIED_GO = (1, 27)  # its encoding/json makes the 1.36 API server serve a malformed /openapi/v2


class BuildError(Exception):
    """A tool could not be built; the message is the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is missing among the named tools (all, if none is named)."""
    parser = argparse.ArgumentParser(prog="build_tools", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="tools to build: " + ", ".join(toolchain.BY_NAME)
    )
    names = parser.parse_args(arguments).names or list(toolchain.BY_NAME)
    unknown = [name for name in names if name not in toolchain.BY_NAME]
    if unknown:
        parser.error(f"no such tool: {', '.join(unknown)}")
    failures = [name for name in names if not _provide(toolchain.BY_NAME[name])]
    return 1 if any(name not in toolchain.UNAVAILABLE for name in failures) else 0


def _provide(tool: toolchain.Tool) -> bool:
    """Print where the tool is, building it if it is nowhere yet; False if it cannot be had."""
    found = toolchain.find(tool.name)
    if found.path is not None:
        print(f"{tool.name:24} {found.origin:8} {found.path}", flush=True)
        return True
    started = time.monotonic()
    try:
        with _one_build_at_a_time():
            if not toolchain.built_path(tool).exists():
                build(tool)
    except BuildError as error:
        listed = toolchain.UNAVAILABLE.get(tool.name)
        print(f"{tool.name:24} MISSING  {error}" + (f" (known: {listed})" if listed else ""), flush=True)
        return False
    print(
        f"{tool.name:24} built    {toolchain.built_path(tool)} in {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return True


def build(tool: toolchain.Tool) -> None:
    """Compile the tool into the cache. It appears there whole or not at all.

    Raises:
        BuildError: with what Go said last.
    """
    go = shutil.which("go")
    if go is None:
        raise BuildError(
            "Go is not installed; install Go 1.26, or point KUBEBUILDER_ASSETS at ready programs"
        )
    if tool.folder == "kubernetes" and _go_version(go) >= UNTRIED_GO:
        print(
            "  warning: use Go 1.26; from 1.27 on this API server's /openapi/v2 is malformed", file=sys.stderr
        )
    target = toolchain.built_path(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{tool.name}.partial")
    command = [
        go,
        "build",
        *toolchain.BUILD_FLAGS,
        "-v",
        *(["-tags", ",".join(tool.tags)] if tool.tags else []),
        "-ldflags",
        tool.link_flags,
        "-o",
        str(partial),
        tool.package,
    ]
    environment = os.environ | toolchain.BUILD_ENVIRONMENT
    with subprocess.Popen(
        command,
        cwd=toolchain.MODULES / tool.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            said = _follow(tool.name, process)
        except BaseException:
            process.terminate()  # what it has compiled so far is in Go's own cache
            raise
    if process.returncode != 0:
        raise BuildError(_reason(said) or f"go build ended with code {process.returncode}")
    partial.replace(target)


def _follow(name: str, process: subprocess.Popen[str]) -> list[str]:
    """Report progress until the compiler is done; return what it said beside the names of packages."""
    assert process.stderr is not None
    compiled = downloaded = 0
    said: list[str] = []
    done = threading.Event()
    started = time.monotonic()

    def report() -> None:
        while not done.wait(PROGRESS_SECONDS):
            seconds = time.monotonic() - started
            print(
                f"  {name}: {compiled} packages compiled, {downloaded} modules fetched, {seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        for line in process.stderr:
            if line.startswith("go: downloading "):
                downloaded += 1
            elif re.fullmatch(r"[\w./~+-]+\n?", line):
                compiled += 1
            else:
                said.append(line.rstrip())
    finally:
        done.set()
        reporter.join()
    return said


def _reason(said: Sequence[str]) -> str:
    """The last lines that Go printed, as one line without addresses."""
    text = " ".join(" ".join(said[-4:]).split())
    return re.sub(r"\w+://\S+", "(address)", text)[-400:]


def _go_version(go: str) -> tuple[int, int]:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    match = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


@contextlib.contextmanager
def _one_build_at_a_time() -> Iterator[None]:
    """Two checkouts share one cache: the second waits, and then finds the work done."""
    directory = toolchain.cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another build is running; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; the next run goes on from here")
