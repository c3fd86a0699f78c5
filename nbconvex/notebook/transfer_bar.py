"""How far an import or an export has come, while its cell runs.

Owns:  `TransferBar`: what is shown where: a widget, static HTML that is drawn again, a line in a terminal.
Must not know: what is transferred, and how.
Invariant: it is drawn ten times a second at most, and nothing is drawn of what is over before it could be read.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from nbconvex.notebook.html import bar_html
from nbconvex.notebook.sizes import shown_size

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session

#: What takes no longer than this needs no bar.
_PATIENCE_S: Final = 0.5
_PAUSE_S: Final = 0.1
#: Characters of the bar in a terminal.
_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is done, from 0 to 1, and the same in words."""

    share: float
    text: str


class TransferBar:
    """A bar for one transfer. `unit` is "bytes" or what is counted, such as "rows"."""

    def __init__(self, session: Session, title: str, unit: str) -> None:
        self.title = title
        self.counts = Counts(0.0, "")
        self._session = session
        self._unit = unit
        self._screen: Any = None
        self._is_drawn = False
        self._started = self._drawn_at = time.monotonic()

    def update(self, done: int, total: int | None) -> None:
        """So much is done of so much, which is None where nobody knows."""
        is_read = total is not None and done >= total > 0
        text = self._text(done, total) + " · being made durable" * is_read
        self.counts = Counts(min(1.0, done / total) if total else 0.0, text)
        now = time.monotonic()
        if now - self._started >= _PATIENCE_S and now - self._drawn_at >= _PAUSE_S:
            self._drawn_at = now
            self._draw()

    def end(self, text: str, *, is_done: bool) -> None:
        """It is over: the bar, if there is one, says so."""
        self.counts = Counts(1.0 if is_done else self.counts.share, text)
        if self._is_drawn:
            self._draw()
            if self._screen is None:
                print(file=sys.stderr)  # noqa: T201 - what follows begins a line

    def _text(self, done: int, total: int | None) -> str:
        if self._unit == "bytes":
            return shown_size(done) if total is None else f"{shown_size(done)} of {shown_size(total)}"
        return f"{done:,} {self._unit}" if total is None else f"{done:,} of {total:,} {self._unit}"

    def _draw(self) -> None:
        if not self._is_drawn:
            self._is_drawn = True
            self._begin()
        elif self._screen is not None:
            self._screen.show(self)
        if self._screen is None:
            # The line is written over itself.
            print(f"\r{self!r}\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201 - the bar of a terminal

    def _begin(self) -> None:
        session = self._session
        if not session.can_follow:
            return
        if not session.has_widgets or session.options.live == "html":
            from nbconvex.notebook.progress_html import ProgressHtml

            self._screen = ProgressHtml(cast("Any", self), session.shell.display_pub)
            self._screen._ipython_display_()
            return
        from nbconvex.notebook.progress_bar import ProgressBar
        from nbconvex.notebook.shell_words import display

        self._screen = ProgressBar(cast("Any", self))
        display(self._screen)

    # What a screen asks of what it shows.

    def attach(self, screen: Any) -> None:
        """It is shown on `screen`."""

    def refresh(self) -> Counts:
        """The counts of now."""
        return self.counts

    def stop(self, reason: str) -> None:
        """The screen is closed. The transfer goes on."""

    def to_html(self) -> str:
        """The bar as HTML that is saved with the notebook."""
        return bar_html(self.title, self.counts.share, self.counts.text)

    def __repr__(self) -> str:
        filled = int(self.counts.share * _WIDTH)
        bar = f"{'█' * filled}{'░' * (_WIDTH - filled)}"
        return f"{self.title} {bar} {int(self.counts.share * 100)}% · {self.counts.text}"
