"""A session between a client that keeps npm's rules and a store that moves on: whatever the order, the client is right.

The rules of the client are those that the official one enforces or relies on. Source: wire-protocol 0.1, 3.4 to 3.6.
"""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nbconvex.sync.messages import read_message, read_ts, write_message
from nbconvex.sync.session import Ask, Follow, Result, RunMutation, Session, Unfollow


class SessionModel(RuleBasedStateMachine):
    """The store is a history: at each timestamp every query has some small number as its value."""

    @initialize()
    def connect(self) -> None:
        self.session = Session()
        self.history: list[dict[int, int]] = [{}]
        # The server's side: what is followed, what was told of it, what was asked.
        self.followed: dict[int, int | None] = {}
        self.mark: Any = None
        self.told_ts = 0
        self.running: int | None = None
        # The client's side.
        self.queries: dict[int, int] = {}
        self.wanted: list[set[int]] = [set()]
        self.version = {"querySet": 0, "identity": 0, "ts": 0}
        self.sent_mutations = 0
        self.answered: list[int] = []
        self.unresolved: dict[int, int] = {}
        self.says(type="Connect", sessionId="S", connectionCount=0, clientTs=0)
        self.modify({0, 1}, set())

    def says(self, **message: Any) -> None:
        self.carry_out(self.session.receive(read_message(json.dumps(message)), now_ms=0, head_ts=self.head))

    @property
    def head(self) -> int:
        return len(self.history) - 1

    def carry_out(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Follow):
                self.followed[effect.query_id] = None
            elif isinstance(effect, Unfollow):
                del self.followed[effect.query_id]
            elif isinstance(effect, Ask):
                self.mark = effect.mark
            elif isinstance(effect, RunMutation):
                assert self.running is None
                self.running = effect.request_id
            else:
                raise AssertionError(effect)  # noqa: TRY004 - an effect that this model does not know

    # -- the client ----------------------------------------------------------------------------------------------------

    @rule(added=st.sets(st.integers(0, 2)), removed=st.sets(st.integers(0, 2)))
    def modify(self, added: set[int], removed: set[int]) -> None:
        """Clients never use the number of a query twice; here those of one query are 3 apart."""
        gone = {each for each in self.wanted[-1] if each % 3 in removed}
        there = {each % 3 for each in self.wanted[-1] - gone}
        new = {each + 3 * len(self.wanted) for each in added - there}
        changes: list[dict[str, Any]] = [{"type": "Remove", "queryId": each} for each in gone]
        changes += [{"type": "Add", "queryId": each, "udfPath": "m:q", "args": [{}]} for each in new]
        base = len(self.wanted) - 1
        self.wanted.append((self.wanted[-1] - gone) | new)
        self.says(type="ModifyQuerySet", baseVersion=base, newVersion=base + 1, modifications=changes)

    @rule()
    def mutate(self) -> None:
        self.says(type="Mutation", requestId=self.sent_mutations, udfPath="m:m", args=[{}])
        self.sent_mutations += 1

    @rule()
    def read(self) -> None:
        for message in self.session.outgoing(now_ns=1):
            heard = json.loads(write_message(message))
            if heard["type"] == "MutationResponse":
                self.answered.append(heard["requestId"])
                if heard["success"]:
                    self.unresolved[heard["requestId"]] = read_ts(heard["ts"])
            else:
                self.transition(heard)

    def transition(self, heard: dict[str, Any]) -> None:
        start, end = heard["startVersion"], heard["endVersion"]
        start["ts"], end["ts"] = read_ts(start["ts"]), read_ts(end["ts"])
        assert start == self.version, "a transition begins where the last one ended"
        assert all(start[each] <= end[each] for each in start), "versions never go back"
        assert heard["modifications"] or start["querySet"] < end["querySet"] or self.answered, (
            "a transition has a cause"
        )
        for each in heard["modifications"]:
            if each["type"] == "QueryRemoved":
                self.queries.pop(each["queryId"], None)
            else:
                assert self.queries.get(each["queryId"]) != each["value"], "nothing is told twice"
                self.queries[each["queryId"]] = each["value"]
        self.version = end
        then = self.history[end["ts"]]
        known = self.wanted[end["querySet"]]
        # What the client has asked to be removed since may be missing already.
        for query_id in known & self.wanted[-1]:
            assert self.queries.get(query_id) == then.get(query_id % 3, 0), (
                "everything is as of the transition's timestamp"
            )
        assert set(self.queries) <= known | self.wanted[-1]
        self.unresolved = {number: ts for number, ts in self.unresolved.items() if ts > end["ts"]}

    # -- the store -----------------------------------------------------------------------------------------------------

    def commit(self, query_id: int, number: int) -> None:
        self.history.append({**self.history[-1], query_id: number})

    @rule(
        steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.sampled_from("arw")), min_size=1, max_size=6)
    )
    def go_on(self, steps: list[tuple[int, int, str]]) -> None:
        """Commits, each followed by an advance, by an advance that the client hears of, or by nothing."""
        for query_id, number, then in steps:
            self.commit(query_id, number)
            if then in "ar":
                self.advance()
            if then == "r":
                self.read()

    @rule(query_id=st.integers(0, 2), number=st.integers(0, 1), is_ok=st.booleans())
    def finish_mutation(self, query_id: int, number: int, is_ok: bool) -> None:
        if self.running is None:
            return
        if is_ok:
            self.commit(query_id, number)
        running, self.running = self.running, None
        result = Result(b"null", ts=self.head) if is_ok else Result(None, error_message="no")
        self.carry_out(self.session.mutation_done(running, result))

    @rule()
    def advance(self) -> None:
        """What `QuerySet` promises: all at one timestamp, what is new under a mark, else only what differs."""
        then = self.history[self.head]
        mark, self.mark = self.mark, None
        changed = {}
        for query_id, told in self.followed.items():
            number = then.get(query_id % 3, 0)
            if told != number and (told is not None or mark is not None):
                changed[query_id] = self.followed[query_id] = number
        if changed or mark is not None:
            results = {query_id: Result(str(number).encode()) for query_id, number in changed.items()}
            self.session.advanced(self.head, mark, results)

    @invariant()
    def answers_come_in_order(self) -> None:
        assert self.answered == list(range(len(self.answered)))

    def teardown(self) -> None:
        """When everything has settled, every promise of a mutation is kept and the client knows the head."""
        while self.running is not None:
            self.finish_mutation(0, 0, is_ok=True)
        self.advance()
        self.read()
        assert not self.unresolved
        assert len(self.answered) == self.sent_mutations
        assert set(self.queries) == self.wanted[-1]
        assert self.queries == {each: self.history[-1].get(each % 3, 0) for each in self.wanted[-1]}


SessionModel.TestCase.settings = settings(settings.default, max_examples=150, stateful_step_count=40)
TestSession = SessionModel.TestCase
