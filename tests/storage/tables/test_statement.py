"""What SQL may be: each attack has a name, and is refused with a sentence."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest

from nbconvex.errors import LimitExceededError, SqlInvalidError
from nbconvex.storage.tables.statement import StatementReader


@pytest.fixture(scope="module")
def reader() -> Any:
    with duckdb.connect() as connection:
        yield StatementReader(connection, text_bytes_max=100_000)


ATTACKS = {
    "copy_to": ("COPY messages TO 'out.csv'", "COPY is none"),
    "copy_from": ("COPY messages FROM 'in.csv'", "COPY is none"),
    "attach": ("ATTACH 'other.duckdb' AS other", "ATTACH is none"),
    "detach": ("DETACH memory", "DETACH is none"),
    "use": ("USE nbconvex_log", "USE is none"),
    "read_csv": ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
    "read_csv_auto": ("SELECT * FROM read_csv_auto('/etc/passwd')", "read_csv_auto"),
    "read_text": ("SELECT * FROM read_text('/etc/passwd')", "read_text"),
    "read_blob": ("SELECT * FROM read_blob('/etc/passwd')", "read_blob"),
    "read_parquet": ("SELECT * FROM read_parquet('x.parquet')", "read_parquet"),
    "read_json": ("SELECT * FROM read_json('x.json')", "read_json"),
    "read_duckdb": ("SELECT * FROM read_duckdb('app.duckdb')", "read_duckdb"),
    "sniff_csv": ("SELECT * FROM sniff_csv('/etc/passwd')", "sniff_csv"),
    "glob": ("SELECT * FROM glob('/etc/*')", "glob"),
    "read_in_scalar_place": ("SELECT read_text('/etc/passwd')", "read_text"),
    "read_in_a_subquery": ("SELECT (SELECT max(content) FROM read_text('/etc/passwd'))", "read_text"),
    "read_in_with": ("WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x", "read_text"),
    "read_in_a_lateral_join": ("SELECT * FROM range(3), LATERAL (SELECT * FROM glob('*'))", "glob"),
    "read_in_order_by": ("SELECT 1 ORDER BY (SELECT count(*) FROM glob('*'))", "glob"),
    "read_in_a_lambda": ("SELECT list_transform([1], lambda x: (SELECT count(*) FROM glob('*')))", "glob"),
    "read_in_a_window": ("SELECT sum(1) OVER (ORDER BY (SELECT count(*) FROM glob('*')))", "glob"),
    "query_of_a_text": ("SELECT * FROM query('COPY (SELECT 1) TO ''x''')", "query"),
    "query_table": ("SELECT * FROM query_table('messages')", "query_table"),
    "install": ("INSTALL httpfs", "INSTALL is none"),
    "load": ("LOAD httpfs", "LOAD is none"),
    "pragma": ("PRAGMA database_list", "PRAGMA is none"),
    "pragma_function": ("SELECT * FROM pragma_table_info('messages')", "pragma_table_info"),
    "set": ("SET enable_external_access = true", "SET is none"),
    "set_variable": ("SET VARIABLE x = 1", "SET is none"),
    "reset": ("RESET lock_configuration", "RESET is none"),
    "call": ("CALL duckdb_settings()", "CALL is none"),
    "two_statements": ("SELECT 1; SELECT 2", "one statement, got 2"),
    "a_write_behind_a_select": ("SELECT 1; DROP TABLE messages", "one statement, got 2"),
    "export_database": ("EXPORT DATABASE 'folder'", "EXPORT is none"),
    "import_database": ("IMPORT DATABASE 'folder'", "IMPORT is none"),
    "insert": ("INSERT INTO messages VALUES (1)", "use a mutation"),
    "update": ("UPDATE messages SET body = 'x'", "use a mutation"),
    "delete": ("DELETE FROM messages", "use a mutation"),
    "truncate": ("TRUNCATE messages", "use a mutation"),
    "merge": ("MERGE INTO messages USING messages m2 ON true WHEN MATCHED THEN DELETE", "use a mutation"),
    "insert_inside_with": ("WITH x AS (INSERT INTO messages VALUES (1) RETURNING *) SELECT * FROM x", "use a mutation"),
    "delete_inside_with": ("WITH x AS (DELETE FROM messages RETURNING *) SELECT * FROM x", "use a mutation"),
    "create_table": ("CREATE TABLE x AS SELECT 1", "CREATE is none"),
    "create_macro": ("CREATE MACRO m() AS 1", "CREATE is none"),
    "create_secret": ("CREATE SECRET s (TYPE s3)", "CREATE is none"),
    "drop": ("DROP TABLE messages", "DROP is none"),
    "alter": ("ALTER TABLE messages ADD COLUMN x INTEGER", "ALTER is none"),
    "vacuum": ("VACUUM", "VACUUM is none"),
    "checkpoint": ("CHECKPOINT", "CHECKPOINT is none"),
    "begin": ("BEGIN TRANSACTION", "BEGIN is none"),
    "prepare": ("PREPARE p AS SELECT 1", "PREPARE is none"),
    "explain_analyze": ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN is none"),
    "show": ("SHOW TABLES", "SHOW, DESCRIBE"),
    "describe": ("DESCRIBE messages", "SHOW, DESCRIBE"),
    "summarize": ("SUMMARIZE messages", "SHOW, DESCRIBE"),
    "show_in_from": ("SELECT * FROM (DESCRIBE messages)", "SHOW, DESCRIBE"),
    "log_schema": ("SELECT * FROM nbconvex_log.documents", "out of reach"),
    "log_schema_of_a_catalog": ("SELECT * FROM app.nbconvex_log.documents", "out of reach"),
    "information_schema": ("SELECT * FROM information_schema.tables", "out of reach"),
    "pg_catalog": ("SELECT * FROM pg_catalog.pg_class", "out of reach"),
    "another_catalog": ("SELECT * FROM other.main.messages", "out of reach"),
    "temp_catalog": ("SELECT * FROM temp.main.x", "out of reach"),
    "settings": ("SELECT * FROM duckdb_settings()", "duckdb_settings"),
    "secrets": ("SELECT * FROM duckdb_secrets()", "duckdb_secrets"),
    "current_setting": ("SELECT current_setting('temp_directory')", "current_setting"),
    "getvariable": ("SELECT getvariable('x')", "getvariable"),
    "getenv": ("SELECT getenv('HOME')", "getenv"),
    "write_log": ("SELECT write_log('x')", "write_log"),
    "sleep": ("SELECT sleep_ms(100000)", "sleep_ms"),
    "sequence": ("SELECT nextval('s')", "nextval"),
    "executes_serialized_sql": ("SELECT * FROM json_execute_serialized_sql('{}')", "json_execute_serialized_sql"),
    "plans_any_sql": ("SELECT json_serialize_plan('SELECT * FROM glob(''*'')')", "json_serialize_plan"),
    "function_of_a_schema": ("SELECT pg_catalog.pg_get_viewdef(1)", "pg_get_viewdef"),
    "arrow_scan_of_an_address": ("SELECT * FROM arrow_scan(1, 2, 3)", "arrow_scan"),
    "pandas_scan": ("SELECT * FROM pandas_scan(1)", "pandas_scan"),
    "python_map": ("SELECT * FROM python_map_function(1)", "python_map_function"),
    "external_resource": ("SELECT * FROM create_external_resource('x')", "create_external_resource"),
    "logs": ("SELECT * FROM duckdb_logs()", "duckdb_logs"),
    "seq_scan": ("SELECT * FROM seq_scan('messages')", "seq_scan"),
    "time_travel": ("SELECT * FROM messages AT (VERSION => 1)", "AT (…) is not available"),
    "positional_parameter": ("SELECT ?", "parameters have names"),
    "numbered_parameter": ("SELECT $1", "parameters have names"),
    "mixed_parameters": ("SELECT ?, $a", "parameters have names"),
    "view_of_duckdb_behind_a_with": (
        "SELECT * FROM (WITH duckdb_tables AS (SELECT 1) SELECT 1), duckdb_tables", "the name of something of DuckDB's",
    ),
    "empty": ("  -- nothing\n", "is empty"),
    "pivot_that_makes_types": ("PIVOT messages ON author USING count(*)", "name its values|one statement"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(reader: StatementReader, text: str, said: str) -> None:
    for is_repeatable in (True, False):
        with pytest.raises(SqlInvalidError, match=f"(?i){said}".replace("(…)", r"\(…\)")):
            reader.read(text, is_repeatable=is_repeatable)


@pytest.mark.parametrize("path", ["file.csv", "/etc/passwd", "https://example.com/x.parquet", "s3://bucket/x", "x.db"])
def test_a_file_in_from_is_the_name_of_a_table_that_there_is_not(reader: StatementReader, path: str) -> None:
    # Whoever resolves the names refuses it; DuckDB itself is closed to files.
    assert reader.read(f"SELECT * FROM '{path}'", is_repeatable=True).tables == (path,)


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT * FROM messages", ("messages",)),
        ("FROM messages", ("messages",)),
        ("TABLE messages", ("messages",)),
        ("VALUES (1), (2)", ()),
        ("(SELECT 1)", ()),
        ("SELECT 1;", ()),
        ("SELECT m.* EXCLUDE (body) FROM main.messages m JOIN users u ON m.author = u._id", ("messages", "users")),
        ("SELECT * FROM messages WHERE author IN (SELECT _id FROM users) AND EXISTS (FROM tags)",
         ("messages", "users", "tags")),
        ("SELECT * FROM messages UNION ALL BY NAME SELECT * FROM users", ("messages", "users")),
        (("SELECT (SELECT max(n) FROM a), list_transform([1], lambda x: x + 1), [y FOR y IN [1]] FROM b, "
         "LATERAL (SELECT b.n + 1)"), ("a", "b")),
        (("SELECT author, count(*) FILTER (WHERE n > 1), row_number() OVER (ORDER BY n) FROM t GROUP BY CUBE (author) "
         "QUALIFY row_number() OVER () = 1 ORDER BY ALL LIMIT 3 OFFSET 1"), ("t",)),
        (("SELECT DISTINCT ON (a) CASE WHEN a > 1 THEN 'x' LIKE 'y%' END, a::VARCHAR, TRY_CAST(a AS INTEGER), "
         "a BETWEEN 1 AND 2, a COLLATE NOCASE, INTERVAL 1 DAY, j->>'$.x', s.f, l[1:2], {'a': 1} FROM t"), ("t",)),
        ("FROM t PIVOT (sum(n) FOR k IN ('x', 'y'))", ("t",)),
        ("UNPIVOT t ON a, b", ("t",)),
        ("SELECT * FROM t ASOF JOIN u ON t.n >= u.n POSITIONAL JOIN w", ("t", "u", "w")),
        ("SELECT unnest(tags), * FROM t, unnest([1, 2]), generate_series(1, 3), json_each(t.j)", ("t",)),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT sum(n) FROM r", ()),
        (("SELECT array_to_string(list_sum([1]), ','), nullif(1, 2), geomean(n), strftime(to_timestamp(n), '%Y'), "
         "json_group_array(n), printf('%d', 1), md5('x'), epoch_ms(0) FROM t"), ("t",)),
        ("SELECT * FROM t TABLESAMPLE reservoir(10%)", None),
    ],
)  # fmt: skip
def test_a_select_names_the_tables_it_reads(reader: StatementReader, text: str, tables: tuple[str, ...] | None) -> None:
    if tables is not None:
        assert reader.read(text, is_repeatable=True).tables == tables
    assert reader.read(text, is_repeatable=False).text.startswith(text[:10])


def test_a_name_that_with_explains_may_also_be_a_table(reader: StatementReader) -> None:
    statement = reader.read("WITH users AS (SELECT * FROM people) SELECT * FROM users", is_repeatable=True)
    assert (statement.tables, statement.maybe_tables) == (("people",), ("users",))


def test_parameters_are_named_in_the_order_of_the_text(reader: StatementReader) -> None:
    statement = reader.read("SELECT $b, $a WHERE 1 = $b -- $c\n AND 'x$d' = 'y'", is_repeatable=True)
    assert statement.parameters == ("b", "a")


@pytest.mark.parametrize(
    "text",
    ["SELECT now()", "SELECT current_date", "SELECT CURRENT_TIMESTAMP", "SELECT localtime", "SELECT random()",
     "SELECT uuid()", "SELECT today()", "SELECT ago(INTERVAL 1 DAY)", "SELECT current_localtimestamp()",
     "SELECT age(TIMESTAMP '2020-01-01')",
     "SELECT * FROM t USING SAMPLE 3", "SELECT * FROM t WHERE _creationTime > epoch_ms(get_current_timestamp())"],
)  # fmt: skip
def test_what_changes_by_itself_is_for_cells_only(reader: StatementReader, text: str) -> None:
    with pytest.raises(SqlInvalidError, match="something else each time"):
        reader.read(text, is_repeatable=True)
    reader.read(text, is_repeatable=False)


def test_the_age_between_two_moments_is_the_same_every_time(reader: StatementReader) -> None:
    reader.read("SELECT age(a, b), age(a, TIMESTAMP '2020-01-01') FROM t", is_repeatable=True)


def test_a_text_has_a_length_and_is_a_text(reader: StatementReader) -> None:
    with pytest.raises(LimitExceededError) as raised:
        reader.read("SELECT " + "1+" * 100_000 + "1", is_repeatable=True)
    assert raised.value.limit == "sql_text_bytes"
    with pytest.raises(SqlInvalidError, match="SQL is a text, got int"):
        reader.read(3, is_repeatable=True)  # type: ignore[arg-type]


def test_a_slip_is_shown_where_it_is(reader: StatementReader) -> None:
    with pytest.raises(SqlInvalidError, match='syntax error at or near "t"'):
        reader.read("SELECT * FORM t WHERE x", is_repeatable=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SELECT i, at FROM e", "at"), ("SELECT i\nFROM e\nWHERE at >= 3", "at"), ("SELECT any FROM e", "any"),
        ("SELECT sum(end) FROM e", "end"), ("SELECT * FROM order", "order"), ("SELECT x, from FROM t", "from"),
        ("SELECT " + "x, " * 60 + "order FROM t", "order"),
    ],
)  # fmt: skip
def test_a_name_that_is_a_word_of_sql_is_to_be_quoted(reader: StatementReader, text: str, word: str) -> None:
    with pytest.raises(SqlInvalidError, match=f'write it in double quotes: "{word}"'):
        reader.read(text, is_repeatable=True)
    reader.read(re.sub(rf"\b{word}\b", f'"{word}"', text), is_repeatable=True)


@pytest.mark.parametrize("text", ["SELECT * FORM t", "SELECT a FROM t GROUP x", "SELECT (1", "SELECT 1 + FROM t WHERE"])
def test_other_slips_are_not_taken_for_names(reader: StatementReader, text: str) -> None:
    with pytest.raises(SqlInvalidError) as raised:
        reader.read(text, is_repeatable=True)
    assert "word of SQL" not in str(raised.value)


def test_texts_are_read_once_and_not_kept_for_ever(reader: StatementReader) -> None:
    first = reader.read("SELECT 1", is_repeatable=True)
    assert reader.read("SELECT 1", is_repeatable=True) is first
    for number in range(300):
        reader.read(f"SELECT {number}", is_repeatable=True)
    assert len(reader._kept) <= 256
