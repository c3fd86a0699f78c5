"""Pictures as text: nbconvex.notebook.plain."""

from __future__ import annotations

from nbconvex.notebook.picture import picture_of
from nbconvex.notebook.plain import grid_text, table_text


def test_plain_table_lines_up() -> None:
    picture = picture_of([{"_id": "a", "name": "Ada", "age": 36}, {"_id": "b", "name": None, "age": 7}])
    assert table_text(picture, title="people:list") == (
        "people:list\n_id  name  age\n---  ----  ---\na    Ada    36\nb    null    7"
    )


def test_long_and_many_lined_texts_stay_on_one_line() -> None:
    text = table_text(picture_of([{"body": "line one\nline two " + "x" * 100}]))
    assert len(text.splitlines()) == 3
    assert text.splitlines()[-1].startswith("line one line two xxx")
    assert text.splitlines()[-1].endswith("…")


def test_rows_that_are_not_shown_are_counted() -> None:
    text = table_text(picture_of([{"n": at} for at in range(5_432)], rows_max=100), rows_max=3)
    assert text.splitlines()[-1] == "(3 of 5,432 rows)"


def test_grid_without_rows_has_its_headings() -> None:
    assert grid_text(["a", "bb"], []) == "a  bb\n-  --"
