"""One socket of the sync protocol, over a real one."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.server import connection as connection_module
from nbconvex.server.serve import serve
from nbconvex.sync.messages import read_ts, write_ts
from tests.server.sync_client import end_ts, sync_client


@pytest.fixture(autouse=True)
def functions(backend) -> None:
    @backend.query(name="m:bodies")
    def bodies(ctx, channel: str = "a"):
        return [each["body"] for each in ctx.db.query("t").collect() if each["channel"] == channel]

    @backend.query(name="m:secret", internal=True)
    def secret(ctx):
        return "secret"

    @backend.query(name="m:page")
    def page(ctx):
        return ctx.db.query("t").paginate(num_items=2, cursor=None)

    @backend.query(name="m:broken")
    def broken(ctx):
        raise ConvexError({"code": 7})

    @backend.mutation(name="m:send")
    def send(ctx, body: str = "x", channel: str = "a"):
        print("sending", body)
        return ctx.db.insert("t", {"body": body, "channel": channel})

    @backend.mutation(name="m:fail")
    def fail(ctx):
        ctx.db.insert("t", {"body": "never", "channel": "a"})
        raise ConvexError("no")

    @backend.action(name="m:double")
    async def double(ctx, n: float):
        return n * 2


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


GARBAGE = ["", "{", "[]", "null", '{"type":"Nope"}', '{"type":"Mutation"}', "\x00", "[" * 50_000, b"\x00\xff"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_told_to_whoever_sent_it_and_hurts_nobody_else(server, garbage: str | bytes) -> None:
    with sync_client(server.url) as good, sync_client(server.url) as bad:
        good.connect()
        good.add(0, "m:bodies")
        good.hear()
        bad.connect()
        bad.socket.send(garbage)
        heard = bad.hear()
        assert heard["type"] == "FatalError"
        assert heard["error"]
        assert bad.close_code() == (1000, "")
        good.mutate(0, "m:send", {"body": "fine"})
        assert good.hear_until("MutationResponse")["success"]


def test_a_frame_above_the_limit_closes_the_socket(server) -> None:
    with sync_client(server.url) as client:
        with contextlib.suppress(ConnectionClosed):  # it may be closed before all is sent
            client.socket.send(" " * (17 * 1024 * 1024))
        # What it had sent beyond may cut the connection before the code arrives.
        assert client.close_code()[0] in {1006, 1009}


def test_a_client_from_the_future_is_sent_away(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect(maxObservedTimestamp=write_ts(backend.database.head + 10**18))
        code, reason = client.close_code()
        assert (code, reason.partition(":")[0]) == (1011, "InternalServerError")


def test_arguments_that_are_no_values_fail_the_call(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send", {"body": {"$nonsense": 1}})
        assert "$nonsense" in client.hear_until("MutationResponse")["result"]
        client.add(0, "m:bodies", {"channel": {"$integer": "x"}})
        assert "$integer" in client.results()[0]


def test_a_thousand_mutations_of_one_client_are_applied_in_order(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        for number in range(1_000):
            client.mutate(number, "m:send", {"body": str(number)})
        assert [client.hear_until("MutationResponse")["requestId"] for _ in range(1_000)] == list(range(1_000))
    assert backend.run_query("m:bodies") == [str(number) for number in range(1_000)]


def test_a_flood_beyond_the_line_is_closed_as_overload(server, backend) -> None:
    gate = threading.Event()
    backend.mutation(name="m:slow")(lambda ctx: gate.wait(10) and None)
    with sync_client(server.url) as client:
        client.connect()
        for number in range(1_100):
            client.mutate(number, "m:slow")
        assert client.close_code() == (1013, "TooManyConcurrentMutations")
    gate.set()


def test_a_client_that_never_reads_hurts_nobody(server, backend) -> None:
    big = "x" * 200_000
    with sync_client(server.url) as deaf, sync_client(server.url) as good:
        deaf.connect()
        deaf.add(0, "m:bodies")
        good.connect()
        good.add(0, "m:bodies", {"channel": "b"})
        good.hear()
        for number in range(20):
            backend.run_mutation("m:send", {"body": f"{number}{big}"})
        backend.live.settle()
        backend.run_mutation("m:send", {"body": "through", "channel": "b"})
        assert good.results() == {0: ["through"]}
        # What it did not take was replaced by newer results, so little waits for it.
        bodies: list[str] = []
        transitions = 0
        while len(bodies) < 20:
            bodies = deaf.results()[0]
            transitions += 1
        assert transitions < 20


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


def test_half_characters_in_prints_and_errors_are_told_readably(server, backend) -> None:
    def boom(ctx) -> None:
        print("half \ud800")
        raise ValueError("half \udfff")

    backend.mutation(name="m:boom")(boom)
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:boom")
        answer = client.hear()
        assert "Uncaught ValueError: half ?" in answer["result"]
        assert answer["logLines"] == ["[LOG] 'half \\uD800'"]


def test_a_bug_of_ours_closes_the_socket_and_is_logged(server, backend, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server.service.calls, "run", broken)
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send")
        assert client.close_code() == (1011, "InternalServerError")
    assert isinstance(list(backend.logs)[-1].error, ZeroDivisionError)
