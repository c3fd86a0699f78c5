"""The documents in `_storage`: nbconvex.services.files.records."""

from __future__ import annotations

import hashlib

import pytest

from nbconvex.errors import ValueInvalidError
from nbconvex.services.files import records
from nbconvex.testing import convex_test

DIGEST = hashlib.sha256(b"hello").digest()


def test_a_document_says_what_was_stored() -> None:
    with convex_test() as t:
        database = t.backend.database
        tx = database.begin(writable=True)
        plain, typed = records.put(tx, DIGEST, 5, None), records.put(tx, DIGEST, 5, "text/plain")
        database.commit(tx)
        tx = database.begin(writable=False)
        documents = tx.query("_storage", system=True).collect()
        assert [set(each) for each in documents] == [
            {"_id", "_creationTime", "sha256", "size"},
            {"_id", "_creationTime", "sha256", "size", "contentType"},
        ]
        found = records.find(tx, typed, "get")
        assert (found.file_id, found.digest, found.size, found.content_type) == (typed, DIGEST, 5, "text/plain")
        assert records.at(database.snapshot, found.internal) == found
        assert {each.file_id for each in records.every(database.snapshot)} == {plain, typed}
        assert found.metadata()["sha256"] == documents[0]["sha256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


@pytest.mark.case("storage/get_url_malformed")
def test_what_is_no_id_of_a_file_is_told_what_it_is() -> None:
    with convex_test() as t:
        foreign = t.run(lambda ctx: ctx.db.insert("notes", {}))
        tx = t.backend.database.begin(writable=False)
        for given, words in (
            ("abc", "'abc' is no id of a file"),
            ("http://x/api/storage/1", "neither addresses nor names are ids"),
            (foreign, 'is the id of a document in the table "notes", not of a file'),
            (5, "is a string, got int"),
            ({"_id": "x"}, r'ctx.storage.get_url\(document\["storageId"\]\)'),
        ):
            with pytest.raises(ValueInvalidError, match=words):
                records.find(tx, given, "get_url")
