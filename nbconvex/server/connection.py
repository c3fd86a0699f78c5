"""One WebSocket of the sync protocol.

Owns:  `serve_socket`.
Must not know: HTTP.
Until the protocol is built, every socket is told to come again later.
Threads: the server's event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from nbconvex.server.service import Service


async def serve_socket(websocket: WebSocket, service: Service) -> None:
    """Serve one socket until it ends."""
    await websocket.accept()
    await websocket.close(1013, "SyncNotAvailable")
