"""The npm package's client and a connection that is lost: each mutation is applied once, and every promise settles."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable

import pytest

from tests.server.broken_wire import BrokenWire
from tests.server.client_program import node_program
from tests.server.clients_app import PATIENCE_S, Gate, counted_once
from tests.server.served import Served, ServedProcess

pytestmark = pytest.mark.node

COUNT = 1_000
STOPS = (COUNT // 3, 2 * COUNT // 3)


def assert_all_went_well(told, count: int, connections: int) -> None:
    assert told["wrong"] == []
    assert told["fulfilled"] == count
    assert told["seenAtOnce"] == count, "with the last promise the subscription shows the last mutation"
    assert told["isRising"]
    assert told["connections"] >= connections


def asked(url: str, path: str):
    """What a query says over HTTP."""
    body = json.dumps({"path": path, "args": {}, "format": "json"}).encode()
    request = urllib.request.Request(f"{url}/api/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["value"]


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_thousand_mutations_through_two_restarts_are_each_applied_once(tmp_path, web) -> None:
    gate = Gate(*STOPS)
    with (
        Served(tmp_path / "app.duckdb", gate) as served,
        node_program(web, "restart.mjs", served.url, str(COUNT)) as program,
    ):
        for stop in STOPS:
            gate.wait(stop)
            gate.open(stop)
            served.stop()
            before = served.backend.run_query("numbers:count")
            assert before < COUNT, "it was in their middle"
            served.start()
        assert_all_went_well(program.result(), COUNT, connections=3)
        assert counted_once(served.backend.run_query("numbers:list"), COUNT)


def test_a_thousand_mutations_through_two_kills_are_each_applied_once(tmp_path, web) -> None:
    with ServedProcess(tmp_path / "app.duckdb") as served:
        served.start(STOPS[0])
        with node_program(web, "restart.mjs", served.url, str(COUNT)) as program:
            for stop, following in zip(STOPS, (STOPS[1:], ()), strict=True):
                assert served.line() == stop
                served.kill()
                served.start(*following)
            assert_all_went_well(program.result(), COUNT, connections=3)
        assert counted_once(asked(served.url, "numbers:list"), COUNT)


def test_mutations_whose_answers_were_lost_with_the_server_are_not_applied_again(tmp_path, web) -> None:
    count, stop = 50, 10
    with ServedProcess(tmp_path / "app.duckdb") as served:
        served.start(stop)
        with BrokenWire(served.url) as wire, node_program(web, "restart.mjs", wire.url, str(count)) as program:
            assert served.line() == stop
            wire.is_mute = True
            served.open_gate(stop)
            wait_until(lambda: asked(served.url, "numbers:count") == count)
            served.kill()
            served.start()
            wire.cut()
            assert_all_went_well(program.result(), count, connections=2)
        assert counted_once(asked(served.url, "numbers:list"), count)
