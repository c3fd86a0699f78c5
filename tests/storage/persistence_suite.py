"""The promises of the port, as a class. Every implementation subclasses it and passes."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from nbconvex.errors import HeadMovedError, StorageError, StorageFailedError
from nbconvex.storage.persistence import BulkCommit, BulkTable, Commit, Loaded, Persistence, Revision

Documents = dict[int, dict[bytes, bytes]]


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def put(ts: int, *numbers: int, table: int = 10001, text: str = "v") -> Commit:
    """A commit that writes documents whose payload says what wrote them."""
    return Commit(ts, tuple(Revision(table, key(number), f"{text}{ts}.{number}".encode()) for number in numbers))


def drop(ts: int, *numbers: int, table: int = 10001) -> Commit:
    return Commit(ts, tuple(Revision(table, key(number), None) for number in numbers))


def bulk(
    ts: int, *numbers: int, table: int = 10001, is_whole: bool = False, besides: Commit | None = None
) -> BulkCommit:
    """A bulk commit of documents whose payload says what wrote them, with the revisions of another commit."""
    rows = tuple((key(number), b"v%d.%d" % (ts, number)) for number in numbers)
    return BulkCommit(ts, besides.revisions if besides else (), (BulkTable(table, is_whole, rows),))


def fold(commits: Iterable[Commit | BulkCommit]) -> Documents:
    """The documents that a log leaves: the model."""
    documents: Documents = {}
    for commit in commits:
        for table, is_whole, rows in commit.tables if isinstance(commit, BulkCommit) else ():
            documents[table] = ({} if is_whole else documents.get(table, {})) | dict(rows)
        for revision in commit.revisions:
            rows = documents.setdefault(revision.table, {})
            if revision.payload is None:
                rows.pop(revision.document_id, None)
            else:
                rows[revision.document_id] = revision.payload
    return {table: rows for table, rows in documents.items() if rows}


def taken(loaded: Loaded) -> tuple[int, Documents]:
    """Everything that `load` gave; a document that comes twice is a failure."""
    documents: Documents = {}
    for table, rows in loaded.tables:
        pairs = list(rows)
        assert len(dict(pairs)) == len(pairs), f"table {table} has a document twice"
        assert all(type(part) is bytes for pair in pairs for part in pair)
        if pairs:
            documents[table] = dict(pairs)
    return loaded.head, documents


def random_log(seed: int, length: int) -> list[Commit]:
    rng = random.Random(seed)
    ts, log = 0, []
    for _ in range(length):
        ts += rng.randint(1, 10**9)
        numbers = rng.sample(range(30), rng.randint(0, 4))
        revisions = (
            Revision(rng.choice((1, 10001, 10002)), key(number), None if rng.random() < 0.3 else rng.randbytes(20))
            for number in numbers
        )
        log.append(Commit(ts, tuple(revisions)))
    return log


class PersistenceSuite:
    """What every store promises while it is open. Subclasses give `open`."""

    @pytest.fixture
    def store(self):
        store = self.open()
        assert taken(store.load()) == (0, {})
        yield store
        store.close()

    def open(self) -> Persistence:
        raise NotImplementedError

    def test_a_new_store_is_empty(self, store):
        assert store.changes(0) == []
        assert store.get_global("anything") is None
        assert store.name

    def test_appended_commits_are_changes_in_order_and_complete(self, store):
        log = [put(5, 1, 2), drop(6, 1), put(9, 3, table=10002), Commit(10, ())]
        store.append(log[:2], 0)
        store.append(log[2:], 6)
        assert store.changes(0) == log
        assert store.changes(5) == log[1:]
        assert store.changes(8) == log[2:]
        assert store.changes(10) == []

    def test_the_head_is_the_last_commit(self, store):
        store.append([put(5, 1), put(7, 2)], 0)
        store.append([put(8, 2)], 7)
        with pytest.raises(HeadMovedError) as caught:
            store.append([put(9, 1)], 7)
        assert caught.value.head == 8

    def test_a_moved_head_writes_nothing_and_leaves_the_store_usable(self, store):
        store.append([put(5, 1)], 0)
        with pytest.raises(HeadMovedError):
            store.append([put(6, 2)], 0)
        store.append([put(6, 3)], 5)
        assert store.changes(0) == [put(5, 1), put(6, 3)]

    @pytest.mark.parametrize("wrong", [[5], [4], [6, 6], [7, 6]], ids=str)
    def test_timestamps_that_do_not_increase_write_nothing(self, store, wrong):
        store.append([put(5, 1)], 0)
        with pytest.raises(ValueError, match="must increase"):
            store.append([put(ts, 2) for ts in wrong], 5)
        store.append([put(8, 3)], 5)
        assert store.changes(0) == [put(5, 1), put(8, 3)]

    def test_an_empty_batch_changes_nothing(self, store):
        store.append([put(5, 1)], 0)
        store.append([], 5)
        assert store.changes(0) == [put(5, 1)]

    def test_nobody_else_moves_the_head(self, store):
        assert store.wait_for_change(0.0) is False

    def test_globals_are_kept_and_replaced(self, store):
        store.put_global("secret", b"\x00\xff")
        store.put_global("other", b"")
        store.put_global("secret", b"new")
        assert (store.get_global("secret"), store.get_global("other")) == (b"new", b"")

    def test_a_global_moves_no_head(self, store):
        store.append([put(5, 1)], 0)
        store.put_global("k", b"v")
        store.append([put(6, 1)], 5)
        assert store.changes(0) == [put(5, 1), put(6, 1)]

    def test_trim_and_checkpoint_lose_no_current_document(self, store):
        store.append([put(5, 1), put(6, 1), put(7, 2)], 0)
        store.trim(6)
        store.checkpoint()
        store.checkpoint()
        store.append([put(8, 3)], 7)
        assert store.changes(7) == [put(8, 3)]
        assert store.size_bytes() >= 0

    def test_a_bulk_commit_is_the_new_head_and_the_log_goes_on_behind_it(self, store):
        log = [put(5, 1, 2), bulk(7, 3, 4, besides=put(7, 9, table=1)), put(8, 3), bulk(9, is_whole=True), put(10, 1)]
        store.append(log[:1], 0)
        store.append(log[1:4], 5)
        store.append(log[4:], 9)
        with pytest.raises(HeadMovedError):
            store.append([bulk(11, 5)], 9)
        assert store.changes(9) == log[4:]
        with pytest.raises(StorageError):
            store.changes(5)

    def test_a_closed_store_says_so(self, store):
        store.append([put(5, 1)], 0)
        store.close()
        store.close()
        with pytest.raises(StorageFailedError, match="closed"):
            store.append([put(6, 1)], 5)

    @pytest.mark.parametrize("seed", range(5))
    def test_any_log_equals_the_model(self, store, seed):
        log = random_log(seed, 60)
        for commit, before in zip(log, [None, *log], strict=False):
            store.append([commit], before.ts if before else 0)
        assert store.changes(0) == log


class DurableSuite(PersistenceSuite):
    """What a store promises besides, that can be closed and opened again."""

    def reopened(self, store: Persistence) -> Persistence:
        store.close()
        return self.open()

    def test_everything_is_there_after_reopening(self, store):
        log = [put(5, 1, 2), drop(6, 1), put(9, 3, table=10002), put(12, 2)]
        store.append(log, 0)
        store.put_global("secret", b"s")
        again = self.reopened(store)
        assert taken(again.load()) == (12, fold(log))
        assert again.get_global("secret") == b"s"
        again.append([put(13, 1)], 12)
        third = self.reopened(again)
        assert taken(third.load()) == (13, fold([*log, put(13, 1)]))
        third.close()

    def test_payloads_of_any_size_and_content_come_back(self, store):
        payloads = [b"", b"\0", bytes(range(256)), b" ", b"x" * 3_000_000, b"'; DROP TABLE x; --", "é😀".encode()]
        log = [Commit(at, (Revision(10001, key(at), payload),)) for at, payload in enumerate(payloads, 1)]
        store.append(log, 0)
        again = self.reopened(store)
        assert taken(again.load()) == (len(log), fold(log))
        again.close()

    def test_bulk_commits_are_there_after_reopening(self, store):
        log = [
            put(5, 1, 2), put(6, 7, table=10002), bulk(7, *range(100, 20_000), besides=put(7, 1, table=1)), put(8, 100),
            bulk(9, 1, 8, table=10002, is_whole=True), bulk(10, table=10003), drop(11, 101),
        ]  # fmt: skip
        store.append(log[:2], 0)
        store.append(log[2:3], 6)
        again = self.reopened(store)
        assert taken(again.load()) == (7, fold(log[:3]))
        again.append(log[3:6], 7)
        again.append(log[6:], 10)
        third = self.reopened(again)
        assert taken(third.load()) == (11, fold(log))
        third.append([bulk(12, is_whole=True)], 11)
        fourth = self.reopened(third)
        assert taken(fourth.load()) == (12, fold([*log, bulk(12, is_whole=True)]))
        fourth.close()

    @pytest.mark.parametrize("seed", range(3))
    def test_any_log_reopened_at_any_time_equals_the_model(self, store, seed):
        rng, log, done = random.Random(seed), random_log(seed, 40), 0
        while done < len(log):
            batch = log[done : done + rng.randint(1, 7)]
            store.append(batch, log[done - 1].ts if done else 0)
            done += len(batch)
            step = rng.choice(("checkpoint", "reopen", "go on", "go on", "go on"))
            if step == "checkpoint":
                store.checkpoint()
            elif step == "reopen":
                store = self.reopened(store)
                assert taken(store.load()) == (log[done - 1].ts, fold(log[:done]))
        store = self.reopened(store)
        assert taken(store.load()) == (log[-1].ts, fold(log))
        store.close()
