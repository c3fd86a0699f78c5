"""`%convex doctor`: what is wrong with an address, check by check.

Owns:  the command, the table of what it can look at, and asking an address over HTTP.
Must not know: what the answers mean; that is with the services.
Invariants: it sends what a browser would send, and nothing that changes data but what the named address itself does
with an empty request. It follows no redirections.
Threads: the kernel's main thread; the server answers in its own.
"""

from __future__ import annotations

import argparse
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nbconvex.errors import CallerError
from nbconvex.notebook.arguments import unquoted
from nbconvex.notebook.auth_commands import checks_lines, token_of
from nbconvex.notebook.card import Lines
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session
from nbconvex.services.auth.providers import is_loopback

if TYPE_CHECKING:
    from nbconvex.services.auth.checkup import Answer, Question

Doctor = Callable[[Session, argparse.Namespace], Lines]

#: What can be looked at, by its word. Modules of commands may add to it.
DOCTORS: Final[dict[str, Doctor]] = {}
_ANSWER_S: Final = 10.0
_BODY_BYTES: Final = 64 * 1024


@command(
    "doctor",
    "What is wrong with an address, check by check: expected, found, what to do.",
    argument("what", help="what to look at: auth"),
    argument(
        "url", nargs="?", help="the API address, or the URL or path of an HTTP endpoint; this backend's by default"
    ),
    argument("--token", help="a token to try"),
    argument("--method", default="GET", help="of an HTTP endpoint (GET)"),
    epilog="example:  %convex doctor auth http://127.0.0.1:3211/me --token eyJhbGci...",
)
def _doctor(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    doctor = DOCTORS.get(options.what)
    if doctor is None:
        raise CallerError(
            f'%convex doctor cannot look at "{options.what}".{nearest(options.what, DOCTORS)} It can look at: '
            f"{', '.join(DOCTORS)}.",
            hint="%convex doctor auth",
        )
    return doctor(session, options)


def _auth(session: Session, options: argparse.Namespace) -> Lines:
    url = unquoted(options.url) if options.url else session.serve().url
    if url.startswith("/"):
        # The path of an endpoint of our own, within this machine.
        url = session.serve().site_url + url
    if urlsplit(url).scheme not in {"http", "https"}:
        raise CallerError(f"{url} is no address.", hint="%convex doctor auth http://127.0.0.1:3211/path")
    # Not at the top: it imports what reads keys, and few notebooks are ill.
    from nbconvex.services.auth.checkup import answer_checks, issuer_checks, questions

    token = None if options.token is None else token_of(session, unquoted(options.token))
    asked = questions(url, token, options.method)
    checks = list(answer_checks({each.name: ask(each) for each in asked}))
    server = session.server
    if server is not None and urlsplit(url).port in {server.port, server.site_port}:
        auth = session.backend.auth
        checks += issuer_checks(auth.providers, auth.keys_of, auth.problem)
        if token is not None:
            checks += auth.explain(token)
    return checks_lines(f"{url}, and tokens", checks)


DOCTORS["auth"] = _auth


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def ask(question: Question) -> Answer:
    """The answer to a request, whatever it is."""
    from nbconvex.services.auth.checkup import Answer

    handlers: list[urllib.request.BaseHandler] = [_NoRedirection()]
    if is_loopback(urlsplit(question.url).hostname):
        # This machine is not behind its own proxy.
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - the command has checked the scheme
        question.url, data=question.body, headers=dict(question.headers), method=question.method
    )
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_ANSWER_S) as answer:
            return _answer(answer.status, answer)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error)
    except (OSError, ValueError) as error:
        return Answer(problem=f"no answer ({getattr(error, 'reason', error)})")


def _answer(status: int, answer: Any) -> Answer:
    from nbconvex.services.auth.checkup import Answer

    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(status, headers, answer.read(_BODY_BYTES).decode("utf-8", "replace"))
