"""Who a client of the sync protocol is, from token to expiry, over a real socket: nbconvex.server.connection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosedOK

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from tests.server.sync_client import SyncClient, sync_client
from tests.services.auth.issuers import NOW_S, claims, custom, token


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(clock) -> Iterator[Backend]:
    with Backend.open(clock=clock, auth=[custom()]) as backend:

        @backend.query(name="m:who")
        def who(ctx):
            user = ctx.auth.get_user_identity()
            return None if user is None else user.subject

        @backend.query(name="m:count")
        def count(ctx):
            return ctx.db.query("notes").count()

        @backend.mutation(name="m:add")
        def add(ctx):
            ctx.db.insert("notes", {})
            user = ctx.auth.get_user_identity()
            return None if user is None else user.subject

        @backend.action(name="m:act")
        async def act(ctx):
            return ctx.auth.get_user_identity().subject

        yield backend


def authenticate(client: SyncClient, text: str) -> None:
    client.say(type="Authenticate", baseVersion=client.identity, tokenType="User", value=text)
    client.identity += 1


def test_client_is_whom_its_token_means(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.add(0, "m:who")
        assert client.results() == {0: "ada"}
        client.mutate(0, "m:add")
        answer = client.hear_until("MutationResponse")
        assert (answer["success"], answer["result"]) == (True, "ada")
        client.say(type="Action", requestId=1, udfPath="m:act", args=[{}])
        assert client.hear_until("ActionResponse")["result"] == "ada"


def test_accepted_token_is_answered_with_a_higher_identity_version(server) -> None:
    with sync_client(server.url) as client:
        authenticate(client, token())
        assert client.hear()["endVersion"]["identity"] == 1
        authenticate(client, token(claims(exp=NOW_S + 7_200)))
        heard = client.hear()
        assert (heard["endVersion"]["identity"], heard["modifications"]) == (2, [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (token(claims(exp=NOW_S - 60)), "Could not validate token: It expired 1 minute ago"),
        (token(claims(iss="https://evil.example")), "No auth provider found matching the given token."),
        ("x", "Could not parse JWT payload."),
        ("", "Could not parse JWT payload."),
    ],
)
def test_bad_token_is_told_with_the_reason_and_the_socket_closes(server, backend, text, error) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, text)
        with contextlib.suppress(ConnectionClosedOK):  # closed by the server already
            client.mutate(0, "m:add")
        heard = client.hear()
        assert (heard["type"], heard["baseVersion"], heard["authUpdateAttempted"]) == ("AuthError", 0, True)
        assert heard["error"].startswith(error)
        assert client.close_code()[0] == 1000
    assert backend.run("m:count") == 0


def test_token_is_verified_before_the_messages_behind_it(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.mutate(0, "m:add")
        authenticate(client, token(claims(sub="bob")))
        client.mutate(1, "m:add")
        assert client.hear_until("MutationResponse")["result"] == "ada"
        assert client.hear_until("MutationResponse")["result"] == "bob"


def test_other_person_on_the_same_socket_is_told_only_what_differs(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.modify(*(
            {"type": "Add", "queryId": n, "udfPath": path, "args": [{}]} for n, path in enumerate(["m:who", "m:count"])
        ))  # fmt: skip
        assert client.results() == {0: "ada", 1: 0.0}
        authenticate(client, token(claims(sub="bob")))
        assert client.results() == {0: "bob"}
        client.say(type="Authenticate", baseVersion=client.identity, tokenType="None")
        assert client.results() == {0: None}


def test_same_person_with_a_newer_token_runs_nothing_again(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.add(0, "m:who")
        assert client.results() == {0: "ada"}
        before = len(list(backend.logs))
        authenticate(client, token(claims(exp=NOW_S + 7_200, iat=NOW_S)))
        assert client.hear()["modifications"] == []
        assert len(list(backend.logs)) == before


@pytest.mark.parametrize("kind", ["Mutation", "Action"])
def test_expired_client_calls_nothing(server, backend, clock, kind) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        assert client.hear()["endVersion"]["identity"] == 1
        clock.advance(3_600 + 5)
        client.say(type=kind, requestId=0, udfPath="m:add" if kind == "Mutation" else "m:act", args=[{}])
        heard = client.hear()
        while heard["type"] == "Ping":
            heard = client.hear()
        assert heard == {
            "type": "AuthError", "error": "Convex token identity expired", "baseVersion": 1,
            "authUpdateAttempted": False,
        }  # fmt: skip
        assert client.close_code()[0] == 1000
    assert backend.run("m:count") == 0


def test_client_whose_token_expires_while_it_follows_is_told_no_further_result(server, backend, clock) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.add(0, "m:count")
        assert client.results() == {0: 0.0}
        clock.advance(3_600)
        backend.run("m:add")
        assert client.results() == {0: 1.0}  # the leeway
        clock.advance(5)
        backend.run("m:add")
        heard = client.hear_until("AuthError")
        assert (heard["baseVersion"], heard["authUpdateAttempted"]) == (1, False)
        assert client.close_code()[0] == 1000


def test_client_that_authenticates_again_in_time_stays(server, backend, clock) -> None:
    with sync_client(server.url) as client:
        client.connect()
        authenticate(client, token())
        client.add(0, "m:count")
        assert client.results() == {0: 0.0}
        clock.advance(3_000)
        authenticate(client, token(claims(exp=NOW_S + 10_000)))
        assert client.hear_until("Transition")["endVersion"]["identity"] == 2
        clock.advance(3_000)
        backend.run("m:add")
        assert client.results() == {0: 1.0}


def test_wrong_base_version_of_an_authentication_closes(server) -> None:
    with sync_client(server.url) as client:
        client.say(type="Authenticate", baseVersion=3, tokenType="User", value=token())
        assert client.close_code()[0] == 1011
