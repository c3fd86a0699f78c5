"""Running migrations, trying them out, giving them up: nbconvex.services.migrations.migrations."""

from __future__ import annotations

import threading
import types

import pytest

import nbconvex
from nbconvex import migration
from nbconvex.errors import CallerError, MigrationFailedError, StorageError
from nbconvex.storage.memory import MemoryPersistence
from tests.services.migrations.people import add, backend_with, count_visit, users, write


def visits(backend) -> set:
    return {each.get("visits") for each in users(backend)}


def declared(backend, function=count_visit, **options):
    return backend.migration(**{"table": "users", "name": "m", **options})(function)


@pytest.mark.case("helpers/migration_batches")
def test_table_is_gone_over_in_batches_with_progress():
    with backend_with(250) as backend:
        declared(backend)
        told = []
        report = backend.migrations.run(
            "m", on_progress=lambda each: told.append((each.visited, each.total, each.state))
        )
        assert told == [(0, 250, "running"), (100, 250, "running"), (200, 250, "running"), (250, 250, "done")]
        status = report.status
        assert (status.state, status.batches, status.visited, status.changed, status.share) == ("done", 3, 250, 250, 1)
        assert visits(backend) == {1}


def test_batches_that_fill_the_table_exactly_have_no_empty_one_behind_them():
    with backend_with(200) as backend:
        declared(backend)
        assert backend.migrations.run("m").status.batches == 2


@pytest.mark.case("helpers/migration_resume")
def test_migration_that_was_stopped_goes_on_behind_the_last_whole_batch():
    with backend_with(10) as backend:
        declared(backend, batch_size=4)

        def interrupt(status):
            if status.visited == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backend.migrations.run("m", on_progress=interrupt)
        assert (backend.migrations.status("m").state, backend.migrations.status("m").visited) == ("stopped", 4)
        report = backend.migrations.run("m")
        assert (report.resumed_at, report.status.visited, report.status.state) == (4, 10, "done")
        assert visits(backend) == {1}


def test_interrupt_inside_the_function_loses_its_batch_only():
    with backend_with(10) as backend:

        def function(ctx, doc):
            if doc["name"] == "u6" and not has_been:
                has_been.append(True)
                raise KeyboardInterrupt
            return count_visit(ctx, doc)

        has_been: list = []
        declared(backend, function, batch_size=4)
        with pytest.raises(KeyboardInterrupt):
            backend.migrations.run("m")
        assert [each.get("visits") for each in users(backend)] == [1] * 4 + [None] * 6
        assert backend.migrations.run("m").status.visited == 10
        assert visits(backend) == {1}


def test_migration_goes_on_in_another_process():
    persistence = MemoryPersistence()
    with backend_with(10, persistence=persistence) as backend:
        declared(backend, batch_size=4)
        with pytest.raises(ZeroDivisionError):
            backend.migrations.run("m", on_progress=lambda status: status.visited and 1 / 0)
        persistence.close = lambda *_: None
    with backend_with(0, persistence=persistence) as backend:
        [status] = backend.migrations.statuses()
        assert (status.state, status.visited, status.is_defined) == ("stopped", 4, False)
        with pytest.raises(CallerError, match="run its %%migration cell or its module"):
            backend.migrations.run("m")
        declared(backend, batch_size=3)
        assert backend.migrations.run("m").status.visited == 10
        assert visits(backend) == {1}


@pytest.mark.case("helpers/migration_idempotent")
def test_migration_that_is_done_does_nothing_until_it_is_reset():
    with backend_with(5) as backend:
        declared(backend)
        backend.migrations.run("m")
        head = backend.database.head
        report = backend.migrations.run("m")
        assert (report.was_done, report.status.state, report.resumed_at) == (True, "done", 5)
        assert backend.database.head == head
        assert backend.migrations.run("m", reset=True).status.visited == 5
        assert visits(backend) == {2}


def test_document_that_fails_is_named_and_everything_before_it_stays():
    with backend_with(10) as backend:

        def function(ctx, doc):
            if doc["name"] == "u6":
                ctx.db.insert("traces", {})
                raise KeyError("age")
            return count_visit(ctx, doc)

        declared(backend, function, batch_size=4)
        with pytest.raises(MigrationFailedError, match=r"stopped at document .* of users: KeyError: 'age'") as caught:
            backend.migrations.run("m")
        error = caught.value
        assert (error.visited, error.total) == (6, 10)
        assert isinstance(error.__cause__, KeyError)
        assert write(backend, lambda ctx: ctx.db.get(error.document_id))["name"] == "u6"
        assert [each.get("visits") for each in users(backend)] == [1] * 6 + [None] * 4
        assert write(backend, lambda ctx: ctx.db.query("traces").count()) == 0
        status = backend.migrations.status("m")
        assert (status.state, status.document, status.error) == ("failed", error.document_id, "KeyError: 'age'")
        declared(backend)
        assert backend.migrations.run("m").resumed_at == 6
        assert visits(backend) == {1}
        assert backend.migrations.status("m").error == ""


def test_writers_at_the_same_time_lose_nothing_and_no_document_is_visited_twice():
    with backend_with(120) as backend:
        stop = threading.Event()
        written = [0, 0]

        def writer(n):
            while not stop.is_set() or not written[n]:
                write(backend, lambda ctx: ctx.db.insert("users", {"name": f"new{n}"}))
                write(backend, lambda ctx: _count_writes(ctx))
                written[n] += 1

        def _count_writes(ctx):
            first = ctx.db.query("users").first()
            ctx.db.patch(first["_id"], {"writes": first.get("writes", 0) + 1})

        threads = [threading.Thread(target=writer, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            declared(backend, batch_size=10)
            status = backend.migrations.run("m").status
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        found = users(backend)
        assert status.state == "done"
        assert [each["visits"] for each in found[:120]] == [1] * 120
        assert {each.get("visits", 0) for each in found} <= {0, 1}
        assert found[0]["writes"] == sum(written)
        assert len(found) == 120 + sum(written)


def test_documents_that_come_while_it_runs_are_visited_at_the_end():
    with backend_with(4) as backend:
        declared(backend, batch_size=2)
        report = backend.migrations.run("m", on_progress=lambda each: each.visited == 2 and add(backend, 3, start=4))
        assert (report.status.visited, report.status.total) == (7, 7)
        assert visits(backend) == {1}


def test_dry_run_leaves_nothing_and_shows_the_first_changes():
    with backend_with(10) as backend:

        def function(ctx, doc):
            ctx.db.insert("names", {"name": doc["name"]})
            ctx.scheduler.run_after(0, "main:nothing")
            if doc["name"] == "u3":
                raise ValueError("three")
            if doc["name"] == "u4":
                ctx.db.delete(doc["_id"])
                return None
            return {"age": 1} if doc["name"] > "u4" else None

        backend.mutation(name="nothing")(lambda ctx: None)
        declared(backend, function, batch_size=3)
        head, before, told = backend.database.head, users(backend), []
        found = backend.migrations.dry_run("m", samples=2, on_progress=lambda *each: told.append(each))
        assert backend.database.head == head
        assert users(backend) == before
        assert (found.visited, found.changed, found.failed, found.scheduled) == (10, 6, 1, 9)
        assert found.others == {("names", "inserted"): 9}
        assert [(each.before["name"], each.fields) for each in found.changes] == [
            ("u4", ["_id", "_creationTime", "name"]), ("u5", ["age"]),
        ]  # fmt: skip
        assert found.changes[1].after["age"] == 1
        assert str(found.failures[0].error) == "three"
        assert told[-1] == (10, 10)
        assert backend.migrations.status("m").state == "new"
        assert backend.scheduler.count() == 0


def test_dry_run_of_one_that_is_under_way_begins_where_it_stands():
    with backend_with(10) as backend:
        declared(backend, batch_size=4)
        with pytest.raises(KeyboardInterrupt):
            backend.migrations.run("m", on_progress=_interrupt_at(4))
        found = backend.migrations.dry_run("m")
        assert (found.resumed_at, found.visited) == (4, 6)
        backend.migrations.run("m")
        assert backend.migrations.dry_run("m").visited == 10


def _interrupt_at(visited):
    def told(status):
        if status.visited == visited:
            raise KeyboardInterrupt

    return told


def test_canceled_one_stops_and_goes_on_when_it_is_run_again():
    with backend_with(10) as backend:
        declared(backend, batch_size=2)
        report = backend.migrations.run(
            "m", on_progress=lambda each: each.visited == 4 and backend.migrations.cancel("m")
        )
        assert (report.status.state, report.status.visited) == ("canceled", 4)
        assert backend.migrations.run("m").status.state == "done"
        assert visits(backend) == {1}
        with pytest.raises(CallerError, match="is done, so there is nothing to cancel"):
            backend.migrations.cancel("m")
        with pytest.raises(CallerError, match="has not begun"):
            backend.migrations.cancel("other")


def test_several_run_in_their_order_and_stop_at_the_first_that_fails():
    with backend_with(3) as backend:
        order = []

        def named(name, fails=False):
            def function(ctx, doc):
                order.append(name)
                if fails:
                    raise ValueError(name)

            declared(backend, function, name=name)

        named("a"), named("b"), named("bad", fails=True)
        reports = backend.migrations.run_all("b", "a")
        assert [each.status.name for each in reports] == ["b", "a"]
        assert order == ["b"] * 3 + ["a"] * 3
        with pytest.raises(CallerError, match="no migration 'nope'"):
            backend.migrations.run_all("a", "nope")
        with pytest.raises(MigrationFailedError):
            backend.migrations.run_all("bad", "a", reset=True)
        assert len(order) == 7


def test_same_name_is_not_run_twice_at_once():
    with backend_with(2) as backend:
        declared(backend)

        def again(status):
            with pytest.raises(CallerError, match="running already"):
                backend.migrations.run("m")

        assert backend.migrations.run("m", on_progress=again).status.state == "done"


def test_unknown_migration_or_table_is_answered_with_the_nearest_one():
    with backend_with(1) as backend:
        declared(backend, name="add_age")
        with pytest.raises(CallerError, match='Did you mean "add_age"'):
            backend.migrations.run("add_aeg")
        declared(backend, name="other", table="usres")
        for do in (backend.migrations.run, backend.migrations.dry_run):
            with pytest.raises(CallerError, match=r'no table "usres"\. Did you mean "users"'):
                do("other")


def test_empty_table_is_done_at_once():
    with backend_with(1) as backend:
        write(backend, lambda ctx: ctx.db.delete(ctx.db.query("users").first()["_id"]))
        declared(backend)
        status = backend.migrations.run("m").status
        assert (status.state, status.visited, status.batches, status.share) == ("done", 0, 0, 1)


def test_name_belongs_to_its_table_and_a_table_made_anew_begins_anew():
    with backend_with(2) as backend:
        declared(backend)
        backend.migrations.run("m")
        write(backend, lambda ctx: ctx.db.insert("others", {"name": "x"}))
        declared(backend, table="others")
        with pytest.raises(CallerError, match="has gone over the table users, not over others"):
            backend.migrations.run("m")
        assert backend.migrations.run("m", reset=True).status.visited == 1
        backend.database.drop_table("others")
        write(backend, lambda ctx: ctx.db.insert("others", {"name": "x"}))
        report = backend.migrations.run("m")
        assert (report.was_done, report.status.visited) == (False, 1)


def test_module_declares_migrations_and_adding_it_again_replaces_them():
    with backend_with(2) as backend:
        module = types.ModuleType("app")
        module.m = migration(table="users")(count_visit)
        assert "migration count_visit" in backend.add_module(module).added
        assert backend.migrations.run("count_visit").status.state == "done"
        module.m = migration(table="users", name="other")(count_visit)
        assert backend.add_module(module).added == ("migration other",)
        assert [(each.name, each.is_defined) for each in backend.migrations.statuses()] == [
            ("count_visit", False), ("other", True),
        ]  # fmt: skip
        module.n = migration(table="users", name="other")(count_visit)
        with pytest.raises(CallerError, match="declared twice"):
            backend.add_module(module)


def test_batch_is_one_mutation_and_so_it_has_a_limit():
    with backend_with(1) as backend, pytest.raises(CallerError, match="1,000 documents at most"):
        declared(backend, batch_size=1_001)


def test_function_cannot_run_a_migration():
    with backend_with(1) as backend:
        declared(backend)
        for verb in ("run", "dry_run", "cancel"):
            with pytest.raises(CallerError, match="run from plain code"):
                write(backend, lambda ctx, verb=verb: getattr(backend.migrations, verb)("m"))


def test_cell_with_an_error_changes_nothing_and_its_origin_is_replaced():
    with backend_with(1) as backend:
        body = "helper = 1\ndef migrate_one(ctx, doc):\n    return {'age': 1}"
        namespace: dict = {}
        define = backend.migrations.define_cell
        define(body, "a", table="users", origin="cell", namespace=namespace)
        assert define(body, "b", table="users", origin="cell", namespace=namespace).name == "b"
        assert [each.name for each in backend.migrations.statuses()] == ["b"]
        for source, options in (("helper = 2\n1 / 0", {}), (body, {"table": "none"}), (body, {"batch_size": 5_000})):
            with pytest.raises((ZeroDivisionError, CallerError)):
                define(source, "c", **{"table": "users", "origin": "cell", "namespace": namespace, **options})
        assert namespace["helper"] == 1
        assert [each.name for each in backend.migrations.statuses()] == ["b"]
        backend.migrations.run("b")
        assert not backend.migrations.status("b").is_edited
        define(body.replace("1}", "2}"), "b", table="users", origin="cell")
        assert backend.migrations.status("b").is_edited


def test_closed_store_ends_a_migration():
    with backend_with(4) as backend:
        declared(backend, batch_size=1)
        with pytest.raises(StorageError):
            backend.migrations.run("m", on_progress=lambda each: each.visited == 1 and backend.close())


def test_live_queries_follow_each_batch(tmp_path):
    with nbconvex.open() as backend:
        add(backend, 6)
        backend.query(name="done")(lambda ctx: sum(1 for each in ctx.db.query("users") if "visits" in each))
        seen = []
        subscription = backend.subscribe("main:done", callback=lambda update: seen.append(update.value))
        declared(backend, batch_size=2)
        backend.migrations.run("m", on_progress=lambda each: backend.live.settle(5))
        subscription.close()
        assert seen == [0, 2, 4, 6]
