"""On whose behalf plain code calls: nbconvex.functions.acting."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.errors import CallerError
from nbconvex.functions.acting import acting_identity, as_user
from nbconvex.functions.identity import Identity
from nbconvex.server.serve import serve


@pytest.fixture
def backend():
    with Backend.open() as backend:

        @backend.query(name="m:who")
        def who(ctx):
            user = ctx.auth.get_user_identity()
            return None if user is None else user.token_identifier

        @backend.mutation(name="m:write")
        def write(ctx):
            return ctx.run_query("m:who")

        @backend.action(name="m:act")
        async def act(ctx):
            return await ctx.run_query("m:who")

        yield backend


def test_calls_of_the_block_are_somebodys(backend) -> None:
    assert backend.api.m.who() is None
    with nbconvex.as_user(subject="ada", name="Ada") as ada:
        assert dict(ada) == {
            "issuer": "nbconvex", "subject": "ada", "name": "Ada", "tokenIdentifier": "nbconvex|ada",
        }  # fmt: skip
        assert backend.api.m.who() == backend.run("m:who") == "nbconvex|ada"
        assert backend.api.m.write() == backend.api.m.act() == "nbconvex|ada"
        assert asyncio.run(backend.run_query_async("m:who")) == "nbconvex|ada"
        with as_user({"subject": "bob", "issuer": "https://i.example"}):
            assert backend.api.m.who() == "https://i.example|bob"
        with as_user(None):
            assert backend.api.m.who() is None
        assert backend.run("m:who", identity={"subject": "eve", "issuer": "x"}) == "x|eve"
    assert backend.api.m.who() is None


def test_identity_goes_on_as_it_is(backend) -> None:
    ada = Identity.verified({"tokenIdentifier": "i|ada", "issuer": "i", "subject": "ada", "org_id": "x"})
    with as_user(ada) as acting:
        assert acting is ada
    with as_user(ada, name="Ada") as acting:
        assert (acting.name, acting.subject) == ("Ada", "ada")


def test_block_that_fails_ends_too(backend) -> None:
    with pytest.raises(ZeroDivisionError), as_user(subject="ada"):
        1 / 0
    assert acting_identity() is None


def test_somebody_has_a_subject() -> None:
    for claims in ({"name": "Ada"}, {"subject": ""}):
        with pytest.raises(CallerError, match=r'as_user\(subject="ada"\)'), as_user(claims):
            pass


def test_subscriptions_of_the_block_stay_somebodys(backend) -> None:
    with as_user(subject="ada"):
        subscription = backend.subscribe("m:who")
    with subscription:
        assert subscription.latest.value == "nbconvex|ada"
        backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity().subject)
        assert backend.live.settle()
        assert subscription.latest.value == "ada"


def test_whom_cells_call_as_counts_where_no_block_says_so(backend) -> None:
    backend.acting = Identity({"subject": "cell"})
    assert backend.api.m.who() == "nbconvex|cell"
    with as_user(None):
        assert backend.api.m.who() is None


def test_other_threads_and_clients_are_nobody(backend) -> None:
    backend.acting = Identity({"subject": "cell"})
    seen = []
    with as_user(subject="ada"), serve(backend, port=0) as server:
        answer = httpx.post(f"{server.url}/api/query", json={"path": "m:who", "args": {}})
        assert answer.json()["value"] is None
        backend.acting = None
        thread = threading.Thread(target=lambda: seen.append(backend.run("m:who")))
        thread.start()
        thread.join()
    assert seen == [None]
