"""`%convex dashboard`: nbconvex.notebook.dashboard_commands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError

from nbconvex.notebook.convex_commands import COMMANDS


@pytest.fixture
def dashboard_of(app, monkeypatch) -> Iterator[Callable[[str], Any]]:
    """What the command answers in a shell that shows widgets, as a notebook's does."""
    session = app.ipython.nbconvex_extension.session
    monkeypatch.setattr(type(session), "can_follow", True)
    made: list[Any] = []

    def answer(panel: str | None) -> Any:
        made.append(COMMANDS["dashboard"].run(session, argparse.Namespace(panel=panel)))
        return made[-1]

    yield answer
    for each in made:
        each.close()


def test_in_a_terminal_it_is_the_tables_in_words(app) -> None:
    answer = app.run("%convex dashboard")
    assert "messages" in answer.plain[0]
    assert "3" in answer.plain[0]
    assert "the dashboard needs a notebook" in answer.plain[0]
    assert "application/vnd.jupyter.widget-view+json" not in answer.plain[0]


def test_in_a_notebook_it_is_a_widget_that_stands_at_the_table(dashboard_of) -> None:
    dashboard = dashboard_of("messages")
    assert json.loads(dashboard.place) == {"panel": "tables", "of": {"tables": {"table": "messages"}}}
    assert json.loads(dashboard.panels)[0] == {"name": "tables", "title": "Tables"}


def test_a_panel_may_be_named_too_or_nothing_at_all(dashboard_of) -> None:
    assert json.loads(dashboard_of("tables").place)["panel"] == "tables"
    assert json.loads(dashboard_of(None).place) == {}


def test_a_function_may_be_named_and_its_form_stands_open(dashboard_of) -> None:
    dashboard = dashboard_of("messages:newest")
    assert json.loads(dashboard.place) == {"panel": "functions", "of": {"functions": {"function": "messages:newest"}}}
    names = [each["name"] for each in json.loads(dashboard.panels)]
    assert names == ["tables", "functions", "logs", "jobs", "files", "routes"]


def test_a_name_that_is_nothing_is_refused_with_a_guess(app) -> None:
    with pytest.raises(UsageError, match=r'no panel, table or function "mesages".*"messages"'):
        app.run("%convex dashboard mesages")


def test_without_tables_that_is_said(shell) -> None:
    assert "No tables yet" in shell.run("%convex dashboard").plain[0]


def test_where_views_are_static_it_is_the_tables_in_words_too(dashboard_of, app) -> None:
    app.run("%config NbConvex.live = 'html'")
    assert "the dashboard needs a notebook with widgets" in repr(COMMANDS["dashboard"].run(
        app.ipython.nbconvex_extension.session, argparse.Namespace(panel=None)
    ))  # fmt: skip
