"""One function calling another through `ctx.run_query`, `ctx.run_mutation`, `ctx.run_action`.

Owns:  who may call whom; sub-transactions; what a nested call shares with its caller.
Must not know: how a root run begins and commits.
Invariants: inside a transaction everything happens in the caller's transaction; a nested mutation that raises undoes
exactly its own writes; each nested function may paginate once. Source: semantics 1.3, 1.4.
Threads: the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from nbconvex.database.table_names import TablesOf
from nbconvex.errors import LimitExceededError
from nbconvex.functions import teaching
from nbconvex.functions.action_calls import call_from_action
from nbconvex.functions.handler import call_handler, ready_args
from nbconvex.functions.result import checked_result
from nbconvex.functions.run import Kind, Run

if TYPE_CHECKING:
    from nbconvex.functions.definition import FunctionDefinition


def call(
    run: Run, kind: Kind, target: Any, args: Any, limits: Mapping[str, int] | None, *, use_stale_snapshot: bool = False
) -> Any:
    """The result of the function `target`, called by `run` under the verb of `kind`.

    Raises:  FunctionNotFoundError, NotAllowedError, and whatever the function raises.
    """
    __tracebackhide__ = True
    definition = run.runner.registry.find(target)
    if definition.kind != kind:
        raise _refusal(run, kind, definition)
    if run.tx is None:
        return call_from_action(run, definition, args, limits)
    _require_depth(run, definition)
    child = run.nested(definition)
    if use_stale_snapshot:
        # Own reads, so that they cannot conflict; the same frozen time.
        child.tx = run.runner.database.begin_at(run.tx.snapshot, reader=definition.path)
        child.tx.creation_time_ms = run.tx.creation_time_ms
        child.tx.notes = run.tx.notes
    return _in_transaction(child, args, limits)


def _refusal(run: Run, wanted: Kind, definition: FunctionDefinition) -> Exception:
    if run.definition.kind == "mutation" and definition.kind == "action":
        return teaching.mutation_runs_action(run.path, definition.name)
    return teaching.wrong_kind(definition.name, wanted, definition.kind)


def _require_depth(run: Run, definition: FunctionDefinition) -> None:
    maximum = run.runner.limits.nested_calls
    if run.depth >= maximum:
        raise LimitExceededError(
            "nested_calls", f"{definition.name} was called {run.depth + 1} levels deep inside other functions; "
            "is this an infinite loop?", maximum=maximum, actual=run.depth + 1,
            cure="Call plain helper functions that take ctx instead.",
        )  # fmt: skip


def _in_transaction(child: Run, args: Any, limits: Mapping[str, int] | None) -> Any:
    tx = child.tx
    assert tx is not None, child.path
    runner = child.runner
    definition = child.definition
    has_paginated, page_end, reader = tx.has_paginated, tx.page_end, tx.reader
    tx.has_paginated, tx.page_end, tx.reader = False, None, child.path
    savepoint = tx.savepoint() if definition.kind == "mutation" else None
    tables = TablesOf(tx)
    try:
        with tx.limited(limits) if limits else nullcontext():
            ready = ready_args(definition, args, runner.limits, tx)
            return checked_result(child, call_handler(child, ready), runner.result_limits, tables)
    except BaseException:
        if savepoint is not None:
            tx.rollback(savepoint)
        raise
    finally:
        tx.has_paginated, tx.page_end, tx.reader = has_paginated, page_end, reader
