"""`from nbconvex import cron`: declaring what recurs, in a module or a cell.

Owns:  `CronDefinition`; `cron` with a method a form, each a function and a decorator; the rule for names; finding what
a module declares.
Must not know: when a cron has run; stores.
Invariant: nothing is kept here: a declaration is a value that a module binds to a name, or hangs on a function.
Threads: pure.
Source: semantics 7.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from nbconvex.errors import CallerError
from nbconvex.functions.definition import Declaration
from nbconvex.services.scheduler import recurrence
from nbconvex.services.scheduler.recurrence import Recurrence


@dataclass(frozen=True)
class CronDefinition:
    """A call that recurs. `target` is whatever names a function; None until a decorator has met its function."""

    name: str
    recurrence: Recurrence
    target: Any = None
    args: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, declaration: Any) -> Any:
        if not isinstance(declaration, Declaration):
            raise CallerError(
                f"cron {self.name!r} belongs above a decorator that makes a function.",
                hint="@cron.daily(...) above @mutation",
            )
        declaration.crons.append(CronDefinition(self.name, self.recurrence, declaration, self.args))
        return declaration


class CronForms:
    """The forms in which something recurs. All times are UTC unless `tz` names a zone.

    Each takes a name, what to call and its arguments; without what to call it is a decorator.
    Raises:  CallerError for a name, number, day or zone that cannot be.
    """

    __slots__ = ()

    def interval(
        self, name: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, seconds: Any = None,
        minutes: Any = None, hours: Any = None,
    ) -> CronDefinition:  # fmt: skip
        """At once, and then each so many seconds, minutes or hours after the time when the last one was due."""
        return _made(name, recurrence.interval(seconds=seconds, minutes=minutes, hours=hours), target, args)

    def hourly(
        self, name: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, minute: int | None = None,
        tz: str = "UTC",
    ) -> CronDefinition:  # fmt: skip
        """Each hour at a minute; without one, always the same, chosen by the name."""
        return _made(name, lambda: recurrence.hourly(name, minute, tz), target, args)

    def daily(
        self, name: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, hour: int,
        minute: int | None = None, tz: str = "UTC",
    ) -> CronDefinition:  # fmt: skip
        """Each day."""
        return _made(name, lambda: recurrence.daily(name, hour, minute, tz), target, args)

    def weekly(
        self, name: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, day_of_week: str, hour: int,
        minute: int | None = None, tz: str = "UTC",
    ) -> CronDefinition:  # fmt: skip
        """Each week on a day: "monday"."""
        return _made(name, lambda: recurrence.weekly(name, day_of_week, hour, minute, tz), target, args)

    def monthly(
        self, name: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, day: int, hour: int,
        minute: int | None = None, tz: str = "UTC",
    ) -> CronDefinition:  # fmt: skip
        """Each month that has that day."""
        return _made(name, lambda: recurrence.monthly(name, day, hour, minute, tz), target, args)

    def cron(
        self, name: str, line: str, target: Any = None, args: Mapping[str, Any] | None = None, /, *, tz: str = "UTC"
    ) -> CronDefinition:
        """By a cron line of five fields: "0 16 1 * *"."""
        return _made(name, lambda: recurrence.line(line, tz), target, args)

    def __repr__(self) -> str:
        return "<cron: interval, hourly, daily, weekly, monthly, cron>"


cron = CronForms()


def _made(
    name: str, when: Recurrence | Callable[[], Recurrence], target: Any, args: Mapping[str, Any] | None
) -> CronDefinition:
    require_name(name)
    return CronDefinition(name, when if isinstance(when, Recurrence) else when(), target, dict(args or {}))


def require_name(name: Any) -> None:
    """A cron's name is printable ASCII. Raises: CallerError."""
    if not isinstance(name, str) or not name or not all(" " <= character <= "~" for character in name):
        raise CallerError(f"a cron's name is printable ASCII, got {name!r}.", hint='cron.daily("clean up", ...)')


def declared_crons(module: ModuleType | Mapping[str, Any]) -> Iterable[CronDefinition]:
    """What a module, or any namespace, declares: bound to a name, or hung on a function.

    Raises:  CallerError for one that calls nothing.
    """
    namespace = module if isinstance(module, Mapping) else vars(module)
    for bound, value in list(namespace.items()):
        if isinstance(value, Declaration):
            yield from value.crons
        elif isinstance(value, CronDefinition):
            if value.target is None:
                raise CallerError(
                    f"{bound}: the cron {value.name!r} calls nothing.",
                    hint=f'cron.daily("{value.name}", internal.module.function, hour=9)',
                )
            yield value
