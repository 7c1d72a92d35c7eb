"""Reading plain command lines without argparse, whose import and set-up take 20 ms, a third of a whole `top`.

A command tells its options once, by `add_arguments(parser)`: this parser stands in for argparse's and reads
what leaves no doubt. At everything else (--help, a mistake, a rare spelling) it gives up, and argparse,
told of the same options, reads the words and finds the words for what is wrong.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any


class Arguments:
    """The values by name, as argparse.Namespace holds them."""

    def __repr__(self) -> str:
        return "<Arguments>"  # the values may hold a token


def parse(module: Any, words: Sequence[str]) -> Arguments | None:
    """Return the arguments of the command that `module` implements; None if argparse has to read them."""
    try:
        parser = _Parser()
        module.add_arguments(parser)
        return parser.parse(words)
    except Exception:  # noqa: BLE001 - whatever it is, argparse meets it again and says it, or reads it
        return None


class _Argument:
    """One option or positional, as add_argument was told."""

    __slots__ = ("action", "choices", "default", "dest", "nargs", "type")

    def __init__(self, dest: str, told: dict[str, Any]) -> None:
        self.dest = dest
        self.action: str = told.get("action", "store")
        self.nargs: str | None = told.get("nargs")
        self.type: Callable[[str], Any] | None = told.get("type")
        self.choices: Container[Any] | None = told.get("choices")
        self.default: Any = told.get("default", False if self.action == "store_true" else None)

    def read(self, word: str) -> Any:
        value = word if self.type is None else self.type(word)
        if self.choices is not None and value not in self.choices:
            raise _DoubtError
        return value


class _DoubtError(Exception):
    """These words are not plain."""


class _Parser:
    """What add_arguments is given instead of an argparse.ArgumentParser."""

    def __init__(self) -> None:
        self._options: dict[str, _Argument] = {}
        self._positionals: list[_Argument] = []
        self._all: list[_Argument] = []

    def add_argument(self, *flags: str, **told: Any) -> None:
        """Take note of an option or a positional."""
        first = next((flag for flag in flags if flag.startswith("--")), flags[0])
        argument = _Argument(told.get("dest") or first.lstrip("-").replace("-", "_"), told)
        self._all.append(argument)
        if not first.startswith("-"):
            self._positionals.append(argument)
        for flag in flags:
            self._options[flag] = argument

    def add_argument_group(self, *_title: str) -> _Parser:
        """A group matters to --help only."""
        return self

    def parse(self, words: Sequence[str]) -> Arguments:
        """Return the arguments.

        Raises:
            _DoubtError: the words are not plain, or wrong.
        """
        arguments = Arguments()
        for argument in self._all:
            setattr(arguments, argument.dest, argument.default)
        bare: list[str] = []
        left = iter(words)
        for word in left:
            if word.startswith("-"):
                self._read_option(arguments, word, left)
            else:
                bare.append(word)
        self._read_positionals(arguments, bare)
        return arguments

    def _read_option(self, arguments: Arguments, word: str, left: Any) -> None:
        flag, equals, given = word.partition("=")
        argument = self._options.get(flag)
        if argument is None or argument.nargs is not None or (equals and not flag.startswith("--")):
            raise _DoubtError
        if argument.action == "store_true":
            if equals:
                raise _DoubtError
            setattr(arguments, argument.dest, True)
            return
        text = given if equals else next(left, "-")
        if text.startswith("-") and not equals:
            raise _DoubtError
        value = argument.read(text)
        if argument.action == "append":
            value = [*(getattr(arguments, argument.dest) or ()), value]
        elif argument.action != "store":
            raise _DoubtError
        setattr(arguments, argument.dest, value)

    def _read_positionals(self, arguments: Arguments, bare: list[str]) -> None:
        for argument in self._positionals:
            if argument.nargs == "*":
                setattr(arguments, argument.dest, [argument.read(word) for word in bare])
                bare = []
            elif argument.nargs is None and bare:
                setattr(arguments, argument.dest, argument.read(bare.pop(0)))
            else:
                raise _DoubtError
        if bare:
            raise _DoubtError
