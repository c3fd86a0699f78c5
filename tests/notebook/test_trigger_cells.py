"""`%%trigger` cells: nbconvex.notebook.trigger_cells."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

APP = "%%mutation users\ndef add(ctx, name: str):\n    return ctx.db.insert('users', {'name': name})"
CELL = """%%trigger users
def check(ctx, change):
    _require(change.new_doc)

def _require(user):
    if user is not None and not user["name"]:
        raise ConvexError("a user has a name")
"""


@pytest.fixture
def app(shell):
    shell.run(APP)
    return shell


def names(app) -> list[str]:
    return [each.name for each in app.ipython.nbconvex_extension.session.backend.triggers]


def test_a_cell_defines_a_trigger_that_holds_at_once(app):
    ran = app.run(CELL)
    assert ran.plain == [
        '✓ new trigger users.check\n! there is no table "users" yet. It comes into being with its first document.'
    ]
    app.run("api.users.add(name='Ada')")
    error = app.fail("api.users.add(name='')").error
    assert str(error) == "a user has a name"
    assert "in the trigger users.check, after the insert of " in error.__notes__[0]
    assert app.run(CELL).plain == ["✓ changed trigger users.check"]


def test_a_cell_with_an_error_changes_nothing(app):
    app.run(CELL)
    assert isinstance(app.fail(CELL.replace("(ctx, change)", "(ctx)", 1)).error, Exception)
    assert isinstance(app.fail("%%trigger users\nx = 1 / 0").error, ZeroDivisionError)
    assert isinstance(app.fail("%%trigger\ndef f(ctx, change): pass").error, UsageError)
    assert isinstance(app.fail("%%trigger _storage\ndef f(ctx, change): pass").error, UsageError)
    assert names(app) == ["users.check"]


def test_a_cell_that_is_run_again_replaces_its_triggers_and_one_that_becomes_another_has_none(app, monkeypatch):
    for module in ("trigger_cells", "cell_magics", "extension"):
        monkeypatch.setattr(f"nbconvex.notebook.{module}.cell_origin", lambda _: "cell-1")
    app.run(CELL)
    assert "new trigger users.watch · gone trigger users.check" in app.run(CELL.replace("check", "watch")).plain[0]
    assert app.run("1 + 1").plain == ["✓ gone: trigger users.watch"]
    app.run(CELL)
    app.run(APP)
    assert names(app) == []
    app.run(CELL)
    assert names(app) == ["users.check"]
    # The function that the cell had defined is gone in its turn.
    assert app.fail("api.users.add(name='Ada')").error is not None


def test_another_cells_trigger_is_taken_over_with_a_word(app, monkeypatch):
    app.run(CELL)
    monkeypatch.setattr("nbconvex.notebook.trigger_cells.cell_origin", lambda _: "cell-2")
    assert "! trigger users.check was another cell's before" in app.run(CELL).plain[0]


def test_the_line_form_and_the_list_of_functions_show_triggers(app):
    assert app.run("%trigger").plain == ["No triggers yet. A cell that begins with %%trigger TABLE defines some."]
    app.run(CELL)
    [listing] = app.run("%trigger").plain
    assert "users.check" in listing
    assert "the %%trigger users cell" in listing
    [functions] = app.run("%convex functions").plain
    assert [line.split()[:3] for line in functions.splitlines() if "users.check" in line] == [
        ["users.check", "trigger", "internal"]
    ]
    assert "1 trigger" in app.run("%convex status").plain[0]


def test_plain_cells_declare_triggers_with_a_decorator(app):
    app.run(
        "from nbconvex import trigger\n@trigger('users')\ndef check(ctx, change):\n    print('seen', change.operation)"
    )
    assert names(app) == ["users.check"]
    assert app.run("_ = api.users.add(name='Ada')").stdout == "[users.check] seen insert\n"
    app.run("del check")
    assert names(app) == []


def test_tab_offers_tables_and_help_shows_the_text(app):
    app.run("_ = api.users.add(name='Ada')")
    assert "%%trigger users" in app.complete("%%trigger us")
    assert "inner_db" in app.run("%trigger --help").stdout


def test_unloading_takes_the_magic_away(app):
    app.run("%unload_ext nbconvex")
    assert "trigger" not in app.ipython.magics_manager.magics["cell"]
