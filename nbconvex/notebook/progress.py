"""How far a batch of scheduled functions has come: `progress(ids)`.

Owns:  `Progress`: which jobs have ended and how, and when the batch is done; its form as HTML and as text.
Must not know: widgets; how jobs are run.
Invariants: a job that has ended is not looked up again, so a batch of thousands costs each drawing what is left of it.
       When all have ended, nothing is listened to any more. The screen is held weakly.
Threads: told of commits by the publishing thread, which only asks the painter; `paint` in the painter's; `stop` in any.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from nbconvex.errors import CallerError
from nbconvex.notebook.html import bar_html
from nbconvex.notebook.session import ATTRIBUTE, Session

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.notebook.painter import Painter

#: Characters of the bar in a terminal.
_WIDTH: Final = 40
_ENDED: Final = frozenset({"success", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a batch's jobs are where. `gone` ended so long ago that their documents were deleted."""

    total: int
    success: int = 0
    failed: int = 0
    canceled: int = 0
    running: int = 0
    gone: int = 0

    @property
    def done(self) -> int:
        """How many have ended."""
        return self.success + self.failed + self.canceled + self.gone

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1. Nothing at all is done."""
        return self.done / self.total if self.total else 1.0

    @property
    def text(self) -> str:
        """The counts in words."""
        parts = [f"{self.done:,} of {self.total:,}"]
        for count, what in ((self.running, "running"), (self.failed, "failed"), (self.canceled, "canceled")):
            if count:
                parts.append(f"{count:,} {what}")
        return " · ".join(parts)


class SharedCounts(Protocol):
    """How much is done."""

    @property
    def share(self) -> float:
        """From 0 to 1."""

    @property
    def text(self) -> str:
        """In words."""


class Followed(Protocol):
    """What a bar follows."""

    title: str

    @property
    def counts(self) -> SharedCounts:
        """As it was last looked at."""

    def refresh(self) -> SharedCounts:
        """As it is now."""

    def attach(self, screen: ProgressScreen) -> None:
        """Show it on `screen` from now on."""

    def stop(self, reason: str) -> None:
        """Follow no more."""

    def to_html(self) -> str:
        """The bar as HTML that is saved with the notebook."""


class ProgressScreen(Protocol):
    """Where progress is shown."""

    def show(self, progress: Followed) -> None:
        """Draw it. Called in the painter's thread only."""


class Progress:
    """Follows a batch of jobs until all have ended."""

    def __init__(self, backend: Backend, ids: Iterable[str], painter: Painter, *, title: str) -> None:
        self.title = title
        self._backend = backend
        self._painter = painter
        self._lock = threading.Lock()
        self._left = dict.fromkeys(ids)
        self._total = len(self._left)
        self._ended = dict.fromkeys((*_ENDED, "gone"), 0)
        self._screen: weakref.ref[ProgressScreen] | None = None
        self._seen_ts = -1
        self._reason = ""
        # Looked at once before anything is followed: a wrong id is the cell's error.
        self.counts = self._counted()
        self._stop_listening = backend.database.listen(self._published)

    @property
    def is_stopped(self) -> bool:
        """Whether it follows no more."""
        return bool(self._reason)

    @property
    def is_following(self) -> bool:
        """Whether a job that ends reaches the screen."""
        return not self._reason

    def attach(self, screen: ProgressScreen) -> None:
        """Show it on `screen` from now on, for as long as somebody else holds that."""
        self._screen = weakref.ref(screen, lambda _: self.stop("collected"))
        self._painter.want(self)

    def refresh(self) -> Counts:
        """The counts of now."""
        with self._lock:
            self.counts = self._counted()
        if not self._left:
            self.stop("all have ended")
        return self.counts

    def paint(self) -> None:
        self.refresh()
        screen = self._screen() if self._screen is not None else None
        if screen is not None:
            screen.show(self)

    def stop(self, reason: str) -> None:
        """Follow no more. Twice is fine."""
        if not self._reason:
            self._reason = reason
            self._stop_listening()

    def _published(self, snapshot: Snapshot) -> None:
        if snapshot.scheduled_ts != self._seen_ts:
            self._seen_ts = snapshot.scheduled_ts
            self._painter.want(self)

    def _counted(self) -> Counts:
        running = 0
        for job in tuple(self._left):
            document = self._backend.scheduler.get(job)
            kind = "gone" if document is None else document["state"]["kind"]
            running += kind == "inProgress"
            if kind in self._ended:
                self._ended[kind] += 1
                del self._left[job]
        return Counts(self._total, running=running, **self._ended)

    def to_html(self) -> str:
        """The bar as HTML that is saved with the notebook."""
        return bar_html(self.title, self.counts.share, self.counts.text)

    def __repr__(self) -> str:
        filled = int(self.counts.share * _WIDTH)
        bar = f"{'█' * filled}{'░' * (_WIDTH - filled)}"
        return f"{self.title} {bar} {int(self.counts.share * 100)}% · {self.counts.text}"


def progress(ids: str | Iterable[str], *, title: str = "scheduled functions") -> Any:
    """A bar that follows a batch of scheduled functions, shown as the last line of a cell: `progress(ids)`.

    `ids` are what `run_after` and `run_at` have returned.
    Raises:  CallerError for what is no job's id, and where the extension is not loaded.
    """
    __tracebackhide__ = True
    from IPython import get_ipython

    extension = getattr(get_ipython(), ATTRIBUTE, None)
    if extension is None:
        raise CallerError("a progress bar needs a notebook with the extension loaded.", hint="%load_ext nbconvex")
    return show_progress(extension.session, [ids] if isinstance(ids, str) else list(ids), title=title)


def show_progress(session: Session, ids: list[str], *, title: str) -> Any:
    """A bar for `ids`, ready to be displayed.

    Raises:  CallerError.
    """
    __tracebackhide__ = True
    made = Progress(session.backend, ids, session.painter, title=title)
    session.add_view(made)
    if not session.has_widgets or not session.can_follow or session.options.live == "html":
        from nbconvex.notebook.progress_html import ProgressHtml

        screen = ProgressHtml(made, session.shell.display_pub)
        session.keep(made, screen)
        return screen
    from nbconvex.notebook.progress_bar import ProgressBar

    return ProgressBar(made)
