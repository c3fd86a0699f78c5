"""The part of IPython's interface for magics that is used here, with types.

Owns:  typed names for `display` and for the decorators of magics; IPython's own have none.
Must not know: our magics.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from IPython.core import magic as _magic
from IPython.core import magic_arguments as _arguments
from IPython.display import display as _display

from nbconvex.functions.cell_options import CELL_OPTIONS

Method = TypeVar("Method", bound=Callable[..., Any])
Decorator = Callable[[Method], Method]


def display(*objects: Any) -> None:
    """Show objects under the running cell."""
    cast("Callable[..., None]", _display)(*objects)


def argument(*names: str, **settings: Any) -> Callable[[Method], Method]:
    """One argument of a magic, as for `argparse`."""
    return cast("Callable[..., Callable[[Method], Method]]", _arguments.argument)(*names, **settings)


def magic_arguments() -> Callable[[Method], Method]:
    """A magic whose arguments are declared below this decorator; they become part of its documentation."""
    return cast("Callable[..., Callable[[Method], Method]]", _arguments.magic_arguments)()


def cell_arguments(kind: str) -> Callable[[Method], Method]:
    """A magic of a defining cell, with the options that its kind has."""

    def decorated(method: Method) -> Method:
        for option in reversed(CELL_OPTIONS[kind]):
            method = argument(*option.names, **option.settings)(method)
        return magic_arguments()(method)

    return decorated


def line_magic(method: Method) -> Method:
    """A magic for lines."""
    return cast("Callable[[Method], Method]", _magic.line_magic)(method)


def line_cell_magic(method: Method) -> Method:
    """A magic for lines and cells: in a line, `cell` is None."""
    return cast("Callable[[Method], Method]", _magic.line_cell_magic)(method)


def no_var_expand(method: Method) -> Method:
    """A magic whose line is taken as it is: `$x` and `{x}` are not replaced by the user's variables."""
    return cast("Callable[[Method], Method]", _magic.no_var_expand)(method)
