"""`%live` and `%convex`: lines that show things.

Owns:  reading the lines, displaying the answers.
Must not know: what the commands do.
Invariant: an answer is displayed wherever in a cell the line stands, not only at its end.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.functions.command_words import parse_arguments, unquoted
from nbconvex.notebook.cell_magics import read_options
from nbconvex.notebook.command_line import read_words, short_errors
from nbconvex.notebook.live import show_live
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import argument, display, line_magic, magic_arguments, no_var_expand

if TYPE_CHECKING:
    from nbconvex.notebook.chart import ChartOptions


def _chart_of(options: argparse.Namespace) -> ChartOptions | None:
    """The chart that a line asks for. Raises: CallerError, UsageError."""
    __tracebackhide__ = True
    if options.chart is None:
        for name in ("x", "y", "color"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} belongs to a chart: --chart line --{name} {getattr(options, name)}")
        return None
    if options.json:
        raise UsageError("--chart and --json are two ways to show a result: choose one.")
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.notebook.chart import ChartOptions

    return ChartOptions.of(options.chart, *(unquoted(word or "") for word in (options.x, options.y, options.color)))


@magics_class
class LineMagics(Magics):
    """The lines of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @magic_arguments()
    @argument("function", help="module:query")
    @argument("arguments", nargs="*", metavar="name=value", help="values as Python or JSON; words need no quotes")
    @argument("--table", action="store_true", help="as a table (this is what it does unless told otherwise)")
    @argument("--json", action="store_true", help="as JSON")
    @argument("--chart", metavar="KIND", help="as a chart: line, bar, scatter or area")
    @argument("--x", metavar="FIELD", help="what the chart goes along; the place in the result unless told otherwise")
    @argument("--y", metavar="FIELD[,FIELD]", help="what the chart shows; not needed if only one field has numbers")
    @argument("--color", metavar="FIELD", help="a colour for each value of this field")
    @argument("--static", action="store_true", help="as static HTML that is saved with the notebook, without a widget")
    @argument("--help", "-h", action="store_true", help="show this text")
    @line_magic
    def live(self, line: str) -> None:
        """Show a query and follow the data.

            %live messages:newest channel=general count=20
            %live weather:hours city=Oslo --chart line --x time --y low,high

        The same from code, with a handle: view = live(api.messages.newest, channel="general"), view.close().
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.live, line)
            arguments = parse_arguments(options.arguments)
            chart = _chart_of(options)
            display(
                show_live(
                    self._session, options.function, arguments,
                    as_json=options.json, is_static=options.static, chart=chart,
                )
            )  # fmt: skip

    @no_var_expand
    @magic_arguments()
    @argument("command", nargs="?", help="status, data, run, logs and many more: %%convex help lists them")
    @argument("words", nargs="*", help="what the command takes; %%convex COMMAND --help tells")
    @line_magic
    def convex(self, line: str) -> None:
        """Look at the notebook's backend and work on it. `%convex help` lists what there is."""
        __tracebackhide__ = True
        # Not at the top: loading the extension is to stay quick.
        from nbconvex.notebook.convex_commands import COMMANDS, find_command

        with short_errors():
            word, *words = read_words(line) or ["status"]
            if word in {"--help", "-h"}:
                word = "help"
            command = COMMANDS[find_command(word)]
            display(command.run(self._session, command.parser.parse_words(words)))
