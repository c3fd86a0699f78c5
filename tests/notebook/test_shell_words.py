"""IPython's interface with types: nbconvex.notebook.shell_words."""

from __future__ import annotations

from IPython.core.magic import Magics, magics_class
from IPython.utils.capture import capture_output

from nbconvex.notebook.shell_words import (
    argument,
    display,
    line_cell_magic,
    line_magic,
    magic_arguments,
    no_var_expand,
)


@magics_class
class Words(Magics):
    @no_var_expand
    @magic_arguments()
    @argument("--loud", action="store_true", help="say it loudly")
    @line_cell_magic
    def both(self, line, cell=None):
        """Say something."""
        return line, cell

    @line_magic
    def one(self, line):
        return line


def test_magics_made_with_these_words_work(ipython) -> None:
    ipython.register_magics(Words)
    try:
        assert ipython.run_line_magic("both", "{x} $y") == ("{x} $y", None)
        assert ipython.run_cell_magic("both", "a", "b") == ("a", "b")
        assert ipython.run_line_magic("one", "c") == "c"
        assert "--loud" in Words.both.__doc__
        assert Words.both.parser.parse_args(["--loud"]).loud
    finally:
        for kind, names in (("line", ("both", "one")), ("cell", ("both",))):
            for name in names:
                del ipython.magics_manager.magics[kind][name]


def test_display_shows_objects(ipython) -> None:
    with capture_output() as captured:
        display(1, "two")
    assert [output.data["text/plain"] for output in captured.outputs] == ["1", "'two'"]
