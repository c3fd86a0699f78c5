"""The npm package's WebSocket client, unmodified, in Node: what an app sees of subscriptions, mutations and actions."""

from __future__ import annotations

import math
import struct

import pytest

from nbconvex import Int64
from tests.server.client_program import node_program, node_result
from tests.server.clients_app import ERRORS

pytestmark = pytest.mark.node

REFUSED = {"error": "", "data": None}


def test_two_clients_follow_a_query_until_they_unsubscribe(served, web) -> None:
    told = node_result(web, "subscriptions.mjs", served.url)
    assert told["ann"] == [[], ["one"]], "each result once, and none after the end of the subscription"
    assert told["bob"] == [[], ["one"], ["one", "two"]]
    assert told["bobReadsHisOwn"] == ["one"], "a mutation's promise settles when its effect can be read"
    assert told["counts"] == [2, 2]
    assert told["afterwards"] == ["one", "two"]


def test_a_failing_subscription_heals_and_disturbs_no_other(served, web) -> None:
    first, *healed = node_result(web, "subscriptions.mjs", served.url)["share"]
    assert "ZeroDivisionError" in first["error"]
    assert "[CONVEX Q(messages:share)]" in first["error"]
    assert healed == [1, 0.5]


def test_a_subscription_follows_an_edit_of_its_query(served, web) -> None:
    source = 'def shout(ctx):\n    return "{}"\n'
    served.backend.define_cell("query", source.format("quiet"), module="edited", origin="cell")
    with node_program(web, "follow.mjs", served.url, "edited:shout", "{}") as follower:
        assert follower.line() == "quiet"
        served.backend.define_cell("query", source.format("LOUD"), module="edited", origin="cell")
        assert follower.line() == "LOUD"
        served.backend.define_cell("query", "def other(ctx): ...\n", module="edited", origin="cell")
        assert "Could not find public function" in follower.line()["error"]
        served.backend.define_cell("query", source.format("again"), module="edited", origin="cell")
        assert follower.line() == "again"
        follower.go_on()


def test_mutations_keep_their_order_and_optimistic_updates_never_flicker(served, web) -> None:
    told = node_result(web, "mutations.mjs", served.url)
    assert told["isOrderOfAnswers"]
    assert told["isOrderOfWrites"]
    assert told["idIsText"]
    assert told["seen"] == [[], ["(hi)"], ["hi"], ["hi", "(no)"], ["hi"]]
    assert told["readAtOnce"] == ["hi"]
    assert told["refusal"] == {"refused": "no"}
    assert told["last"] == "hi " + " ".join(map(str, range(20)))
    assert told["isWithoutFlicker"]


def test_actions_run_side_by_side_and_nothing_needs_a_subscription(served, web) -> None:
    told = node_result(web, "actions.mjs", served.url)
    assert told == {"met": True, "sentByAction": 3, "sentByMutation": "string"}


@pytest.mark.parametrize("door", ["socket", "http"])
def test_errors_reach_the_app_with_their_data_and_nothing_else_has_any(served, web, door) -> None:
    told = node_result(web, "errors.mjs", served.url)[door]
    data = {"object": {"code": 7, "why": ["a", None]}, "string": "just so", "null": None}
    for kind in ("query", "mutation", "action"):
        for how in ERRORS:
            failure = told[f"{kind} {how}"]
            assert failure["isConvexError"] == (how in data), failure
            assert failure.get("data") == data.get(how), failure
            assert "Server Error" in failure["message"], failure
        assert "boom" in told[f"{kind} plain"]["message"]
    assert "Could not find public function for 'errors:nobody'" in told["unknown"]["message"]
    assert "Could not find public function for 'errors:nobody'" in told["unknown mutation"]["message"]
    assert "messages:send" in told["wrong kind"]["message"]
    for name in ("missing argument", "wrong argument"):
        assert "ArgumentValidationError" in told[name]["message"], told[name]
        assert "body" in told[name]["message"]
        assert not told[name]["isConvexError"]
    assert told["afterwards"] == []


def test_every_value_comes_back_as_it_went_through_every_door(served, web) -> None:
    told = node_result(web, "values.mjs", served.url)
    assert told["problems"] == []
    described = told["described"]
    assert eval(described["int64"]) == Int64(7)
    assert described["bytes"] == repr(bytes([0, 16, 131, 255]))
    assert described["minus zero"] == "-0.0"
    assert math.isnan(float(described["NaN"]))
    assert struct.pack("<d", float(described["small number"])) == b"\x01" + bytes(7)


def test_a_token_without_a_provider_is_refused_and_the_app_goes_on_anonymously(served, web) -> None:
    told = node_result(web, "auth.mjs", served.url)
    assert set(told["changes"]) == {False}
    assert told["requests"][0] is False, "first the token that the app has, then a fresh one"
    assert told["who"] is None
    assert told["seen"] == ["anonymous"]
