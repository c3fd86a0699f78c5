"""Which pages may call the API from a browser: all of them.

Owns:  the headers that say so.
Must not know: what is asked for.
Why all: whoever can open the address may call public functions anyway, and a page cannot send what it does not know, an
admin key or a token. Convex does the same, and apps count on it. Source: wire-protocol 1.6.
Threads: pure.
"""

from __future__ import annotations

from typing import Final

ORIGIN: Final = b"origin"
REQUESTED: Final = b"access-control-request-headers"
_METHODS: Final = b"GET,POST,OPTIONS,PATCH,DELETE,PUT"
_VARY: Final = (b"vary", b"Origin, Access-Control-Request-Headers, Access-Control-Request-Method")

Headers = list[tuple[bytes, bytes]]


def cors_headers(origin: bytes | None, requested: bytes | None = None, *, is_preflight: bool = False) -> Headers:
    """The headers of an answer to a page of `origin`; `requested` are the headers that a preflight asks for."""
    if origin is None:
        return [_VARY]
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        _VARY,
    ]
    if is_preflight:
        headers += [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", b"86400")]
        if requested is not None:
            headers.append((b"access-control-allow-headers", requested))
    return headers
