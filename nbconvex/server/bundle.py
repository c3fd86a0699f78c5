"""The official JavaScript client as one file, for pages that load it with a `<script>`.

Owns:  where that file lies, and the answer that hands it out.
Must not know: what is in it; the pages that use it.
Invariants: nbconvex neither contains the file nor fetches it: npm, or whoever sets the variable, has put it there. No
answer names a folder of this machine. Both places are looked at anew for each request, so that what was installed a
moment ago is found.
Threads: the server's event loop; the file is read in a thread.
Source: wire-protocol 8.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

#: The path that it is served at, below the API address.
PATH: Final = "/_nbconvex/convex.js"
#: The environment's word for the file. Set and wrong is a mistake that is told, never a reason to look elsewhere.
VARIABLE: Final = "NBCONVEX_CONVEX_JS"
#: Where npm puts it, below the folder that it was run in.
INSTALLED: Final = Path("node_modules/convex/dist/browser.bundle.js")

_MISSING: Final = f"""\
The Convex client for browsers is not installed beside this notebook. In a terminal, in the notebook's folder or one \
above it, run

    npm install convex

and load the page again (in a notebook: run its cell again). Nothing has to be restarted. Or set the environment \
variable {VARIABLE} to the path of the package's file dist/browser.bundle.js.
"""
_MISNAMED: Final = f"The environment variable {VARIABLE} is set, but there is no such file."


def find_bundle(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The file that the variable names, or else the one that npm has put into `folder` or a folder above it."""
    named = environment.get(VARIABLE)
    candidates = [Path(named)] if named else [above / INSTALLED for above in (folder, *folder.parents)]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


async def bundle_answer(_service: object, request: Request) -> Response:
    """The file, or a 404 that says what to run."""
    found = await asyncio.to_thread(_read)
    if isinstance(found, str):
        return Response(found, 404, media_type="text/plain")
    content, tag = found
    # Asked for again each time, because npm may have put a newer one there.
    headers = {"cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="text/javascript")


def _read() -> tuple[bytes, str] | str:
    """The content with its tag, or why there is none."""
    path = find_bundle(os.environ, Path.cwd())
    if path is None:
        return _MISNAMED if os.environ.get(VARIABLE) else _MISSING
    state = path.stat()
    return path.read_bytes(), f'"{state.st_size:x}-{state.st_mtime_ns:x}"'
