"""Triggers at work: nbconvex.functions.trigger_calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nbconvex import ConvexError, mutation
from nbconvex.errors import LimitExceededError, NbconvexError, NotAllowedError, UniqueViolatedError
from nbconvex.functions.trigger import Change
from nbconvex.testing import TestBackend, convex_test
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v

Handler = Callable[[Any, Change], Any]


def watched(*handlers: tuple[str, Handler], schema: Any = None, limits: Any = None, **functions: Any) -> TestBackend:
    """A backend with these handlers as triggers on these tables."""
    t = convex_test(schema, {"m": functions} if functions else None, limits=limits)
    for table_name, handler in handlers:
        t.backend.trigger(table_name)(handler)
    return t


def rows(t: TestBackend, name: str) -> list[Any]:
    found: list[Any] = t.run(lambda ctx: ctx.db.query(name).collect())
    return found


def bare(document: Any) -> Any:
    return None if document is None else {name: each for name, each in document.items() if name[0] != "_"}


# -- what a trigger is told --------------------------------------------------------------------------------------------


@pytest.mark.case("helpers/trigger_gets_old_and_new")
def test_a_trigger_gets_operation_id_and_both_documents() -> None:
    seen: list[Change] = []

    def write(ctx: Any) -> str:
        user: str = ctx.db.insert("users", {"name": "Ada"})
        ctx.db.patch(user, {"name": "Ada L."})
        ctx.db.patch(user, {"name": "Ada L."})  # equal: nothing is written
        ctx.db.replace(user, {"nick": "ada"})
        ctx.db.insert("others", {"a": 1})
        ctx.db.delete(user)
        return user

    with watched(("users", lambda ctx, change: seen.append(change))) as t:
        user = t.mutation(write)
    assert [(each.operation, bare(each.old_doc), bare(each.new_doc)) for each in seen] == [
        ("insert", None, {"name": "Ada"}),
        ("update", {"name": "Ada"}, {"name": "Ada L."}),
        ("update", {"name": "Ada L."}, {"nick": "ada"}),
        ("delete", {"nick": "ada"}, None),
    ]
    assert {(each.id, each.table) for each in seen} == {(user, "users")}
    assert seen[0].new_doc is not None
    assert seen[0].new_doc["_id"] == user


def test_documents_are_copies_that_each_trigger_has_for_itself() -> None:
    seen: list[Any] = []

    def spoil(ctx: Any, change: Change) -> None:
        assert change.new_doc is not None
        change.new_doc["tags"].append("spoiled")
        seen.append(change.new_doc["tags"])

    with watched(("users", spoil), ("users", lambda ctx, change: seen.append(change.new_doc["tags"]))) as t:  # type: ignore[index]
        t.run(lambda ctx: ctx.db.insert("users", {"tags": []}))
        assert seen == [["spoiled"], []]
        assert bare(rows(t, "users")[0]) == {"tags": []}


def test_times_are_datetimes_as_in_what_the_database_gives() -> None:
    seen: list[Any] = []
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    meetings = table({"at": v.datetime(default=lambda: noon)})

    def hear(ctx: Any, change: Change) -> None:
        assert change.new_doc == ctx.db.get(change.id)
        seen.append((change.old_doc and change.old_doc["at"], change.new_doc and change.new_doc["at"]))

    with watched(("meetings", hear), schema=define_schema({"meetings": meetings})) as t:
        later = noon + timedelta(hours=1)
        t.run(lambda ctx: ctx.db.patch(ctx.db.insert("meetings", {}), {"at": later}))
    assert seen == [(None, noon), (noon, later)]


@pytest.mark.case("helpers/trigger_on_delete")
def test_a_trigger_writes_in_the_same_transaction() -> None:
    def forget(ctx: Any, change: Change) -> None:
        if change.operation == "delete":
            for each in ctx.db.query("messages").filter(lambda each: each["author"] == change.id).collect():
                ctx.db.delete(each["_id"])

    def delete_and_look(ctx: Any, user: str) -> int:
        ctx.db.delete(user)
        count: int = ctx.db.query("messages").count()
        return count

    def fail(ctx: Any, user: str) -> None:
        ctx.db.delete(user)
        raise ConvexError("no")

    with watched(("users", forget)) as t:
        ada, bob = t.run(lambda ctx: [ctx.db.insert("users", {}) for _ in range(2)])
        t.run(lambda ctx: [ctx.db.insert("messages", {"author": each}) for each in (ada, ada, bob)] and None)
        with pytest.raises(ConvexError):
            t.mutation(fail, user=ada)
        assert len(rows(t, "messages")) == 3
        assert t.mutation(delete_and_look, user=ada) == 1
        assert [each["author"] for each in rows(t, "messages")] == [bob]


# -- errors ------------------------------------------------------------------------------------------------------------


def check_email(ctx: Any, change: Change) -> None:
    if change.new_doc is not None and "@" not in change.new_doc["email"]:
        raise ConvexError("no e-mail address")


@pytest.mark.case("helpers/trigger_throw_aborts_write")
def test_an_error_comes_out_of_the_write_and_undoes_the_mutation() -> None:
    lines: list[str] = []

    def add(ctx: Any, email: str) -> None:
        lines.append("before")
        ctx.db.insert("users", {"email": email})
        lines.append("after")

    with watched(("users", check_email)) as t:
        with pytest.raises(ConvexError) as raised:
            t.mutation(add, email="nowhere")
        assert raised.value.data == "no e-mail address"
        assert raised.value.__notes__[0].startswith("in the trigger users.check_email, after the insert of ")
        assert lines == ["before"]
        assert rows(t, "users") == []
        t.mutation(add, email="ada@x.org")
        assert len(rows(t, "users")) == 1


@pytest.mark.case("helpers/trigger_error_caught")
def test_a_caught_error_leaves_the_write_to_be_committed() -> None:
    def add(ctx: Any) -> str:
        try:
            ctx.db.insert("users", {"email": "nowhere"})
        except ConvexError:
            return "caught"
        return "not raised"

    with watched(("users", check_email)) as t:
        assert t.mutation(add) == "caught"
        assert [each["email"] for each in rows(t, "users")] == ["nowhere"]


@pytest.mark.case("helpers/triggers_all_run")
def test_all_triggers_run_and_the_first_error_is_raised() -> None:
    seen: list[str] = []

    def failing(name: str) -> Handler:
        def handler(ctx: Any, change: Change) -> None:
            seen.append(name)
            ctx.db.insert("log", {"by": name})
            raise ConvexError(name)

        handler.__name__ = name
        return handler

    def add(ctx: Any) -> Any:
        try:
            ctx.db.insert("users", {})
        except ConvexError as error:
            return error.data

    with watched(
        ("users", failing("one")), ("users", failing("two")), ("log", lambda ctx, change: seen.append("log"))
    ) as t:
        assert t.mutation(add) == "one"
        assert seen == ["one", "two", "log", "log"]
        assert len(rows(t, "log")) == 2


# -- triggers that write -----------------------------------------------------------------------------------------------


@pytest.mark.case("helpers/trigger_recursion_breadth_first")
def test_triggers_of_triggers_stand_in_line() -> None:
    seen: list[str] = []

    def passing_on(name: str, *following: str) -> Handler:
        def handler(ctx: Any, change: Change) -> None:
            seen.append(f"{name} begins")
            for each in following:
                ctx.db.insert(each, {})
            seen.append(f"{name} ends")

        handler.__name__ = name
        return handler

    def write(ctx: Any) -> int:
        ctx.db.insert("a", {})
        # All of it has happened when the insert returns.
        count: int = ctx.db.query("c").count()
        return count

    with watched(
        ("a", passing_on("first", "b", "b")), ("a", passing_on("second", "c")), ("b", passing_on("third", "c")),
        ("c", passing_on("fourth")),
    ) as t:  # fmt: skip
        head = t.backend.database.head
        assert t.mutation(write) == 3
        order = [each.split()[0] for each in seen[::2]]
        assert order == ["first", "second", "third", "third", "fourth", "fourth", "fourth"]
        assert [each.split()[0] for each in seen[1::2]] == order
        # One transaction: what the tables were made with.
        records = t.backend.database.write_log.since(head)
        assert records is not None
        assert len(records) == 1


def test_inner_db_sets_off_no_trigger_and_keeps_rules() -> None:
    seen: list[str] = []
    unique = table({"a": v.number()}).index("by_a", ["a"], unique=True)

    def normalize(ctx: Any, change: Change) -> None:
        seen.append(change.operation)
        if change.operation == "insert":
            ctx.inner_db.patch(change.id, {"a": 2})
            other = ctx.inner_db.insert("users", {"a": 3})
            ctx.inner_db.table("users").replace(other, {"a": 4})
            with pytest.raises(UniqueViolatedError):
                ctx.inner_db.insert("users", {"a": 2})
            assert ctx.inner_db.get(change.id) == ctx.db.get(change.id)
            ctx.inner_db.delete(other)

    with watched(("users", normalize), schema=define_schema({"users": unique})) as t:
        t.run(lambda ctx: ctx.db.insert("users", {"a": 1}))
        assert seen == ["insert"]
        assert [each["a"] for each in rows(t, "users")] == [2]


def test_an_endless_chain_ends_with_a_sentence_that_can_be_caught() -> None:
    def count_up(ctx: Any, change: Change) -> None:
        assert change.new_doc is not None
        ctx.db.patch(change.id, {"n": change.new_doc["n"] + 1})

    with watched(("users", count_up), limits={"trigger_depth": 5}) as t:
        with pytest.raises(LimitExceededError, match="set each other off 5 times in a row") as raised:
            t.run(lambda ctx: ctx.db.insert("users", {"n": 0}))
        assert raised.value.limit == "trigger_depth"
        # The line is empty again for whoever goes on after it.

        def add(ctx: Any) -> Any:
            for _ in range(2):
                with pytest.raises(LimitExceededError):
                    ctx.db.insert("users", {"n": 0})
            return [each["n"] for each in ctx.db.query("users").collect()]

        assert t.mutation(add) == [5, 5]


def test_a_nested_mutation_that_fails_takes_its_writes_out_of_the_line() -> None:
    seen: list[str] = []

    @mutation
    def failing(ctx: Any) -> None:
        ctx.db.insert("b", {"by": "nested"})
        raise ConvexError("no")

    def first(ctx: Any, change: Change) -> None:
        ctx.db.insert("b", {"by": "before"})
        with pytest.raises(ConvexError):
            ctx.run_mutation("m:failing")
        ctx.db.insert("b", {"by": "after"})

    with watched(
        ("a", first), ("b", lambda ctx, change: seen.append(change.new_doc["by"])), failing=failing,  # type: ignore[index]
    ) as t:  # fmt: skip
        t.run(lambda ctx: ctx.db.insert("a", {}))
        assert seen == ["before", "after"]
        assert [each["by"] for each in rows(t, "b")] == ["before", "after"]


def test_a_nested_mutations_writes_are_heard_of_and_undone_with_it() -> None:
    @mutation
    def inner(ctx: Any) -> None:
        ctx.db.insert("a", {})
        raise ConvexError("no")

    def outer(ctx: Any) -> int:
        with pytest.raises(ConvexError):
            ctx.run_mutation("m:inner")
        count: int = ctx.db.query("log").count()
        return count

    with watched(("a", lambda ctx, change: ctx.db.insert("log", {})), inner=inner) as t:
        assert t.mutation(outer) == 0


# -- on whose behalf ---------------------------------------------------------------------------------------------------


def test_a_trigger_has_the_ctx_of_a_mutation_on_behalf_of_the_caller() -> None:
    seen: dict[str, Any] = {}

    @mutation
    def add(ctx: Any) -> None:
        ctx.db.insert("users", {})

    @mutation(internal=True)
    def later(ctx: Any) -> None:
        ctx.db.insert("log", {"by": "job"})

    def handler(ctx: Any, change: Change) -> None:
        identity = ctx.auth.get_user_identity()
        seen.update(
            identity=identity and identity.subject, name=ctx.meta.get_function_metadata()["name"], text=repr(ctx),
            now=ctx.now(), has_inner=hasattr(ctx, "inner_db"),
        )  # fmt: skip
        ctx.scheduler.run_after(0, "m:later")
        with pytest.raises(NotAllowedError, match="ctx has no fetch"):
            _ = ctx.fetch

    with watched(("users", handler), add=add, later=later) as t:
        t.with_identity(subject="ada").mutation("m:add")
        t.finish_all_scheduled()
        assert (seen["identity"], seen["name"], seen["has_inner"]) == ("ada", "trigger users.handler", True)
        assert seen["text"] == "<ctx of mutation trigger users.handler>"
        assert seen["now"] == rows(t, "users")[0]["_creationTime"]
        assert len(rows(t, "log")) == 1


def test_a_ctx_that_was_kept_is_over_when_the_trigger_has_ended() -> None:
    kept: list[Any] = []

    def keep(ctx: Any, change: Change) -> None:
        kept.extend([ctx.db, ctx.inner_db])

    with watched(("users", keep)) as t:
        t.run(lambda ctx: ctx.db.insert("users", {}))
        for db in kept:
            with pytest.raises(NbconvexError):
                db.insert("users", {})


def test_an_async_trigger_is_run_to_its_end_and_may_not_wait() -> None:
    async def count(ctx: Any, change: Change) -> None:
        ctx.db.insert("log", {})

    async def wait(ctx: Any, change: Change) -> None:
        await asyncio.sleep(1)

    with watched(("users", count), ("teams", wait)) as t:
        t.run(lambda ctx: ctx.db.insert("users", {}))
        assert len(rows(t, "log")) == 1
        with pytest.raises(NotAllowedError):
            t.run(lambda ctx: ctx.db.insert("teams", {}))


def test_prints_stand_in_the_calls_log_under_the_triggers_name(capsys: pytest.CaptureFixture[str]) -> None:
    def talk(ctx: Any, change: Change) -> None:
        print("seen", change.operation)
        print("two\nlines")

    def add(ctx: Any) -> None:
        print("adding")
        ctx.db.insert("users", {})
        print("added")

    with watched(("users", talk)) as t:
        t.mutation(add)
        expected = ("adding", "[users.talk] seen insert", "[users.talk] two", "[users.talk] lines", "added")
        assert list(t.backend.logs)[-1].lines == expected
        assert capsys.readouterr().out == "\n".join(expected) + "\n"


def test_what_goes_along_with_a_deletion_is_heard_of_when_all_of_it_has_gone() -> None:
    users = table({"name": v.string()})
    messages = table({"author": v.id("users", on_delete="cascade")}).index("by_author", ["author"])
    notes = table({"by": v.nullable(v.id("users", on_delete="set_null"))}).index("by_by", ["by"])
    seen: list[Any] = []

    def hear(ctx: Any, change: Change) -> None:
        left = ctx.db.query("messages").count()
        seen.append((change.table, change.operation, bare(change.new_doc), left))

    schema = define_schema({"users": users, "messages": messages, "notes": notes})
    with watched(("users", hear), ("messages", hear), ("notes", hear), schema=schema) as t:
        ada = t.run(lambda ctx: ctx.db.insert("users", {"name": "Ada"}))
        t.run(lambda ctx: [ctx.db.insert("messages", {"author": ada}) for _ in range(2)] and None)
        t.run(lambda ctx: ctx.db.insert("notes", {"by": ada}))
        seen.clear()
        t.run(lambda ctx: ctx.db.delete(ada))
    assert seen == [
        ("users", "delete", None, 0), ("messages", "delete", None, 0), ("messages", "delete", None, 0),
        ("notes", "update", {"by": None}, 0),
    ]  # fmt: skip


# -- other doors -------------------------------------------------------------------------------------------------------


def test_writes_without_a_function_set_them_off_and_are_logged_if_there_is_something_to_say() -> None:
    def handler(ctx: Any, change: Change) -> None:
        if change.new_doc is not None and "bad" in change.new_doc:
            print("this one is bad")
            raise ConvexError("bad")
        ctx.db.insert("log", {"of": change.id})

    with watched(("users", handler)) as t:
        database = t.backend.database
        tx = database.begin(writable=True, reader="import")
        user = tx.insert("users", {"a": 1})
        database.commit(tx)
        assert [each["of"] for each in rows(t, "log")] == [user]
        calls = len(t.backend.logs)
        tx = database.begin(writable=True, reader="import")
        with pytest.raises(ConvexError):
            tx.insert("users", {"bad": 1})
        [record] = list(t.backend.logs)[calls:]
        assert (record.path, record.lines) == ("import", ("[users.handler] this one is bad",))
        assert isinstance(record.error, ConvexError)


@pytest.mark.case("helpers/trigger_runs_on_import")
def test_rows_of_an_import_are_heard_of_one_by_one() -> None:
    def count(ctx: Any, change: Change) -> None:
        ctx.db.insert("log", {"of": change.new_doc and change.new_doc["n"], "op": change.operation})
        print("row", change.new_doc and change.new_doc["n"])

    with watched(("users", count)) as t:
        t.backend.import_data([{"n": n} for n in range(3)], "users")
        assert [(each["op"], each["of"]) for each in rows(t, "log")] == [("insert", n) for n in range(3)]
        t.backend.import_data([{"n": 9}], "users", mode="replace")
        assert [(each["op"], each["of"]) for each in rows(t, "log")][3:] == [("delete", None)] * 3 + [("insert", 9)]
        assert [each.path for each in t.backend.logs if "[users.count] row 9" in each.lines] == ["import"]


def test_an_import_that_a_trigger_refuses_leaves_nothing() -> None:
    with watched(("users", check_email)) as t:
        with pytest.raises(ConvexError, match="no e-mail address"):
            t.backend.import_data([{"email": "ada@x.org"}, {"email": "nowhere"}], "users")
        assert rows(t, "users") == []


def test_documents_that_a_migration_changes_are_heard_of() -> None:
    seen: list[Any] = []
    with watched(("users", lambda ctx, change: seen.append((change.old_doc, change.new_doc)))) as t:
        t.run(lambda ctx: [ctx.db.insert("users", {"n": n}) for n in range(3)] and None)
        seen.clear()
        t.backend.migration(table="users", name="more")(lambda ctx, doc: {"n": doc["n"] + 10})
        t.backend.migrations.run("more")
    assert [(bare(old), bare(new)) for old, new in seen] == [({"n": n}, {"n": n + 10}) for n in range(3)]
