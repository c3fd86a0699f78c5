"""An app in a file, put in force."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.cli.app_file import AppFile, notebook_names
from nbconvex.errors import ArgumentsInvalidError, CallerError, FunctionNotFoundError
from tests.cli.files import HELPERS, NEWEST, SEND, notebook

COUNT = """%%trigger messages
def count(ctx, change):
    ctx.inner_db.insert("changes", {"operation": change.operation})
"""


@pytest.fixture
def backend():
    with Backend.open() as opened:
        yield opened


def loaded(backend: Backend, path: Any) -> AppFile:
    app = AppFile(backend, path)
    report = app.load()
    assert report.problems == ()
    return app


def test_a_notebooks_functions_endpoints_crons_and_providers_are_in_force(backend, tmp_path):
    path = notebook(
        tmp_path / "app.ipynb",
        "%load_ext nbconvex",
        '%%schema\nmessages = table({"body": v.string()})\nchanges = table({"operation": v.string()})',
        HELPERS,
        SEND,
        'api.messages.send(body="trial")',
        NEWEST,
        "%%action weather --internal\nasync def refresh(ctx):\n    return ctx.run_query(api.messages.newest)",
        COUNT,
        "%%query counts:all --sql\nSELECT operation, count(*) AS times FROM changes GROUP BY operation",
        "%%migration tidy --table messages\ndef migrate_one(ctx, doc): ...",
        '%%http GET /hello --origins "https://a.example"\ndef handler(ctx, request):\n    return {"hello": LOUD}',
        "%%cron tidy --every 5m\ninternal.weather.refresh()",
        '%%auth\nproviders = [{"domain": "https://issuer.example", "applicationID": "convex"}]',
        "from nbconvex import query\n\n@query\ndef plain(ctx):\n    return LOUD\n",
    )
    app = AppFile(backend, path)
    report = app.load()
    assert (report.cells, report.skipped, report.problems) == (11, 3, ())
    assert backend.run_query("messages:newest") == []
    backend.run_mutation("messages:send", {"body": "good morning"})
    assert backend.run_query("messages:newest") == ["Good Morning!"]
    assert backend.run_query("counts:all") == [{"operation": "insert", "times": 1}]
    assert backend.run_query("main:plain") == "!"
    assert backend.registry.get("weather:refresh").is_internal
    assert list(backend.http.routes.table.at("/hello")) == ["GET"]
    assert [each["name"] for each in backend.scheduler.crons.documents()] == ["tidy"]
    assert [each.domain for each in backend.auth.providers] == ["https://issuer.example"]
    assert set(backend.database.snapshot.schema.definition.tables) == {"changes", "messages"}


def test_loading_again_replaces_what_changed_and_takes_out_what_is_gone(backend, tmp_path):
    path = tmp_path / "app.ipynb"
    route = "%%http GET /hello\ndef handler(ctx, request):\n    return 1"
    cron = "%%cron tidy --every 5m\nm.act()"
    trigger = "%%trigger t\ndef f(ctx, change): ..."
    declared = "from nbconvex import query\n\n@query\ndef plain(ctx):\n    return 1\n"
    one = "%%query m\ndef one(ctx):\n    return 1"
    act = "%%action m\ndef act(ctx): ..."
    app = loaded(
        backend, notebook(path, one, act, "%%query m\ndef two(ctx):\n    return 2", route, cron, trigger, declared)
    )
    assert backend.run_query("m:two") == 2
    notebook(path, one.replace("return 1", "return 11"))
    assert app.load().problems == ()
    assert backend.run_query("m:one") == 11
    for gone in ("m:two", "main:plain"):
        with pytest.raises(FunctionNotFoundError):
            backend.run_query(gone)
    assert not backend.http.routes.table.at("/hello")
    assert not len(backend.triggers)
    assert not backend.scheduler.crons.documents()


def test_a_cell_with_an_error_changes_nothing_and_the_others_count(backend, tmp_path):
    path = tmp_path / "app.ipynb"
    good = "%%query m\ndef one(ctx):\n    return 1"
    app = loaded(backend, notebook(path, good, "%%query m\ndef two(ctx):\n    return 2"))
    notebook(path, "%%query m\ndef one(ctx)\n    return 9", "%%query m\ndef two(ctx):\n    return 22")
    report = app.load()
    [problem] = report.problems
    assert "app.ipynb, cell 1" in problem
    assert "SyntaxError" in problem
    assert "def one(ctx)" in problem
    assert (backend.run_query("m:one"), backend.run_query("m:two")) == (1, 22)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("%%query m --nope\ndef f(ctx): ...", "unrecognized arguments: --nope"),
        ("%%http\ndef handler(ctx, request): ...", "wants a method and a path"),
        ("%%cron\nm.f()", "a cron has a name"),
        ("%%trigger\ndef f(ctx, change): ...", "%%trigger wants a table"),
        ('%%query "m\ndef f(ctx): ...', "is missing at the end of"),
        ("%%query m\nx = 1", "defines no query"),
        ("%%query m\nraise ValueError('mine')\ndef f(ctx): ...", "ValueError: mine"),
    ],
)
def test_what_is_wrong_with_a_cell_is_said_with_its_place(backend, tmp_path, cell, problem):
    [told] = AppFile(backend, notebook(tmp_path / "app.ipynb", "", cell)).load().problems
    assert told.startswith("app.ipynb, cell 2")
    assert problem in told
    assert "nbconvex/cli" not in told


def test_errors_of_functions_show_the_lines_of_the_notebook(backend, tmp_path):
    loaded(backend, notebook(tmp_path / "app.ipynb", '%%query m\n\ndef f(ctx):\n    return {}["gone"]'))
    with pytest.raises(KeyError) as caught:
        backend.run_query("m:f")
    entry = caught.traceback[-1]
    assert (str(entry.frame.code.raw.co_filename), entry.lineno + 1) == ("app.ipynb, cell 1", 4)


def test_check_only_checks_nothing_when_served(backend, tmp_path):
    loaded(backend, notebook(tmp_path / "app.ipynb", "%%schema --check-only\nt = table({})"))
    assert backend.database.snapshot.schema is None


def test_cells_may_wait_and_import_what_lies_beside_the_file(backend, tmp_path):
    (tmp_path / "words_beside.py").write_text('WORD = "beside"\n')
    waiting = "import asyncio\nfrom words_beside import WORD\nLATER = await asyncio.sleep(0, WORD)"
    loaded(backend, notebook(tmp_path / "app.ipynb", waiting, "%%query m\ndef f(ctx):\n    return LATER"))
    assert backend.run_query("m:f") == "beside"


def test_a_python_file_is_a_module_of_its_name(backend, tmp_path):
    path = tmp_path / "shop.py"
    path.write_text("from nbconvex import query\n\n@query\ndef one(ctx):\n    return 1\n")
    app = loaded(backend, path)
    assert backend.run_query("shop:one") == 1
    path.write_text("from nbconvex import query\n\n@query\ndef other(ctx):\n    return 2.5\n")
    assert app.load().problems == ()
    assert backend.run_query("shop:other") == 2.5
    path.write_text("def broken(:\n")
    [problem] = app.load().problems
    assert "SyntaxError" in problem
    assert backend.run_query("shop:other") == 2.5


SHOP = """
from nbconvex import define_schema, mutation, table, v
schema = define_schema({"sales": table({"price": v.%s()})})
@mutation
def sell(ctx, price: float):
    ctx.db.insert("sales", {"price": price})
"""


def test_the_schema_of_a_python_file_is_in_force_or_the_old_one_stays(backend, tmp_path):
    path = tmp_path / "shop.py"
    path.write_text(SHOP % "number")
    assert AppFile(backend, path).load().problems == ()
    backend.run_mutation("shop:sell", {"price": 3})
    path.write_text(SHOP % "string")
    (problem,) = AppFile(backend, path).load().problems
    assert "does not match the schema" in problem
    backend.run_mutation("shop:sell", {"price": 4})
    path.write_text("x = 1")
    assert AppFile(backend, path).load().problems == ()
    assert backend.schema is not None


@pytest.mark.parametrize("name", ["app.txt", "app", "nowhere.py"])
def test_other_files_are_refused(backend, tmp_path, name):
    if name != "nowhere.py":
        (tmp_path / name).write_text("x")
    with pytest.raises(CallerError, match=r"neither a notebook|no file"):
        AppFile(backend, tmp_path / name).load()


def test_cells_find_the_names_that_a_notebook_has(backend):
    # But for `live`, which shows something.
    from nbconvex.notebook.session import Session

    [names] = [
        node.value
        for node in ast.walk(ast.parse(_source_of(Session.names)))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict)
    ]
    expected = {key.value for key in names.keys if isinstance(key, ast.Constant)}
    assert set(notebook_names(backend)) - {"__name__"} == expected - {"live"}


def _source_of(function: Any) -> str:
    import inspect
    import textwrap

    return textwrap.dedent(inspect.getsource(function))


def test_a_select_is_a_query_with_the_types_that_its_line_says(backend, tmp_path):
    path = notebook(
        tmp_path / "app.ipynb",
        "from typing import Literal",
        SEND,
        HELPERS,
        "%%query messages:all --sql --args \"body: Literal['Hi!', 'Ho!'] = 'Hi!'\"\n"
        "SELECT body FROM messages WHERE body = $body",
        "%%convex_sql\nSELECT 1",
        "%%query messages:bad --sql\nDELETE FROM messages",
    )
    report = AppFile(backend, path).load()
    assert report.cells == 5
    assert len(report.problems) == 1
    assert "DELETE writes" in report.problems[0]
    backend.run_mutation("messages:send", {"body": "hi"})
    assert backend.run_query("messages:all") == [{"body": "Hi!"}]
    with pytest.raises(ArgumentsInvalidError):
        backend.run_query("messages:all", {"body": "he"})
