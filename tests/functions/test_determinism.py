"""The clock stands still, chance is repeatable, the world is out of reach."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.errors import NotAllowedError
from nbconvex.functions import determinism
from nbconvex.testing import convex_test


@pytest.mark.case("determinism/clock_frozen_in_query", "determinism/clock_frozen_in_mutation")
def test_clock_stands_still_in_transactions_and_runs_in_actions() -> None:
    def read(ctx: Any) -> list[float]:
        first = [time.time(), time.time_ns() / 1e9, ctx.now() / 1e3]
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
        return [*first, time.time()]

    with convex_test() as t:
        for call in (t.query, t.mutation):
            readings = call(read)
            assert readings == pytest.approx([readings[0]] * 4, abs=1e-6)
            assert readings[0] == readings[3]
        first, *_, last = t.action(read)
        assert last > first


def test_frozen_time_is_the_base_of_creation_times() -> None:
    def work(ctx: Any) -> list[float]:
        return [ctx.now(), ctx.db.get(ctx.db.insert("t", {}))["_creationTime"]]

    with convex_test() as t:
        t.run(lambda ctx: ctx.db.insert("t", {}))
        for _ in range(2):
            now, created = t.mutation(work)
            assert now == created


@pytest.mark.case("determinism/random_seeded_per_run")
def test_chance_differs_between_runs_and_repeats_within_a_replay() -> None:
    def draw(ctx: Any) -> list[Any]:
        return [random.random(), random.choice("abcdefgh"), random.randint(1, 10**9), ctx.random.random()]

    with convex_test() as t:
        one, other = t.mutation(draw), t.mutation(draw)
        assert one != other
        seeds = []
        t.mutation(lambda ctx: seeds.append(ctx._run.tx.seed))
        [seed] = seeds
        replayed = random.Random(seed)
        again = random.Random(seed)
        assert [replayed.random() for _ in range(3)] == [again.random() for _ in range(3)]


def test_seed_in_a_function_is_the_functions_own() -> None:
    def draw(ctx: Any) -> float:
        random.seed(5)
        return random.random()

    with convex_test() as t:
        random.seed(1)
        outside = random.random()
        random.seed(1)
        assert t.query(draw) == t.mutation(draw) == random.Random(5).random()
        assert random.random() == outside


def test_uuid_is_seeded_and_different() -> None:
    with convex_test() as t:
        one, other = t.mutation(lambda ctx: [str(uuid.uuid4()), str(uuid.uuid4())])
        assert one != other


def connect(ctx: Any) -> None:
    with socket.socket() as wire:
        wire.connect(("127.0.0.1", 9))


def start_thread(ctx: Any) -> None:
    threading.Thread(target=print).start()


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (connect, "a network connection (socket.connect)"),
    (lambda ctx: socket.getaddrinfo("localhost", 80), "a name lookup"),
    (lambda ctx: urllib.request.urlopen("http://127.0.0.1:9/"), "a network request"),
    (lambda ctx: time.sleep(0), "a timer (time.sleep)"),
    (lambda ctx: subprocess.run([sys.executable, "-V"], check=False), "another process (subprocess)"),
    (lambda ctx: os.system("true"), "another process (os.system)"),
    (lambda ctx: os.urandom(8), "true randomness (os.urandom)"),
    (lambda ctx: secrets.token_hex(), "true randomness (secrets, SystemRandom)"),
    (start_thread, "a thread"),
    (lambda ctx: asyncio.run(asyncio.sleep(0)), "an event loop (asyncio.run)"),
    (lambda ctx: asyncio.new_event_loop(), "an event loop"),
]


@pytest.mark.case(
    "determinism/network_in_query_refused",
    "determinism/network_in_mutation_refused",
    "determinism/sleep_in_mutation_refused",
    "determinism/crypto_random_in_query_refused",
)
@pytest.mark.parametrize(("reach", "words"), REFUSED)
def test_world_is_refused_by_name_with_the_way_to_an_action(reach: Any, words: str) -> None:
    with convex_test() as t:

        def work(ctx: Any) -> None:
            ctx.db.insert("t", {})
            reach(ctx)

        for call, handler in ((t.query, reach), (t.mutation, work)):
            with pytest.raises(NotAllowedError) as caught:
                call(handler)
            assert words in str(caught.value)
            assert "can't be used in queries and mutations" in str(caught.value)
            assert "Consider an action" in str(caught.value)
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 0


def test_actions_and_plain_code_may_do_all_of_it() -> None:
    with convex_test() as t:
        assert len(t.action(lambda ctx: [time.sleep(0), os.urandom(4), secrets.token_bytes(2)])) == 3
        time.sleep(0)
        assert len(os.urandom(4)) == 4
        assert len(secrets.token_bytes(4)) == 4
        started = threading.Thread(target=lambda: None)
        started.start()
        started.join()


def test_names_have_their_originals_back_after_the_last_backend() -> None:
    originals = (time.time, time.time_ns, os.urandom, random.random, random.choice)
    with convex_test() as one:
        assert time.time is not originals[0]
        with convex_test():
            pass
        assert time.time is not originals[0]
        assert one.query(lambda ctx: time.time() == ctx.now() / 1e3)
    assert (time.time, time.time_ns, os.urandom, random.random, random.choice) == originals


def test_replacement_that_somebody_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    original = time.time
    with convex_test():
        wrapped = time.time
        mine = lambda: wrapped()  # noqa: E731
        time.time = mine
    try:
        assert time.time is mine
        assert time.time() > 0
    finally:
        time.time = original


FROZEN_TIME = time.time


def test_names_that_escape_the_replacements_are_found() -> None:
    with convex_test():
        exec_namespace: dict[str, Any] = {"datetime": dt, "now": FROZEN_TIME, "day": dt.date}
        exec(
            "def a(ctx): return datetime.datetime.utcnow()\ndef b(ctx): return now()\n"
            "def c(ctx): return [day.today() for _ in range(1)]\ndef d(ctx): return ctx.now()",
            exec_namespace,
        )
        found = [determinism.unfrozen_names(exec_namespace[name]) for name in "abcd"]
        assert "datetime.utcnow()" in found[0][0]
        assert found[1] == ["now() (imported by name: write time.time())"]
        assert "date.today()" in found[2][0]
        assert found[3] == []
    assert determinism.unfrozen_names(print) == []
