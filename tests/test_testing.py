"""The driver for tests of functions."""

from __future__ import annotations

import types
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from nbconvex import Int64, Response, define_schema, mutation, query, table, v
from nbconvex.backend import Backend
from nbconvex.errors import ConvexError, DocumentInvalidError, LimitExceededError, SchemaInvalidError
from nbconvex.limits import Limits
from nbconvex.testing import convex_test


@pytest.mark.case("test-harness/inline_query")
def test_function_given_in_place_is_a_query() -> None:
    with convex_test() as t:
        t.run(lambda ctx: ctx.db.insert("t", {"n": 1}))
        assert t.query(lambda ctx: [row["n"] for row in ctx.db.query("t")]) == [1]
        assert t.query(lambda ctx, n: n + 1, n=1) == 2


@pytest.mark.case("test-harness/inline_mutation_rollback")
def test_inline_mutation_that_raises_stores_nothing() -> None:
    def fails(ctx: Any) -> None:
        ctx.db.insert("t", {})
        raise ConvexError("no")

    with convex_test() as t:
        with pytest.raises(ConvexError):
            t.mutation(fails)
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 0


def test_error_of_every_inline_kind_reaches_the_test() -> None:
    def fails(ctx: Any) -> None:
        raise ConvexError({"code": 1})

    with convex_test() as t:
        for call in (t.query, t.mutation, t.action, t.run):
            with pytest.raises(ConvexError) as caught:
                call(fails)
            assert caught.value.data == {"code": 1}


@pytest.mark.case("test-harness/run_gives_mutation_like_ctx")
def test_run_reads_and_writes_without_limits() -> None:
    with convex_test(limits=Limits()) as t:

        def fill(ctx: Any) -> int:
            for _ in range(17_000):
                ctx.db.insert("t", {})
            return ctx.db.query("t").count()

        assert t.run(fill) == 17_000
        with pytest.raises(LimitExceededError):
            t.mutation(fill)


@pytest.mark.case("limits/off_by_default_in_tests")
def test_limits_are_off_unless_asked_for() -> None:
    def work(ctx: Any) -> int:
        for _ in range(100):
            ctx.db.insert("t", {"body": "x" * 1_000})
        return len(ctx.db.query("t").collect())

    with convex_test() as t:
        assert t.mutation(work) == 100
    with convex_test(limits={"documents_written": 50}) as t, pytest.raises(LimitExceededError):
        t.mutation(work)


@pytest.mark.case("test-harness/same_engine")
def test_limit_says_the_same_in_tests_and_elsewhere() -> None:
    def work(ctx: Any) -> None:
        for _ in range(3):
            ctx.db.insert("t", {})

    limits = Limits(documents_written=2)
    told = []
    with convex_test(limits=limits) as t, pytest.raises(LimitExceededError) as caught:
        t.mutation(work)
    told.append((str(caught.value), caught.value.code))
    with Backend.open(limits=limits) as backend:
        outcome = backend.run_outcome(backend.mutation(work))
    assert isinstance(outcome.error, LimitExceededError)
    told.append((str(outcome.error), outcome.error.code))
    assert told[0] == told[1]


@pytest.mark.case("test-harness/stubbed_network")
def test_network_of_an_action_is_replaced_by_a_stub() -> None:
    module = types.ModuleType("weather")
    module.fetch = lambda city: pytest.fail("the network")  # type: ignore[attr-defined]

    def refresh(ctx: Any, city: str) -> None:
        ctx.run_mutation("weather:store", text=module.fetch(city))

    with convex_test() as t:
        t.backend.mutation(name="weather:store")(lambda ctx, text: ctx.db.insert("weather", {"text": text}))
        with mock.patch.object(module, "fetch", lambda city: f"rain in {city}"):
            t.action(refresh, city="Berlin")
        assert t.query(lambda ctx: ctx.db.query("weather").first()["text"]) == "rain in Berlin"


@pytest.mark.case("auth/two_identities_differ", "auth/shared_data")
def test_people_differ_and_share_the_data() -> None:
    with convex_test() as t:
        ada, bob = t.with_identity(name="ada"), t.with_identity(name="bob")
        who = lambda ctx: dict(ctx.auth.get_user_identity())  # noqa: E731
        assert ada.query(who)["name"] == "ada"
        assert len({each.query(who)["tokenIdentifier"] for each in (ada, bob)}) == 2
        assert len({each.query(who)["subject"] for each in (ada, bob)}) == 2
        exact = t.with_identity({"subject": "s", "issuer": "i"})
        assert exact.query(who) == {"subject": "s", "issuer": "i", "tokenIdentifier": "i|s"}
        ada.mutation(lambda ctx: ctx.db.insert("t", {}))
        assert bob.query(lambda ctx: ctx.db.query("t").count()) == 1
        assert t.query(lambda ctx: ctx.auth.get_user_identity()) is None


def test_time_moves_when_it_is_told_to() -> None:
    with convex_test() as t:
        now = t.query(lambda ctx: ctx.now())
        t.advance(2)
        t.advance(timedelta(minutes=1))
        assert t.query(lambda ctx: ctx.now()) == now + 62_000


def test_schema_and_modules_are_there_from_the_start() -> None:
    schema = define_schema({"users": table({"name": v.string()})})
    module = types.ModuleType("users")
    module.add = mutation(lambda ctx, name: ctx.db.insert("users", {"name": name}))  # type: ignore[attr-defined]
    for modules in (module, [module], {"users": module}):
        with convex_test(schema, modules) as t:
            t.mutation(t.api.users.add, name="ada")
            t.mutation(module.add, {"name": "bob"})  # type: ignore[attr-defined]
            t.mutation("users:add", name="eve")
            with pytest.raises(DocumentInvalidError):
                t.run(lambda ctx: ctx.db.insert("users", {"name": 5}))
            assert t.query(lambda ctx: ctx.db.query("users").count()) == 3
    with convex_test(modules={"f": query(lambda ctx: 1)}) as t:
        assert t.query("main:f") == 1


def test_driver_that_cannot_start_leaves_nothing_open() -> None:
    import time

    before = time.time
    with pytest.raises(SchemaInvalidError):
        convex_test(schema=5)  # type: ignore[arg-type]
    assert time.time is before


@pytest.mark.case("test-harness/fetch_routes")
def test_endpoints_are_asked_without_a_network() -> None:
    with convex_test() as t:

        @t.backend.http.post("/notes/*")
        def note(ctx, request):
            who = ctx.auth.get_user_identity()
            return Response({"rest": request.rest, "body": request.json(), "who": who and who.subject}, status=201)

        @t.backend.http.get("/slow")
        async def slow(ctx, request):
            async def parts():
                yield f"{await request.text()}|"
                yield request.query["q"]

            return Response(parts(), headers={"X-Kind": request.headers["x-kind"]})

        @t.backend.http.get("/fails")
        def fails(ctx, request):
            raise ValueError("mine")

        answer = t.with_identity(subject="ada").fetch("/notes/a/b", method="post", body={"n": 1})
        assert (answer.status, answer.body) == (201, b'{"rest":"a/b","body":{"n":1},"who":"ada"}')
        answer = t.fetch("/slow?q=x", headers={"X-Kind": "test"}, body="hi")
        assert (answer.body, ("X-Kind", "test") in answer.headers) == (b"hi|x", True)
        assert t.fetch("/nowhere").status == 404
        with pytest.raises(ValueError, match="mine"):
            t.fetch("/fails")


@pytest.mark.case("tooling/data_to_dataframe")
def test_a_table_is_a_data_frame_in_one_line() -> None:
    pytest.importorskip("pandas")
    with convex_test() as t:
        made = t.run(lambda ctx: ctx.db.insert("t", {"n": Int64(2**60 + 1), "raw": b"\x00x", "name": "ada"}))
        t.run(lambda ctx: ctx.db.insert("t", {"n": Int64(1), "name": "bob"}))
        frame = t.backend.sql("SELECT * FROM t ORDER BY _creationTime").df()
        assert {"_id", "_creationTime", "n", "raw", "name"} <= set(frame.columns)
        assert (frame["_id"][0], frame["n"][0], bytes(frame["raw"][0])) == (made, 2**60 + 1, b"\x00x")
        assert frame["_creationTime"][0] < frame["_creationTime"][1]
