"""One client of the sync protocol: messages in, effects and messages out.

Owns:  `Session`: the versions of one socket, its query set, the results it has not been told, its mutations in line.
Must not know: how an effect is carried out; sockets, threads, clocks, the backend.
Invariants:
- A transition begins where the last one ended, and both its versions and its timestamp never go back.
- What a transition tells is valid at its timestamp: whoever calls `advanced` promises that.
- A result is told once: what equals the last one told is left out.
- Mutations run one at a time in the order in which they came, and are answered in that order; every answer is followed
  by a transition at or behind its commit, for clients wait for that, and by no second one that tells nothing: the
  Python client takes each for a new result.
- No transition shows what a mutation has done before its answer was sent: a client with an optimistic update for it
  would show its effect twice.
- Whose identity has expired is neither answered a call nor told a result any more, but sent away to come back.
- Between two transitions that were sent, any number of advances are folded into one; memory holds the newest results.
Threads: belongs to one thread.
Source: wire-protocol 0.1, 3.4 to 3.11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from nbconvex.errors import ProtocolError
from nbconvex.sync.messages import (
    Action,
    ActionResponse,
    Add,
    Authenticate,
    AuthError,
    ClientMessage,
    Connect,
    Event,
    FatalError,
    ModifyQuerySet,
    Mutation,
    MutationResponse,
    QueryFailed,
    QueryRemoved,
    QueryUpdated,
    ServerMessage,
    StateVersion,
    Transition,
    read_ts,
    write_ts,
)

#: Mutations of one client that wait for their turn; the reference closes at the same number.
MUTATIONS_WAITING_MAX: Final = 1_000
#: Actions of one client that run at the same time.
ACTIONS_RUNNING_MAX: Final = 256
#: Queries that one client follows at the same time.
QUERIES_MAX: Final = 1_000

#: What a client is told whose identity has expired. Source: wire-protocol 4.4.
EXPIRED: Final = "Convex token identity expired"
#: A clock that shows more is none: what is told of it must be a number that every client can count to.
_CLOCK_MAX_MS: Final = 2**52

#: Close codes of WebSocket, and what the reference uses them for. Source: wire-protocol 3.11.
NORMAL, INTERNAL_ERROR, TRY_AGAIN_LATER = 1000, 1011, 1013


class Mark(NamedTuple):
    """Up to which of a client's own changes something has come."""

    query_set: int
    identity: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gave, ready for the wire.

    Shapes:  `value` is JSON and None where there is an error; `error_data` is JSON, for a ConvexError only.
    Units:  `ts` in nanoseconds: that of a mutation's commit, else 0.
    """

    value: bytes | None
    log_lines: tuple[str, ...] = ()
    error_message: str = ""
    error_data: bytes | None = None
    journal: str | None = None
    ts: int = 0
    _told: list[QueryUpdated | QueryFailed] = field(default_factory=list, init=False, repr=False, compare=False)

    def modification(self, query_id: int) -> QueryUpdated | QueryFailed:
        """How a client is told this of one of its queries. Those who call it the same are told in the same words."""
        told = self._told
        if not told or told[0].query_id != query_id:
            told[:] = (_modification(query_id, self),)
        return told[0]


# -- effects: what whoever holds the socket has to do -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Follow:
    """Follow a query. What cannot be followed is told to `Session.refuse`."""

    query_id: int
    path: str
    args: Any
    journal: str | None


@dataclass(frozen=True, slots=True)
class Unfollow:
    """Follow a query no more."""

    query_id: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Have `Session.advanced` called soon with this mark, at or behind the newest commit of now."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class RunMutation:
    """Run a mutation and tell `Session.mutation_done`. `key` is None where the client cannot send it again."""

    request_id: int
    path: str
    args: Any
    identity: Any
    key: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run an action and tell `Session.action_done`."""

    request_id: int
    path: str
    args: Any
    identity: Any


@dataclass(frozen=True, slots=True)
class Verify:
    """Find out who the client is, and tell `Session.identified` or `Session.unidentified` before anything else."""

    token_type: str
    value: str | None
    acting_as: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Close:
    """Send what is there, then close the socket."""

    code: int
    reason: str


Effect = Follow | Unfollow | Ask | RunMutation | RunAction | Verify | Close


class Session:
    """The state of one socket.

    Shapes:  `identity` is whatever `identified` was given; None is nobody.
    """

    def __init__(self) -> None:
        self.identity: Any = None
        self.is_closing = False
        self._expires_s: float | None = None
        self._session_id: str | None = None
        self._clock_skew_ms: int | None = None
        self._received = Mark(0, 0)
        self._reached = Mark(0, 0)
        self._reached_ts = 0
        self._sent = StateVersion(0, 0, write_ts(0))
        # What a transition has to have reached that the client waits for, whatever else it tells; None if it waits for
        # none.
        self._owed: tuple[Mark, int] | None = None
        self._queries: dict[int, Result | None] = {}
        self._news: dict[int, Result] = {}
        self._refused: dict[int, Result] = {}
        self._removed: list[tuple[int, int]] = []
        # Lists, though they are taken from the front: they are short, and an empty deque of each client is 760 bytes.
        self._mutations: list[RunMutation] = []
        self._mutating: RunMutation | None = None
        self._is_held = False
        self._actions: set[int] = set()
        self._outbox: list[ServerMessage] = []

    # -- what the client says -----------------------------------------------------------------------------------------

    def receive(self, message: ClientMessage, *, now_ms: float, head_ts: int) -> list[Effect]:
        """What has to be done about a message. `head_ts` is the newest commit.

        Shapes:  an effect `Verify` has to be carried out before the next message is received.
        """
        if self.is_closing:
            return []
        if isinstance(message, Mutation | Action) and self._is_expired(now_ms / 1e3):
            return self._expired()
        try:
            if isinstance(message, Mutation):
                return self._mutation(message)
            if isinstance(message, ModifyQuerySet):
                return self._modify(message)
            if isinstance(message, Action):
                return self._action(message)
            if isinstance(message, Authenticate):
                return self._authenticate(message)
            if isinstance(message, Connect):
                return self._connect(message, now_ms, head_ts)
            assert isinstance(message, Event)
        except ProtocolError as error:
            return self.broken(error)
        return []

    def broken(self, error: ProtocolError) -> list[Effect]:
        """What has to be done about a client that breaks the protocol. npm stops for good, so only for that."""
        return self._close(NORMAL, "", FatalError(str(error)))

    def _close(self, code: int, reason: str, *last_words: ServerMessage) -> list[Effect]:
        self.is_closing = True
        self._outbox.extend(last_words)
        return [Close(code, reason)]

    def _connect(self, message: Connect, now_ms: float, head_ts: int) -> list[Effect]:
        if self._session_id is not None:
            raise ProtocolError("Connect came twice on one socket")
        self._session_id = message.session_id
        if message.client_ts is not None and abs(message.client_ts) <= _CLOCK_MAX_MS:
            self._clock_skew_ms = round(message.client_ts - now_ms)
        if message.max_observed_timestamp is not None and read_ts(message.max_observed_timestamp) > head_ts:
            # It has seen a later state of this store, or another store: everything it knows would seem to go back.
            reason = "InternalServerError: the client has seen commits that this store does not have; reload the page"
            return self._close(INTERNAL_ERROR, reason)
        return []

    def _modify(self, message: ModifyQuerySet) -> list[Effect]:
        if message.base_version != self._received.query_set:
            raise ProtocolError(
                f"ModifyQuerySet is based on version {message.base_version}, this socket is at "
                f"{self._received.query_set}"
            )
        if message.new_version < message.base_version:
            raise ProtocolError(
                f"ModifyQuerySet goes back from version {message.base_version} to {message.new_version}"
            )
        self._received = self._received._replace(query_set=message.new_version)
        effects: list[Effect] = []
        for each in message.modifications:
            if isinstance(each, Add):
                effects.extend(self._add(each))
            elif each.query_id in self._queries:
                del self._queries[each.query_id]
                self._news.pop(each.query_id, None)
                self._refused.pop(each.query_id, None)
                self._removed.append((each.query_id, message.new_version))
                effects.append(Unfollow(each.query_id))
        return [*effects, self._owe(0)]

    def _add(self, message: Add) -> list[Effect]:
        if message.query_id in self._queries:
            raise ProtocolError(f"query {message.query_id} was added twice")
        self._queries[message.query_id] = None
        args = _only_argument(message.args)
        if len(self._queries) > QUERIES_MAX:
            self.refuse(message.query_id, _failure(f"a client can follow {QUERIES_MAX:,} queries at once, not more"))
        elif args is None:
            self.refuse(message.query_id, _failure(_ARGUMENTS))
        else:
            return [Follow(message.query_id, message.udf_path, args, message.journal)]
        return []

    def _mutation(self, message: Mutation) -> list[Effect]:
        if len(self._mutations) >= MUTATIONS_WAITING_MAX:
            return self._close(TRY_AGAIN_LATER, "TooManyConcurrentMutations")
        key = None if self._session_id is None else (self._session_id, message.request_id)
        args = _only_argument(message.args)
        self._mutations.append(RunMutation(message.request_id, message.udf_path, args, self.identity, key))
        return self._next_mutation()

    def _next_mutation(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._mutations and self._mutating is None and not self.is_closing:
            following = self._mutating = self._mutations.pop(0)
            if following.args is None:
                effects += self._answered(following.request_id, _failure(_ARGUMENTS))
            else:
                effects.append(following)
        return effects

    def _action(self, message: Action) -> list[Effect]:
        if message.request_id in self._actions:
            raise ProtocolError(f"action {message.request_id} is running already")
        if len(self._actions) >= ACTIONS_RUNNING_MAX:
            return self._close(TRY_AGAIN_LATER, "TooManyConcurrentRequests")
        self._actions.add(message.request_id)
        args = _only_argument(message.args)
        if args is None:
            return self.action_done(message.request_id, _failure(_ARGUMENTS))
        return [RunAction(message.request_id, message.udf_path, args, self.identity)]

    def _authenticate(self, message: Authenticate) -> list[Effect]:
        if message.base_version != self._received.identity:
            reason = f"Authenticate is based on version {message.base_version}, not {self._received.identity}"
            return self._close(INTERNAL_ERROR, reason)
        return [Verify(message.token_type, message.value, message.impersonating or message.acting_as)]

    # -- what came of it ----------------------------------------------------------------------------------------------

    def identified(self, identity: Any, *, expires_s: float | None = None) -> list[Effect]:
        """The client is `identity` from now on, until `expires_s`. Whoever holds its query set has to tell that too.

        Units:  `expires_s` in seconds since 1970 UTC.
        """
        self.identity = identity
        self._expires_s = expires_s
        self._received = self._received._replace(identity=self._received.identity + 1)
        return [self._owe(0)]

    def unidentified(self, error: str) -> list[Effect]:
        """The client's token was refused. It may come back with another."""
        return self._close(NORMAL, "", AuthError(error, self._sent.identity, auth_update_attempted=True))

    def _is_expired(self, now_s: float) -> bool:
        return self._expires_s is not None and now_s >= self._expires_s

    def _expired(self) -> list[Effect]:
        """The identity in force is none any more. The client may come back with a new token."""
        return self._close(NORMAL, "", AuthError(EXPIRED, self._sent.identity, auth_update_attempted=False))

    def refuse(self, query_id: int, failure: Result) -> None:
        """A query cannot be followed at all; the next transition says why."""
        if query_id in self._queries:
            self._refused[query_id] = failure

    def mutation_done(self, request_id: int, result: Result) -> list[Effect]:
        """The mutation under way has ended."""
        return [*self._answered(request_id, result), *self._next_mutation()]

    def _answered(self, request_id: int, result: Result) -> list[Effect]:
        self._mutating, self._is_held = None, False
        if self.is_closing:
            return []
        is_ok = result.value is not None
        self._outbox.append(
            MutationResponse(
                request_id, is_ok, _result_of(result), list(result.log_lines), write_ts(result.ts) if is_ok else None,
                _raw_or_absent(result.error_data),
            )
        )  # fmt: skip
        return [self._owe(result.ts)]

    def action_done(self, request_id: int, result: Result) -> list[Effect]:
        """An action has ended."""
        self._actions.discard(request_id)
        if self.is_closing:
            return []
        self._outbox.append(
            ActionResponse(
                request_id, result.value is not None, _result_of(result), list(result.log_lines),
                _raw_or_absent(result.error_data),
            )
        )  # fmt: skip
        return [self._owe(0)]

    def _owe(self, ts: int) -> Ask:
        """A transition at or behind `ts`, with everything that was received up to now, even if it tells nothing."""
        self._owed = (self._received, max(ts, self._owed[1] if self._owed is not None else 0))
        return Ask(self._received)

    @property
    def key_under_way(self) -> tuple[str, int] | None:
        """The key of the mutation that runs."""
        return None if self._mutating is None else self._mutating.key

    def advanced(
        self, ts: int, mark: Mark | None, results: Mapping[int, Result], *, is_before_answer: bool = False
    ) -> None:
        """Everything followed is known at `ts`; `results` are those that are new.

        A mark says up to which of its own changes the client has been told with that. With `is_before_answer` these
        results may be those of the mutation that runs: they wait for its answer, which is on its way.
        """
        self._is_held = self._is_held or is_before_answer
        assert ts >= self._reached_ts, (ts, self._reached_ts)
        self._reached_ts = ts
        if mark is not None:
            self._reached = mark
        if self._refused:
            results, self._refused = {**results, **self._refused}, {}
        queries = self._queries
        for query_id, result in results.items():
            if query_id not in queries:
                continue
            told = queries[query_id]
            if told is not result and told != result:
                self._news[query_id] = result
            else:
                self._news.pop(query_id, None)

    # -- what the client is told --------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._outbox) or self._has_transition

    @property
    def _has_transition(self) -> bool:
        return bool(self._news or self._is_due) and not self._is_held

    @property
    def _is_due(self) -> bool:
        """Whether what the client waits for has been reached, so that a transition can say so."""
        return self._owed is not None and self._reached >= self._owed[0] and self._reached_ts >= self._owed[1]

    @property
    def answers_waiting(self) -> int:
        """Answers that were not taken to be sent yet."""
        return len(self._outbox)

    def before_sending(self, now_ns: int) -> list[Effect]:
        """What has to be done before `outgoing`: nobody is told a result on behalf of an identity that has expired."""
        if not self.is_closing and self._has_transition and self._is_expired(now_ns / 1e9):
            return self._expired()
        return []

    def outgoing(self, now_ns: int) -> Iterator[ServerMessage]:
        """Everything there is to send, in order; a message that was taken counts as sent.

        Answers come first: clients look for what has ended when a transition arrives.
        """
        while self._outbox:
            yield self._outbox.pop(0)
        if self._has_transition and not self.is_closing:
            yield self._transition(now_ns)

    def _transition(self, now_ns: int) -> Transition:
        start = self._sent
        self._sent = StateVersion(self._reached.query_set, self._reached.identity, write_ts(self._reached_ts))
        if self._is_due:
            self._owed = None
        modifications: list[QueryUpdated | QueryFailed | QueryRemoved] = []
        removed, self._removed = self._removed, []
        for query_id, version in removed:
            if version <= self._sent.query_set:
                modifications.append(QueryRemoved(query_id))
            else:
                self._removed.append((query_id, version))
        news, self._news = self._news, {}
        for query_id, result in news.items():
            self._queries[query_id] = result
            modifications.append(result.modification(query_id))
        if self._clock_skew_ms is None:
            return Transition(start, self._sent, modifications)
        return Transition(start, self._sent, modifications, self._clock_skew_ms, now_ns)


_ARGUMENTS = "the arguments of a function are an array with one object"


def _only_argument(args: list[Any]) -> dict[str, Any] | None:
    """The one object that a function is called with; None where that is not what came."""
    if not args:
        return {}
    return args[0] if len(args) == 1 and isinstance(args[0], dict) else None


def _failure(sentence: str) -> Result:
    return Result(None, (), sentence)


def _result_of(result: Result) -> msgspec.Raw | str:
    return result.error_message if result.value is None else msgspec.Raw(result.value)


def _raw_or_absent(data: bytes | None) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.UNSET if data is None else msgspec.Raw(data)


def _modification(query_id: int, result: Result) -> QueryUpdated | QueryFailed:
    lines = list(result.log_lines)
    if result.value is None:
        return QueryFailed(query_id, result.error_message, lines, result.journal, _raw_or_absent(result.error_data))
    return QueryUpdated(query_id, msgspec.Raw(result.value), lines, result.journal)
