"""Clients that flood, stall and never read: a well-behaved one on the same server is served within a bound."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psutil
import pytest

from nbconvex.limits import MIB, Limits
from tests.server.raw_socket import PING, TEXT, RawSocket, frame
from tests.server.stage import SERVED_S, Stage, staged

#: How much a process may grow while somebody does his worst, besides what is said for each.
GROWTH_BYTES_MAX = 150 * MIB
HOST = b"Host: localhost\r\n"
FOLLOW_NOTHING = '{"type":"ModifyQuerySet","baseVersion":%d,"newVersion":%d,"modifications":[]}'


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def add(query_id: int, path: str, args: Any = None) -> dict[str, Any]:
    return {"type": "Add", "queryId": query_id, "udfPath": path, "args": [args or {}]}


def modify(version: int, *modifications: dict[str, Any]) -> str:
    return json.dumps(
        {"type": "ModifyQuerySet", "baseVersion": version, "newVersion": version + 1, "modifications": modifications}
    )


def mutation(number: int, path: str, args: Any = None) -> str:
    return json.dumps({"type": "Mutation", "requestId": number, "udfPath": path, "args": [args or {}]})


def memory() -> int:
    return psutil.Process().memory_info().rss


@contextmanager
def mistreated(
    stage: Stage, attack: Callable[[], object], *, grows_by: int = GROWTH_BYTES_MAX, within_s: float = SERVED_S
) -> Iterator[list[float]]:
    """While `attack` runs in a thread, the good client goes on; yields how long it waited, filled in at the end."""
    waits: list[float] = []
    before = memory()
    error: list[BaseException] = []

    def run() -> None:
        try:
            attack()
        except BaseException as problem:
            error.append(problem)

    thread = threading.Thread(target=run, name="attack")
    thread.start()
    try:
        most = before
        while True:
            is_over = not thread.is_alive()
            waits.append(stage.serves(within_s))
            most = max(most, memory())
            if is_over:
                break
            time.sleep(0.02)
    finally:
        thread.join(60)
    assert error == []
    assert most - before < grows_by, f"grew by {(most - before) // MIB} MiB"
    yield waits


def test_a_flood_of_a_hundred_thousand_small_messages(stage) -> None:
    def attack() -> None:
        with RawSocket(stage.server.port) as client:
            for start in range(0, 100_000, 1_000):
                numbers = range(start, start + 1_000)
                client.send(b"".join(frame(TEXT, (FOLLOW_NOTHING % (n, n + 1)).encode()) for n in numbers))
                client.socket.setblocking(False)
                try:  # it listens, but to nothing that it hears
                    while client.socket.recv(1 << 20):
                        pass
                except BlockingIOError:
                    client.socket.setblocking(True)
            client.rest()

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S


def test_a_flood_of_messages_from_whoever_never_reads(stage) -> None:
    """What is due to it is folded into one transition, and answers are bounded because no more is read."""

    def attack() -> None:
        with RawSocket(stage.server.port) as client:
            client.socket.settimeout(1)
            with_answer = b"".join(frame(TEXT, mutation(n, "m:nothing").encode()) for n in range(1_000))
            with contextlib.suppress(OSError):  # the server has stopped reading, or closed
                for _ in range(100):
                    client.socket.sendall(with_answer)

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S


def test_a_flood_of_mutations(stage) -> None:
    def attack() -> None:
        for _ in range(5):
            with RawSocket(stage.server.port) as client:
                for number in range(900):
                    client.text(mutation(number, "m:send", {"body": "x" * 100}))
                client.until(b'"requestId":899')
                client.rest()

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S


def test_a_flood_of_requests_over_many_connections(stage) -> None:
    body = json.dumps({"path": "m:send", "args": {"body": "x"}}).encode()
    head = b"POST /api/mutation HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    def attack() -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(RawSocket(stage.server.port, None)) for _ in range(20)]
            for client in clients:
                client.send((head % len(body) + body) * 100)
            for client in clients:
                client.rest()

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S


def test_more_sockets_than_there_may_be() -> None:
    with staged(replace(Limits(), sockets=30)) as stage, ExitStack() as stack:
        clients = [stack.enter_context(RawSocket(stage.server.port)) for _ in range(100)]
        refused = [client for client in clients[-60:] if b"TooManyConcurrentRequests" in client.until(b"Requests")]
        assert len(refused) == 60
        assert stage.server.service.sockets <= 30
        stage.serves()
        for client in clients:
            client.close()


def test_heads_that_come_byte_by_byte() -> None:
    with staged(replace(Limits(), request_time_s=0.5)) as stage, ExitStack() as stack:
        clients = [stack.enter_context(RawSocket(stage.server.port, None)) for _ in range(50)]
        began = time.monotonic()
        for byte in b"GET /version HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 10_000:
            for client in clients:
                client.send(bytes([byte]))
            stage.serves()
            if all(client.is_gone for client in clients):
                break
        assert time.monotonic() - began < 10
        assert all(client.is_gone for client in clients)


@pytest.mark.parametrize("body", [b"Content-Length: 1000000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_bodies_that_come_byte_by_byte(body: bytes) -> None:
    chunk = b"1\r\n \r\n" if b"chunked" in body else b" "
    with staged(replace(Limits(), request_time_s=0.5)) as stage, ExitStack() as stack:
        clients = [stack.enter_context(RawSocket(stage.server.port, None)) for _ in range(20)]
        for client in clients:
            client.send(b"POST /api/query HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + body + b"\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            for client in clients:
                client.send(chunk)
            stage.serves()
        for client in clients:
            assert b" 408 " in client.until(b"request_time_s") or client.is_gone


def test_connections_of_which_nothing_is_heard_any_more(stage) -> None:
    """Half-open ones: the client has shut its sending side, or stopped in the middle of a frame."""
    with ExitStack() as stack:
        clients = [stack.enter_context(RawSocket(stage.server.port)) for _ in range(40)]
        for number, client in enumerate(clients):
            client.send(frame(TEXT, b"x" * 1_000)[: 5 + number])
            if number % 2:
                client.socket.shutdown(socket.SHUT_WR)
        stage.serves()
        # Those that said goodbye are gone; the others are, once a ping has found no answer.
        until = time.monotonic() + 5
        while stage.server.service.sockets > 21:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_subscriber_that_never_reads_while_a_thousand_commits_come(stage) -> None:
    with RawSocket(stage.server.port) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.text(modify(0, add(0, "m:bodies")))

        def attack() -> None:
            for number in range(1_000):
                stage.backend.run_mutation("m:send", {"body": f"{number}{'x' * 10_000}"})

        with mistreated(stage, attack) as waits:
            assert max(waits) < SERVED_S


def test_queries_that_are_added_and_removed_in_a_loop(stage) -> None:
    def attack() -> None:
        with RawSocket(stage.server.port) as client:
            for number in range(0, 1_000, 2):
                adding = [add(number * 10 + n, "m:echo", {"value": n}) for n in range(5)]
                client.text(modify(number, *adding))
                client.text(modify(number + 1, *({"type": "Remove", "queryId": each["queryId"]} for each in adding)))
            client.until(b'"querySet":1000')
            client.rest()

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S
    assert len(stage.backend.live) == 1


def test_a_slow_query_that_one_client_follows(stage) -> None:
    """Everybody waits for it, once: the live thread runs one query at a time."""

    @stage.backend.query(name="m:slow")
    def slow(ctx):
        ctx.db.query("good").first()
        threading.Event().wait(0.5)

    with RawSocket(stage.server.port) as client:
        client.text(modify(0, add(0, "m:slow")))
        waits = [stage.serves() for _ in range(3)]
        client.rest()
    assert max(waits) < SERVED_S


def test_sixteen_megabytes_for_twenty_clients(stage) -> None:
    @stage.backend.query(name="m:large")
    def large(ctx):
        return "x" * (16 * MIB - 100)

    def attack() -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(RawSocket(stage.server.port, "/api/sync")) for _ in range(20)]
            for client in clients:
                client.text(modify(0, add(0, "m:large")))
            for client in clients:
                size = 0
                while size < 16 * MIB:
                    size += len(client.socket.recv(1 << 20))

    # For each client its text and its bytes, and what the kernel has not taken yet.
    # The clients are Python in this very process: much of the wait is their work.
    with mistreated(stage, attack, grows_by=20 * 3 * 16 * MIB, within_s=5):
        pass


@pytest.mark.parametrize("path", ["m:echo", "m:send"])
@pytest.mark.parametrize("item", ["[]", "0"])
def test_arguments_of_millions_of_values(stage, path: str, item: str) -> None:
    """Reading them is work for Python's one thread at a time; others get their turns in between."""
    args = f'{{"value":[{item}{f",{item}" * 999_999}]}}'
    text = modify(0, add(0, path, "ARGS")) if path == "m:echo" else mutation(0, path, "ARGS")

    def attack() -> None:
        with RawSocket(stage.server.port) as client:
            client.text(text.replace('"ARGS"', args))
            client.until(b"Transition")
            client.rest()

    with mistreated(stage, attack, grows_by=1_000 * MIB, within_s=5):
        pass


def test_pings_without_end(stage) -> None:
    def attack() -> None:
        with RawSocket(stage.server.port) as client:
            pings = frame(PING, b"x" * 125) * 5_000
            for _ in range(40):
                client.send(pings)

    with mistreated(stage, attack) as waits:
        assert max(waits) < SERVED_S


def test_mutations_that_never_end() -> None:
    """They hold every thread that there is for calls. Others are told so in bounded time, and go on hearing."""
    gate = threading.Event()
    limits = replace(Limits(), call_wait_s=0.3)
    with staged(limits) as stage, RawSocket(stage.server.port) as client:
        try:
            stage.backend.mutation(name="m:stuck")(lambda ctx: gate.wait(60) and None)
            bad = [RawSocket(stage.server.port) for _ in range(limits.call_threads)]
            for each in bad:
                each.text(mutation(0, "m:stuck"))
            until = time.monotonic() + 5
            while stage.server.service.calls.in_flight < limits.call_threads:
                assert time.monotonic() < until
                time.sleep(0.001)
            with httpx.Client(base_url=stage.server.url, verify=False, timeout=10) as http:
                for kind, path in (("query", "m:echo"), ("mutation", "m:send")):
                    answer = http.post(f"/api/{kind}", json={"path": path, "args": {}})
                    assert (answer.status_code, answer.json()["code"]) == (503, "TooManyConcurrentRequests")
                assert http.post("/api/action", json={"path": "m:plain", "args": {}}).json()["value"] == 1
                assert http.get("/version").status_code == 200
            # Subscriptions go on, for they need none of these threads.
            stage.backend.run_mutation("good:set", {"number": 7})
            assert stage.good.results() == {0: 7.0}
            client.text(mutation(0, "m:send"))
            assert b"\x03\xf5TooManyConcurrentRequests" in client.until(b"Requests")
        finally:
            gate.set()
        for each in bad:
            each.until(b"MutationResponse")
            each.close()
