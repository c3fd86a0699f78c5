"""Tables as SQL asks for them, and what asking reads."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex import v
from nbconvex.database.sql_tables import asked_tables, names_in_sql, stored_tables
from nbconvex.errors import ConflictError, SqlInvalidError
from nbconvex.storage.tables.statement import Statement
from nbconvex.testing import convex_test
from nbconvex.values.schema import define_schema, define_table


def statement(*tables: str, maybe: tuple[str, ...] = ()) -> Statement:
    return Statement("SELECT", tables, maybe, ())


def insert(database: Any, table: str, *documents: dict[str, Any]) -> None:
    transaction = database.begin(writable=True, reader="test")
    for document in documents:
        transaction.insert(table, document)
    database.commit(transaction)


def test_a_table_is_read_whole_and_a_commit_to_it_is_a_conflict() -> None:
    with convex_test() as t:
        database = t.backend.database
        insert(database, "users", {"n": 1})
        insert(database, "other", {"n": 1})
        for written, is_conflict in (("other", False), ("users", True)):
            transaction = database.begin(writable=True, reader="reads")
            asked_tables(transaction, statement("users"))
            transaction.insert("results", {"n": 1})
            insert(database, written, {"n": 2})
            if is_conflict:
                with pytest.raises(ConflictError, match="users"):
                    database.commit(transaction)
            else:
                database.commit(transaction)


def test_a_table_that_is_not_there_is_read_as_such() -> None:
    with convex_test() as t:
        database = t.backend.database
        insert(database, "users", {"n": 1})
        transaction = database.begin(writable=True, reader="reads")
        with pytest.raises(SqlInvalidError, match=r"there is no table later\. There are users"):
            asked_tables(transaction, statement("later"))
        transaction.insert("users", {"n": 1})
        insert(database, "later", {"n": 1})
        with pytest.raises(ConflictError):
            database.commit(transaction)


def test_a_name_that_with_explains_is_read_if_it_is_a_table_too() -> None:
    with convex_test() as t:
        insert(t.backend.database, "users", {"n": 1})
        transaction = t.backend.database.begin(writable=False)
        asked = asked_tables(transaction, statement(maybe=("users", "nothing")))
        assert [each.name for each in asked] == ["users"]


def test_own_writes_are_seen_and_marked_as_not_committed() -> None:
    with convex_test() as t:
        database = t.backend.database
        insert(database, "users", {"n": 1})
        insert(database, "other", {"n": 1})
        transaction = database.begin(writable=True)
        transaction.insert("users", {"n": 2})
        transaction.insert("new", {"n": 2})
        users, other, new = asked_tables(transaction, statement("USERS", "other", "new"))
        assert (users.ts, len(users.version)) == (None, 2)
        assert (other.ts, len(other.version)) == (transaction.snapshot.ts, 1)
        assert (new.ts, len(new.version)) == (None, 1)


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    with convex_test() as t:
        for name in ("Users", "users", "people"):
            insert(t.backend.database, name, {"is": name})
        snapshot = t.backend.database.snapshot
        assert names_in_sql(snapshot) == {"Users": "Users", "users": "users_2", "people": "people"}
        assert [(name, table.name) for name, table in stored_tables(snapshot)] == [
            ("Users", "Users"), ("users_2", "users"), ("people", "people"),
        ]  # fmt: skip
        assert t.backend.sql('SELECT "is" FROM users UNION ALL SELECT "is" FROM users_2').fetchall() == [
            ("Users",), ("users",),
        ]  # fmt: skip


def test_system_tables_are_not_tables_of_sql() -> None:
    with convex_test() as t:
        transaction = t.backend.database.begin(writable=False)
        for name in ("_storage", "_tables", "_schemas"):
            with pytest.raises(SqlInvalidError, match="system tables"):
                asked_tables(transaction, statement(name))


def test_a_validator_speaks_for_documents_only_where_they_are_checked() -> None:
    schema = {"users": define_table({"n": v.number()})}
    for is_checked in (True, False):
        with convex_test(define_schema(schema, schema_validation=is_checked)) as t:
            (users,) = asked_tables(t.backend.database.begin(writable=False), statement("users"))
            assert (users.version.validator is not None) is is_checked
