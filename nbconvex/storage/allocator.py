"""Memory that was freed, given back to the system.

Owns:  `give_back`.
Must not know: what the memory was needed for.
Why: glibc keeps what lies below the last block in use. After 100,000 documents were loaded that was 6 MB of 40, and
1 MB after each bulk write of DuckDB. Where there is no glibc, nothing is done.
Threads: any; the interpreter's lock is free meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return freed memory to the system: some milliseconds, so for after bulk work only."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    # Imported when it is first needed, which is long after the start.
    import ctypes

    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return bool
