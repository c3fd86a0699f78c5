"""How far migrations have come, as documents: nbconvex.services.migrations.records."""

from __future__ import annotations

from nbconvex import migration
from nbconvex.functions.scheduling import in_own_transaction
from nbconvex.services.migrations import records
from tests.services.migrations.people import backend_with

MIGRATION = migration(table="users", name="m")(lambda ctx, doc: None)


def kept(backend, document):
    in_own_transaction(backend.runner, "test", lambda tx: records.put(tx, document))
    return records.document_of(backend.database.snapshot, document["name"])


def test_there_is_one_document_a_name_and_it_is_found_by_it():
    with backend_with(0) as backend:
        begun = records.begun(MIGRATION, 10_001, 5, 1_000.0)
        assert kept(backend, begun)["total"] == 5
        assert kept(backend, {**kept(backend, begun), "visited": 3})["visited"] == 3
        kept(backend, {**begun, "name": "other"})
        assert sorted(each["name"] for each in records.documents(backend.database.snapshot)) == ["m", "other"]
        assert records.document_of(backend.database.snapshot, "none") is None


def test_error_goes_when_it_goes_on():
    document = records.begun(MIGRATION, 10_001, 5, 1_000.0)
    failed = records.changed(document, state=records.FAILED, error="E: x", failedDocument="id")
    assert (failed["error"], failed["failedDocument"]) == ("E: x", "id")
    assert records.changed(failed, state=records.RUNNING) == document


def test_status_of_one_that_nobody_carries_on_is_stopped():
    document = records.begun(MIGRATION, 10_001, 4, 1_000.0)
    assert records.status_of(document, MIGRATION, is_under_way=True).state == "running"
    stopped = records.status_of({**document, "visited": 1}, None, is_under_way=False)
    assert (stopped.state, stopped.is_defined, stopped.share) == ("stopped", False, 0.25)
    done = records.status_of({**document, "state": "done", "total": 0}, MIGRATION, is_under_way=False)
    assert (done.state, done.share) == ("done", 1.0)


def test_text_of_an_error_is_cut_and_has_no_half_characters():
    assert records.error_text(ValueError("x")) == "ValueError: x"
    assert len(records.error_text(ValueError("x" * 5_000))) == records.ERROR_CHARACTERS_MAX
    assert records.error_text(ValueError("a\ud800b")) == "ValueError: a?b"
