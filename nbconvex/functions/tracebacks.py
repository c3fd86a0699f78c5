"""Tracebacks as their reader wants them: the user's frames.

Owns:  leaving out the package's own frames, and those of libraries that it called on the way to the user's code.
Must not know: where a traceback is shown. Frames that call into here while an error is on its way up carry
`__tracebackhide__`, which IPython and pytest honour.
Invariants: a frame of user code is never left out, nor what it called. An error that is not one of ours and was raised
in our code, or in a library that our code called, is our bug: it keeps every frame.
Threads: any.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType
from typing import Final

from nbconvex.errors import NbconvexError

# Python's import machinery stands between us and a file of the user's.
_OURS: Final = (str(Path(__file__).resolve().parent.parent), "<frozen importlib")
#: Where installed code lives: Python's own and packages.
_LIBRARIES: Final = (
    "<frozen ",
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
)
#: What Python calls for the user's `v.strng` or `number.value = 1`: refusing there is no accident.
_REFUSING: Final = frozenset({"__getattr__", "__setattr__", "__delattr__", "__class_getitem__"})


def is_ours(code: CodeType) -> bool:
    """Whether code belongs to this package."""
    return code.co_filename.startswith(_OURS)


def is_users(code: CodeType) -> bool:
    """Whether code belongs neither to this package nor to anything installed."""
    return not code.co_filename.startswith((*_OURS, *_LIBRARIES))


def is_own_fault(error: BaseException | None, traceback: TracebackType | None) -> bool:
    """Whether `error` was raised by a mistake of this package's code."""
    if error is None or isinstance(error, (NbconvexError, SyntaxError)) or not isinstance(error, Exception):
        return False
    codes = [entry.tb_frame.f_code for entry in entries_of(traceback)]
    judged = [code for code in codes if is_ours(code) or is_users(code)]
    return bool(judged) and is_ours(judged[-1]) and judged[-1].co_name not in _REFUSING


def users_entries(traceback: TracebackType | None) -> list[TracebackType]:
    """The entries of a traceback without this package's, and without the libraries' between them and the user's."""
    kept = []
    is_below_ours = False
    for entry in entries_of(traceback):
        code = entry.tb_frame.f_code
        if is_ours(code):
            is_below_ours = True
        elif is_users(code) or not is_below_ours:
            is_below_ours = False
            kept.append(entry)
    return kept


def entries_of(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """The entries of a traceback, from the outermost call inwards."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def chained(entries: list[TracebackType]) -> TracebackType | None:
    """A traceback of these entries. They are copied: what a debugger holds keeps its frames."""
    following: TracebackType | None = None
    for each in reversed(entries):
        following = TracebackType(following, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return following


def trim(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of `error` and of what caused it, unless it is our own fault."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if not is_own_fault(each, each.__traceback__):
            each.__traceback__ = chained(users_entries(each.__traceback__))
        waiting += [each.__cause__, each.__context__]
