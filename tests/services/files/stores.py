"""Stores with files, for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from tests.storage.blobs_suite import MemoryBlobs


@contextmanager
def backend_with(blobs: MemoryBlobs | None = None, **limits: int) -> Iterator[Backend]:
    """A backend in memory, bytes included, as if it were served at files.test."""
    blobs = MemoryBlobs() if blobs is None else blobs
    with Backend(MemoryPersistence(), blobs, clock=ManualClock(), limits=Limits(**limits), seed=0) as backend:
        backend.files.serve_at(lambda: "http://files.test")
        yield backend
