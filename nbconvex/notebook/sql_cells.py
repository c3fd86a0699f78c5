"""`%%convex_sql`: cells that ask in SQL.

Owns:  reading their options; which of the notebook's variables are a statement's parameters; what is shown.
Must not know: what SQL may be, how it is run; those are the backend's. `%%query --sql` is a defining cell as others.
Invariants: values of variables come in as parameters, never as part of the text. Lines in errors are the cell's.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.errors import CallerError
from nbconvex.notebook.card import Result
from nbconvex.notebook.cell_source import CellSource
from nbconvex.notebook.command_line import HelpWanted, nearest, read_words, short_errors
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import argument, display, line_cell_magic, magic_arguments, no_var_expand
from nbconvex.notebook.sizes import shown_ms
from nbconvex.notebook.sql_picture import sql_picture

#: In a line, what stands before the SQL.
_INTO: Final = re.compile(r"\s*--into(?:\s+|=)(\S+)(?:\s+|\Z)")


@magics_class
class SqlMagics(Magics):
    """The cells of one notebook that ask in SQL."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @magic_arguments()
    @argument("--into", metavar="NAME", help="bind the answer to this name too: NAME.df(), NAME.arrow(), NAME.pl()")
    @argument("--help", "-h", action="store_true", help="show this text")
    @line_cell_magic
    def convex_sql(self, line: str, cell: str | None = None) -> None:
        """Ask the tables in SQL: one SELECT, as of now; nothing can be written.

            %%convex_sql --into totals
            SELECT channel, count(*) AS messages FROM messages WHERE _creationTime > $since GROUP BY channel

        $since is the notebook's variable since. %convex_sql SELECT ... does the same in a line.
        """
        __tracebackhide__ = True
        with short_errors():
            if cell is None:
                into, text = _read_line(self.convex_sql, line)
            else:
                words = read_words(line)
                if "--help" in words or "-h" in words:
                    raise HelpWanted(self.convex_sql.__doc__ or "")
                into = self.convex_sql.parser.parse_args(words).into  # type: ignore[attr-defined]
                text = CellSource.of(self._session.shell, "convex_sql", line, cell).padded
            if into is not None and not into.isidentifier():
                raise UsageError(f"--into wants a name, not {into!r}.")
            display(_answer(self._session, text, into))


def _read_line(magic: Any, line: str) -> tuple[str | None, str]:
    """The name to bind and the SQL of a line. Raises: HelpWanted, UsageError."""
    if line.strip() in {"--help", "-h", ""}:
        raise HelpWanted(magic.__doc__ or "")
    found = _INTO.match(line)
    text = line[found.end() :] if found else line
    if not text.strip():
        raise UsageError("there is no SQL behind --into: %convex_sql --into NAME SELECT ...")
    return (found[1] if found else None), text


def _answer(session: Session, text: str, into: str | None) -> Result:
    __tracebackhide__ = True
    backend = session.backend
    parameters = _variables(session.shell.user_ns, backend.sql_parameters(text, in_query=False))
    began = time.perf_counter()
    result = backend.sql(text, **parameters)
    took_ms = (time.perf_counter() - began) * 1e3
    rows = f"{len(result):,} {'row' if len(result) == 1 else 'rows'}"
    bound = f" · {into}.df(), {into}.arrow() or {into}.pl() has them all" if into else ""
    if into:
        session.shell.push({into: result})
    return Result(result, title="", status=f"{rows} in {shown_ms(took_ms)}{bound}", picture=sql_picture(result))


def _variables(namespace: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The values of a statement's parameters. Raises: CallerError where the notebook has no such variable."""
    for name in names:
        if name not in namespace:
            known = [each for each in namespace if not each.startswith("_")]
            raise CallerError(
                f"the SQL has ${name}, and this notebook has no variable {name}.{nearest(name, known)}",
                hint=f"{name} = ...   in a cell before",
            )
    return {name: namespace[name] for name in names}
