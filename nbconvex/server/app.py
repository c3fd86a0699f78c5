"""The ASGI application: which request goes where.

Owns:  `App`: paths, methods, the texts for those who are lost, what every answer has.
Must not know: how an endpoint works; threads and ports.
Invariants: the socket that a request came in on decides, not its path: what is served at the API address is not there
at the site address, and the other way round. Every answer of the API has CORS headers, refusals and errors too. No
request, whatever it is, ends without an answer or shows a traceback.
Threads: the server's event loop.
Source: wire-protocol 1.1, 1.5, 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

import nbconvex
from nbconvex.errors import NbconvexError, OverloadedError, RequestRefusedError, StorageError
from nbconvex.server import file_api, function_api
from nbconvex.server.addresses import forwarded_prefix, other_port_url
from nbconvex.server.answers import refusal, refusal_of, text_answer
from nbconvex.server.bodies import read_body, require_one_length
from nbconvex.server.bundle import PATH as BUNDLE
from nbconvex.server.bundle import bundle_answer
from nbconvex.server.connection import serve_socket
from nbconvex.server.cors import ORIGIN, REQUESTED, cors_headers
from nbconvex.server.hosts import require_allowed_host
from nbconvex.server.site import Site
from nbconvex.server.well_known import well_known

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from nbconvex.server.service import Service

Endpoint = Callable[["Service", Request], Awaitable[Response]]

_SYNC: Final = re.compile(r"/api/(?:[^/]+/)?sync")
_RUN: Final = "/api/run/"
_SLASHES: Final = re.compile(r"/{2,}")
_THERE_IS: Final = (
    "POST /api/query, /api/mutation, /api/action, /api/function, /api/run/{module}/{function}, /api/query_ts, "
    f"/api/query_at_ts, /api/query_batch, {file_api.UPLOAD}; GET /api/query, {file_api.FILES}{{name}}, /version, "
    f"/healthz, /instance_name, /instance_version, {BUNDLE}; WebSocket /api/sync"
)


async def _home(service: Service, request: Request) -> Response:
    return text_answer(
        "This Convex deployment is running. It is an nbconvex backend, and this is its API address: "
        "clients are given this URL.\n"
        f"HTTP endpoints are at the site address: {_other_address(service, request.scope)}\n"
    )


async def _version(_service: Service, _request: Request) -> Response:
    return text_answer(nbconvex.__version__)


async def _health(service: Service, _request: Request) -> Response:
    """For whoever watches over the process: whether calls would be answered."""
    backend = service.backend
    if backend.is_closed or service.is_stopping or backend.database.has_failed:
        return text_answer("not well\n", 503)
    return text_answer("ok\n")


async def _instance_name(service: Service, _request: Request) -> Response:
    return text_answer(service.instance_name)


async def _echo(service: Service, request: Request) -> Response:
    body = await read_body(request, service.limits)
    return Response(body, media_type="application/octet-stream")


_ENDPOINTS: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "/": {"GET": _home},
    "/version": {"GET": _version},
    "/healthz": {"GET": _health},
    "/instance_name": {"GET": _instance_name},
    "/instance_version": {"GET": _version},
    "/echo": {"POST": _echo},
    BUNDLE: {"GET": bundle_answer},
    file_api.UPLOAD: {"POST": file_api.upload},
    "/api/query": {"POST": partial(function_api.run_function, kind="query"), "GET": function_api.get_query},
    "/api/mutation": {"POST": partial(function_api.run_function, kind="mutation")},
    "/api/action": {"POST": partial(function_api.run_function, kind="action")},
    "/api/function": {"POST": partial(function_api.run_function, kind=None)},
    "/api/query_ts": {"POST": function_api.query_ts},
    "/api/query_at_ts": {"POST": function_api.query_at_ts},
    "/api/query_batch": {"POST": function_api.query_batch},
}


class App:
    """What uvicorn calls for every request."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._site = Site(service, api_url=lambda request: _other_address(service, request.scope), is_of_api=_is_of_api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_site(scope):
            # The site address takes paths as they are: an endpoint may mean its slashes.
            scope["path"] = _SLASHES.sub("/", scope["path"])
        # For links only: our own paths are what they are, whatever stands before them.
        scope["root_path"] = forwarded_prefix(Headers(scope=scope).get("x-forwarded-prefix"))
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send), receive)
            return
        try:
            response = await self._response(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _response(self, request: Request) -> Response:
        """The answer to a request, whatever happens."""
        is_site = self._is_site(request.scope)
        try:
            require_allowed_host(request.headers.get("host"), self._service.allowed_hosts)
            require_one_length(request.headers)
            response = await (self._of_site(request) if is_site else self._api(request))
        except ClientDisconnect:
            raise
        except Exception as error:
            response = self._response_to(error, request.scope["path"])
            if is_site and not isinstance(error, RequestRefusedError):
                response = self._site.unforeseen(response, request)
        if "transfer-encoding" in request.headers and "content-length" in request.headers:
            # Whatever was said: where the next request begins is in doubt. Source: RFC 9112 6.1.
            response.headers["connection"] = "close"
        response.raw_headers.append((b"x-content-type-options", b"nosniff"))
        if not is_site:
            headers = dict(request.scope["headers"])
            response.raw_headers += cors_headers(
                headers.get(ORIGIN), headers.get(REQUESTED), is_preflight=request.method == "OPTIONS"
            )
        return response

    def _response_to(self, error: Exception, path: str) -> Response:
        if not isinstance(error, NbconvexError) or isinstance(error, StorageError):
            self._service.backend.runner.log_problem(f"request {path}", error)
        return refusal_of(error)

    async def _of_site(self, request: Request) -> Response:
        published = await well_known(self._service, request)
        return await self._site.answer(request) if published is None else published

    async def _api(self, request: Request) -> Response:
        path: str = request.scope["path"]
        if request.method == "OPTIONS":
            return Response(b"", 200)
        methods = _ENDPOINTS.get(path) or _ENDPOINTS.get(path.rstrip("/"))
        if methods is None and path.startswith(_RUN):
            methods = {"POST": partial(function_api.run_path, path=path.removeprefix(_RUN))}
        if methods is None and path.startswith(file_api.FILES):
            methods = {"GET": partial(file_api.download, name=path.removeprefix(file_api.FILES))}
        if methods is None:
            return self._lost(request)
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            allowed = ", ".join(methods)
            response = refusal(405, "MethodNotAllowed", f"{path} takes {allowed}, not {request.method}.")
            response.headers["allow"] = allowed
            return response
        return await endpoint(self._service, request)

    def _lost(self, request: Request) -> Response:
        path: str = request.scope["path"]
        if _SYNC.fullmatch(path):
            return refusal(426, "UpgradeRequired", f"{path} is a WebSocket: clients open it themselves.")
        if path.startswith("/storage/"):
            return refusal(404, "NotFound", file_api.BY_HAND)
        if path.startswith("/api/"):
            return refusal(404, "NotFound", f"There is no {path} at the API address. There is: {_THERE_IS}.")
        site = _other_address(self._service, request.scope)
        if self._service.backend.http.routes.table.at(path):
            return refusal(
                404, "NotFound", f"{path} is an HTTP endpoint, so it is at the site address: {site}{path}. "
                "This is the API address, of functions and clients.",
            )  # fmt: skip
        return refusal(
            404, "NotFound",
            f"There is no {path} at the API address. If it is an HTTP endpoint, it is at the site address: "
            f"{site}{path}. Here there is: {_THERE_IS}.",
        )  # fmt: skip

    # -- sockets -----------------------------------------------------------------------------------------------------

    async def _socket(self, websocket: WebSocket, receive: Receive) -> None:
        service = self._service
        refused = self._refused_socket(websocket)
        if refused is not None:
            await websocket.send_denial_response(refused)
            return
        if service.sockets >= service.limits.sockets or service.is_stopping:
            await websocket.accept()
            # The reason that has clients wait longest before they try again. Source: wire-protocol 3.11.
            await websocket.close(1013, "TooManyConcurrentRequests")
            return
        service.sockets += 1
        try:
            await serve_socket(websocket, receive, service)
        except OverloadedError:
            await _close(websocket, 1013, "TooManyConcurrentRequests")
        except Exception as error:
            service.backend.runner.log_problem(f"socket {websocket.scope['path']}", error)
            await _close(websocket, 1011, "InternalServerError")
        finally:
            service.sockets -= 1

    def _refused_socket(self, websocket: WebSocket) -> Response | None:
        path: str = websocket.scope["path"]
        try:
            require_allowed_host(websocket.headers.get("host"), self._service.allowed_hosts)
        except RequestRefusedError as error:
            return refusal_of(error)
        if self._is_site(websocket.scope) or not _SYNC.fullmatch(path):
            return refusal(
                404, "NotFound", f"There is no WebSocket {path} here. There is /api/sync at the API address."
            )
        return None

    def _is_site(self, scope: Mapping[str, Any]) -> bool:
        return bool(scope["server"][1] == self._service.site_port)


def _is_of_api(path: str) -> bool:
    """Whether a path belongs to the API address."""
    path = _SLASHES.sub("/", path)
    return path.startswith("/api/") or (path != "/" and path in _ENDPOINTS)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        await websocket.close(code, reason)
    except Exception:
        # It has been closed, or its client has gone: there is nobody to tell.
        return


def _other_address(service: Service, scope: Mapping[str, Any]) -> str:
    """The other one of our two addresses, as whoever sent a request sees it."""
    headers = Headers(raw=scope["headers"])
    is_site = scope["server"][1] == service.site_port
    here, there = (service.site_port, service.port) if is_site else (service.port, service.site_port)
    return other_port_url(
        host=headers.get("host"), prefix=scope["root_path"], scheme=headers.get("x-forwarded-proto"), port=here,
        other_port=there, fallback=service.url if is_site else service.site_url,
    )  # fmt: skip
