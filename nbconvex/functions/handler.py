"""Calling a handler: what goes in, and the call itself.

Owns:  the checks of arguments; driving an `async def` query or mutation to its end.
Must not know: transactions' beginning and end; which function calls which; what becomes of a result.
Invariants: a handler sees checked arguments only. Source: semantics 1.6.
Threads: all of a call happens in one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.errors import ArgumentsInvalidError, LimitExceededError, ValueInvalidError
from nbconvex.functions import teaching
from nbconvex.functions.context import ActionCtx, MutationCtx, QueryCtx
from nbconvex.functions.definition import DEFAULT_ADVICE
from nbconvex.functions.run import CURRENT, Run
from nbconvex.limits import Limits
from nbconvex.values.codec import normalize_sized
from nbconvex.values.signature import plain_instances
from nbconvex.values.validator_report import NULL_ADVICE, NULL_ARGUMENT_ADVICE, OPTIONAL_ADVICE, ValidationProblem

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nbconvex.database.transaction import Transaction
    from nbconvex.functions.definition import FunctionDefinition, TableNames

CONTEXTS: dict[str, type[QueryCtx | MutationCtx]] = {"query": QueryCtx, "mutation": MutationCtx}


def plain_args(definition: FunctionDefinition, args: Any, limits: Limits) -> dict[str, Any]:
    """Arguments as plain new data, within the limits.

    Raises:  ArgumentsInvalidError, LimitExceededError.
    """
    if type(args) is dict:
        if not args:
            return args
    elif isinstance(args, Mapping):
        args = dict(args)
    else:
        raise ArgumentsInvalidError(
            definition.name, f"an object (a dict) is expected as the function's argument, got {type(args).__name__} "
            f"{args!r}",
        )  # fmt: skip
    if definition.convert_args is not None:
        # The handler takes instances, so it may be given some.
        args = plain_instances(args)
        if definition.args_times is not None:
            args = definition.args_times.to_plain(args)
    try:
        plain, size = normalize_sized(args, limits=limits, nesting_max=limits.argument_nesting)
    except ValueInvalidError as error:
        raise ArgumentsInvalidError(definition.name, str(error), path=error.path) from None
    if size > limits.arguments_bytes:
        raise LimitExceededError(
            "arguments_bytes", f"the arguments of {definition.name} have {size:,} bytes",
            maximum=limits.arguments_bytes, actual=size, cure="Store the data and pass its id.",
        )  # fmt: skip
    checked: dict[str, Any] = plain
    return checked


def ready_args(definition: FunctionDefinition, args: Any, limits: Limits, tx: Transaction) -> dict[str, Any]:
    """Arguments as the handler gets them: in one pass, which most can take, or through `plain_args` and `checked_args`.

    Raises:  ArgumentsInvalidError, LimitExceededError.
    """
    flat = definition.flat_args
    if (
        flat is not None
        and type(args) is dict
        and flat.fields <= limits.object_fields
        and flat.name_length <= limits.field_name_bytes
    ):
        found = flat.check(args, tx.tables)
        if found is not None and found[1] <= limits.arguments_bytes:
            return found[0]
    return checked_args(definition, plain_args(definition, args, limits), tx.tables())


def checked_args(definition: FunctionDefinition, plain: dict[str, Any], tables: TableNames) -> dict[str, Any]:
    """Arguments as the handler gets them.

    Raises:  ArgumentsInvalidError.
    """
    try:
        return definition.checked_args(plain, tables)
    except ValidationProblem as problem:
        report = problem.report
        if definition.is_annotated and not problem.path:
            report = report.replace(OPTIONAL_ADVICE, DEFAULT_ADVICE)
        elif definition.is_annotated and problem.path.count(".") == 1:
            report = report.replace(NULL_ADVICE, NULL_ARGUMENT_ADVICE)
        raise ArgumentsInvalidError(definition.name, report, path=problem.path) from None


def call_handler(run: Run, args: dict[str, Any]) -> Any:
    """The raw result of a query's or mutation's handler, run to its end in this thread.

    Raises:  whatever the handler raises; NotAllowedError where it waits for something.
    """
    definition = run.definition
    ctx = CONTEXTS[definition.kind](run)
    token = CURRENT.set(run)
    try:
        result = definition.handler(ctx, **args)
        return driven(run, result) if definition.is_async else result
    except TypeError as error:
        taught = teaching.awaited_value(run.path, error)
        if taught is None:
            raise
        raise taught.with_traceback(error.__traceback__) from None
    finally:
        CURRENT.reset(token)
        ctx.db._end()  # noqa: SLF001 - the end is not the user's to call


def driven(run: Run, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never truly waits. Works inside a running loop."""
    try:
        waited_for = coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    except RuntimeError as error:
        # What asyncio says where there is no loop to wait on.
        if "no running event loop" not in str(error):
            raise
        raise teaching.suspended(run.path, run.definition.kind, None).with_traceback(error.__traceback__) from None
    coroutine.close()
    if hasattr(waited_for, "cancel"):
        waited_for.cancel()
    raise teaching.suspended(run.path, run.definition.kind, waited_for)


def call_action(run: Run, args: dict[str, Any]) -> Any:
    """The raw result of a plain `def` action."""
    token = CURRENT.set(run)
    try:
        return run.definition.handler(ActionCtx(run), **args)
    except TypeError as error:
        taught = teaching.awaited_value(run.path, error)
        if taught is None:
            raise
        raise taught.with_traceback(error.__traceback__) from None
    finally:
        CURRENT.reset(token)
