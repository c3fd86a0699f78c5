"""What is written to a client in one turn of the loop, sent in one call into the system.

Owns:  `JoinedWrites`.
Must not know: what is written.
Why: an answer is a head and a body, which uvicorn writes one after the other. Each write is a call into the system, and
while it lasts another thread may take the interpreter, for which the loop then waits.
Invariants: bytes keep their order; more than a few are not held back, so that whoever writes hears of a slow client.
Threads: the server's event loop.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

#: What is held at most.
_HELD_BYTES_MAX: Final = 16 * 1024


class JoinedWrites:
    """A transport in front of another one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self.send)
        self._held.append(data)
        self._size += len(data)
        if self._size > _HELD_BYTES_MAX:
            self.send()

    def send(self) -> None:
        """Send what is held."""
        held, self._held, self._size = self._held, [], 0
        if held and not self.transport.is_closing():
            self.transport.write(b"".join(held))

    def close(self) -> None:
        """Send what is held and hang up."""
        self.send()
        self.transport.close()

    def abort(self) -> None:
        """Hang up."""
        self._held, self._size = [], 0
        self.transport.abort()
