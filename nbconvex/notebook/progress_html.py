"""A progress bar as static HTML that is drawn again while its batch runs.

Owns:  `ProgressHtml`, for front ends without widgets and for terminals, which show it once.
Must not know: widgets, jobs.
Invariant: as in `live_html`: it publishes through the publisher of the moment it was made.
Threads: `show` in the painter's.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbconvex.notebook.live_html import Publisher
    from nbconvex.notebook.progress import Followed


class ProgressHtml:
    """Static HTML that follows a batch; `progress` is what it shows."""

    def __init__(self, progress: Followed, publisher: Publisher) -> None:
        self.progress = progress
        self._publisher = publisher
        self._display_id = f"nbconvex-{uuid.uuid4().hex}"
        self._is_displayed = False
        progress.attach(self)

    def show(self, progress: Followed) -> None:
        """Replace the bar on the page, once there is one."""
        if self._is_displayed:
            self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        form = {"text/html": self.progress.to_html(), "text/plain": repr(self.progress)}
        self._publisher.publish(form, transient={"display_id": self._display_id}, update=update)

    def _ipython_display_(self) -> None:
        self.progress.refresh()
        self._publish(update=False)
        self._is_displayed = True

    def __repr__(self) -> str:
        return repr(self.progress)
