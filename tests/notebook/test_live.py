"""Choosing how a view is shown: nbconvex.notebook.live."""

from __future__ import annotations

from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.notebook.live_html import LiveHtml


def test_live_in_a_terminal_shows_the_rows_of_now(app) -> None:
    ran = app.run("%live messages:newest channel=a")
    assert "text 2" in ran.plain[0]
    assert "as of now; live views need a notebook" in ran.plain[0]


def test_live_without_the_extension_says_so(bare_shell) -> None:
    ran = bare_shell.fail("from nbconvex import live\nlive('a:b')")
    assert "%load_ext nbconvex" in str(ran.error)


def test_wrong_arguments_are_an_error_in_the_cell(app) -> None:
    app.run("%config NbConvex.live = 'widget'")
    ran = app.fail("live(api.messages.newest, channel=5)")
    assert isinstance(ran.error, ArgumentsInvalidError)
    assert "0 following" in app.run("%convex status").plain[0]


def test_arguments_are_taken_by_name_or_as_a_dict(app) -> None:
    assert "text 2" in repr(app.value("live('messages:newest', {'channel': 'a'})"))


def test_html_is_used_where_widgets_are_missing(app, monkeypatch) -> None:
    app.run("%config NbConvex.live = 'widget'")
    monkeypatch.setattr("nbconvex.notebook.session.Session.has_widgets", False)
    assert isinstance(app.value("live(api.messages.newest)"), LiveHtml)


def test_an_argument_by_position_is_told_how_to_give_it(app) -> None:
    ran = app.fail("live(api.messages.newest, 'a')")
    assert isinstance(ran.error, CallerError)
    assert "by name, or as one dict; got 'a' by position" in str(ran.error)
