"""The machine's own file system, through the seam."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from nbconvex.storage import files as files_module
from nbconvex.storage.files import Disk


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_what_is_written_is_read(disk, path):
    file = disk.open(path, create=True)
    disk.write(file, 5, b"hello")
    disk.sync(file)
    assert (disk.read(file, 0, 100), disk.size(file)) == (b"\0\0\0\0\0hello", 10)
    assert disk.read(file, 10, 5) == b""
    disk.truncate(file, 7)
    assert disk.read(file, 5, 100) == b"he"
    disk.close(file)


def test_opening_again_empties_nothing(disk, path):
    path.write_bytes(b"kept")
    for create in (True, False):
        file = disk.open(path, create=create)
        assert disk.read(file, 0, 9) == b"kept"
        disk.close(file)


def test_a_missing_file_is_made_only_on_request(disk, path):
    with pytest.raises(FileNotFoundError):
        disk.open(path, create=False)
    assert not path.exists()


def test_allocating_fills_with_zeros_and_leaves_the_rest(disk, path, monkeypatch):
    monkeypatch.setattr(files_module, "PIECE_BYTES", 1000)
    path.write_bytes(b"abc")
    file = disk.open(path, create=True)
    disk.allocate(file, 3, 2500)
    assert path.read_bytes() == b"abc" + bytes(2500)
    disk.close(file)


def test_short_reads_and_writes_are_completed(disk, path, monkeypatch):
    pread, pwrite = os.pread, os.pwrite
    monkeypatch.setattr(files_module, "_pread", lambda file, length, offset: pread(file, min(length, 3), offset))
    monkeypatch.setattr(files_module, "_pwrite", lambda file, data, offset: pwrite(file, data[:4], offset))
    file = disk.open(path, create=True)
    disk.write(file, 1, b"0123456789")
    assert disk.read(file, 1, 10) == b"0123456789"
    disk.close(file)


def test_a_durable_write_is_there_and_leaves_the_rest(disk, path):
    path.write_bytes(b"0123456789")
    file = disk.open(path, create=False)
    disk.write_durably(file, 2, b"ab")
    disk.write_durably(file, 9, b"cde")
    assert path.read_bytes() == b"01ab45678cde"
    disk.close(file)


@pytest.mark.skipif(sys.platform != "linux", reason="RWF_DSYNC")
@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_where_a_write_cannot_be_durable_by_itself_it_is_synced(disk, path, monkeypatch, number):
    synced = []

    def refuse(*_: object) -> int:
        raise OSError(number, "no such flag")

    monkeypatch.setattr(os, "pwritev", refuse)
    monkeypatch.setattr(files_module, "_sync", synced.append)
    file = disk.open(path, create=True)
    disk.write_durably(file, 0, b"hello")
    assert (path.read_bytes(), synced) == (b"hello", [file])
    disk.close(file)


@pytest.mark.skipif(sys.platform != "linux", reason="RWF_DSYNC")
def test_a_durable_write_that_came_to_half_is_completed_and_synced(disk, path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "pwritev", lambda file, data, offset, _: os.pwrite(file, data[0][:2], offset))
    monkeypatch.setattr(files_module, "_sync", synced.append)
    file = disk.open(path, create=True)
    disk.write_durably(file, 1, b"hello")
    assert (path.read_bytes(), synced) == (b"\0hello", [file])
    disk.close(file)


@pytest.mark.skipif(sys.platform != "linux", reason="RWF_DSYNC")
def test_a_full_disk_is_told_by_a_durable_write(disk, path, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwritev", refuse)
    file = disk.open(path, create=True)
    with pytest.raises(OSError, match="full"):
        disk.write_durably(file, 0, b"hello")
    disk.close(file)


def test_a_file_is_locked_for_one_opening(disk, path):
    first, second = disk.open(path, create=True), disk.open(path, create=True)
    assert disk.lock(first)
    assert not disk.lock(second)
    disk.close(first)
    assert disk.lock(second)
    disk.close(second)


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
@pytest.mark.parametrize(("number", "is_locked"), [(errno.ENOLCK, True), (errno.ENOSYS, True), (errno.EAGAIN, False)])
def test_a_file_system_without_locks_is_used_without(disk, path, monkeypatch, number, is_locked):
    def flock(file: int, operation: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("fcntl.flock", flock)
    file = disk.open(path, create=True)
    assert disk.lock(file) is is_locked
    disk.close(file)


def test_a_renamed_removed_or_replaced_file_is_elsewhere(disk, path):
    file = disk.open(path, create=True)
    assert disk.is_at(file, path)
    disk.rename(path, path.with_name("new"))
    assert (disk.is_at(file, path), disk.is_at(file, path.with_name("new"))) == (False, True)
    path.write_bytes(b"another")
    assert not disk.is_at(file, path)
    disk.remove(path)
    disk.remove(path)
    disk.sync_folder(path)
    disk.discard(file, path.with_name("new"))
    assert list(path.parent.iterdir()) == []
