"""Which documents mention which files: nbconvex.services.files.references."""

from __future__ import annotations

import pytest

from tests.services.files.stores import backend_with


@pytest.mark.case("storage/orphan_report")
def test_files_that_no_document_mentions_are_orphans() -> None:
    with backend_with() as backend:
        ids = [backend.storage.store(str(at).encode()) for at in range(4)]

        @backend.mutation(name="m:save")
        def save(ctx, value: dict):
            ctx.db.insert("notes", value)

        assert [each["storageId"] for each in backend.storage.orphans()] == ids
        backend.run_mutation("m:save", {"value": {"photo": ids[0]}})
        backend.run_mutation("m:save", {"value": {"deep": [{"a": [1, ids[2]]}], "text": f"not {ids[1]}"}})
        assert [each["storageId"] for each in backend.storage.orphans()] == [ids[1], ids[3]]


def test_documents_that_mention_a_file_are_found_by_its_whole_id() -> None:
    with backend_with() as backend:
        file_id = backend.storage.store(b"a")

        @backend.mutation(name="m:save")
        def save(ctx, value: dict):
            return ctx.db.insert("notes", value)

        first = backend.run_mutation("m:save", {"value": {"photo": file_id}})
        backend.run_mutation("m:save", {"value": {"text": f"not {file_id}"}})
        second = backend.run_mutation("m:save", {"value": {"deep": [{"a": file_id}]}})
        assert set(backend.files.mentioning(file_id, 9)) == {("notes", first), ("notes", second)}
        assert len(backend.files.mentioning(file_id, 1)) == 1
        assert backend.files.mentioning("nonsense", 9) == []


@pytest.mark.case("guide/ts_storage_null_causes")
def test_what_leads_nowhere_has_one_explanation_a_cause() -> None:
    with backend_with() as backend:
        file_id, deleted = backend.storage.store(b"hello", "text/plain"), backend.storage.store(b"")
        address = backend.storage.get_url(deleted)
        backend.storage.delete(deleted)

        @backend.mutation(name="m:save")
        def save(ctx):
            return ctx.db.insert("notes", {})

        explain = backend.storage.explain
        told = [
            explain(deleted),
            explain(backend.run_mutation("m:save")),
            explain("abc"),
            explain(f"http://files.test/storage/{file_id}"),
        ]
        for text, word in zip(
            told, ("it was deleted", "is foreign", "is malformed", "put together by hand"), strict=True
        ):
            assert word in text
        assert "put together by hand" in explain(f"http://files.test/api/storage/{file_id}")
        assert explain(address).endswith("leads to no file: it was deleted, or the address is another store's.")
        assert explain(file_id) == f"{file_id} is a file: 5 bytes, text/plain."
        for conditions in ({}, {"expires_in": 5}):
            assert explain(backend.storage.get_url(file_id, **conditions)).endswith("leads to a file.")
