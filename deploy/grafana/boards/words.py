"""The words in which a board is described: what is asked, which columns are shown, how they look.

Nothing here knows a data source or Grafana's JSON.
"""

from __future__ import annotations

from typing import NamedTuple


class Ask(NamedTuple):
    """Rows of the service: `of` as in /api/v1/OF, `where` of parameters and the board's variables."""

    of: str
    where: tuple[tuple[str, str], ...] = ()  # (parameter, variable of the board)
    largest: str = ""  # the key by which only the `limit` largest rows are wanted
    limit: int = 0
    cap: int = 0  # rows that a browser shall hold; not where each column is asked for by itself


class Column(NamedTuple):
    """One key of a row: its type on the wire, its title, its unit in Grafana, its look in a table."""

    title: str
    type: str = "number"  # number, string, time
    unit: str = ""
    look: str = ""  # "", gauge, state, severity
    width: int = 0
    link: str = ""  # slug of the board that a cell leads to


class Stat(NamedTuple):
    """Large numbers. `calc` reduces the rows to one; `names` are shown where there are several keys."""

    title: str
    text: str
    ask: Ask
    keys: tuple[str, ...]
    width: int
    calc: str = "lastNotNull"
    names: tuple[str, ...] = ()
    alarms: tuple[tuple[str, str], ...] = ()  # (key, colour) of counts that should be 0
    background: bool = False


class Table(NamedTuple):
    """Rows, a column a key."""

    title: str
    text: str
    ask: Ask
    keys: tuple[str, ...]
    width: int = 24
    by: str = ""  # the key whose largest values come first


class Bars(NamedTuple):
    """One bar a row, as long as the value of `key` from 0 to 1."""

    title: str
    text: str
    ask: Ask
    key: str
    width: int


class Line(NamedTuple):
    """One quantity over time: of all rows together, or one line for each value of `each`."""

    ask: Ask
    key: str
    legend: str
    each: str = ""
    dashed: bool = False


class Past(NamedTuple):
    """Usage over time as the service itself remembers it: a line for each name among the rows."""

    text: str
    ask: Ask
    key: str


class Lines(NamedTuple):
    """Quantities over time. A data source without a past of its own shows `past`, or nothing."""

    title: str
    text: str
    lines: tuple[Line, ...]
    unit: str
    width: int
    past: Past | None = None


Panel = Stat | Table | Bars | Lines


class Row(NamedTuple):
    """Panels side by side, of one height, in units of Grafana's grid. Widths add up to 24."""

    height: int
    panels: tuple[Panel, ...]
    title: str = ""


class Variable(NamedTuple):
    """A choice above the board, of /api/v1/names/OF."""

    name: str
    label: str
    of: str
    where: tuple[tuple[str, str], ...] = ()
    several: bool = False  # several at once, and all of them by default


class Board(NamedTuple):
    """One dashboard."""

    slug: str
    title: str
    text: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
