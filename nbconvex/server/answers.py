"""Answers: what came of a request, as HTTP.

Owns:  the shapes of answers, and which error has which status.
Must not know: how a request was read; who asked.
Invariant: a function that failed is a 200; only what ran no function is anything else. The official clients tell the
two apart by that. Source: wire-protocol 0.1, 1.3, 1.4.
Threads: pure.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from nbconvex.errors import (
    ConflictError,
    OverloadedError,
    RequestRefusedError,
    StorageError,
    ValueInvalidError,
)
from nbconvex.functions.outcome import Outcome
from nbconvex.server.formats import encoded, write_json
from nbconvex.sync.log_lines import wire_lines

JSON = "application/json"
#: Refusals after which there may be a body on the line that nobody will read.
_LEAVES_BODY = frozenset({408, 413})
INTERNAL_ERROR = "Your request couldn't be completed. Try again later."


class FunctionsFailedError(Exception):
    """A call ended with an error that is not the function's: the cause says which."""


def json_answer(tree: Any, status: int = 200) -> Response:
    """An answer with a JSON text."""
    return Response(write_json(tree), status, media_type=JSON)


def text_answer(text: str, status: int = 200) -> Response:
    """An answer with plain text."""
    return Response(text, status, media_type="text/plain")


def refusal(status: int, code: str, message: str) -> Response:
    """The answer to a request that ran no function."""
    return json_answer({"code": code, "message": message}, status)


def bare_refusal(message: str) -> bytes:
    """The bytes of the answer to what is no request that could be understood; the connection closes behind them."""
    body = write_json({"code": "BadRequest", "message": message})
    head = (
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def refusal_of(error: Exception) -> Response:
    """The answer to a request that ended with `error`. An error that nobody foresaw says nothing."""
    if isinstance(error, RequestRefusedError):
        response = refusal(error.status, error.reason, error.message)
        if error.status in _LEAVES_BODY:
            response.headers["connection"] = "close"
        return response
    if isinstance(error, OverloadedError):
        return refusal(
            503, "TooManyConcurrentRequests", f"Too many requests at once: {error}. Try again a little later."
        )
    if isinstance(error, ConflictError):
        return refusal(503, "OptimisticConcurrencyControlFailure", str(error))
    return refusal(500, "InternalServerError", INTERNAL_ERROR)


def outcome_tree(outcome: Outcome, format_name: str, *, production: bool) -> dict[str, Any]:
    """What a client is told of a call, as a tree for JSON.

    Raises:  ConflictError after a query's or mutation's last try, StorageError: those are no function's failure.
    """
    if isinstance(outcome.error, ConflictError | StorageError):
        raise outcome.error
    told: dict[str, Any] = {}
    # In production what functions print is nobody's but the author's. Source: wire-protocol 3.13.
    if outcome.log_lines and not production:
        told["logLines"] = wire_lines(outcome.log_lines)
    if outcome.error is None:
        return {**told, "status": "success", "value": encoded(outcome.value, format_name)}
    public = outcome.public_error(production=production)
    if "errorData" in public:
        try:
            public["errorData"] = encoded(public["errorData"], format_name)
        except ValueInvalidError as problem:
            # The data is no value: clients hear that, and not of a broken server.
            del public["errorData"]
            if not production:
                public["errorMessage"] += f"\n(its data cannot be sent: {problem})"
    return {**told, **public, "status": "error"}
