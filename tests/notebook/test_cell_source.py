"""A magic cell's text as code: nbconvex.notebook.cell_source."""

from __future__ import annotations

import linecache
import traceback
from types import SimpleNamespace

import pytest
from IPython.core.compilerop import CachingCompiler

from nbconvex.notebook.cell_source import CellSource, cell_origin


def shell_running(cell: str | None, *, cell_id: object = None) -> SimpleNamespace:
    """A shell as a kernel's, in the middle of a cell."""
    content = {} if cell is None else {"code": cell}
    metadata = {} if cell_id is None else {"cellId": cell_id}
    parent = {"content": content, "metadata": metadata}
    return SimpleNamespace(user_ns={"In": ["", "x", "y"]}, compile=CachingCompiler(), get_parent=lambda: parent)


BODY = "def f(ctx):\n    return 1 / 0\n"


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%%query\n" + BODY, 3),
        ("\n\n%%query messages\n" + BODY, 5),
        ("%%query\n\n\n" + BODY, 5),
        (None, 3),
        ("something else was sent", 3),
    ],
)
def test_lines_of_the_code_are_lines_of_the_cell(cell, line) -> None:
    body = "\n\n" + BODY if cell is not None and cell.startswith("%%query\n\n") else BODY
    source = CellSource.of(shell_running(cell), "query", "", body)
    namespace: dict = {}
    exec(compile(source.padded, source.filename, "exec"), namespace)
    try:
        namespace["f"](None)
    except ZeroDivisionError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
    assert (frame.lineno, frame.line) == (line, "return 1 / 0")
    assert source.number == 2


def test_traceback_shows_the_magic_line_too() -> None:
    source = CellSource.of(shell_running("%%query messages\n" + BODY), "query", "messages", BODY)
    assert linecache.getline(source.filename, 1) == "%%query messages\n"


def test_body_that_stands_twice_in_the_cell_is_found_where_it_ends() -> None:
    source = CellSource.of(shell_running("%%query\nx = 1\nx = 1"), "query", "", "x = 1\nx = 1")
    assert source.padded == "\nx = 1\nx = 1"


@pytest.mark.parametrize(("cell_id", "origin"), [("abc", "abc"), ("", None), (5, None), (None, None)])
def test_origin_is_the_cells_id_where_the_front_end_sends_one(cell_id, origin) -> None:
    assert cell_origin(shell_running("x", cell_id=cell_id)) == origin


def test_shell_without_messages_has_no_origin() -> None:
    assert cell_origin(SimpleNamespace()) is None
