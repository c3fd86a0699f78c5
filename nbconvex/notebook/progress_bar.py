"""A progress bar as a widget.

Owns:  `ProgressBar`, and what a saved notebook holds of it.
Must not know: jobs, commits.
Invariants: everything for the page travels in two traits. The widget never needs an answer from the page.
Threads: traits are written by the painter's thread.
Imports ipywidgets and anywidget: import this module when the first bar is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
from traitlets import Float, Unicode

from nbconvex.notebook.saved_form import beside_widget

if TYPE_CHECKING:
    from nbconvex.notebook.progress import Followed

_HERE: Final = Path(__file__).parent


class ProgressBar(anywidget.AnyWidget):
    """A bar that follows a batch; `progress` is what it shows."""

    _esm = (_HERE / "progress_bar.js").read_text(encoding="utf-8")
    title = Unicode("").tag(sync=True)
    share = Float(0.0).tag(sync=True)
    text = Unicode("").tag(sync=True)

    def __init__(self, progress: Followed) -> None:
        self.progress = progress
        counts = progress.refresh()
        super().__init__(title=progress.title, share=counts.share, text=counts.text)
        progress.attach(self)

    def show(self, progress: Followed) -> None:
        """Send the counts to every page that shows the widget."""
        if self.comm is None:
            return
        with self.hold_sync():
            self.share = progress.counts.share
            self.text = progress.counts.text

    def close(self) -> None:
        """Follow no more and take the widget off the page."""
        self.progress.stop("This bar was closed.")
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        self.progress.refresh()
        return beside_widget(bundle, {"text/html": self.progress.to_html(), "text/plain": repr(self.progress)})

    def __repr__(self) -> str:
        return repr(self.progress)
