"""Which panels the dashboard has.

Owns:  `panels_of`.
Must not know: what a panel shows; pages.
Threads: called once for each dashboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbconvex.dashboard.tables import TablesPanel

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.dashboard.panel import Panel


def panels_of(backend: Backend) -> tuple[Panel, ...]:
    """The panels of a backend's dashboard, in the order of their tabs."""
    return (TablesPanel(backend),)
