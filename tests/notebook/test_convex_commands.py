"""What `%convex` does: nbconvex.notebook.convex_commands."""

from __future__ import annotations

import re

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import FunctionNotFoundError
from nbconvex.notebook.convex_commands import COMMANDS, short_validator
from nbconvex.values.validators import v
from tests.notebook.messages_app import APP


def test_status_tells_store_tables_functions_and_views(stored_app) -> None:
    ran = stored_app.run("%convex status")
    assert "1 with 3 documents" in ran.plain[0]
    assert "2 queries, 2 mutations, 0 actions" in ran.plain[0]
    assert "nbconvex.duckdb" in ran.plain[0]
    assert "<table" in ran.html[0]
    assert stored_app.run("%convex").plain == ran.plain


def test_functions_lists_kind_and_arguments(app) -> None:
    plain = app.run("%convex functions").plain[0]
    assert "messages:send" in plain
    assert "hidden:count" in plain
    assert "messages" not in app.run("%convex functions --internal").plain[0]
    spec = app.run("%convex functions --json").plain[0]
    assert '"identifier": "messages:send"' in spec
    assert '"messages:send"' not in app.run("%convex functions --json --internal").plain[0]


@pytest.mark.case("tooling/data_table_listing")
def test_data_lists_tables_and_shows_documents(app) -> None:
    assert "messages" in app.run("%convex data").plain[0]
    ran = app.run("%convex data messages --newest --limit 2")
    assert ran.plain[0].index("text 2") < ran.plain[0].index("text 1")
    assert "text 0" not in ran.plain[0]
    assert "(2 of 3 documents)" in ran.plain[0]
    assert '"body": "text 0"' in app.run("%convex data messages --json").plain[0]
    ran = app.fail("%convex data mesages")
    assert isinstance(ran.error, UsageError)
    assert 'Did you mean "messages"?' in str(ran.error)


def test_functions_tell_what_one_without_parameters_takes(app) -> None:
    app.run("%%query bare\ndef nothing(ctx): ...\ndef anything(ctx, **what): ...")
    plain = app.run("%convex functions").plain[0]
    assert re.search(r"bare:nothing +query +public +none \(others are ignored\)", plain)
    assert re.search(r"bare:anything +query +public +anything", plain)
    assert app.value("api.bare.nothing(more=1)") is None


def test_one_document_is_singular(shell) -> None:
    shell.run("%%mutation\ndef add(ctx): ctx.db.insert('t', {})")
    shell.run("add()")
    assert "1 with 1 document\n" in shell.run("%convex status").plain[0]


def test_run_calls_any_function_and_shows_the_result(app) -> None:
    ran = app.run("%convex run messages:newest channel=a")
    assert "text 2" in ran.plain[0]
    assert "<table" in ran.html[0]
    assert "3" in app.run("%convex run hidden:count").plain[0]
    ran = app.run('%convex run messages:send channel=b body="hello there"')
    assert "sending hello there" in ran.stdout
    app.run("%convex run messages:newest channel=b --into found")
    assert app.value("found[0]['body']") == "hello there"
    assert '"body": "hello there"' in app.run("%convex run messages:newest channel=b --json").plain[0]


@pytest.mark.case("notebook/long_result_truncated")
def test_run_shows_ten_thousand_documents_as_pages(app) -> None:
    app.run(
        "%%mutation bulk\ndef fill(ctx, n: int):\n"
        "    for each in range(n):\n        ctx.db.insert('numbers', {'n': each})"
    )
    app.run("%%query bulk\ndef everything(ctx):\n    return ctx.db.query('numbers').collect()")
    app.run("api.bulk.fill(n=10_000)")
    ran = app.run("%convex run bulk:everything")
    assert "showing 1,000 of 10,000 rows" in ran.html[0]
    assert len(ran.plain[0].splitlines()) < 40
    assert "9999" in app.run("%convex run bulk:everything --page 10").html[0]
    beyond = app.run("%convex run bulk:everything --page 99").html[0]
    assert "there is no page 99: this is page 10, the last" in beyond
    assert "9999" in beyond


def test_error_in_a_function_run_by_the_magic_shows_its_frames(app) -> None:
    ran = app.fail("%convex run messages:fail")
    shown = ran.stdout + ran.stderr
    assert 'raise ConvexError("no")' in shown
    assert "nbconvex/" not in shown
    assert "run_line_magic" not in shown
    assert app.value("internal.hidden.count()") == 3


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(shell, command) -> None:
    assert f"%convex {command}" in shell.run(f"%convex {command} --help").stdout


def test_help_lists_every_command(shell) -> None:
    plain = shell.run("%convex help").plain[0]
    for word in (*(f"%convex {command}" for command in COMMANDS), "%%query", "%live"):
        assert word in plain
    assert "%convex help" in shell.run("%convex --help").plain[0]


def test_reset_asks_first(app) -> None:
    assert "This would delete 3 documents in 1 table" in app.run("%convex reset").plain[0]
    assert app.value("internal.hidden.count()") == 3
    assert "Deleted: 3 documents in 1 table of :memory:. Functions stay." in app.run("%convex reset --yes").plain[0]
    assert app.value("internal.hidden.count()") == 0


def test_reset_of_one_table_asks_first_and_keeps_the_table_and_the_others(app) -> None:
    app.run("%%mutation notes\ndef add(ctx): ctx.db.insert('notes', {})")
    app.run("api.notes.add()")
    assert app.run("%convex reset messages").plain == [
        "! This would delete 3 documents of messages.\nTo do it: %convex reset messages --yes"
    ]
    assert app.run("%convex reset messages --yes").plain == ["✓ Deleted: 3 documents of messages. The table stays."]
    assert app.value("api.messages.newest(channel='a')") == []
    assert re.findall(r"(\w+) +(\d)", app.run("%convex data").plain[0]) == [("messages", "0"), ("notes", "1")]
    assert 'there is no table "message". Did you mean "messages"?' in str(app.fail("%convex reset message").error)


def test_reset_deletes_the_schema_and_says_so(app) -> None:
    app.run("%%schema\nmessages = table({'channel': v.string(), 'body': v.string()})")
    assert "The schema is gone too" in app.run("%convex reset --yes").plain[0]
    assert app.value("get_ipython().nbconvex_extension.session.backend.database.snapshot.schema") is None


def test_open_works_on_another_store_and_back(stored_app, tmp_path) -> None:
    assert "other.duckdb" in stored_app.run("%convex open other.duckdb").plain[0]
    assert isinstance(stored_app.fail("api.messages.newest()").error, FunctionNotFoundError)
    assert "newest" not in stored_app.ipython.user_ns
    stored_app.run(APP[1])
    assert stored_app.value("api.messages.newest()") == []
    assert "A store in memory is open, and nothing in it is kept." in stored_app.run("%convex open :memory:").plain[0]
    stored_app.run("%convex open nbconvex.duckdb")
    stored_app.run(APP[1])
    assert len(stored_app.value("api.messages.newest()")) == 3


def test_closed_store_opens_again_by_itself(stored_app) -> None:
    assert "is closed" in stored_app.run("%convex close").plain[0]
    assert "was not open" in stored_app.run("%convex close").plain[0]
    ran = stored_app.fail("api.messages.newest()")
    assert "run it again" in str(ran.error)
    stored_app.run(APP[1])
    assert len(stored_app.value("api.messages.newest()")) == 3


@pytest.mark.parametrize(
    ("validator", "text"),
    [
        (None, "anything"),
        (v.string(), "string"),
        (v.optional(v.array(v.string())), "array(string)"),
        (v.id("messages"), 'id("messages")'),
        (v.union(v.literal("v.x"), v.null()), 'union(literal("v.x"), null)'),
    ],
)
def test_validators_are_listed_without_their_letters(validator, text) -> None:
    assert short_validator(validator) == text
