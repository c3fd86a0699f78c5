"""Which backends are open in this process, so that `nbconvex.api` knows where to run.

Owns:  the list of open backends; closing those that are still open when the process ends.
Must not know: what a backend is, beyond being a host of references.
Threads: any.
"""

from __future__ import annotations

import atexit
import logging
import weakref
from typing import Protocol

from nbconvex.errors import CallerError
from nbconvex.functions.reference import FunctionReference, Host


class OpenHost(Host, Protocol):
    """A host that holds a store open."""

    def close(self) -> None:
        """Release the store. Calling it twice is fine."""


# The one piece of state that belongs to the process and not to a backend: a reference that no backend made has nowhere
# else to look. Weak, so that a forgotten backend does not stay.
_open: weakref.WeakSet[OpenHost] = weakref.WeakSet()


_log = logging.getLogger("nbconvex")


def opened(host: OpenHost) -> None:
    """A backend has opened."""
    # While the process ends, which is when a forgotten backend is closed, it can be imported no more; and pandas, which
    # pyarrow looks for when the tables for SQL are written, wants it.
    import concurrent.futures.thread  # noqa: F401

    _open.add(host)


def closed(host: OpenHost) -> None:
    """A backend has closed."""
    _open.discard(host)


def the_only_one() -> Host:
    """The backend that is open.

    Raises:  CallerError if there is none, or more than one.
    """
    hosts = list(_open)
    if len(hosts) == 1:
        return hosts[0]
    if not hosts:
        raise CallerError(
            "no backend is open, so there is nothing to run this on.", hint='backend = nbconvex.open("app.duckdb")'
        )
    raise CallerError(
        f"{len(hosts)} backends are open, so it is unclear which one should run this.",
        hint="backend.api.module.function(...)",
    )


def _close_open() -> None:
    """Close what nobody closed: a kernel that is shut down, a program that just ends. One file is then everything.

    A killed process does not come here; its journal is read at the next opening.
    """
    for host in list(_open):
        try:
            host.close()
        except Exception:
            _log.exception("a backend could not be closed at the end of the process")


atexit.register(_close_open)

#: References that no backend made: names inside functions, and calls of the only open backend in plain code.
api = FunctionReference(the_only_one)
internal = FunctionReference(the_only_one, internal=True)
