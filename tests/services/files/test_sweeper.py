"""Which bytes are still needed: nbconvex.services.files.sweeper."""

from __future__ import annotations

import threading
import time

import pytest

from nbconvex.services.files import sweeper
from tests.services.files.stores import backend_with
from tests.storage.blobs_suite import HELLO, HELLO_DIGEST, MemoryBlobs, MemoryWriter


def until(is_true) -> bool:
    end = time.monotonic() + 10
    while not is_true() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return is_true()


def test_bytes_go_soon_after_the_deletion_of_their_last_document() -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        one, two = backend.storage.store(HELLO), backend.storage.store(HELLO)
        backend.storage.store(b"other")
        backend.storage.delete(one)
        backend.storage.delete(two)
        assert until(lambda: len(blobs.blobs) == 1)
        assert HELLO_DIGEST not in blobs.blobs


@pytest.mark.case("storage/delete_rolls_back")
def test_a_deletion_that_is_undone_costs_no_bytes(monkeypatch) -> None:
    monkeypatch.setattr(sweeper, "_PATIENCE_S", 0.0)
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        file_id = backend.storage.store(HELLO)

        @backend.mutation(name="m:delete")
        def delete(ctx):
            ctx.storage.delete(file_id)
            assert ctx.storage.get_url(file_id) is None
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            backend.run_mutation("m:delete")
        assert backend.storage.get_url(file_id) is not None
        backend.storage.store(b"a commit, so that somebody looks")
        backend.files._sweeper.look()
        assert HELLO_DIGEST in blobs.blobs
    assert HELLO_DIGEST in blobs.blobs


def test_bytes_that_are_about_to_be_named_again_stay(monkeypatch) -> None:
    """The last document goes while the same bytes come in a second time."""
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        first = backend.storage.store(HELLO)
        keep = MemoryWriter.keep

        def delete_meanwhile(writer) -> None:
            keep(writer)
            backend.files.delete(first)
            backend.files._sweeper.look()
            backend.files.sweep()

        monkeypatch.setattr(MemoryWriter, "keep", delete_meanwhile)
        second = backend.storage.store(HELLO)
        assert backend.storage.get(second).read() == HELLO
        assert backend.storage.get(first) is None


def test_a_reset_takes_the_bytes_too() -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        backend.storage.store(HELLO)
        backend.reset()
        assert not blobs.blobs


def test_closing_removes_what_was_deleted_just_before() -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs) as backend:
        backend.storage.delete(backend.storage.store(HELLO))
    assert not blobs.blobs
    assert blobs.is_closed
