"""What must be true of every snapshot, and how two are compared."""

from __future__ import annotations

from typing import Any

from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import encode_id
from tests.database.naive_model import Model, seen


def contents(snapshot: Snapshot) -> dict[str, Any]:
    """Everything a snapshot holds, as plain values: documents by id, and each index's entries."""
    return {
        table.name: (
            table.number,
            dict(table.rows()),
            {name: list(index.entries.entries()) for name, index in table.indexes.items()},
        )
        for table in snapshot.tables.values()
    }


def check_consistent(snapshot: Snapshot) -> None:
    """Indexes hold exactly the documents, under the keys that these have now, in ascending order."""
    assert {number: table.name for number, table in snapshot.tables.items()} == {
        number: name for name, number in snapshot.numbers.items()
    }, "every table has a name, and every name a table"
    for table in snapshot.tables.values():
        documents = dict(table.rows())
        expected: dict[str, list[tuple[bytes, bytes]]] = {name: [] for name in table.indexes}
        for internal, payload in documents.items():
            document = decode_document(payload)
            assert document["_id"] == encode_id(table.number, internal), "a document is stored under its own id"
            for name, key in zip(table.indexes, table.keys_of(document, internal), strict=True):
                expected[name].append((key, payload))
        for name, index in table.indexes.items():
            entries = list(index.entries.entries())
            assert entries == sorted(expected[name]), f"index {table.name}.{name} agrees with the documents"
            assert len(index.entries) == len(entries), f"index {table.name}.{name} knows its length"


def check_equals_model(snapshot: Snapshot, model: Model) -> None:
    """A snapshot's user tables hold exactly the model's documents."""
    stored = {
        document["_id"]: (table.name, seen(document))
        for number, table in snapshot.tables.items()
        if number >= FIRST_USER_TABLE
        for document in map(decode_document, dict(table.documents.entries()).values())
    }
    expected = {id: (table, seen(document)) for id, (table, document) in model.documents.items()}
    missing, strays = expected.keys() - stored.keys(), stored.keys() - expected.keys()
    assert not missing, f"documents that were written are there, missing: {missing}"
    assert not strays, f"no document is there that was not written, found: {strays}"
    differing = [id for id in expected if expected[id] != stored[id]]
    assert not differing, f"documents are as they were written, differing: {differing}"
