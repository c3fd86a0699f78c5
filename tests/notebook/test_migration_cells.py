"""`%%migration` cells: nbconvex.notebook.migration_cells."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import MigrationFailedError

FILL = "%%mutation m\ndef fill(ctx, n: int):\n    for i in range(n):\n        ctx.db.insert('users', {'name': f'u{i}'})"
VISIT = "def migrate_one(ctx, doc):\n    return {'visits': doc.get('visits', 0) + 1}"


@pytest.fixture
def app(shell):
    shell.run(FILL)
    shell.run("m.fill(n=250)")
    return shell


def backend_of(app):
    return app.ipython.nbconvex_extension.session.backend


def visits(app) -> list:
    transaction = backend_of(app).database.begin(writable=False)
    return [each.get("visits") for each in transaction.query("users").collect()]


def test_cell_runs_what_it_defines_and_says_how_it_ended(app):
    bar, said = app.run(f"%%migration visit --table users\n{VISIT}").plain
    assert bar == f"migration visit {'█' * 40} 100% · 250 of 250 documents · done"
    assert said.startswith("✓ visit is done: 250 documents of users visited, 250 changed, in 3 batches, ")
    assert set(visits(app)) == {1}


def test_cell_that_is_run_again_does_nothing_and_says_so(app):
    app.run(f"%%migration visit --table users --batch 250\n{VISIT}")
    [said] = app.run(f"%%migration visit --table users --batch 250\n{VISIT}").plain
    assert "visit was done before" in said
    assert "Nothing was done.\n--reset runs it again from the first document." in said
    assert "another one" not in said
    [said] = app.run(f"%%migration visit --table users\n{VISIT.replace('1', '2')}").plain
    assert "! Its text is another one now than when it ran." in said
    assert set(visits(app)) == {1}
    assert "in 3 batches" in app.run(f"%%migration visit --table users --reset\n{VISIT}").plain[1]
    assert set(visits(app)) == {2}


def test_error_points_at_the_cell_names_the_document_and_a_corrected_cell_goes_on(app):
    ran = app.fail(
        "%%migration visit --table users\ndef migrate_one(ctx, doc):\n    if doc['name'] == 'u130':\n"
        "        raise KeyError('age')\n    return {'visits': 1}"
    )
    assert isinstance(ran.error, MigrationFailedError)
    assert isinstance(ran.error.__cause__, KeyError)
    [bar] = ran.plain
    assert bar.startswith(f"migration visit {'█' * 20}{'░' * 20} 52% · 130 of 250 documents · ")
    assert bar.endswith(f"stopped at document {ran.error.document_id}")
    shown = "\n".join(
        app.ipython.InteractiveTB.structured_traceback(type(ran.error), ran.error, ran.error.__traceback__)
    )
    assert "raise" in shown
    assert "KeyError" in shown
    assert "nbconvex/services" not in shown
    assert "\nUsageError" not in ran.stderr
    said = app.run(f"%%migration visit --table users\n{VISIT}").plain[-1]
    assert "250 documents of users visited, 250 changed, 130 of them before" in said
    assert set(visits(app)) == {1}


def test_interrupt_keeps_the_batches_that_are_done(app):
    ran = app.fail(
        "%%migration visit --table users\ndef migrate_one(ctx, doc):\n    if doc['name'] == 'u130':\n"
        "        raise KeyboardInterrupt\n    return {'visits': 1}"
    )
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "100 of 250 documents · interrupted: run the cell again to go on" in ran.plain[0]
    app.run(f"%%migration visit --table users\n{VISIT}")
    assert set(visits(app)) == {1}


def test_dry_run_shows_the_first_changes_and_keeps_nothing(app):
    ran = app.run(
        "%%migration visit --table users --dry-run\ndef migrate_one(ctx, doc):\n"
        "    ctx.db.insert('names', {'name': doc['name']})\n    if doc['name'] == 'u3': 1 / 0\n"
        "    return {'visits': '<b>1</b>', 'name': UNSET}"
    )
    assert ran.plain[0].endswith("100% · 250 of 250 documents · nothing was kept")
    assert ran.plain[1] == (
        "? visit: 249 of 250 documents of users would change; 249 documents of names would be inserted. Nothing was "
        "kept.\n! 1 document would fail: a run stops at the first of them."
    )
    assert "the first of 249 changes" in ran.plain[2]
    assert '"u0"' in ran.plain[2]
    assert "ZeroDivisionError: division by zero" in ran.plain[3]
    assert "&lt;b&gt;1" in ran.html[2]
    assert "<b>1" not in ran.html[2]
    assert set(visits(app)) == {None}
    assert "names" not in backend_of(app).database.snapshot.numbers


def test_dry_run_says_what_would_be_deleted_and_scheduled(app):
    app.run("%%mutation m2\ndef nothing(ctx):\n    pass")
    ran = app.run(
        "%%migration gone --table users --dry-run\ndef migrate_one(ctx, doc):\n"
        "    ctx.scheduler.run_after(0, internal.m2.nothing)\n    ctx.db.delete(doc['_id'])"
    )
    assert "250 functions would be scheduled" in ran.plain[1]
    assert ran.plain[2].count("deleted") == 5


@pytest.mark.parametrize(
    ("line", "body", "problem"),
    [
        ("", VISIT, "wants a name and a table"),
        ("visit", VISIT, "wants a name and a table"),
        ("visit --table usres", VISIT, 'there is no table "usres". Did you mean "users"?'),
        ("visit --table _storage", VISIT, "one of your tables"),
        ("visit --table users --batch 0", VISIT, "1 document or more"),
        ("visit --table users --batch 9999", VISIT, "1,000 documents at most"),
        ("visit --table users --batch x", VISIT, "invalid int value"),
        ("'two words' --table users", VISIT, "letters, digits"),
        ("visit --table users", VISIT.replace("migrate_one", "migrate"), "has a function migrate_one; it has migrate."),
        ("visit --table users", "def migrate_one(doc):\n    pass", "no function whose first parameter is ctx"),
        ("visit --table users", "def migrate_one(ctx):\n    pass", "is called with ctx and one document"),
        ("visit --table users", "def migrate_one(ctx, doc):\n    return [doc]", "a dict of the fields to change"),
        ("visit --table users", "def migrate_one(ctx, doc):\n    doc['a'] = 1", "returned nothing"),
    ],
)
def test_cell_that_cannot_be_is_refused_in_a_few_lines(app, line, body, problem):
    error = app.fail(f"%%migration {line}\n{body}").error
    assert isinstance(error, UsageError)
    assert problem in str(error)
    assert set(visits(app)) == {None}


def test_cell_with_an_error_in_its_text_changes_nothing(app):
    app.run(f"%%migration visit --table users\n{VISIT}")
    assert isinstance(app.fail("%%migration other --table users\ndef migrate_one(ctx, doc:").error, SyntaxError)
    assert isinstance(app.fail("%%migration other --table users\n1 / 0").error, ZeroDivisionError)
    assert [each.name for each in backend_of(app).migrations.statuses()] == ["visit"]


def test_cell_under_another_name_replaces_what_it_had_defined(app, monkeypatch):
    monkeypatch.setattr("nbconvex.notebook.migration_cells.cell_origin", lambda _: "cell-1")
    app.run(f"%%migration one --table users\n{VISIT}")
    app.run(f"%%migration two --table users\n{VISIT}")
    assert [(each.name, each.is_defined) for each in backend_of(app).migrations.statuses()] == [
        ("one", False), ("two", True),
    ]  # fmt: skip


def test_functions_see_the_notebook_and_its_prints_appear_below_the_cell(app):
    app.run("factor = 3")
    ran = app.run(
        "%%migration visit --table users\ndef migrate_one(ctx, doc):\n    if doc['name'] == 'u7': print('seven')\n"
        "    return {'visits': factor}"
    )
    assert "seven" in ran.stdout
    assert set(visits(app)) == {3}


def test_help_and_completion(app):
    assert "def migrate_one(ctx, doc):" in app.run("%migration --help").stdout
    assert app.complete("%%migration x --t") == ["%%migration x --table"]
    assert app.complete("%%migration x --table us") == ["%%migration x --table users"]


def test_data_that_does_not_fit_a_schema_is_offered_a_cell_that_makes_it_fit(app):
    new = "%%schema\nusers = table({'name': v.string(), 'age': v.number()})"
    ran = app.fail(new)
    assert "Schema validation failed" in str(ran.error)
    assert "%convex migrations --draft" in ran.plain[0]
    assert ran.plain[1].startswith("%%migration fit_users --table users\n# 1. Run this cell")
    app.run(ran.plain[1])
    assert "all of them fit" in app.run(new).plain[0]
    assert app.ipython.nbconvex_extension.session.migration_drafts == {}


@pytest.mark.case("schema-push/tighten_after_migration")
def test_three_steps_from_one_schema_to_the_next(app):
    app.run("%%schema\nusers = table({'name': v.string()})")
    tight = "%%schema\nusers = table({'name': v.string(), 'age': v.number()})"
    text = app.fail(tight).plain[1]
    assert '#      "age": v.optional(v.float64()),' in text
    error = app.fail(text).error
    assert 'extra field "age"' in str(error)
    app.run("%%schema\nusers = table({'name': v.string(), 'age': v.optional(v.number())})")
    app.run(text)
    assert "all of them fit" in app.run(tight).plain[0]


def test_offer_is_escaped_and_nothing_is_offered_where_it_fits(app):
    app.run("%%mutation m3\ndef odd(ctx):\n    ctx.db.insert('odd', {'a': {'<img src=x>': 1}})")
    app.run("m3.odd()")
    ran = app.fail("%%schema\nodd = table({'a': v.literal('</pre><script>')})")
    assert ran.plain[1].startswith("%%migration fit_odd")
    assert "<script>" not in "".join(ran.html)
    assert app.run("%%schema\nodd = table({'a': v.any()})").plain[0].startswith("✓ schema")


def test_plain_cell_declares_a_migration_with_the_decorator(app):
    ran = app.run(
        "from nbconvex import migration\n@migration(table='users')\ndef visit(ctx, doc):\n"
        "    return {'visits': doc.get('visits', 0) + 1}"
    )
    assert ran.plain == ["✓ new migration visit"]
    assert "visit is done" in app.run("%convex migrations --run visit").plain[1]
    assert set(visits(app)) == {1}
