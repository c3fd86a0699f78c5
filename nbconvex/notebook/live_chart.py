"""A live chart as a widget, and what a saved notebook holds of it.

Owns:  `LiveChart`; `Drawing`, the library on the page, once for a notebook; the chart's static form.
Must not know: queries, subscriptions, how a chart is described.
Invariants: those of `live_table`. The library is sent once, however many charts there are.
Threads: those of `live_table`.
Imports ipywidgets and anywidget: import this module when the first chart is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ipywidgets import Widget
from traitlets import Unicode

from nbconvex.notebook.chart_drawing import library_source
from nbconvex.notebook.live_table import FRAME, STYLE, LiveTable
from nbconvex.notebook.live_view import LiveView
from nbconvex.notebook.painter import Painter

_HERE: Final = Path(__file__).parent


class Drawing(Widget):  # type: ignore[misc]
    """The drawing library as a model without a view, which charts on the page share."""

    source = Unicode("").tag(sync=True)

    def __init__(self) -> None:
        super().__init__(source=library_source())


class LiveChart(LiveTable):
    """A chart that follows a query; `close()` ends it."""

    _esm = FRAME + (_HERE / "live_chart.js").read_text(encoding="utf-8")
    _css = STYLE + (_HERE / "live_chart.css").read_text(encoding="utf-8")
    library = Unicode("").tag(sync=True)

    def __init__(self, view: LiveView, painter: Painter, drawing: Drawing) -> None:
        super().__init__(view, painter, library=f"IPY_MODEL_{drawing.model_id}")
