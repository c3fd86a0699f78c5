"""What a panel is: nbconvex.dashboard.panel."""

from __future__ import annotations

from nbconvex.backend import Backend
from nbconvex.dashboard.panel import Panel
from nbconvex.dashboard.tables import TablesPanel


def test_a_panel_is_a_name_a_title_a_view_and_actions(store: Backend) -> None:
    panel: Panel = TablesPanel(store)
    assert {name for name in dir(Panel) if not name.startswith("_")} == {"view", "act"}
    assert set(Panel.__annotations__) == {"name", "title", "follows_calls"}
    assert (panel.name, panel.title, panel.follows_calls) == ("tables", "Tables", False)
