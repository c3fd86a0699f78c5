"""Lines behind the names of defining cells: read the same way in a notebook and without one."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError
from nbconvex.functions.cell_options import CELL_OPTIONS, read_cell_line


def test_lines_are_read_with_their_defaults():
    options = read_cell_line("query", "messages --internal")
    assert (options.module, options.internal, options.live) == ("messages", True, None)
    assert read_cell_line("query", "").module == "main"
    options = read_cell_line("http", 'POST /notes --origins "https://a.example https://b.example" --max-age 5')
    assert (options.method, options.path, options.max_age) == ("POST", "/notes", 5)
    assert options.origins == '"https://a.example https://b.example"'
    assert read_cell_line("cron", "tidy --weekly mon 09:00").weekly == ["mon", "09:00"]


@pytest.mark.parametrize(
    ("kind", "line", "problem"),
    [
        ("query", "--nope", "%%query: unrecognized arguments: --nope"),
        ("query", "a b", "unrecognized arguments: b"),
        ("query", "--int", "unrecognized arguments: --int"),
        ("schema", '"a', "is missing at the end of"),
        ("cron", "tidy --weekly mon", "expected 2 arguments"),
        ("http", "GET / --max-age soon", "invalid int value"),
    ],
)
def test_lines_that_cannot_be_read_are_refused(kind, line, problem):
    with pytest.raises(CallerError, match="%%") as caught:
        read_cell_line(kind, line)
    assert problem in str(caught.value)


@pytest.mark.parametrize("kind", list(CELL_OPTIONS))
def test_a_notebook_takes_the_same_options(kind):
    pytest.importorskip("IPython")
    from nbconvex.notebook.cell_magics import CellMagics
    from nbconvex.notebook.http_cells import HttpMagics
    from nbconvex.notebook.migration_cells import MigrationMagics
    from nbconvex.notebook.trigger_cells import TriggerMagics

    owners = (CellMagics, HttpMagics, MigrationMagics, TriggerMagics)
    magic = next(getattr(owner, kind) for owner in owners if hasattr(owner, kind))
    theirs = {
        action.dest: (tuple(action.option_strings), action.nargs, action.default) for action in magic.parser._actions
    }
    ours = read_cell_line(kind, "")
    assert set(theirs) == set(vars(ours))
    for option in CELL_OPTIONS[kind]:
        name = option.names[0].lstrip("-").replace("-", "_")
        names = option.names if option.names[0].startswith("-") else ()
        assert (theirs[name][0], theirs[name][2]) == (names, getattr(ours, name)), name
