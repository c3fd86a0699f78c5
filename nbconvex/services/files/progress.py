"""How far a `store` has come, for whoever waits.

Owns:  `followed`: pieces on their way, told to a callback or to a bar of tqdm's.
Must not know: where pieces come from and go.
Invariant: without tqdm nothing is shown, and nothing else changes.
Threads: the caller's.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Final

from nbconvex.errors import CallerError

#: From this size on, a bar is shown unless told otherwise: less is there before a bar could be read.
BAR_BYTES: Final = 32 * 1024 * 1024

#: Called with the bytes that are stored and the bytes that there are, which is None where nobody knows.
Callback = Callable[[int, int | None], None]
Progress = bool | Callback | None


def followed(pieces: Iterator[bytes], size: int | None, progress: Progress) -> Iterator[bytes]:
    """The same pieces. `progress` is a callback, True for a bar, False for none, None for a bar where it is long.

    Raises:  CallerError for True without tqdm.
    """
    if progress is False:
        return pieces
    if callable(progress):
        return _told(pieces, size, progress)
    has_tqdm = importlib.util.find_spec("tqdm") is not None
    if progress and not has_tqdm:
        raise CallerError("progress=True shows a bar of tqdm's, which is not installed.", hint="pip install tqdm")
    if not progress and (not has_tqdm or size is None or size < BAR_BYTES):
        return pieces
    return _with_bar(pieces, size)


def _told(pieces: Iterator[bytes], size: int | None, callback: Callback) -> Iterator[bytes]:
    done = 0
    callback(done, size)
    for piece in pieces:
        yield piece
        done += len(piece)
        callback(done, size)


def _with_bar(pieces: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    # Its own choice between a bar for notebooks and one for terminals.
    from tqdm.auto import tqdm

    bar: Any = tqdm(total=size, unit="B", unit_scale=True, unit_divisor=1024, desc="storing")
    with bar:
        for piece in pieces:
            yield piece
            bar.update(len(piece))
