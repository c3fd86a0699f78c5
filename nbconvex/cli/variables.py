"""`nbconvex env`: the variables that functions find in `ctx.env`, without a notebook.

Owns:  the command.
Must not know: how a variable is kept.
Invariant: a value is printed by `get` only. One that is to be set comes from standard input, from a file or from the
process's own environment, never from the line: lines are kept in shells' histories and are seen by other processes.
Threads: the main thread.
Source: semantics 12.1.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nbconvex.backend import Backend
from nbconvex.cli.commands import store_named
from nbconvex.cli.printed import print_rows, tell
from nbconvex.errors import CallerError
from nbconvex.services.environment.variables import read_env_file


def run_env(options: argparse.Namespace) -> int:
    """List, print, set or remove variables of a store."""
    wants_name = options.action in {"get", "remove"} or (options.action == "set" and options.from_file is None)
    if wants_name and options.name is None:
        raise CallerError(f"{options.action} wants a name.", hint=f"nbconvex env {options.action} {options.store} KEY")
    if options.action != "set" and (options.from_file is not None or options.from_process):
        raise CallerError("--from-file and --from-process belong to set.")
    with Backend.open(store_named(options.store, must_exist=options.action != "set")) as backend:
        _ACTIONS[options.action](backend, options)
    return 0


def _list(backend: Backend, _options: argparse.Namespace) -> None:
    rows = [[each.name, f"{each.characters:,}"] for each in backend.env.variables()]
    print_rows([["name", "characters"], *rows])


def _get(backend: Backend, options: argparse.Namespace) -> None:
    # Text as it is, for a pipe.
    print(backend.env[options.name])  # noqa: T201 - it is the result


def _set(backend: Backend, options: argparse.Namespace) -> None:
    values = _values(options)
    backend.env.set_all(values)
    tell(f"Set: {', '.join(values) or 'nothing'}.")


def _remove(backend: Backend, options: argparse.Namespace) -> None:
    backend.env.remove(options.name)
    tell(f"Removed: {options.name}.")


def _values(options: argparse.Namespace) -> Mapping[str, str]:
    if options.from_file is not None:
        try:
            values = read_env_file(Path(options.from_file).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise CallerError(f"{options.from_file} cannot be read: {reason}.") from None
        if options.name is None:
            return values
        if options.name not in values:
            raise CallerError(f"{options.from_file} has no {options.name}.")
        return {options.name: values[options.name]}
    if options.from_process:
        found = os.environ.get(options.name)
        if found is None:
            raise CallerError(f"this process's environment has no {options.name}.")
        return {options.name: found}
    value = getpass.getpass(f"{options.name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    if not value:
        raise CallerError(f"nothing was entered; {options.name} is as it was.")
    return {options.name: value}


_ACTIONS: Final[dict[str, Callable[[Backend, argparse.Namespace], None]]] = {
    "list": _list,
    "get": _get,
    "set": _set,
    "remove": _remove,
}
