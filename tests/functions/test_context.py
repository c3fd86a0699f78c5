"""What `ctx` holds, by kind."""

from __future__ import annotations

import random as random_module
from typing import Any

import pytest

from nbconvex.errors import NotAllowedError
from nbconvex.functions.context import ActionCtx, MutationCtx, QueryCtx
from nbconvex.testing import convex_test


def by_author(ctx: Any, author: str) -> list[Any]:
    return [row for row in ctx.db.query("messages").collect() if row["author"] == author]


def count_by_author(ctx: Any, author: str) -> int:
    return len(by_author(ctx, author))


def post(ctx: Any, author: str, *bodies: str) -> None:
    for body in bodies:
        ctx.db.insert("messages", {"author": author, "body": body})


def mine(ctx: Any) -> list[Any]:
    return by_author(ctx, ctx.auth.get_user_identity().name)


@pytest.mark.case("functions/helper_in_query", "functions/helper_nested")
def test_helpers_that_take_ctx_are_ordinary_code() -> None:
    with convex_test() as t:
        t.mutation(lambda ctx: post(ctx, "ada", "one", "two"))
        t.mutation(
            lambda ctx: (post(ctx, "bob", "three"), ctx.db.insert("messages", {"author": "bob", "body": "4"}))[1]
        )
        assert [row["body"] for row in t.query(lambda ctx: by_author(ctx, "ada"))] == ["one", "two"]
        assert t.query(lambda ctx: count_by_author(ctx, "bob")) == 2


@pytest.mark.case("functions/helper_with_identity")
def test_helper_sees_who_is_calling() -> None:
    with convex_test() as t:
        t.run(lambda ctx: post(ctx, "ada", "one"))
        assert [row["body"] for row in t.with_identity(name="ada").query(mine)] == ["one"]
        assert t.with_identity(name="bob").query(mine) == []


IDENTITY_WAYS: list[tuple[str, str, str]] = [
    ("auth/query_to_query", "query", "m:via_query"),
    ("auth/mutation_to_query", "mutation", "m:via_mutation"),
    ("auth/mutation_to_mutation_to_query", "mutation", "m:via_mutations"),
    ("auth/action_to_query", "action", "m:via_action"),
    ("auth/action_to_action_to_query", "action", "m:via_actions"),
]


@pytest.mark.case(*[case[0] for case in IDENTITY_WAYS])
@pytest.mark.parametrize(
    ("kind", "path"), [case[1:] for case in IDENTITY_WAYS], ids=[case[0] for case in IDENTITY_WAYS]
)
def test_identity_reaches_nested_calls_of_every_kind(kind: str, path: str) -> None:
    with convex_test() as t:
        backend = t.backend
        backend.query(name="m:who")(lambda ctx: (who := ctx.auth.get_user_identity()) and who.name)
        backend.query(name="m:via_query")(lambda ctx: ctx.run_query("m:who"))
        backend.mutation(name="m:via_mutation")(lambda ctx: ctx.run_query("m:who"))
        backend.mutation(name="m:via_mutations")(lambda ctx: ctx.run_mutation("m:via_mutation"))
        backend.action(name="m:via_action")(lambda ctx: ctx.run_query("m:who"))

        @backend.action(name="m:via_actions")
        async def via_actions(ctx):
            return await ctx.run_action("m:via_action")

        assert getattr(t.with_identity(name="ada"), kind)(path) == "ada"
        assert getattr(t, kind)(path) is None


def test_contexts_hold_what_their_kind_may_use() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx: type(ctx) is QueryCtx)
        assert t.mutation(lambda ctx: type(ctx) is MutationCtx)
        assert t.action(lambda ctx: type(ctx) is ActionCtx)
        assert t.query(repr) == "<ctx of query inline>"


@pytest.mark.case("functions/action_has_no_db")
def test_action_has_no_db() -> None:
    with convex_test() as t, pytest.raises(NotAllowedError, match=r"ctx\.run_query\(.*ctx\.run_mutation\("):
        t.action(lambda ctx: ctx.db.query("messages"))


@pytest.mark.case("functions/metadata_inline", "functions/metadata_default_export")
def test_function_knows_its_own_name() -> None:
    def metadata(ctx: Any) -> Any:
        return ctx.meta.get_function_metadata()

    with convex_test() as t:
        assert t.query(metadata) == {"name": "inline", "component_path": "", "type": "query", "visibility": "public"}
        t.backend.mutation(name="m:default", internal=True)(metadata)
        assert t.mutation("m") == {"name": "m", "component_path": "", "type": "mutation", "visibility": "internal"}
        t.backend.action(name="dir/m:f")(metadata)
        assert t.action("dir/m:f")["name"] == "dir/m:f"


@pytest.mark.case("functions/deployment_metadata_everywhere")
def test_deployment_is_named_in_every_kind() -> None:
    with convex_test() as t:
        for call in (t.query, t.mutation, t.action):
            found = call(lambda ctx: ctx.meta.get_deployment_metadata())
            assert (found["name"], found["class"]) == ("memory", "dev")


@pytest.mark.case("functions/transaction_metrics_in_action")
def test_transaction_metrics_belong_to_transactions() -> None:
    with convex_test() as t:
        with pytest.raises(NotAllowedError, match="queries and mutations"):
            t.action(lambda ctx: ctx.meta.get_transaction_metrics())
        assert t.query(lambda ctx: ctx.meta.get_transaction_metrics()["documentsRead"]["used"]) == 0


@pytest.mark.case("functions/request_metadata_in_query")
def test_request_metadata_is_for_those_who_are_not_cached() -> None:
    with convex_test() as t:
        with pytest.raises(NotAllowedError, match="not in a query"):
            t.query(lambda ctx: ctx.meta.get_request_metadata())
        asked = t.mutation(lambda ctx: ctx.meta.get_request_metadata()["request_id"])
        assert asked == list(t.backend.logs)[-1].request_id


@pytest.mark.case("functions/function_handle_roundtrip")
def test_function_handle_is_text_that_can_be_stored_and_called() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:add")(lambda ctx, n: ctx.db.insert("t", {"n": n}))
        handle = t.query(lambda ctx: ctx.create_function_handle(t.api.m.add))
        stored = t.run(lambda ctx: ctx.db.insert("handles", {"handle": handle}))
        t.mutation(lambda ctx: ctx.run_mutation(ctx.db.get(stored)["handle"], n=7))
        assert t.query(lambda ctx: [row["n"] for row in ctx.db.query("t")]) == [7]


def test_now_is_in_milliseconds_and_random_is_pythons() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx: ctx.now()) == t.clock.now_ns() / 1e6
        assert t.action(lambda ctx: ctx.now()) == t.clock.now_ns() / 1e6
        assert t.query(lambda ctx: isinstance(ctx.random, random_module.Random))
        assert 0 <= t.action(lambda ctx: ctx.random.random()) < 1


def test_arguments_of_nested_calls_come_as_dict_by_name_or_both() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx, **given: given)
        assert t.query(lambda ctx: ctx.run_query("m:f", {"a": 1}, b=2)) == {"a": 1, "b": 2}
        assert t.query(lambda ctx: ctx.run_query("m:f", {"a": 1})) == {"a": 1}
        assert t.query(lambda ctx: ctx.run_query("m:f", b=2)) == {"b": 2}
