"""A live view as static HTML that is drawn again with every change.

Owns:  `LiveHtml`: for front ends without widgets, and for notebooks whose saved form has to show the newest rows.
Must not know: widgets, queries.
Invariant: it publishes through the publisher of the moment it was made. A cell that captures its output replaces the
       shell's publisher while it runs, and would swallow the pictures of every other cell's views.
Threads: `show` in the painter's; the message reaches the page through the kernel's publishing thread.
"""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from nbconvex.notebook.live_view import LiveView, ViewState
from nbconvex.notebook.saved_form import saved_form


class Publisher(Protocol):
    """The part of IPython's display publisher that is used."""

    def publish(self, data: dict[str, str], *, transient: dict[str, str], update: bool) -> Any:
        """Send a picture to the page, or replace the one with the same display id."""


class LiveHtml:
    """Static HTML that follows a query; `close()` ends it."""

    def __init__(self, view: LiveView, publisher: Publisher) -> None:
        self.view = view
        self._publisher = publisher
        self._display_id = f"nbconvex-{uuid.uuid4().hex}"
        self._is_displayed = False
        view.attach(self)

    def show(self, state: ViewState) -> None:
        """Replace the picture on the page, once there is one."""
        if self._is_displayed:
            self._publisher.publish(saved_form(state), transient={"display_id": self._display_id}, update=True)

    def close(self) -> None:
        """End the subscription; the last picture stays."""
        self.view.stop("This view was closed.")

    def _ipython_display_(self) -> None:
        self._publisher.publish(
            saved_form(self.view.refresh()), transient={"display_id": self._display_id}, update=False
        )
        self._is_displayed = True

    def __repr__(self) -> str:
        return saved_form(self.view.refresh())["text/plain"]
