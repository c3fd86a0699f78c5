"""Bytes of files: nbconvex.storage.blobs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbconvex.errors import StorageFailedError
from nbconvex.storage.blobs import BlobFolder
from nbconvex.storage.files import Disk
from tests.storage.blobs_suite import HELLO, HELLO_DIGEST, BlobsSuite, MemoryBlobs, content, put


class TestFolder(BlobsSuite):
    @pytest.fixture
    def blobs(self, tmp_path) -> BlobFolder:
        return BlobFolder(tmp_path / "app.duckdb.files")


class TestTemporaryFolder(BlobsSuite):
    @pytest.fixture
    def blobs(self) -> Iterator[BlobFolder]:
        blobs = BlobFolder(None)
        yield blobs
        blobs.close()


class TestMemory(BlobsSuite):
    @pytest.fixture
    def blobs(self) -> MemoryBlobs:
        return MemoryBlobs()


class Watched(Disk):
    """The machine's disk; it notes what is done, and fails where it is told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failing = ""

    def _do(self, what: str) -> None:
        if what == self.failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.done.append(what)

    def write(self, file: int, offset: int, data: bytes) -> None:
        self._do("write")
        super().write(file, offset, data)

    def sync(self, file: int) -> None:
        self._do("sync")
        super().sync(file)

    def rename(self, old: Path, new: Path) -> None:
        self._do("rename")
        super().rename(old, new)

    def sync_folder(self, path: Path) -> None:
        self._do("sync_folder")
        super().sync_folder(path)


def left(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


def test_the_folder_is_made_with_the_first_file(tmp_path) -> None:
    blobs = BlobFolder(tmp_path / "files")
    blobs.begin().abort()
    assert content(blobs, HELLO_DIGEST) is None
    assert blobs.sweep(lambda _: False) == 0
    assert not (tmp_path / "files").exists()
    put(blobs, HELLO)
    name = HELLO_DIGEST.hex()
    assert left(tmp_path) == [tmp_path / "files" / name[:2] / name]


def test_a_temporary_folder_goes_with_its_owner() -> None:
    blobs = BlobFolder(None)
    assert blobs.path is None
    put(blobs, HELLO)
    path = blobs.path
    assert path is not None
    blobs.close()
    assert not path.exists()
    assert content(blobs, HELLO_DIGEST) is None


def test_a_blob_is_synced_before_it_has_its_name_and_its_name_before_it_is_told(tmp_path) -> None:
    files = Watched()
    blobs = BlobFolder(tmp_path / "files", files=files)
    put(blobs, b"other")
    files.done.clear()
    put(blobs, b"he", b"llo")
    assert files.done[:3] == ["write", "write", "sync"]
    assert files.done[-2:] == ["rename", "sync_folder"]
    files.done.clear()
    put(blobs, HELLO)
    assert files.done == ["write", "sync", "sync_folder"], "one that is there already may have died before this sync"


@pytest.mark.parametrize("failing", ["write", "sync", "rename", "sync_folder"])
def test_a_disk_that_fails_leaves_nothing_half_stored(tmp_path, failing) -> None:
    files = Watched()
    blobs = BlobFolder(tmp_path / "files", files=files)
    put(blobs, b"other")
    files.failing = failing
    writer = blobs.begin()

    def store() -> None:
        writer.write(HELLO)
        writer.keep()

    with pytest.raises(StorageFailedError, match=r"No space left on device while a file was stored"):
        store()
    writer.abort()
    files.failing = ""
    assert not list((tmp_path / "files" / "incoming").iterdir())
    # Its name may have been given; then it is whole, and the sweep's.
    assert content(blobs, HELLO_DIGEST) in {None, HELLO}
    assert blobs.sweep(lambda digest: digest != HELLO_DIGEST) in {0, 1}


def test_a_sweep_removes_temporaries_and_leaves_what_is_not_ours(tmp_path) -> None:
    blobs = BlobFolder(tmp_path / "files")
    put(blobs, HELLO)
    blobs.begin().write(b"half of")
    (tmp_path / "files" / "readme.txt").write_text("mine")
    (tmp_path / "files" / "2c" / "notes").write_text("mine too")
    assert blobs.sweep(lambda _: True) == 0
    assert not list((tmp_path / "files" / "incoming").iterdir())
    assert blobs.sweep(lambda _: False) == 1
    assert {each.name for each in left(tmp_path)} == {"readme.txt", "notes"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_may_not_be_written_is_an_error_of_storage(tmp_path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailedError):
        put(BlobFolder(tmp_path / "files"), HELLO)
    tmp_path.chmod(0o700)
