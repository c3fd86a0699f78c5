"""Files over HTTP: `POST /api/storage/upload`, `GET /api/storage/{name}`.

Owns:  what the two endpoints take and answer; ranges; which stored file may be looked at in a browser.
Must not know: where bytes lie, how addresses are made.
Invariants: a file is never in memory as a whole. What did not arrive whole is nowhere. No stored file can run as a
page: what a browser might run it is told to save, and whatever it shows anyway stands in a sandbox without scripts;
behind a hub the origin of our addresses is the notebook's.
Limits:  file_bytes, upload_time_s, upload_pause_s, uploads, file_threads.
Threads: the server's event loop; disks are waited for in the service's `file_workers`.
Source: wire-protocol 6; RFC 9110 13, 14; RFC 3230.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from starlette.responses import Response, StreamingResponse

from nbconvex.errors import FileRefusedError, OverloadedError, RequestRefusedError, ValueInvalidError
from nbconvex.server.answers import json_answer
from nbconvex.server.bodies import drop_rest
from nbconvex.server.caller import caller_of_header

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from nbconvex.server.service import Service
    from nbconvex.services.files.file_store import Incoming
    from nbconvex.services.files.stored_file import StoredFile

FILES: Final = "/api/storage/"
UPLOAD: Final = "/api/storage/upload"
#: What somebody is told who wrote an address himself.
BY_HAND: Final = (
    "There is nothing at /storage/: addresses of files are not put together by hand. A function gives them: "
    "ctx.storage.get_url(storage_id)."
)
#: How much of an upload is gathered before it is handed to a thread; a smaller file needs no open file meanwhile.
_PIECE_BYTES: Final = 256 * 1024
#: How much of a refused upload is read, so that its sender comes to reading the answer.
_DROPPED_BYTES: Final = 64 * 1024 * 1024
_STATUS: Final[Mapping[str, int]] = {
    "StorageTokenInvalid": 401, "StorageTokenExpired": 401, "StorageUrlNeedsUser": 401, "StorageUrlInvalid": 403,
    "StorageUrlExpired": 403, "FileNotFound": 404, "FileTooLarge": 413,
}  # fmt: skip
#: What a browser shows by itself, and cannot run.
_SHOWN: Final = re.compile(
    r"image/(?!svg)[\w.+-]+|audio/[\w.+-]+|video/[\w.+-]+|text/plain|text/csv|application/json", re.IGNORECASE
)
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_EXPOSED: Final = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, Digest, ETag"
_MONTH_S: Final = 2_592_000
_RANGE: Final = re.compile(r"bytes=\s*(\d{1,18})?-(\d{1,18})?\s*")


async def upload(service: Service, request: Request) -> Response:
    """`POST /api/storage/upload?token=...`, the file as the body."""
    try:
        incoming = _admitted(service, request)
    except RequestRefusedError:
        await drop_rest(request.stream(), _DROPPED_BYTES)
        raise
    service.uploads += 1
    try:
        await _received(service, request, incoming)
        storage_id = await service.file_workers.run(incoming.finish)
    except FileRefusedError as error:
        raise _refusal(error) from None
    finally:
        service.uploads -= 1
        # After `finish` it does nothing; whatever happened before, nothing stays.
        incoming.abort()
    return json_answer({"storageId": storage_id})


def _admitted(service: Service, request: Request) -> Incoming:
    """What an upload goes into, if it may come in.

    Raises:  RequestRefusedError; OverloadedError.
    """
    files = service.backend.files
    token = request.query_params.get("token")
    if token is None:
        raise RequestRefusedError(400, "BadQueryArgs", "The address has no token: ask generate_upload_url() for one.")
    if service.uploads >= service.limits.uploads:
        raise OverloadedError(f"{service.uploads:,} uploads are under way, which is the limit uploads")
    length = request.headers.get("content-length", "")
    try:
        files.require_upload(token)
        if length.isascii() and length.isdigit():
            files.require_size(int(length))
        return files.begin(request.headers.get("content-type") or None, _digest(request.headers.get("digest")))
    except FileRefusedError as error:
        raise _refusal(error) from None
    except ValueInvalidError as error:
        raise RequestRefusedError(400, "BadHeader", error.problem) from None


def _digest(header: str | None) -> bytes | None:
    """The hash that a `Digest` header promises.

    Raises:  RequestRefusedError.
    """
    if header is None:
        return None
    for each in header.split(","):
        name, _, value = each.strip().partition("=")
        if name.lower() == "sha-256":
            try:
                digest = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                break
            if len(digest) == 32:
                return digest
            break
    raise RequestRefusedError(400, "BadHeader", "The header Digest must be sha-256= and the hash as base64.")


async def _received(service: Service, request: Request, incoming: Incoming) -> None:
    """Write the body, piece by piece; no more of it is read than can be written.

    Raises:  RequestRefusedError if it is too slow; FileRefusedError; ClientDisconnect if it ends too early.
    """
    limits = service.limits
    until = time.monotonic() + limits.upload_time_s
    gathered = bytearray()
    stream = aiter(request.stream())
    while True:
        left = until - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(limits.upload_pause_s, left))):
                chunk = await anext(stream, None)
        except TimeoutError:
            name = "upload_time_s" if left <= limits.upload_pause_s else "upload_pause_s"
            raise RequestRefusedError(
                408, "RequestTimeout", f"The file did not arrive in time (limit {name}: {getattr(limits, name):g} s)."
            ) from None
        if chunk is None:
            break
        gathered += chunk
        if len(gathered) >= _PIECE_BYTES:
            await service.file_workers.run(partial(incoming.write, bytes(gathered)))
            gathered.clear()
    if gathered:
        await service.file_workers.run(partial(incoming.write, bytes(gathered)))


async def download(service: Service, request: Request, name: str) -> Response:
    """`GET` and `HEAD /api/storage/{name}`."""
    try:
        return await _found(service, request, name)
    except FileRefusedError as error:
        raise _refusal(error) from None


async def _found(service: Service, request: Request, name: str) -> Response:
    """The answer about a file.

    Raises:  FileRefusedError; UnauthenticatedError for a token that proves nothing.
    """
    asked = request.query_params
    is_for_user = "for" in asked
    file = service.backend.files.download(
        name, expires=asked.get("expires"), signature=asked.get("signature"), is_for_user=is_for_user,
        user=await _user(service, request) if is_for_user else None,
    )  # fmt: skip
    headers = _headers(file, service, asked.get("expires"), is_for_user=is_for_user)
    if _is_known(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    span = None
    if request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
        span = _span(request.headers.get("range"), file.size)
    if span is not None and not span:
        return Response(b"", 416, {**headers, "Content-Range": f"bytes */{file.size}"})
    headers |= _about_content(file)
    if span is None:
        headers["Digest"] = f"sha-256={file.sha256}"
        return await _answer(service, request, file, headers, range(file.size), 200)
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{file.size}"
    return await _answer(service, request, file, headers, span, 206)


async def _user(service: Service, request: Request) -> str | None:
    """Who sends a request, if they say."""
    caller = await caller_of_header(
        request.headers.get("authorization"), service.proofs, is_proxied="x-forwarded-prefix" in request.headers
    )
    return None if caller.identity is None else caller.identity.token_identifier


def _headers(file: StoredFile, service: Service, expires: str | None, *, is_for_user: bool) -> dict[str, str]:
    """What every answer about a file says."""
    age_s = _MONTH_S
    if expires is not None:
        age_s = min(age_s, max(0, int((int(expires) - service.backend.clock.now_ns() / 1e6) // 1000)))
    return {
        "Accept-Ranges": "bytes",
        "Access-Control-Expose-Headers": _EXPOSED,
        "Cache-Control": "private, no-store" if is_for_user else f"private, max-age={age_s}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": f'"{file.digest.hex()}"',
    }


def _about_content(file: StoredFile) -> dict[str, str]:
    """The content type as it was stored, and what keeps a browser from running it."""
    # Without a type browsers would guess one.
    content_type = file.content_type or "application/octet-stream"
    kind = content_type.partition(";")[0].strip()
    # Of several types in one header, browsers take the last.
    is_shown = _SHOWN.fullmatch(kind) and "," not in content_type
    return {
        "Content-Type": content_type,
        "Content-Disposition": "inline" if is_shown else "attachment",
        "Content-Security-Policy": _POLICY,
    }


def _is_known(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in {each.strip().removeprefix("W/") for each in header.split(",")}


def _span(header: str | None, size: int) -> range | None:
    """Which bytes a `Range` header asks for: None for all, an empty range where it asks for none that there are."""
    if header is None or not header.strip().lower().startswith("bytes"):
        return None
    found = _RANGE.fullmatch(header.strip().lower())
    if found is None or found[1] is found[2] is None:
        return range(0)
    if found[1] is None:
        return range(max(0, size - int(found[2])), size)
    stop = size if found[2] is None else min(size, int(found[2]) + 1)
    return range(int(found[1]), stop)


async def _answer(
    service: Service, request: Request, file: StoredFile, headers: dict[str, str], span: range, status: int
) -> Response:
    headers["Content-Length"] = str(len(span))
    if request.method == "HEAD" or not span:
        return Response(None, status, headers)
    return _FileResponse(service, await service.file_workers.run(file.open), span, status, headers)


class _FileResponse(StreamingResponse):
    """A part of a file, read as fast as it goes out. However that ends, the file is closed."""

    def __init__(self, service: Service, file: BinaryIO, span: range, status: int, headers: Mapping[str, str]) -> None:
        self._service = service
        self._file = file
        super().__init__(self._pieces(span), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._file:
            await super().__call__(scope, receive, send)

    async def _pieces(self, span: range) -> AsyncIterator[bytes]:
        self._file.seek(span.start)
        left = len(span)
        while left:
            piece = await self._service.file_workers.run(partial(self._file.read, min(left, _PIECE_BYTES)))
            if not piece:
                return
            left -= len(piece)
            yield piece


def _refusal(error: FileRefusedError) -> RequestRefusedError:
    return RequestRefusedError(_STATUS.get(error.reason, 400), error.reason, error.message)
