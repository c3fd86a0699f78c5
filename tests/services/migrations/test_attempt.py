"""A batch and its place as one transaction: nbconvex.services.migrations.attempt."""

from __future__ import annotations

import threading

import pytest

from nbconvex.errors import CallerError
from tests.services.migrations.people import backend_with, users, write


def test_attempt_that_meets_a_conflict_begins_anew_with_the_documents_of_now():
    with backend_with(3) as backend:
        calls = []

        def function(ctx, doc):
            calls.append(doc["name"])
            if len(calls) == 2:
                # Somebody else, while this batch runs.
                thread = threading.Thread(
                    target=lambda: write(
                        backend, lambda ctx: ctx.db.patch(ctx.db.query("users").first()["_id"], {"name": "new"})
                    )
                )
                starter.append(thread)
                go.set()
                done.wait(5)
            return {"was": doc["name"]}

        starter, go, done = [], threading.Event(), threading.Event()

        def other():
            go.wait(5)
            write(backend, lambda ctx: ctx.db.patch(ctx.db.query("users").first()["_id"], {"name": "new"}))
            done.set()

        helper = threading.Thread(target=other)
        helper.start()
        backend.migration(table="users", name="m")(function)
        status = backend.migrations.run("m").status
        helper.join()
        assert calls[:2] == ["u0", "u1"]
        assert calls[-3:] == ["new", "u1", "u2"]
        assert [each["was"] for each in users(backend)] == ["new", "u1", "u2"]
        assert (status.visited, status.changed) == (3, 3)


def test_what_a_batch_wrote_and_its_place_are_committed_together():
    with backend_with(4) as backend:
        heads = []
        backend.migration(table="users", name="m", batch_size=2)(lambda ctx, doc: {"age": 1})
        backend.migrations.run("m", on_progress=lambda status: heads.append((backend.database.head, status.visited)))
        assert [visited for _, visited in heads] == [0, 2, 4]
        # One commit for the beginning, one a batch.
        assert len({head for head, _ in heads}) == 3


def test_migration_that_was_deleted_while_it_ran_ends():
    with backend_with(4) as backend:
        backend.migration(table="users", name="m", batch_size=1)(lambda ctx, doc: {"age": 1})

        def reset(status):
            if status.visited == 1:
                backend.reset()

        with pytest.raises(CallerError, match="deleted"):
            backend.migrations.run("m", on_progress=reset)
        assert [each.state for each in backend.migrations.statuses()] == ["new"]


def test_failure_of_a_document_is_in_the_log_as_the_calls_error():
    with backend_with(2) as backend:

        def function(ctx, doc):
            print("at", doc["name"])
            raise ValueError("no")

        backend.migration(table="users", name="m")(function)
        with pytest.raises(CallerError):
            backend.migrations.run("m")
        record = list(backend.logs)[-1]
        assert (record.path, record.source, str(record.error)) == ("migration m", "migration", "no")
        assert list(record.lines) == ["[LOG] at u0"] or "at u0" in str(record.lines)
