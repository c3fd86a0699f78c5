"""The typed tables in a store's own file, as another tool finds them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nbconvex
from nbconvex import Int64, v
from nbconvex.storage.tables import file_tables
from nbconvex.values.schema import define_table

SCHEMA = {"users": define_table({"name": v.string(), "n": v.optional(v.int64())})}


def asked(path: Path, text: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(text).fetchall()


def changed(path: Path, work: Any, *, schema: Any = None, typed_tables: bool = True) -> Any:
    with nbconvex.open(path, typed_tables=typed_tables) as backend:
        if schema is not None:
            backend.push_schema(schema)
        transaction = backend.database.begin(writable=True)
        result = work(transaction)
        backend.database.commit(transaction)
    return result


def test_a_closed_file_shows_its_tables_to_any_tool(tmp_path: Path) -> None:
    path = tmp_path / "main.duckdb"  # whose catalog is called as the schema is
    changed(path, lambda tx: [tx.insert("users", {"name": "Ada", "n": Int64(2**60 + 1)}),
                              tx.insert("loose", {"a": [1, 2], "b": {"c": None}})], schema=SCHEMA)  # fmt: skip
    assert asked(path, "SELECT name, n FROM users") == [("Ada", 2**60 + 1)]
    assert asked(path, "SELECT a, b FROM loose") == [([1.0, 2.0], '{"c":null}')]
    assert asked(path, "SELECT name, documents, is_current FROM nbconvex_log.typed_tables ORDER BY name") == [
        ("loose", 1, True), ("users", 1, True),
    ]  # fmt: skip


def test_a_table_may_be_called_as_something_in_duckdb_is(tmp_path: Path) -> None:
    path = tmp_path / "order.duckdb"
    names = [
        "order",
        "main",
        "duckdb_tables",
        "sqlite_master",
        "nbconvex_tables",
        "nbconvex_staged",
        "projections",
        "temp",
    ]
    fields = {"n": 1, "table": "x", "rowid": 3, "user": "u"}
    question = 'SELECT n, "table", rowid, "user" FROM '
    with nbconvex.open(path) as backend:
        transaction = backend.database.begin(writable=True)
        for name in names:
            transaction.insert(name, fields)
        backend.database.commit(transaction)
        for name in names:
            assert backend.sql(f'{question}main."{name}"').fetchall() == [(1.0, "x", 3.0, "u")]
    for name in names:
        assert asked(path, f'{question}"{name}"') == [(1.0, "x", 3.0, "u")]


def test_closing_again_brings_up_what_changed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "app.duckdb"
    ids = changed(path, lambda tx: [tx.insert("users", {"name": f"u{n}"}) for n in range(5)], schema=SCHEMA)
    changed(path, lambda tx: tx.insert("other", {"n": 1}))
    built: list[str] = []
    brought = file_tables.brought
    monkeypatch.setattr(file_tables, "brought", lambda *args: built.append(args[3]) or brought(*args))

    def work(tx: Any) -> None:
        tx.patch(ids[0], {"name": "changed"})
        tx.delete(ids[1])
        tx.delete(ids[2])
        tx.insert("users", {"name": "new"})

    changed(path, work)
    assert built == []
    assert sorted(asked(path, "SELECT name FROM users")) == [("changed",), ("new",), ("u3",), ("u4",)]
    changed(path, lambda tx: tx.insert("other", {"n": "text"}))
    assert built == ["other"]
    assert asked(path, "SELECT n FROM other ORDER BY n") == [('"text"',), ("1",)]


def test_a_table_that_is_dropped_leaves_the_file_and_one_that_changes_its_schema_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    changed(path, lambda tx: [tx.insert("users", {"name": "Ada"}), tx.insert("gone", {"n": 1})], schema=SCHEMA)
    with nbconvex.open(path) as backend:
        backend.database.drop_table("gone")
        backend.push_schema({"users": define_table({"name": v.any()})})
    assert asked(path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == [("users",)]
    assert asked(path, "SELECT name FROM users") == [('"Ada"',)]
    with nbconvex.open(path) as backend:
        backend.reset()
    assert asked(path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == []


@pytest.mark.parametrize(
    "damage",
    ["DROP TABLE users", "DELETE FROM users", "ALTER TABLE users DROP COLUMN name",
     "INSERT INTO users SELECT * FROM users", "DROP TABLE nbconvex_log.projections CASCADE; DROP TABLE users",
     "DROP VIEW nbconvex_log.typed_tables", "UPDATE nbconvex_log.projections SET documents = 17"],
)  # fmt: skip
def test_what_somebody_damaged_is_mended_at_the_next_close(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "app.duckdb"
    changed(path, lambda tx: tx.insert("users", {"name": "Ada"}), schema=SCHEMA)
    with duckdb.connect(str(path)) as connection:
        connection.execute(damage)
    nbconvex.open(path).close()
    assert asked(path, "SELECT name, n FROM users") == [("Ada", None)]
    assert asked(path, "SELECT is_current FROM nbconvex_log.typed_tables") == [(True,)]


def test_somebody_elses_table_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "app.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE Users AS SELECT 'mine' AS x")
        connection.execute("CREATE VIEW loose AS SELECT 1 AS y")
    with caplog.at_level(logging.WARNING):
        changed(path, lambda tx: [tx.insert("users", {"name": "Ada"}), tx.insert("loose", {}), tx.insert("t", {})])
    assert "main.users is somebody else's table" in caplog.text
    assert (asked(path, "FROM Users"), asked(path, "FROM loose")) == ([("mine",)], [(1,)])
    assert len(asked(path, "FROM t")) == 1


def test_while_the_store_is_open_its_tables_are_written_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        for n in range(2):
            transaction = backend.database.begin(writable=True)
            transaction.insert("t", {"n": n})
            backend.database.commit(transaction)
            backend.write_tables()
            assert asked(path, "SELECT count(*) FROM t") == [(n + 1,)]
        transaction = backend.database.begin(writable=True)
        transaction.insert("t", {"n": 3})
        backend.database.commit(transaction)
        # As the applier does in its time: the documents are in the file, and the tables say that they are older.
        backend.database.checkpoint()
        assert asked(path, "SELECT is_current FROM nbconvex_log.typed_tables") == [(False,)]
    assert asked(path, "SELECT count(*) FROM t") == [(3,)]


def test_a_store_may_be_without_them(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    changed(path, lambda tx: tx.insert("t", {"n": 1}), typed_tables=False)
    assert asked(path, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main'") == [(0,)]


def test_a_failure_keeps_no_store_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "app.duckdb"

    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    with monkeypatch.context() as patched:
        patched.setattr(file_tables, "_written", fail)
        changed(path, lambda tx: tx.insert("t", {"n": 1}))
    assert "not up to date" in caplog.text
    assert not path.with_name("app.duckdb.journal").exists()
    nbconvex.open(path).close()
    assert asked(path, "SELECT n FROM t") == [(1.0,)]
