"""One run of one function: what it holds while it lasts, and which run is under way here.

Owns:  `Run`, and the context variable that says which run the code at hand belongs to.
Must not know: how a run is carried out.
Invariant: a run has one root. What decides about caching and logging (identity, clock, randomness, log lines, the
definitions that took part) is kept at the root, however deeply the reading function was nested.
Threads: a run belongs to one thread, or to one task and its children; the context variable follows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import asyncio

    from nbconvex.database.transaction import Transaction
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.http_call import EndpointCall
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.logs import LineSink
    from nbconvex.functions.runner import Runner

Kind = Literal["query", "mutation", "action"]


class Run:
    """One execution of one function.

    Shapes:  `tx` is None in an action; `ts` is the snapshot read, or the commit made; `loop` is the event loop of an
    `async def` action and None everywhere else; `limits` are the nested limits that the caller asked for; `encoded`
    are the bytes of the result, where somebody had to write them anyway; `request_key` is what a client will call a
    mutation by if it sends it again; `job` is the id of the scheduled function that this is a run of, or was called
    by; `within` is called in each attempt of a mutation, around its handler and in the same transaction.
    """

    # Defaults of the class and no slots: most runs set few of these, and a run is made for every call.
    outermost: Run | None = None
    tx: Transaction | None = None
    depth = 0
    ts = 0
    request = 0
    request_key: tuple[str, int] | None = None
    job: str | None = None
    within: Callable[[Run, Callable[[], Any]], Any] | None = None
    is_cached = False
    is_unlimited = False
    is_ended = False
    identity_read = False
    clock_read = False
    random_read = False
    limits: Mapping[str, int] | None = None
    loop: asyncio.AbstractEventLoop | None = None
    pending: list[Any] | None = None
    definitions: list[FunctionDefinition] | None = None
    error: BaseException | None = None
    encoded: bytes | None = None
    #: The request that an endpoint's handler answers.
    endpoint: EndpointCall | None = None
    started_s = 0.0
    stopped_s = 0.0

    def __init__(
        self, runner: Runner, definition: FunctionDefinition, identity: Identity | None, sink: LineSink
    ) -> None:
        self.runner = runner
        self.definition = definition
        self.path = definition.path
        self.is_deterministic = definition.kind != "action"
        self.identity = identity
        self.sink = sink

    @property
    def root(self) -> Run:
        """The run that everything here is part of."""
        # No reference to itself: a cycle would keep every transaction, and its snapshot, until the garbage collector
        # comes.
        return self.outermost or self

    def nested(self, definition: FunctionDefinition) -> Run:
        """A run of `definition` inside this one: same root, same identity, same transaction, one level deeper."""
        child = Run(self.runner, definition, self.identity, self.sink)
        child.outermost = self.root
        child.job = self.job
        child.tx = self.tx
        child.depth = self.depth + 1
        child.request = self.request
        root = self.root
        if root.definitions is None:
            root.definitions = []
        root.definitions.append(definition)
        return child

    def separate(self, definition: FunctionDefinition) -> Run:
        """A run of `definition` for this action: a transaction of its own, the same request, identity and log."""
        child = Run(self.runner, definition, self.identity, self.sink)
        child.depth = self.depth + 1
        child.request = self.request
        child.job = self.job
        return child


#: The run that the code at hand belongs to; None in plain code.
CURRENT: ContextVar[Run | None] = ContextVar("nbconvex_run", default=None)

#: Whether a cell or module is being defined here, so that the database must not be used.
DEFINING: ContextVar[bool] = ContextVar("nbconvex_defining", default=False)
