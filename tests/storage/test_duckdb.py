"""The DuckDB store keeps the port's promises, loses nothing to a crash, and says what is wrong with a file."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from nbconvex.clock import ManualClock
from nbconvex.errors import (
    StorageCorruptError,
    StorageError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from nbconvex.storage import duckdb as duckdb_module
from nbconvex.storage.duckdb import ApplySettings, DuckdbPersistence
from tests.storage.forgetful_disk import ForgetfulDisk, PowerCut
from tests.storage.persistence_suite import DurableSuite, drop, fold, key, put, taken

#: Nothing moves by itself.
BY_HAND = ApplySettings(pending_bytes=1 << 60, age_s=1e6)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.duckdb"


def opened(path: Path, **settings) -> DuckdbPersistence:
    return DuckdbPersistence.open(path, **{"apply": BY_HAND, **settings})


def loaded(path: Path, **settings) -> DuckdbPersistence:
    store = opened(path, **settings)
    taken(store.load())
    return store


def abandon(store: DuckdbPersistence) -> None:
    """What a killed process leaves: the files as they are, and no lock."""
    store._closing.set()
    store._due.set()
    if store._worker is not None:
        store._worker.join()
    store._close_reader()
    store._journal.close()


def contents(path: Path) -> tuple[int, dict]:
    store = opened(path)
    try:
        return taken(store.load())
    finally:
        abandon(store)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


@contextmanager
def child(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that has said a line, and ends with the block."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "ready"
        try:
            yield process
        finally:
            process.kill()


HOLD = """
    import sys
    from nbconvex.storage.duckdb import DuckdbPersistence
    store = DuckdbPersistence.open(sys.argv[1])
    store.load()
    print("ready", flush=True)
    sys.stdin.read()
"""


class TestDuckdbPersistence(DurableSuite):
    @pytest.fixture(autouse=True)
    def folder(self, path):
        self.path = path

    def open(self) -> DuckdbPersistence:
        return opened(self.path)


class TestWhatIsOnDisk:
    def test_after_a_clean_close_the_file_is_everything(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        assert {each.name for each in path.parent.iterdir()} == {"app.duckdb.journal"}
        store.checkpoint()
        assert {each.name for each in path.parent.iterdir()} == {"app.duckdb", "app.duckdb.journal"}
        assert store.size_bytes() >= path.stat().st_size
        store.close()
        assert [each.name for each in path.parent.iterdir()] == ["app.duckdb"]
        moved = path.rename(path.with_name("moved.duckdb"))
        assert contents(moved) == (1, fold([put(1, 1)]))

    def test_a_store_that_was_never_written_leaves_nothing(self, path):
        for _ in range(2):
            loaded(path).close()
        opened(path).close()
        assert list(path.parent.iterdir()) == []

    def test_any_duckdb_tool_reads_the_file(self, path):
        store = loaded(path)
        store.append([put(3, 1), put(5, 2), drop(6, 1)], 0)
        store.close()
        with duckdb.connect(str(path)) as connection:
            rows = connection.execute("SELECT * FROM nbconvex_log.documents").fetchall()
        assert rows == [(10001, key(2), 5, b"v5.2")]

    def test_other_tables_in_the_file_are_left_alone(self, path):
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE mine AS SELECT 42 AS answer")
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.close()
        assert contents(path) == (1, fold([put(1, 1)]))
        with duckdb.connect(str(path)) as connection:
            assert connection.execute("FROM mine").fetchall() == [(42,)]

    def test_a_counter_written_for_hours_does_not_grow_the_file(self, path):
        store = loaded(path)
        sizes = []
        for ts in range(1, 25):
            store.append([put(ts, 1)], ts - 1)
            store.checkpoint()
            sizes.append(path.stat().st_size)
        assert sizes[-1] <= 2 * sizes[4]
        store.close()

    def test_changing_the_folder_of_the_process_moves_nothing(self, path, monkeypatch):
        monkeypatch.chdir(path.parent)
        store = loaded(Path("app.duckdb"))
        assert store.name == "app.duckdb"
        monkeypatch.chdir("/")
        store.append([put(1, 1)], 0)
        store.close()
        assert contents(path) == (1, fold([put(1, 1)]))

    def test_the_file_may_be_called_like_the_package(self, path):
        usual = path.with_name("nbconvex.duckdb")
        for ts in (1, 2):
            store = loaded(usual)
            store.append([put(ts, ts)], ts - 1)
            store.close()
        assert contents(usual) == (2, fold([put(1, 1), put(2, 2)]))

    def test_links_to_one_file_are_one_store(self, path):
        link = path.with_name("link.duckdb")
        link.symlink_to(path)
        store = loaded(path)
        with pytest.raises(StorageLockedError):
            opened(link)
        store.close()


class TestCrashes:
    def test_a_killed_store_has_everything(self, path):
        store = loaded(path)
        store.append([put(1, 1), put(2, 2)], 0)
        store.put_global("a", b"1")
        store.checkpoint()
        store.append([put(3, 2), drop(4, 1)], 2)
        store.put_global("b", b"2")
        abandon(store)
        again = opened(path)
        assert taken(again.load()) == (4, fold([put(1, 1), put(2, 2), put(3, 2), drop(4, 1)]))
        assert (again.get_global("a"), again.get_global("b")) == (b"1", b"2")
        assert again.changes(2) == [put(3, 2), drop(4, 1)]
        again.append([put(5, 9)], 4)
        again.close()
        assert contents(path) == (5, fold([put(3, 2), put(5, 9)]))

    def test_a_crash_between_file_and_cut_doubles_nothing(self, path):
        disk = ForgetfulDisk()
        store = loaded(path, files=disk)
        store.append([put(1, 1)], 0)
        store.put_global("a", b"1")
        disk.failures["sync"] = errno.EIO
        with pytest.raises(StorageFailedError):
            store.checkpoint()  # the file has it, the journal could not be cut
        abandon(store)
        disk.failures.clear()
        again = loaded(path, files=disk)
        assert again.changes(1) == []
        again.append([put(2, 1)], 1)
        again.close()
        assert contents(path) == (2, fold([put(2, 1)]))

    def test_half_a_new_file_is_made_again(self, path):
        disk = ForgetfulDisk()
        store = loaded(path, files=disk)
        store.append([put(1, 1)], 0)
        disk.failures["rename"] = errno.EIO
        with pytest.raises(StorageFailedError):
            store.checkpoint()
        assert not path.exists()
        path.with_name("app.duckdb.new").write_bytes(b"half of something")
        disk.failures.clear()
        store.append([put(2, 2)], 1)
        store.close()
        assert [each.name for each in path.parent.iterdir()] == ["app.duckdb"]
        assert contents(path) == (2, fold([put(1, 1), put(2, 2)]))

    @pytest.mark.parametrize("mode", ["forget", "keep", "tear", "reorder"])
    def test_power_may_go_at_any_operation(self, path, mode, is_long):
        """Two checkpoints and a close among appends; every operation is once the last."""
        log = [put(ts, ts % 3, ts) for ts in range(1, 9)]

        def run(store: DuckdbPersistence, acknowledged: list[int]) -> None:
            store.load()
            for commit in log:
                store.append([commit], commit.ts - 1)
                acknowledged.append(commit.ts)
                if commit.ts in (3, 6):
                    store.checkpoint()
            store.close()

        complete = ForgetfulDisk()
        run(opened(path.with_name("complete.duckdb"), files=complete), [])
        offset = {"forget": 0, "keep": 1, "tear": 2, "reorder": 3}[mode]
        for stop_at in (
            range(1, len(complete.operations)) if is_long else range(4 + offset, len(complete.operations), 7)
        ):
            place = path.with_name(f"{stop_at}.duckdb")
            disk, acknowledged = ForgetfulDisk(), [0]
            disk.stop_at = stop_at
            store = None
            with suppress(PowerCut):
                store = opened(place, files=disk)
                run(store, acknowledged)
            if store is not None:
                abandon(store)
            again = opened(place, files=disk.after_crash(random.Random(stop_at), mode))
            head, documents = taken(again.load())
            assert acknowledged[-1] <= head <= acknowledged[-1] + 1
            assert documents == fold(log[:head])
            abandon(again)


class TestMovingInTheBackground:
    def test_enough_bytes_are_moved_without_being_asked(self, path):
        store = loaded(path, apply=ApplySettings(pending_bytes=1, age_s=1e6))
        for ts in range(1, 30):
            store.append([put(ts, ts)], ts - 1)
        assert eventually(lambda: path.exists() and store._journal.pending_bytes < 1000)
        abandon(store)
        assert contents(path) == (29, fold(put(ts, ts) for ts in range(1, 30)))

    def test_a_single_commit_is_moved_after_a_while(self, path):
        store = loaded(path, apply=ApplySettings(age_s=0.05))
        store.append([put(1, 1)], 0)
        assert eventually(lambda: path.exists() and store._journal.pending_bytes == 0)
        store.close()

    def test_appends_go_on_while_the_file_cannot_be_written(self, path, caplog, monkeypatch):
        monkeypatch.setattr(duckdb_module, "RETRY_S", 0.01)
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        store._settings = ApplySettings(pending_bytes=1, age_s=0.01)
        with duckdb.connect(str(path), config={"threads": "1"}):  # another part of the program has it open
            store.append([put(2, 2)], 1)
            assert eventually(lambda: "commits stay in the journal" in caplog.text)
            with pytest.raises(StorageLockedError):
                store.checkpoint()
            store.append([put(3, 3)], 2)
        assert eventually(lambda: store._journal.pending_bytes == 0)
        store.close()
        assert contents(path) == (3, fold([put(1, 1), put(2, 2), put(3, 3)]))

    def test_a_close_that_cannot_move_keeps_the_journal(self, path):
        store = loaded(path)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        store.append([put(2, 2)], 1)
        with duckdb.connect(str(path), config={"threads": "1"}), pytest.raises(StorageLockedError):
            store.close()
        store.close()
        assert contents(path) == (2, fold([put(1, 1), put(2, 2)]))

    def test_a_long_journal_is_moved_in_parts(self, path, monkeypatch):
        monkeypatch.setattr(duckdb_module, "APPLY_BYTES_MAX", 300)
        store = loaded(path)
        log = [put(ts, ts % 7) for ts in range(1, 40)]
        for commit in log:
            store.append([commit], commit.ts - 1)
        store.checkpoint()
        assert store._journal.pending_bytes == 0
        store.append([put(40, 1)], 39)
        store.close()
        assert contents(path) == (40, fold([*log, put(40, 1)]))

    def test_a_large_batch_becomes_several_frames(self, path, monkeypatch):
        monkeypatch.setattr(duckdb_module, "FRAME_BYTES_MAX", 200)
        store = loaded(path)
        log = [put(ts, ts) for ts in range(1, 40)]
        store.append(log, 0)
        assert store.changes(0) == log
        assert store._journal.end().sequence > 5
        abandon(store)
        assert contents(path) == (39, fold(log))

    def test_commits_that_are_no_longer_kept_one_by_one_are_not_made_up(self, path):
        store = loaded(path)
        store.append([put(1, 1), put(2, 2)], 0)
        store.checkpoint()
        with pytest.raises(StorageError, match="Load the store again"):
            store.changes(1)
        assert store.changes(2) == []
        store.close()


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
