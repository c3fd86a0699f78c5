"""What must be true of every snapshot, and how two are compared."""

from __future__ import annotations

from typing import Any

from nbconvex.database.content_index import made_for
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.database.text_index import TextIndex
from nbconvex.database.vector_index import VectorIndex
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id, encode_id
from tests.database.naive_model import Model, seen


def contents(snapshot: Snapshot) -> dict[str, Any]:
    """Everything a snapshot holds, as plain values: documents by id, and each index's entries."""
    return {
        table.name: (
            table.number,
            dict(table.rows()),
            {name: list(index.entries.entries()) for name, index in table.indexes.items()},
            {name: content_of(index) for name, index in table.content.items()},
        )
        for table in snapshot.tables.values()
    }


def content_of(index: Any) -> Any:
    """A content index as plain values; how its postings are cut into blocks is not part of it."""
    if isinstance(index, VectorIndex):
        # Its matrix is made by searches.
        return index.definition, index.documents, index.memory_bytes
    assert isinstance(index, TextIndex)
    postings: dict[bytes, bytes] = {}
    for key, block in index.blocks.entries():
        word = key.partition(b"\0")[0]
        postings[word] = postings.get(word, b"") + block
    return index.definition, postings, index.documents, index.words, index.memory_bytes


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
            keys = table.keys_of(document, internal)
            assert len(keys) == len(table.indexes) + len(table.content)
            for name, key in zip(table.indexes, keys, strict=False):
                expected[name].append((key, payload))
        for name, index in table.indexes.items():
            entries = list(index.entries.entries())
            assert entries == sorted(expected[name]), f"index {table.name}.{name} agrees with the documents"
            assert len(index.entries) == len(entries), f"index {table.name}.{name} knows its length"
        for name, content in table.content.items():
            in_order = sorted(map(decode_document, documents.values()), key=lambda each: each["_creationTime"])
            rebuilt = made_for(content.definition).loaded((decode_id(each["_id"])[1], each) for each in in_order)
            assert content_of(content) == content_of(rebuilt), f"{table.name}.{name} agrees with the documents"


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
