"""Errors as the author of a cell should see them.

Owns:  leaving our own frames out of tracebacks; naming a place as "Cell In[4], line 7"; an error in two lines, for
       where there is no room for a traceback.
Must not know: what went wrong, magics.
Invariants: those of `nbconvex.functions.tracebacks`: no frame of user code is left out, and our own bugs show all.
Threads: any.
Source: IPython hides frames by `__tracebackhide__`, but always shows the last one, which is ours whenever we refuse
something; so the frames are taken out of the traceback before IPython sees it.
"""

from __future__ import annotations

import linecache
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nbconvex.functions.tracebacks import chained, entries_of, is_ours, is_own_fault, is_users, users_entries

#: How a magic is called: the frame below these is a line that IPython wrote, not the user.
_MAGIC_CALLS: Final = frozenset({"run_cell_magic", "run_line_magic"})
#: What a fold leaves untouched: chains longer than this are nobody's reading.
_CHAIN_MAX: Final = 50


def folded(error: BaseException | None, traceback: types.TracebackType | None) -> types.TracebackType | None:
    """`traceback` without our frames, where what is left still explains `error`."""
    if is_own_fault(error, traceback) or not any(is_ours(entry.tb_frame.f_code) for entry in entries_of(traceback)):
        return traceback
    kept = users_entries(traceback)
    users = [at for at, entry in enumerate(kept) if not _is_ipython(entry.tb_frame)]
    if len(users) > 1 and users[0] + 1 < len(kept) and kept[users[0] + 1].tb_frame.f_code.co_name in _MAGIC_CALLS:
        # The call of the magic itself says nothing when the error is inside the cell that the magic ran.
        del kept[users[0]]
    return chained(kept)


def fold_chain(error: BaseException) -> None:
    """Leave our frames out of the tracebacks of everything that `error` came from."""
    each: BaseException | None = error
    for _ in range(_CHAIN_MAX):
        each = None if each is None else each.__cause__ or each.__context__
        if each is None:
            return
        each.__traceback__ = folded(each, each.__traceback__)


class Folding:
    """Makes a shell's tracebacks leave our frames out, until `remove`."""

    def __init__(self, shell: Any, *, is_wanted: Callable[[], bool]) -> None:
        self._handlers = [(shell.InteractiveTB, self._render), (shell.SyntaxTB, self._render_syntax)]
        self._is_wanted = is_wanted
        for handler, render in self._handlers:
            self._wrap(handler, render)

    def remove(self) -> None:
        """Give the shell its own tracebacks back."""
        for handler, _ in self._handlers:
            # Only what we put there: somebody else may have wrapped it since.
            if getattr(handler.__dict__.get("structured_traceback"), "nbconvex_folding", None) is self:
                del handler.structured_traceback

    def _wrap(self, handler: Any, render: Callable[..., Any]) -> None:
        original = handler.structured_traceback

        def structured_traceback(
            etype: Any = None, evalue: Any = None, etb: Any = None, *rest: Any, **named: Any
        ) -> Any:
            if self._is_wanted() and isinstance(evalue, BaseException):
                etb = render(evalue, etb)
            return original(etype, evalue, etb, *rest, **named)

        structured_traceback.nbconvex_folding = self  # type: ignore[attr-defined]
        handler.structured_traceback = structured_traceback

    def _render(self, error: BaseException, traceback: Any) -> Any:
        if not isinstance(traceback, types.TracebackType):
            return traceback
        fold_chain(error)
        return folded(error, traceback)

    def _render_syntax(self, error: BaseException, traceback: Any) -> Any:
        # The place is in the error; how the cell came to be compiled is our affair.
        return [] if getattr(error, "nbconvex_cell", False) else traceback


def place_of(error: BaseException) -> str:
    """Where in user code `error` was raised: `Cell In[4], line 7, in send`. Empty if it was not."""
    users = [
        each
        for each in entries_of(error.__traceback__)
        if not is_ours(each.tb_frame.f_code) and not _is_ipython(each.tb_frame)
    ]
    if not users:
        return ""
    code = users[-1].tb_frame.f_code
    name = code.co_name if code.co_name != "<module>" else "the cell itself"
    return f"{file_name(code.co_filename)}, line {users[-1].tb_lineno}, in {name}"


def line_of(error: BaseException) -> str:
    """The line of user code that raised `error`, without its indentation."""
    users = [each for each in entries_of(error.__traceback__) if not is_ours(each.tb_frame.f_code)]
    if not users:
        return ""
    return linecache.getline(users[-1].tb_frame.f_code.co_filename, users[-1].tb_lineno).strip()


def file_name(filename: str) -> str:
    """The name of a file for people: cells have temporary files with names that say nothing."""
    from IPython import get_ipython

    shell = get_ipython()
    numbers = getattr(getattr(shell, "compile", None), "_filename_map", {})
    number = numbers.get(filename)
    return f"Cell In[{number}]" if number is not None else Path(filename).name


def describe(error: BaseException) -> tuple[str, str]:
    """`error` as a title and a message: its class, and what it says with the place in user code."""
    title = type(error).__name__
    # A note says what to write instead; a request id leads to the log, for which a view has no room.
    notes = [each for each in getattr(error, "__notes__", ()) if not each.startswith("[Request ID")]
    message = "\n".join([str(error) or "no message", *notes])
    place = place_of(error)
    return title, f"{message}\n{place}" if place else message


def has_user_frames(error: BaseException) -> bool:
    """Whether `error` passed through user code, so that a traceback has something to show."""
    return any(is_users(each.tb_frame.f_code) for each in entries_of(error.__traceback__))


def _is_ipython(frame: types.FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in {"IPython", "ipykernel"}
