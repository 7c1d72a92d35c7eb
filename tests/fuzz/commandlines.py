"""Targets: command lines, read to the point where a command would begin, and completed."""

from __future__ import annotations

import contextlib
import io
import types
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.fuzz import runner

from kubevitals import cli
from kubevitals.cli.completion import completer

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = (
    "top pods -A --sort-by memory",
    "top nodes -o json --no-headers", "top pods -n shop -l app=web --filter cpu>1",
    "overview --context prod", "problems -o json --severity warning", "serve --port 0 --address 127.0.0.1",
    "history pods --since 1h --step 5m -n shop", "history export --since 1h", "record --interval 15s",
    "export --once --openmetrics", "rbac --features top --user jane", "simulate --nodes 5 --pods 10",
    "completion bash", "options", "help top", "version", "get pods", "--context a top pods --limit=5",
    "serve --auth token-file --auth-tokens tokens --cors-origin * --connections 5", "top containers -w",
)  # fmt: skip
_WORDS = (
    b"--limit=--", b"--limit", b"--", b"-", b"--simulate",
    b"-n", b"-A", b"--help", b"-h", b"--version", b"--as",
    b"--since", b"=", b"--port", b"99999999999999999999",
    b"top", b"-o", b"wide", b"-ojson", b"--no-such-option",
    b"--interval", b"--interval=0", b"--at", b"yesterday", b"--percentiles", b"--kubeconfig", b"--token",
)  # fmt: skip
_LINES_OF_WORDS = tuple(b"\n" + word + b"\n" for word in _WORDS)


def _seeds() -> Sequence[bytes]:
    return [line.replace(" ", "\n").encode() for line in _LINES]


def _split(data: bytes) -> list[str]:
    """One word a line, as an operating system gives them: without null bytes."""
    return data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n")


def _load(name: str) -> Any:
    """A command that does nothing, with the options of the real one."""
    import importlib

    module: Any = importlib.import_module(name)
    if not name.startswith("kubevitals.cli.commands."):
        return types.SimpleNamespace(run_words=lambda words: 0)
    return types.SimpleNamespace(
        add_arguments=module.add_arguments,
        run=lambda arguments: 0,
        EPILOG=getattr(module, "EPILOG", None),
        __doc__=module.__doc__,
    )


def _read_line(data: bytes) -> None:
    """Parse a command line: it is good or wrong usage, and what is printed does not steer a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(cli, "_load", _load),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code: Any = cli.main(_split(data))
        except SystemExit as ended:
            code = ended.code
    assert code in (0, 2), code
    shown = out.getvalue() + err.getvalue()
    assert all(each.isprintable() or each == "\n" for each in shown), ascii(shown)[-300:]
    assert code == 0 or "error: " in err.getvalue(), err.getvalue()


def _complete(data: bytes) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        completer._complete([*_split(data)[:20]])


TARGETS = (
    runner.Target("command-lines", _seeds, _read_line, words=(*_WORDS, *_LINES_OF_WORDS), cases=200),
    runner.Target("completion", _seeds, _complete, words=_WORDS, cases=100),
)
