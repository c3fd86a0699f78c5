"""The words of `%convex`, as a table that modules of commands add to.

Owns:  `Command`, `COMMANDS`, and the decorator that adds to it.
Must not know: what any command does.
Threads: filled while modules are imported; read by the kernel's main thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nbconvex.notebook.command_line import CommandParser
from nbconvex.notebook.session import Session

Run = Callable[[Session, argparse.Namespace], Any]


@dataclass(frozen=True)
class Command:
    """One word of `%convex`."""

    name: str
    summary: str
    run: Run
    parser: CommandParser = field(repr=False)
    #: What its first word names, for completion: "function", "table", "file", "exercise" or nothing.
    takes: str = ""


COMMANDS: dict[str, Command] = {}
#: The order in which people are told of them: what there is, its data, what runs, who may, the network, the store.
_ORDER: Final = (
    "status", "functions", "routes", "data", "schema", "run", "logs", "insights", "check", "dashboard",
    "import", "export", "backup", "restore", "files", "upload", "snippet", "migrations",
    "jobs", "crons", "pause", "resume", "env", "as", "token", "auth",
    "serve", "url", "doctor", "codegen", "open", "close", "reset", "nest", "help",
)  # fmt: skip


def in_order() -> list[Command]:
    """All commands, as people are told of them; those that nobody has put into the order come last."""
    places = {name: place for place, name in enumerate(_ORDER)}
    return sorted(COMMANDS.values(), key=lambda each: places.get(each.name, len(places)))


def argument(*names: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """One argument of a command, as for `argparse`."""
    return names, settings


def command(
    name: str,
    summary: str,
    *arguments: tuple[tuple[str, ...], dict[str, Any]],
    takes: str = "",
    epilog: str = "",
) -> Callable[[Run], Run]:
    """Add a command to the table."""

    def register(run: Run) -> Run:
        parser = CommandParser(f"%convex {name}", summary, epilog=epilog)
        for names, settings in arguments:
            parser.add_argument(*names, **settings)
        COMMANDS[name] = Command(name, summary, run, parser, takes)
        return run

    return register
