"""Credentials from an exec plugin: when it is run, how, and how long its answer is kept.

An answer is kept in memory until it expires, a failure for some seconds. What a plugin's description and
answer mean is execplugin's.
"""

from __future__ import annotations

import os
import threading
import time

from kubevitals import errors, sanitize
from kubevitals.kube.auth import credentials, execplugin
from kubevitals.kube.http import authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from typing import Any

_TIMEOUT_SECONDS = 60.0  # where nobody sits before it, who could end it
_FAILURE_SECONDS = 10.0  # so long a failure stands, so that one command runs a failing plugin once


def _stdin_is_terminal() -> bool:
    import sys

    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _stderr_is_terminal() -> bool:
    try:
        return os.isatty(2)  # what the plugin would inherit
    except OSError:  # it is closed
        return False


class ExecCredentials(authentication.Credentials):
    """Runs a plugin when there is no credential yet, when the last has expired, and after a 401."""

    __slots__ = (
        "_clock",
        "_cluster_info",
        "_current",
        "_environ",
        "_expires",
        "_failed_at",
        "_failure",
        "_given",
        "_interactive",
        "_is_terminal",
        "_lock",
        "_plugin",
        "_shows_errors",
        "_timeout",
    )
    kind = "exec"

    def __init__(
        self,
        plugin: execplugin.Plugin,
        cluster_info: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        interactive: bool = True,
        is_terminal: Callable[[], bool] = _stdin_is_terminal,
        shows_errors: Callable[[], bool] = _stderr_is_terminal,
        timeout: float | None = None,
    ) -> None:
        self._plugin = plugin
        self._cluster_info = cluster_info
        self._environ = environ
        self._clock = clock
        self._interactive = interactive
        self._is_terminal = is_terminal
        self._shows_errors = shows_errors
        self._timeout = timeout
        self._lock = threading.Lock()
        self._given = credentials.LastGiven()
        self._current: authentication.Credential | None = None
        self._expires: float | None = None
        self._failure: errors.CredentialsError | None = None
        self._failed_at = 0.0

    def fetch(self) -> authentication.Credential:
        """Return the plugin's last credential while it is valid, else that of a new run.

        Raises:
            errors.CredentialsError: the plugin is missing, failed, hung, or answered nonsense.
        """
        # The lock is held while the plugin runs: it may talk to a person, and one conversation is enough.
        with self._lock:
            expired = self._expires is not None and self._clock() > self._expires
            if self._current is None or expired:
                made, self._expires = self._run_once()
                if made != self._current:
                    self._current = made
            return self._given.note(self._current)

    def renew(self) -> bool:
        """Forget the credential, unless another thread has fetched a newer one since this thread's."""
        with self._lock:
            if self._given.find() is self._current:
                self._current = None
        return True

    def _run_once(self) -> tuple[authentication.Credential, float | None]:
        """Run the plugin, or raise again what its last run has raised a moment ago."""
        failure = self._failure
        if failure is not None and 0 <= self._clock() - self._failed_at < _FAILURE_SECONDS:
            raise errors.CredentialsError(failure.message, remedy=failure.remedy)
        self._failure = None
        try:
            return self._run()
        except errors.CredentialsError as error:
            self._failure, self._failed_at = error, self._clock()
            raise

    def _run(self) -> tuple[authentication.Credential, float | None]:
        interactive = self._decide_interactive()
        shows_errors = interactive or (self._interactive and self._shows_errors())
        timeout = self._timeout
        if timeout is None and not shows_errors:
            timeout = _TIMEOUT_SECONDS
        environ = {**self._environ, **self._plugin.env}
        environ["KUBERNETES_EXEC_INFO"] = self._describe(interactive=interactive)
        output = _run_plugin(
            self._plugin,
            environ,
            path=self._environ.get("PATH", os.defpath),
            interactive=interactive,
            shows_errors=shows_errors,
            timeout=timeout,
        )
        return execplugin.parse_answer(output, self._plugin)

    def _decide_interactive(self) -> bool:
        mode = self._plugin.mode
        if mode == "Never":
            return False
        possible = self._interactive and self._is_terminal()
        if mode == "Always" and not possible:
            raise errors.CredentialsError(
                f"exec plugin {self._plugin.name} of {self._plugin.where} needs a terminal to ask you on, "
                "and there is none",
                remedy="Run this in a terminal, or use credentials that need no asking.",
            )
        return possible

    def _describe(self, *, interactive: bool) -> str:
        """Return KUBERNETES_EXEC_INFO, which tells the plugin about the cluster and the terminal."""
        import json

        spec: dict[str, Any] = {"interactive": interactive}
        if self._plugin.provide_cluster_info and self._cluster_info is not None:
            spec["cluster"] = self._cluster_info
        body = {"kind": "ExecCredential", "apiVersion": self._plugin.api_version, "spec": spec}
        try:
            return json.dumps(body, separators=(",", ":"))
        except (ValueError, TypeError, RecursionError):
            raise errors.CredentialsError(
                f"what exec plugin {self._plugin.name} of {self._plugin.where} is to know of the cluster "
                "cannot be written as JSON",
                remedy="Look at the cluster's extension client.authentication.k8s.io/exec.",
            ) from None


def _run_plugin(
    plugin: execplugin.Plugin,
    environ: Mapping[str, str],
    *,
    path: str,
    interactive: bool,
    shows_errors: bool,
    timeout: float | None,
) -> bytes:
    """Return the plugin's standard output after it succeeded; without a `timeout` a login takes its time."""
    import shutil
    import subprocess

    command = shutil.which(plugin.command, path=path)
    if command is None:
        raise _not_installed(plugin)
    try:
        process = subprocess.Popen(  # noqa: S603 - running this command is what the kubeconfig asks for
            [command, *plugin.args],
            env=environ,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows_errors else subprocess.PIPE,
            # A session of its own, so that its children end with it; one that asks people must share ours.
            start_new_session=not interactive,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be passed on"
        raise errors.CredentialsError(
            f"exec plugin {plugin.name} of {plugin.where} cannot be started: {reason}",
            remedy="Check the command of the entry.",
        ) from error
    try:
        output, complaints = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(process, whole_session=not interactive)
        raise errors.CredentialsError(
            f"exec plugin {plugin.name} of {plugin.where} gave no answer in {timeout:g} s and was ended",
            remedy="Run it by hand to see what it waits for.",
        ) from None  # the time-out's own object holds what the plugin wrote
    except BaseException:  # an interrupt from the keyboard: do not leave it running
        _kill(process, whole_session=not interactive)
        raise
    if process.returncode != 0:
        raise _failed(plugin, process.returncode, complaints or b"")
    return output


def _kill(process: subprocess.Popen[bytes], *, whole_session: bool) -> None:
    """End a plugin and what it started, which may outlive it and hold its pipes open."""
    import signal

    try:
        if whole_session and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass  # nothing is left of it
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _not_installed(plugin: execplugin.Plugin) -> errors.CredentialsError:
    place = "does not exist or may not be run" if os.sep in plugin.command else "is not in PATH"
    hint = " ".join(sanitize.excerpt(line) for line in plugin.hint.splitlines()[:20]).strip()
    return errors.CredentialsError(
        f"exec plugin {plugin.name} of {plugin.where} {place}",
        remedy=hint or "Install the plugin, or correct the command of the entry.",
    )


def _failed(plugin: execplugin.Plugin, code: int, complaints: bytes) -> errors.CredentialsError:
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    lines = [line for line in complaints[-16_384:].decode("utf-8", "replace").splitlines() if line.strip()]
    said = f": {execplugin.clean_complaint(lines[-1], plugin)}" if lines else ""
    return errors.CredentialsError(
        f"exec plugin {plugin.name} of {plugin.where} failed with {how}{said}",
        remedy="Run it by hand; often one must log in again.",
    )
