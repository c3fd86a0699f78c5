"""What a handler of an endpoint is given and what it answers: `Request` and `Response`.

Owns:  both; turning whatever a handler returns into a response.
Must not know: sockets, ASGI, routes.
Invariants: the whole of a response can be sent as it is: its status, headers and body were looked at when it was made.
The body of a request may be asked for several times and in several forms.
Mechanism: one object serves both kinds of handlers. In a plain `def` handler the body is there, and `request.json()`
gives its value. In an `async def` handler the body may still be on its way, so `request.json()` gives something to
await; using it like its value is answered with the missing `await`, as with `ctx.run_query` there.
Threads: belongs to its handler.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol
from urllib.parse import parse_qsl

import msgspec

from nbconvex.errors import CallerError, LimitExceededError, NotAllowedError, RequestRefusedError
from nbconvex.functions import teaching
from nbconvex.functions.http_fields import Fields, Pairs, sendable_headers
from nbconvex.functions.http_form import read_form
from nbconvex.limits import Limits
from nbconvex.values.foreign import rows_of_frame
from nbconvex.values.scalars import Int64

Stream = Iterator[Any] | AsyncIterator[Any]

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"
#: Statuses whose answers have no body. Source: RFC 9110 15.3.5, 15.4.5.
_BODILESS: Final = frozenset({204, 205, 304})
_MEMBERS: Final = (
    "bytes", "form", "headers", "json", "method", "path", "query", "rest", "stream", "text", "url",
)  # fmt: skip
#: What other frameworks, and JavaScript, call what a request has.
_CALLED: Final[Mapping[str, str]] = {
    "args": "query", "array_buffer": "bytes()", "arrayBuffer": "bytes()", "blob": "bytes()", "body": "bytes()",
    "data": "bytes()", "formData": "form()", "form_data": "form()", "get_json": "json()", "params": "query",
    "query_params": "query", "searchParams": "query",
}  # fmt: skip


class Body(Protocol):
    """The body of a request, as it arrives."""

    async def chunk(self) -> bytes:
        """The next part; nothing at the end.

        Raises:  RequestRefusedError where it is too long or too slow.
        """


class Awaited:
    """What an `async def` handler awaits to have the body in some form."""

    __slots__ = ("_give", "text")

    def __init__(self, text: str, give: Callable[[], Any]) -> None:
        self.text = text
        self._give = give

    def __await__(self) -> Generator[Any, None, Any]:
        return self._give().__await__()  # type: ignore[no-any-return]

    def _refuse(self, *_: object) -> NoReturn:
        raise teaching.unawaited("the handler", self.text)

    __len__ = __getitem__ = __contains__ = __iter__ = __add__ = __lt__ = __gt__ = __bool__ = _refuse

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            self._refuse()


class Chunks:
    """The body in parts: for `for` in a plain handler, for `async for` in an `async def` one."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        if self._request._is_async:  # noqa: SLF001 - the two are one thing
            raise NotAllowedError(
                "the body may still be on its way, so its parts are waited for.",
                hint="async for chunk in request.stream():",
            )
        return iter([self._request._whole] if self._request._whole else [])  # noqa: SLF001

    def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._request._is_async:  # noqa: SLF001
            raise NotAllowedError(
                "in a plain def handler the body is already there.", hint="for chunk in request.stream():"
            )
        return self._request._parts()  # noqa: SLF001


class Request:
    """A request to an endpoint.

    `path` is the path that was asked for, `rest` what of it stands behind the prefix of a prefix route, `query` what
    stands behind `?`, `headers` are found by any spelling of their names.
    """

    __slots__ = (
        "_body", "_head", "_headers", "_is_async", "_limits", "_query", "_whole", "method", "path", "rest", "url",
    )  # fmt: skip

    def __init__(
        self, method: str, url: str, path: str, headers: Iterable[tuple[Any, Any]], *, rest: str = "",
        body: Any = b"", is_async: bool = False, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self.method = method
        self.url = url
        self.path = path
        self.rest = rest
        # Read when they are asked for, which most handlers never do.
        self._head = headers
        self._headers: Fields | None = None
        self._query: Fields | None = None
        self._is_async = is_async
        self._whole: bytes | None = body if isinstance(body, bytes) else None
        self._body = None if isinstance(body, bytes) else body
        self._limits = limits or Limits()

    @property
    def headers(self) -> Fields:
        """The headers, by any spelling of their names."""
        if self._headers is None:
            pairs = ((_said(name), _said(text)) for name, text in self._head)
            self._headers = Fields(pairs, is_folded=True, joins=True)
        return self._headers

    @property
    def query(self) -> Fields:
        """What stands behind `?`, by name."""
        if self._query is None:
            text = self.url.partition("#")[0].partition("?")[2]
            self._query = Fields(parse_qsl(text, keep_blank_values=True, errors="replace"))
        return self._query

    def json(self) -> Any:
        """The body as JSON. To be awaited in an `async def` handler, like everything about the body.

        Raises:  RequestRefusedError, which is answered with 400 if nobody catches it.
        """
        return self._given("json", _json)

    def text(self) -> Any:
        """The body as text, exactly as it was sent: what signatures are made over."""
        return self._given("text", _text)

    def bytes(self) -> Any:
        """The body."""
        return self._given("bytes", lambda body: body)

    def form(self) -> Any:
        """The body as a form: texts and files by name.

        Raises:  RequestRefusedError, which is answered with 400 if nobody catches it.
        """
        return self._given(
            "form", lambda body: read_form(body, self.headers.get("content-type"), parts_max=self._limits.form_parts)
        )

    def stream(self) -> Chunks:
        """The body in parts, as they arrive: `async for`, or in a plain handler `for`."""
        return Chunks(self)

    def _given(self, name: str, read: Callable[[Any], Any]) -> Any:
        if not self._is_async:
            return read(self._whole)

        async def give() -> Any:
            return read(await self._all())

        return Awaited(f"request.{name}()", give)

    async def _all(self) -> Any:
        if self._whole is None:
            self._whole = b"".join([chunk async for chunk in self._arriving()])
        return self._whole

    async def _parts(self) -> AsyncIterator[Any]:
        if self._whole is not None:
            if self._whole:
                yield self._whole
            return
        async for chunk in self._arriving():
            yield chunk

    async def _arriving(self) -> AsyncIterator[Any]:
        body, self._body = self._body, None
        if body is None:
            raise NotAllowedError(
                "the body was read as a stream, so it is gone: only small bodies are kept.",
                hint="body = await request.bytes()",
            )
        while chunk := await body.chunk():
            yield chunk

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in _CALLED:
                raise teaching.called_otherwise("request", name, _CALLED[name])
            raise teaching.unknown_name("request", name, _MEMBERS)

    def __repr__(self) -> str:
        return f"<request {self.method} {self.url}>"


def _said(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


def _json(body: bytes) -> Any:
    if not body.strip():
        raise RequestRefusedError(400, "BadJsonBody", "The body must be JSON, and it is empty.")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RequestRefusedError(400, "BadJsonBody", f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise RequestRefusedError(400, "BadJsonBody", "The body is nested too deep.") from None


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


class Response:
    """An answer of an endpoint: `Response({"ok": True})`, `Response("made", status=201, headers={"X-Answer": "42"})`.

    `body` may be None, a text, bytes, a dict or list (which become JSON), or an iterator or async iterator of texts
    and bytes, which is sent part by part. `headers` are a dict, or pairs where one name comes several times.
    Raises:  CallerError for what cannot be sent.
    """

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self, body: Any = None, status: Any = 200, headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise CallerError(f"a status is a number from 200 to 599, not {status!r:.40}.", hint="status=201")
        self.status = int(status)
        self.headers: Pairs = sendable_headers(headers)
        self.stream: Stream | None = None
        self.body, media_type = self._encoded(body)
        if self.status in _BODILESS and (self.body or self.stream is not None):
            raise CallerError(f"an answer with the status {status} has no body.", hint=f"Response(status={status})")
        if media_type and not any(name.lower() == "content-type" for name, _ in self.headers):
            self.headers = (("Content-Type", media_type), *self.headers)

    def _encoded(self, body: Any) -> tuple[bytes, str]:
        """The body as it is sent, and what it is; a stream is kept as one."""
        if body is None:
            return b"", ""
        if isinstance(body, str):
            return body.encode("utf-8", "replace"), TEXT
        if isinstance(body, (bytes, bytearray, memoryview)):
            return bytes(body), _BYTES
        if isinstance(body, Iterator | AsyncIterator):
            self.stream = body
            return b"", _BYTES
        if isinstance(body, AsyncIterable):
            self.stream = aiter(body)
            return b"", _BYTES
        return json_bytes(body), JSON

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """An answer that sends the client to another URL."""
        if status not in {301, 302, 303, 307, 308}:
            raise CallerError(f"a redirect has the status 301, 302, 303, 307 or 308, not {status!r:.40}.")
        return cls(None, status, {"Location": url})

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("response", name, ("body", "headers", "status", "stream"))

    def __repr__(self) -> str:
        body = "a stream" if self.stream is not None else f"{len(self.body):,} bytes"
        return f"<response {self.status}, {body}>"


def json_bytes(tree: Any) -> bytes:
    """A tree as JSON text: what endpoints answer, with ids as texts, 64-bit integers as texts, bytes as base64.

    Raises:  CallerError for what has no form in JSON.
    """
    if not isinstance(tree, (dict, list, tuple, Mapping)) and not hasattr(tree, "__dataclass_fields__"):
        rows = rows_of_frame(tree)
        raise CallerError(
            f"an answer is a Response, a dict or list, a text, bytes or None, got {type(tree).__name__}.",
            hint=f"return {rows}" if rows else 'return {"value": value}',
        )
    try:
        return msgspec.json.encode(tree, enc_hook=_plain)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise CallerError(f"this cannot be told in JSON: {error}.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Int64):
        return str(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (memoryview, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no value")


def response_of(result: Any, where: str) -> Response:
    """The response that the result of a handler stands for.

    Raises:  CallerError that says what a handler may answer.
    """
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(None, 204)
    waited = getattr(result, "text", "") if isinstance(result, Awaited) else ""
    if waited or hasattr(result, "__await__"):
        if hasattr(result, "close"):
            result.close()
        raise teaching.unawaited(where, waited or getattr(result, "text", None) or type(result).__name__)
    if type(result).__name__ == "Query":
        raise teaching.unconsumed_query(where)
    if isinstance(result, tuple):
        raise CallerError(
            f"{where} answers a tuple; status and headers belong into a Response.",
            hint='return Response({"error": "..."}, status=400)',
        )
    if isinstance(result, Iterator | AsyncIterator):
        raise CallerError(f"{where} answers an iterator; to send it part by part, say so.", hint="Response(parts())")
    try:
        return Response(result)
    except CallerError as error:
        raise CallerError(f"{where}: {error.message}", hint=error.hint) from None


def require_size(size: int, limits: Limits, where: str) -> None:
    """Let a body pass that is not too long to be sent.

    Raises:  LimitExceededError.
    """
    if size > limits.http_response_bytes:
        raise LimitExceededError(
            "http_response_bytes", f"the answer of {where} has {size:,} bytes", maximum=limits.http_response_bytes,
            actual=size, cure="Send less at once, a page at a time; what is large is a file.",
        )  # fmt: skip
