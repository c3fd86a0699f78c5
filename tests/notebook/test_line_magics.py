"""`%convex`, `%live` and Tab: nbconvex.notebook.convex_commands, line_magics, completion."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import FunctionNotFoundError

APP = (
    """%%mutation messages
def send(ctx, channel: str, body: str):
    print("sending", body)
    return ctx.db.insert("messages", {"channel": channel, "body": body})

def fail(ctx):
    ctx.db.insert("messages", {"channel": "a", "body": "never"})
    raise ConvexError("no")
""",
    """%%query messages
def newest(ctx, channel: str = "a"):
    return ctx.db.query("messages").filter(lambda d: d["channel"] == channel).order("desc").collect()
""",
    """%%query hidden --internal
def count(ctx):
    return ctx.db.query("messages").count()
""",
)
COMMANDS = ("status", "functions", "data", "logs", "run", "reset", "open", "close", "nest", "help")


def with_app(shell):
    for cell in APP:
        shell.run(cell)
    for n in range(3):
        shell.run(f"messages.send(channel='a', body='text {n}')")
    return shell


@pytest.fixture
def app(shell):
    return with_app(shell)


@pytest.fixture
def stored_app(stored_shell):
    return with_app(stored_shell)


def test_status_tells_store_tables_functions_and_views(stored_app) -> None:
    ran = stored_app.run("%convex status")
    assert "1 with 3 documents" in ran.plain[0]
    assert "2 queries, 2 mutations, 0 actions" in ran.plain[0]
    assert "nbconvex.duckdb" in ran.plain[0]
    assert "<table" in ran.html[0]
    assert stored_app.run("%convex").plain == ran.plain


def test_answer_is_shown_wherever_the_line_stands(app) -> None:
    assert len(app.run("%convex status\nx = 1").html) == 1


def test_functions_lists_kind_and_arguments(app) -> None:
    plain = app.run("%convex functions").plain[0]
    assert "messages:send" in plain
    assert "hidden:count" in plain
    assert "messages" not in app.run("%convex functions --internal").plain[0]


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


def test_logs_show_calls_prints_and_errors(app) -> None:
    app.fail("messages.fail()")
    plain = app.run("%convex logs").plain[0]
    assert "sending text 1" in plain
    assert "ConvexError: no" in plain
    errors = app.run("%convex logs --errors --fn messages").plain[0]
    assert "messages:fail" in errors
    assert "messages:send" not in errors
    assert app.run("%convex logs --fn other").plain == ["No such calls in the log."]


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
        "%%mutation bulk\ndef fill(ctx, n: int):\n    for each in range(n):\n        ctx.db.insert('numbers', {'n': each})"
    )
    app.run("%%query bulk\ndef everything(ctx):\n    return ctx.db.query('numbers').collect()")
    app.run("api.bulk.fill(n=10_000)")
    ran = app.run("%convex run bulk:everything")
    assert "showing 1,000 of 10,000 rows" in ran.html[0]
    assert len(ran.plain[0].splitlines()) < 40
    assert "9999" in app.run("%convex run bulk:everything --page 10").html[0]


def test_error_in_a_function_run_by_the_magic_shows_its_frames(app) -> None:
    ran = app.fail("%convex run messages:fail")
    shown = ran.stdout + ran.stderr
    assert 'raise ConvexError("no")' in shown
    assert "nbconvex/" not in shown
    assert "run_line_magic" not in shown
    assert app.value("internal.hidden.count()") == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(shell, command) -> None:
    assert f"%convex {command}" in shell.run(f"%convex {command} --help").stdout


def test_help_lists_every_command(shell) -> None:
    plain = shell.run("%convex help").plain[0]
    for word in (*(f"%convex {command}" for command in COMMANDS), "%%query", "%live"):
        assert word in plain
    assert "%convex help" in shell.run("%convex --help").plain[0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%convex statsu", 'Did you mean "status"?'),
        ("%convex status --nope", "unrecognized arguments: --nope"),
        ("%convex run", "the following arguments are required: function"),
        ("%convex run messages:newest general", 'cannot read "general" as an argument'),
        ("%convex run messages:newset", 'Did you mean "messages:newest"?'),
        ("%convex run messages:newest chanel=a", "chanel"),
        ("%convex data --limit x", "invalid int value"),
        ("%live messages:send", "only a query can be followed"),
        ("%live messages:newset", 'Did you mean "messages:newest"?'),
        ("%live messages:newest chanel=a", "chanel"),
        ("%live", "the following arguments are required: function"),
        ("%convex open notes.txt/no.duckdb", "notes.txt"),
    ],
)
def test_wrong_line_is_refused_shortly(app, line, sentence, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no folder")
    ran = app.fail(line)
    assert isinstance(ran.error, UsageError)
    assert sentence in str(ran.error)
    assert "Traceback" not in ran.stdout + ran.stderr


def test_reset_asks_first(app) -> None:
    assert "This would delete 3 documents in 1 table" in app.run("%convex reset").plain[0]
    assert app.value("internal.hidden.count()") == 3
    assert "Deleted: 3 documents" in app.run("%convex reset --yes").plain[0]
    assert app.value("internal.hidden.count()") == 0


def test_open_works_on_another_store_and_back(stored_app, tmp_path) -> None:
    assert "other.duckdb" in stored_app.run("%convex open other.duckdb").plain[0]
    assert isinstance(stored_app.fail("api.messages.newest()").error, FunctionNotFoundError)
    assert "newest" not in stored_app.ipython.user_ns
    stored_app.run(APP[1])
    assert stored_app.value("api.messages.newest()") == []
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
    ("line", "expected"),
    [
        ("%convex st", ["status"]),
        ("%convex r", ["reset", "run"]),
        ("%convex logs --", ["--errors", "--fn", "--help", "--limit"]),
        ("%convex run mess", ["messages:fail", "messages:newest", "messages:send"]),
        ("%convex run messages:send b", ["body="]),
        ("%convex data me", ["messages"]),
        ("%live messages:", ["messages:newest"]),
        ("%live messages:newest c", ["channel="]),
        ("%%query --i", ["--internal"]),
        ("%%query mess", ["messages"]),
        ("%%schema --c", ["--check-only"]),
        ("%convex help lo", ["logs"]),
        ("%convex logs --fn hid", ["hidden:count"]),
    ],
)
def test_tab_offers_what_fits(app, line, expected) -> None:
    before = line[: line.rindex(" ") + 1]
    assert sorted(app.complete(line)) == [before + word for word in expected]


def test_tab_opens_no_store(stored_shell, tmp_path) -> None:
    stored_shell.complete("%convex run ")
    stored_shell.complete("%live me")
    stored_shell.complete("api.me")
    assert list(tmp_path.iterdir()) == []


def test_tab_on_api_offers_modules_and_functions(app) -> None:
    assert "api.messages" in app.complete("api.me")
    assert "api.messages.newest" in app.complete("api.messages.ne")


def test_live_in_a_terminal_shows_the_rows_of_now(app) -> None:
    ran = app.run("%live messages:newest channel=a")
    assert "text 2" in ran.plain[0]
    assert "as of now; live views need a notebook" in ran.plain[0]


def test_live_without_the_extension_says_so(bare_shell) -> None:
    ran = bare_shell.fail("from nbconvex import live\nlive('a:b')")
    assert "%load_ext nbconvex" in str(ran.error)
