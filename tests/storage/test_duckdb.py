"""The DuckDB store keeps the port's promises, loses nothing to a crash, and says what is wrong with a file."""

from __future__ import annotations

import errno
import random
import threading
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from nbconvex.errors import (
    StorageError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
)
from nbconvex.storage import duckdb as duckdb_module
from nbconvex.storage.duckdb import ApplySettings, DuckdbPersistence
from nbconvex.storage.persistence import BulkCommit, BulkTable
from tests.storage.duckdb_stores import abandon, contents, eventually, loaded, opened
from tests.storage.forgetful_disk import ForgetfulDisk, PowerCut
from tests.storage.persistence_suite import DurableSuite, bulk, drop, fold, key, put, taken


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.duckdb"


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

    def test_a_killed_store_has_its_bulk_commit_and_what_came_around_it(self, path):
        store = loaded(path)
        log = [put(1, 1), put(2, 2), bulk(3, 3, 4), put(4, 3), put(5, 5)]
        store.append(log[:2], 0)
        store.append(log[2:3], 2)
        abandon(store)
        assert contents(path) == (3, fold(log[:3]))
        again = loaded(path)
        again.append(log[3:], 3)
        abandon(again)
        assert contents(path) == (5, fold(log))

    def test_a_bulk_commit_that_cannot_be_written_is_none(self, path):
        disk = ForgetfulDisk()
        store = loaded(path, files=disk)
        store.append([put(1, 1)], 0)
        store.checkpoint()
        store.append([put(2, 2)], 1)

        def broken():
            yield key(7), b"first"
            raise OSError("the source is gone")

        class Broken:
            def __iter__(self):
                return broken()

        with pytest.raises(StorageFailedError, match=r"could not be written at once .*the source is gone"):
            store.append([BulkCommit(3, (), (BulkTable(10001, True, Broken()),))], 2)
        abandon(store)
        assert contents(path) == (2, fold([put(1, 1), put(2, 2)]))

    def test_a_bulk_commit_is_refused_where_an_append_would_be(self, path):
        disk = ForgetfulDisk()
        store = loaded(path, files=disk)
        disk.failures["sync"] = errno.EIO
        with pytest.raises(StorageFailedError):
            store.append([put(1, 1)], 0)
        disk.failures.clear()
        with pytest.raises(StorageFailedError):
            store.append([bulk(1, 1)], 0)
        abandon(store)

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
        """Two checkpoints, a bulk commit and a close among appends; every operation is once the last."""
        log = [put(ts, ts % 3, ts) if ts != 5 else bulk(ts, 50, 51) for ts in range(1, 9)]

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


@pytest.mark.parametrize("name", ["data.csv", "data.TSV", "data.json", "data.parquet"])
def test_a_data_files_name_is_refused_for_duckdb_would_keep_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("a,b\n1,2\n")
    with pytest.raises(StoragePathError, match=r"data\.duckdb"):
        DuckdbPersistence.open(path)
    assert path.read_text() == "a,b\n1,2\n"
    assert list(tmp_path.iterdir()) == [path]


def test_where_no_thread_can_be_started_commits_stay_in_the_journal_and_in_order(path, monkeypatch, caplog) -> None:
    store = opened(path)
    taken(store.load())

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # as at the end of an interpreter, or at a limit of the system

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        store.append([put(1, 1)], 0)
        store.append([put(2, 2)], 1)
    assert "commits stay in the journal for now" in caplog.text
    abandon(store)
    again = opened(path)
    head, documents = taken(again.load())
    assert (head, documents) == (2, fold([put(1, 1), put(2, 2)]))
    again.append([put(3, 3)], 2)
    again.close()
