"""Where a stored document's id and creation time stand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.payload import creation_key, creation_key_of, id_key, require_canonical
from nbconvex.errors import StorageCorruptError
from nbconvex.values.codec import decode_document, encode_document
from nbconvex.values.ids import encode_id
from tests.database.stores import insert_all, open_database, read, write

INTERNAL = bytes(range(16))


def stored_form(document_id: str, created_ms: float, fields: dict[str, Any]) -> bytes:
    return encode_document({"_id": document_id, "_creationTime": created_ms, **fields})


@pytest.mark.parametrize("number", [1, 127, 128, 10_001, 16_384, 2**21, 2**28, 2**32 - 1])
@pytest.mark.parametrize("fields", [0, 1, 13, 14, 200, 1_022])
def test_id_and_creation_time_are_found_in_documents_of_every_size(number: int, fields: int) -> None:
    text = encode_id(number, INTERNAL)
    document: dict[str, Any] = {f"f{n}": n for n in range(fields)}
    payload = stored_form(text, 1_700_000_000_000.5, document)
    require_canonical(payload, "t")
    assert id_key(payload) == text.encode()
    assert creation_key(payload) == creation_key_of(1_700_000_000_000.5, text)
    assert decode_document(payload) == {"_id": text, "_creationTime": 1_700_000_000_000.5, **document}


@given(
    st.lists(st.binary(min_size=16, max_size=16), min_size=2, max_size=20), st.sampled_from([1, 300, 10_001, 20_000])
)
def test_ids_of_one_table_are_in_the_order_of_their_internal_ids(internals: list[bytes], number: int) -> None:
    texts = [encode_id(number, each) for each in internals]
    assert sorted(texts) == [encode_id(number, each) for each in sorted(internals)]


@given(st.lists(st.floats(min_value=5e-324, max_value=2.0**53), min_size=2, max_size=10))
def test_creation_keys_are_in_the_order_of_time(times: list[float]) -> None:
    text = encode_id(10_001, INTERNAL)
    keys = [creation_key_of(each, text) for each in times]
    assert sorted(keys) == [creation_key_of(each, text) for each in sorted(times)]
    assert [creation_key(stored_form(text, each, {})) for each in times] == keys


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"n": 1},
        {"_id": "x"},
        {"_id": encode_id(1, INTERNAL)},
        {"_id": "x" * 30, "_creationTime": 1.0},
        {"_creationTime": 1.0, "_id": encode_id(1, INTERNAL)},
        {"_id": encode_id(1, INTERNAL), "_creationTime": 1},
        {"_id": encode_id(1, INTERNAL), "n": 1, "_creationTime": 1.0},
        {"_id": 5, "_creationTime": math.pi},
    ],
)
def test_what_does_not_begin_so_is_damage(document: dict[str, Any]) -> None:
    with pytest.raises(StorageCorruptError, match='table "t"'):
        require_canonical(encode_document(document), "t")


def test_what_every_write_stores_begins_so_in_whatever_order_it_was_given() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"z": 1, "a": 2}])
    document = read(database, lambda tx: tx.get(stored))
    write(database, lambda tx: tx.replace(stored, {"b": 1, "_creationTime": document["_creationTime"], "_id": stored}))
    write(database, lambda tx: tx.patch(stored, {"c": 1, "_creationTime": document["_creationTime"], "_id": stored}))
    write(database, lambda tx: tx.delete(stored))
    write(
        database, lambda tx: tx.restore("t", {"x": 1, "_creationTime": int(document["_creationTime"]), "_id": stored})
    )
    write(database, lambda tx: tx.insert("t", {f"f{n}": n for n in range(100)}))
    rows = list(database.snapshot.table("t").rows())
    assert len(rows) == 2
    for _, payload in rows:
        require_canonical(payload, "t")
