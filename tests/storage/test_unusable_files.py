"""A file that cannot be used is left as it is, and whoever asked is told why, by whom, and what to do."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import duckdb
import pytest

from nbconvex.clock import ManualClock
from nbconvex.errors import (
    StorageCorruptError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from tests.storage.duckdb_stores import HOLD, abandon, child, contents, loaded, opened
from tests.storage.forgetful_disk import ForgetfulDisk
from tests.storage.persistence_suite import fold, put, taken


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.duckdb"


class TestWhoHasTheFile:
    def test_a_second_process_is_told_who_and_what_to_do(self, path):
        with child(HOLD, path) as holder:
            began = time.monotonic()
            with pytest.raises(StorageLockedError) as caught:
                opened(path)
            assert time.monotonic() - began < 1
            assert f"pid {holder.pid} on " in caught.value.holder
            assert "nbconvex" in caught.value.holder
            assert "Shut that kernel down" in str(caught.value)

    def test_a_killed_holder_does_not_hold(self, path):
        with child(HOLD, path) as holder:
            holder.kill()
            holder.wait()
            loaded(path).close()

    def test_a_second_opening_in_one_process_says_so(self, path):
        store = loaded(path, clock=ManualClock())
        with pytest.raises(StorageLockedError, match="already open in this process") as caught:
            opened(path)
        assert f"pid {os.getpid()} on " in caught.value.holder
        store.close()
        loaded(path).close()

    def test_another_program_that_has_the_file_open_is_named(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.close()
        tool = """
            import sys, duckdb
            connection = duckdb.connect(sys.argv[1])
            print("ready", flush=True)
            sys.stdin.read()
        """
        with child(tool, path) as holder:
            store = opened(path)
            with pytest.raises(StorageLockedError) as caught:
                store.load()
            assert f"pid {holder.pid}" in caught.value.holder
            assert "not through nbconvex" in caught.value.holder
        assert contents(path) == (1, fold([put(1, 1)]))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")
    def test_a_forked_child_neither_writes_nor_keeps_the_lock(self, path):
        """The parent is killed while its child lives: the file is free, and the child is refused."""
        code = """
            import os, sys, time
            from nbconvex.errors import StorageFailedError
            from nbconvex.storage.duckdb import DuckdbPersistence
            from nbconvex.storage.persistence import Commit
            store = DuckdbPersistence.open(sys.argv[1])
            store.load()
            store.append([Commit(1, ())], 0)
            if os.fork() == 0:
                try:
                    store.append([Commit(2, ())], 1)
                except StorageFailedError as error:
                    assert "fork" in str(error)
                    store.close()
                    print("ready", flush=True)
                time.sleep(60)
            sys.stdin.read()
        """
        with child(code, path) as parent:
            with pytest.raises(StorageLockedError):
                opened(path)
            parent.kill()
            parent.wait()
            assert contents(path) == (1, {})


class TestFilesThatCannotBeUsed:
    def test_a_missing_folder(self, path):
        with pytest.raises(StoragePathError, match="Create it first"):
            opened(path.parent / "nowhere" / "app.duckdb")

    def test_a_folder(self, path):
        with pytest.raises(StoragePathError, match="Name a file in it"):
            opened(path.parent)
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
    def test_a_folder_that_may_not_be_written(self, path, number):
        disk = ForgetfulDisk()
        disk.failures["open"] = number
        with pytest.raises(StoragePathError, match="may not be written"):
            opened(path, files=disk)

    @pytest.mark.parametrize("content", [b"", b"my notes\n" * 1000], ids=["empty", "text"])
    def test_a_file_of_another_kind_is_left_alone(self, path, content):
        path.write_bytes(content)
        store = opened(path)
        with pytest.raises(StorageVersionError, match="not a DuckDB file"):
            store.load()
        store.close()
        assert path.read_bytes() == content
        assert [each.name for each in path.parent.iterdir()] == ["app.duckdb"]

    def test_a_file_of_a_newer_version_is_left_alone(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.close()
        with duckdb.connect(str(path)) as connection:
            connection.execute("UPDATE nbconvex_log.store SET format_version = 2")
            connection.execute("ALTER TABLE nbconvex_log.store ADD COLUMN later INTEGER")
        before = path.read_bytes()
        with pytest.raises(StorageVersionError, match="newer nbconvex"):
            opened(path).load()
        assert path.read_bytes() == before

    def test_a_disk_that_is_full_at_the_start(self, path):
        disk = ForgetfulDisk()
        disk.failures["allocate"] = errno.ENOSPC
        store = opened(path, files=disk)
        with pytest.raises(StorageFailedError, match="disk is full"):
            store.load()
        store.close()

    def test_a_failed_append_is_the_last_until_reopened(self, path):
        disk = ForgetfulDisk()
        store = loaded(path, files=disk)
        store.append([put(1, 1)], 0)
        disk.failures["sync"] = errno.ENOSPC
        for _ in range(2):
            with pytest.raises(StorageFailedError):
                store.append([put(2, 2)], 1)
        disk.failures.clear()
        with pytest.raises(StorageFailedError):
            store.put_global("k", b"v")
        store.close()
        again = opened(path, files=disk)
        head, documents = taken(again.load())
        assert documents == fold([put(1, 1), put(2, 2)][:head])
        again.close()


class TestFilesThatDoNotBelongTogether:
    def journal(self, path: Path) -> Path:
        return path.with_name(path.name + ".journal")

    def half(self, path: Path) -> None:
        """A file with commits, a journal with more."""
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        store.append([put(2, 2)], 1)
        abandon(store)

    def refused(self, path: Path, words: str) -> None:
        kept = {each: each.read_bytes() for each in path.parent.iterdir()}
        store = opened(path)
        with pytest.raises(StorageCorruptError, match=words):
            store.load()
        for each, content in kept.items():
            after = each.read_bytes()
            assert (after[:2048], after[2560:]) == (content[:2048], content[2560:]), each  # but for the holder's name

    def test_a_journal_without_its_file(self, path):
        self.half(path)
        path.rename(path.with_name("elsewhere"))
        self.refused(path, "is missing, but its journal is there")

    def test_an_older_file_put_back_beside_a_newer_journal(self, path):
        self.half(path)
        older = path.read_bytes()
        store = loaded(path)
        store.checkpoint()
        store.append([put(3, 3)], 2)
        abandon(store)
        path.write_bytes(older)
        self.refused(path, "is older than its journal")

    def test_an_older_journal_put_back_beside_a_newer_file(self, path):
        self.half(path)
        older = self.journal(path).read_bytes()
        store = loaded(path)
        store.append([put(3, 3)], 2)
        store.close()
        self.journal(path).write_bytes(older)
        self.refused(path, "is older than")

    def test_a_journal_of_another_store(self, path):
        other = path.with_name("other.duckdb")
        self.half(path)
        self.half(other)
        self.journal(other).replace(self.journal(path))
        self.refused(path, "belongs to another database")

    def test_a_file_removed_while_open_is_not_made_again_without_its_commits(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        away = path.rename(path.with_name("away"))
        store.append([put(2, 2)], 1)
        with pytest.raises(StorageFailedError, match="was removed while"):
            store.checkpoint()
        away.rename(path)
        store.close()
        assert contents(path) == (2, fold([put(1, 1), put(2, 2)]))

    def test_a_file_replaced_while_open_is_not_written(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        older = path.read_bytes()
        store.append([put(2, 2)], 1)
        store.checkpoint()
        path.write_bytes(older)
        store.append([put(3, 3)], 2)
        with pytest.raises(StorageCorruptError, match="changed by another program"):
            store.checkpoint()
        abandon(store)
        assert path.read_bytes() == older
