"""One socket of the sync protocol in trouble: what bad, slow and unlucky clients meet."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed

from nbconvex.server import connection as connection_module
from nbconvex.sync.messages import write_ts
from tests.server.messages import define_messages
from tests.server.sync_client import sync_client


@pytest.fixture(autouse=True)
def functions(backend) -> None:
    define_messages(backend)


def test_a_socket_that_cannot_be_written_to_is_closed_and_logged(server, backend, monkeypatch) -> None:
    def broken(_message: object) -> bytes:
        raise KeyError("nonsense")

    with sync_client(server.url) as client, sync_client(server.url) as other:
        other.connect()
        client.connect()
        monkeypatch.setattr(connection_module, "write_message", broken)
        client.add(0, "m:bodies")
        assert client.close_code() == (1011, "InternalServerError")
        monkeypatch.undo()
        other.add(0, "m:bodies")
        assert other.results() == {0: []}
    assert any("nonsense" in str(each.error) for each in backend.logs)


def test_a_client_that_takes_no_answers_is_not_read_until_it_does(server, monkeypatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWERS_WAITING_MAX", 3)
    big = "x" * 100_000
    with sync_client(server.url, max_queue=1, close_timeout=0.1) as client:
        client.connect()
        for number in range(60):
            client.say(type="Action", requestId=number, udfPath="m:repeat", args=[{"text": big}])
        answers = [client.hear_until("ActionResponse") for _ in range(60)]
    assert sorted(each["requestId"] for each in answers) == list(range(60))


def test_a_client_that_goes_while_its_answers_wait_leaves_nothing(server, monkeypatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWERS_WAITING_MAX", 3)
    with contextlib.suppress(ConnectionClosed), sync_client(server.url, max_queue=1) as client:
        client.connect()
        for number in range(60):
            client.say(type="Action", requestId=number, udfPath="m:repeat", args=[{"text": "x" * 100_000}])
        client.socket.socket.shutdown(socket.SHUT_RDWR)
    until = time.monotonic() + 10
    while server.service.connections:
        assert time.monotonic() < until
        time.sleep(0.01)


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


def test_a_flood_beyond_the_line_is_closed_as_overload(server, backend) -> None:
    gate = threading.Event()
    backend.mutation(name="m:slow")(lambda ctx: gate.wait(10) and None)
    with sync_client(server.url) as client:
        client.connect()
        with contextlib.suppress(ConnectionClosed):  # it may be closed before all is sent
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


DEEP = json.loads('{"a":' * 700 + "1" + "}" * 700)


def test_arguments_that_are_nested_too_deep_fail_the_call_and_hold_up_nothing(server) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send", {"body": DEEP})
        assert "nested too deep" in client.hear_until("MutationResponse")["result"]
        client.say(type="Action", requestId=0, udfPath="m:double", args=[{"n": DEEP}])
        assert "nested too deep" in client.hear_until("ActionResponse")["result"]
        client.add(0, "m:bodies", {"channel": DEEP})
        assert "nested too deep" in client.results()[0]
        client.mutate(1, "m:send")
        assert client.hear_until("MutationResponse")["success"]


def test_a_call_that_nobody_can_answer_closes_the_socket(server, backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(outcome: object, *, production: bool) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(connection_module, "result_of", broken)
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send")
        assert client.close_code() == (1011, "InternalServerError")
    assert "a call of a socket" in [each.path for each in backend.logs if each.error]


def test_a_version_that_no_client_has_is_no_problem(server, backend) -> None:
    with sync_client(server.url, f"/api/{'9' * 5_000}.1.1/sync") as client:
        client.add(0, "m:bodies")
        assert client.results() == {0: []}
    assert [each for each in backend.logs if each.error] == []


def test_large_arguments_are_read_in_a_thread_and_told_like_others(server, backend, monkeypatch) -> None:
    monkeypatch.setattr(connection_module, "_ON_LOOP_CHARACTERS", 10)
    threads = set()
    read = connection_module.from_json
    monkeypatch.setattr(
        connection_module, "from_json", lambda *a, **k: (threads.add(threading.current_thread().name), read(*a, **k))[1]
    )
    with sync_client(server.url) as client:
        client.connect()
        client.mutate(0, "m:send", {"channel": "b"})
        client.modify(
            *({"type": "Add", "queryId": n, "udfPath": "m:bodies", "args": [{"channel": "b"}]} for n in range(3)),
            {"type": "Add", "queryId": 3, "udfPath": "m:bodies", "args": [{"channel": {"$no": 1}}]},
        )
        while (heard := client.hear())["type"] != "Transition" or heard["endVersion"]["querySet"] == 0:
            pass
        # All of it in the transition that says so, although a mutation ended while it was being read.
        assert {each["queryId"] for each in heard["modifications"]} == {0, 1, 2, 3}
    assert threads
    assert all(name.startswith("nbconvex-call") for name in threads)
