"""What browsers are told about endpoints: the headers of CORS.

Owns:  the headers of an answer and of an answer to a preflight; which origin is refused.
Must not know: how routes are found; who is calling.
Invariants: a handler's own CORS headers win, and none is sent twice. Credentials are never offered to every origin. An
answer that depends on the origin says so to caches (`Vary`).
Threads: pure.
Source: Fetch standard 3.3 (CORS protocol); semantics 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from nbconvex.functions.http_cors import ANY, Cors
from nbconvex.functions.http_fields import Pairs
from nbconvex.functions.http_routes import Route

ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
#: What a page usually wants to send, where it does not say.
_USUAL_HEADERS: Final = "Content-Type, Authorization"
_VARY: Final = ("Vary", "Origin")
_VARY_PREFLIGHT: Final = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


def answer_headers(cors: Cors | None, origin: str | None, default: tuple[str, ...], own: Pairs = ()) -> Pairs:
    """The headers for an answer to a page of `origin`; `own` are those that the handler gave it."""
    if cors is None or _has(own, ALLOW_ORIGIN):
        return ()
    headers = _allowed_origin(cors, origin, default)
    if _has(headers, ALLOW_ORIGIN):
        # So that a page may read whatever the handler sends. A star is no wildcard where there are credentials.
        names = ", ".join(dict.fromkeys(name for name, _ in own)) if cors.credentials else ANY
        if names:
            headers = (*headers, ("Access-Control-Expose-Headers", names))
    own_names = {name.lower() for name, _ in own}
    varies = any(name.lower() == "vary" and _mentions_origin(text) for name, text in own)
    return tuple(
        (name, text) for name, text in headers if (not varies if name == "Vary" else name.lower() not in own_names)
    )


def raw_answer_headers(
    cors: Cors, origin: str | None, default: tuple[str, ...], own: Pairs = ()
) -> list[tuple[bytes, bytes]]:
    """`answer_headers` as they go on the wire. What most endpoints send is written once."""
    if not cors.credentials and ANY in cors.allowed(default) and not any(map(_is_cors, own)):
        return _OPEN
    return _raw(answer_headers(cors, origin, default, own))


def preflight_headers(
    routes: Mapping[str, Route], origin: str | None, method: str, requested: str | None, default: tuple[str, ...]
) -> Pairs | None:
    """The headers that answer a preflight for `method`; `routes` are those of the path, by their methods.

    Shapes:  `requested` are the headers that the page wants to send; None where the route has no CORS.
    """
    asked = routes.get("GET" if method == "HEAD" else method)
    if asked is not None and asked.cors is None:
        return None
    # A method that the path does not have is let through, so that the page can read the 405 that says so.
    cors = asked.cors if asked is not None and asked.cors is not None else _any_of(routes) or Cors()
    headers = _allowed_origin(cors, origin, default, vary=_VARY_PREFLIGHT)
    if not _has(headers, ALLOW_ORIGIN):
        return headers
    methods = [each for each, route in routes.items() if route.cors is not None and each != "OPTIONS"]
    methods += [method] if asked is None and method not in methods else []
    allowed = ", ".join(cors.headers) if cors.headers is not None else requested or _USUAL_HEADERS
    return (
        *headers,
        ("Access-Control-Allow-Methods", ", ".join([*methods, "OPTIONS"])),
        ("Access-Control-Allow-Headers", allowed),
        ("Access-Control-Max-Age", str(cors.max_age)),
    )


def _any_of(routes: Mapping[str, Route]) -> Cors | None:
    return next((each.cors for each in routes.values() if each.cors is not None), None)


def is_refused(cors: Cors | None, origin: str | None, default: tuple[str, ...]) -> bool:
    """Whether a request of a page is refused before anything runs."""
    return cors is not None and cors.is_enforced and origin is not None and not cors.allows(origin.lower(), default)


def is_foreign(origin: str | None, host: str | None) -> bool:
    """Whether a request comes from a page of another origin than the server's own."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != (host or "").lower()
    except ValueError:
        return True


def _allowed_origin(cors: Cors, origin: str | None, default: tuple[str, ...], vary: tuple[str, str] = _VARY) -> Pairs:
    origins = cors.allowed(default)
    if ANY in origins:
        return ((ALLOW_ORIGIN, ANY), vary)
    if origin is None or origin.lower() not in origins:
        return (vary,)
    headers = ((ALLOW_ORIGIN, origin), vary)
    return (*headers, ("Access-Control-Allow-Credentials", "true")) if cors.credentials else headers


def _is_cors(header: tuple[str, str]) -> bool:
    name = header[0].lower()
    return name == "vary" or name.startswith("access-control-")


def _raw(headers: Pairs) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]


def _has(headers: Iterable[tuple[str, str]], wanted: str) -> bool:
    return any(name.lower() == wanted.lower() for name, _ in headers)


def _mentions_origin(text: str) -> bool:
    return any(each.strip().lower() in {"origin", "*"} for each in text.split(","))


#: What an endpoint that every page may use sends with an answer that has no CORS headers of its own.
_OPEN: Final = _raw(answer_headers(Cors((ANY,)), None, (ANY,)))
