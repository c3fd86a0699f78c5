"""Files as data: nbconvex.services.files.transferred."""

from __future__ import annotations

import hashlib

import pytest

from nbconvex.services.files import records
from nbconvex.services.transfer.files_port import FileEntry
from nbconvex.values.ids import decode_id
from tests.services.files.stores import backend_with
from tests.storage.blobs_suite import MemoryBlobs


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_entries_say_what_is_known_of_files() -> None:
    with backend_with() as backend:
        file_id = backend.storage.store(b"hello", "text/plain")
        (entry,) = backend.files.transferred.entries(backend.database.snapshot)
        assert entry.internal == decode_id(file_id)[1]
        assert (entry.digest, entry.size, entry.content_type) == (digest(b"hello"), 5, "text/plain")
        assert backend.storage.get_url(file_id) == f"http://files.test/api/storage/{entry.name}"
        assert backend.files.transferred.bytes_of(entry.digest).read() == b"hello"


def test_while_held_no_bytes_go() -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        transferred = backend.files.transferred
        file_id = backend.storage.store(b"hello")
        with transferred.held():
            backend.storage.delete(file_id)
            kept = transferred.begin_bytes()
            kept.write(b"new")
            kept.keep()
            backend.files._sweeper.look()
            assert backend.files.sweep() == 0
            transferred.drop_unneeded([digest(b"new")])
            assert transferred.bytes_of(digest(b"hello")).read() == b"hello"
            assert transferred.bytes_of(digest(b"new")).read() == b"new"
        transferred.drop_unneeded([digest(b"new")])
        assert transferred.bytes_of(digest(b"new")) is None
        backend.files._sweeper.look()
        assert transferred.bytes_of(digest(b"hello")) is None


def test_bytes_that_somebody_needs_are_not_dropped() -> None:
    with backend_with() as backend:
        backend.storage.store(b"hello")
        backend.files.transferred.drop_unneeded([digest(b"hello")])
        assert backend.files.transferred.bytes_of(digest(b"hello")) is not None


@pytest.mark.parametrize("replaces", [False, True])
def test_entries_are_written_with_their_ids_and_times(replaces) -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        present = backend.storage.store(b"present")
        same = backend.storage.store(b"same")
        entry = FileEntry(bytes(range(16)), digest(b"new"), 3, "text/plain", 5.5, "")
        again = FileEntry(decode_id(same)[1], digest(b"same"), 4, None, 7.0, "")
        transaction = backend.database.begin(writable=True)
        backend.files.transferred.put_entries(transaction, [entry, again], replaces=replaces)
        backend.database.commit(transaction)
        found = {each.internal: each for each in records.every(backend.database.snapshot)}
        assert found[entry.internal].created_ms == 5.5
        assert found[entry.internal].content_type == "text/plain"
        assert found[again.internal].created_ms == 7.0
        assert (decode_id(present)[1] in found) is not replaces
