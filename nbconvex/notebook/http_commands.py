"""`%convex routes`, and what `%convex doctor` says of endpoints: which there are, and what keeps a page from using one.

Owns:  the listing; the looks `cors` and `http`.
Must not know: IPython; how an endpoint is asked.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbconvex.functions.command_words import unquoted
from nbconvex.functions.http_cors import cors_words
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_table import command
from nbconvex.notebook.doctor_commands import LOOKS, ORIGIN
from nbconvex.notebook.server_commands import seen_addresses

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session
    from nbconvex.server.doctor_checks import Finding


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


def _look_at_cors(session: Session, url: str, options: argparse.Namespace) -> Lines:
    # Not at the top: few notebooks are ill.
    from nbconvex.server.doctor import examine_cors

    origin = unquoted(options.origin) if options.origin else ORIGIN
    return findings_lines(examine_cors(url, origin=origin, method=_method(session, url, options)))


def _look_at_http(session: Session, url: str, options: argparse.Namespace) -> Lines:
    from nbconvex.server.doctor import examine_http

    return findings_lines(examine_http(url, method=_method(session, url, options)))


LOOKS.update({"cors": _look_at_cors, "http": _look_at_http})


def findings_lines(findings: list[Finding]) -> Lines:
    """What was found, a check a line."""
    return Lines([(_mark(each), each.sentence) for each in findings])


def _mark(finding: Finding) -> str:
    if not finding.was_tried:
        return "·"
    return "✓" if finding.is_fine else "✗"


def _method(session: Session, url: str, options: argparse.Namespace) -> str:
    if options.method:
        return str(unquoted(options.method)).upper()
    there = [each for each in session.backend.http.routes.table.at(urlsplit(url).path) if each != "OPTIONS"]
    return there[0] if len(there) == 1 else "GET"
