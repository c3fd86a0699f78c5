"""SQL over tables that are handed in."""

from __future__ import annotations

import datetime as dt
import os
import signal
import threading
import time
from typing import Any

import pytest

from nbconvex.errors import LimitExceededError, SqlInvalidError
from nbconvex.limits import Limits
from nbconvex.storage.tables import engine as engine_module
from nbconvex.storage.tables.engine import AskedTable, SqlEngine
from tests.storage.tables.versions import Documents

ENDLESS = "SELECT count(*) AS n FROM range(10000000000) a, range(1000) b"


@pytest.fixture
def engine() -> Any:
    opened = SqlEngine(Limits())
    yield opened
    opened.close()


def ask(engine: SqlEngine, text: str, *tables: AskedTable, **parameters: Any) -> list[dict[str, Any]]:
    return engine.rows(engine.read(text, is_repeatable=True), tables, parameters)


def at(ts: int | None, *documents: dict[str, Any]) -> AskedTable:
    return AskedTable("t", Documents(*documents), ts)


def test_an_answer_is_of_the_version_that_asks_in_whatever_order_they_come(engine: SqlEngine) -> None:
    count = "SELECT count(*) AS n, sum(n) AS s FROM t"
    first, second = at(1, {"n": 1}), at(2, {"n": 1}, {"n": 2})
    own = at(None, {"n": 1}, {"n": 2}, {"n": 10}, {"m": 1})
    for asked, n, total in ((first, 1, 1), (second, 2, 3), (own, 4, 13), (second, 2, 3), (first, 1, 1), (own, 4, 13)):
        assert ask(engine, count, asked) == [{"n": n, "s": total}]


def test_an_older_version_with_other_columns_does_not_see_the_newer_ones(engine: SqlEngine) -> None:
    assert list(ask(engine, "SELECT * FROM t", at(2, {"a": 1, "b": 2}))[0]) == ["_id", "_creationTime", "a", "b"]
    assert list(ask(engine, "SELECT * FROM t", at(1, {"a": 1}))[0]) == ["_id", "_creationTime", "a"]
    assert list(ask(engine, "SELECT * FROM t", at(2, {"a": 1, "b": 2}))[0]) == ["_id", "_creationTime", "a", "b"]


def test_rows_are_limited_where_they_become_values(engine: SqlEngine) -> None:
    small = SqlEngine(Limits(sql_rows=3))
    assert len(ask(small, "SELECT range AS n FROM range(3)")) == 3
    with pytest.raises(LimitExceededError, match="too many rows") as raised:
        ask(small, "SELECT range AS n FROM range(1000000000)")
    assert raised.value.limit == "sql_rows"
    assert len(small.result(small.read("SELECT range FROM range(10)", is_repeatable=True), (), {})) == 10
    small.close()


@pytest.mark.parametrize("text", ["SELECT a\nFROM t\nWHERE nosuch = 3", "SELECT a\nFROM t\nWHERE lower(a, 2) = 3"])
def test_a_name_that_is_not_there_is_shown_in_its_line(engine: SqlEngine, text: str) -> None:
    table = at(1, {"a": 1.0})
    with pytest.raises(SqlInvalidError, match="LINE 3: WHERE"):
        engine.result(engine.read(text, is_repeatable=False), [table], {})
    with pytest.raises(SqlInvalidError, match="LINE 3: WHERE"):
        ask(engine, text, table)


def test_a_time_beside_a_number_is_told_what_makes_them_one_kind(engine: SqlEngine) -> None:
    table = at(1, {"a": 1.0})
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(SqlInvalidError, match=r"epoch_ms\(…\) makes milliseconds of a time"):
        ask(engine, "SELECT a FROM t WHERE a >= $since", table, since=moment)
    with pytest.raises(SqlInvalidError, match=r"epoch_ms\(…\) makes milliseconds of a time"):
        ask(engine, "SELECT a FROM t WHERE make_timestamp(a::BIGINT) >= $since", table, since=5)
    assert ask(engine, "SELECT a FROM t WHERE a <= epoch_ms($since)", table, since=moment) == [{"a": 1.0}]


def test_moments_are_milliseconds_whatever_the_zone(engine: SqlEngine) -> None:
    text = "SELECT to_timestamp(1.5) AS a, $x AS b, TIMESTAMPTZ '1970-01-01 02:00:01+02' AS a2 -- a comment"
    assert ask(engine, text, x="y") == [{"a": 1500.0, "b": "y", "a2": 1000.0}]
    result = engine.result(engine.read(text, is_repeatable=True), (), {"x": "y"})
    assert result.fetchall()[0][0].timestamp() == 1.5
    assert result.df()["a"][0].timestamp() == 1.5


def test_two_columns_of_one_name_are_refused_where_a_row_is_a_dict(engine: SqlEngine) -> None:
    with pytest.raises(SqlInvalidError, match='two columns of the answer are called "a"'):
        ask(engine, "SELECT 1 AS a, 2 AS a")


@pytest.mark.parametrize("text", [ENDLESS, ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) "
                                           "SELECT max(n) AS n FROM r")])  # fmt: skip
def test_what_takes_too_long_is_ended_and_the_next_statement_runs(text: str) -> None:
    engine = SqlEngine(Limits(sql_time_s=0.1))
    ask(engine, "SELECT 1 AS n")
    begun = time.monotonic()
    with pytest.raises(LimitExceededError, match="took too long") as raised:
        ask(engine, text)
    assert raised.value.limit == "sql_time_s"
    assert time.monotonic() - begun < 5
    assert ask(engine, "SELECT 1 AS n") == [{"n": 1}]
    engine.close()


def test_what_needs_too_much_memory_is_ended_and_tables_come_back() -> None:
    engine = SqlEngine(Limits(sql_memory_bytes=64 * 1024 * 1024))
    table = at(1, {"n": 1})
    assert ask(engine, "SELECT n FROM t", table) == [{"n": 1.0}]
    with pytest.raises(LimitExceededError, match="more memory") as raised:
        ask(engine, "SELECT len(array_agg(range)) AS n FROM range(1000000000)")
    assert raised.value.limit == "sql_memory_bytes"
    assert ask(engine, "SELECT n FROM t", table) == [{"n": 1.0}]
    engine.close()


def test_an_interrupt_of_the_kernel_ends_a_statement(engine: SqlEngine) -> None:
    ask(engine, "SELECT 1 AS n")
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask(engine, ENDLESS)
    timer.join()
    assert ask(engine, "SELECT 1 AS n") == [{"n": 1}]


@pytest.mark.parametrize("damage", ["DROP TABLE t", "CREATE OR REPLACE TABLE t AS SELECT 'x' AS other"])
def test_a_damaged_projection_is_made_anew(engine: SqlEngine, damage: str) -> None:
    for table in (at(1, {"n": 1}), at(2, {"n": 1}, {"n": 2})):
        assert len(ask(engine, "SELECT n FROM t", at(1, {"n": 1}))) == 1
        opened = engine._opened
        assert opened is not None
        opened.cursor().execute(damage)
        assert ask(engine, "SELECT n FROM t", table) == [{"n": float(n + 1)} for n in range(len(table.version))]


def test_rows_are_compressed_once_they_are_many(engine: SqlEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_FRESH_MAX", 3_000)
    documents = [{"n": n, "s": f"text {n % 7}"} for n in range(3_000)]
    ask(engine, "SELECT n FROM t LIMIT 1", at(1, *documents[:2_999]))
    opened = engine._opened
    assert opened is not None

    def compressions() -> set[str]:
        found = opened.cursor().execute("SELECT compression FROM pragma_storage_info('t') WHERE column_name = 's'")
        return {name for (name,) in found.fetchall()}

    assert compressions() <= {"Uncompressed", "Constant", "Empty Validity"}
    assert ask(engine, "SELECT count(*) AS n, sum(n) AS s FROM t", at(2, *documents)) == [{"n": 3_000, "s": 4_498_500}]
    assert compressions() - {"Uncompressed", "Constant", "Empty Validity"}
    assert opened.tables["t"][0].fresh == 0
    assert ask(engine, "SELECT count(*) AS n FROM t", at(3, *documents, {"n": 1})) == [{"n": 3_001}]


def test_a_question_that_cannot_be_answered_changes_nothing(engine: SqlEngine) -> None:
    table = at(1, {"n": 1})
    with pytest.raises(SqlInvalidError, match='Referenced column "m" not found'):
        ask(engine, "SELECT m FROM t", table)
    with pytest.raises(SqlInvalidError, match="Could not convert"):
        ask(engine, "SELECT 'x'::INTEGER AS n")
    assert ask(engine, "SELECT n FROM t", table) == [{"n": 1.0}]


def test_statements_that_only_read_run_beside_each_other(engine: SqlEngine) -> None:
    table = at(1, {"n": 1})
    ask(engine, "SELECT n FROM t", table)
    begun = threading.Event()
    problems: list[BaseException] = []

    def long() -> None:
        begun.set()
        try:
            ask(engine, "SELECT count(*) AS n FROM t, range(300000000)", table)
        except BaseException as error:  # whatever it is, the test has to hear of it
            problems.append(error)

    thread = threading.Thread(target=long)
    thread.start()
    begun.wait()
    for number in range(2, 6):
        assert len(ask(engine, "SELECT n FROM t", at(number, *({"n": n} for n in range(number))))) == number
    thread.join()
    assert not problems


def test_nothing_is_opened_before_the_first_statement() -> None:
    engine = SqlEngine(Limits())
    assert engine._opened is None
    engine.close()
    engine.close()


def test_text_that_leaves_the_engine_is_limited_too() -> None:
    small = SqlEngine(Limits(sql_memory_bytes=64 * 1024 * 1024))
    try:
        assert len(ask(small, "SELECT repeat('x', 10000) AS x FROM range(300)")) == 300
        for text in ("repeat('x', 10000)", "[repeat('x', 10000), i::VARCHAR]", "{'a': repeat('x', 10000)}"):
            with pytest.raises(LimitExceededError, match="too much text") as raised:
                ask(small, f"SELECT {text} AS x FROM range(16000) t(i)")
            assert raised.value.limit == "sql_memory_bytes"
    finally:
        small.close()
