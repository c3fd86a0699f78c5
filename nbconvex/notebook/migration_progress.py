"""How far a migration has come, under the cell that runs it.

Owns:  `MigrationProgress`: a bar that is drawn again while the cell runs, and its last state, which is saved.
Must not know: how a migration is run.
Invariants: nothing has to be displayed twice: when the cell has ended, a picture that needs no widget stands in the
       bar's place, so that a saved notebook says how it ended. In a terminal, and where it is over soon, only that
       picture is shown.
Threads: `told` and `end` in the cell's; `paint` in the painter's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from nbconvex.notebook.html import bar_html

if TYPE_CHECKING:
    from nbconvex.notebook.progress import ProgressScreen
    from nbconvex.notebook.session import Session

#: Characters of the bar in a terminal.
_WIDTH: Final = 40
#: What has fewer documents and is over sooner needs no bar that moves.
_MANY: Final = 1_000
_SOON_S: Final = 0.15


@dataclass(frozen=True, slots=True)
class Passage:
    """How many documents were visited, of how many, and what else is to be said."""

    visited: int = 0
    total: int = 0
    note: str = ""

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return min(self.visited / self.total, 1.0) if self.total else 0.0

    @property
    def text(self) -> str:
        """The counts in words."""
        counts = f"{self.visited:,} of {max(self.total, self.visited):,} documents"
        return f"{counts} · {self.note}" if self.note else counts


class MigrationProgress:
    """The bar of one cell: `told` as often as there is news, then `end`."""

    def __init__(self, session: Session, title: str) -> None:
        self.title = title
        self.counts = Passage()
        self._session = session
        self._publisher = session.shell.display_pub
        self._display_id = f"nbconvex-{uuid.uuid4().hex}"
        self._screen: ProgressScreen | None = None
        self._widget: Any = None
        self._is_shown = False
        self._is_ended = False
        self._begun_s = monotonic()

    def _begin(self) -> None:
        """Show the bar, which is drawn again from now on."""
        session = self._session
        form, metadata = self._form(), {}
        if session.has_widgets and session.options.live != "html":
            # Not at the top: the packages of widgets take their time.
            from nbconvex.notebook.progress_bar import ProgressBar

            self._widget = ProgressBar(self)
            form, metadata = self._widget._repr_mimebundle_()
        self._publisher.publish(form, metadata, transient={"display_id": self._display_id})
        self._is_shown = True

    def told(self, visited: int, total: int) -> None:
        """There is news; it is drawn soon."""
        self.counts = Passage(visited, total)
        if self._is_shown:
            self._session.painter.want(self)
        elif self._session.can_follow and (total > _MANY or monotonic() - self._begun_s > _SOON_S):
            self._begin()

    def end(self, note: str, *, visited: int | None = None, total: int | None = None) -> None:
        """Put the last state in the bar's place."""
        counts = self.counts
        self.counts = Passage(
            counts.visited if visited is None else visited, counts.total if total is None else total, note
        )
        self._is_ended = True
        if self._is_shown:
            self._session.painter.forget(self)
            # In the painter's thread, behind a drawing that may be under way.
            self._session.painter.submit(self._show_end)
        else:
            self._publisher.publish(self._form())

    def _show_end(self) -> None:
        self._publisher.publish(self._form(), transient={"display_id": self._display_id}, update=True)
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    # What the bar and the painter ask for.

    def attach(self, screen: ProgressScreen) -> None:
        """Show it on `screen`."""
        self._screen = screen

    def refresh(self) -> Passage:
        """The counts of now."""
        return self.counts

    def stop(self, reason: str) -> None:
        """Draw no more on the screen that there was."""
        self._screen = None

    def paint(self) -> None:
        if self._is_ended:
            return
        if self._screen is not None:
            self._screen.show(self)
        else:
            self._publisher.publish(self._form(), transient={"display_id": self._display_id}, update=True)

    def to_html(self) -> str:
        """The bar as HTML that is saved with the notebook."""
        return bar_html(self.title, self.counts.share, self.counts.text)

    def _form(self) -> dict[str, Any]:
        return {"text/html": self.to_html(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        filled = int(self.counts.share * _WIDTH)
        bar = f"{'█' * filled}{'░' * (_WIDTH - filled)}"
        return f"{self.title} {bar} {int(self.counts.share * 100)}% · {self.counts.text}"
