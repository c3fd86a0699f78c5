"""Which panels there are: nbconvex.dashboard.panels."""

from __future__ import annotations

import json

from nbconvex.backend import Backend
from nbconvex.dashboard.panels import panels_of


def test_every_panel_has_a_name_of_its_own_and_a_view_of_an_empty_backend() -> None:
    with Backend.open() as backend:
        panels = panels_of(backend)
        assert panels[0].name == "tables"
        assert len({each.name for each in panels}) == len(panels)
        for each in panels:
            assert each.title
            json.dumps(each.view({}), allow_nan=False)
