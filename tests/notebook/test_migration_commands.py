"""`%convex migrations`: nbconvex.notebook.migration_commands."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

FILL = "%%mutation m\ndef fill(ctx, n: int):\n    for i in range(n):\n        ctx.db.insert('users', {'name': f'u{i}'})"
CELL = "%%migration {} --table users --batch 10\ndef migrate_one(ctx, doc):\n    return {{'{}': 1}}"


@pytest.fixture
def app(shell):
    shell.run(FILL)
    shell.run("m.fill(n=25)")
    return shell


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[3:]]


def test_listing_says_table_state_and_how_far_each_has_come(app):
    assert app.run("%convex migrations").plain == [
        "No migrations. A cell that begins with %%migration NAME --table TABLE is one."
    ]
    app.run(CELL.format("a", "x"))
    app.fail(
        "%%migration b --table users --batch 10\ndef migrate_one(ctx, doc):\n    assert doc['name'] != 'u12', 'no'"
    )
    [listing] = app.run("%convex migrations").plain
    assert app.run("%migration").plain == [listing]
    first, second = rows(listing)
    assert first[:7] == ["a", "users", "done", "25", "of", "25", "25"]
    assert second[:7] == ["b", "users", "failed", "12", "of", "25", "0"]


def test_run_goes_on_with_several_and_stops_at_the_first_that_fails(app):
    for name in "ab":
        app.run(CELL.format(name, name))
    ran = app.run("%convex migrations --run b a --reset")
    assert [line.split()[1] for line in ran.plain if line.startswith("✓")] == ["b", "a"]
    app.fail("%%migration bad --table users\ndef migrate_one(ctx, doc):\n    1 / 0")
    ran = app.fail("%convex migrations --run bad a --reset")
    assert "stopped at document" in ran.plain[0]
    assert len(ran.plain) == 1
    error = app.fail("%convex migrations --run a nope").error
    assert isinstance(error, UsageError)
    assert "no migration 'nope'" in str(error)


def test_canceled_one_is_listed_as_such_and_says_how_it_goes_on(app):
    app.fail("%%migration b --table users --batch 10\ndef migrate_one(ctx, doc):\n    assert doc['name'] != 'u12'")
    assert app.run("%convex migrations --cancel b").plain == ["✓ Canceled: b, at 12 of 25. What it did stays."]
    assert rows(app.run("%convex migrations").plain[0])[0][2] == "canceled"
    assert "--run b goes on" in app.run("%convex migrations").html[0]
    assert isinstance(app.fail("%convex migrations --cancel none").error, UsageError)


def test_dry_run_of_a_defined_one(app):
    app.run(CELL.format("a", "x"))
    ran = app.run("%convex migrations --dry-run a")
    assert "0 of 25 documents of users would change" in ran.plain[1]


def test_stopped_one_of_another_kernel_says_that_its_cell_is_to_be_run(stored_shell):
    stored_shell.run(FILL)
    stored_shell.run("m.fill(n=25)")
    stored_shell.fail(
        "%%migration b --table users --batch 10\ndef migrate_one(ctx, doc):\n"
        "    if doc['name'] == 'u12': raise KeyboardInterrupt"
    )
    stored_shell.run("%unload_ext nbconvex")
    stored_shell.run("%load_ext nbconvex")
    [listing] = stored_shell.run("%convex migrations").html
    assert "stopped" in listing
    assert "10 of 25" in listing
    assert "run its cell or module to go on" in listing


def test_draft_is_put_into_the_next_cell_and_nothing_is_overwritten(app, monkeypatch):
    put = []
    monkeypatch.setattr(app.ipython, "set_next_input", lambda text, replace=False: put.append((text, replace)))
    assert "nothing to draft" in str(app.fail("%convex migrations --draft").error)
    ran = app.fail("%%schema\nusers = table({'name': v.string(), 'age': v.number()})")
    app.run("%convex migrations --draft")
    assert put == [(ran.plain[1], False)]
    app.run("%%mutation m4\ndef odd(ctx):\n    ctx.db.insert('odd', {'a': 1})")
    app.run("m4.odd()")
    app.fail("%%schema\nusers = table({'name': v.string(), 'age': v.number()})\nodd = table({})")
    assert "drafts for odd, users: say which table" in str(app.fail("%convex migrations --draft").error)
    app.run("%convex migrations --draft odd")
    assert put[-1][0].startswith("%%migration fit_odd")
    assert "no draft for none" in str(app.fail("%convex migrations --draft none").error)
