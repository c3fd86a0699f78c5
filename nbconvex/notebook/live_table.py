"""A live view as a widget.

Owns:  `LiveTable`, and what a saved notebook holds of it.
Must not know: queries, subscriptions, how a value becomes a picture.
Invariants: everything for the page travels in one string, `state`, together with a rising `version`: what is lost on
       the way is made good by the next one. The widget never needs an answer from the page.
Threads: traits are written by the painter's thread. Messages from the page may arrive in any thread: they are passed
       on to the painter and nothing else.
Imports ipywidgets and anywidget, a quarter of a second together: import this module when the first view is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anywidget
from traitlets import Int, Unicode

from nbconvex.notebook.live_view import LiveView, ViewState
from nbconvex.notebook.painter import Painter
from nbconvex.notebook.saved_form import beside_widget, saved_form

_HERE: Final = Path(__file__).parent

#: The script of a view's frame, which stands in front of that of its content.
FRAME: Final = (_HERE / "live_frame.js").read_text(encoding="utf-8")
#: The script of a grid, which stands behind the frame's.
GRID: Final = (_HERE / "live_grid.js").read_text(encoding="utf-8")
#: The looks of a live view.
STYLE: Final = (_HERE / "live_table.css").read_text(encoding="utf-8")


class LiveTable(anywidget.AnyWidget):
    """A table that follows a query; `close()` ends it.

    `view` is the live view behind it: its state, and whether it follows.
    """

    _esm = FRAME + GRID + (_HERE / "live_table.js").read_text(encoding="utf-8")
    _css = STYLE
    state = Unicode("").tag(sync=True)
    version = Int(0).tag(sync=True)

    def __init__(self, view: LiveView, painter: Painter, **traits: str) -> None:
        self.view = view
        self._painter = painter
        super().__init__(state=view.refresh().to_json(), **traits)
        self.on_msg(self._heard)
        view.attach(self)

    def show(self, state: ViewState) -> None:
        """Send the state to every page that shows the widget."""
        text = state.to_json()
        if self.comm is None or text == self.state:
            return
        with self.hold_sync():
            self.state = text
            self.version += 1

    def close(self) -> None:
        """End the subscription and take the widget off the page."""
        self.view.stop("This view was closed.")
        self._painter.forget(self.view)
        super().close()

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        pressed = message.get("press") if isinstance(message, dict) else None
        press = self.view.press
        if isinstance(pressed, str) and press is not None:
            self._painter.submit(lambda: press(pressed))
        views = message.get("views") if isinstance(message, dict) else None
        if isinstance(views, int):
            self._painter.submit(lambda: self._views_counted(views))

    def _views_counted(self, views: int) -> None:
        if views > 0:
            self.view.resume()
            return
        # Another page may still show it: whoever does answers, and the view is resumed.
        self.view.rest()
        if self.comm is not None:
            self.send({"ask": "views"})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        saved = saved_form(self.view.refresh(), status="live in a running notebook; this is a saved picture")
        return beside_widget(bundle, saved)

    def __repr__(self) -> str:
        return saved_form(self.view.refresh())["text/plain"]
