"""`ctx.auth` where the caller's token was refused but the function runs: nbconvex.functions.context."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.errors import UnauthenticatedError
from nbconvex.functions.identity import UnknownIdentity

EXPIRED = UnknownIdentity(UnauthenticatedError("Unauthenticated", "It expired 1 hour ago"))


@pytest.fixture
def backend():
    with Backend.open() as backend:

        @backend.query(name="m:who")
        def who(ctx):
            user = ctx.auth.get_user_identity()
            return None if user is None else user.subject

        @backend.query(name="m:careful")
        def careful(ctx):
            try:
                return ctx.run_query("m:who")
            except UnauthenticatedError as error:
                return error.message

        @backend.mutation(name="m:write")
        def write(ctx):
            ctx.db.insert("notes", {})
            return ctx.run_query("m:who")

        @backend.query(name="m:count")
        def count(ctx):
            return ctx.db.query("notes").count()

        @backend.action(name="m:open")
        def opened(ctx):
            return "ran"

        @backend.action(name="m:closed")
        async def closed(ctx):
            await ctx.run_mutation("m:write")

        @backend.action(name="m:endpoint")
        def endpoint(ctx):
            return ctx.auth.get_user_identity()

        yield backend


def test_function_runs_and_only_asking_raises(backend) -> None:
    assert backend.run_action("m:open", identity=EXPIRED) == "ran"
    with pytest.raises(UnauthenticatedError, match="It expired 1 hour ago"):
        backend.run_action("m:endpoint", identity=EXPIRED)


def test_what_it_calls_is_refused_too_when_it_asks(backend) -> None:
    with pytest.raises(UnauthenticatedError, match="It expired 1 hour ago"):
        backend.run_action("m:closed", identity=EXPIRED)
    assert backend.run("m:careful", identity=EXPIRED) == "It expired 1 hour ago"
    with pytest.raises(UnauthenticatedError):
        backend.run("m:write", identity=EXPIRED)
    assert backend.run("m:count") == 0


def test_what_was_kept_for_others_is_not_given_to_whoever_proves_nothing(backend) -> None:
    for _ in range(2):
        assert backend.run("m:careful") is None
        assert backend.run("m:careful", identity={"subject": "ada"}) == "ada"
        assert backend.run("m:careful", identity=EXPIRED) == "It expired 1 hour ago"
        assert backend.run("m:careful", identity=UnknownIdentity(UnauthenticatedError("X", "other"))) == "other"
