"""SQL in cells: nbconvex.notebook.sql_cells."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import ArgumentsInvalidError, CallerError, SqlInvalidError
from tests.notebook.test_live_table import eventually
from tests.server.client_program import node_program

APP = """%%mutation sales
def sell(ctx, city: str, amount: float):
    return ctx.db.insert("sales", {"city": city, "amount": amount})
"""
BY_CITY = """%%query sales:by_city --sql --args "least: float = 0"
SELECT city, sum(amount) AS amount FROM sales
GROUP BY city
HAVING sum(amount) >= $least ORDER BY city
"""


@pytest.fixture
def app(shell):
    shell.run(APP)
    for city, amount in (("Oslo", 3), ("Rome", 5), ("Oslo", 4)):
        shell.run(f"sell(city='{city}', amount={amount})")
    return shell


def backend(app):
    return app.ipython.nbconvex_extension.session.backend


def test_cell_shows_its_answer_as_a_table(app) -> None:
    ran = app.run("%%convex_sql\nSELECT city, sum(amount) AS amount FROM sales GROUP BY city ORDER BY city")
    assert "Oslo     7.0" in ran.plain[0]
    assert re.search(r"\(2 rows in [\d.]+ m?s\)", ran.plain[0])
    assert ">Oslo</td>" in ran.html[0]
    assert "<script" not in ran.html[0]


def test_line_does_what_the_cell_does(app) -> None:
    ran = app.run("%convex_sql --into counted SELECT count(*) AS sales FROM sales")
    assert "sales" in ran.plain[0]
    assert app.value("counted.fetchone()") == (3,)


@pytest.mark.case("sql/join_two_tables")
def test_answer_is_bound_with_its_frames(app) -> None:
    app.run(
        "%%mutation cities\ndef add(ctx, name: str, land: str): ctx.db.insert('cities', {'name': name, 'land': land})"
    )
    app.run("cities.add(name='Oslo', land='NO'); cities.add(name='Rome', land='IT')")
    ran = app.run(
        "%%convex_sql --into joined\n"
        "SELECT land, sum(amount) AS amount FROM sales JOIN cities ON city = name GROUP BY land ORDER BY land"
    )
    assert "joined.df(), joined.arrow() or joined.pl() has them all" in ran.plain[0]
    assert app.value("joined.df().to_dict('list')") == {"land": ["IT", "NO"], "amount": [5.0, 7.0]}
    assert app.value("joined.arrow().num_rows") == 2


@pytest.mark.case("sql/sql_parameters")
def test_variables_of_the_notebook_are_parameters_and_never_text(app) -> None:
    app.run("city = \"Rome' OR '1'='1\"\nleast = 4")
    app.run(
        "%%convex_sql --into found\nSELECT amount FROM sales WHERE city = $city OR amount >= $least ORDER BY amount"
    )
    assert app.value("found.fetchall()") == [(4.0,), (5.0,)]


def test_variable_that_is_missing_is_named(app) -> None:
    app.run("minimum = 4")
    ran = app.fail("%%convex_sql\nSELECT * FROM sales WHERE amount >= $minimun")
    assert isinstance(ran.error, UsageError)
    assert 'the SQL has $minimun, and this notebook has no variable minimun. Did you mean "minimum"?' in str(ran.error)


def test_many_rows_are_cut_and_it_is_said(app) -> None:
    ran = app.run("%convex_sql --into many SELECT * FROM range(12345) AS t(n)")
    assert "showing 100 of 12,345 rows" in ran.html[0]
    assert "(20 of 12,345 rows)" in ran.plain[0]
    assert app.value("len(many)") == 12_345


def test_answers_of_the_function_are_tables_too(app) -> None:
    ran = app.run("import nbconvex\nanswer = nbconvex.sql('SELECT city FROM sales ORDER BY city')\ndisplay(answer)")
    assert ">Rome</td>" in ran.html[0]
    app.run("%unload_ext nbconvex")
    assert app.run("display(answer)").html == []


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%%convex_sql\nDELETE FROM sales", "DELETE writes: use a mutation"),
        ("%%convex_sql\nSELECT * FROM sale", "there is no table sale. Did you mean sales?"),
        ("%%convex_sql\n\nSELECT *\nFRM sales", "LINE 4: FRM sales"),
        ("%%convex_sql --into 2\nSELECT 1", "--into wants a name, not '2'"),
        ("%convex_sql --into a", "there is no SQL behind --into"),
        ("%%query sales --sql\nSELECT 1", "%%query sales:totals --sql"),
        ("%%query sales:a --sql\n\nSELECT *\nFRM sales", "LINE 4: FRM sales"),
        ("%%query sales:a --sql\nSELECT now()", "something else each time"),
        ("%%query sales:a --sql --args 'x'\nSELECT $y", "the SQL has $y, and --args does not say what that is"),
        ("%%query sales --args 'x: int'\ndef a(ctx): return 1", "--args belongs to SQL"),
    ],
)
def test_what_cannot_work_is_refused_shortly_and_changes_nothing(app, cell, sentence) -> None:
    app.run(BY_CITY)
    ran = app.fail(cell)
    assert isinstance(ran.error, UsageError)
    assert sentence in str(ran.error)
    assert "Traceback" not in ran.stdout + ran.stderr
    assert app.value("len(api.sales.by_city())") == 2


def test_select_is_a_query_like_any_other(app) -> None:
    assert app.run(BY_CITY).plain == ["✓ new sales:by_city"]
    assert app.value("api.sales.by_city()") == [{"city": "Oslo", "amount": 7.0}, {"city": "Rome", "amount": 5.0}]
    assert app.value("by_city(least=6)") == [{"city": "Oslo", "amount": 7.0}]
    assert "sales:by_city  query     public      least?" in app.run("%convex functions").plain[0]
    changed = BY_CITY.replace("ORDER BY city", "ORDER BY city DESC")
    assert app.run(changed).plain == ["✓ changed sales:by_city"]
    assert app.value("by_city()")[0]["city"] == "Rome"


def test_arguments_are_checked_by_the_types_that_were_said(app) -> None:
    app.run(BY_CITY)
    ran = app.fail("api.sales.by_city(least='much')")
    assert isinstance(ran.error, ArgumentsInvalidError)


def test_arguments_without_types_take_any_value(app) -> None:
    app.run("%%query sales:at --sql\nSELECT amount FROM sales WHERE city = $city ORDER BY amount")
    assert app.value("api.sales.at(city='Oslo')") == [{"amount": 3.0}, {"amount": 4.0}]
    assert isinstance(app.fail("api.sales.at()").error, ArgumentsInvalidError)


def test_types_of_the_notebook_are_known_to_arguments(app) -> None:
    app.run("%%query sales:one --sql --args 'id: Id[\"sales\"]'\nSELECT city FROM sales WHERE _id = $id")
    app.run("id = sell(city='Bern', amount=1)")
    assert app.value("api.sales.one(id=id)") == [{"city": "Bern"}]
    assert isinstance(app.fail("api.sales.one(id='x')").error, ArgumentsInvalidError)


def test_failing_select_points_at_its_cell(app) -> None:
    app.run("%%query sales:bad --sql\n\nSELECT nope\nFROM sales")
    ran = app.fail("api.sales.bad()")
    assert isinstance(ran.error, SqlInvalidError)
    assert re.search(r"line 3, in bad", ran.stdout)
    assert "SELECT nope" in ran.stdout


@pytest.mark.case("sql/sql_reactive")
def test_live_view_of_a_select_follows_its_tables_and_no_others(app) -> None:
    app.run("%config NbConvex.live = 'widget'")
    app.run(BY_CITY)
    view = app.value("live(api.sales.by_city, least=1)")
    runs = len([each for each in backend(app).logs if each.path == "sales:by_city"])
    app.run("%%mutation other\ndef add(ctx): ctx.db.insert('others', {'n': 1})")
    app.run("other.add()")
    app.run("sell(city='Bern', amount=9)")
    eventually(lambda: len(json.loads(view.state)["picture"]["rows"]) == 3)
    assert len([each for each in backend(app).logs if each.path == "sales:by_city"]) == runs + 1


def test_select_is_kept_in_the_cache_until_its_table_changes(app) -> None:
    app.run(BY_CITY)
    runner = backend(app).runner
    asked = []
    rows = type(runner.sql).rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(runner.sql), "rows", lambda *given: asked.append(1) or rows(*given))
        app.run("first, second = api.sales.by_city(), api.sales.by_city()")
        assert asked == [1]
        app.run("sell(city='Bern', amount=9)\nthird = api.sales.by_city()")
    assert asked == [1, 1]
    assert len(app.value("third")) == 3


def test_select_is_shown_as_a_chart(app) -> None:
    app.run(BY_CITY)
    ran = app.run("%live sales:by_city --chart bar --x city --y amount")
    assert "Bar chart of amount by city: 2 points." in ran.plain[0]
    ran = app.run(BY_CITY.replace("--sql", "--sql --live 'least=6'"))
    assert "Oslo" in ran.plain[-1]
    assert "Rome" not in ran.plain[-1]


def test_internal_select_is_not_for_clients(app) -> None:
    app.run(BY_CITY.replace("--sql", "--sql --internal"))
    assert app.value("internal.sales.by_city(least=6)") == [{"city": "Oslo", "amount": 7.0}]


def test_select_is_described_to_web_apps(app, tmp_path) -> None:
    app.run(BY_CITY)
    app.run(f"%convex codegen {tmp_path / 'convex'}")
    text = (tmp_path / "convex" / "_generated" / "api.d.ts").read_text()
    assert re.search(r"by_city: .*\{ least\?: number;? \}", " ".join(text.split()))


def test_client_of_the_network_calls_a_select(app) -> None:
    app.run("%config NbConvex.port = 0")
    app.run(BY_CITY)
    app.run("%convex serve")
    url = app.ipython.nbconvex_extension.session.server.url
    body = json.dumps({"path": "sales:by_city", "args": {"least": 6}, "format": "json"}).encode()
    request = urllib.request.Request(f"{url}/api/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        told = json.load(answer)
    assert told["value"] == [{"city": "Oslo", "amount": 7.0}]


@pytest.mark.node
@pytest.mark.case("sql/sql_reactive")
def test_official_client_follows_a_select(app, web) -> None:
    app.run("%config NbConvex.port = 0")
    app.run(BY_CITY)
    app.run("%convex serve")
    url = app.ipython.nbconvex_extension.session.server.url
    with node_program(web, "follow.mjs", url, "sales:by_city", '{"least": 6}') as follower:
        assert follower.line() == [{"city": "Oslo", "amount": 7}]
        app.run("sell(city='Bern', amount=9)")
        assert follower.line() == [{"city": "Bern", "amount": 9}, {"city": "Oslo", "amount": 7}]
        follower.go_on()


def test_names_of_tables_are_offered(app) -> None:
    assert app.complete("%convex_sql SELECT * FROM sa") == ["%convex_sql SELECT * FROM sales"]
    assert "%%convex_sql\nSELECT *\nFROM sales" in app.complete("%%convex_sql\nSELECT *\nFROM sa")
    assert "%%query sales:x --sql\nFROM sales" in app.complete("%%query sales:x --sql\nFROM sa")


def test_help_says_what_the_cell_does(app) -> None:
    assert "SELECT channel" in app.run("%%convex_sql --help\nx").stdout
    assert "SELECT channel" in app.run("%convex_sql").stdout
    assert "::" not in app.run("%convex_sql").stdout, "what a manual page needs is not shown"
    assert "--args" in app.run("%query --help").stdout


def test_function_that_asks_the_wrong_sql_is_taught(app) -> None:
    app.run("%%query sales\ndef wrong(ctx):\n    import nbconvex\n    return len(nbconvex.sql('SELECT 1'))")
    ran = app.fail("api.sales.wrong()")
    assert isinstance(ran.error, CallerError)
    assert "ctx.db.sql" in str(ran.error)
