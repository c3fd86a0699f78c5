"""Errors of DuckDB, as their authors read them."""

from __future__ import annotations

from nbconvex.storage.tables.explanation import explained, no_table


def test_the_kind_of_error_is_left_out_and_candidates_stay() -> None:
    error = explained('Binder Error: Referenced column "x" not found\nCandidate bindings: "y"', tables=["messages"])
    assert str(error).startswith('this SQL cannot be run: Referenced column "x" not found\nCandidate bindings: "y"')
    assert "SELECT * FROM messages LIMIT 1" in str(error)


def test_an_unknown_table_is_answered_with_the_tables_there_are() -> None:
    assert str(no_table("mesages", ["messages", "users"])) == (
        "there is no table mesages. Did you mean messages? There are messages, users."
    )
    assert "nor any other" in str(no_table("messages", []))
    many = [f"t{number:02}" for number in range(25)]
    assert str(no_table("zzz", many)).endswith("t19 and 5 more.")


def test_files_and_system_tables_are_told_apart_from_misspellings() -> None:
    assert "no files or addresses" in str(no_table("a.csv", ["t"]))
    assert "ctx.db.system" in str(no_table("_storage", ["t"]))
