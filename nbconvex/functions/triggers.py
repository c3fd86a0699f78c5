"""The triggers of one backend: `backend.triggers`.

Owns:  `Triggers`: which there are, replacing all of one origin at once, defining them from cells, modules and
decorators; `TriggersChange`, `TriggerReport`.
Must not know: who shows the report; how a trigger is run.
Invariants: nothing is swapped before everything was read, run and checked; what raises leaves triggers and namespace as
they were. A transaction keeps the triggers with which it began. Those of a table run in the order in which they were
first defined.
Threads: defining in the caller's thread, one change at a time; reading from any.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.cells import Namespace, cell_filename, read_cell, run_cell, undone_on_error
from nbconvex.functions.determinism import unfrozen_names
from nbconvex.functions.tracebacks import trim
from nbconvex.functions.trigger import EXAMPLE, Trigger, TriggerDeclaration, checked_table, make_trigger, triggers_of
from nbconvex.functions.trigger_calls import TriggerWatch

if TYPE_CHECKING:
    from nbconvex.functions.runner import Runner

#: A table and a handler's name.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TriggersChange:
    """What replacing an origin did, as names of triggers. One that is defined again counts as changed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: Triggers that another origin had defined.
    taken_over: tuple[str, ...] = ()


NO_CHANGE: Final = TriggersChange()


@dataclass(frozen=True, slots=True)
class TriggerReport:
    """What a cell changed, and the triggers that it defines now. `notes` are for its author."""

    change: TriggersChange
    triggers: tuple[Trigger, ...]
    notes: tuple[str, ...] = ()


class Triggers:
    """The triggers of a backend."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._by_key: dict[Key, Trigger] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Trigger]:
        return iter(tuple(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def replace(self, origin: str, triggers: Iterable[Trigger]) -> TriggersChange:
        """Make `triggers` everything that `origin` defines, in one step; transactions that begin later know them."""
        wanted = {(each.table, each.name): each for each in triggers}
        with self._lock:
            before = self._by_key
            after = {
                key: wanted.get(key, each) for key, each in before.items() if key in wanted or each.origin != origin
            } | wanted
            by_table: dict[str, tuple[Trigger, ...]] = {}
            for each in after.values():
                by_table[each.table] = (*by_table.get(each.table, ()), each)
            self._by_key = after
            self._runner.database.watch = TriggerWatch(self._runner, by_table) if by_table else None
        return TriggersChange(
            tuple(each.name for key, each in wanted.items() if key not in before),
            tuple(each.name for key, each in wanted.items() if key in before and not _is_same(before[key], each)),
            tuple(each.name for key, each in before.items() if key not in after),
            tuple(each.name for key, each in wanted.items() if key in before and before[key].origin != origin),
        )

    def define_cell(
        self, table: str, source: str, *, origin: str | None = None, namespace: Namespace | None = None,
        filename: str | None = None,
    ) -> TriggerReport:  # fmt: skip
        """Put a cell's triggers in force in place of what `origin` had defined, or change nothing.

        Shapes:  every top-level def whose first parameter is `ctx` is a trigger on `table`; lines of `source` count as
        they stand.
        Raises:  SyntaxError; whatever the cell raises; CallerError.
        """
        __tracebackhide__ = True
        table = checked_table(table)
        namespace = {} if namespace is None else namespace
        place = f"the %%trigger {table} cell"
        try:
            with undone_on_error(namespace):
                cell = read_cell(source, filename=filename or cell_filename(f"trigger {table}", source))
                handlers = run_cell(cell, namespace)
                if not handlers:
                    raise CallerError(
                        "this cell defines no trigger: one is a def at the top level whose first parameter is ctx "
                        "(one whose name begins with an underscore is a private helper).",
                        hint=EXAMPLE,
                    )
                made = tuple(
                    make_trigger(handler, table, origin=origin or f"triggers {table}.{name}", place=place)
                    for name, handler in handlers.items()
                )
        except BaseException as error:
            trim(error)
            raise
        return TriggerReport(self._swapped(origin, made), made, (*self._notes(table), *_unfrozen(made)))

    def _swapped(self, origin: str | None, made: tuple[Trigger, ...]) -> TriggersChange:
        if origin is not None:
            return self.replace(origin, made)
        # Without a cell's id each is its own.
        changes = [self.replace(each.origin, (each,)) for each in made]
        return TriggersChange(
            tuple(name for each in changes for name in each.added),
            tuple(name for each in changes for name in each.changed),
        )

    def _notes(self, table: str) -> Iterator[str]:
        snapshot = self._runner.database.snapshot
        if snapshot.table(table) is None:
            meant = None if snapshot.schema is None else snapshot.schema.nearest(table)
            guess = f' Did you mean "{meant}"?' if meant else " It comes into being with its first document."
            yield f'there is no table "{table}" yet.{guess}'

    def add_module(self, module: ModuleType | Mapping[str, Any], origin: str, place: str) -> TriggersChange:
        """Put in force what a module, or any namespace, declares with `trigger`, in place of what `origin` had."""
        made = tuple(triggers_of(module, origin, place))
        if not made and not any(each.origin == origin for each in self):
            return NO_CHANGE
        return self.replace(origin, made)

    def declare(self, declaration: TriggerDeclaration) -> None:
        """What `backend.trigger` does with a handler."""
        for each in declaration.define("", "a decorator"):
            again = make_trigger(declaration.handler, each.table, origin=f"decorator {each.name}", place="a decorator")
            self.replace(again.origin, (again,))

    def forget(self, origin: str) -> TriggersChange:
        """Take out what `origin` had defined."""
        if not any(each.origin == origin for each in self):
            return NO_CHANGE
        return self.replace(origin, ())


def _is_same(one: Trigger, other: Trigger) -> bool:
    return one.definition.handler is other.definition.handler and one.origin == other.origin


def _unfrozen(triggers: Iterable[Trigger]) -> Iterator[str]:
    for trigger in triggers:
        for name in unfrozen_names(trigger.definition.handler):
            yield f"{trigger.name} uses {name}; it is not frozen while a trigger runs."
