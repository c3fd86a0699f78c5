"""The PyPI package's clients, unmodified, in a process of their own."""

from __future__ import annotations

import pytest

from tests.server.client_program import pypi_program, pypi_result
from tests.server.clients_app import ERRORS

MIB = 1 << 20


def test_queries_mutations_and_actions_over_both_doors(served) -> None:
    told = pypi_result("calls", served.url)
    assert told == {"socket": [True, ["hi"], 2], "http": [True, ["hi"], 4]}


@pytest.mark.parametrize("door", ["socket", "http"])
def test_errors_reach_the_program_with_their_data_and_nothing_else_has_any(served, door) -> None:
    told = pypi_result("errors", served.url)[door]
    data = {"object": {"code": 7, "why": ["a", None]}, "string": "just so", "null": None}
    for kind in ("query", "mutation", "action"):
        for how in ERRORS:
            failure = told[f"{kind} {how}"]
            assert failure["is_convex_error"] == (how in data), failure
            assert failure.get("data") == data.get(how), failure
        assert "boom" in told[f"{kind} plain"]["message"]
    assert "Could not find public function for 'errors:nobody'" in told["unknown"]["message"]
    assert "ArgumentValidationError" in told["wrong argument"]["message"]


def test_every_value_comes_back_as_it_went(served) -> None:
    assert pypi_result("values", served.url) == []


def test_a_subscription_gives_each_result_once(served) -> None:
    told = pypi_result("subscription", served.url)
    assert told == {"seen": [[], ["one"], ["one", "two"]], "afterwards": ["one", "two"]}


def test_results_of_sixteen_mebibytes_and_transitions_beyond_arrive(served) -> None:
    told = pypi_result("large", served.url)
    assert told["one"] == ["0:x", 16 * MIB - 1_000 + 2]
    assert told["http"]
    assert told["before"] == ["0:a", "0:b"]
    assert told["after"] == [["1:a", 12 * MIB + 2], ["1:b", 12 * MIB + 2]]


def test_a_subscription_and_a_mutation_outlive_a_restart_of_the_server(served) -> None:
    with pypi_program("restart", served.url) as program:
        assert program.line() == []
        served.backend.run_mutation("messages:send", {"channel": "a", "body": "one"})
        assert program.line() == ["one"]
        served.stop()
        program.go_on()
        served.start()
        assert program.result() == ["one", "two"]
