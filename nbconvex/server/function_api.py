"""Calling functions over HTTP.

Owns:  the endpoints below /api that run functions: what they take, what they answer.
Must not know: which path leads to which endpoint; how a function is run.
Invariants: internal functions are found with the admin key only, and are otherwise as if they were not there. Large
bodies and all results are converted in the threads that functions run in, not on the loop.
Threads: the server's event loop.
Source: wire-protocol 1.3, 1.4, 2.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from nbconvex.errors import CallerError, ProtocolError, RequestRefusedError, ValueInvalidError
from nbconvex.functions.registry import normalize_path
from nbconvex.server.answers import JSON, json_answer, outcome_tree
from nbconvex.server.bodies import json_kind, json_object, json_of, read_body, require_json
from nbconvex.server.caller import Caller, caller_of_header
from nbconvex.server.formats import FORMATS, write_json
from nbconvex.sync.messages import read_ts, write_ts
from nbconvex.values.codec import from_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from nbconvex.database.snapshot import Snapshot
    from nbconvex.functions.outcome import Outcome
    from nbconvex.functions.run import Kind
    from nbconvex.server.service import Service

#: Bodies up to this length are decoded on the loop: handing them to a thread would cost more.
_ON_LOOP_BYTES: Final = 64 * 1024
_DEFAULT_FORMAT: Final = "json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as a client asked for it: a canonical path, arguments as a tree of JSON, a known format."""

    path: str
    args: Any
    format_name: str


async def run_function(service: Service, request: Request, kind: Kind | None) -> Response:
    """`POST /api/query`, `/api/mutation`, `/api/action`, and `/api/function` for any kind."""
    caller = await _caller(service, request)
    body = await _body(service, request)
    return await _answer(service, caller, kind, _asked(body))


async def run_path(service: Service, request: Request, path: str) -> Response:
    """`POST /api/run/module/function`."""
    caller = await _caller(service, request)
    module, slash, function = path.strip("/").rpartition("/")
    if not slash:
        raise RequestRefusedError(
            400, "MissingIdentifier", f"/api/run/ wants a module and a function: /api/run/{path or 'module'}/function."
        )
    body = await _body(service, request)
    body.setdefault("args", {})
    return await _answer(service, caller, None, _asked({**body, "path": f"{module}:{function}"}))


async def get_query(service: Service, request: Request) -> Response:
    """`GET /api/query?path=...&args=...&format=...`."""
    caller = await _caller(service, request)
    asked = dict(request.query_params)
    tree: dict[str, Any] = {"path": asked.get("path"), "args": {}}
    if tree["path"] is None:
        raise RequestRefusedError(400, "BadQueryArgs", "The query string has no path: ?path=module:function&args={}.")
    if "args" in asked:
        tree["args"] = json_of(asked["args"], reason="BadQueryArgs", what="The parameter args")
    if "format" in asked:
        tree["format"] = asked["format"]
    return await _answer(service, caller, "query", _asked(tree, reason="BadQueryArgs"))


async def query_ts(service: Service, request: Request) -> Response:
    """`POST /api/query_ts`: a timestamp at which queries can be asked for a while."""
    await _caller(service, request)
    ts = service.past.now()
    # Nobody else would let go of the snapshot if no further request came.
    asyncio.get_running_loop().call_later(service.limits.past_time_s, service.past.forget_old)
    return json_answer({"ts": write_ts(ts)})


async def query_at_ts(service: Service, request: Request) -> Response:
    """`POST /api/query_at_ts`."""
    caller = await _caller(service, request)
    body = await _body(service, request)
    try:
        ts = read_ts(body.get("ts"))
    except ProtocolError:
        raise RequestRefusedError(400, "BadJsonBody", "ts must be a timestamp as /api/query_ts gives it.") from None
    return await _answer(service, caller, "query", _asked(body), service.past.at(ts))


async def query_batch(service: Service, request: Request) -> Response:
    """`POST /api/query_batch`: several queries at one timestamp."""
    caller = await _caller(service, request)
    queries = (await _body(service, request)).get("queries")
    if not isinstance(queries, list):
        raise RequestRefusedError(400, "BadJsonBody", f"queries must be an array, not {json_kind(queries)}.")
    if len(queries) > service.limits.queries_per_batch:
        raise RequestRefusedError(
            400, "TooManyQueries",
            f"{len(queries):,} queries at once are too many (limit queries_per_batch: "
            f"{service.limits.queries_per_batch:,}).",
        )  # fmt: skip
    asked = [_asked(each) for each in queries]
    snapshot = service.backend.database.snapshot
    # One after the other: a batch must not take all threads from everybody else.
    results = [await _text(service, caller, "query", each, snapshot) for each in asked]
    return Response(b'{"results":[' + b",".join(results) + b"]}", media_type=JSON)


async def _caller(service: Service, request: Request) -> Caller:
    # Before the body is read: a stranger's body is no work of ours.
    return await caller_of_header(
        request.headers.get("authorization"), service.proofs, is_proxied="x-forwarded-prefix" in request.headers
    )


async def _body(service: Service, request: Request) -> dict[str, Any]:
    require_json(request.headers.get("content-type"))
    text = await read_body(request, service.limits)
    if len(text) <= _ON_LOOP_BYTES:
        return json_object(text)
    return await service.calls.offload(partial(json_object, text))


def _asked(tree: Any, *, reason: str = "BadJsonBody") -> Asked:
    """A call, from a body.

    Raises:  RequestRefusedError.
    """
    if not isinstance(tree, Mapping):
        raise RequestRefusedError(400, reason, f"A query must be an object with path and args, not {json_kind(tree)}.")
    path, format_name = tree.get("path"), tree.get("format")
    if not isinstance(path, str):
        problem = "is missing" if "path" not in tree else f"must be a string, not {json_kind(path)}"
        raise RequestRefusedError(400, reason, f'path {problem}: "module:function".')
    if tree.get("componentPath"):
        raise RequestRefusedError(400, reason, "componentPath must be left out: there are no components here.")
    if "args" not in tree:
        raise RequestRefusedError(400, reason, "args is missing: an object with the function's arguments.")
    format_name = _DEFAULT_FORMAT if format_name is None else format_name
    if not isinstance(format_name, str) or format_name not in FORMATS:
        raise RequestRefusedError(400, "BadFormat", f"format must be one of {', '.join(FORMATS)}, not {format_name!r}.")
    return Asked(_canonical(path), _single(tree["args"], reason), format_name)


def _canonical(path: str) -> str:
    try:
        return normalize_path(path)
    except CallerError as error:
        raise RequestRefusedError(400, "BadConvexFunctionIdentifier", error.message) from None


def _single(args: Any, reason: str) -> Any:
    """The object of arguments: alone, or as the only item of an array."""
    single = args[0] if isinstance(args, list) and len(args) == 1 else args
    if not isinstance(single, dict):
        given = f"an array of {len(args)}" if isinstance(args, list) and len(args) != 1 else json_kind(single)
        raise RequestRefusedError(400, reason, f"args must be an object, or an array with one object, not {given}.")
    return single


async def _answer(
    service: Service, caller: Caller, kind: Kind | None, asked: Asked, snapshot: Snapshot | None = None
) -> Response:
    return Response(await _text(service, caller, kind, asked, snapshot), media_type=JSON)


async def _text(
    service: Service, caller: Caller, kind: Kind | None, asked: Asked, snapshot: Snapshot | None = None
) -> bytes:
    """The JSON text that tells of one call.

    Raises:  OverloadedError, ConflictError, StorageError.
    """
    production = service.backend.production
    return await service.calls.run(
        kind, asked.path, _args_of(asked), identity=caller.identity, public=not caller.is_admin, snapshot=snapshot,
        then=lambda outcome: _written(outcome, asked.format_name, production=production),
    )  # fmt: skip


def _args_of(asked: Asked) -> Callable[[], Any]:
    def args() -> Any:
        try:
            return from_json(asked.args)
        except ValueInvalidError as problem:
            raise ValueInvalidError(f"Invalid arguments for {asked.path}: {problem}") from None

    return args


def _written(outcome: Outcome, format_name: str, *, production: bool) -> bytes:
    return write_json(outcome_tree(outcome, format_name, production=production))
