"""Defining cells: nbconvex.notebook.cell_magics."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import CallerError, ConvexError, FunctionNotFoundError, SchemaInvalidError

SCHEMA = """%%schema
messages = table({"channel": v.string(), "body": v.string()}).index("by_channel", ["channel"])
"""
SEND = """%%mutation messages
def send(ctx, channel: str, body: str):
    return ctx.db.insert("messages", {"channel": channel, "body": body})
"""
NEWEST = """%%query messages
def newest(ctx, channel: str):
    found = ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").collect()
    return [_short(each) for each in found]

def _short(message):
    return message["body"][:3]
"""


@pytest.fixture
def app(shell):
    for cell in (SCHEMA, SEND, NEWEST):
        shell.run(cell)
    return shell


@pytest.mark.case("notebook/cell_defines_query")
def test_cell_defines_a_query_and_says_so(shell) -> None:
    ran = shell.run(NEWEST)
    assert ran.plain == ["✓ new messages:newest"]
    assert "messages:newest" in ran.html[0]


def test_functions_are_called_naturally(app) -> None:
    app.run("api.messages.send(channel='a', body='hello')")
    app.run("send(channel='a', body='world')")
    assert app.value("api.messages.newest(channel='a')") == ["wor", "hel"]
    assert app.value("newest(channel='a')") == ["wor", "hel"]


@pytest.mark.case("notebook/two_functions_in_cell")
def test_two_functions_in_a_cell_and_a_private_helper(shell) -> None:
    ran = shell.run(
        "%%query a\ndef one(ctx): return _x()\ndef two(ctx): return 2\ndef _x(): return 1\ndef helper(n): return n"
    )
    assert ran.plain == ["✓ new a:one, a:two"]
    assert shell.value("api.a.one(), api.a.two(), helper(3)") == (1, 2, 3)


@pytest.mark.case("notebook/cell_rerun_idempotent")
def test_cell_run_again_defines_the_same(app) -> None:
    for _ in range(4):
        ran = app.run(NEWEST)
    assert ran.plain == ["✓ changed messages:newest"]
    assert app.run("%query").plain[0].count("newest") == 1


def test_builtins_and_own_names_are_never_shadowed(shell) -> None:
    shell.run("get = 'mine'")
    shell.run("%%query things\ndef list(ctx): return [1]\ndef get(ctx): return 2")
    assert shell.value("list((3,)), get") == ([3], "mine")
    assert shell.value("api.things.list(), api.things.get()") == ([1], 2)


def test_cell_with_an_error_changes_nothing(app) -> None:
    broken = NEWEST.replace("[:3]", "[:3") + "\n"
    ran = app.fail(broken)
    assert isinstance(ran.error, SyntaxError)
    assert "line 7" in ran.stdout + ran.stderr
    assert "nbconvex" not in ran.stdout + ran.stderr
    failing = app.fail("%%query messages\ndef newest(ctx): return 0\nundefined_name")
    assert isinstance(failing.error, NameError)
    app.run("send(channel='a', body='hello')")
    assert app.value("api.messages.newest(channel='a')") == ["hel"]


@pytest.mark.case("notebook/error_points_to_cell")
def test_error_points_at_the_cell_and_folds_our_frames(shell) -> None:
    shell.run("\n\n%%query things\n# a comment\ndef broken(ctx, n):\n    m = n + 1\n    return 1 / (m - m)\n")
    number = shell.value("len(In) - 2")
    ran = shell.fail("api.things.broken(n=1)")
    shown = ran.stdout + ran.stderr
    assert "return 1 / (m - m)" in shown
    assert "in broken(ctx, n)" in shown
    assert f"In[{number}]" in shown or f"ipython-input-{number}" in shown
    assert "line 7" in shown or "----> 7" in shown
    assert "nbconvex/" not in shown
    assert "hidden" not in shown


def test_refusal_inside_a_function_points_at_its_line(shell) -> None:
    shell.run("%%query things\ndef writes(ctx):\n    ctx.db.insert('things', {})")
    ran = shell.fail("api.things.writes()")
    shown = ran.stdout + ran.stderr
    assert "ctx.db.insert('things', {})" in shown
    assert "%%mutation" in shown
    assert "nbconvex/" not in shown


def test_application_error_keeps_its_class_and_data(shell) -> None:
    shell.run("%%mutation things\ndef no(ctx):\n    raise ConvexError({'code': 7})")
    ran = shell.fail("api.things.no()")
    assert isinstance(ran.error, ConvexError)
    assert ran.error.data == {"code": 7}


@pytest.mark.parametrize("magic", ["schema", "query", "mutation", "action"])
def test_help_is_given_and_nothing_is_defined(shell, magic) -> None:
    ran = shell.run(f"%%{magic} --help\ndef f(ctx): return 1")
    assert f"%{magic}" in ran.stdout
    assert "--help" in ran.stdout
    assert shell.run("%convex functions").plain == ["No functions yet. A cell that begins with %%query defines some."]


def test_inspection_shows_usage(shell) -> None:
    with_help = shell.ipython.inspector.info(shell.ipython.find_cell_magic("query"))
    assert "--live" in with_help["docstring"]
    assert "becomes the query MODULE:name" in with_help["docstring"]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%%query --nope\ndef f(ctx): return 1", "unrecognized arguments: --nope"),
        ("%%query a b\ndef f(ctx): return 1", "unrecognized arguments: b"),
        ("%%query --live 'n'\ndef f(ctx): return 1", 'cannot read "n" as an argument'),
        ("%%query\nx = 1", "defines no query"),
        ("%%schema\nx = 1", "defines no table"),
        ("%%query a:b\ndef f(ctx): return 1", "path"),
    ],
)
def test_wrong_line_is_refused_shortly(shell, cell, sentence) -> None:
    ran = shell.fail(cell)
    assert isinstance(ran.error, UsageError)
    assert sentence in str(ran.error)
    assert "Traceback" not in ran.stdout + ran.stderr
    assert shell.run("%convex functions").plain[0].startswith("No functions yet")


def test_text_with_braces_and_dollars_is_taken_as_it_is(shell) -> None:
    shell.run("x = 'oops'")
    ran = shell.fail("%%query {x}\ndef f(ctx): return 1")
    assert "oops" not in str(ran.error)


def test_line_form_lists_functions_of_the_kind(app) -> None:
    assert "messages:newest" in app.run("%query").plain[0]
    assert "messages:send" in app.run("%mutation").plain[0]
    assert app.run("%action").plain == ["No action is defined yet."]
    assert "by_channel (channel)" in app.run("%schema").plain[0]


@pytest.mark.case("notebook/rename_removes_old")
def test_renamed_function_loses_its_old_name(shell, monkeypatch) -> None:
    """A front end that says which cell is running lets a cell replace all that it had defined."""
    parent = {"content": {}, "metadata": {"cellId": "cell-1"}}
    monkeypatch.setattr(shell.ipython, "get_parent", lambda: parent, raising=False)
    shell.run("%%query things\ndef old(ctx): return 1\ndef stays(ctx): return 2")
    ran = shell.run("%%query things\ndef new(ctx): return 1\ndef stays(ctx): return 2")
    assert ran.plain == ["✓ new things:new · changed things:stays · gone things:old"]
    assert isinstance(shell.fail("api.things.old()").error, FunctionNotFoundError)
    assert shell.value("api.things.new()") == 1
    assert "old" not in shell.ipython.user_ns


def test_internal_functions_are_called_by_internal(shell) -> None:
    shell.run("%%query things --internal\ndef secret(ctx): return 1")
    assert isinstance(shell.fail("api.things.secret()").error, FunctionNotFoundError)
    assert shell.value("internal.things.secret()") == 1


def test_schema_cell_says_what_changed_and_refuses_what_does_not_fit(app) -> None:
    app.run("send(channel='a', body='hello')")
    ran = app.fail('%%schema\nmessages = table({"channel": v.string(), "body": v.number()})')
    assert isinstance(ran.error, UsageError)
    assert "the old schema stays in force" in str(ran.error)
    assert "Traceback" not in ran.stdout + ran.stderr
    checked = app.run(
        '%%schema --check-only\nmessages = table({"channel": v.string(), "body": v.any()})\nmore = table({})'
    )
    assert checked.plain[0].startswith(
        "? the data fits; this would change: new tables: more · changed tables: messages"
    )
    assert "more" not in app.ipython.user_ns
    ran = app.run('%%schema\nmessages = table({"channel": v.string(), "body": v.any()})')
    assert "✓ schema: changed tables: messages · indexes gone: messages.by_channel (channel)" in ran.plain[0]


def test_schema_error_points_at_its_line(shell) -> None:
    ran = shell.fail('%%schema\nfine = table({})\nbad = table({"_x": v.string()})')
    assert isinstance(ran.error, SchemaInvalidError)
    assert 'bad = table({"_x": v.string()})' in ran.stdout + ran.stderr
    assert "fine" not in shell.ipython.user_ns


@pytest.mark.case("notebook/async_cell_and_sync_cell")
def test_functions_are_called_from_sync_and_async_cells(shell) -> None:
    shell.run(
        "%%action things\nasync def slow(ctx, n: int):\n    import asyncio\n    await asyncio.sleep(0.01)\n    return n"
    )
    shell.run("%%query things\nasync def quick(ctx): return 1")
    assert shell.value("api.things.slow(n=2), api.things.quick()") == (2, 1)
    assert shell.value("import asyncio\nawait asyncio.sleep(0)\napi.things.slow(n=3), api.things.quick()") == (3, 1)


@pytest.mark.case("notebook/unawaited_call")
def test_call_of_an_async_function_gives_its_value_not_a_coroutine(shell) -> None:
    shell.run("%%action things\nasync def slow(ctx): return 5")
    assert shell.value("api.things.slow()") == 5


@pytest.mark.case("notebook/print_inside_function")
def test_print_shows_once_under_the_calling_cell_and_in_the_log(shell) -> None:
    shell.run("%%query things\ndef talks(ctx):\n    print('hello from inside')\n    return 1")
    ran = shell.run("api.things.talks()")
    assert ran.stdout.count("hello from inside") == 1
    assert "hello from inside" in shell.run("%convex logs --fn things:talks").plain[0]


@pytest.mark.case("notebook/globals_snapshot_warning")
def test_functions_see_the_notebook_as_it_is_when_they_run(shell) -> None:
    """The documented rule: names are looked up when the function runs, as in any Python function."""
    shell.run("factor = 2\ndef scaled(n):\n    return n * factor")
    shell.run("%%query things\ndef value(ctx): return scaled(10)")
    assert shell.value("api.things.value()") == 20
    shell.run("factor = 3")
    assert shell.value("api.things.value()") == 30


@pytest.mark.parametrize(
    ("spoiling", "cell", "name"),
    [
        ("v = [1]", SCHEMA, "v"),
        ("table = 5", SCHEMA, "table"),
        ("Id = {}\ndef Id(): ...", "%%query\ndef f(ctx, user: Id['users']): ...", "Id"),
    ],
)
def test_overwritten_name_of_ours_is_named(shell, spoiling, cell, name) -> None:
    shell.run(spoiling)
    error = shell.fail(cell).error
    assert isinstance(error, CallerError)
    assert f"the name {name} was overwritten in this notebook" in str(error)
    assert f"from nbconvex import {name}" in str(error)
    shell.run(f"from nbconvex import {name}")
    shell.run(cell)


def test_error_that_has_nothing_to_do_with_an_overwritten_name_stays_as_it_is(shell) -> None:
    shell.run("v = 5")
    assert isinstance(shell.fail("%%query\nlen(5)\ndef f(ctx): ...").error, TypeError)


def test_changed_query_that_fails_for_its_live_views_is_told_at_once(app) -> None:
    app.run("%config NbConvex.live = 'html'")
    app.run("view = live(api.messages.newest, channel='a')")
    ran = app.run(NEWEST.replace("return [", "1 / 0; return ["))
    assert ran.plain[0].splitlines() == [
        "✓ changed messages:newest · 1 live query follows",
        "! The live query messages:newest fails now: ZeroDivisionError: division by zero",
    ]
    assert app.run(NEWEST).plain == ["✓ changed messages:newest · 1 live query follows"]
