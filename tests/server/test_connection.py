"""One socket of the sync protocol, over a real one."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.server import connection as connection_module
from nbconvex.server.serve import serve
from nbconvex.sync.messages import read_ts, write_ts
from tests.server.messages import define_messages
from tests.server.sync_client import end_ts, sync_client


@pytest.fixture(autouse=True)
def functions(backend) -> None:
    define_messages(backend)


def test_a_subscription_a_mutation_and_its_transition(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:bodies")
        first = client.hear()
        assert first["startVersion"] == {"querySet": 0, "identity": 0, "ts": write_ts(0)}
        assert first["modifications"] == [
            {"type": "QueryUpdated", "queryId": 0, "value": [], "logLines": [], "journal": None}
        ]
        client.mutate(0, "m:send", {"body": "hi"})
        heard = [client.hear(), client.hear()]
        if heard[0]["type"] == "Transition":  # it may slip out before the answer; then another follows
            heard = [heard[1], client.hear(), heard[0]]
        answer, following = heard[:2]
        assert (answer["type"], answer["success"], answer["logLines"]) == (
            "MutationResponse",
            True,
            ["[LOG] 'sending hi'"],
        )
        assert following["type"] == "Transition"
        assert end_ts(following) >= read_ts(answer["ts"])
        told = [each for one in heard[1:] for each in one["modifications"]]
        assert [each["value"] for each in told] == [["hi"]]


@pytest.mark.case("reactivity/one_delivery_per_mutation")
def test_commits_reach_those_they_concern_and_nobody_else(server, backend) -> None:
    with sync_client(server.url) as one, sync_client(server.url) as other:
        one.connect()
        one.add(0, "m:bodies", {"channel": "a"})
        one.hear()
        other.connect()
        other.add(0, "m:bodies", {"channel": "b"})
        other.hear()
        backend.run_mutation("m:send", {"body": "1", "channel": "a"})
        assert one.results() == {0: ["1"]}
        backend.run_mutation("m:send", {"body": "2", "channel": "b"})
        # Its query reads the whole table, so it ran twice, and its result changed once.
        assert other.results() == {0: ["2"]}


def test_a_commit_reaches_all_who_follow_what_it_changed_and_only_them(server, backend) -> None:
    backend.query(name="m:one")(lambda ctx, channel: [each["body"] for each in ctx.db.query("t").collect()
                                                      if each["channel"] == channel])  # fmt: skip
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(sync_client(server.url)) for _ in range(30)]
        for number, client in enumerate(clients):
            client.connect()
            # Two numbers for the same query, so that some are told in the same words and some are not.
            shared = 0 if number % 3 else 5
            client.modify(
                {"type": "Add", "queryId": shared, "udfPath": "m:bodies", "args": [{}]},
                {"type": "Add", "queryId": 1, "udfPath": "m:one", "args": [{"channel": f"own {number}"}]},
            )
            client.hear()
        backend.run_mutation("m:send", {"body": "all"})
        for number, client in enumerate(clients):
            assert client.results() == {0 if number % 3 else 5: ["all"]}
        backend.run_mutation("m:send", {"body": "mine", "channel": "own 7"})
        backend.run_mutation("m:send", {"body": "more"})
        # The next that each hears: had it been told of the commit between, it would be that.
        for number, client in enumerate(clients):
            told = client.results()
            if number == 7 and 1 in told:
                assert told.pop(1) == ["mine"]
                told = told or client.results()
            assert told == {0 if number % 3 else 5: ["all", "more"]}


def test_edited_functions_reach_clients_at_once(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:bodies")
        client.hear()
        backend.query(name="m:bodies")(lambda ctx: "edited")
        assert client.results() == {0: "edited"}


def test_failures_are_answered_with_data_and_followed_by_a_transition(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:fail")
        answer = client.hear()
        assert (answer["success"], answer["errorData"], answer["ts"]) == (False, "no", None)
        assert "Uncaught ConvexError: no" in answer["result"]
        assert client.hear()["type"] == "Transition"
        client.add(0, "m:broken")
        (failed,) = client.hear()["modifications"]
        assert (failed["type"], failed["errorData"]) == ("QueryFailed", {"code": 7.0})
    assert backend.run_query("m:bodies") == []


def test_actions_are_answered_in_any_order(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        for number in range(5):
            client.say(type="Action", requestId=number, udfPath="m:double", args=[{"n": float(number)}])
        answers = [client.hear_until("ActionResponse") for _ in range(5)]
        assert {each["requestId"]: each["result"] for each in answers} == {n: n * 2.0 for n in range(5)}


UNKNOWN = [
    ("m:secret", "Could not find public function for 'm:secret'."),
    ("m:nothing", "Could not find public function for 'm:nothing'."),
    ("m:send", "m:send"),
    ("no path at all!", "no path at all!"),
    ("", ""),
]


@pytest.mark.parametrize(("path", "sentence"), UNKNOWN)
def test_what_is_no_public_query_fails_that_query_and_nothing_else(server, path: str, sentence: str) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, path)
        client.add(1, "m:bodies")
        results: dict[int, Any] = {}
        while len(results) < 2:
            results |= client.results()
        assert sentence in results[0]
        assert "Server Error" in results[0]
        assert results[1] == []
        client.mutate(0, "m:secret")
        assert "Could not find public" in client.hear_until("MutationResponse")["result"]


def test_a_mutation_sent_again_is_answered_and_not_applied_again(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send", {"body": "once"})
        first = client.hear_until("MutationResponse")
        session = client.session_id
    with sync_client(server.url) as client:
        client.session_id = session
        client.connect(maxObservedTimestamp=first["ts"])
        client.mutate(0, "m:send", {"body": "once"})
        again = client.hear()
        assert {**again, "ts": first["ts"]} == first
        assert end_ts(client.hear()) >= read_ts(again["ts"]) >= read_ts(first["ts"])
    assert backend.run_query("m:bodies") == ["once"]


def test_without_connect_nothing_is_taken_for_a_repetition(server, backend) -> None:
    for _ in range(2):
        with sync_client(server.url) as client:
            client.mutate(0, "m:send", {"body": "x"})
            client.hear_until("MutationResponse")
    assert backend.run_query("m:bodies") == ["x", "x"]


def test_a_page_keeps_its_end_over_a_reconnection(server, backend) -> None:
    for body in "abc":
        backend.run_mutation("m:send", {"body": body})
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:page")
        (told,) = client.hear()["modifications"]
    assert [each["body"] for each in told["value"]["page"]] == ["a", "b"]
    assert told["journal"]
    backend.run_mutation("m:send", {"body": "d"})
    first = backend.run_query("m:page")["page"][0]["_id"]
    backend.mutation(name="m:drop")(lambda ctx, document: ctx.db.delete(document))
    backend.run_mutation("m:drop", {"document": first})
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:page", journal=told["journal"])
        (again,) = client.hear()["modifications"]
        client.add(1, "m:page", journal="garbage")
        (refused,) = client.hear()["modifications"]
    assert [each["body"] for each in again["value"]["page"]] == ["b"]
    assert refused["errorData"] == {"isConvexSystemError": True, "paginationError": "InvalidCursor"}
    assert "InvalidCursor" in refused["errorMessage"]


def test_tokens_are_refused_cleanly_while_there_is_no_provider(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.say(type="Authenticate", baseVersion=0, tokenType="User", value="e30.eyJpc3MiOiJ4In0.ccc")
        heard = client.hear()
        assert (heard["type"], heard["baseVersion"], heard["authUpdateAttempted"]) == ("AuthError", 0, True)
        assert heard["error"].startswith("No auth provider found matching the given token")
        assert client.close_code()[0] == 1000


def test_logging_out_is_accepted(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.say(type="Authenticate", baseVersion=0, tokenType="None")
        assert client.hear()["endVersion"]["identity"] == 1


def test_the_admin_key_reaches_internal_functions_and_acts_as_somebody(server, backend) -> None:
    backend.query(name="m:who")(lambda ctx: (who := ctx.auth.get_user_identity()) and who.subject)
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:who")
        assert client.results() == {0: None}
        client.say(
            type="Authenticate", baseVersion=0, tokenType="Admin", value=backend.admin_key,
            impersonating={"issuer": "i", "subject": "ada"},
        )  # fmt: skip
        assert client.results() == {0: "ada"}
        client.add(1, "m:secret")
        assert client.results() == {1: "secret"}
    with sync_client(server.url) as client:
        client.say(type="Authenticate", baseVersion=0, tokenType="Admin", value="guess")
        assert client.hear()["type"] == "AuthError"


def test_a_thousand_mutations_of_one_client_are_applied_in_order(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        for number in range(1_000):
            client.mutate(number, "m:send", {"body": str(number)})
        assert [client.hear_until("MutationResponse")["requestId"] for _ in range(1_000)] == list(range(1_000))
    assert backend.run_query("m:bodies") == [str(number) for number in range(1_000)]


def test_a_client_that_hears_nothing_is_sent_a_ping(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "PING_S", 0.05)
    with sync_client(server.url) as client:
        assert client.hear() == {"type": "Ping"}


def test_transitions_are_cut_for_npm_and_for_nobody_else(server, backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CHUNK_BYTES_MAX", 1_000)
    backend.run_mutation("m:send", {"body": "ä" * 3_000})
    for path, chunks in [("/api/1.48.0/sync", True), ("/api/1.27.9/sync", False), ("/api/sync", False)]:
        with sync_client(server.url, path) as client:
            client.connect()
            client.add(0, "m:bodies")
            heard = client.hear()
            assert (heard["type"] == "TransitionChunk") is chunks, path
            if chunks:
                parts = [heard, *(client.hear() for _ in range(1, heard["totalParts"]))]
                heard = json.loads("".join(each["chunk"] for each in parts))
            assert heard["modifications"][0]["value"] == ["ä" * 3_000]


def test_a_result_above_sixteen_mebibytes_comes_in_small_frames(server, backend) -> None:
    backend.query(name="m:large")(lambda ctx, n: "x" * 9_000_000)
    with sync_client(server.url, "/api/sync") as client:
        client.connect()
        client.modify(*({"type": "Add", "queryId": n, "udfPath": "m:large", "args": [{"n": n}]} for n in range(3)))
        sizes = [len(part) for part in client.socket.recv_streaming()]
    assert sum(sizes) > 27_000_000
    assert max(sizes) <= 1024 * 1024


def test_stopping_closes_sockets_and_ends_subscriptions(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:bodies")
        client.hear()
        assert len(backend.live) == 1
        server.stop()
        assert client.close_code()[0] == 1012
    assert len(backend.live) == 0


def test_in_production_strangers_are_told_the_request_id_and_data_only() -> None:
    with Backend.open(production=True) as backend, serve(backend, port=0) as server:

        def boom(ctx) -> None:
            print("secret line")
            raise ValueError("secret")

        def refuse(ctx) -> None:
            raise ConvexError("no")

        backend.mutation(name="m:boom")(boom)
        backend.query(name="m:boom_query")(boom)
        backend.mutation(name="m:refuse")(refuse)
        with sync_client(server.url) as client:
            client.connect()
            client.mutate(0, "m:boom")
            answer = client.hear_until("MutationResponse")
            client.add(0, "m:boom_query")
            failed = client.results()[0]
            client.mutate(1, "m:refuse")
            assert client.hear_until("MutationResponse")["errorData"] == "no"
        for text in (answer["result"], failed):
            assert text.startswith("[Request ID: ")
            assert "secret" not in text
        assert answer["logLines"] == []
