"""`%live` and `%convex`: lines that show things.

Owns:  reading the lines, displaying the answers.
Must not know: what the commands do.
Invariant: an answer is displayed wherever in a cell the line stands, not only at its end.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from IPython.core.magic import Magics, magics_class

from nbconvex.notebook.arguments import parse_arguments
from nbconvex.notebook.cell_magics import read_options
from nbconvex.notebook.command_line import read_words, short_errors
from nbconvex.notebook.live import show_live
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import argument, display, line_magic, magic_arguments, no_var_expand


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
    @argument("--static", action="store_true", help="as static HTML that is saved with the notebook, without a widget")
    @argument("--help", "-h", action="store_true", help="show this text")
    @line_magic
    def live(self, line: str) -> None:
        """Show a query and follow the data.

            %live messages:newest channel=general count=20

        The same from code, with a handle: view = live(api.messages.newest, channel="general"), view.close().
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.live, line)
            arguments = parse_arguments(options.arguments)
            display(
                show_live(self._session, options.function, arguments, as_json=options.json, is_static=options.static)
            )

    @no_var_expand
    @magic_arguments()
    @argument(
        "command",
        nargs="?",
        help="status, functions, routes, data, import, export, files, upload, snippet, logs, run, jobs, crons, pause, "
        "resume, as, auth, token, serve, url, doctor, codegen, reset, open, close, nest, help",
    )
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
