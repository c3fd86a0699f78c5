"""The DuckDB file: what is applied is read, in one step or not at all; and what DuckDB's errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from nbconvex.errors import (
    StorageCorruptError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from nbconvex.storage import duckdb_file as module
from nbconvex.storage.duckdb_file import Applied, Changes, DuckdbFile, DuckdbSettings, Reader, explain
from nbconvex.storage.files import Disk
from tests.storage.persistence_suite import key

STORE = b"store-id-16bytes"
GIB = 1024**3


@pytest.fixture
def file(tmp_path):
    return DuckdbFile(tmp_path / "app.duckdb", name="app.duckdb", files=Disk(), settings=DuckdbSettings())


@contextmanager
def reading(file: DuckdbFile) -> Iterator[Reader]:
    reader = file.read()
    try:
        yield reader
    finally:
        reader.close()
        reader.close()


def documents(reader: Reader) -> dict[int, dict[bytes, bytes]]:
    return {table: {k: v for rows in reader.documents(table) for k, v in rows} for table in reader.tables()}


def at(sequence: int) -> Applied:
    return Applied(STORE, sequence, sequence * 10)


def test_changes_are_folded_into_what_is_there(file):
    assert (file.exists, file.size_bytes()) == (False, 0)
    first = {10001: {key(1): (5, b"a"), key(2): (6, b"b")}, 7: {key(1): (6, b"other table")}}
    file.apply(Changes(first, {"k": b"1", "gone": b""}), before=None, after=at(1))
    second = {10001: {key(1): (15, b"A"), key(2): (16, None), key(3): (16, b""), key(9): (17, None)}}
    file.apply(Changes(second, {"k": b"2"}), before=at(1), after=at(2))
    with reading(file) as reader:
        assert reader.applied == at(2)
        assert documents(reader) == {7: {key(1): b"other table"}, 10001: {key(1): b"A", key(3): b""}}
        assert reader.globals() == {"k": b"2", "gone": b""}
    assert file.size_bytes() > 0


def test_a_file_with_nothing_of_ours_reads_as_empty(file):
    with duckdb.connect(str(file.path)) as connection:
        connection.execute("CREATE TABLE mine (i INTEGER)")
    with reading(file) as reader:
        assert (reader.applied, reader.tables(), reader.globals()) == (None, [], {})
    file.apply(Changes({}, {}), before=None, after=at(1))
    with reading(file) as reader:
        assert reader.applied == at(1)


def test_statements_of_bounded_size_take_everything(file, monkeypatch):
    monkeypatch.setattr(module, "STATEMENT_ROWS_MAX", 7)
    monkeypatch.setattr(module, "STATEMENT_BYTES_MAX", 100)
    monkeypatch.setattr(module, "FETCH_ROWS", 5)
    rows = {key(n): (n, bytes(n)) for n in range(50)}
    file.apply(Changes({10001: rows}, {}), before=None, after=at(1))
    with reading(file) as reader:
        assert documents(reader) == {10001: {k: v for k, (_, v) in rows.items()}}


def test_a_failure_in_the_middle_changes_nothing(file, monkeypatch):
    file.apply(Changes({10001: {key(1): (1, b"kept")}}, {}), before=None, after=at(1))
    too_long = Changes({10001: {key(1): (2, b"new")}}, {"k": "no bytes"})  # type: ignore[dict-item]
    with pytest.raises(StorageFailedError):
        file.apply(too_long, before=at(1), after=Applied(STORE, 2**63, 20))
    with reading(file) as reader:
        assert (reader.applied, documents(reader)) == (at(1), {10001: {key(1): b"kept"}})


def test_a_file_at_another_place_is_not_written(file):
    file.apply(Changes({}, {}), before=None, after=at(3))
    for before in (None, at(2), Applied(b"another-store-id", 3, 30)):
        with pytest.raises(StorageCorruptError, match="changed by another program"):
            file.apply(Changes({}, {}), before=before, after=at(4))


def test_a_store_without_its_row_is_damage(file):
    file.apply(Changes({}, {}), before=None, after=at(1))
    with duckdb.connect(str(file.path)) as connection:
        connection.execute("DELETE FROM nbconvex_log.store")
    with pytest.raises(StorageCorruptError, match="has no row"):
        file.read()


def test_a_damaged_file_is_said_to_be_damaged(file):
    rows = {key(n): (n, key(n) * 20) for n in range(30_000)}
    file.apply(Changes({10001: rows}, {}), before=None, after=at(1))
    content = bytearray(file.path.read_bytes())
    for offset in range(3 * 4096, len(content), 4096):
        content[offset : offset + 64] = b"\xff" * 64
    file.path.write_bytes(content)

    def everything() -> None:
        with reading(file) as reader:
            documents(reader)

    with pytest.raises(StorageCorruptError, match="is damaged"):
        everything()


@pytest.mark.parametrize(
    ("limit", "bytes_"),
    [
        ("", 512 * 1024**2),
        ("nonsense", 512 * 1024**2),
        (str(GIB), GIB // 4),
        (str(GIB // 8), 128 * 1024**2),
        (str(64 * GIB), 512 * 1024**2),
    ],
)
def test_duckdb_gets_its_share_of_the_container(monkeypatch, limit, bytes_):
    monkeypatch.setenv("MEM_LIMIT", limit)
    assert DuckdbSettings.from_environment().memory_bytes == bytes_


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            'Could not set lock on file "x": Conflicting lock is held in /bin/duckdb (PID 12).',
            StorageLockedError,
            "pid 12",
        ),
        (
            'Could not set lock on file "x": Resource temporarily unavailable',
            StorageLockedError,
            "not through nbconvex",
        ),
        (
            "Can't open a connection to same database file with a different configuration",
            StorageLockedError,
            "this process",
        ),
        ('The file "x" exists, but it is not a valid DuckDB database file!', StorageVersionError, "not a DuckDB file"),
        ("Trying to read a database file with version number 999", StorageVersionError, "Update duckdb"),
        ('Could not read from file "x": Is a directory', StoragePathError, "folder"),
        ('Cannot open file "x": Permission denied', StoragePathError, "rights"),
        ("Corrupt database file: computed checksum 1 does not match stored checksum 2", StorageCorruptError, "backup"),
        ('Could not write all bytes to file "x": No space left on device', StorageFailedError, "disk is full"),
        ("Something new", StorageFailedError, "Nothing is lost"),
    ],
)
def test_each_error_of_duckdb_says_what_to_do(text, kind, words):
    error = explain("app.duckdb", duckdb.IOException(text))
    assert type(error) is kind
    assert str(error).startswith("app.duckdb")
    assert words in str(error)
