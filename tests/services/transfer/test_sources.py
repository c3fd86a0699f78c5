"""Telling sources apart: nbconvex.services.transfer.sources."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nbconvex.errors import CallerError, DataRefusedError, LimitExceededError
from nbconvex.limits import Limits
from nbconvex.services.transfer.sources import format_of, opened, path_of, rows_of


def taken(source, format=None, **limits):
    path = path_of(source)
    kind = None if path is None else format_of(path, format)
    with opened(source, path, kind) as given:
        rows = rows_of(given, path, kind, {}, Limits(**limits))
        return rows.name, [row for batch in rows.batches for row in batch.rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [("t.csv", "a\n1\n"), ("t.TSV", "a\n1\n"), ("t.json", '[{"a": 1.0}]'), ("t.jsonl", '{"a": 1.0}'),
     ("t.ndjson", '{"a": 1.0}'), ("v1.2.csv", "a\n1\n")],
)  # fmt: skip
def test_a_path_is_read_by_its_ending_packed_or_not(tmp_path, name, text) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert taken(path) == (name, [{"a": 1.0}])
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert taken(str(packed)) == (f"{name}.gz", [{"a": 1.0}])


def test_a_format_can_be_said(tmp_path) -> None:
    path = tmp_path / "data"
    path.write_text("a\n1\n")
    assert taken(path, "csv")[1] == [{"a": 1.0}]
    with pytest.raises(CallerError, match="no ending that says what is in it"):
        taken(path)
    with pytest.raises(CallerError, match="there is no format 'xml'"):
        taken(path, "xml")


def test_what_is_no_file_is_said(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CallerError, match=r"there is no file none\.csv; looked for it in"):
        path_of("none.csv")
    with pytest.raises(CallerError, match="there is no file"):
        path_of(tmp_path / "none.csv")
    with pytest.raises(CallerError, match="is a folder"):
        path_of(tmp_path)
    assert path_of([{"a": 1}]) is None


def test_iterables_of_dicts_and_nothing_else(tmp_path) -> None:
    assert taken([{"a": 1}, {"b": 2}]) == ("the list", [{"a": 1}, {"b": 2}])
    assert taken({"a": at} for at in range(3)) == ("the iterable", [{"a": 0}, {"a": 1}, {"a": 2}])
    with pytest.raises(CallerError, match="dict cannot be imported") as caught:
        taken({"a": 1})
    assert caught.value.hint == "nbconvex.import_data([document], table=...)"
    for wrong in (5, None, b"a,b", object()):
        with pytest.raises(CallerError, match="cannot be imported"):
            taken(wrong)


def test_a_packed_file_that_is_damaged_or_a_bomb_is_refused(tmp_path) -> None:
    path = tmp_path / "t.csv.gz"
    whole = gzip.compress(b"a\n" + b"12345\n" * 50_000)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataRefusedError, match="it is damaged"):
        taken(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(DataRefusedError, match="it is damaged"):
        taken(path)
    path.write_bytes(whole[:-8] + b"\0" * 8)
    with pytest.raises(DataRefusedError, match="it is damaged"):
        taken(path)
    path.write_bytes(whole)
    with pytest.raises(LimitExceededError, match="limit import_bytes: 1,000"):
        taken(path, import_bytes=1_000)


def test_a_path_may_begin_at_home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert path_of("~/t.csv") == Path(tmp_path / "t.csv")
