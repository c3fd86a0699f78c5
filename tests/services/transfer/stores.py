"""Stores to import into and to export from, for the tests of this room."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.codec import decode_document
from nbconvex.values.schema import TableDefinition
from tests.storage.blobs_suite import MemoryBlobs


@contextmanager
def backend_with(
    tables: Mapping[str, TableDefinition] | None = None,
    blobs: MemoryBlobs | None = None,
    *,
    seed: int = 0,
    **limits: int,
) -> Iterator[Backend]:
    """A backend in memory, bytes included."""
    blobs = MemoryBlobs() if blobs is None else blobs
    with Backend(MemoryPersistence(), blobs, clock=ManualClock(), limits=Limits(**limits), seed=seed) as backend:
        if tables is not None:
            backend.push_schema(tables)
        yield backend


def whole(backend: Backend, table: str) -> list[dict[str, Any]]:
    """The documents of a table, the oldest first, system fields included."""
    found = backend.database.snapshot.table(table)
    if found is None:
        return []
    entries = found.indexes["by_creation_time"].entries.entries()
    return [decode_document(payload) for _, payload in entries]


def bare(backend: Backend, table: str) -> list[dict[str, Any]]:
    """The same without system fields."""
    return [{name: each[name] for name in each if name[0] != "_"} for each in whole(backend, table)]


def everything(backend: Backend) -> dict[str, Any]:
    """All documents of all tables, files among them, by their ids; and the numbers of tables."""
    tables = backend.database.snapshot.tables.values()
    known = [table for table in tables if not table.name.startswith("_") or table.name == "_storage"]
    return {
        table.name: (table.number, {key: decode_document(payload) for key, payload in table.documents.entries()})
        for table in known
    }


def packed(path: Path, entries: Mapping[str, bytes | str]) -> Path:
    """A ZIP file with these entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path
