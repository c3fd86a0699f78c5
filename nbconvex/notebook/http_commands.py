"""`%convex routes` and `%convex doctor`: which endpoints there are, and what keeps somebody from using one.

Owns:  the two commands; `DOCTORS`, to which a module adds what it can examine.
Must not know: IPython; how an examination is made.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nbconvex.errors import CallerError
from nbconvex.notebook.arguments import unquoted
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.server_commands import seen_addresses

if TYPE_CHECKING:
    from nbconvex.functions.http_cors import Cors
    from nbconvex.notebook.session import Session
    from nbconvex.server.doctor_checks import Finding

#: The origin that a page is assumed to have.
_ORIGIN: Final = "https://app.example.org"

Doctor = Callable[["Session", argparse.Namespace], Lines]
#: What `%convex doctor` can examine, by its first word.
DOCTORS: Final[dict[str, Doctor]] = {}


@command("routes", "The endpoints that are defined: where, for which pages, and whether somebody has to be signed in.")
def _routes(session: Session, _options: argparse.Namespace) -> Listing:
    return routes_listing(session)


def routes_listing(session: Session) -> Listing:
    """The endpoints of a notebook."""
    endpoints = session.backend.http
    seen = seen_addresses(session)
    rows = [
        [
            each.method, each.shown_path, "async" if each.definition.is_async else "plain",
            cors_words(each.cors, endpoints.origins), "wanted" if each.needs_identity else "", each.place,
        ]
        for each in endpoints.routes.table
    ]  # fmt: skip
    return Listing(
        f"endpoints at {seen.site}" if seen is not None else "endpoints",
        ["method", "path", "handler", "CORS", "auth", "defined by"],
        rows,
        empty="No endpoint is defined yet. %%http GET /hello defines one.",
    )


def cors_words(cors: Cors | None, default: tuple[str, ...]) -> str:
    """Which pages may use an endpoint, in words."""
    if cors is None:
        return "off"
    origins = cors.allowed(default)
    words = "any page" if "*" in origins else ", ".join(origins)
    return f"{words}{' with cookies' if cors.credentials else ''}{' or else 403' if cors.is_enforced else ''}"


@command(
    "doctor",
    "Ask an endpoint as a browser would (cors), or as curl would (http), and say what is wrong and what cures it.",
    argument("what", help="cors or http"),
    argument("url", nargs="?", help="the endpoint's URL, or its path"),
    argument("--origin", help=f"the origin of the page ({_ORIGIN})"),
    argument("--method", help="the method (GET, or that of the endpoint's only route)"),
)
def _doctor(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    doctor = DOCTORS.get(options.what)
    if doctor is None:
        raise CallerError(
            f"{options.what} is nothing that can be examined: {', '.join(sorted(DOCTORS))}."
            f"{nearest(options.what, DOCTORS)}"
        )
    return doctor(session, options)


def _cors(session: Session, options: argparse.Namespace) -> Lines:
    from nbconvex.server.doctor import examine_cors

    url = _url(session, options)
    origin = unquoted(options.origin) if options.origin else _ORIGIN
    return findings_lines(examine_cors(url, origin=origin, method=_method(session, options, url)))


def _http(session: Session, options: argparse.Namespace) -> Lines:
    from nbconvex.server.doctor import examine_http

    url = _url(session, options)
    return findings_lines(examine_http(url, method=_method(session, options, url)))


DOCTORS.update({"cors": _cors, "http": _http})


def findings_lines(findings: list[Finding]) -> Lines:
    """What was found, a check a line."""
    return Lines([("✓" if each.is_fine else "✗", each.sentence) for each in findings])


def _url(session: Session, options: argparse.Namespace) -> str:
    """The URL that is meant: a path alone is one of our own."""
    if options.url is None:
        raise CallerError(
            f"%convex doctor {options.what} wants the URL of an endpoint.", hint=f"%convex doctor {options.what} /hello"
        )
    url = unquoted(options.url)
    if url.startswith("/"):
        # Within this machine, whatever a browser has to go through.
        return session.serve().site_url + url
    return url


def _method(session: Session, options: argparse.Namespace, url: str) -> str:
    if options.method:
        return str(unquoted(options.method)).upper()
    from urllib.parse import urlsplit

    there = [each for each in session.backend.http.routes.table.at(urlsplit(url).path) if each != "OPTIONS"]
    return there[0] if len(there) == 1 else "GET"
