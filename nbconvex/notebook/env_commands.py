"""`%convex env`: the variables that functions find in `ctx.env`.

Owns:  the command and its answers.
Must not know: IPython; how a variable is kept.
Invariant: a value is never part of an answer. What stands in a notebook is saved, sent and published with it.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.cron_cells import moment
from nbconvex.notebook.session import Session
from nbconvex.services.environment.variables import MASKED_MIN, read_env_file

Answer = Lines | Listing


@command(
    "env",
    "The variables that functions find in ctx.env: keys and addresses that no notebook should hold.",
    argument("action", nargs="?", default="list", help="list, set, get, remove"),
    argument("words", nargs="*", help="a name, and of set a value; without one, set asks for it and does not show it"),
    argument("--from-file", metavar="FILE", help="of set: NAME=value lines, as in .env"),
    argument("--from-process", action="store_true", help="of set: the value that the kernel's own environment has"),
    argument("--into", metavar="NAME", help="of get: bind the value to this name of the notebook"),
    epilog="example:  %convex env set EMAIL_API_KEY",
)
def _env(session: Session, options: argparse.Namespace) -> Answer:
    __tracebackhide__ = True
    action = _ACTIONS.get(options.action)
    if action is None:
        known = ", ".join(_ACTIONS)
        raise CallerError(
            f'%convex env has no "{options.action}".{nearest(options.action, _ACTIONS)} There are: {known}.'
        )
    return action(session, options, [unquoted(word) for word in options.words])


def _list(session: Session, _options: argparse.Namespace, _words: list[str]) -> Answer:
    rows = [[each.name, f"{each.characters:,}", moment(each.updated_ms)] for each in session.backend.env.variables()]
    return Listing(
        "variables (values are not shown)",
        ["name", "characters", "set"],
        rows,
        empty="No variables. %convex env set NAME asks for a value. "
        "Functions also find CONVEX_CLOUD_URL and CONVEX_SITE_URL.",
        numeric=[False, True, False],
    )


def _set(session: Session, options: argparse.Namespace, words: list[str]) -> Answer:
    __tracebackhide__ = True
    env = session.backend.env
    if options.from_file is not None:
        values = _read_file(unquoted(options.from_file))
        if words:
            values = {name: _of_file(values, name) for name in words}
        env.set_all(values)
        return Lines([("✓", f"Set: {', '.join(values) or 'nothing'}.")])
    if not words:
        raise CallerError("set wants a name.", hint="%convex env set EMAIL_API_KEY")
    name, is_written, value = _name_and_value(words)
    lines = []
    if options.from_process:
        if is_written:
            raise CallerError("either a value or --from-process.")
        found = os.environ.get(name)
        if found is None:
            raise CallerError(f"the kernel's environment has no {name}.")
        value = found
    elif is_written:
        lines.append(("!", "The value stands in this cell and is saved with it. Without one, set asks for it."))
    else:
        value = _asked(name)
    is_new = name not in env
    env.set(name, value)
    told = (
        f"{name} is {'set' if is_new else 'changed'}: {_characters(value)}. Functions find it in ctx.env from now on."
    )
    if len(value) < MASKED_MIN:
        lines.append(("", f"So short a value is not hidden in what functions print ({MASKED_MIN} characters are)."))
    return Lines([("✓", told), *lines])


def _name_and_value(words: list[str]) -> tuple[str, bool, str]:
    """The name, whether a value is written, and that."""
    name, equals, value = words[0].partition("=")
    if equals:
        return name, True, " ".join([unquoted(value), *words[1:]])
    return name, len(words) > 1, " ".join(words[1:])


def _asked(name: str) -> str:
    try:
        value = getpass.getpass(f"{name}: ")
    except (NotImplementedError, EOFError):
        raise CallerError(
            "nobody can be asked here.", hint=f"%convex env set {name} --from-process   or   --from-file .env"
        ) from None
    if not value:
        raise CallerError(f"nothing was entered; {name} is as it was.")
    return value


def _read_file(path: str) -> dict[str, str]:
    try:
        return read_env_file(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CallerError(f"{path} cannot be read: {reason}.") from None


def _of_file(values: dict[str, str], name: str) -> str:
    if name not in values:
        raise CallerError(f"the file has no {name}.{nearest(name, values)}")
    return values[name]


def _get(session: Session, options: argparse.Namespace, words: list[str]) -> Answer:
    __tracebackhide__ = True
    name = _one(words, "get")
    value = session.backend.env[name]
    if options.into is None:
        return Lines(
            [("✓", f"{name} is set: {_characters(value)}."), ("", "It is not shown. --into NAME binds it to a name.")]
        )
    if not options.into.isidentifier():
        raise CallerError(f"--into wants a name, not {options.into!r}.")
    session.shell.push({options.into: value})
    return Lines([("✓", f"{options.into} is the value of {name}: {_characters(value)}.")])


def _remove(session: Session, _options: argparse.Namespace, words: list[str]) -> Answer:
    __tracebackhide__ = True
    name = _one(words, "remove")
    session.backend.env.remove(name)
    return Lines([("✓", f"Removed: {name}.")])


def _one(words: list[str], action: str) -> str:
    if len(words) != 1:
        raise CallerError(f"{action} wants one name.", hint=f"%convex env {action} EMAIL_API_KEY")
    return words[0]


def _characters(value: str) -> str:
    return f"{len(value):,} character{'' if len(value) == 1 else 's'}"


_ACTIONS: Final[dict[str, Callable[[Session, argparse.Namespace, list[str]], Answer]]] = {
    "list": _list,
    "set": _set,
    "get": _get,
    "remove": _remove,
}
