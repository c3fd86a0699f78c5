"""One table as JSON lines or Parquet: nbconvex.services.transfer.table_files."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from nbconvex.services.transfer import table_files
from nbconvex.values.codec import equal_values
from nbconvex.values.scalars import Int64
from tests.services.transfer.stores import backend_with, bare, everything

ROWS = [
    {"t": "a", "n": 1, "i": Int64(2**62), "f": True, "b": b"\x00", "l": [1, {"k": Int64(1)}], "mixed": 1, "null": None},
    {"t": "é", "n": 1.5, "i": Int64(-1), "f": False, "b": b"", "l": [], "mixed": "x"},
    {},
]


@pytest.fixture(params=[1, 4_096])
def batch(request, monkeypatch) -> None:
    monkeypatch.setattr(table_files, "_BATCH_ROWS", request.param)


def test_json_lines_come_back_as_they_were(tmp_path, batch) -> None:
    path = tmp_path / "t.jsonl"
    with backend_with() as first, backend_with() as second:
        first.import_data(ROWS, "t")
        assert first.export_data(path, "t").documents == 3
        lines = path.read_text().splitlines()
        assert json.loads(lines[0])["i"] == {"$integer": "AAAAAAAAAEA="}
        assert '"n":1.0' in lines[0]
        second.import_data(path, "t")
        assert equal_values(bare(second, "t"), bare(first, "t"))
        before, after = everything(first)["t"], everything(second)["t"]
        assert before[0] == after[0]
        assert before[1].keys() == after[1].keys()


def test_parquet_has_a_column_a_field(tmp_path, batch) -> None:
    path = tmp_path / "t.parquet"
    with backend_with() as backend:
        backend.import_data(ROWS, "t")
        backend.export_data(path, "t")
    table = pq.read_table(path)
    assert {field.name: str(field.type) for field in table.schema if field.name[0] != "_"} == {
        "t": "string", "n": "double", "i": "int64", "f": "bool", "b": "binary", "l": "string", "mixed": "string",
        "null": "string",
    }  # fmt: skip
    first, _, last = table.to_pylist()
    assert first["l"] == '[1.0,{"k":{"$integer":"AQAAAAAAAAA="}}]'
    assert (first["mixed"], first["i"], first["n"]) == ("1.0", 2**62, 1.0)
    assert {name: last[name] for name in last if name[0] != "_"} == dict.fromkeys(ROWS[0])
    assert table.column_names[:2] == ["_id", "_creationTime"]


def test_an_empty_table_is_a_file_too(tmp_path) -> None:
    with backend_with() as backend:
        backend.import_data([], "t")
        backend.export_data(tmp_path / "t.parquet", "t")
        backend.export_data(tmp_path / "t.jsonl", "t")
    assert pq.read_table(tmp_path / "t.parquet").num_rows == 0
    assert (tmp_path / "t.jsonl").read_bytes() == b""
