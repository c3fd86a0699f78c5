"""`%convex serve` and `%convex url`: the notebook's backend on the network.

Owns:  the two commands, and the line about the server on cards.
Must not know: IPython; how a server works.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse

from nbconvex.errors import CallerError
from nbconvex.notebook.card import Card, Lines
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session
from nbconvex.server.addresses import Addresses


@command(
    "serve",
    "Serve the backend to clients, if it is not served yet, and show its addresses.",
    argument("--port", type=int, help="of the API address; the site address has the next one (3210)"),
    argument("--host", help="the network to bind to (127.0.0.1: this machine only)"),
    argument("--stop", action="store_true", help="stop serving"),
)
def _serve(session: Session, options: argparse.Namespace) -> Card | Lines:
    __tracebackhide__ = True
    if options.stop:
        return Lines([("✓", "Stopped serving.") if session.stop_serving() else ("", "It was not being served.")])
    session.serve(host=options.host, port=options.port)
    return _card(session)


@command(
    "url",
    "The addresses of this backend as your browser reaches them; starts the server if need be.",
    argument("--admin-key", action="store_true", help="show the admin key too: it opens internal functions"),
    argument("--into", metavar="NAME", help="bind the API address to this name too"),
    argument("--into-site", metavar="NAME", help="bind the address of HTTP endpoints to this name too"),
)
def _url(session: Session, options: argparse.Namespace) -> Card:
    __tracebackhide__ = True
    for option, name in (("--into", options.into), ("--into-site", options.into_site)):
        if name and not name.isidentifier():
            raise CallerError(f"{option} wants a name, not {name!r}.")
    session.serve()
    seen = session.addresses
    if seen is not None:
        named = {options.into: seen.api, options.into_site: seen.site}
        session.shell.push({name: address for name, address in named.items() if name})
    return _card(session, has_key=options.admin_key)


def _card(session: Session, *, has_key: bool = False) -> Card:
    server = session.server
    seen = session.addresses
    assert server is not None
    assert seen is not None
    pairs = [("API", seen.api), ("HTTP endpoints", seen.site)]
    if seen.api != server.url:
        pairs.append(("on this machine", f"{server.url}, {server.site_url}"))
    if has_key:
        pairs.append(("admin key", session.backend.admin_key))
    return Card(f"{session.shown_path} is served", pairs, note=seen.note, code=["admin key"])


def seen_addresses(session: Session) -> Addresses | None:
    """Where the user's browser finds the server; None while there is none."""
    return session.addresses


def server_line(session: Session) -> str:
    """The server, in a line of a card."""
    seen = session.addresses
    if seen is not None:
        return f"{seen.api} (HTTP endpoints at {seen.site})"
    if session.options.serve == "never":
        return "none (NbConvex.serve is 'never')"
    return "starts with the first %%http, %convex url or %convex serve"
