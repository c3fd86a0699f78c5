"""What the development issuer publishes at the site address: discovery and its public key.

Owns:  the two paths below /.well-known, and their answers.
Must not know: how tokens are made.
Invariants: where the issuer does not count, or has made no token yet, the paths are as if they were not ours, and an
HTTP endpoint may have them. Anybody may read what is public.
Threads: the server's event loop.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from nbconvex.server.answers import JSON, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request

    from nbconvex.server.service import Service

DISCOVERY: Final = "/.well-known/openid-configuration"
KEY_SET: Final = "/.well-known/jwks.json"
_HEADERS: Final = {"access-control-allow-origin": "*", "cache-control": "no-store"}


async def well_known(service: Service, request: Request) -> Response | None:
    """The answer to a request for one of our paths at the site address; None where it is somebody else's."""
    path: str = request.scope["path"]
    if path not in {DISCOVERY, KEY_SET} or service.site_url not in service.backend.auth.development_addresses:
        return None
    # In a thread: the first look at the key reads the store and imports what reads keys.
    tree = await service.calls.offload(lambda: _published(service, path))
    if tree is None:
        return None
    if request.method not in {"GET", "HEAD"}:
        return refusal(405, "MethodNotAllowed", f"{path} takes GET, not {request.method}.")
    return Response(json.dumps(tree), media_type=JSON, headers=_HEADERS)


def _published(service: Service, path: str) -> Mapping[str, Any] | None:
    issuer = service.backend.auth.development
    document = issuer.discovery(service.site_url)
    return document if document is None or path == DISCOVERY else issuer.key_set()
