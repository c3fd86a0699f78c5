"""The session of one client, by transcripts: messages in, effects and messages out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbconvex.errors import ProtocolError
from nbconvex.sync import session as s
from nbconvex.sync.messages import read_message, write_message, write_ts
from nbconvex.sync.session import Ask, Close, Follow, Mark, Result, RunAction, RunMutation, Session, Unfollow, Verify


class Wire:
    """A session as the other side of a wire sees it."""

    def __init__(self, *, head_ts: int = 1_000) -> None:
        self.session = Session()
        self.head_ts = head_ts

    def says(self, **message: Any) -> list[Any]:
        return self.session.receive(read_message(json.dumps(message)), now_ms=50.0, head_ts=self.head_ts)

    def hears(self) -> list[dict[str, Any]]:
        return [json.loads(write_message(each)) for each in self.session.outgoing(now_ns=9)]

    def connects(self, **more: Any) -> list[Any]:
        return self.says(type="Connect", sessionId="S", connectionCount=0, lastCloseReason="InitialConnect", **more)

    def modifies(self, base: int, *modifications: dict[str, Any]) -> list[Any]:
        return self.says(type="ModifyQuerySet", baseVersion=base, newVersion=base + 1, modifications=modifications)


def add(query_id: int, path: str = "m:q", args: Any = ({},), **more: Any) -> dict[str, Any]:
    return {"type": "Add", "queryId": query_id, "udfPath": path, "args": list(args), **more}


def remove(query_id: int) -> dict[str, Any]:
    return {"type": "Remove", "queryId": query_id}


def mutation(request_id: int, path: str = "m:m", args: Any = ({},)) -> dict[str, Any]:
    return {"type": "Mutation", "requestId": request_id, "udfPath": path, "args": list(args)}


def action(request_id: int) -> dict[str, Any]:
    return {"type": "Action", "requestId": request_id, "udfPath": "m:a", "args": [{}]}


def version(query_set: int, identity: int, ts: int) -> dict[str, Any]:
    return {"querySet": query_set, "identity": identity, "ts": write_ts(ts)}


def updated(query_id: int, value: Any) -> dict[str, Any]:
    return {"type": "QueryUpdated", "queryId": query_id, "value": value, "logLines": [], "journal": None}


def transition(start: dict[str, Any], end: dict[str, Any], *modifications: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "Transition", "startVersion": start, "endVersion": end, "modifications": list(modifications), **more
    }  # fmt: skip


def value(json_text: bytes, **more: Any) -> Result:
    return Result(json_text, **more)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_recorded_exchange_of_the_npm_client(wire: Wire) -> None:
    assert wire.connects(clientTs=246) == []
    assert wire.modifies(0, add(0, "messages:list")) == [Follow(0, "messages:list", {}, None), Ask(Mark(1, 0))]
    assert wire.hears() == []
    wire.session.advanced(1_000, Mark(1, 0), {0: value(b"[]")})
    clock = {"clientClockSkew": 196, "serverTs": 9}
    assert wire.hears() == [transition(version(0, 0, 0), version(1, 0, 1_000), updated(0, []), **clock)]
    assert wire.says(**mutation(0, "messages:send", [{"body": "hi"}])) == [
        RunMutation(0, "messages:send", {"body": "hi"}, None, ("S", 0))
    ]
    assert wire.session.mutation_done(0, value(b'"id"', log_lines=("[LOG] 'a'",), ts=1_005)) == [Ask(Mark(1, 0))]
    assert wire.hears() == [
        {"type": "MutationResponse", "requestId": 0, "success": True, "result": "id", "ts": write_ts(1_005),
         "logLines": ["[LOG] 'a'"]}
    ]  # fmt: skip
    wire.session.advanced(1_005, Mark(1, 0), {0: value(b'["hi"]')})
    assert wire.hears() == [transition(version(1, 0, 1_000), version(1, 0, 1_005), updated(0, ["hi"]), **clock)]


def test_answers_go_before_the_transition_that_covers_them(wire: Wire) -> None:
    wire.connects()
    wire.says(**mutation(0))
    wire.session.advanced(1_001, None, {})
    wire.session.mutation_done(0, value(b"null", ts=1_001))
    wire.session.advanced(1_001, Mark(0, 0), {})
    assert [each["type"] for each in wire.hears()] == ["MutationResponse", "Transition"]


def test_a_transition_that_slipped_out_early_is_followed_by_another(wire: Wire) -> None:
    wire.connects()
    wire.modifies(0, add(0))
    wire.says(**mutation(0))
    wire.session.advanced(1_001, Mark(1, 0), {0: value(b"1.0")})
    assert [each["type"] for each in wire.hears()] == ["Transition"]
    wire.session.mutation_done(0, value(b"null", ts=1_001))
    answer, following = wire.hears()
    assert answer["type"] == "MutationResponse"
    assert following["startVersion"] == following["endVersion"] == version(1, 0, 1_001)
    assert following["modifications"] == []


def test_what_an_answer_needs_is_said_once(wire: Wire) -> None:
    wire.connects()
    wire.modifies(0, add(0))
    wire.session.advanced(1_000, Mark(1, 0), {0: value(b"1.0")})
    wire.hears()
    wire.says(**mutation(0))
    wire.session.mutation_done(0, value(b"null", ts=1_001))
    assert [each["type"] for each in wire.hears()] == ["MutationResponse"]
    wire.session.advanced(1_001, None, {0: value(b"2.0")})
    assert [each["modifications"] for each in wire.hears()] == [[updated(0, 2.0)]]
    wire.session.advanced(1_001, Mark(1, 0), {})
    assert wire.hears() == []


def test_an_advance_without_a_mark_that_tells_nothing_is_no_transition(wire: Wire) -> None:
    wire.modifies(0, add(0))
    wire.session.advanced(1, Mark(1, 0), {0: value(b"1.0")})
    wire.hears()
    wire.session.advanced(2, None, {})
    wire.session.advanced(3, None, {0: value(b"1.0")})
    assert not wire.session.has_news
    assert wire.hears() == []
    wire.session.advanced(4, None, {0: value(b"2.0")})
    assert wire.hears() == [transition(version(1, 0, 1), version(1, 0, 4), updated(0, 2.0))]


def test_what_comes_back_before_it_was_told_is_not_told(wire: Wire) -> None:
    wire.modifies(0, add(0))
    wire.session.advanced(1, Mark(1, 0), {0: value(b"1.0")})
    wire.hears()
    wire.session.advanced(2, None, {0: value(b"2.0")})
    wire.session.advanced(3, None, {0: value(b"1.0")})
    assert wire.hears() == []


def test_a_slow_client_gets_the_newest_of_everything_in_one_transition(wire: Wire) -> None:
    wire.modifies(0, add(0), add(1))
    wire.session.advanced(1, Mark(1, 0), {0: value(b"1.0"), 1: value(b"1.0")})
    wire.modifies(1, add(2), remove(1))
    wire.session.advanced(2, Mark(2, 0), {2: value(b"2.0"), 0: value(b"2.0")})
    wire.modifies(2, remove(0))
    wire.session.advanced(3, Mark(3, 0), {2: value(b"3.0")})
    (only,) = wire.hears()
    assert (only["startVersion"], only["endVersion"]) == (version(0, 0, 0), version(3, 0, 3))
    assert only["modifications"] == [
        {"type": "QueryRemoved", "queryId": 1}, {"type": "QueryRemoved", "queryId": 0}, updated(2, 3.0)
    ]  # fmt: skip


def test_a_removal_is_told_when_its_version_is_reached(wire: Wire) -> None:
    wire.modifies(0, add(0))
    wire.session.advanced(1, Mark(1, 0), {0: value(b"1.0")})
    wire.hears()
    assert wire.modifies(1, remove(0)) == [Unfollow(0), Ask(Mark(2, 0))]
    wire.session.advanced(2, Mark(1, 0), {0: value(b"late")})
    assert wire.hears() == []
    wire.session.advanced(2, Mark(2, 0), {})
    removed = {"type": "QueryRemoved", "queryId": 0}
    assert wire.hears() == [transition(version(1, 0, 1), version(2, 0, 2), removed)]


def test_removing_what_is_not_there_is_let_pass(wire: Wire) -> None:
    assert wire.modifies(0, remove(5)) == [Ask(Mark(1, 0))]


def test_failures_carry_message_data_and_journal(wire: Wire) -> None:
    wire.modifies(0, add(0), add(1))
    failed = Result(None, ("[LOG] 'x'",), "no", b'{"code":1.0}', "j")
    wire.session.advanced(1, Mark(1, 0), {0: failed, 1: Result(None, error_message="plain")})
    assert wire.hears()[0]["modifications"] == [
        {"type": "QueryFailed", "queryId": 0, "errorMessage": "no", "logLines": ["[LOG] 'x'"], "journal": "j",
         "errorData": {"code": 1.0}},
        {"type": "QueryFailed", "queryId": 1, "errorMessage": "plain", "logLines": [], "journal": None},
    ]  # fmt: skip


def test_mutations_run_one_at_a_time_in_order_and_actions_at_once(wire: Wire) -> None:
    wire.connects()
    assert wire.says(**mutation(0)) == [RunMutation(0, "m:m", {}, None, ("S", 0))]
    assert wire.says(**mutation(1)) == []
    assert wire.says(**action(2)) == [RunAction(2, "m:a", {}, None)]
    assert wire.says(**action(3)) == [RunAction(3, "m:a", {}, None)]
    failed = Result(None, error_message="no", error_data=b"null")
    assert wire.session.mutation_done(0, failed) == [Ask(Mark(0, 0)), RunMutation(1, "m:m", {}, None, ("S", 1))]
    assert wire.session.action_done(3, value(b"3.0")) == [Ask(Mark(0, 0))]
    assert wire.session.mutation_done(1, value(b"1.0", ts=5)) == [Ask(Mark(0, 0))]
    told = wire.hears()
    assert [(each["type"], each["requestId"], each["success"]) for each in told] == [
        ("MutationResponse", 0, False), ("ActionResponse", 3, True), ("MutationResponse", 1, True)
    ]  # fmt: skip
    assert (told[0]["ts"], told[0]["errorData"], "errorData" in told[2]) == (None, None, False)


def test_what_a_mutation_has_done_is_shown_behind_its_answer_and_not_before(wire: Wire) -> None:
    wire.connects()
    wire.modifies(0, add(0))
    wire.session.advanced(1, Mark(1, 0), {0: value(b"[]")})
    wire.hears()
    wire.says(**mutation(7))
    assert wire.session.key_under_way == ("S", 7)
    wire.session.advanced(2, None, {0: value(b'["other"]')})
    assert [each["type"] for each in wire.hears()] == ["Transition"], "what others did does not wait"
    wire.session.advanced(3, None, {0: value(b'["other","own"]')}, is_before_answer=True)
    assert not wire.session.has_news
    assert wire.hears() == []
    wire.session.mutation_done(7, value(b"null", ts=3))
    assert wire.session.key_under_way is None
    answer, shown = wire.hears()
    assert (answer["type"], answer["ts"]) == ("MutationResponse", write_ts(3))
    assert shown["modifications"] == [updated(0, ["other", "own"])]
    assert shown["endVersion"]["ts"] == write_ts(3)


def test_a_socket_without_connect_is_served_and_its_mutations_have_no_key(wire: Wire) -> None:
    (verify,) = wire.says(type="Authenticate", baseVersion=0, tokenType="User", value="jwt")
    assert verify == Verify("User", "jwt", None)
    assert wire.session.identified("ada") == [Ask(Mark(0, 1))]
    assert wire.says(**mutation(0)) == [RunMutation(0, "m:m", {}, "ada", None)]
    wire.session.advanced(1, Mark(0, 1), {})
    (told,) = wire.hears()
    assert told == transition(version(0, 0, 0), version(0, 1, 1))


def test_identity_is_that_of_the_moment_in_which_a_mutation_came(wire: Wire) -> None:
    wire.connects()
    wire.says(**mutation(0))
    wire.says(**mutation(1))
    wire.says(type="Authenticate", baseVersion=0, tokenType="User", value="jwt")
    wire.session.identified("ada")
    wire.says(**mutation(2))
    identities = []
    for number in range(3):
        effects = wire.session.mutation_done(number, value(b"null", ts=number))
        identities += [each.identity for each in effects if isinstance(each, RunMutation)]
    assert identities == [None, "ada"]


def test_identity_and_query_set_advance_in_one_transition(wire: Wire) -> None:
    wire.connects()
    wire.says(type="Authenticate", baseVersion=0, tokenType="User", value="jwt")
    wire.session.identified("ada")
    wire.modifies(0, add(0))
    wire.session.advanced(1, Mark(1, 1), {0: value(b"1.0")})
    assert [each["endVersion"] for each in wire.hears()] == [version(1, 1, 1)]


def authenticated(wire: Wire, *, expires_s: float) -> None:
    """A client that is known until then, and has been told so."""
    wire.connects()
    wire.says(type="Authenticate", baseVersion=0, tokenType="User", value="jwt")
    wire.session.identified("ada", expires_s=expires_s)
    wire.session.advanced(1, Mark(0, 1), {})
    assert [each["endVersion"]["identity"] for each in wire.hears()] == [1]


EXPIRED = {
    "type": "AuthError", "error": "Convex token identity expired", "baseVersion": 1, "authUpdateAttempted": False
}  # fmt: skip


@pytest.mark.parametrize("message", [mutation(0), action(0)], ids=["mutation", "action"])
def test_expired_identity_calls_nothing_and_is_sent_away(wire: Wire, message: dict[str, Any]) -> None:
    authenticated(wire, expires_s=0.050)
    assert wire.says(**message) == [Close(1000, "")]
    assert wire.hears() == [EXPIRED]
    assert wire.says(**message) == []


def test_identity_that_lasts_is_left_alone(wire: Wire) -> None:
    authenticated(wire, expires_s=0.051)
    assert wire.says(**mutation(0)) == [RunMutation(0, "m:m", {}, "ada", ("S", 0))]
    assert wire.session.before_sending(now_ns=50_000_000) == []


def test_expired_identity_is_told_no_result_any_more(wire: Wire) -> None:
    authenticated(wire, expires_s=10.0)
    wire.modifies(0, add(0))
    wire.session.advanced(2, Mark(1, 1), {0: value(b'"secret"')})
    assert wire.session.before_sending(now_ns=10**10) == [Close(1000, "")]
    assert wire.hears() == [EXPIRED]
    assert wire.session.before_sending(now_ns=10**10) == []


def test_answer_of_what_began_in_time_is_still_told(wire: Wire) -> None:
    authenticated(wire, expires_s=10.0)
    wire.says(**mutation(0))
    wire.session.mutation_done(0, value(b"null", ts=2))
    wire.session.advanced(2, Mark(0, 1), {})
    assert wire.session.before_sending(now_ns=10**10) == [Close(1000, "")]
    assert [each["type"] for each in wire.hears()] == ["MutationResponse", "AuthError"]


def test_expired_client_that_has_nothing_to_hear_is_left_alone(wire: Wire) -> None:
    authenticated(wire, expires_s=10.0)
    assert wire.session.before_sending(now_ns=10**11) == []
    assert wire.modifies(0, add(0)) == [Follow(0, "m:q", {}, None), Ask(Mark(1, 1))]


def test_new_token_and_logging_out_end_the_old_expiry(wire: Wire) -> None:
    authenticated(wire, expires_s=0.001)
    wire.says(type="Authenticate", baseVersion=1, tokenType="None")
    wire.session.identified(None)
    assert isinstance(wire.says(**mutation(0))[0], RunMutation)


def test_a_refused_token_is_answered_with_the_last_identity_sent_and_the_socket_closes(wire: Wire) -> None:
    wire.connects()
    wire.says(type="Authenticate", baseVersion=0, tokenType="User", value="jwt")
    assert wire.session.unidentified("no provider") == [Close(1000, "")]
    assert wire.hears() == [
        {"type": "AuthError", "error": "no provider", "baseVersion": 0, "authUpdateAttempted": True}
    ]
    assert wire.says(**mutation(0)) == []


BROKEN = [
    ("wrong base of the query set", {"type": "ModifyQuerySet", "baseVersion": 3, "newVersion": 4, "modifications": []}),
    ("going back", {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 0, "modifications": [add(0), add(0)]}),
    ("the same query twice", {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1,
                              "modifications": [add(0), add(0)]}),
    ("a second Connect", {"type": "Connect", "sessionId": "S"}),
    ("no timestamp", {"type": "Connect", "sessionId": "T", "maxObservedTimestamp": "x"}),
]  # fmt: skip


@pytest.mark.parametrize("message", [each for _, each in BROKEN], ids=[each for each, _ in BROKEN])
def test_breaking_the_protocol_is_fatal_and_says_why(wire: Wire, message: dict[str, Any]) -> None:
    wire.connects()
    assert wire.says(**message) == [Close(1000, "")]
    (told,) = wire.hears()
    assert told["type"] == "FatalError"
    assert told["error"]
    assert wire.says(**mutation(0)) == []
    assert wire.hears() == []


def test_what_could_not_be_read_is_fatal(wire: Wire) -> None:
    assert wire.session.broken(ProtocolError("no JSON")) == [Close(1000, "")]
    assert wire.hears() == [{"type": "FatalError", "error": "no JSON"}]


def test_a_client_from_the_future_is_sent_away_without_words(wire: Wire) -> None:
    (close,) = wire.connects(maxObservedTimestamp=write_ts(1_001))
    assert (close.code, close.reason.partition(":")[0]) == (1011, "InternalServerError")
    assert len(close.reason.encode()) <= 123
    assert wire.hears() == []
    assert Wire(head_ts=1_001).connects(maxObservedTimestamp=write_ts(1_001)) == []


def test_wrong_base_of_the_identity_closes_with_1011(wire: Wire) -> None:
    (close,) = wire.says(type="Authenticate", baseVersion=1, tokenType="None")
    assert close.code == 1011


@pytest.mark.parametrize("args", [[1], ["x"], [{}, {}], [[]]])
def test_arguments_that_are_not_one_object_fail_the_call_and_nothing_else(wire: Wire, args: Any) -> None:
    wire.connects()
    assert wire.says(**mutation(0, args=args)) == [Ask(Mark(0, 0))]
    assert wire.modifies(0, add(0, args=args), add(1)) == [Follow(1, "m:q", {}, None), Ask(Mark(1, 0))]
    wire.session.advanced(1, Mark(1, 0), {1: value(b"1.0")})
    answer, told = wire.hears()
    assert (answer["success"], "one object" in answer["result"]) == (False, True)
    assert [each["type"] for each in told["modifications"]] == ["QueryUpdated", "QueryFailed"]


def test_too_many_mutations_in_line_close_the_socket_and_none_is_lost_silently(wire: Wire) -> None:
    wire.connects()
    effects = [wire.says(**mutation(number)) for number in range(s.MUTATIONS_WAITING_MAX + 2)]
    assert effects[-1] == [Close(1013, "TooManyConcurrentMutations")]
    assert all(len(each) == (number == 0) for number, each in enumerate(effects[:-1]))


def test_too_many_actions_close_the_socket(wire: Wire) -> None:
    effects = [wire.says(**action(number)) for number in range(s.ACTIONS_RUNNING_MAX + 1)]
    assert effects[-1] == [Close(1013, "TooManyConcurrentRequests")]


def test_too_many_queries_fail_one_by_one(wire: Wire) -> None:
    wire.modifies(0, *map(add, range(s.QUERIES_MAX + 1)))
    wire.session.advanced(1, Mark(1, 0), {})
    (told,) = wire.hears()
    assert [(each["type"], each["queryId"]) for each in told["modifications"]] == [("QueryFailed", s.QUERIES_MAX)]


def test_events_are_ignored(wire: Wire) -> None:
    assert wire.says(type="Event", eventType="x", event=[1]) == []


def test_after_closing_nothing_is_answered(wire: Wire) -> None:
    wire.connects()
    wire.says(**mutation(0))
    wire.says(**action(1))
    wire.session.broken(ProtocolError("x"))
    assert wire.session.mutation_done(0, value(b"1.0", ts=2)) == []
    assert wire.session.action_done(1, value(b"1.0")) == []
    assert [each["type"] for each in wire.hears()] == ["FatalError"]


def test_clients_are_told_the_same_result_in_the_same_words() -> None:
    result = value(b"[1.0]", log_lines=("[LOG] 'x'",), journal="end")
    assert result.modification(3) is result.modification(3)
    assert result.modification(4).query_id == 4
    assert result == value(b"[1.0]", log_lines=("[LOG] 'x'",), journal="end")
    assert "_told" not in repr(result)


@pytest.mark.parametrize("client_ts", [1e308, -1e308, 2.0**53])
def test_a_clock_that_is_none_is_left_out(client_ts: float) -> None:
    wire = Wire()
    wire.connects(clientTs=client_ts)
    wire.modifies(0)
    wire.session.advanced(1_000, Mark(1, 0), {})
    (transition,) = wire.hears()
    assert "clientClockSkew" not in transition
    assert "serverTs" not in transition


def test_what_waits_in_line_is_not_run_for_a_client_that_is_sent_away() -> None:
    wire = Wire()
    wire.connects()
    assert len(wire.says(**mutation(0))) == 1
    assert wire.says(**mutation(1)) == []
    assert [type(each) for each in wire.connects()] == [Close]
    assert wire.session.mutation_done(0, Result(b"null", ts=1)) == []
