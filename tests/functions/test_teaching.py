"""Every sentence that teaches: which thing, what is wrong, the line to write instead."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.errors import NbconvexError, NotAllowedError, NotAvailableError
from nbconvex.functions import teaching
from nbconvex.testing import TestBackend, convex_test


def in_query(work: Callable[[Any], Any]) -> Callable[[TestBackend], Any]:
    return lambda t: t.query(lambda ctx: work(ctx))


def in_mutation(work: Callable[[Any], Any]) -> Callable[[TestBackend], Any]:
    return lambda t: t.mutation(lambda ctx: work(ctx))


def in_action(work: Callable[[Any], Any]) -> Callable[[TestBackend], Any]:
    return lambda t: t.action(lambda ctx: work(ctx))


async def _await_get(ctx: Any) -> None:
    await ctx.db.get("x" * 32) if False else await ctx.db.query("t").first()


async def _await_query(ctx: Any) -> None:
    await ctx.db.query("t").collect()


async def _async_for(ctx: Any) -> None:
    async for _ in ctx.db.query("t").collect():
        pass


async def _sleeping(ctx: Any) -> None:
    import asyncio

    await asyncio.sleep(0)


async def _forgets_await(ctx: Any) -> int:
    return len(ctx.run_query("m:rows"))


TAUGHT: list[tuple[str, Callable[[TestBackend], Any], list[str]]] = [
    ("write in a query", in_query(lambda ctx: ctx.db.insert("t", {})), ["is a query", "ctx.db.insert", "@mutation"]),
    ("scoped write in a query", in_query(lambda ctx: ctx.db.table("t").patch("x", {})), ["is a query", "%%mutation"]),
    (
        "db in an action",
        in_action(lambda ctx: ctx.db),
        ["actions have no ctx.db", "ctx.run_query(", "ctx.run_mutation("],
    ),
    (
        "action from a mutation",
        in_mutation(lambda ctx: ctx.run_action("mail:send")),
        [
            "mutations cannot call the action mail:send",
            "run again",
            "ctx.scheduler.run_after(0, internal.mail.send,",
            "it starts once the mutation has committed",
        ],
    ),
    ("mutation from a query", in_query(lambda ctx: ctx.run_mutation("m:f")), ["queries may only run queries", "m:f"]),
    ("action from a query", in_query(lambda ctx: ctx.run_action("m:f")), ["queries may only run queries", "m:f"]),
    ("camelCase", in_query(lambda ctx: ctx.runQuery), ["ctx.runQuery is spelled ctx.run_query", "snake_case"]),
    (
        "camelCase on db",
        in_query(lambda ctx: ctx.db.normalizeId),
        ["ctx.db.normalizeId is spelled ctx.db.normalize_id"],
    ),
    (
        "camelCase on auth",
        in_query(lambda ctx: ctx.auth.getUserIdentity()),
        ["ctx.auth.get_user_identity"],
    ),
    ("camelCase on meta", in_query(lambda ctx: ctx.meta.getFunctionMetadata()), ["ctx.meta.get_function_metadata"]),
    ("unknown member", in_query(lambda ctx: ctx.databse), ["ctx has no databse", "It has"]),
    ("unknown on db", in_mutation(lambda ctx: ctx.db.inser("t", {})), ["ctx.db has no inser", "ctx.db.insert"]),
    ("unknown on a table", in_mutation(lambda ctx: ctx.db.table("t").colect), ["ctx.db.table(...) has no colect"]),
    ("write to system tables", in_mutation(lambda ctx: ctx.db.system.insert("t", {})), ["System tables are read-only"]),
    (
        "scheduler",
        in_query(lambda ctx: ctx.scheduler),
        ["is a query, and queries only read: ctx.scheduler", "%%mutation"],
    ),
    (
        "store in a mutation",
        in_mutation(lambda ctx: ctx.storage.store(b"")),
        ["is a mutation, and mutations never touch the bytes of files", "Do it in an action", "generate_upload_url()"],
    ),
    (
        "storage in camelCase",
        in_action(lambda ctx: ctx.storage.getUrl("x")),
        ["ctx.storage.getUrl is spelled ctx.storage.get_url here"],
    ),
    ("awaited document", lambda t: t.query(_await_get), ["awaits a value that is already there", "Remove the await"]),
    ("awaited list", lambda t: t.query(_await_query), ["awaits a value that is already there (a list)"]),
    ("async for", lambda t: t.query(_async_for), ["async for", "Remove the async"]),
    ("waiting query", lambda t: t.query(_sleeping), ["waits for something outside of ctx", "only actions may"]),
    (
        "network in a mutation",
        in_mutation(lambda ctx: urllib.request.urlopen("http://127.0.0.1:9/")),
        ["is a mutation: a network request", "can't be used in queries and mutations", "%%action"],
    ),
    (
        "missing await in an action",
        lambda t: t.action(_forgets_await),
        ["uses ctx.run_query(m:rows, ...) without await", "await ctx.run_query(m:rows, ...)"],
    ),
    ("forgotten collect", in_query(lambda ctx: ctx.db.query("t")), [".collect(), .take(n), .unique() or .first()"]),
    (
        "metrics in an action",
        in_action(lambda ctx: ctx.meta.get_transaction_metrics()),
        ["only in queries and mutations"],
    ),
    ("missing argument", in_query(lambda ctx: ctx.db.get()), ["Must provide arg 1 `id` to `get`", "ctx.db.get(id)"]),
    (
        "insert without a table",
        in_mutation(lambda ctx: ctx.db.insert({})),
        ["Must provide arg 2 `value` to `insert`", 'ctx.db.insert("table", {"field": value})'],
    ),
    ("table as a member", in_query(lambda ctx: ctx.db.users), ["ctx.db has no users", 'ctx.db.query("users")']),
]


@pytest.mark.parametrize(("wrong", "words"), [case[1:] for case in TAUGHT], ids=[case[0] for case in TAUGHT])
def test_wrong_use_is_told_what_to_write_instead(wrong: Callable[[TestBackend], Any], words: list[str]) -> None:
    with convex_test() as t:
        t.backend.query(name="m:rows")(lambda ctx: [])
        with pytest.raises(NbconvexError) as caught:
            wrong(t)
        for word in words:
            assert word in str(caught.value)


def test_member_that_is_not_there_is_refused_with_a_documented_error() -> None:
    with convex_test() as t, pytest.raises(NotAvailableError, match="is a query, and queries only read") as caught:
        t.query(lambda ctx: ctx.db.insert("t", {}))
    assert isinstance(caught.value, NotAllowedError)


def test_query_has_no_writer_says_hasattr_too() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx: [hasattr(ctx.db, name) for name in ("get", "insert", "delete")]) == [
            True,
            False,
            False,
        ]
        assert t.action(lambda ctx: hasattr(ctx, "db")) is False


def test_other_type_errors_stay_themselves() -> None:
    assert teaching.awaited_value("m:f", TypeError("unsupported operand")) is None
    with convex_test() as t, pytest.raises(TypeError, match="unsupported operand"):
        t.query(lambda ctx: 1 + "1")  # type: ignore[operator]


def test_awaited_value_is_understood_as_every_python_says_it() -> None:
    for sentence in ("object dict can't be used in 'await' expression", "'dict' object can't be awaited"):
        taught = teaching.awaited_value("m:f", TypeError(sentence))
        assert taught is not None
        assert "(a dict)" in str(taught)


def test_snake_spells_camel_case() -> None:
    assert [teaching.snake(name) for name in ("runMutation", "getUserIdentity", "run_query", "db")] == [
        "run_mutation", "get_user_identity", "run_query", "db"
    ]  # fmt: skip
