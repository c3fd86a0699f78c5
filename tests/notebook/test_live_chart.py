"""Live charts in a shell of this process: nbconvex.notebook.live_chart."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import CallerError
from nbconvex.notebook.live_chart import Drawing
from nbconvex.notebook.live_html import LiveHtml
from tests.notebook.test_live_table import eventually

APP = (
    """%%mutation visits
def note(ctx, day: str, count: float, kind: str = "web"):
    return ctx.db.insert("visits", {"day": day, "count": count, "kind": kind})
""",
    """%%query visits
def days(ctx, kind: str = "web"):
    return ctx.db.query("visits").filter(lambda row: row["kind"] == kind).collect()
""",
)


@pytest.fixture
def app(shell, monkeypatch) -> Any:
    # What the library is does not matter here; making it takes a second.
    monkeypatch.setattr("nbconvex.notebook.live_chart.library_source", lambda: "export const embed = null;")
    shell.run("%config NbConvex.live = 'widget'")
    for cell in APP:
        shell.run(cell)
    shell.run("visits.note(day='Mon', count=3)\nvisits.note(day='Tue', count=5)")
    return shell


def points(widget: Any) -> list[Any]:
    return json.loads(widget.state)["picture"]["y"]


def test_chart_follows_commits(app) -> None:
    chart = app.value("live(api.visits.days, chart='bar', x='day', y='count')")
    assert points(chart) == [3, 5]
    version = chart.version
    app.run("visits.note(day='Wed', count=8)")
    eventually(lambda: points(chart) == [3, 5, 8])
    assert chart.version == version + 1
    assert json.loads(chart.state)["picture"]["key"] == 1


def test_line_and_call_make_the_same_chart(app) -> None:
    shown = app.run("%live visits:days kind=web --chart line --x day --y count --color kind")
    assert "Line chart of count by day: 2 points in 1 colour (web)." in shown.plain[0]
    made = app.value("live(api.visits.days, {'kind': 'web'}, chart='line', x='day', y=['count'], color='kind')")
    assert "Line chart of count by day" in repr(made)


def test_library_is_sent_once_for_all_charts(app) -> None:
    first, second = (app.value("live(api.visits.days, chart='bar', x='day', y='count')") for _ in range(2))
    assert first.library == second.library
    drawing = app.ipython.nbconvex_extension.session.drawing
    assert isinstance(drawing, Drawing)
    assert first.library == f"IPY_MODEL_{drawing.model_id}"
    assert "export" not in first.state


def test_saved_form_is_a_picture_its_words_and_its_rows(app) -> None:
    chart = app.value("live(api.visits.days, chart='bar', x='day', y='count')")
    bundle = chart._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert re.search(r'<img src="data:image/svg\+xml;base64,[\w+/=]+" alt="Bar chart of count by day: 2 points', html)
    assert "<script" not in html
    assert "Tue" in html
    assert "Bar chart of count by day: 2 points. Least 3 at Mon, greatest 5 at Tue" in bundle["text/plain"]
    assert "Tue" in bundle["text/plain"]


def test_static_chart_is_drawn_again_with_every_change(app) -> None:
    app.run("%config NbConvex.live = 'html'")
    chart = app.value("live(api.visits.days, chart='bar', x='day', y='count')")
    assert isinstance(chart, LiveHtml)
    assert "2 points" in repr(chart)
    app.run("visits.note(day='Wed', count=8)")
    eventually(lambda: "3 points" in repr(chart))


def test_empty_result_becomes_a_chart_when_there_are_rows(app) -> None:
    chart = app.value("live(api.visits.days, kind='app', chart='bar', x='day', y='count')")
    assert points(chart) == []
    assert "no rows" in chart._repr_mimebundle_()[0]["text/html"]
    app.run("visits.note(day='Wed', count=8, kind='app')")
    eventually(lambda: points(chart) == [8])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--chart bar --x dai --y count", 'no row has the field "dai" that x asks for. Did you mean "day"?'),
        ("--chart bar --x day --y kind", "there are no numbers in kind"),
        ("--chart pie", "there is no chart of the kind 'pie'"),
        ("--chart bar --json", "choose one"),
        ("--x day", "--x belongs to a chart: --chart line --x day"),
    ],
)
def test_wrong_chart_is_an_error_in_the_cell(app, line, sentence) -> None:
    ran = app.fail(f"%live visits:days {line}")
    assert isinstance(ran.error, UsageError)
    assert sentence in str(ran.error)
    assert "0 following" in app.run("%convex status").plain[0]


def test_fields_that_vanish_are_said_on_the_page_and_heal(app) -> None:
    chart = app.value("live(api.visits.days, chart='bar', x='day', y='count')")
    app.run(APP[1].replace(".collect()", ".collect() and [{'other': 1}]"))
    eventually(lambda: json.loads(chart.state)["error"] is not None)
    state = json.loads(chart.state)
    assert 'no row has the field "day"' in state["error"]["message"]
    assert points(chart) == [3, 5]
    app.run(APP[1])
    eventually(lambda: json.loads(chart.state)["error"] is None)


def test_terminal_says_in_words_what_there_is_to_see(app) -> None:
    app.run("%config NbConvex.live = 'auto'")
    ran = app.run("%live visits:days --chart bar --x day --y count")
    assert "Bar chart of count by day: 2 points." in ran.plain[0]


@pytest.mark.parametrize("code", ["%live visits:days --chart bar --x day", "live('visits:days', chart='bar', x='day')"])
def test_missing_library_is_named_with_its_extra(app, monkeypatch, code) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    ran = app.fail(code)
    assert isinstance(ran.error, (UsageError, CallerError))
    assert "%pip install 'nbconvex[charts]'" in str(ran.error)
    # Tables do without.
    assert "Tue" in app.run("%live visits:days").plain[0]
