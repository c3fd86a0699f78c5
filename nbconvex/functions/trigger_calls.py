"""Running triggers: what they hold, on whose behalf they run, what becomes of their errors and prints.

Owns:  `TriggerWatch`, which a transaction tells of its writes; `ctx` of a trigger, with `ctx.inner_db`.
Must not know: in which order writes are told of; where triggers come from.
Invariants: a trigger runs in the transaction of the write, as a part of the call that wrote, and on behalf of the same
caller. One that raises keeps no other from running. What it prints stands among the lines of that call, under its name.
Threads: that of the write.
Source: semantics 11.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from nbconvex.database.guarded_transaction import GuardedTransaction, Written
from nbconvex.functions import logs, teaching
from nbconvex.functions.context import MutationCtx
from nbconvex.functions.context_db import DatabaseWriter
from nbconvex.functions.handler import driven
from nbconvex.functions.logs import CallRecord, LabelledSink
from nbconvex.functions.run import CURRENT, Run
from nbconvex.functions.trigger import Change, Trigger
from nbconvex.values.codec import decode_document

if TYPE_CHECKING:
    from nbconvex.database.active_schema import ActiveSchema
    from nbconvex.functions.runner import Runner


class InnerWriter(DatabaseWriter):
    """`ctx.inner_db`: as `ctx.db`, but no trigger hears of what is written. Unique indexes hold all the same."""

    __slots__ = ("_outer",)

    def __init__(self, outer: DatabaseWriter) -> None:
        self._outer = outer
        self._path = outer._path  # noqa: SLF001 - a part of the same thing

    @property
    def _tx(self) -> Any:  # type: ignore[override] # nobody sets it
        # Through the other one, which loses it when the call ends.
        return self._outer._tx  # noqa: SLF001

    def insert(self, *given: Any) -> str:
        with self._tx.quiet():
            return super().insert(*given)

    def patch(self, *given: Any) -> None:
        with self._tx.quiet():
            super().patch(*given)

    def replace(self, *given: Any) -> None:
        with self._tx.quiet():
            super().replace(*given)

    def delete(self, *given: Any) -> None:
        with self._tx.quiet():
            super().delete(*given)


class TriggerCtx(MutationCtx):
    """`ctx` of a trigger: that of a mutation, and `inner_db`."""

    __slots__ = ()
    _names: tuple[str, ...] = (*MutationCtx._names, "inner_db")  # noqa: SLF001 - one more than it has

    @property
    def inner_db(self) -> InnerWriter:
        """The database, without triggers."""
        return InnerWriter(self.db)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            super().__getattr__(name)


class TriggerWatch:
    """The triggers at one moment, by table."""

    def __init__(self, runner: Runner, tables: Mapping[str, tuple[Trigger, ...]]) -> None:
        self.tables = tables
        self._runner = runner

    def react(self, transaction: GuardedTransaction, written: Written) -> Exception | None:
        """Run the table's triggers; the first error."""
        triggers = self.tables[written.table]
        run = CURRENT.get()
        if run is not None and run.tx is transaction:
            return self._run_all(run, triggers, written)
        # An import, or whatever else writes without a function.
        outer = self._plain_run(triggers[0], transaction)
        first = self._run_all(outer, triggers, written)
        if first is not None or outer.sink.count:
            self._log(outer, transaction.reader, first)
        return first

    def _run_all(self, run: Run, triggers: tuple[Trigger, ...], written: Written) -> Exception | None:
        first: Exception | None = None
        for trigger in triggers:
            assert run.tx is not None, run.path
            change = change_of(written, run.tx.snapshot.schema)
            try:
                _call(_run_in(run, trigger), change)
            except Exception as error:
                error.add_note(f"in the trigger {trigger.name}, after {_WORDS[change.operation]} {change.id}")
                if first is None:
                    first = error
        return first

    def _plain_run(self, trigger: Trigger, transaction: GuardedTransaction) -> Run:
        runner = self._runner
        run = runner.new_run(trigger.definition, None, is_echoed=True)
        run.tx = transaction
        run.request = next(runner._requests)  # noqa: SLF001 - nobody else makes runs of its own
        run.started_s = runner.clock.monotonic_s()
        logs.install()
        return run

    def _log(self, run: Run, writer: str, error: Exception | None) -> None:
        clock = self._runner.clock
        duration_ms = (clock.monotonic_s() - run.started_s) * 1e3
        started_ms = clock.now_ns() / 1e6 - duration_ms
        name = writer or run.definition.name
        self._runner.log.add(
            CallRecord(run.request, name, "mutation", started_ms, duration_ms, run.sink.lines, error, "call", False)
        )


_WORDS: dict[Literal["insert", "update", "delete"], str] = {
    "insert": "the insert of",
    "update": "the update of",
    "delete": "the deletion of",
}


def change_of(written: Written, schema: ActiveSchema | None) -> Change:
    """A write as a trigger is told of it, in copies of its own, as `ctx.db.get` gives documents."""
    before = None if written.before is None else _document(written.table, written.before, schema)
    after = None if written.after is None else _document(written.table, written.after, schema)
    if after is None:
        assert before is not None, "a write has a document before it, or after it"
        return Change(written.table, "delete", before["_id"], before, None)
    return Change(written.table, "insert" if before is None else "update", after["_id"], before, after)


def _document(table: str, payload: bytes, schema: ActiveSchema | None) -> dict[str, Any]:
    return decode_document(payload) if schema is None else schema.document(table, payload)


def _run_in(run: Run, trigger: Trigger) -> Run:
    """A run of a trigger as a part of `run`: same root, same caller, same transaction."""
    sink: Any = LabelledSink(run.sink, f"[{trigger.name}] ")
    child = Run(run.runner, trigger.definition, run.identity, sink)
    child.outermost = run.root
    child.job, child.tx, child.request = run.job, run.tx, run.request
    child.depth = run.depth + 1
    return child


def _call(run: Run, change: Change) -> None:
    definition = run.definition
    ctx = TriggerCtx(run)
    token = CURRENT.set(run)
    try:
        result = definition.handler(ctx, change)
        if definition.is_async:
            driven(run, result)
    except TypeError as error:
        taught = teaching.awaited_value(run.path, error)
        if taught is None:
            raise
        raise taught.with_traceback(error.__traceback__) from None
    finally:
        CURRENT.reset(token)
        ctx.db._end()  # noqa: SLF001 - the end is not the user's to call
