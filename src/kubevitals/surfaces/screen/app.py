"""The application on a terminal: paints the lines of `frame` that changed, and hands keys to the session."""

from __future__ import annotations

import asyncio
import pathlib
import signal
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from kubevitals.surfaces.screen import effects, frame, spans
from kubevitals.surfaces.screen import session as sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import ClassVar

    from textual.app import ComposeResult

    from kubevitals.surfaces.screen import past as pasts
    from kubevitals.surfaces.screen import picture as pictures

_SECOND = 1.0
_LOOKS: dict[str, Style] = {
    spans.PLAIN: Style(),
    spans.BOLD: Style(bold=True),
    spans.DIM: Style(dim=True),
    spans.TITLE: Style(bold=True, underline=True),
    spans.CURSOR: Style(reverse=True),
    "info": Style(),
}
# The second one is told apart by people who see red and green alike; signs and words say the same in both.
_THEMES = (
    {**_LOOKS, spans.WARNING: Style(color="yellow"), spans.CRITICAL: Style(color="red", bold=True)},
    {**_LOOKS, spans.WARNING: Style(color="bright_blue"), spans.CRITICAL: Style(color="magenta", bold=True)},
)


class Canvas(Widget):
    """All of the screen, a line at a time; only lines that differ from the last ones are painted."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"
    can_focus = True

    def __init__(self, session: sessions.Session, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._session = session
        self._now = now
        self._lines: list[spans.Line] = []

    def draw(self, *, whole: bool = False) -> None:
        """Make the lines of now and have those painted that changed."""
        if not self.size.width or not self.size.height:
            return
        self._session.width, self._session.height = self.size
        before, self._lines = self._lines, frame.compose(self._session, self._now())
        if whole or len(before) != len(self._lines):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]
        if changed:
            self.refresh(*[Region(0, y, self.size.width, 1) for y in changed])

    def render_line(self, y: int) -> Strip:
        """Return one line of it."""
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        looks = _THEMES[self._session.theme]
        return Strip(
            [Segment(text, looks.get(look, Style())) for text, look in self._lines[y]]
        ).adjust_cell_length(width)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """Return all of the width."""
        del viewport
        return container.width

    def on_resize(self) -> None:
        """Fit the page to the new size."""
        self.draw(whole=True)


class ScreenApp(App[int]):
    """The screen of one cluster.

    Args:
        session: where one is.
        look: the newest picture; cheap.
        now: the cluster's time.
        on_change: takes a function that is to be called, from any thread, when there is a new picture.
        examine: begins an examination by the doctor.
        read_past: returns usage over time, from history.
        folder: where tickets are written.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "kubevitals"
    BINDINGS: ClassVar = []

    def __init__(
        self,
        session: sessions.Session,
        look: Callable[[], pictures.Picture],
        now: Callable[[], datetime],
        *,
        on_change: Callable[[Callable[[], object]], object] | None = None,
        examine: Callable[[], object] | None = None,
        read_past: Callable[[pasts.Asked], pasts.Past] | None = None,
        folder: str = ".",
    ) -> None:
        super().__init__(ansi_color=True)
        self.session = session
        self._look = look
        self._now = now
        self._on_change = on_change
        self._examine = examine
        self._read_past = read_past
        self._past_of: object = None
        self._folder = pathlib.Path(folder)
        self._canvas = Canvas(session, now)

    def compose(self) -> ComposeResult:
        """Return the one widget; it stays for as long as the screen does."""
        yield self._canvas

    def on_mount(self) -> None:
        """Begin to look for news."""
        self._canvas.focus()
        loop = asyncio.get_running_loop()
        if self._on_change is not None:  # main thread only: a test's application runs in others
            self._on_change(lambda: loop.call_soon_threadsafe(self.renew))
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit, 0)
        self.set_interval(_SECOND, self.renew)
        self.renew()

    def renew(self) -> None:
        """Show the newest picture and the ages of now."""
        self.session.show(self._look())
        if self.session.wants_examination and self._examine is not None:
            self._examine()
            self.session.show(self._look())
        self._read_the_past()
        self._canvas.draw()

    def _read_the_past(self) -> None:
        """Read what a chart on this page shows, once a picture."""
        wanted, seen = self.session.wanted_past, self.session.seen.snapshot
        key = (wanted, None if seen is None else seen.generated_at)
        if wanted is not None and self._read_past is not None and key != self._past_of:
            self.session.past = self._read_past(wanted)
            self._past_of = key

    async def on_event(self, event: events.Event) -> None:
        """Hand each key to the session before Textual's own bindings see it."""
        if isinstance(event, events.Key):
            event.stop()
            self._press(event.key, event.character)
            if self.session.wants_examination:
                self.renew()
            return
        await super().on_event(event)

    def _press(self, key: str, character: str | None) -> None:
        effect = self.session.press(key, character, self._now())
        if effect is not None:
            self._perform(effect)
        self._read_the_past()
        self._canvas.draw(whole=effect is not None or key == "t")

    def _perform(self, effect: effects.Effect) -> None:
        if effect.word == effects.QUIT:
            self.exit(0)
        elif effect.word == effects.COPY:
            self.copy_to_clipboard(effect.text)
            self.session.message = f"copied through the terminal (OSC 52): {effect.text}"
        elif effect.word == effects.SAVE:
            self.session.message = self._save(effect)
        elif effect.word == effects.EXAMINE:
            if self._examine is not None:
                self._examine()
            self.renew()
        elif effect.word == effects.SUSPEND:
            self.action_suspend_process()

    def _save(self, effect: effects.Effect) -> str:
        """Write a ticket to a file that is not there yet and return where."""
        path = self._folder / effect.name
        for number in range(2, 100):
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(effect.text)
            except FileExistsError:
                path = self._folder / f"{effect.name.removesuffix('.txt')}-{number}.txt"
            except OSError as error:
                return f"{path} cannot be written: {error.strerror}"
            else:
                return f"written to {path}"
        return f"{path} is there already"
