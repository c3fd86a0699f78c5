"""Statements that an interrupt of the kernel ends, whichever thread of DuckDB's is at work.

Owns:  `interruptibly`.
Must not know: SQL; what a statement asks.
Why: an interrupt arrives in the main thread. There DuckDB looks for one between its own pieces of work, but not while
it waits for another of its threads to finish one: a statement whose work another thread has taken could not be ended.
Threads: in the main thread, where interrupts arrive, the work is done in a thread of its own and waited for;
elsewhere it is just done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class _Cursor(Protocol):
    def interrupt(self) -> None: ...


def interruptibly(cursor: _Cursor, work: Callable[[], Result]) -> Result:
    """What `work` gives, with `cursor`.

    Raises:  KeyboardInterrupt, after the statement has ended; whatever `work` raises.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=run, name="nbconvex-sql", daemon=True)
    thread.start()
    interrupt: Any = None
    while not ended.is_set():
        try:
            ended.wait()
        except BaseException as raised:
            interrupt = raised
            cursor.interrupt()
    thread.join()
    if interrupt is not None:
        raise interrupt
    if errors:
        raise errors[0]
    return results[0]
