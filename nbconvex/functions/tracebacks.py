"""Tracebacks as their reader wants them: the user's frames.

Owns:  leaving out the package's own frames.
Must not know: where a traceback is shown. Frames that call into here while an error is on its way up carry
`__tracebackhide__`, which IPython and pytest honour.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def user_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The same traceback without the frames of this package."""
    kept = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            kept.append(traceback)
        traceback = traceback.tb_next
    following: TracebackType | None = None
    for each in reversed(kept):
        following = TracebackType(following, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return following


def trim(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of `error` and of what caused it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = user_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
