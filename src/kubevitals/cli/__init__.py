"""The command line: finds the command, runs it and returns its exit code.

Each command is a file in `commands/` and is imported when it is called, so that the program starts quickly.
Exit codes: 0 good, 1 failure, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys

import kubevitals
from kubevitals import errors, garbage, sanitize
from kubevitals.cli import messages
from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# name: (module, one line)
COMMANDS = {
    "top": (
        "top",
        "show usage of nodes, pods, containers, namespaces or workloads against requests and limits",
    ),
    "screen": ("screen", "open the terminal screen, live; `kubevitals` alone on a terminal does the same"),
    "overview": ("overview", "show nodes, the busiest pods and what is wrong, on one screen"),
    "problems": ("problems", "show everything that is wrong, with the next step; for people and for scripts"),
    "doctor": ("doctor", "find out which layer of metrics is silent, why, and what to do about it"),
    "history": ("history", "show usage over time, from what was recorded"),
    "record": ("record", "record usage in a file, until it is stopped"),
    "serve": ("serve", "serve live snapshots over HTTP: JSON for Grafana, metrics for Prometheus, a page"),
    "export": ("export", "expose usage, requests, limits and health to Prometheus, or write them once"),
    "rbac": ("rbac", "print the rights that kubevitals needs, and no others, as YAML for kubectl apply"),
    "simulate": ("simulate", "serve a simulated cluster on loopback, for demos and tests"),
    "completion": ("completion", "print the completion script for bash, zsh or fish"),
}
_HIDDEN = {"__complete": "kubevitals.cli.completion.completer"}

_EPILOG = """\
examples:
  kubevitals                               on a terminal: the screen; `kubevitals screen --simulate` tries it
  kubevitals top nodes --simulate          look at a simulated cluster, no cluster needed
  kubevitals top pods -A --sort-by memory  every pod, the largest first
  kubevitals top pods -n shop -o json      numbers for programs, documented in docs/schema.md
  kubectl vitals top nodes                 the same as a kubectl plugin

kubevitals COMMAND --help explains one command.
kubevitals options lists the options that all commands share.
Exit codes: 0 good, 1 failure, 2 wrong usage, 130 interrupted.
"""


def main(argv: Sequence[str], *, program: str = "kubevitals") -> int:
    """Run the command in `argv` and return the exit code; errors of kubevitals are printed, not raised."""
    console.replace_closed()
    console.make_robust(sys.stdout)
    console.make_robust(sys.stderr)
    try:
        with garbage.paused:  # a command is over before garbage matters
            code = _run(list(argv), _program_name(program))
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, say `head`, has what it wants
        console.silence_broken_pipe()
        return 0
    except KeyboardInterrupt as error:
        print(file=sys.stderr)
        return 128 + getattr(error, "number", 2)
    except errors.UsageError as error:
        messages.show_error(error)
        return 2
    except errors.KubevitalsError as error:
        messages.show_error(error)
        return 1
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        console.silence_broken_pipe()
        failure = errors.KubevitalsError(
            f"the output cannot be written: {error.strerror}", remedy="Make room there, or write elsewhere."
        )
        messages.show_error(failure)
        return 1
    return code


def _run(argv: list[str], program: str) -> int:
    index = _find_command(argv)
    if index is None:
        return _run_bare(argv, program)
    name = argv[index]
    module = _load(f"kubevitals.cli.commands.{COMMANDS[name][0]}" if name in COMMANDS else _HIDDEN[name])
    if name in _HIDDEN:
        return int(module.run_words(argv[index + 1 :]))
    from kubevitals.cli import clusteroptions, plainarguments

    # Global options may stand before the command, as with kubectl.
    words = clusteroptions.spell_out([*argv[:index], *argv[index + 1 :]])
    arguments: Any = plainarguments.parse(module, words)
    if arguments is None:
        from kubevitals.cli import argumentparser

        arguments = argumentparser.make_parser(f"{program} {name}", module).parse_intermixed_args(words)
    _check_context(name, words, arguments)
    return int(module.run(arguments))


def _check_context(name: str, words: Sequence[str], arguments: Any) -> None:
    """Refuse a second --context for a command that looks at one cluster: one of the two would be ignored."""
    given = sum(word == "--context" or word.startswith("--context=") for word in words)
    if given > 1 and not isinstance(getattr(arguments, "context", None), list):
        raise errors.UsageError(
            f"{name} looks at one cluster, and --context is given {given} times", remedy="give it once"
        )


def _find_command(argv: Sequence[str]) -> int | None:
    """Return the index of the command: the first word that is neither an option nor the value of one."""
    from kubevitals.cli import clusteroptions

    skip = False
    for index, word in enumerate(argv):
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in clusteroptions.TAKING_VALUE
        elif word in COMMANDS or word in _HIDDEN:
            return index
        else:
            return None
    return None


def _run_bare(argv: Sequence[str], program: str) -> int:
    if list(argv) == ["options"]:
        from kubevitals.cli import argumentparser
        from kubevitals.cli.commands import top

        print(argumentparser.make_parser(f"{program} top", top).format_shared_help(), end="")
        return 0
    if "--version" in argv or list(argv) == ["version"]:
        print(f"kubevitals {kubevitals.__version__}")
        return 0
    if not argv and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        return _run(["screen"], program)
    words = [word for word in argv if not word.startswith("-")]
    if not argv or "-h" in argv or "--help" in argv or words[:1] == ["help"]:
        if len(words) > 1 and words[1] in COMMANDS:
            return _run([words[1], "--help"], program)
        print(_describe(program), end="")
        return 0
    if words:
        import difflib

        if (command := _find_meant(words)) is not None:
            raise errors.UsageError(
                f"there is no command {sanitize.shorten(words[0], 60)!r}", remedy=f"{program} {command}"
            )
        close = difflib.get_close_matches(words[0], COMMANDS, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise errors.UsageError(
            f"there is no command {sanitize.printable(words[0])[:60]!r}{hint}",
            remedy=f"{program} --help lists the commands",
        )
    raise errors.UsageError(
        f"no command after {sanitize.printable(argv[-1])[:60]!r}",
        remedy=f"{program} --help lists the commands",
    )


def _find_meant(words: Sequence[str]) -> str | None:
    """Return the command that was meant by `pods`, `get pods` and the like; None for other words."""
    from kubevitals import kinds

    words = words[1:] if words[0] in ("get", "describe", "list", "show") else words
    kind = kinds.find(words[0].partition("/")[0]) if words else None
    return None if kind is None else f"top {kind.name}"


def _describe(program: str) -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}   {text}\n" for name, (_, text) in COMMANDS.items()]
    return (
        f"usage: {program} COMMAND [OPTION ...]\n\n"
        "How a Kubernetes cluster is doing: CPU, memory and health of nodes, pods and containers\n"
        "against their requests and limits.\n\n"
        f"commands:\n{''.join(lines)}\n{_EPILOG}"
    )


def _load(name: str) -> Any:
    """Return the module of a command, which has add_arguments(parser) and run(arguments)."""
    import importlib

    return importlib.import_module(name)


def _program_name(path: str) -> str:
    return "kubectl vitals" if os.path.basename(path).startswith("kubectl-vitals") else "kubevitals"  # noqa: PTH119
