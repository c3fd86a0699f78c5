"""One backend: the parts, chosen and wired.

Owns:  `Backend`: which persistence a path means, starting and stopping, the calls that plain code makes.
Must not know: Jupyter; what the parts do.
Invariants: the only constructor of the parts below. `close` stops everything that `open` or a later call has started.
Threads: every method may be called from any thread.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from nbconvex.clock import Clock, SystemClock
from nbconvex.database.database import Database
from nbconvex.errors import CallerError, FunctionNotFoundError
from nbconvex.functions import current, determinism, environment, logs, teaching
from nbconvex.functions.acting import acting_identity
from nbconvex.functions.cells import Namespace
from nbconvex.functions.definition import FunctionDefinition, decorator
from nbconvex.functions.deploy import CellReport, module_name, module_origin
from nbconvex.functions.deployer import Deployer
from nbconvex.functions.endpoints import Endpoints
from nbconvex.functions.identity import Identity
from nbconvex.functions.live import LiveQueries
from nbconvex.functions.live_query import LiveAdvance, LiveUpdate, Subscription
from nbconvex.functions.outcome import Outcome, outcome_of, outcome_of_async
from nbconvex.functions.reference import FunctionReference
from nbconvex.functions.registry import Registry
from nbconvex.functions.remembered import Remembered
from nbconvex.functions.run import CURRENT, DEFINING, Kind, Run
from nbconvex.functions.runner import Runner
from nbconvex.functions.tracebacks import trim
from nbconvex.functions.trigger import trigger
from nbconvex.functions.triggers import Triggers
from nbconvex.limits import UNLIMITED, Limits
from nbconvex.services.auth.auth import Auth
from nbconvex.services.auth.providers import read_providers
from nbconvex.services.environment.variables import Variables
from nbconvex.services.files.file_store import FileStore
from nbconvex.services.files.plain_storage import PlainStorage
from nbconvex.services.migrations.migration_forms import declared_migrations
from nbconvex.services.migrations.migrations import Migrations
from nbconvex.services.scheduler.cron_forms import declared_crons
from nbconvex.services.scheduler.scheduler import Scheduler
from nbconvex.services.transfer.plain import PlainTransfer
from nbconvex.storage.blobs import BlobFolder
from nbconvex.storage.location import IN_MEMORY, blobs_at, memory_budget, persistence_at
from nbconvex.values.schema import SchemaDefinition, TableDefinition

if TYPE_CHECKING:
    from nbconvex.database.schema_push import SchemaReport
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.storage.blobs import Blobs
    from nbconvex.storage.persistence import Persistence
    from nbconvex.storage.tables.sql_result import SqlResult

Who = Identity | Mapping[str, Any] | None


class Backend:
    """A reactive backend over one store. Made by `Backend.open`; a context manager."""

    def __init__(
        self, persistence: Persistence, blobs: Blobs | None = None, *, clock: Clock, limits: Limits,
        production: bool = False, seed: int | None = None, memory_bytes_max: int = UNLIMITED, has_cache: bool = True,
        auth: Any = (), typed_tables: bool = True,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.limits = limits
        self.production = production
        self.database = Database.open(
            persistence, clock=clock, limits=limits, random=random.Random(seed), memory_bytes_max=memory_bytes_max
        )
        remembered = Remembered(self.database)
        self.registry = Registry(remembered.places)
        self.http = Endpoints()
        deployment = {"name": self.database.name, "region": None, "class": "prod" if production else "dev"}
        self.runner = Runner(
            self.database, self.registry, clock=clock, limits=limits, deployment=deployment, has_cache=has_cache
        )
        self.live = LiveQueries(self.runner)
        self.scheduler = Scheduler(self.runner)
        self.triggers = Triggers(self.runner)
        self.migrations = Migrations(self.runner)
        self.migration = self.migrations.define
        self._deployer = Deployer(self.runner, self.live, self.http, self.triggers, remembered, self._host)
        self.files = FileStore(self.database, blobs or BlobFolder(None), on_moved=self._deployer.forget_results)
        self.storage, self.runner.files = PlainStorage(self.database, self.files), self.files
        self.env = Variables(self.runner, on_moved=self._deployer.forget_results)
        transfer = PlainTransfer(self.database, self.files.transferred)
        self.import_data, self.export_data = transfer.import_data, transfer.export_data
        self.auth = Auth(self.database, clock=clock, limits=limits, production=production, declared=auth)
        #: Whom plain code calls as, where no `as_user` block says so.
        self.acting: Identity | None = None
        self.logs = self.runner.log
        self.api = FunctionReference(self._host)
        self.internal = FunctionReference(self._host, internal=True)
        self.query = decorator("query", self._deployer.declare)
        self.mutation = decorator("mutation", self._deployer.declare)
        self.action = decorator("action", self._deployer.declare)
        self._has_typed_tables = typed_tables
        self.trigger = partial(trigger, on_declare=self.triggers.declare)
        self._is_closed = False
        self._closing: list[Callable[[], None]] = []
        determinism.enter()
        environment.enter()
        logs.install()
        current.opened(self)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] = IN_MEMORY,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        production: bool = False,
        memory_bytes_max: int | None = None,
        auth: Any = (),
        typed_tables: bool = True,
    ) -> Backend:
        """The backend over the store at `path`: a DuckDB file, which need not exist, or ":memory:".

        `production` keeps the text of errors from clients. `memory_bytes_max` is what documents and indexes may take in
        memory; by default a quarter of the machine's. `auth` are providers of tokens, as in an auth.config.
        Without `typed_tables`, closing leaves the tables that other tools see in the file as they are.
        Raises:  StorageError; StorageLockedError if another process has the file open; CallerError for a provider.
        """
        clock = clock or SystemClock()
        # Before a file is opened, which an error would leave open.
        auth = read_providers(auth)
        return cls(
            persistence_at(path, clock=clock),
            blobs_at(path),
            clock=clock,
            limits=limits or Limits(),
            production=production,
            memory_bytes_max=memory_budget() if memory_bytes_max is None else memory_bytes_max,
            auth=auth,
            typed_tables=typed_tables,
        )

    def _host(self) -> Backend:
        return self

    @property
    def name(self) -> str:
        """What to call the store in messages: its path, or "memory"."""
        return self.database.name

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    @property
    def admin_key(self) -> str:
        """What admits to internal functions over the network: made when first asked for, and kept in the store."""
        return self.auth.admin_key

    # -- calling -----------------------------------------------------------------------------------------------------

    def run(self, target: Any, args: Any = None, /, *, identity: Who = None) -> Any:
        """The value of any function, internal ones included.

        Raises:  FunctionNotFoundError, CallerError, ConflictError, StorageError; whatever the function raises.
        """
        __tracebackhide__ = True
        return self._value(self.registry.find(target), args, identity)

    def run_query(self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False) -> Any:
        """The value of a query. With `public` only what clients may call is found.

        Raises:  as `run`; NotAllowedError if it is no query.
        """
        __tracebackhide__ = True
        return self._value(self.find("query", target, public=public), args, identity)

    def run_mutation(self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False) -> Any:
        """The value of a mutation, once it is durable.

        Raises:  as `run`; NotAllowedError if it is no mutation.
        """
        __tracebackhide__ = True
        return self._value(self.find("mutation", target, public=public), args, identity)

    def run_action(self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False) -> Any:
        """The value of an action, sync or async, also while a loop runs in this thread.

        Raises:  as `run`; NotAllowedError if it is no action.
        """
        __tracebackhide__ = True
        return self._value(self.find("action", target, public=public), args, identity)

    async def run_query_async(
        self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False
    ) -> Any:
        """As `run_query`, in an event loop."""
        return await self._value_async("query", target, args, identity, public=public)

    async def run_mutation_async(
        self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False
    ) -> Any:
        """As `run_mutation`, in an event loop, which goes on while the commit becomes durable."""
        run = self._new_run("mutation", target, self._caller(identity), public=public)
        return await self.runner.execute_async(run, {} if args is None else args)

    async def run_action_async(
        self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False
    ) -> Any:
        """As `run_action`, in an event loop: an `async def` action runs in it, a plain one in a thread."""
        return await self._value_async("action", target, args, identity, public=public)

    def run_outcome(
        self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False,
        kind: Kind | None = None, snapshot: Snapshot | None = None, request_key: tuple[str, int] | None = None,
    ) -> Outcome:  # fmt: skip
        """A call with everything about it; its error is kept instead of raised.

        A query may read an older `snapshot`. A mutation with a `request_key` that was answered before is answered the
        same, and not run again.
        """
        run = self._new_run(kind, target, identity, public=public)
        run.request_key = request_key
        if snapshot is not None:
            run.tx = self.database.begin_at(snapshot, reader=run.path)
        return outcome_of(self.runner, run, args)

    async def run_outcome_async(
        self, target: Any, args: Any = None, /, *, identity: Who = None, public: bool = False, kind: Kind | None = None
    ) -> Outcome:
        """As `run_outcome`, in an event loop."""
        run = self._new_run(kind, target, identity, public=public)
        return await outcome_of_async(self.runner, run, args)

    def _caller(self, identity: Who) -> Identity | None:
        """On whose behalf plain code calls."""
        return acting_identity(self.acting) if identity is None else Identity.of(identity)

    def _new_run(self, kind: Kind | None, target: Any, identity: Who, *, public: bool) -> Run:
        return self.runner.new_run(self.find(kind, target, public=public), Identity.of(identity), is_echoed=False)

    def find(self, kind: Kind | None, target: Any, *, public: bool = False) -> FunctionDefinition:
        """The function that `target` stands for.

        Raises:  FunctionNotFoundError; NotAllowedError if it is of another kind.
        """
        definition = self.registry.find(target, is_public_only=public)
        if kind is not None and definition.kind != kind:
            raise teaching.wrong_kind(definition.name, kind, definition.kind)
        return definition

    def _value(self, definition: FunctionDefinition, args: Any, identity: Who, *, is_unlimited: bool = False) -> Any:
        """What plain code gets."""
        __tracebackhide__ = True
        outer = CURRENT.get()
        if outer is not None:
            raise teaching.call_from_function(outer, definition.name, definition)
        if DEFINING.get():
            raise teaching.definition_time(definition.name)
        run = self.runner.new_run(definition, self._caller(identity), is_echoed=True)
        run.is_unlimited = is_unlimited
        try:
            return self.runner.execute(run, {} if args is None else args)
        except BaseException as error:
            trim(error)
            raise

    async def _value_async(self, kind: Kind, target: Any, args: Any, identity: Who, *, public: bool) -> Any:
        run = self._new_run(kind, target, self._caller(identity), public=public)
        return await self.runner.execute_async(run, {} if args is None else args)

    def run_inline(
        self, definition: FunctionDefinition, args: Any = None, /, *, identity: Who = None, is_unlimited: bool = False
    ) -> Any:
        """The value of a function that is in no registry: what tests call. A mutation may be without limits."""
        __tracebackhide__ = True
        return self._value(definition, args, identity, is_unlimited=is_unlimited)

    # What references ask of a backend.

    def call_reference(self, reference: FunctionReference, args: Mapping[str, Any]) -> Any:
        """Run what a reference stands for; `api` reaches public functions only, `internal` all."""
        __tracebackhide__ = True
        registry = self.registry
        definition = registry.get(reference._path) or registry.find(reference)  # noqa: SLF001 - its names are the user's
        if definition.is_internal and not reference._is_internal:  # noqa: SLF001 - its attributes are function names
            raise FunctionNotFoundError(
                definition.name,
                detail=f" It is internal: write internal.{'.'.join(reference._parts)}(...).",  # noqa: SLF001
            )
        return self._value(definition, args, None)

    def resolve_reference(self, reference: FunctionReference) -> FunctionDefinition | None:
        """The definition that a reference stands for, if there is one."""
        return self.registry.get(self.registry.path_of(reference))

    def children_of(self, parts: tuple[str, ...], *, internal: bool) -> list[str]:
        """The names that may follow a reference's, for completion."""
        return self.registry.children_of(parts, is_public_only=not internal)

    # -- asking ------------------------------------------------------------------------------------------------------

    def sql(self, text: str, /, **parameters: Any) -> SqlResult:
        """The answer to one SELECT over the tables, at the newest durable snapshot; `$name` in it is a parameter, and
        a data frame given by name is read from like a table.

        Raises:  SqlInvalidError; LimitExceededError; NotAllowedError in a function, where it is `ctx.db.sql`.
        """
        return self.runner.sql.result(text, parameters)

    def sql_parameters(self, text: str, /, *, in_query: bool = True) -> tuple[str, ...]:
        """The names behind `$` in a SELECT that is to run in a query, or in plain code, in order; see `functions.sql`.

        Raises:  SqlInvalidError where it could not run there.
        """
        return self.runner.sql.parameters(text, is_repeatable=in_query)

    def write_tables(self) -> None:
        """Bring the typed tables in the store's file up to the newest commit, as `close` does.

        Raises:  StorageError.
        """
        self.database.checkpoint(self.runner.sql.write_tables)

    # -- watching ----------------------------------------------------------------------------------------------------

    def subscribe(
        self,
        target: Any,
        args: Mapping[str, Any] | None = None,
        callback: Callable[[LiveUpdate], None] | None = None,
        *,
        identity: Who = None,
    ) -> Subscription:
        """Follow a query: `callback` is told its result here and now, and what differs later in the live thread."""
        self._require_plain_code("subscribe")
        return self.live.subscribe([(target, args)], callback, self._caller(identity), is_single=True)

    def subscribe_many(
        self,
        queries: Sequence[tuple[Any, Mapping[str, Any] | None]],
        callback: Callable[[LiveAdvance], None] | None = None,
        *,
        identity: Who = None,
    ) -> Subscription:
        """Follow several queries as one: `callback` is told once of all that changed at one timestamp."""
        self._require_plain_code("subscribe_many")
        return self.live.subscribe(queries, callback, self._caller(identity), is_single=False)

    def _require_plain_code(self, what: str) -> None:
        if self._is_closed:
            self.database.begin(writable=False)
        outer = CURRENT.get()
        if outer is not None:
            raise CallerError(f"{outer.path}: {what} belongs in plain code, not into a function.")

    # -- defining ----------------------------------------------------------------------------------------------------

    def define_cell(
        self, kind: Kind, source: str, *, module: str = "main", internal: bool = False, origin: str | None = None,
        namespace: Namespace | None = None, filename: str | None = None,
    ) -> CellReport:  # fmt: skip
        """Put a cell's functions in force in place of what `origin` had defined, or change nothing.

        Shapes:  lines of `source` count as they stand, so a caller puts as many line ends before a body as there are
        lines above it.
        Raises:  SyntaxError; whatever the cell raises; CallerError.
        """
        __tracebackhide__ = True
        return self._deployer.define_cell(
            kind, source, module=module, internal=internal, origin=origin, namespace=namespace, filename=filename
        )

    def define_schema_cell(
        self, source: str, *, namespace: Namespace | None = None, filename: str | None = None, validate: bool = True,
        check_only: bool = False,
    ) -> SchemaReport:  # fmt: skip
        """Put a cell's tables in force if the documents fit, or change nothing.

        Raises:  SyntaxError; whatever the cell raises; SchemaInvalidError; SchemaViolatedError.
        """
        __tracebackhide__ = True
        return self._deployer.define_schema_cell(
            source, namespace=namespace, filename=filename, validate=validate, check_only=check_only
        )

    def push_schema(
        self, schema: SchemaDefinition | Mapping[str, TableDefinition], *, check_only: bool = False
    ) -> SchemaReport:
        """Put a schema, or a dict of tables, in force if all documents fit, or change nothing.

        Raises:  SchemaViolatedError; SchemaInvalidError.
        """
        return self._deployer.push_schema(schema, check_only=check_only)

    @property
    def schema(self) -> SchemaDefinition | None:
        """The schema in force, or None: `backend.schema.tables["books"].indexes` has the fields of each index."""
        active = self.database.snapshot.schema
        return None if active is None else active.definition

    def reset(self) -> int:
        """Delete every document, file and table, and the schema; functions stay. How many documents there were."""
        count = self.database.clear()
        self.scheduler.crons.restore()
        self._deployer.forget_results()
        self.files.sweep()
        return count

    def add_module(self, module: ModuleType | Mapping[str, Any], name: str | None = None) -> CellReport:
        """Put in force what a module declares, or any namespace: decorators, `http`, `trigger`, `cron`, `migration`.

        Adding it again replaces what it had declared. `name` is the module's part of the paths: by default the
        module's own name with `/` for `.`, or `main`.
        Raises:  CallerError.
        """
        name = name or module_name(module)
        report = self._deployer.add_module(module, name)
        self.scheduler.declare_crons(module_origin(name), declared_crons(module))
        new = self.migrations.declare(module_origin(name), declared_migrations(module))
        return replace(report, added=report.added + tuple(f"migration {each}" for each in new)) if new else report

    # -- ending ------------------------------------------------------------------------------------------------------

    def on_close(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the backend is about to close, what came last first. The result takes that back."""
        self._closing.append(callback)

        def forget() -> None:
            if callback in self._closing:
                self._closing.remove(callback)

        return forget

    def close(self) -> None:
        """Stop everything and release the store. Calling it twice is fine."""
        if self._is_closed:
            return
        while self._closing:
            try:
                self._closing.pop()()
            except Exception as error:  # the store must be released whatever else fails
                self.runner.log_problem("close", error)
        self._is_closed = True
        current.closed(self)
        self.scheduler.stop()
        self.live.stop()
        self.runner.engine.stop()
        self.files.close()
        self.scheduler.join()
        self.runner.sql.close()
        self.database.close(self.runner.sql.write_tables if self._has_typed_tables else None)
        environment.leave()
        determinism.leave()
        logs.uninstall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<backend of {self.name}, {len(self.registry.functions)} functions{', closed' if self._is_closed else ''}>"
        )
