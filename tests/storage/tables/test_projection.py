"""One table of documents in DuckDB, brought to one version after the other."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from nbconvex import v
from nbconvex.storage.tables import projection
from nbconvex.storage.tables.projection import Projected, brought
from tests.storage.tables.versions import Documents


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as opened:
        yield opened


def rows(connection: Any, columns: str = "*") -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(f"SELECT {columns} FROM t ORDER BY _creationTime").fetchall()
    return found


def test_documents_come_go_and_change(connection: Any) -> None:
    first = brought(connection, None, Documents({"n": 1}, {"n": 2}), "t")
    assert rows(connection) == [("id0", 0.0, 1.0), ("id1", 1.0, 2.0)]
    second = brought(connection, first, Documents({"n": 1}, {"n": 3}, {"n": 4}), "t")
    assert rows(connection, "n") == [(1.0,), (3.0,), (4.0,)]
    third = brought(connection, second, Documents({"n": 1}), "t")
    assert rows(connection, "n") == [(1.0,)]
    assert third.deleted == 3
    # The same way back.
    brought(connection, third, Documents({"n": 1}, {"n": 3}, {"n": 4}), "t")
    assert rows(connection, "n") == [(1.0,), (3.0,), (4.0,)]


def test_columns_follow_the_documents_and_leave_with_the_last_one(connection: Any) -> None:
    state: Projected | None = None
    for documents, columns in (
        ([{"b": 1}], ["b"]),
        ([{"b": 1}, {"a": "x"}], ["a", "b"]),
        ([{"b": 1}, {"a": None}], ["a", "b", "_nulls"]),
        ([{"b": "text"}, {"a": True}], ["a", "b"]),
        ([{"a": True}], ["a"]),
        ([{"B": 1, "b": 2}], ["B", "b_2"]),
        ([{"b": 2}], ["b"]),
        ([{}], []),
    ):
        version = Documents(*documents)
        state = brought(connection, state, version, "t")
        found = [column[0] for column in connection.execute("SELECT * FROM t").description][2:]
        assert found == columns
        incremental = rows(connection)
        brought(connection, None, version, "t")
        assert rows(connection) == incremental


def test_a_later_batch_may_widen_what_an_earlier_one_promised(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "BATCH_ROWS", 1)
    brought(connection, None, Documents({"n": 1}, {"m": 1}, {"n": "x"}, {"n": None}), "t")
    assert rows(connection, "n, m, _nulls") == [
        ("1", None, []), (None, 1.0, []), ('"x"', None, []), (None, None, ["n"]),
    ]  # fmt: skip


def test_a_declared_table_has_its_columns_without_any_document(connection: Any) -> None:
    validator = v.object({"body": v.string(), "n": v.optional(v.int64())})
    first = brought(connection, None, Documents(validator=validator), "t")
    assert [column[0] for column in connection.execute("SELECT * FROM t").description] == [
        "_id", "_creationTime", "body", "n",
    ]  # fmt: skip
    second = brought(connection, first, Documents({"body": "x"}, validator=validator), "t")
    assert rows(connection, "body, n") == [("x", None)]
    third = brought(connection, second, Documents({"body": "x"}, validator=v.object({"body": v.any()})), "t")
    assert rows(connection, "body") == [('"x"',)]
    brought(connection, third, Documents({"body": "x"}), "t")
    assert rows(connection, "body") == [("x",)]


def test_many_differences_are_built_anew(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_DIFFERENCES_MIN", 1)
    first = brought(connection, None, Documents(*({"n": n} for n in range(4))), "t")
    second = brought(connection, first, Documents(*({"n": -n} for n in range(8))), "t")
    assert second.deleted == 0
    assert rows(connection, "n") == [(float(-n),) for n in range(8)]


def test_rows_that_were_deleted_are_swept(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_DELETED_MIN", 3)
    state = brought(connection, None, Documents({"n": 0}), "t")
    most = 0
    for n in range(20):
        state = brought(connection, state, Documents({"n": n}), "t")
        most = max(most, state.deleted)
    assert most == 4
    assert rows(connection, "n") == [(19.0,)]


def test_it_is_undone_with_the_transaction(connection: Any) -> None:
    first = brought(connection, None, Documents({"n": 1}), "t")
    connection.begin()
    brought(connection, first, Documents({"n": "other", "m": 1}, {"n": 2}), "t")
    assert len(rows(connection)) == 2
    connection.rollback()
    assert rows(connection) == [("id0", 0.0, 1.0)]
