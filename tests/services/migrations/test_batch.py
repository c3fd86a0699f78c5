"""What becomes of documents in a batch: nbconvex.services.migrations.batch."""

from __future__ import annotations

import asyncio

import pytest

from nbconvex import UNSET, ConvexError, Int64, Limits, define_schema, table, v
from nbconvex.errors import CallerError, MigrationFailedError
from nbconvex.services.migrations.batch import Change, Rehearsal
from tests.services.migrations.people import add, backend_with, users, write


def run(backend, function, **options):
    backend.migration(table="users", name=options.pop("name", "m"), **options)(function)
    return backend.migrations.run("m").status


@pytest.mark.case("helpers/migration_returned_patch")
def test_what_the_function_returns_is_merged_into_the_document():
    with backend_with(3) as backend:
        status = run(backend, lambda ctx, doc: {"age": 1, "big": Int64(2)})
        assert users(backend) == [{"name": f"u{n}", "age": 1, "big": Int64(2)} for n in range(3)]
        assert (status.visited, status.changed) == (3, 3)


def test_unset_takes_a_field_out_and_none_or_an_equal_patch_changes_nothing():
    with backend_with(3) as backend:

        def function(ctx, doc):
            return {"u0": {"name": UNSET}, "u1": None, "u2": {"name": "u2"}}[doc["name"]]

        head = backend.database.head
        status = run(backend, function)
        assert users(backend) == [{}, {"name": "u1"}, {"name": "u2"}]
        assert (status.visited, status.changed) == (3, 1)
        assert backend.database.head > head


def test_function_may_write_by_itself_to_any_table():
    with backend_with(2) as backend:

        def function(ctx, doc):
            ctx.db.insert("names", {"name": doc["name"], "user": doc["_id"]})
            ctx.db.delete(doc["_id"]) if doc["name"] == "u0" else ctx.db.replace(doc["_id"], {"kept": True})

        status = run(backend, function)
        assert users(backend) == [{"kept": True}]
        assert write(backend, lambda ctx: ctx.db.query("names").count()) == 2
        assert status.changed == 2


def test_async_function_is_fine_as_long_as_it_waits_for_nothing():
    with backend_with(2) as backend:

        async def function(ctx, doc):
            return {"age": 2}

        run(backend, function)
        assert [each["age"] for each in users(backend)] == [2, 2]

        async def waits(ctx, doc):
            await asyncio.sleep(0.1)

        backend.migration(table="users", name="waits")(waits)
        with pytest.raises(MigrationFailedError, match="stopped at document") as caught:
            backend.migrations.run("waits")
        assert "asyncio.sleep" in str(caught.value) or "waits" in str(caught.value)
        assert backend.migrations.status("waits").state == "failed"

        async def awaits(ctx, doc):
            return await ctx.db.get(doc["_id"])

        backend.migration(table="users", name="awaits")(awaits)
        with pytest.raises(MigrationFailedError, match="await") as caught:
            backend.migrations.run("awaits")
        assert isinstance(caught.value.__cause__, CallerError)


@pytest.mark.parametrize("result", [[1], "text", 5, True, {"_id"}])
def test_result_that_is_no_patch_is_told_what_it_should_be(result):
    with backend_with(2) as backend:
        with pytest.raises(MigrationFailedError, match="returns a dict of the fields to change, or None") as caught:
            run(backend, lambda ctx, doc: result)
        assert 'return {"age": 0}' in str(caught.value)
        assert users(backend) == [{"name": "u0"}, {"name": "u1"}]


def test_document_without_a_field_is_no_way_to_take_it_out():
    with backend_with(1) as backend:

        def function(ctx, doc):
            del doc["name"]
            return doc

        with pytest.raises(MigrationFailedError, match=r'without name.*patch.*\n.*return {"name": UNSET}'):
            run(backend, function)
        assert users(backend) == [{"name": "u0"}]


def test_whole_document_with_changes_is_a_patch():
    with backend_with(1) as backend:
        run(backend, lambda ctx, doc: {**doc, "age": 1})
        assert users(backend) == [{"name": "u0", "age": 1}]


def test_forgotten_return_is_told():
    with backend_with(1) as backend:

        def function(ctx, doc):
            doc["age"] = 1

        with pytest.raises(MigrationFailedError, match="changed doc, which is a copy, and returned nothing"):
            run(backend, function)

        def replaces(ctx, doc):
            doc["age"] = 1
            ctx.db.replace(doc["_id"], doc)

        run(backend, replaces)
        assert users(backend) == [{"name": "u0", "age": 1}]


def test_document_that_an_earlier_one_has_changed_or_deleted_comes_as_it_is_now():
    with backend_with(3) as backend:
        seen = []

        def function(ctx, doc):
            seen.append((doc["name"], doc.get("note")))
            if doc["name"] == "u0":
                others = ctx.db.query("users").collect()
                ctx.db.patch(others[1]["_id"], {"note": "from u0"})
                ctx.db.delete(others[2]["_id"])

        status = run(backend, function)
        assert seen == [("u0", None), ("u1", "from u0")]
        assert (status.visited, status.state) == (3, "done")


def test_function_that_adds_to_its_own_table_comes_to_an_end():
    with backend_with(5) as backend:
        status = run(
            backend, lambda ctx, doc: ctx.db.insert("users", {"name": doc["name"] + "+"}) and None, batch_size=2
        )
        assert [each["name"] for each in users(backend)] == [
            *(f"u{n}" for n in range(5)),
            *(f"u{n}+" for n in range(5)),
        ]
        assert (status.visited, status.state) == (5, "done")


def test_batch_that_meets_a_limit_ends_there_and_the_next_goes_on():
    limits = Limits(database_queries=30)
    with backend_with(20, limits=limits) as backend:

        def function(ctx, doc):
            for _ in range(8):
                ctx.db.get(doc["_id"])
            return {"age": 1}

        status = run(backend, function)
        assert (status.visited, status.state) == (20, "done")
        assert 6 <= status.batches <= 20
        assert all(each["age"] == 1 for each in users(backend))


def test_document_that_exceeds_a_limit_alone_fails():
    with backend_with(2, limits=Limits(database_queries=5)) as backend:

        def function(ctx, doc):
            for _ in range(8):
                ctx.db.get(doc["_id"])

        with pytest.raises(MigrationFailedError, match="database_queries"):
            run(backend, function)
        assert backend.migrations.status("m").visited == 0


def test_large_documents_make_small_batches():
    with backend_with(0, limits=Limits(read_bytes=400_000)) as backend:
        for _ in range(6):
            write(backend, lambda ctx: ctx.db.insert("users", {"text": "x" * 60_000}))
        status = run(backend, lambda ctx, doc: {"age": 1})
        assert (status.visited, status.batches) == (6, 3)


def test_write_that_the_schema_refuses_fails_and_names_the_document():
    with backend_with(0) as backend:
        backend.push_schema(define_schema({"users": table({"name": v.string()})}))
        [document] = add(backend, 1)
        with pytest.raises(MigrationFailedError, match=f"{document}.*DocumentInvalidError"):
            run(backend, lambda ctx, doc: {"age": 1})


def test_triggers_hear_of_what_a_migration_writes_and_one_that_refuses_stops_it():
    with backend_with(3) as backend:

        @backend.trigger("users")
        def note(ctx, change):
            ctx.db.insert("notes", {"name": change.new_doc["name"]})
            if change.new_doc.get("age") == 2:
                raise ConvexError("too old")

        with pytest.raises(MigrationFailedError, match="too old"):
            run(backend, lambda ctx, doc: {"age": 2 if doc["name"] == "u2" else 1})
        assert write(backend, lambda ctx: [each["name"] for each in ctx.db.query("notes")]) == ["u0", "u1"]
        assert [each.get("age") for each in users(backend)] == [1, 1, None]


def test_change_names_the_fields_that_differ_in_their_order():
    change = Change("id", {"a": 1, "b": 2, "c": 3, "d": None}, {"a": 1, "c": 4, "d": None, "e": 5})
    assert change.fields == ["b", "c", "e"]
    assert Change("id", {"a": 1}, None).fields == ["a"]


def test_rehearsals_add_up_and_keep_as_many_samples_as_are_wanted():
    total = Rehearsal(2)
    for n in range(3):
        batch = total.fresh()
        batch.changes += [Change(str(n), {}, None)][: batch.samples_max]
        batch.failed, batch.others = 1, {("a", "inserted"): 2}
        total.add(batch)
    assert [each.document for each in total.changes] == ["0", "1"]
    assert (total.failed, total.others) == (3, {("a", "inserted"): 6})
