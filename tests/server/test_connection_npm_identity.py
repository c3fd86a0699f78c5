"""The npm client's token cycle against a real server: nbconvex.server.connection."""

from __future__ import annotations

import time

from nbconvex.backend import Backend
from nbconvex.server.serve import serve
from tests.server.client_program import node_result
from tests.services.auth.issuers import claims, custom, token


def test_expired_token_recovers_a_good_one_is_refreshed_and_logging_out_is_nobody(web) -> None:
    now = int(time.time())
    expired = token(claims(sub="eve", iat=now - 100, exp=now - 50))
    # The client asks for another ten seconds before the end.
    short = token(claims(sub="ada", iat=now, exp=now + 13))
    fresh = token(claims(sub="bob", iat=now, exp=now + 3_600))
    with Backend.open(auth=[custom()]) as backend:

        @backend.query(name="m:who")
        def who(ctx):
            user = ctx.auth.get_user_identity()
            return None if user is None else user.subject

        @backend.mutation(name="m:add")
        def add(ctx):
            return ctx.run_query("m:who")

        with serve(backend, port=0) as server:
            told = node_result(web, "identity.mjs", server.url, expired, short, fresh)
    assert told["seen"] == ["ada", "bob", None]
    assert told["wrote"] == "ada"
    # The expired one was asked for as usual, each other one because the server or the clock said so.
    assert told["requests"][:3] == [False, True, True]
    assert told["changes"][0] is True
    assert False not in told["changes"][:2]
