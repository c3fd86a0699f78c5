"""What the site address answers where no handler did: errors, and requests that no route is for.

Owns:  the texts and statuses; which error has which status.
Must not know: CORS, how a handler is run.
Invariant: in production strangers hear a code and a request id, the data of a `ConvexError`, and which part of what
they sent is wrong; never the app's own words or lines.
Threads: pure.
Source: wire-protocol 1.7; semantics 1.8, 9, 15.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from nbconvex.errors import (
    ArgumentsInvalidError,
    CallerError,
    ConflictError,
    ConvexError,
    OverloadedError,
    RequestRefusedError,
    StorageError,
    ValueInvalidError,
)
from nbconvex.functions.outcome import Outcome
from nbconvex.server.answers import json_answer, refusal, refusal_of, text_answer
from nbconvex.server.formats import encoded

if TYPE_CHECKING:
    from nbconvex.functions.http_routes import RouteTable

#: How many routes a 404 lists.
_LISTED_MAX: Final = 30
NOT_ENABLED: Final = "This Convex deployment does not have HTTP actions enabled."
NO_MATCH: Final = "No matching routes found"


def error_answer(outcome: Outcome, *, production: bool) -> Response:
    """The answer to a request whose handler failed."""
    error = outcome.error
    assert error is not None, "asked for the error of a success"
    if isinstance(error, RequestRefusedError | OverloadedError | ConflictError | StorageError):
        return refusal_of(error)
    if isinstance(error, ArgumentsInvalidError):
        return _invalid_arguments(error, outcome, production=production)
    told: dict[str, Any] = {"code": f"[Request ID: {outcome.request_id}] Server Error"}
    if not production:
        told["code"] += f": {_sentence(error)}"
        told["trace"] = "".join(traceback.format_exception(error)).encode("utf-8", "replace").decode()
    status = 500
    if isinstance(error, ConvexError):
        try:
            told["data"] = encoded(error.data, "json")
        except ValueInvalidError as problem:
            told["code"] += "" if production else f" (its data cannot be sent: {problem})"
        status = _status_of(error.data)
    return json_answer(told, status)


def _invalid_arguments(error: ArgumentsInvalidError, outcome: Outcome, *, production: bool) -> Response:
    """A function was given what does not fit it: most likely straight from the request."""
    message, _, rest = error.report.partition("\n")
    told = {"code": "ArgumentsInvalid", "message": message, "path": error.path, "requestId": outcome.request_id}
    if not production:
        told |= {"function": error.function, "details": rest}
    return json_answer(told, 400)


def _sentence(error: Exception) -> str:
    text = str(error) if isinstance(error, CallerError) else f"{type(error).__name__}: {error}"
    if isinstance(error, ConvexError):
        text = f"ConvexError: {error}"
    return text.encode("utf-8", "replace").decode()


def _status_of(data: Any) -> int:
    """The status that the data of an error asks for: `ConvexError({"status": 404, ...})`."""
    status = data.get("status") if isinstance(data, dict) else None
    if not isinstance(status, int | float) or isinstance(status, bool) or status not in range(400, 600):
        return 500
    return int(status)


def unauthenticated(header: str | None, error: Exception | None) -> Response:
    """The 401 of an endpoint that wants to know who is calling."""
    if error is not None and header is not None and " " not in header.strip():
        reason, message = "MissingBearer", (
            'The Authorization header has no "Bearer " in front of the token: send Authorization: Bearer <token>.'
        )  # fmt: skip
    elif isinstance(error, RequestRefusedError):
        reason, message = error.reason, error.message
    elif header is None:
        reason, message = "MissingAuthorization", (
            "This endpoint needs to know who is calling, and the request has no Authorization header: send "
            "Authorization: Bearer <token>."
        )  # fmt: skip
    else:
        reason, message = "NoIdentity", "The Authorization header stands for nobody in particular."
    answer = refusal(401, reason, message)
    answer.headers["www-authenticate"] = "Bearer"
    return answer


def origin_refused(origin: str) -> Response:
    """The 403 for a page of an origin that is not on the list."""
    return refusal(403, "OriginNotAllowed", f"This endpoint does not answer to pages of {origin[:200]!r}.")


def no_preflight(name: str, *, production: bool) -> Response:
    """The 404 for a preflight of a route that has no CORS."""
    why = "" if production else f"\n\n{name} has --no-cors, and its path has no OPTIONS route: pages cannot use it."
    return text_answer(f"{NO_MATCH}{why}\n", 404)


def wrong_method(path: str, method: str, methods: list[str], *, production: bool) -> Response:
    """The 405 for a path that has other methods."""
    allowed = ", ".join(methods)
    answer = text_answer(
        f"{NO_MATCH}\n" if production else
        f"{NO_MATCH}\n\n{path} takes {allowed}, not {method}. To have it take {method} too:\n"
        f"  %%http {method} {path}\n",
        405,
    )  # fmt: skip
    answer.headers["allow"] = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
    return answer


def lost(path: str, method: str, table: RouteTable, *, api_url: str, is_of_api: bool, production: bool) -> Response:
    """The 404 for a path that no route is for."""
    if is_of_api:
        return text_answer(
            f"{NO_MATCH}\n\nThis is the site address, the place of HTTP endpoints. Functions and clients are at the "
            f"API address: {api_url}{path}\n",
            404,
        )
    if not len(table):
        about = (
            "" if production else
            "\n\nThis is the site address of an nbconvex backend: the place of HTTP endpoints, and none are defined. "
            f"To define one:\n\n  %%http {method if method != 'HEAD' else 'GET'} {path}\n"
            '  def handler(ctx, request):\n      return {"hello": "world"}\n\n'
            f"Functions and clients are at the API address: {api_url}"
        )  # fmt: skip
        return text_answer(f"{NOT_ENABLED}{about}\n", 404)
    if production:
        return text_answer(f"{NO_MATCH}\n", 404)
    return text_answer(f"{NO_MATCH}\n\n{_hint(path, table)}There is:\n{_listed(table)}", 404)


def _hint(path: str, table: RouteTable) -> str:
    nearest = table.nearest(path)
    if nearest is None:
        return f"There is no {path}. "
    if nearest == path.removesuffix("/") or nearest == f"{path}/":
        return f"There is no {path}, but there is {nearest}: the slash at the end counts. "
    if nearest == f"{path}/*":
        return f"There is no {path}, but everything below it: {nearest} begins with {path}/. "
    if nearest.lower() == path.lower():
        return f"There is no {path}, but there is {nearest}: capitals count. "
    return f"There is no {path}. Did you mean {nearest}? "


def _listed(table: RouteTable) -> str:
    names = [each.name for each in table]
    more = len(names) - _LISTED_MAX
    return "".join(f"  {name}\n" for name in names[:_LISTED_MAX]) + (f"  and {more:,} more\n" if more > 0 else "")
