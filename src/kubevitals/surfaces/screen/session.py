"""Where one is, what the cursor is on, and what each key does. It knows no terminal, and asks no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import errors, kinds, selection
from kubevitals.selection import filters
from kubevitals.surfaces.screen import cursors, effects, goto, places, reasons, ticket
from kubevitals.surfaces.screen import glyphs as glyph_sets
from kubevitals.surfaces.screen import past as pasts
from kubevitals.surfaces.screen.pages import doctor as doctor_page
from kubevitals.surfaces.screen.pages import overview
from kubevitals.surfaces.screen.pages import problems as problem_page
from kubevitals.surfaces.view import columns as column_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from kubevitals.surfaces.screen import picture as pictures

_SORTS = {
    "N": "name", "A": "created_at", "S": "status", "C": "cpu_usage_cores", "M": "memory_usage_bytes",
    "R": "restarts",
}  # fmt: skip
_RECENT = 9


class Session:
    """The state of the screen. `show` gives it a picture, `press` a key; `frame.compose` draws it."""

    def __init__(
        self,
        seen: pictures.Picture,
        *,
        place: places.Place | None = None,
        glyphs: glyph_sets.Glyphs = glyph_sets.BLOCKS,
    ) -> None:
        self.seen = seen
        self.glyphs = glyphs
        self.width, self.height = 80, 24
        self.trail = places.Trail(place or places.Place(places.OVERVIEW))
        self.prompt: cursors.Prompt | None = None
        self.message = ""
        self.note: list[str] = []  # lines that explain, until the next key
        self.page_rows = 10  # rows that a page shows, as the last frame had room for
        self.columns: list[column_sets.Column] = []  # that the last frame showed
        self.theme = 0
        self.past: pasts.Past | None = None  # of what a page of details is about
        self.span = 1  # which of the times that a chart may show
        self.recent: list[str] = []  # namespaces that were looked at
        self._cursors: dict[tuple[str, tuple[str, ...]], cursors.Cursor] = {}
        self._cache: dict[object, Any] = {}
        self._cached: object = None
        self._quitting = False

    # --- what there is

    @property
    def here(self) -> places.Place:
        """The place that is shown."""
        return self.trail.here

    @property
    def cursor(self) -> cursors.Cursor:
        """The cursor of this page."""
        return self._cursors.setdefault((self.here.page, self.here.path), cursors.Cursor())

    def show(self, seen: pictures.Picture) -> None:
        """Take a new picture; the cursor stays on its row."""
        self.seen = seen

    def terms(self, place: places.Place) -> filters.Filter:
        """Return the filter of a place, which was read when it was typed."""
        kind = place.kind
        if not place.filter or kind is None:
            return ()
        try:
            return filters.parse(place.filter, kinds.KINDS[kind])
        except errors.UsageError:
            return ()

    def rows(self, place: places.Place | None = None, *, filtered: bool = True) -> Sequence[Any]:
        """Return the rows of the table of a place, all of them, in order."""
        place = place or self.here
        taken = self.seen.snapshot
        if place.page == places.PROBLEMS:
            return self._find_problems(place, filtered=filtered)
        if place.page == places.DOCTOR:
            return doctor_page.write(self.seen.examination, self.width)
        if taken is None or place.kind is None:
            return ()
        meant = place.selection(self.terms(place) if filtered else ())
        return self._remember(meant, lambda: selection.select(taken, meant))  # type: ignore[no-any-return]

    def detail(self) -> Any:
        """Return the row that a page of details is about; None where it is gone."""
        taken, here = self.seen.snapshot, self.here
        if taken is None or here.page not in places.DETAILS:
            return None
        kind = f"{here.page}s"
        return self._remember((kind, here.path), lambda: selection.find(taken, kind, here.path))

    def items(self) -> list[tuple[str, Any]] | None:
        """Return what the cursor goes through on the overview: kind and row; None on other pages."""
        if self.here.page != places.OVERVIEW:
            return None
        part, (found, nodes, pods) = self.overview_part()
        items = [("problems", each) for each in found[: part.problems]]
        items += [("nodes", each) for each in nodes[: part.nodes]]
        return items + [("pods", each) for each in pods[: part.pods]]

    def overview_part(self) -> tuple[overview.Part, tuple[Sequence[Any], Sequence[Any], Sequence[Any]]]:
        """Return how many rows each part of the overview has room for, and the rows."""
        namespace = self.here.namespace
        found = self._find_problems(self.here, filtered=False)
        nodes = self.rows(places.Place("nodes"))
        pods = self.rows(places.Place("pods", namespace=namespace))
        lost = 1 if self.seen.error is not None and self.seen.snapshot is not None else 0
        there = [len(found), len(nodes), len(pods)]
        return overview.share_lines(there, self.height - 3 - lost), (found, nodes, pods)

    def current(self) -> tuple[str, Any] | None:
        """Return kind and row under the cursor; on details without a row under it, the object itself."""
        items = self.items()
        cursor = self.cursor
        if items is not None:
            return items[min(cursor.index, len(items) - 1)] if items else None
        rows = self.rows()
        if rows and self.here.page != places.DOCTOR:
            kind = self.here.kind or "problems"
            return kind, rows[min(cursor.index, len(rows) - 1)]
        row = self.detail()
        return (f"{self.here.page}s", row) if row is not None else None

    @property
    def wanted_past(self) -> pasts.Asked | None:
        """What a chart on this page would show; None where there is none."""
        if self.here.page not in places.DETAILS or self.detail() is None:
            return None
        return pasts.Asked(self.here.page, self.here.path, self.span)

    @property
    def wants_examination(self) -> bool:
        """Whether the page shows what nobody has asked the doctor for yet."""
        return self.here.page == places.DOCTOR and not self.seen.examination.begun

    def settle(self, height: int) -> None:
        """Put the cursor back on its row, and the window of `height` rows around it."""
        rows, cursor = self.rows(), self.cursor
        self.page_rows = max(1, height)
        if not rows:
            cursor.index = cursor.top = 0
            return
        if cursor.key is not None and cursors.key_of(rows[min(cursor.index, len(rows) - 1)]) != cursor.key:
            index = self._places(rows).get(cursor.key)
            if index is not None:
                cursor.index = index
        cursor.index = max(0, min(cursor.index, len(rows) - 1))
        cursor.key = cursors.key_of(rows[cursor.index])
        cursor.top = max(cursor.index - self.page_rows + 1, min(cursor.top, cursor.index))
        cursor.top = max(0, min(cursor.top, len(rows) - self.page_rows))

    # --- keys

    def press(self, key: str, character: str | None, now: datetime) -> effects.Effect | None:
        """Do what a key means and return what the terminal has to do for it."""
        quitting, self._quitting = self._quitting, False
        self.message = ""
        if self.prompt is not None:
            return self._type(self.prompt, key, character)
        noted, self.note = bool(self.note), []
        word = character if character is not None and character.isprintable() and character != " " else key
        if word in ("q", "escape"):
            if noted:
                return None
            return self._go_back(word, quitting=quitting)
        if word in ("ctrl+c", "ctrl+q"):
            return effects.Effect(effects.QUIT)
        action: Callable[[], effects.Effect | None] | None = self._actions(now).get(word)
        if action is not None:
            return action()
        if word in _SORTS:
            self._sort(_SORTS[word])
        elif word.isdigit() and len(word) == 1:
            self._choose_namespace(int(word))
        elif not self._move(word):
            self._refuse(word)
        return None

    def _actions(self, now: datetime) -> dict[str, Callable[[], effects.Effect | None]]:
        return {
            "enter": self._open, "d": self._open, "w": self._explain,
            ":": lambda: self._ask("goto"), "/": lambda: self._ask("filter"), "s": lambda: self._ask("sort"),
            "?": lambda: self.trail.enter(places.Place(places.HELP)),
            "[": lambda: self._turn(-1), "]": lambda: self._turn(1), "-": lambda: self._turn(-1),
            "c": self._copy, "x": lambda: self._save(now), "O": self._sort_column,
            "r": self._renew,
            **({"h": self._change_span} if self.here.page in places.DETAILS else {}),
            "D": lambda: self.trail.enter(places.Place(places.DOCTOR, namespace=self.here.namespace)),
            "n": lambda: self._jump(places.Place("namespaces", namespace=self.here.namespace)),
            "J": self._open_owner, "t": self._change_theme, "ctrl+z": lambda: effects.Effect(effects.SUSPEND),
            "ctrl+r": lambda: effects.Effect(effects.REPAINT),
        }  # fmt: skip

    def _type(self, prompt: cursors.Prompt, key: str, character: str | None) -> effects.Effect | None:
        if key in ("escape", "ctrl+c"):
            self.prompt = None
            self.trail.replace(prompt.before)
        elif key == "enter":
            return self._commit(prompt)
        elif key in ("backspace", "ctrl+h"):
            if not prompt.text:
                self.prompt = None
            prompt.text = prompt.text[:-1]
            self._apply_filter(prompt)
        elif key == "ctrl+u":
            prompt.text = ""
            self._apply_filter(prompt)
        elif character is not None and character.isprintable():
            prompt.text = (prompt.text + character)[: filters.LONGEST]
            self._apply_filter(prompt)
        return None

    def _apply_filter(self, prompt: cursors.Prompt) -> None:
        """Filter while one types; of a filter whose last term cannot be read yet the terms before it hold."""
        prompt.trouble = ""
        text = prompt.text.strip()
        if prompt.word != "filter":
            return
        kind = self.here.kind
        if kind is not None:
            try:
                filters.parse(text, kinds.KINDS[kind])
            except errors.UsageError as error:
                prompt.trouble = error.message.removeprefix("filter: ")
                text = text.rpartition(" ")[0].strip()
                try:
                    filters.parse(text, kinds.KINDS[kind])
                except errors.UsageError:
                    return
        self.trail.replace(self.here._replace(filter=text))

    def _commit(self, prompt: cursors.Prompt) -> effects.Effect | None:
        text = prompt.text.strip()
        if prompt.word == "filter":
            if prompt.trouble:
                return None
            self.prompt = None
            return None
        if prompt.word == "goto" and text in goto.QUIT:
            return effects.Effect(effects.QUIT)
        try:
            if prompt.word == "sort" and text:
                self._sort(column_sets.find_key(text.lower(), kinds.KINDS[self.here.kind or "pods"]))
            elif text:
                self._jump(goto.find(text, self.here))
        except errors.UsageError as error:
            prompt.trouble = error.message
            return None
        self.prompt = None
        return None

    def _ask(self, word: str) -> None:
        if word == "filter" and self.here.page in (places.OVERVIEW, places.HELP):
            self.trail.enter(places.Place("pods", namespace=self.here.namespace))
        if word == "sort" and self.here.kind is None:
            self.message = "there is no table to sort here"
            return
        self.prompt = cursors.Prompt(word, self.here.filter if word == "filter" else "", self.here)

    def _go_back(self, word: str, *, quitting: bool) -> effects.Effect | None:
        if self.here.filter:
            self.trail.replace(self.here._replace(filter=""))
        elif not self.trail.back():
            if self.here.page != places.OVERVIEW:
                self.trail.replace(places.Place(places.OVERVIEW, namespace=self.here.namespace))
            elif word == "q" and quitting:
                return effects.Effect(effects.QUIT)
            elif word == "q":
                self._quitting = True
                self.message = "q again ends it"
        return None

    def _jump(self, place: places.Place) -> None:
        if place.namespace is not None and place.namespace not in self.recent:
            self.recent = [place.namespace, *self.recent][:_RECENT]
        self.trail.jump(place)

    def _turn(self, by: int) -> None:
        if not self.trail.turn(by):
            self.message = "there is no place before" if by < 0 else "there is no place after"

    def _open(self) -> None:
        found = self.current()
        if found is None:
            return
        kind, row = found
        namespace = self.here.namespace
        if kind == "problems":
            if row.kind == "Snapshot" or row.name is None:
                self.note = problem_page.explain(row)
                return
            path = {"Node": ("node", (row.name,)), "Pod": ("pod", (row.namespace, row.name))}
            page, names = path.get(row.kind, ("workload", (row.namespace, row.kind, row.name)))
            self.trail.enter(places.Place(page, names, namespace))
        elif kind == "namespaces":
            self._jump(places.Place("pods", namespace=row.name))
        else:
            singular = kinds.KINDS[kind].singular
            names = tuple(getattr(row, key) or "" for key in kinds.KINDS[kind].path)
            self.trail.enter(places.Place(singular, names, namespace))

    def _open_owner(self) -> None:
        found = self.current()
        row = None if found is None else found[1]
        kind, name = getattr(row, "workload_kind", None), getattr(row, "workload_name", None)
        if row is None or kind is None or name is None:
            self.message = "nothing owns it"
            return
        self.trail.enter(places.Place("workload", (row.namespace, kind, name), self.here.namespace))

    def _explain(self) -> None:
        found, taken = self.current(), self.seen.snapshot
        if found is None or taken is None:
            self.note = [self.seen.error.message if self.seen.error else self.seen.reading]
            return
        kind, row = found
        if kind == "problems":
            self.note = problem_page.explain(row)
            return
        columns = self.columns or column_sets.BY_KIND[kind]
        keys = [self.cursor.column] if self.cursor.column else [each.key for each in columns]
        about: dict[str, list[str]] = {}  # a line: the headings that it explains
        headings = {each.key: each.heading.partition("(")[0] for each in column_sets.BY_KIND[kind]}
        for key in keys:
            for line in reasons.explain(row, key, taken):
                about.setdefault(line, []).append(headings.get(key, key))
        name = ticket.name_of(row)
        if about:
            node = getattr(row, "node", row.name if kind == "nodes" else None)
            about |= {line: ["silent"] for line in doctor_page.explain(self.seen.examination, node)}
        self.note = [f"{', '.join(those)}: {line}" for line, those in about.items()] or [
            f"every number of {name} that is shown here is known"
        ]

    def _change_span(self) -> None:
        self.span = (self.span + 1) % len(pasts.RANGES)
        self.message = f"charts of the last {pasts.RANGES[self.span][0]}"

    def _renew(self) -> effects.Effect:
        """Examine again, or paint again."""
        return effects.Effect(effects.EXAMINE if self.here.page == places.DOCTOR else effects.REPAINT)

    def _copy(self) -> effects.Effect | None:
        found = self.current()
        return None if found is None else effects.Effect(effects.COPY, ticket.name_of(found[1]))

    def _save(self, now: datetime) -> effects.Effect | None:
        found = self.current()
        if found is None:
            return None
        kind, row = found
        stem = "".join(each if each.isalnum() or each in "-." else "-" for each in ticket.name_of(row))[:60]
        return effects.Effect(
            effects.SAVE,
            ticket.write(self.seen, kind, row, now),
            f"kubevitals-{stem}-{now:%Y%m%dT%H%M%SZ}.txt",
        )

    def _sort_column(self) -> None:
        if self.cursor.column is None:
            self.message = "choose a column with left and right first"
        else:
            self._sort(self.cursor.column)

    def _sort(self, key: str) -> None:
        """Order by a field, the useful direction first; a second time the other way round."""
        here = self.here
        if here.kind is None:
            self.message = "there is no table to sort here"
            return
        if key not in kinds.KINDS[here.kind].sortable:
            self.message = f"{here.kind} cannot be sorted by {key}"
            return
        rows = self.rows()
        first = next((value for value in (getattr(row, key) for row in rows) if value is not None), None)
        down = isinstance(first, int | float) and not isinstance(first, bool)
        known = (here.order or places.DEFAULT_ORDER[here.kind])[0]
        turned = not known[1] if here.order and known[0] == key else down
        rest = tuple(each for each in kinds.KINDS[here.kind].order if each[0] != key)
        self.trail.replace(here._replace(order=((key, turned), *rest)))

    def _choose_namespace(self, number: int) -> None:
        if number > len(self.recent):
            self.message = f"there is no namespace {number}: n lists all of them"
            return
        namespace = self.recent[number - 1] if number else None
        page = self.here.page if self.here.page in (*places.LISTS, places.PROBLEMS) else places.OVERVIEW
        self.trail.jump(places.Place(page, namespace=namespace))
        self.message = f"namespace {namespace}" if namespace else "all namespaces"

    def _change_theme(self) -> None:
        self.theme = 1 - self.theme
        self.message = "colours for colour-blind eyes" if self.theme else "the colours of the terminal"

    def _move(self, key: str) -> bool:
        """Move the cursor; return whether the key means that."""
        cursor = self.cursor
        items = self.items()
        count = len(items) if items is not None else len(self.rows())
        page = self.page_rows
        steps = {
            "j": 1, "down": 1, "k": -1, "up": -1, "ctrl+d": page // 2, "ctrl+u": -(page // 2),
            "pagedown": page, "ctrl+f": page, "pageup": -page, "ctrl+b": -page,
            "g": -count, "home": -count, "G": count, "end": count,
        }  # fmt: skip
        if key in steps:
            cursor.index = max(0, min(count - 1, cursor.index + steps[key]))
            if items is None and count:
                cursor.key = cursors.key_of(self.rows()[cursor.index])
            return True
        if key in ("left", "h", "right", "tab"):
            keys = [each.key for each in self.columns]
            if keys:
                at = (
                    keys.index(cursor.column)
                    if cursor.column in keys
                    else -1
                    if key in ("right", "tab")
                    else len(keys)
                )
                at += 1 if key in ("right", "tab") else -1
                cursor.column = keys[at] if 0 <= at < len(keys) else None
            return True
        return False

    def _refuse(self, key: str) -> None:
        found = self.current()
        said = None if found is None else ticket.command(key, *found)
        if said is not None:
            self.message = f"read only: {said}"

    # --- keeping what was worked out of one picture

    def _find_problems(self, place: places.Place, *, filtered: bool) -> Sequence[Any]:
        words = place.filter.casefold().split() if filtered and place.page == places.PROBLEMS else []
        namespace = place.namespace
        if not words and namespace is None:
            return self.seen.problems
        return [
            each
            for each in self.seen.problems
            if (namespace is None or each.namespace in (None, namespace))
            and all(word in " ".join(map(str, each)).casefold() for word in words)
        ]

    def _places(self, rows: Sequence[Any]) -> dict[object, int]:
        if isinstance(rows, tuple) or self.here.page == places.PROBLEMS:
            return {cursors.key_of(row): index for index, row in enumerate(rows)}
        return self._remember(  # type: ignore[no-any-return]
            ("places", id(rows)), lambda: {cursors.key_of(row): index for index, row in enumerate(rows)}
        )

    def _remember(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` makes of the picture, once a snapshot."""
        if self._cached is not self.seen.snapshot:
            self._cache.clear()
            self._cached = self.seen.snapshot
        if key not in self._cache:
            if len(self._cache) > 20:
                self._cache.clear()
            self._cache[key] = make()
        return self._cache[key]
