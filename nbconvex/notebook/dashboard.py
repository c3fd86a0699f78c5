"""The dashboard as a widget.

Owns:  `Dashboard`, and what a saved notebook holds of it.
Must not know: what a panel shows or does; which page asked.
Invariants: everything from the page goes to the desk, which believes none of it. Nothing here waits for the page.
Threads: messages from the page may arrive in any thread; they are answered by the desk's threads, one send at a time.
Imports ipywidgets and anywidget: import this module when the first dashboard is shown.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
from traitlets import Unicode

from nbconvex.dashboard.desk import Desk
from nbconvex.dashboard.functions import FunctionsPanel
from nbconvex.dashboard.panels import Surroundings, panels_of
from nbconvex.notebook.live_table import FRAME, GRID, STYLE
from nbconvex.notebook.picture import picture_of
from nbconvex.notebook.saved_form import beside_widget
from nbconvex.notebook.tracebacks import describe, file_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbconvex.backend import Backend
    from nbconvex.notebook.card import Listing
    from nbconvex.server.addresses import Addresses

_HERE: Final = Path(__file__).parent
#: The panels whose scripts there are: each is `dashboard_<name>.js` and defines `<name>Panel`.
SCRIPTED: Final = ("tables", "functions", "logs", "jobs", "files", "routes")


def script() -> str:
    """The page's side: the frame of live views, grids, the panels, the frame around them."""
    panels = [(_HERE / f"dashboard_{name}.js").read_text(encoding="utf-8") for name in SCRIPTED]
    parts = [
        (_HERE / f"dashboard_{name}.js").read_text(encoding="utf-8") for name in ("cells", "document", "lists", "form")
    ]
    known = ", ".join(f"{name}: {name}Panel" for name in SCRIPTED)
    frame = (_HERE / "dashboard.js").read_text(encoding="utf-8")
    return "\n".join([FRAME, GRID, *parts, *panels, f"const PANELS = {{ {known} }};", frame])


def style() -> str:
    """The looks."""
    return STYLE + "".join(
        (_HERE / name).read_text(encoding="utf-8") for name in ("dashboard.css", "dashboard_panels.css")
    )


def surroundings(addresses: Callable[[], Addresses | None]) -> Surroundings:
    """What panels are told in a notebook."""

    def api() -> str | None:
        found = addresses()
        return None if found is None else found.api

    def site() -> str | None:
        found = addresses()
        return None if found is None else found.site

    return Surroundings(depict=lambda value: picture_of(value).to_wire(), place_of=file_name, api=api, site=site)


class Dashboard(anywidget.AnyWidget):
    """Tables, and whatever else a backend has to show, to be looked at and changed. `close()` takes it off the page."""

    _esm = script()
    _css = style()
    title = Unicode("").tag(sync=True)
    panels = Unicode("").tag(sync=True)
    #: Where the page was left: which panel, and what in it.
    place = Unicode("").tag(sync=True)

    def __init__(
        self, backend: Backend, saved: Callable[[], Listing], *, title: str, panel: str = "", place: Any = None,
        addresses: Callable[[], Addresses | None] = lambda: None,
    ) -> None:  # fmt: skip
        """`addresses` are those of the server as the browser sees them, and must start nothing."""
        self._saved = saved
        self._sending = threading.Lock()
        panels = [each for each in panels_of(backend, surroundings(addresses)) if each.name in SCRIPTED]
        self._panels = panels
        super().__init__(
            title=title,
            panels=json.dumps([{"name": each.name, "title": each.title} for each in panels]),
            place=json.dumps({"panel": panel, "of": {panel: place or {}}} if panel else {}),
        )
        self.desk = Desk(backend, panels, self._tell, describe=describe)
        self._answer_while_a_cell_runs()
        self.on_msg(self._heard)

    def _answer_while_a_cell_runs(self) -> None:
        # ipykernel 7.4 keeps what a page says in the order of cells, behind the one that runs, unless it is told that
        # the page's own choice of a subshell holds. Answers come from threads of ours in any case.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001 - there is no other door

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        self.desk.hear(message)

    def _tell(self, message: dict[str, Any]) -> None:
        with self._sending:
            if self.comm is not None:
                self.send(message)

    def close(self) -> None:
        """Take the dashboard off the page and end what follows the data for it."""
        self.desk.close("This dashboard was closed.")
        for each in self._panels:
            if isinstance(each, FunctionsPanel):
                each.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        saved = self._saved()
        form = {"text/html": saved._repr_html_(), "text/plain": repr(saved)}
        return beside_widget(super()._repr_mimebundle_(**kwargs), form)

    def __repr__(self) -> str:
        return repr(self._saved())
