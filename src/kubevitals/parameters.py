"""Remedies for callers of the library: where a message names a flag, they read the parameter instead."""

from __future__ import annotations

import re

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from kubevitals import model

FLAGS = {
    "--simulate": "simulate=True",
    "--kubelet-ca": 'kubelet={"ca_file": ...}',
    "--kubelet-insecure-tls": 'kubelet={"insecure": True}',
    "--kubelet-proxy": 'kubelet={"proxy": True}',
    "--kubelet-port": 'kubelet={"port": ...}',
    "--prometheus-insecure": 'prometheus={"insecure": True}',
    "--as": "as_user=...",
    "--as-group": "as_groups=...",
    "--usage": "pod_details=False",
    "--history": "history(...)",
    **{
        f"--{name}": f"{name.replace('-', '_')}=..."
        for name in (
            "kubeconfig", "context", "cluster", "user", "server", "token", "token-file", "username",
            "password", "certificate-authority",
            "client-certificate", "client-key",
            "insecure-skip-tls-verify",
            "tls-server-name", "proxy-url", "as-uid", "request-timeout", "source", "namespace", "interval",
        )
    },
    **{
        f"--prometheus-{name}": f'prometheus={{"{name.replace("-", "_")}": ...}}'
        for name in (
            "url", "token-file", "user-file", "client-certificate", "client-key", "ca", "tls-server-name",
            "header", "timeout", "cluster", "range", "queries",
        )
    },
}  # fmt: skip
"""The flags of the command line that messages name, and what they are in the library."""

_FLAG = re.compile(r"--[a-z][a-z-]*(?![\w=-])(?: (?:[\w-]+=\w+|none|auto|kubelet|prometheus)\b)?")
_COMMAND = re.compile(r"\b(?:kubectl|kubevitals) [^`;\n]*$")  # what stands before a flag of a command


def translate(text: str) -> str:
    """Return the text with parameters in place of flags; commands in it stay as they are."""

    def replace(found: re.Match[str]) -> str:
        flag, _, value = found[0].partition(" ")
        written = FLAGS.get(flag)
        if written is None or _COMMAND.search(text[: found.start()]):
            return found[0]
        if flag == "--source" and value:
            return f'source="{value}"'
        if flag == "--prometheus-header" and value:
            return f'prometheus={{"header": ["{value}"]}}'
        return f"{written} {value}" if value else written

    return _FLAG.sub(replace, text) if "--" in text else text


def translate_problem(problem: model.Problem) -> model.Problem:
    """Return the problem with parameters in place of flags."""
    remedy = problem.remedy and translate(problem.remedy)
    return problem._replace(message=translate(problem.message), remedy=remedy)


def translate_snapshot(snapshot: model.Snapshot) -> model.Snapshot:
    """Return the snapshot with parameters in place of flags in its problems."""
    problems = tuple([translate_problem(each) for each in snapshot.problems])
    return snapshot._replace(problems=problems).with_origin()


class Translation:
    """A `with` block whose errors name parameters in place of flags."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate an error that leaves the block."""
        if isinstance(error, errors.KubevitalsError):
            error.message = translate(error.message)
            error.remedy = error.remedy and translate(error.remedy)
            error.args = (error.message,)
