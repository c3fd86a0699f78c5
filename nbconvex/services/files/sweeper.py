"""Which bytes are still needed, and removing those that are not.

Owns:  `Sweeper`: pins on blobs whose documents are on their way, blobs whose documents are on their way out; holds,
       under which nothing is removed.
Must not know: addresses, how a blob is written.
Invariant: a blob is removed only while it has no pin and no document of the newest durable snapshot names it, which is
looked at under one lock with the pins. A document is committed only under a pin. So no document loses its bytes.
Mechanism: a deletion is a promise until its transaction is durable. What was promised is looked at again after each
publication, by a thread that lives as long as there is something to look at.
Threads: any; its own `nbconvex-sweep` removes.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nbconvex.errors import NbconvexError
from nbconvex.services.files import records

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.storage.blobs import Blobs

#: How long a deletion may take to become durable before it is taken for one that was rolled back.
_PATIENCE_S: Final = 60.0
#: Between two looks: many deletions one after the other are one.
_PAUSE_S: Final = 0.2


class Sweeper:
    """Looks after the blobs of one store."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._lock = threading.Lock()
        self._pins: Counter[bytes] = Counter()
        #: How many wait for everything to stay as it is.
        self._holds = 0
        #: Digest and time of the promise, by internal id.
        self._doomed: dict[bytes, tuple[bytes, float]] = {}
        # Not the other lock: that one may be held for as long as a look takes, and publishing waits for nobody.
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._forget = database.listen(self._published)

    @contextmanager
    def pinned(self, digest: bytes) -> Iterator[None]:
        """Keep a blob while its document is being committed."""
        with self._lock:
            self._pins[digest] += 1
        try:
            yield
        finally:
            with self._lock:
                self._pins[digest] -= 1
                if not self._pins[digest]:
                    del self._pins[digest]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every blob: those that a snapshot names, and those whose documents are yet to come."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1

    def drop(self, digests: Sequence[bytes]) -> None:
        """Remove those of these blobs that nobody needs."""
        with self._lock:
            if not self._holds:
                self._discard(set(digests), self._database.snapshot)

    def doom(self, internal: bytes, digest: bytes) -> None:
        """The document `internal` is about to be deleted: once it is, nobody may need its bytes."""
        with self._lock:
            self._doomed[internal] = digest, time.monotonic()

    def sweep(self) -> int:
        """Remove all blobs that nobody needs; how many there were. Not while files are being stored."""
        with self._lock:
            if self._holds:
                return 0
            needed = {each.digest for each in records.every(self._database.snapshot)} | set(self._pins)
            return self._blobs.sweep(lambda digest: digest in needed)

    def look(self) -> None:
        """Remove the blobs of deletions that are durable by now."""
        with self._lock:
            if self._holds:
                return
            snapshot = self._database.snapshot
            late = time.monotonic() - _PATIENCE_S
            gone = set()
            for internal, (digest, since) in list(self._doomed.items()):
                if records.at(snapshot, internal) is None:
                    gone.add(digest)
                elif since > late:
                    continue
                del self._doomed[internal]
            self._discard(gone, snapshot)

    def _discard(self, gone: set[bytes], snapshot: Snapshot) -> None:
        gone -= set(self._pins)
        if gone:
            gone -= {each.digest for each in records.every(snapshot)}
        for digest in gone:
            self._blobs.discard(digest)

    def close(self) -> None:
        """End the thread, and look once more."""
        self._forget()
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        self.look()

    def _published(self, _: Snapshot) -> None:
        if not self._doomed or self._closing.is_set():
            return
        with self._starting:
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(target=self._work, name="nbconvex-sweep", daemon=True)
        # In a context of its own: whoever publishes may be in the middle of a function, and functions start no threads.
        contextvars.Context().run(thread.start)

    def _work(self) -> None:
        while not self._closing.wait(_PAUSE_S):
            try:
                self.look()
            except NbconvexError:
                # The disk failed, or the store is closed: what is left is found at the next opening.
                self._doomed.clear()
            with self._starting:
                if not self._doomed:
                    self._thread = None
                    return
