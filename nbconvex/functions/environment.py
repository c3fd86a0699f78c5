"""`ctx.env`, and `os.environ` inside functions: the variables of a store.

Owns:  `Environment`, what a backend's functions read; `FunctionEnvironment`, what `ctx` holds; the layer over
`os.environ` while a backend is open.
Must not know: how a variable is set.
Invariants: a query that looks at a variable, or finds none, has read it: when it changes, the query is run again. The
value that a function finds is that of its snapshot, in an action the newest. Code outside of functions sees the
process's environment as it is. A value that was read, or could have been, is masked in what functions print.
Threads: any; opening and closing take a lock.
Source: semantics 12.1, 12.2; product 4.
"""

from __future__ import annotations

import contextvars
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import ENVIRONMENT_TABLE
from nbconvex.errors import VariableMissingError
from nbconvex.functions.run import CURRENT
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import INTERNAL_ID_BYTES, encode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.writes import Document
    from nbconvex.functions.run import Run

#: The variables that nobody sets: where the backend is served. Source: product 4.
CLOUD_URL: Final = "CONVEX_CLOUD_URL"
SITE_URL: Final = "CONVEX_SITE_URL"
BUILT_IN: Final = (CLOUD_URL, SITE_URL)

#: The API address and the site address; None where nothing is served. Asking may start a server.
Urls = Callable[[], tuple[str, str] | None]


class Environment:
    """What the functions of one backend share of their environment."""

    def __init__(self) -> None:
        #: Replaces the values of variables in a text; None without any.
        self.mask: Callable[[str], str] | None = None
        #: The addresses that a function was told last.
        self.told: tuple[str, str] | None = None
        self._urls: list[Urls] = []

    def serve_at(self, urls: Urls) -> Callable[[], None]:
        """Have the built-in variables be what `urls` gives; the newest that gives any counts. The result ends that."""
        self._urls.append(urls)

        def forget() -> None:
            if urls in self._urls:
                self._urls.remove(urls)

        return forget

    def url(self, name: str) -> str | None:
        """A built-in variable."""
        for urls in reversed(self._urls):
            # A context of its own: a server is no part of the function that happens to be the first to need it.
            found = contextvars.Context().run(urls)
            if found is not None:
                self.told = found
                return found[BUILT_IN.index(name)]
        return None

    def masked(self, text: str) -> str:
        """The text without values of variables."""
        return text if self.mask is None else self.mask(text)


def internal_id(name: str) -> bytes:
    """The 16 bytes that a variable's document is kept under."""
    return hashlib.sha256(name.encode(errors="replace")).digest()[:INTERNAL_ID_BYTES]


def document_of(snapshot: Snapshot, name: str) -> Document | None:
    """A variable's document as of a snapshot."""
    id_key = encode_id(ENVIRONMENT_TABLE, internal_id(name)).encode("ascii")
    payload = snapshot.tables[ENVIRONMENT_TABLE].documents.get(id_key)
    return None if payload is None else decode_document(payload)


def value_of(run: Run, name: Any) -> str | None:
    """A variable as a function sees it; None where there is none. Looking counts as reading."""
    runner = run.runner
    if not isinstance(name, str):
        return None
    if name in BUILT_IN:
        return runner.environment.url(name)
    if run.tx is not None:
        document = run.tx.get_system(ENVIRONMENT_TABLE, internal_id(name))
    else:
        document = document_of(runner.database.snapshot, name)
    if document is None:
        return None
    # It may have been set after the run began.
    run.root.sink.mask = runner.environment.mask
    value: str = document["value"]
    return value


class FunctionEnvironment(Mapping[str, str]):
    """`ctx.env`: `ctx.env["EMAIL_API_KEY"]`, `ctx.env.get("MODE", "test")`, `"MODE" in ctx.env`. Read-only."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, name: str) -> str:
        value = value_of(self._run, name)
        if value is None:
            raise VariableMissingError(self._run.path, name)
        return value

    def __iter__(self) -> Iterator[str]:
        raise VariableMissingError(self._run.path, None)

    def __len__(self) -> int:
        raise VariableMissingError(self._run.path, None)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<ctx.env of {self._run.path}>"


# -- os.environ ------------------------------------------------------------------------------------------------------

_PROCESS: Final = type(os.environ)


class _Layered(_PROCESS):  # type: ignore[misc, valid-type] # the class has no public name
    """`os.environ` while a backend is open: what is in the store comes first for the code of a function."""

    def __getitem__(self, key: Any) -> Any:
        run = CURRENT.get()
        if run is not None and isinstance(key, str):
            # Without the run: what it takes to answer is no business of the function's.
            token = CURRENT.set(None)
            try:
                value = value_of(run, key)
            finally:
                CURRENT.reset(token)
            if value is not None:
                return value
        return super().__getitem__(key)


_lock = threading.Lock()
_open_count = 0


def enter() -> None:
    """A backend opens: functions find its variables in `os.environ`."""
    global _open_count  # noqa: PLW0603 - the process has one environment, so this has one owner, here
    with _lock:
        _open_count += 1
        if type(os.environ) is _PROCESS:
            os.environ.__class__ = _Layered


def leave() -> None:
    """A backend closes: after the last, `os.environ` is as it was."""
    global _open_count  # noqa: PLW0603 - see enter
    with _lock:
        _open_count -= 1
        if not _open_count and type(os.environ) is _Layered:
            os.environ.__class__ = _PROCESS  # type: ignore[assignment] # the class that it had
