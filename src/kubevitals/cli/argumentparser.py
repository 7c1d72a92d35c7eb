"""The argparse parser of one command. Options are not abbreviated, as with kubectl."""

from __future__ import annotations

import argparse
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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


def make_parser(program: str, module: Any) -> argparse.ArgumentParser:
    """Return the parser of the command that `module` implements; its docstring is the description."""
    parser = argparse.ArgumentParser(
        prog=program,
        description=(module.__doc__ or "").strip(),
        epilog=getattr(module, "EPILOG", None),
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser
