"""What may be written after the name of a defining cell: `%%query messages --internal`.

Owns:  `CELL_OPTIONS`, the options of every defining cell; `read_cell_line`, `endpoint_settings`.
Must not know: IPython, whose magics are declared with the same options; what an option does.
Invariant: a notebook and a command line that runs the same file never disagree about what a line means.
Threads: pure.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import LineError, split_line, unquoted


@dataclass(frozen=True, slots=True)
class Option:
    """One option or word, as `argparse` takes it."""

    names: tuple[str, ...]
    settings: Mapping[str, Any]


def _option(*names: str, **settings: Any) -> Option:
    return Option(names, settings)


_MODULE = _option("module", nargs="?", default="main", help="the module of the functions: api.MODULE.function")
_INTERNAL = _option("--internal", action="store_true", help="clients cannot call them, other functions can")
_HELP = _option("--help", "-h", action="store_true", help="show this text")

#: The options of each defining cell, in the order in which help shows them.
CELL_OPTIONS: Final[Mapping[str, Sequence[Option]]] = {
    "schema": (
        _option("--check-only", action="store_true",
                help="say what would change and whether the data fits; change nothing"),
        _option("--no-validation", action="store_true",
                help="do not check documents, neither now nor when they are written"),
        _HELP,
    ),
    "query": (
        _option("module", nargs="?", default="main",
                help="the module of the functions: api.MODULE.function; of SQL MODULE:NAME"),
        _INTERNAL,
        _option("--sql", action="store_true", help="the cell is one SELECT, and the query MODULE:NAME is its answer"),
        _option("--args", metavar='"name: type = default, ..."', help="types and defaults of the $names in the SQL"),
        _option("--live", metavar='"name=value ..."',
                help='show the cell\'s first query and follow it; "" for no arguments'),
        _HELP,
    ),
    "mutation": (_MODULE, _INTERNAL, _HELP),
    "action": (_MODULE, _INTERNAL, _HELP),
    "cron": (
        _option("name", nargs="?", help="what the cron is called; a name with spaces needs quotes"),
        _option("--every", metavar="5m", help="at once, and then each so many seconds, minutes or hours: 30s, 5m, 2h"),
        _option("--hourly", metavar=":15", help="each hour, at this minute"),
        _option("--daily", metavar="09:00", help="each day"),
        _option("--weekly", nargs=2, metavar=("mon", "09:00"), help="each week"),
        _option("--monthly", nargs=2, metavar=("1", "09:00"), help="each month that has this day"),
        _option("--cron", metavar='"0 9 * * 1"', help="by a cron line: minute, hour, day, month, day of the week"),
        _option("--tz", default="UTC", metavar="Europe/Berlin", help="the time zone of times of day (UTC)"),
        _HELP,
    ),
    "http": (
        _option("method", nargs="?", help="GET, POST, PUT, PATCH, DELETE or OPTIONS; GET answers HEAD too"),
        _option("path", nargs="?", help="the path, /hello, or everything below one: /users/*"),
        _option("--no-cors", action="store_true",
                help="send no CORS headers, answer no preflight: pages cannot use it"),
        _option("--origins", metavar='"ORIGIN ..."',
                help="only pages of these origins may read the answers; by default all"),
        _option("--headers", metavar='"NAME ..."', help="only these headers may be sent by pages; by default all"),
        _option("--credentials", action="store_true", help="pages may send cookies; wants --origins"),
        _option("--max-age", type=int, metavar="SECONDS", help="how long a browser need not ask again (86400)"),
        _option("--enforce", action="store_true", help="refuse requests of other origins' pages with 403"),
        _option("--auth", action="store_true", help="answer 401, with the reason, where nobody is signed in"),
        _HELP,
    ),
    "auth": (_HELP,),
    "trigger": (_option("table", nargs="?", help="the table after whose writes they run"), _HELP),
    "migration": (
        _option("name", nargs="?", help="what the migration is called; its progress is kept under this name"),
        _option("--table", metavar="TABLE", help="the table whose documents it goes over"),
        _option("--batch", type=int, default=100, metavar="N", help="documents in one mutation (100)"),
        _option("--dry-run", action="store_true", help="show what it would do to the first documents; keep nothing"),
        _option("--reset", action="store_true", help="begin again at the first document, also if it is done"),
        _HELP,
    ),
}  # fmt: skip


def endpoint_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of a `%%http` cell mean to `Endpoints.define_cell`."""
    settings = {name: getattr(options, name) for name in ("no_cors", "credentials", "enforce", "auth")}
    for name in ("origins", "headers"):
        given = getattr(options, name)
        settings[name] = None if given is None else unquoted(given)
    return settings if options.max_age is None else {**settings, "max_age": options.max_age}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Refuse the line. Raises: CallerError."""
        raise CallerError(f"{self.prog}: {message}. {self.format_usage().strip()}")


def read_cell_line(kind: str, line: str) -> argparse.Namespace:
    """The options of a defining cell.

    Raises:  CallerError for a line that cannot be read.
    """
    # A % of its own would be a format to argparse, which is how IPython's own parser is called too.
    parser = _Parser(prog=f"%%{kind}".replace("%", "%%"), add_help=False, allow_abbrev=False)
    for option in CELL_OPTIONS[kind]:
        parser.add_argument(*option.names, **option.settings)
    parser.prog = f"%%{kind}"
    try:
        words = split_line(line)
    except LineError as error:
        raise CallerError(f"%%{kind}: {error}") from None
    return parser.parse_args(words)
