"""Which backends are open in this process, so that `nbconvex.api` knows where to run.

Owns:  the list of open backends.
Must not know: what a backend is, beyond being a host of references.
Threads: any.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from nbconvex.errors import CallerError
from nbconvex.functions.reference import FunctionReference

if TYPE_CHECKING:
    from nbconvex.functions.reference import Host

# The one piece of state that belongs to the process and not to a backend: a reference that no backend made has nowhere
# else to look. Weak, so that a forgotten backend does not stay.
_open: weakref.WeakSet[Host] = weakref.WeakSet()


def opened(host: Host) -> None:
    """A backend has opened."""
    _open.add(host)


def closed(host: Host) -> None:
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


#: References that no backend made: names inside functions, and calls of the only open backend in plain code.
api = FunctionReference(the_only_one)
internal = FunctionReference(the_only_one, internal=True)
