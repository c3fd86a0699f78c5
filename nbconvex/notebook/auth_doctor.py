"""`%convex doctor auth`: what becomes of tokens at an address, check by check.

Owns:  asking an address over HTTP, with and without tokens.
Must not know: what the answers mean; that is with the services.
Invariants: it sends what a browser would send, and nothing that changes data but what the named address itself does
with an empty request. It follows no redirections.
Threads: the kernel's main thread; the server answers in its own.
"""

from __future__ import annotations

import argparse
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.auth_commands import checks_lines, token_of
from nbconvex.notebook.card import Lines
from nbconvex.notebook.doctor_commands import LOOKS, WITHOUT_URL
from nbconvex.notebook.session import Session
from nbconvex.services.auth.providers import is_loopback

if TYPE_CHECKING:
    from nbconvex.services.auth.checkup import Answer, Question

_ANSWER_S: Final = 10.0
_BODY_BYTES: Final = 64 * 1024


def _look_at_auth(session: Session, url: str, options: argparse.Namespace) -> Lines:
    # Not at the top: it imports what reads keys, and few notebooks are ill.
    from nbconvex.services.auth.checkup import answer_checks, issuer_checks, questions

    token = None if options.token is None else token_of(session, unquoted(options.token))
    asked = questions(url, token, (options.method or "GET").upper())
    checks = list(answer_checks({each.name: ask(each) for each in asked}))
    server = session.server
    if server is not None and urlsplit(url).port in {server.port, server.site_port}:
        auth = session.backend.auth
        checks += issuer_checks(auth.providers, auth.keys_of, auth.problem)
        if token is not None:
            checks += auth.explain(token)
    return checks_lines(f"{url}, and tokens", checks)


LOOKS["auth"] = _look_at_auth
WITHOUT_URL.add("auth")


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
