"""SQL in queries, mutations, actions and plain code."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from nbconvex import Int64, v
from nbconvex.errors import LimitExceededError, NotAllowedError, SqlInvalidError
from nbconvex.limits import Limits
from nbconvex.testing import convex_test
from nbconvex.values.schema import define_schema, define_table

SCHEMA = define_schema({
    "users": define_table({
        "name": v.string(), "address": v.object({"city": v.string(), "zip": v.optional(v.string())}),
    }),
    "messages": define_table({
        "author": v.id("users"), "body": v.string(), "n": v.int64(), "mood": v.optional(v.union(v.string(), v.null())),
        "extra": v.optional(v.any()),
    }),
})  # fmt: skip


def seed(t: Any) -> list[str]:
    def work(ctx: Any) -> list[str]:
        ada = ctx.db.insert("users", {"name": "Ada", "address": {"city": "London"}})
        bob = ctx.db.insert("users", {"name": "Bob", "address": {"city": "Bern", "zip": "3000"}})
        ctx.db.insert("messages", {"author": ada, "body": "it's", "n": Int64(2**60 + 1), "mood": None})
        ctx.db.insert("messages", {"author": ada, "body": "two", "n": 2, "mood": "fine", "extra": {"deep": [1, b"x"]}})
        ctx.db.insert("messages", {"author": bob, "body": "three", "n": 3})
        return [ada, bob]

    found: list[str] = t.mutation(work)
    return found


@pytest.fixture
def t() -> Any:
    with convex_test(SCHEMA) as opened:
        seed(opened)
        yield opened


@pytest.mark.case("sql/select_over_table")
def test_nested_fields_are_structs_and_json_and_ids_are_text(t: Any) -> None:
    result = t.backend.sql("SELECT * FROM messages JOIN users ON author = users._id ORDER BY n DESC")
    types = dict(zip(result.columns, result.types, strict=False))
    assert (types["_id"], types["n"], types["extra"], types["_creationTime"]) == ("VARCHAR", "BIGINT", "JSON", "DOUBLE")
    assert types["address"] == "STRUCT(city VARCHAR, zip VARCHAR)"
    assert t.backend.sql("SELECT address.city FROM users WHERE address.zip = '3000'").fetchall() == [("Bern",)]
    assert t.backend.sql("SELECT extra->'deep'->>0 FROM messages WHERE extra IS NOT NULL").fetchall() == [("1",)]


@pytest.mark.case("sql/join_two_tables")
def test_tables_are_joined_on_ids(t: Any) -> None:
    frame = t.backend.sql(
        "SELECT name, count(*) AS messages FROM messages m JOIN users u ON m.author = u._id GROUP BY ALL ORDER BY name"
    ).df()
    assert frame.to_dict("list") == {"name": ["Ada", "Bob"], "messages": [2, 1]}


def test_a_query_gets_plain_values(t: Any) -> None:
    rows = t.query(lambda ctx: ctx.db.sql("SELECT body, n, mood, extra FROM messages ORDER BY body"))
    assert rows == [
        {"body": "it's", "n": Int64(2**60 + 1), "mood": None, "extra": None},
        {"body": "three", "n": 3, "mood": None, "extra": None},
        {"body": "two", "n": 2, "mood": "fine", "extra": {"deep": [1, b"x"]}},
    ]
    assert {type(value).__module__ for row in rows for value in row.values()} <= {"builtins", "nbconvex.values.scalars"}


@pytest.mark.case("sql/sql_int64_exact")
def test_an_int64_beyond_float64_is_exact_everywhere(t: Any) -> None:
    largest = "SELECT max(n) AS n FROM messages"
    assert t.query(lambda ctx: ctx.db.sql(largest)) == [{"n": Int64(2**60 + 1)}]
    assert t.backend.sql(largest).fetchall() == [(2**60 + 1,)]
    assert t.backend.sql(largest).df()["n"][0] == 2**60 + 1


@pytest.mark.case("sql/sql_parameters")
def test_a_quote_in_a_parameter_is_a_quote(t: Any) -> None:
    find = "SELECT body FROM messages WHERE body = $body"
    assert t.query(lambda ctx: ctx.db.sql(find, body="it's")) == [{"body": "it's"}]
    assert t.query(lambda ctx: ctx.db.sql(find, body="' OR 1=1 --")) == []
    assert t.backend.sql("SELECT count(*) FROM messages WHERE n IN $numbers", numbers=[2, 3]).fetchall() == [(2,)]


@pytest.mark.case("sql/sql_absent_vs_null")
def test_absent_and_null_are_null_and_can_be_told_apart(t: Any) -> None:
    def count(where: str) -> Any:
        return t.backend.sql(f"SELECT count(*) FROM messages WHERE {where}").fetchone()

    assert count("mood IS NULL") == (2,)
    assert count("list_contains(_nulls, 'mood')") == (1,)
    assert count("mood IS NULL AND NOT list_contains(_nulls, 'mood')") == (1,)


@pytest.mark.case("sql/sql_in_query_readonly")
def test_sql_that_writes_is_refused_and_nothing_is_written(t: Any) -> None:
    for text in ("INSERT INTO messages VALUES (1)", "WITH x AS (DELETE FROM messages RETURNING *) FROM x"):
        with pytest.raises(SqlInvalidError, match="use a mutation"):
            t.query(lambda ctx, text=text: ctx.db.sql(text))
        with pytest.raises(SqlInvalidError, match="use a mutation"):
            t.mutation(lambda ctx, text=text: ctx.db.sql(text))
    assert t.query(lambda ctx: ctx.db.query("messages").count()) == 3


def test_a_mutation_sees_what_it_wrote_and_nobody_else_does(t: Any) -> None:
    count = "SELECT count(*) AS n FROM users"

    def work(ctx: Any) -> list[Any]:
        before = ctx.db.sql(count)[0]["n"]
        zed = ctx.db.insert("users", {"name": "Zed", "address": {"city": "Zug"}})
        with_zed = ctx.db.sql("SELECT address.city AS city FROM users WHERE name = 'Zed'")
        outside = t.backend.database.begin(writable=False)
        elsewhere = t.backend.runner.sql.rows(outside, count, {})[0]["n"]
        ctx.db.patch(zed, {"name": "Zoe"})
        names = [row["name"] for row in ctx.db.sql("SELECT name FROM users ORDER BY name")]
        ctx.db.delete(zed)
        ctx.db.insert("new_table", {"n": 1})
        return [before, with_zed, elsewhere, names, ctx.db.sql(count)[0]["n"], ctx.db.sql("SELECT n FROM new_table")]

    assert t.mutation(work) == [2, [{"city": "Zug"}], 2, ["Ada", "Bob", "Zoe"], 2, [{"n": 1.0}]]
    assert t.query(lambda ctx: ctx.db.sql(count)) == [{"n": 2}]


@pytest.mark.case("sql/sql_reactive")
def test_a_followed_query_is_told_of_its_tables_and_of_no_others() -> None:
    with convex_test(SCHEMA) as t:
        seed(t)
        backend = t.backend
        backend.define_cell(
            "query",
            'def totals(ctx):\n    return ctx.db.sql("SELECT count(*) AS n FROM messages WHERE n > $least", least=1)\n',
            module="m",
        )
        told: list[Any] = []
        subscription = backend.subscribe("m:totals", {}, lambda update: told.append((update.value, update.error)))
        t.mutation(lambda ctx: ctx.db.insert("users", {"name": "Eve", "address": {"city": "Rome"}}))
        backend.live.settle()
        assert told == [([{"n": 3}], None)]
        author = t.query(lambda ctx: ctx.db.query("users").first())["_id"]
        t.mutation(lambda ctx: ctx.db.insert("messages", {"author": author, "body": "x", "n": 9}))
        backend.live.settle()
        assert told[1:] == [([{"n": 4}], None)]
        subscription.close()


def test_a_followed_query_hears_of_a_table_that_comes_later() -> None:
    with convex_test() as t:
        backend = t.backend
        backend.define_cell("query", 'def all(ctx):\n    return ctx.db.sql("SELECT n FROM later")\n', module="m")
        told: list[Any] = []
        subscription = backend.subscribe("m:all", {}, told.append)
        assert isinstance(told[0].error, SqlInvalidError)
        t.mutation(lambda ctx: ctx.db.insert("later", {"n": 1}))
        backend.live.settle()
        assert told[-1].value == [{"n": 1.0}]
        subscription.close()


def test_a_kept_result_is_dropped_when_a_table_it_read_changes() -> None:
    with convex_test(SCHEMA) as t:
        seed(t)
        backend = t.backend
        backend.define_cell(
            "query", 'def total(ctx):\n    return ctx.db.sql("SELECT count(*) AS n FROM users")[0]["n"]\n', module="m"
        )
        assert [backend.run("m:total"), backend.run("m:total")] == [2, 2]
        assert backend.runner.cache.hits == 1
        t.mutation(lambda ctx: ctx.db.insert("users", {"name": "Eve", "address": {"city": "Rome"}}))
        assert backend.run("m:total") == 3


def test_two_mutations_that_count_by_sql_do_not_miss_each_other(t: Any) -> None:
    backend = t.backend
    backend.define_cell(
        "mutation",
        "def number(ctx):\n"
        '    n = ctx.db.sql("SELECT count(*) AS n FROM numbers")[0]["n"]\n'
        '    ctx.db.insert("numbers", {"n": n})\n',
        module="m",
    )
    t.mutation(lambda ctx: ctx.db.insert("numbers", {"n": 0}))
    problems: list[BaseException] = []

    def count() -> None:
        for _ in range(5):
            try:
                backend.run("m:number")
            except Exception as error:
                problems.append(error)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = sorted(row[0] for row in backend.sql("SELECT n FROM numbers").fetchall())
    assert numbers == [float(n) for n in range(16 - len(problems))]


@pytest.mark.case("sql/sql_counts_against_limits")
def test_what_sql_looks_at_is_not_counted_and_what_it_answers_is() -> None:
    with convex_test(limits=Limits(documents_read=100, sql_rows=150)) as t:
        for _ in range(2):
            t.mutation(lambda ctx: [ctx.db.insert("t", {"n": n}) for n in range(100)])

        def work(ctx: Any) -> Any:
            total = ctx.db.sql("SELECT sum(n) AS s FROM t")
            return total, ctx.meta.get_transaction_metrics()

        total, metrics = t.query(work)
        assert total == [{"s": 9900.0}]
        assert (metrics["databaseQueries"]["used"], metrics["documentsRead"]["used"]) == (1, 0)
        with pytest.raises(LimitExceededError, match="too many rows") as raised:
            t.query(lambda ctx: ctx.db.sql("SELECT * FROM t"))
        assert raised.value.limit == "sql_rows"


@pytest.mark.case("sql/sql_external_parquet")
def test_a_file_is_joined_in_a_cell_and_not_in_a_query(t: Any, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"city": ["London", "Bern"], "people": [9, 1]}), tmp_path / "cities.parquet")
    join = (
        "SELECT name, people FROM users JOIN cities ON address.city = cities.city WHERE people > $least ORDER BY name"
    )
    for cities in (parquet.read_table(tmp_path / "cities.parquet"), pd.read_parquet(tmp_path / "cities.parquet")):
        assert t.backend.sql(join, cities=cities, least=0).fetchall() == [("Ada", 9), ("Bob", 1)]
        with pytest.raises(SqlInvalidError, match="cities is a data frame: it can be joined in a cell"):
            t.query(lambda ctx, cities=cities: ctx.db.sql(join, cities=cities, least=0))
    with pytest.raises(SqlInvalidError, match="users is a table: give the data frame another name"):
        t.backend.sql("SELECT * FROM users", users=pa.table({"a": [1]}))
    with pytest.raises(SqlInvalidError, match="there is no table cities"):
        t.backend.sql("SELECT * FROM cities")


def test_an_action_is_told_where_sql_belongs(t: Any) -> None:
    with pytest.raises(NotAllowedError, match=r"actions have no ctx\.db"):
        t.action(lambda ctx: ctx.db.sql("SELECT 1"))
    with pytest.raises(NotAllowedError, match="SQL in a function belongs to a query"):
        t.action(lambda ctx: t.backend.sql("SELECT 1"))


def test_the_backend_is_not_asked_from_inside_of_a_function(t: Any) -> None:
    with pytest.raises(NotAllowedError, match="own transaction"):
        t.query(lambda ctx: t.backend.sql("SELECT 1"))


def test_an_older_snapshot_is_answered_as_it_was(t: Any) -> None:
    sql, database = t.backend.runner.sql, t.backend.database
    old = database.snapshot
    count = "SELECT count(*) AS n, count(DISTINCT name) AS names FROM users"
    t.mutation(lambda ctx: [ctx.db.insert("users", {"name": "x", "address": {"city": "y"}}) for _ in range(3)])
    assert sql.rows(database.begin(writable=False), count, {}) == [{"n": 5, "names": 3}]
    assert sql.rows(database.begin_at(old), count, {}) == [{"n": 2, "names": 2}]
    assert sql.rows(database.begin(writable=False), count, {}) == [{"n": 5, "names": 3}]


def test_a_new_schema_gives_new_columns(t: Any) -> None:
    typed = "SELECT typeof(n) AS t FROM messages LIMIT 1"
    assert t.query(lambda ctx: ctx.db.sql(typed)) == [{"t": "BIGINT"}]
    t.backend.push_schema({"users": SCHEMA.tables["users"], "messages": define_table(v.any())})
    assert t.query(lambda ctx: ctx.db.sql(typed)) == [{"t": "BIGINT"}]
    t.mutation(lambda ctx: ctx.db.insert("messages", {"n": "text"}))
    assert t.query(lambda ctx: ctx.db.sql(typed)) == [{"t": "JSON"}]


def test_parameters_of_a_text_are_known_without_its_tables(t: Any) -> None:
    assert t.backend.sql_parameters("SELECT * FROM later WHERE a = $a AND b > $b") == ("a", "b")
    with pytest.raises(SqlInvalidError, match="something else each time"):
        t.backend.sql_parameters("SELECT now()")


def test_a_backend_that_was_never_asked_has_no_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with convex_test() as t:
        t.mutation(lambda ctx: ctx.db.insert("t", {"n": 1}))
        assert t.backend.runner.sql._engine is None
