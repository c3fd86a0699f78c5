"""The site address: requests for endpoints.

Owns:  `Site`: from a request to the route it is for, who calls, running the handler, the answer with its CORS headers.
Must not know: how a handler is run; threads and ports.
Invariants: every answer has the CORS headers that its route, or else the backend, wants: errors, refusals and 404s
too. What a client sends decides nothing about how our answer is framed. A client that goes ends no handler.
Limits:  http_request_bytes, http_response_bytes, request_time_s.
Threads: the server's event loop.
Source: semantics 9; wire-protocol 1.7.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import Response

from nbconvex.errors import CallerError, RequestRefusedError, TransientError
from nbconvex.functions.http_call import EndpointCall
from nbconvex.functions.http_cors import Cors
from nbconvex.functions.http_fields import Pairs
from nbconvex.functions.http_message import Request as Asked
from nbconvex.functions.http_message import Response as Answer
from nbconvex.functions.identity import Identity, UnknownIdentity
from nbconvex.server.answers import refusal_of
from nbconvex.server.bodies import read_body, too_long
from nbconvex.server.caller import endpoint_caller
from nbconvex.server.site_answers import error_answer, lost, no_preflight, origin_refused, unauthenticated, wrong_method
from nbconvex.server.site_cors import ALLOW_ORIGIN, is_foreign, is_refused, preflight_headers, raw_answer_headers
from nbconvex.server.site_stream import ArrivingBody, Parts, PartsResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from nbconvex.functions.definition import Handler
    from nbconvex.functions.http_routes import Route
    from nbconvex.functions.outcome import Outcome
    from nbconvex.server.service import Service

#: Bodies up to this length are read before an `async def` handler begins: waiting part by part would cost more.
_WHOLE_BYTES: Final = 64 * 1024
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DOTS: Final = frozenset({".", ".."})
#: Methods whose requests bring no body to the handler. Source: semantics 9.
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT: Final = Cors()


async def _caller(service: Service, request: Request) -> Identity | None:
    """Who calls an endpoint. A header that proves nothing does not keep the handler from running."""
    is_proxied = "x-forwarded-prefix" in request.headers
    caller = await endpoint_caller(request.headers.get("authorization"), service.proofs, is_proxied=is_proxied)
    return caller.identity


class Site:
    """What answers at the site address of one server."""

    def __init__(
        self, service: Service, *, api_url: Callable[[Request], str], is_of_api: Callable[[str], bool]
    ) -> None:
        self._service = service
        self._api_url = api_url
        self._is_of_api = is_of_api
        #: The handlers whose authors were told, by the name of the route.
        self._hinted: dict[str, Handler] = {}

    @property
    def _origins(self) -> tuple[str, ...]:
        return self._service.backend.http.origins

    async def answer(self, request: Request) -> Response:
        """The answer to a request.

        Raises:  ClientDisconnect; whatever nobody foresaw.
        """
        try:
            path = path_of(request)
        except RequestRefusedError as error:
            return self._with_cors(refusal_of(error), request, _DEFAULT)
        table = self._service.backend.http.routes.table
        route = table.find(request.method, path)
        is_preflight = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        if is_preflight and route is None:
            return self._preflight(request, path)
        if route is None:
            return self._with_cors(self._lost(request, path), request, _DEFAULT)
        if is_refused(route.cors, request.headers.get("origin"), self._origins):
            return self._with_cors(origin_refused(request.headers["origin"]), request, route.cors)
        try:
            response, own = await self._run(request, route, path)
        except (CallerError, TransientError) as error:
            response, own = refusal_of(error), ()
        return self._with_cors(response, request, route.cors, own, route)

    def unforeseen(self, response: Response, request: Request) -> Response:
        """The same answer, to a request that ended with an error nobody foresaw, with CORS headers."""
        return self._with_cors(response, request, _DEFAULT)

    # -- requests without a handler ----------------------------------------------------------------------------------

    def _preflight(self, request: Request, path: str) -> Response:
        """The answer to a browser that asks what it may send."""
        routes = self._service.backend.http.routes.table.at(path)
        headers = preflight_headers(
            routes, request.headers.get("origin"), request.headers["access-control-request-method"].upper()[:20],
            request.headers.get("access-control-request-headers"), self._origins,
        )  # fmt: skip
        if headers is None:
            method = request.headers["access-control-request-method"].upper()
            refused = routes["GET" if method == "HEAD" else method]
            self._hint(refused)
            return no_preflight(refused.name, production=self._service.backend.production)
        response = Response(None, 204)
        _add(response, headers)
        return response

    def _lost(self, request: Request, path: str) -> Response:
        """What is said where no route is for the request."""
        backend = self._service.backend
        table = backend.http.routes.table
        methods = list(table.at(path))
        if methods and request.method == "OPTIONS" and "access-control-request-method" not in request.headers:
            response = Response(None, 204)
            response.headers["allow"] = ", ".join([*methods, "OPTIONS"])
            return response
        if methods and request.method not in methods:
            return wrong_method(path, request.method, methods, production=backend.production)
        return lost(
            path, request.method, table, api_url=self._api_url(request), is_of_api=self._is_of_api(path),
            production=backend.production,
        )  # fmt: skip

    # -- requests with a handler -------------------------------------------------------------------------------------

    async def _run(self, request: Request, route: Route, path: str) -> tuple[Response, Pairs]:
        """The handler's answer, or what is said of its failure; and the headers that it gave the answer itself."""
        service = self._service
        identity = await _caller(service, request)
        if route.needs_identity and (identity is None or isinstance(identity, UnknownIdentity)):
            error = identity.error if isinstance(identity, UnknownIdentity) else None
            return unauthenticated(request.headers.get("authorization"), error), ()
        body = await self._body(request, route)
        asked = self._asked(request, route, path, body)
        parts = Parts(service.limits.request_time_s)
        call = EndpointCall(route, asked, parts, service.limits)
        running = service.calls.begin_endpoint(call, identity)
        running.add_done_callback(parts.settle)
        await parts.settled
        if parts.answer is not None:
            running.add_done_callback(partial(_end, parts))
            response = PartsResponse(parts, parts.answer.status, body if isinstance(body, ArrivingBody) else None)
            return _headed(response, parts.answer), parts.answer.headers
        outcome = running.result()
        if outcome.error is not None:
            return error_answer(outcome, production=service.backend.production), ()
        assert call.response is not None, route.name
        return _headed(Response(call.response.body, call.response.status), call.response), call.response.headers

    async def _body(self, request: Request, route: Route) -> bytes | ArrivingBody:
        """The body as the handler gets it: all of it, unless the handler can wait for it without holding a thread."""
        if request.method in _BODILESS or not _has_body(request.headers):
            return b""
        limits = self._service.limits
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > limits.http_request_bytes * 4:
            # More than would be read and dropped in any case.
            raise too_long(limits.http_request_bytes, "http_request_bytes")
        if not route.definition.is_async or (length.isdigit() and int(length) <= _WHOLE_BYTES):
            return await read_body(request, limits, bytes_max=limits.http_request_bytes, limit="http_request_bytes")
        return ArrivingBody(request, limits)

    def _asked(self, request: Request, route: Route, path: str, body: bytes | ArrivingBody) -> Asked:
        scope = request.scope
        scheme = request.headers.get("x-forwarded-proto", "http")
        query = scope["query_string"].decode("latin-1")
        raw = scope.get("raw_path") or scope["path"].encode()
        url = (
            f"{scheme if scheme in {'http', 'https'} else 'http'}://{request.headers.get('host', '')}"
            f"{scope['root_path']}{raw.decode('latin-1')}{'?' if query else ''}{query}"
        )
        return Asked(
            request.method, url, path, scope["headers"],
            rest=path.removeprefix(route.path) if route.is_prefix else "", body=body,
            is_async=route.definition.is_async, limits=self._service.limits,
        )  # fmt: skip

    # -- CORS --------------------------------------------------------------------------------------------------------

    def _with_cors(
        self, response: Response, request: Request, cors: Cors | None, own: Pairs = (), route: Route | None = None
    ) -> Response:
        origin = request.headers.get("origin")
        if cors is not None:
            response.raw_headers += raw_answer_headers(cors, origin, self._origins, own)
        elif (
            route is not None
            and is_foreign(origin, request.headers.get("host"))
            and not any(name.lower() == ALLOW_ORIGIN.lower() for name, _ in own)
        ):
            self._hint(route)
        return response

    def _hint(self, route: Route) -> None:
        """Tell the author why a browser gets nothing from a route that works everywhere else: once, and again only
        when the cell has been run again.
        """
        if self._hinted.get(route.name) is route.handler:
            return
        self._hinted[route.name] = route.handler
        self._service.backend.runner.log_hint(
            route.name,
            f"[WARN] a page of another origin asked for {route.name}, which has --no-cors: the browser keeps the "
            "answer from it, although curl gets one. Leave --no-cors out (@http.route: no_cors), or send CORS headers "
            "and define an OPTIONS route of your own.",
        )


def path_of(request: Request) -> str:
    """The path that a request asks for, decoded; a slash that was encoded stays so, for it separates nothing.

    Raises:  RequestRefusedError for what is no path, or means another one than it says.
    """
    scope = request.scope
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if not raw.startswith("/"):
        raise RequestRefusedError(
            400, "BadTarget", "The target of a request must be a path that begins with /: this server is no proxy."
        )
    path = unquote(_ENCODED_SLASH.sub("%252F", raw))
    if _CONTROL.search(path) or not _DOTS.isdisjoint(path.replace("\\", "/").split("/")):
        raise RequestRefusedError(400, "BadPath", "The path has . or .. as a part, or a control character in it.")
    return path


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _headed(response: Response, answer: Answer) -> Response:
    response.raw_headers += [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in answer.headers]
    return response


def _add(response: Response, headers: Pairs) -> None:
    response.raw_headers += [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]


def _end(parts: Parts, done: asyncio.Future[Outcome]) -> None:
    is_broken = done.cancelled() or done.exception() is not None or done.result().error is not None
    ending = asyncio.ensure_future(parts.end(is_broken=is_broken))
    # Held by what it belongs to, or the loop might forget it.
    parts.ending = ending
