"""What a trigger is: a function that runs after every write to a table; and declaring one.

Owns:  `Change`, what a trigger is told; `Trigger`; the decorator `trigger` and what it leaves; the rules for handlers.
Must not know: where triggers are kept, how they are run.
Threads: declarations and triggers may be shared.
Source: semantics 11.2.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from nbconvex.errors import CallerError
from nbconvex.functions.definition import Declaration, FunctionDefinition, Handler
from nbconvex.values.schema_rules import check_table_name

#: The line that is advised wherever a handler is not one.
EXAMPLE = "def changed(ctx, change):"


@dataclass(frozen=True, slots=True)
class Change:
    """One write, as a trigger sees it. The documents are copies.

    Shapes:  `old_doc` is None for an insert, `new_doc` for a delete; `patch` and `replace` are updates.
    """

    table: str
    operation: Literal["insert", "update", "delete"]
    id: str
    old_doc: dict[str, Any] | None
    new_doc: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A handler that runs after every write to `table`. `place` says where it was defined, for a person."""

    table: str
    definition: FunctionDefinition
    place: str = ""

    @property
    def name(self) -> str:
        """As it is shown: `users.check`."""
        return self.definition.path.removeprefix("trigger ")

    @property
    def origin(self) -> str:
        """Who defined it."""
        return self.definition.origin


def checked_table(table: Any) -> str:
    """The name of a table that may have triggers.

    Raises:  CallerError.
    """
    if not isinstance(table, str):
        given = "no table" if callable(table) else f"{table!r:.60}"
        raise CallerError(f"a trigger belongs to a table, got {given}.", hint='@trigger("users")')
    if table.startswith("_"):
        raise CallerError(f'"{table}" is a system table: what happens in it, the platform does. It has no triggers.')
    return check_table_name(table)


def make_trigger(handler: Any, table: Any, *, origin: str, place: str) -> Trigger:
    """The trigger that a handler makes.

    Raises:  CallerError where the handler cannot work.
    """
    table = checked_table(table)
    if isinstance(handler, Declaration):
        raise CallerError(f"{handler!r} already has its kind; it cannot be a trigger too.", hint=EXAMPLE)
    if not callable(handler) or isinstance(handler, type):
        raise CallerError(f"a trigger is a function, got {type(handler).__name__}.", hint=EXAMPLE)
    name = getattr(handler, "__name__", "trigger")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise CallerError(f"the trigger {name} uses yield, but a trigger is run to its end.", hint=EXAMPLE)
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        taken = ", ".join(inspect.signature(handler).parameters)
        raise CallerError(
            f"the trigger {name} takes ({taken}); it is called with ctx and the change.", hint=EXAMPLE
        ) from None
    definition = FunctionDefinition(
        f"trigger {table}.{name}", "mutation", handler, is_internal=True,
        is_async=inspect.iscoroutinefunction(handler), origin=origin,
    )  # fmt: skip
    return Trigger(table, definition, place)


class TriggerDeclaration:
    """A handler, and the tables after whose writes it runs. Called, it is the handler."""

    def __init__(self, handler: Handler, tables: tuple[str, ...]) -> None:
        self.handler = handler
        self.tables = tables
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
            value = getattr(handler, attribute, None)
            if value is not None:
                setattr(self, attribute, value)

    def define(self, origin: str, place: str) -> tuple[Trigger, ...]:
        """The triggers, as `origin` defines them."""
        return tuple(make_trigger(self.handler, table, origin=origin, place=place) for table in self.tables)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return self.handler(*positional, **named)

    def __repr__(self) -> str:
        return f"<trigger {getattr(self.handler, '__qualname__', '?')} on {', '.join(self.tables)}>"


def trigger(
    table: Any = None, /, *, on_declare: Callable[[TriggerDeclaration], None] | None = None
) -> Callable[[Any], TriggerDeclaration]:
    """Declare a function that runs after every write to a table, in the same transaction: `@trigger("users")`.

    Raises:  CallerError for what is no table's name, or no handler.
    """
    table = checked_table(table)

    def declare(target: Any) -> TriggerDeclaration:
        is_more = isinstance(target, TriggerDeclaration)
        handler = target.handler if is_more else target
        # Made once for its errors, which belong to the line that is running.
        make_trigger(handler, table, origin="", place="")
        declaration = TriggerDeclaration(handler, (table, *target.tables) if is_more else (table,))
        if on_declare is not None:
            on_declare(declaration)
        return declaration

    return declare


def triggers_of(module: ModuleType | Mapping[str, Any], origin: str, place: str) -> Iterator[Trigger]:
    """The triggers that a module, or any namespace, declares with `trigger`."""
    namespace = module if isinstance(module, Mapping) else vars(module)
    declared = {id(each): each for each in list(namespace.values()) if isinstance(each, TriggerDeclaration)}
    for declaration in declared.values():
        yield from declaration.define(origin, place)
