"""The completer: `kubevitals __complete WORD...`, which a shell calls to complete the last word.

It prints one candidate a line, followed by a tab and a description, and a last line with a colon and a sum
of 2 (no blank after the word) and 4 (no file names instead): the protocol of kubectl and others. Our own
scripts name their shell in the environment and pass the words on standard input, so that a token that is
typed does not show in the process list.

It prints nothing else, never asks for input, and always exits with 0: errors would disturb the prompt.
"""

from __future__ import annotations

import os
import sys

from kubevitals import cli
from kubevitals.cli import argumentparser, clusteroptions
from kubevitals.cli.completion import candidates, shellwords
from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

NO_SPACE, NO_FILES = 2, 4
_ABOUT = 70  # characters of a description
_MOST_WORDS = 1 << 20  # bytes of standard input


def main() -> int:
    """Complete the last argument: kubectl runs `kubectl_complete-vitals WORD...` for `kubectl vitals`."""
    return run_words(sys.argv[1:])


def run_words(words: Sequence[str], *, environ: Mapping[str, str] = os.environ) -> int:
    """Print the candidates for the last of `words`; always return 0."""
    shell = environ.get("_KUBEVITALS_SHELL", "")
    raw = ""
    try:
        if shell and not words:
            words = sys.stdin.buffer.read(_MOST_WORDS).decode("utf-8", "surrogateescape").split("\0")[:-1]
        words = list(words) or [""]
        if shell == "bash":  # gives all words as they were typed
            raw = words[-1]
            words = [shellwords.unquote(word)[0] for word in words]
        elif shell == "fish":  # gives the last one so
            words[-1] = shellwords.unquote(words[-1])[0]
        found, directive = _complete(words)
    except Exception:  # noqa: BLE001 - the boundary to a shell's prompt, which an error would disturb
        found, directive = [], NO_FILES
    _print(found, directive, typed=words[-1] if words else "", shell=shell, raw=raw, environ=environ)
    return 0


def _complete(words: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Return the candidates for the last word, and the directive."""
    line = Line()
    for word in words[:-1]:
        line.read(word)
    found, files = line.complete(words[-1])
    if files:
        return [], 0
    fitting = [each for each in found if each[0].startswith(words[-1]) and each[0].isprintable()]
    space = any(text.endswith(("=", ":", ">", "label.")) for text, _ in fitting)
    return fitting, NO_FILES + (NO_SPACE if space else 0)


def _print(
    found: Sequence[tuple[str, str]],
    directive: int,
    *,
    typed: str,
    shell: str,
    raw: str,
    environ: Mapping[str, str],
) -> None:
    breaks = environ.get("_KUBEVITALS_BREAKS", "")
    lines = []
    for text, about in found:
        if shell == "bash":
            lines.append(shellwords.replace_in_bash(raw, text, breaks=breaks))
            continue
        # Without a shell of ours the other side puts "--option=" in front itself, as kubectl's scripts do.
        word = text if shell or not typed.startswith("-") else text[len(_option_part(typed)) :]
        lines.append(f"{word}\t{_shorten(about)}" if about else word)
    text = "".join(f"{line}\n" for line in [*lines, f":{directive}"])
    console.make_robust(sys.stdout)
    sys.stdout.write(text)
    sys.stdout.flush()


def _option_part(typed: str) -> str:
    option, equals, _ = typed.partition("=")
    return option + equals if equals else ""


def _shorten(about: str) -> str:
    text = " ".join(about.split())
    return text if len(text) <= _ABOUT else text[: _ABOUT - 3].rstrip(" ,;:") + "..."


class Line:
    """The command line so far: its command, its options with their values, and its other words."""

    def __init__(self) -> None:
        self.command = ""
        self.given: dict[str, list[str]] = {}  # by the name argparse stores it under
        self.words: list[str] = []  # that are neither options nor their values
        self._flags = _global_flags()
        self._pending: argparse.Action | None = None  # the option whose value comes next
        self._ended = False  # by --

    def read(self, word: str) -> None:
        """Read one word that is complete."""
        if self._pending is not None:
            self._note(self._pending, word)
            self._pending = None
        elif self._ended or word == "-" or not word.startswith("-"):
            self._read_word(word)
        elif word == "--":
            self._ended = True
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            self._read_option(name, value if equals else None)
        else:
            self._read_short(word)

    def complete(self, typed: str) -> tuple[list[tuple[str, str]], bool]:
        """Return the candidates for the word being typed, as whole words, and whether it is a file name."""
        if self._pending is not None:
            return self._values(self._pending, typed, "")
        if typed.startswith("-") and not self._ended:
            name, equals, value = typed.partition("=")
            action = self._flags.get(name)
            if equals and action is not None:
                return self._values(action, value, name + equals)
            short = self._flags.get(typed[:2])
            if not typed.startswith("--") and len(typed) > 2 and short is not None and _wants(short):
                return self._values(short, typed[2:], typed[:2])
            return self._options(typed), False
        if not self.command:
            return self._commands(), False
        return candidates.for_word(self.command, typed, self._names(), words=self.words), False

    def _read_word(self, word: str) -> None:
        if self.command:
            self.words.append(word)
            return
        self.command = word
        if word in cli.COMMANDS:
            self._flags = _flags(_load(word))

    def _read_option(self, name: str, value: str | None) -> None:
        action = self._flags.get(name)
        if action is None:
            return
        if value is not None or not _wants(action):
            self._note(action, value or "")
        else:
            self._pending = action

    def _read_short(self, word: str) -> None:
        """Read -n NAME, -nNAME, -n=NAME and several switches in one."""
        for index in range(1, len(word)):
            action = self._flags.get(f"-{word[index]}")
            if action is None:
                return
            if _wants(action):
                rest = word[index + 1 :].removeprefix("=")
                self._read_option(f"-{word[index]}", rest or None)
                return
            self._note(action, "")

    def _note(self, action: argparse.Action, value: str) -> None:
        self.given.setdefault(action.dest, []).append(value)

    def _names(self) -> Any:
        from kubevitals.cli.completion import clusternames

        return clusternames.Names(self.given)

    def _values(self, action: argparse.Action, typed: str, head: str) -> tuple[list[tuple[str, str]], bool]:
        if action.dest in candidates.FILES:
            return [], True
        found = candidates.for_option(action, typed, self._names(), words=self.words)
        return [(head + text, about) for text, about in found], False

    def _commands(self) -> list[tuple[str, str]]:
        return [(name, about) for name, (_, about) in cli.COMMANDS.items()]

    def _options(self, typed: str) -> list[tuple[str, str]]:
        """Return the options that are not given yet; short ones only if the word may be one."""
        found = []
        for flag, action in self._flags.items():
            again = type(action).__name__ == "_AppendAction"
            if action.dest in self.given and not again:
                continue
            if flag.startswith("--") or typed in ("-", flag):
                found.append((flag, _describe(action)))
        return found


def _wants(action: argparse.Action) -> bool:
    """Return whether the option's value is the next word; a switch that may say "=false" has none."""
    return action.nargs not in (0, "?") and not str(action.metavar).startswith("[=")


def _describe(action: argparse.Action) -> str:
    try:
        return (action.help or "") % vars(action)
    except (TypeError, ValueError, KeyError):
        return action.help or ""


def _load(command: str) -> Any:
    import importlib

    return importlib.import_module(f"kubevitals.cli.commands.{cli.COMMANDS[command][0]}")


def _flags(module: Any) -> dict[str, argparse.Action]:
    """Return the options of a command by name."""
    return dict(argumentparser.make_parser("kubevitals", module)._option_string_actions)  # noqa: SLF001 - has no public face


def _global_flags() -> dict[str, argparse.Action]:
    """Return the options that may stand before the command."""
    import types

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        clusteroptions.add_namespace_options(parser)
        clusteroptions.add_cluster_options(parser, detail=True, once=True)
        parser.add_argument("--version", action="store_true", help="print the version")

    return _flags(types.SimpleNamespace(add_arguments=add_arguments))
