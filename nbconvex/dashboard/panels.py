"""Which panels the dashboard has.

Owns:  `panels_of`, `Surroundings`.
Must not know: what a panel shows; pages.
Threads: called once for each dashboard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nbconvex.dashboard.files import Address, FilesPanel
from nbconvex.dashboard.functions import Depict, FunctionsPanel, in_text
from nbconvex.dashboard.jobs import JobsPanel
from nbconvex.dashboard.logs import LogsPanel
from nbconvex.dashboard.routes import RoutesPanel
from nbconvex.dashboard.tables import TablesPanel

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.dashboard.panel import Panel


def _nowhere() -> None:
    """No address: nothing is served."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What panels are told by whoever shows them.

    Fields:  `depict` makes of a result what the page can draw; `place_of` names files for people, cells among them;
    `api` and `site` give the addresses as the browser sees them, None while nothing is served, and start nothing.
    """

    depict: Depict = in_text
    place_of: Callable[[str], str] | None = None
    api: Address = _nowhere
    site: Address = _nowhere


PLAIN: Final = Surroundings()


def panels_of(backend: Backend, around: Surroundings = PLAIN) -> tuple[Panel, ...]:
    """The panels of a backend's dashboard, in the order of their tabs."""
    return (
        TablesPanel(backend),
        FunctionsPanel(backend, depict=around.depict, place_of=around.place_of),
        LogsPanel(backend, place_of=around.place_of),
        JobsPanel(backend),
        FilesPanel(backend, address=around.api),
        RoutesPanel(backend, address=around.site, place_of=around.place_of),
    )
