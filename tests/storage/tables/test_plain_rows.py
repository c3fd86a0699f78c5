"""What SQL answers as plain values."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pytest

from nbconvex import Int64
from nbconvex.errors import SqlInvalidError
from nbconvex.storage.tables.plain_rows import plain, reader_of, text_bytes


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("1", 1), ("1.5::DOUBLE", 1.5), ("true", True), ("NULL", None), ("'a'", "a"), ("'a'::BLOB", b"a"),
        ("9007199254740993", Int64(9007199254740993)), ("9007199254740992", 9007199254740992),
        ("sum(1::BIGINT)", 1), ("170141183460469231731687303715884105727", 1.7014118346046923e38),
        ("1.25::DECIMAL(10, 2)", 1.25), ("DATE '2026-11-26'", "2026-11-26"), ("TIME '10:20:30'", "10:20:30"),
        ("TIMESTAMP '1970-01-01 00:00:01.5'", 1500.0),
        ("INTERVAL 90 MINUTE", "1:30:00"), ("uuid '00000000-0000-0000-0000-000000000001'",
                                            "00000000-0000-0000-0000-000000000001"),
        ("[1, 2]", [1, 2]), ("{'a': 1, 'b': [DATE '2026-01-01']}", {"a": 1, "b": ["2026-01-01"]}),
        ("MAP {'k': 1}", {"k": 1}), ("MAP {2: 1}", {"2": 1}), ("'{\"a\": [1, {\"$bytes\": \"YQ==\"}]}'::JSON",
                                                               {"a": [1, b"a"]}),
        ("'[9223372036854775807, 1e400]'::JSON", "[9223372036854775807, 1e400]"),
        ("'[9223372036854775807]'::JSON", [Int64(9223372036854775807)]),
        ("'{\"$no\": 1}'::JSON", '{"$no": 1}'), ("['1'::JSON, NULL]", [1, None]),
        ("{'a, b': '[1]'::JSON, 'c': 1.5::DOUBLE}", {"a, b": [1], "c": 1.5}),
        ("MAP {'k': '{\"x\": null}'::JSON}", {"k": {"x": None}}), ("[{'j': '1'::JSON}]", [{"j": 1}]),
        ("'a'::ENUM ('a', 'b')", "a"),
    ],
)  # fmt: skip
def test_every_type_has_a_plain_value(connection: Any, sql: str, value: Any) -> None:
    cursor = connection.execute(f"SELECT {sql}")
    types = [str(column[1]) for column in cursor.description]
    (found,) = reader_of(types)(cursor.fetchone())
    assert (type(found), found) == (type(value), value)


def test_what_no_value_stands_for_is_refused_with_the_cure() -> None:
    with pytest.raises(SqlInvalidError, match="cast it"):
        plain(dt.UTC)


def test_text_is_counted_wherever_it_stands() -> None:
    assert [text_bytes(each) for each in ("abc", b"ab", 5, None, ["a", {"bc": "d"}], {"k": ["vv"]})] == [
        3,
        2,
        0,
        0,
        4,
        3,
    ]
