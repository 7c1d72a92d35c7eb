"""The argparse parser of one command: help that fits a screen, mistakes in two lines. No abbreviations."""

from __future__ import annotations

import argparse
import difflib
import os
import re

from kubevitals import errors, sanitize
from kubevitals.cli import clusteroptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_CHOICE = re.compile(r"invalid choice: '?(.*?)'? \(choose from (.*)\)", re.DOTALL)
_LONGEST = 60  # characters of a wrong word in a message


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, at most 110 columns.

    argparse makes a formatter for every option that is added, and each measures the terminal by shutil, whose
    import takes 3 ms; here the width is measured once.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_WIDTH)


def _measure_width() -> int:
    try:
        columns = int(os.environ.get("COLUMNS", "")) or os.get_terminal_size().columns
    except (ValueError, OSError):
        columns = 100
    return max(40, min(columns, 110)) - 2


_WIDTH = _measure_width()


class Parser(argparse.ArgumentParser):
    """Shows examples first and the command's own options; raises wrong usage as an error with a remedy."""

    suggest_on_error: bool  # from Python 3.14 on

    def format_help(self) -> str:
        """Return the help: usage, description, examples, own options, further remarks."""
        formatter = self._get_formatter()
        own = [group for group in self._action_groups if group.title not in clusteroptions.SHARED_GROUPS]
        words = " ".join(
            f"[{each.metavar} ...]" if each.nargs == "*" else str(each.metavar or each.dest)
            for each in self._get_positional_actions()
        )
        examples, remarks = _split_epilog(self.epilog or "")
        formatter.add_text(f"usage: {self.prog} {words} [OPTION ...]".replace("  ", " "))
        formatter.add_text(self.description)
        formatter.add_text(examples)
        for group in own:
            formatter.start_section(group.title)
            formatter.add_arguments(group._group_actions)  # noqa: SLF001 - argparse has no other way
            formatter.end_section()
        formatter.add_text(remarks)
        if len(own) < len(self._action_groups):
            formatter.add_text(
                f"`{self.prog.rpartition(' ')[0]} options` lists what all commands share: which cluster, as "
                "whom, where usage comes from, and --simulate."
            )
        return formatter.format_help()

    def format_shared_help(self) -> str:
        """Return the help on the options that all commands share."""
        formatter = self._get_formatter()
        for group in self._action_groups:
            if group.title in clusteroptions.SHARED_GROUPS:
                formatter.start_section(group.title)
                formatter.add_arguments(group._group_actions)  # noqa: SLF001 - as above
                formatter.end_section()
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words of the command line.

        Raises:
            errors.UsageError: always.
        """
        raise errors.UsageError(self._explain(message), remedy=f"{self.prog} --help lists its options")

    def _explain(self, message: str) -> str:
        """Return what argparse says of wrong words in words of people."""
        name = self.prog.rpartition(" ")[2]
        rest = message.removeprefix("unrecognized arguments: ")
        if rest != message:
            word = next(iter(rest.split()), "")
            if not word.startswith("-"):
                return f"{name} takes no further word: {_quote(word)}"
            flags = [flag for action in self._actions for flag in action.option_strings]
            return f"{name} has no option {_quote(word)}{_did_you_mean(word.partition('=')[0], flags)}"
        rest = message.removeprefix("the following arguments are required: ")
        if rest != message:
            return f"{name} needs {rest.split(', ')[0]}{self._describe_positional(rest.split(', ')[0])}"
        text = message.removeprefix("argument ")
        if (found := _CHOICE.search(text)) is not None:
            words = [word.strip("' ") for word in found[2].split(",")]
            flag = text[: found.start()].rstrip(": ")
            return (
                f"{flag}: {_quote(found[1])} is not one of {', '.join(words)}{_did_you_mean(found[1], words)}"
            )
        return sanitize.printable(text)

    def _describe_positional(self, metavar: str) -> str:
        about = [each.help for each in self._get_positional_actions() if each.metavar == metavar]
        return f": {about[0]}" if about and about[0] else ""


def _quote(word: str) -> str:
    return repr(sanitize.shorten(word, _LONGEST))


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _split_epilog(epilog: str) -> tuple[str, str]:
    """Return the paragraph of examples, and the other ones."""
    paragraphs = epilog.strip().split("\n\n")
    examples = [each for each in paragraphs if each.startswith("examples:")]
    return "\n\n".join(examples), "\n\n".join(each for each in paragraphs if each not in examples)


def make_parser(program: str, module: Any) -> Parser:
    """Return the parser of the command that `module` implements; its docstring is the description."""
    parser = Parser(
        prog=program,
        description=(module.__doc__ or "").strip(),
        epilog=getattr(module, "EPILOG", None),
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.suggest_on_error = False  # from Python 3.15 on argparse has suggestions of its own
    module.add_arguments(parser)
    return parser
