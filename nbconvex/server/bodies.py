"""Bodies of requests: read within limits, and understood or refused.

Owns:  `read_body`, `json_of`, `json_object`, `no_collection`.
Must not know: what a body is for.
Invariant: whatever a client sends, the answer is a `RequestRefusedError` with a code, never another error.
Limits:  request_bytes, http_request_bytes, request_time_s.
Threads: reading on the server's event loop; the rest is pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nbconvex.errors import RequestRefusedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from nbconvex.limits import Limits

#: How much of a body that is too long is read and dropped, so that its sender comes to reading the answer.
_DROPPED_MAX = 4
_DROPPING_S = 2.0
_read = msgspec.json.Decoder().decode


async def read_body(
    request: Request, limits: Limits, *, bytes_max: int | None = None, limit: str = "request_bytes"
) -> bytes:
    """The body of a request; `limit` is the name of the limit that `bytes_max` is.

    Raises:  RequestRefusedError if it is too long (413) or too slow (408); ClientDisconnect.
    """
    bytes_max = limits.request_bytes if bytes_max is None else bytes_max
    chunks: list[bytes] = []
    size = 0
    stream = request.stream()
    try:
        async with asyncio.timeout(limits.request_time_s):
            async for chunk in stream:
                size += len(chunk)
                if size > bytes_max:
                    break
                chunks.append(chunk)
    except TimeoutError:
        raise too_slow(limits.request_time_s) from None
    if size > bytes_max:
        chunks.clear()
        await _drop(stream, bytes_max * _DROPPED_MAX)
        raise too_long(bytes_max, limit)
    return b"".join(chunks)


def too_slow(time_s: float) -> RequestRefusedError:
    """The refusal of a body that does not come."""
    return RequestRefusedError(
        408, "RequestTimeout", f"The body did not arrive within {time_s:g} s (limit request_time_s)."
    )


def too_long(bytes_max: int, limit: str) -> RequestRefusedError:
    """The refusal of a body that does not end."""
    return RequestRefusedError(
        413, "BodyTooLarge",
        f"The body is longer than {bytes_max:,} bytes (limit {limit}). Send less at once; what is large is a file.",
    )  # fmt: skip


async def _drop(stream: AsyncIterator[bytes], bytes_max: int) -> None:
    size = 0
    try:
        async with asyncio.timeout(_DROPPING_S):
            async for chunk in stream:
                size += len(chunk)
                if size > bytes_max:
                    return
    except TimeoutError:
        return


def require_one_length(headers: Mapping[str, str]) -> None:
    """Refuse a request that says twice how long its body is: a proxy may have believed the other one.

    Raises:  RequestRefusedError.
    """
    if "transfer-encoding" in headers and "content-length" in headers:
        raise RequestRefusedError(
            400, "BadRequest", "A request has Content-Length or Transfer-Encoding, not both: its end would be in doubt."
        )


def require_json(content_type: str | None) -> None:
    """Refuse a body that does not call itself JSON. A foreign page may send any other without asking first.

    Raises:  RequestRefusedError.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestRefusedError(
            400, "BadJsonBody",
            f"The body must be JSON and say so with the header Content-Type: application/json, not {media_type!r}.",
        )  # fmt: skip


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without the garbage collector, while a text is read that may hold millions of lists.

    Reading keeps all other threads waiting, and makes no garbage: looking for some takes four fifths of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def json_of(text: bytes | str, *, reason: str = "BadJsonBody", what: str = "The body") -> Any:
    """What a JSON text says. Of a key that occurs twice the last one counts, as in JavaScript.

    Raises:  RequestRefusedError.
    """
    try:
        with no_collection():
            return _read(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RequestRefusedError(400, reason, f"{what} is not JSON: {error}.") from None
    except RecursionError:
        raise RequestRefusedError(400, reason, f"{what} is nested too deep.") from None


def json_object(text: bytes) -> dict[str, Any]:
    """The object that a JSON text says.

    Raises:  RequestRefusedError.
    """
    tree = json_of(text)
    if not isinstance(tree, dict):
        raise RequestRefusedError(400, "BadJsonBody", f"The body must be a JSON object, not {json_kind(tree)}.")
    return tree


def json_kind(tree: Any) -> str:
    """What a part of a JSON text is, in JSON's words."""
    if tree is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(tree), "an object")
