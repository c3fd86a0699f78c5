"""What a cron cell says: its options as a recurrence, its body as a call that is not made.

Owns:  `FORMS`, the options that say when; `recurrence_of`, `read_call`.
Must not know: who reads a cell; how a cron is kept or run.
Invariant: the body is one call. Its arguments are computed when the cell is read, the call is made when it is due.
Threads: the caller's.
"""

from __future__ import annotations

import argparse
import ast
import re
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.services.scheduler import recurrence

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}
_EVERY: Final = re.compile(r"(\d+)\s*(s|m|h)\Z")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})\Z")
_MINUTE: Final = re.compile(r":?(\d{1,2})\Z")
#: The options that say when, of which a cell has one.
FORMS: Final = ("every", "hourly", "daily", "weekly", "monthly", "cron")


def recurrence_of(name: str, options: argparse.Namespace) -> Any:
    """When a cell's call recurs.

    Raises:  CallerError.
    """
    given = [form for form in FORMS if getattr(options, form) is not None]
    if len(given) != 1:
        raise CallerError(
            f"a cron cell says once when it runs, got {', '.join(f'--{form}' for form in given) or 'nothing'}.",
            hint=f"%%cron {name} --every 5m   or   --daily 09:00   or   %%cron --help",
        )
    [form] = given
    words = [unquoted(word) for word in _listed(getattr(options, form))]
    tz = unquoted(options.tz)
    if form == "every":
        found = _EVERY.match(words[0])
        if found is None:
            raise CallerError(f"--every takes a number and s, m or h, got {words[0]!r}.", hint="--every 5m")
        return recurrence.interval(**{_UNITS[found[2]]: int(found[1])})
    if form == "hourly":
        found = _MINUTE.match(words[0])
        if found is None:
            raise CallerError(f"--hourly takes a minute, got {words[0]!r}.", hint="--hourly :15")
        return recurrence.hourly(name, int(found[1]), tz)
    if form == "daily":
        return recurrence.daily(name, *_clock(words[0]), tz)
    if form == "weekly":
        return recurrence.weekly(name, _day(words[0]), *_clock(words[1]), tz)
    if form == "monthly":
        if not words[0].isdecimal():
            raise CallerError(f"--monthly takes a day of the month and a time, got {words[0]!r}.", hint="1 09:00")
        return recurrence.monthly(name, int(words[0]), *_clock(words[1]), tz)
    return recurrence.line(words[0], tz)


def _listed(given: Any) -> list[str]:
    return list(given) if isinstance(given, list) else [given]


def _clock(text: str) -> tuple[int, int]:
    found = _CLOCK.match(text)
    if found is None:
        raise CallerError(f"a time of day is written 09:00, got {text!r}.")
    return int(found[1]), int(found[2])


def _day(text: str) -> str:
    """A day of the week, of which the first letters are enough."""
    begun = [day for day in recurrence.DAYS if len(text) >= 3 and day.startswith(text.lower())]
    return begun[0] if begun else text


def read_call(text: str, filename: str, namespace: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What a body would call, and with which arguments.

    Raises:  SyntaxError; CallerError where the body is anything else than one call; whatever the arguments raise.
    """
    __tracebackhide__ = True
    tree = ast.parse(text, filename)
    statement = tree.body[0] if len(tree.body) == 1 else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Await):
        call = call.value
    if not isinstance(call, ast.Call):
        raise CallerError("the body of a cron cell is the call that recurs.", hint='api.reports.send(to="ada")')
    if any(isinstance(each, ast.Starred) for each in call.args) or len(call.args) > 1:
        raise CallerError("a function takes its arguments by name, or as one dict.", hint="api.module.function(name=1)")

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), filename, "eval"), namespace)  # noqa: S307 - the user's own cell

    args: dict[str, Any] = {}
    for node in call.args:
        args.update(value(node))
    for keyword in call.keywords:
        args.update(value(keyword.value) if keyword.arg is None else {keyword.arg: value(keyword.value)})
    return value(call.func), args
