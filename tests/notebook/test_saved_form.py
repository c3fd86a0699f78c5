"""What is saved of a live view: nbconvex.notebook.saved_form."""

from __future__ import annotations

import pytest

from nbconvex.notebook.live_view import ViewState
from nbconvex.notebook.picture import picture_of
from nbconvex.notebook.saved_form import beside_widget, saved_form


def test_rows_title_and_status_are_saved() -> None:
    saved = saved_form(ViewState("main:list", "n=1", picture_of([{"body": "hello"}])), status="a picture")
    assert saved["text/plain"] == "main:list n=1\nbody\n-----\nhello"
    for text in ("main:list n=1", "hello", "a picture"):
        assert text in saved["text/html"]


def test_problem_and_end_are_said() -> None:
    saved = saved_form(ViewState("main:list", "", picture_of([1]), ("KeyError", "'x'"), "It has stopped."))
    assert "(KeyError: 'x')" in saved["text/plain"]
    assert "KeyError: &#x27;x&#x27;" in saved["text/html"]
    assert "It has stopped." in saved["text/html"]


def test_view_without_a_result_says_so() -> None:
    assert saved_form(ViewState("main:list", ""))["text/plain"] == "main:list\nno result yet"


def test_saved_rows_are_few() -> None:
    saved = saved_form(ViewState("main:list", "", picture_of([{"n": at} for at in range(1_000)])))
    assert saved["text/html"].count("<tr>") == 101
    assert "showing 100 of 1,000 rows" in saved["text/html"]


@pytest.mark.parametrize("bundle", [{"widget": 1}, ({"widget": 1}, {}), None])
def test_static_form_goes_beside_whatever_a_widget_gives(bundle) -> None:
    data, metadata = beside_widget(bundle, {"text/plain": "rows"})
    assert data == ({"text/plain": "rows"} if bundle is None else {"widget": 1, "text/plain": "rows"})
    assert metadata == {}
