"""Tables of other programs: nbconvex.storage.arrow_rows."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nbconvex.errors import CallerError
from nbconvex.storage import arrow_rows
from nbconvex.storage.arrow_rows import ParquetWriter, columns_of, columns_of_file, is_columnar, plain


def taken(source, wishes=None):
    columns = columns_of(source, wishes or {})
    lists = [[] for _ in columns.names]
    for batch in columns.batches:
        for into, cells in zip(lists, batch, strict=True):
            into.extend(cells)
    return dict(zip(columns.names, lists, strict=True))


def test_an_arrow_table_comes_a_batch_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(arrow_rows, "BATCH_ROWS", 3)
    columns = columns_of(pa.table({"a": list(range(7))}), {})
    assert columns.total == 7
    assert [batch[0] for batch in columns.batches] == [[0, 1, 2], [3, 4, 5], [6]]


def test_every_type_that_a_value_stands_for() -> None:
    day, moment = dt.date(1970, 1, 2), dt.datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=dt.UTC)
    table = pa.table(
        {
            "text": ["a", None],
            "large": pa.array(["b", ""], pa.large_string()),
            "view": pa.array(["c", None], pa.string_view()),
            "bytes": [b"\x00", None],
            "whole": pa.array([1, None], pa.int8()),
            "float": pa.array([1.5, None], pa.float32()),
            "flag": [True, None],
            "none": pa.nulls(2),
            "category": pa.array(["x", None]).dictionary_encode(),
            "moment": pa.array([moment, None], pa.timestamp("us", tz="Europe/Berlin")),
            "naive": pa.array([1_500, None], pa.timestamp("ms")),
            "span": pa.array([dt.timedelta(seconds=2), None], pa.duration("ns")),
            "day": [day, None],
            "time": [dt.time(10, 30), None],
            "money": [decimal.Decimal("1.50"), None],
            "huge": pa.array([5, None], pa.decimal128(38, 0)),
            "list": [[1, 2], None],
            "inside": [{"a": [moment, None], "b": {"c": day}}, None],
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        }
    )
    found = taken(table)
    assert {name: cells[0] for name, cells in found.items()} == {
        "text": "a", "large": "b", "view": "c", "bytes": b"\x00", "whole": 1, "float": 1.5, "flag": True, "none": None,
        "category": "x", "moment": 1000.5, "naive": 1500.0, "span": 2000.0, "day": "1970-01-02", "time": "10:30:00",
        "money": 1.5, "huge": 5, "list": [1, 2], "inside": {"a": [1000.5, None], "b": {"c": "1970-01-02"}},
        "map": {"k": 1},
    }  # fmt: skip
    assert [name for name, cells in found.items() if cells[1] is not None] == ["large"]


def test_a_schema_can_wish_dates_as_numbers_and_decimals_as_text() -> None:
    table = pa.table({"day": [dt.date(1970, 1, 2), None], "money": [decimal.Decimal("1.50"), None]})
    found = taken(table, {"day": "number", "money": "text"})
    assert found == {"day": [86_400_000.0, None], "money": ["1.50", None]}


def test_pandas_gives_missing_cells_as_none_and_no_index() -> None:
    frame = pd.DataFrame({"n": [1.5, None], "t": pd.to_datetime(["1970-01-01 00:00:01", None]), "s": ["a", None]})
    assert is_columnar(frame)
    assert taken(frame) == {"n": [1.5, None], "t": [1000.0, None], "s": ["a", None]}
    assert taken(frame.set_index("s", drop=False).rename_axis(None)[["n"]]) == {"n": [1.5, None]}
    assert taken(frame[["n", "s"]].set_index("s")) == {"n": [1.5, None], "s": ["a", None]}


def test_relations_readers_and_whatever_streams() -> None:
    relation = duckdb.sql("SELECT 1 AS a, uuid() AS u, 2.5 AS d")
    found = taken(relation)
    assert (found["a"], found["d"]) == ([1], [2.5])
    assert len(found["u"][0]) == 36

    class Streams:
        """As a data frame of Polars."""

        height = 2

        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"a": [1, 2]}).__arrow_c_stream__(requested_schema)

    assert taken(Streams()) == {"a": [1, 2]}
    assert columns_of(Streams(), {}).total == 2
    assert taken(pa.table({"a": [1]}).to_reader()) == {"a": [1]}
    assert not is_columnar([{"a": 1}])


def test_what_no_value_stands_for_is_refused_by_name() -> None:
    with pytest.raises(CallerError, match='the column "i" is of the type month_day_nano_interval'):
        columns_of(duckdb.sql("SELECT INTERVAL 1 DAY AS i"), {})
    with pytest.raises(CallerError, match='two columns have the name "a"'):
        columns_of(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), {})


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"a": [1, "x"]}), "the DataFrame .*Could not convert 'x'.*column a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "the DataFrame .*Duplicate column names"),
        (pd.DataFrame({"a": [1j]}), "the DataFrame .*column a"),
        (pd.Series([1], name="a"), "the Series .*non-struct"),
    ],
)
def test_a_frame_that_is_no_columns_of_one_type_each_is_refused_with_a_way_out(frame: Any, said: str) -> None:
    with pytest.raises(CallerError, match=said) as raised:
        columns_of(frame, {})
    assert 'frame.to_dict("records")' in str(raised.value)


def test_parquet_files_are_read_and_damaged_ones_refused(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(20_000))}), path)
    columns = columns_of_file(path, {})
    assert columns.total == 20_000
    assert sum(len(batch[0]) for batch in columns.batches) == 20_000
    whole = path.read_bytes()
    path.write_bytes(whole[:1_000])
    with pytest.raises(CallerError, match="is no Parquet file"):
        columns_of_file(path, {})
    path.write_bytes(b"PAR1" + b"\xff" * 2_000 + whole[2_004:])
    with pytest.raises(CallerError, match="is damaged"):
        list(columns_of_file(path, {}).batches)


def test_parquet_is_written(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    fields = {"t": "text", "n": "number", "i": "int64", "f": "boolean", "b": "bytes"}
    writer = ParquetWriter(path, fields)
    writer.write([["x", None], [1.5, None], [2**62, None], [True, None], [b"\x00", None]])
    writer.write([[], [], [], [], []])
    writer.close()
    table = pq.read_table(path)
    assert table.to_pylist()[0] == {"t": "x", "n": 1.5, "i": 2**62, "f": True, "b": b"\x00"}
    assert table.num_rows == 2


def test_plain_values_of_other_types_become_text() -> None:
    import uuid

    assert plain(uuid.UUID(int=0)) == "00000000-0000-0000-0000-000000000000"
    assert plain(dt.timedelta(seconds=1)) == 1000.0
    assert plain((1, decimal.Decimal("2.5"))) == [1, 2.5]
