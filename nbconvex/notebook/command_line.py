"""Lines after a magic, read with options, help and friendly refusals.

Owns:  `CommandParser`; turning our errors into short ones without a traceback.
Must not know: what any command does.
Invariants: `--help` works everywhere; a wrong word is answered with the nearest right one.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from IPython.core.error import UsageError

from nbconvex.errors import NbconvexError
from nbconvex.functions.command_words import LineError, split_line
from nbconvex.notebook.tracebacks import has_user_frames


class HelpWanted(Exception):
    """`--help` was among the words; `text` is the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # The texts of line and cell magics are made for a manual page, where this begins a block of code.
        self.text = text.removeprefix("::").lstrip("\n")


class CommandParser(argparse.ArgumentParser):
    """A parser that never ends the process: help and errors are exceptions."""

    def __init__(self, prog: str, description: str, *, epilog: str = "") -> None:
        super().__init__(
            prog=prog, description=description, epilog=epilog, add_help=False, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        self.add_argument("--help", "-h", action="store_true", help="show this text")

    def error(self, message: str) -> NoReturn:
        """Refuse the line. Raises: UsageError."""
        raise UsageError(f"{message}\n{self.format_usage().strip()}\n{self.prog} --help tells more.")

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """The options in `words`. Raises: HelpWanted, UsageError."""
        if "--help" in words or "-h" in words:
            raise HelpWanted(self.format_help())
        if self.usage is None:
            # Otherwise argparse does the same before it intermixes, and stumbles over the % of our names.
            self.usage = self.format_usage().removeprefix("usage: ").strip().replace("%", "%%")
        # Options may stand anywhere among the words.
        return self.parse_intermixed_args(list(words))

    def choices_of(self, option: str) -> list[str]:
        """The values that an option may have, for completion; none where it may have any."""
        chosen = [action.choices for action in self._actions if option in action.option_strings and action.choices]
        return [str(each) for choices in chosen for each in choices]

    @property
    def option_names(self) -> list[str]:
        """The options in their long form, for completion."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


def read_words(line: str) -> list[str]:
    """The words of a line. Raises: UsageError."""
    try:
        return split_line(line)
    except LineError as error:
        raise UsageError(str(error)) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?`, or nothing."""
    close = difflib.get_close_matches(word, list(known), 1)
    return f' Did you mean "{close[0]}"?' if close else ""


@contextmanager
def short_errors() -> Iterator[None]:
    """Show help that was asked for, and our own refusals in a few lines; errors of user code keep their traceback."""
    __tracebackhide__ = True
    try:
        yield
    except HelpWanted as wanted:
        print(wanted.text)  # noqa: T201 - the answer to --help
    except LineError as error:
        raise UsageError(str(error)) from None
    except NbconvexError as error:
        if has_user_frames(error) or (error.__cause__ is not None and has_user_frames(error.__cause__)):
            raise
        raise UsageError(str(error)) from None


def say(text: str) -> None:
    """Tell something that is no result: where it is written, it does not look like one."""
    print(text, file=sys.stderr)  # noqa: T201
