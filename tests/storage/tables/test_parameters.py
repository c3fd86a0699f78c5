"""Values for the `$names` of SQL."""

from __future__ import annotations

import datetime as dt

import pytest

from nbconvex import Int64
from nbconvex.errors import SqlInvalidError
from nbconvex.storage.tables.parameters import bound
from nbconvex.storage.tables.statement import Statement

TWO = Statement("SELECT $a, $b", (), (), ("a", "b"))


def test_values_become_what_duckdb_takes() -> None:
    now = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert bound(TWO, {"a": Int64(2**60), "b": [Int64(1), {"x": (1, 2)}]}) == {"a": 2**60, "b": [1, {"x": [1, 2]}]}
    assert bound(TWO, {"a": now, "b": None}) == {"a": now, "b": None}


def test_what_is_missing_or_too_much_is_named() -> None:
    with pytest.raises(SqlInvalidError, match=r"has \$b, and no value") as missing:
        bound(TWO, {"a": 1})
    assert missing.value.hint == "sql(…, b=value)"
    with pytest.raises(SqlInvalidError, match=r"no parameter \$c; it has \$a, \$b"):
        bound(TWO, {"a": 1, "b": 2, "c": 3})


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(SqlInvalidError, match=r"\$b is no value"):
        bound(TWO, {"a": 1, "b": object()})
