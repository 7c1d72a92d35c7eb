"""A parser of plain command lines that spares argparse, whose import and set-up cost 6 to 18 ms of a process.

A command describes its options once, in `add_arguments(parser)`. This parser reads what leaves no doubt, in
0.3 ms. At anything else (--help, a mistake, a rare spelling, an option described in a way that it does not
know) it gives up, and argparse reads the same words by the same description.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any, NamedTuple, Self
else:
    from kubevitals.namedtuple import NamedTuple


class Arguments:
    """The values by name, as in argparse.Namespace."""

    def __repr__(self) -> str:
        return "<Arguments>"  # the values may hold a token


def parse(module: Any, words: Sequence[str]) -> Arguments | None:
    """Return the arguments of the command that `module` implements; None if argparse has to read them."""
    try:
        parser = _Parser()
        module.add_arguments(parser)
        return parser.parse(words)
    except Exception:  # noqa: BLE001 - argparse meets it again, and reports it or reads the words
        return None


class _Argument(NamedTuple):
    """One option or positional, as add_argument describes it."""

    dest: str
    action: str
    nargs: str | None
    type: Callable[[str], Any] | None
    choices: Container[Any] | None
    default: Any

    @classmethod
    def of(cls, dest: str, described: dict[str, Any]) -> Self:
        """Return the argument; raise _DoubtError where argparse would do more with it than is done here."""
        if not _KNOWN.issuperset(described):
            raise _DoubtError
        action = described.get("action", "store")
        default = described.get("default", False if action == "store_true" else None)
        parse_value = described.get("type")
        if parse_value is not None and isinstance(default, str):  # argparse would parse it
            raise _DoubtError
        return cls(dest, action, described.get("nargs"), parse_value, described.get("choices"), default)

    def read(self, word: str) -> Any:
        value = word if self.type is None else self.type(word)
        if self.choices is not None and value not in self.choices:
            raise _DoubtError
        return value


# What add_argument may be given. `const` is for an option without a value, which is not read here.
_KNOWN = frozenset({"action", "choices", "const", "default", "dest", "help", "metavar", "nargs", "type"})


class _DoubtError(Exception):
    """The words are not plain, or wrong."""


class _Parser:
    """Passed to add_arguments instead of an argparse.ArgumentParser."""

    def __init__(self) -> None:
        self._options: dict[str, _Argument] = {}
        self._positionals: list[_Argument] = []
        self._all: list[_Argument] = []

    def add_argument(self, *flags: str, **described: Any) -> None:
        """Take note of an option or a positional."""
        first = next((flag for flag in flags if flag.startswith("--")), flags[0])
        argument = _Argument.of(described.get("dest") or first.lstrip("-").replace("-", "_"), described)
        self._all.append(argument)
        if not first.startswith("-"):
            self._positionals.append(argument)
        for flag in flags:
            self._options[flag] = argument

    def add_argument_group(self, *_title: str) -> _Parser:
        """Return this parser: groups matter to --help only."""
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
