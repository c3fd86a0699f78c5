"""What user code holds: `ctx`.

Owns:  the contexts of the three kinds, `ctx.auth` and `ctx.meta`; which member belongs to which kind.
Must not know: who called; how a nested call is made, which is the runner's.
Invariant: a member that a kind does not have is answered with a sentence that teaches, never with a bare attribute
error. Source: semantics 1.2.
Threads: belongs to its run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.errors import NotAllowedError
from nbconvex.functions import context_search, teaching
from nbconvex.functions.context_db import DatabaseReader, DatabaseWriter
from nbconvex.functions.context_storage import StorageActions, StorageReader, StorageWriter, storage_of
from nbconvex.functions.environment import FunctionEnvironment
from nbconvex.functions.identity import UnknownIdentity
from nbconvex.functions.logs import request_id
from nbconvex.functions.registry import HANDLE_PREFIX
from nbconvex.values.scalars import NUMBER_MAX

if TYPE_CHECKING:
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.run import Run
    from nbconvex.functions.scheduling import FunctionScheduler

Limits = Mapping[str, int]

_COMMON = ("auth", "create_function_handle", "env", "meta", "now", "random", "run_query", "storage", "vector_search")
_TRANSACTIONAL = (*_COMMON, "db")
_EFFECTS = (*_COMMON, "run_mutation", "run_action", "scheduler")


class Context:
    """What the contexts of all kinds have."""

    __slots__ = ("_run",)
    _names: tuple[str, ...] = _COMMON

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def auth(self) -> Auth:
        """Who is calling."""
        return Auth(self._run)

    @property
    def env(self) -> FunctionEnvironment:
        """The variables of this backend: `ctx.env["EMAIL_API_KEY"]`."""
        return FunctionEnvironment(self._run)

    @property
    def meta(self) -> Meta:
        """What is running, and what it has used."""
        return Meta(self._run)

    @property
    def random(self) -> random.Random:
        """A generator of random numbers. In queries and mutations it is seeded anew for every run."""
        run = self._run
        run.root.random_read = True
        # An action may be as random as it likes.
        return run.runner.random if run.tx is None else run.tx.random

    @property
    def storage(self) -> StorageReader:
        """Files: their addresses and, in mutations and actions, what changes them."""
        return storage_of(self._run)

    def now(self) -> float:
        """The time in milliseconds since 1970 UTC. In queries and mutations it stands still while they run."""
        run = self._run
        run.root.clock_read = True
        return run.runner.clock.now_ns() / 1e6 if run.tx is None else run.tx.creation_time_ms

    def create_function_handle(self, target: Any, /) -> str:
        """A text that stands for a function, can be stored, and is accepted wherever a reference is.

        Raises:  FunctionNotFoundError.
        """
        return HANDLE_PREFIX + self._run.runner.registry.find(target).path

    def run_query(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        transaction_limits: Limits | None = None,
        **named: Any,
    ) -> Any:
        """Run a query in this transaction, or from an action on a snapshot of its own.

        `transaction_limits` lowers limits inside (`{"documents_read": 5}`).
        """
        __tracebackhide__ = True
        return self._run.runner.call(self._run, "query", target, _joined(args, named), transaction_limits)

    def vector_search(
        self,
        table: str,
        index: str,
        /,
        vector: Any,
        *,
        limit: int = 10,
        filter: Callable[[Any], Any] | None = None,
        min_score: float | None = None,
    ) -> Any:
        """The documents whose vectors point most nearly where `vector` points: `{"_id", "_score"}`, best first.

        Scores are cosine similarities, from 1 to -1. `filter` narrows by equality:
        `lambda q: q.or_(q.eq("genre", "drama"), q.eq("genre", "noir"))`; nothing below `min_score` is found. In queries
        and mutations a search sees the transaction's own writes, and is run again when vectors change; in an action it
        gives at most 256 results.
        Raises:  IndexInvalidError, LimitExceededError, CallerError.
        """
        __tracebackhide__ = True
        options = {"limit": limit, "filter": filter, "min_score": min_score}
        return context_search.search(self._run, table, index, vector, options)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name == "scheduler":
                raise teaching.query_schedules(self._run.path)
            raise teaching.unknown_name("ctx", name, self._names)

    def __repr__(self) -> str:
        return f"<ctx of {self._run.definition.kind} {self._run.path}>"


class QueryCtx(Context):
    """`ctx` of a query."""

    __slots__ = ("db",)
    _names = _TRANSACTIONAL

    def __init__(self, run: Run) -> None:
        assert run.tx is not None, run.path
        self._run = run
        self.db = DatabaseReader(run.tx, run.path)

    def run_query(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        transaction_limits: Limits | None = None,
        use_stale_snapshot: bool = False,
        **named: Any,
    ) -> Any:
        __tracebackhide__ = True
        if use_stale_snapshot:
            raise NotAllowedError(
                f"{self._run.path}: use_stale_snapshot is supported in mutations only; a query has no pending writes."
            )
        return self._run.runner.call(self._run, "query", target, _joined(args, named), transaction_limits)

    if not TYPE_CHECKING:  # to a type checker it would look like a call that is there

        def run_mutation(self, target: Any, *_: Any, **__: Any) -> NoReturn:
            """Not in a query."""
            raise teaching.query_runs(self._run.path, "run_mutation", _shown(target))

        def run_action(self, target: Any, *_: Any, **__: Any) -> NoReturn:
            """Not in a query."""
            raise teaching.query_runs(self._run.path, "run_action", _shown(target))


class MutationCtx(Context):
    """`ctx` of a mutation."""

    __slots__ = ("db",)
    _names: tuple[str, ...] = (*_TRANSACTIONAL, "run_mutation", "scheduler")

    if TYPE_CHECKING:

        @property
        def storage(self) -> StorageWriter: ...

    def __init__(self, run: Run) -> None:
        assert run.tx is not None, run.path
        self._run = run
        self.db = DatabaseWriter(run.tx, run.path)

    @property
    def scheduler(self) -> FunctionScheduler:
        """Calls for later, promised when this mutation commits."""
        return self._run.runner.scheduler(self._run)

    def run_query(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        transaction_limits: Limits | None = None,
        use_stale_snapshot: bool = False,
        **named: Any,
    ) -> Any:
        """Run a query in this transaction, seeing its pending writes.

        With `use_stale_snapshot` it sees only what was committed before, and cannot cause a conflict.
        """
        __tracebackhide__ = True
        run = self._run
        return run.runner.call(
            run, "query", target, _joined(args, named), transaction_limits, use_stale_snapshot=use_stale_snapshot
        )

    def run_mutation(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        transaction_limits: Limits | None = None,
        **named: Any,
    ) -> Any:
        """Run a mutation as a part of this one: if it raises, only its own writes are undone."""
        __tracebackhide__ = True
        return self._run.runner.call(self._run, "mutation", target, _joined(args, named), transaction_limits)

    if not TYPE_CHECKING:  # to a type checker it would look like a call that is there

        def run_action(self, target: Any, *_: Any, **__: Any) -> NoReturn:
            """Not in a mutation: schedule it."""
            raise teaching.mutation_runs_action(self._run.path, self._run.runner.registry.path_of(target))


class ActionCtx(Context):
    """`ctx` of an action. In an `async def` action, `run_*` start at once and are awaited; else they give the value."""

    __slots__ = ()
    _names = _EFFECTS

    if TYPE_CHECKING:

        @property
        def storage(self) -> StorageActions: ...

    @property
    def scheduler(self) -> FunctionScheduler:
        """Calls for later, promised at once. In an `async def` action its methods are awaited."""
        return self._run.runner.scheduler(self._run)

    def run_mutation(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        transaction_limits: Limits | None = None,
        **named: Any,
    ) -> Any:
        """Run a mutation as a transaction of its own."""
        __tracebackhide__ = True
        return self._run.runner.call(self._run, "mutation", target, _joined(args, named), transaction_limits)

    def run_action(self, target: Any, args: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Run another action."""
        __tracebackhide__ = True
        return self._run.runner.call(self._run, "action", target, _joined(args, named), None)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name == "db":
                raise teaching.action_db(self._run.path)
            super().__getattr__(name)


class Auth:
    """`ctx.auth`."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def get_user_identity(self) -> Identity | None:
        """Who is calling; None for nobody.

        Raises:  UnauthenticatedError in an endpoint that was called with a header which proves nothing.
        """
        run = self._run
        run.root.identity_read = True
        if isinstance(run.identity, UnknownIdentity):
            raise run.identity.error
        return run.identity

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("ctx.auth", name, ("get_user_identity",))


class Meta:
    """`ctx.meta`."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def get_function_metadata(self) -> dict[str, str]:
        """Name, component path, type and visibility of the function that is running."""
        definition = self._run.definition
        return {
            "name": definition.name,
            "component_path": "",
            "type": definition.kind,
            "visibility": definition.visibility,
        }

    def get_deployment_metadata(self) -> dict[str, str | None]:
        """Name, region and class of this backend."""
        return dict(self._run.runner.deployment)

    def get_transaction_metrics(self) -> dict[str, dict[str, int]]:
        """What this transaction has used and what remains, by limit (`documentsRead`, `bytesWritten`, ...).

        Raises:  NotAllowedError in an action.
        """
        run = self._run
        if run.tx is None:
            raise teaching.only_in(
                run.path, "meta.get_transaction_metrics()", "queries and mutations, which have a transaction"
            )
        report = run.tx.metrics.report()
        for metric in report.values():
            # No limit at all would be no number that can be returned.
            metric["remaining"] = min(metric["remaining"], NUMBER_MAX)
        return report

    def get_request_metadata(self) -> dict[str, str | None]:
        """The request that led here.

        Raises:  NotAllowedError in a query, whose result must not depend on who asked.
        """
        run = self._run
        if run.definition.kind == "query":
            raise teaching.only_in(run.path, "meta.get_request_metadata()", "mutations and actions, not in a query")
        return {"request_id": request_id(run.request), "ip": None, "user_agent": None}

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            known = (
                "get_function_metadata",
                "get_deployment_metadata",
                "get_transaction_metrics",
                "get_request_metadata",
            )
            raise teaching.unknown_name("ctx.meta", name, known)


def _joined(args: Mapping[str, Any] | None, named: dict[str, Any]) -> Any:
    """Arguments given as a dict, by name, or both."""
    if args is None:
        return named
    if not named:
        return args
    return {**args, **named}


def _shown(target: Any) -> str:
    text = getattr(target, "_text", target)
    return text if isinstance(text, str) else getattr(target, "__name__", repr(target))
