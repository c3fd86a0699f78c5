"""`%convex auth`, `%convex token`, `%convex as`: who may call, and as whom a notebook calls.

Owns:  the commands, their options and their answers.
Must not know: IPython; how tokens are made or verified.
Invariant: tokens are shown, for that is what they are asked for; private keys never are.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.acting import LOCAL_ISSUER, identity_named
from nbconvex.functions.command_words import parse_arguments, unquoted
from nbconvex.notebook.card import Card, Lines
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session

if TYPE_CHECKING:
    from nbconvex.functions.identity import Identity
    from nbconvex.services.auth.explanation import Check
    from nbconvex.services.auth.providers import Provider

_ACTIONS: Final = ("add", "list", "remove", "explain")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_MARKS: Final = {"ok": "✓", "bad": "✗", "note": "·", "open": "?"}
_NOBODY: Final = (
    "Nobody may vouch for callers: every token is refused. %convex auth add clerk|oidc|custom, or %convex token to try "
    "things out."
)
_COUNTS_FOR: Final = {
    "code": "%%auth, or nbconvex.open(auth=[...])",
    "store": "%convex auth add, kept in the store",
    "environment": "CLERK_JWT_ISSUER_DOMAIN",
    "development": "the development issuer, %convex token",
}


@command(
    "auth",
    "Who may vouch for callers (list, add, remove), and why a token is good or is not (explain).",
    argument("action", nargs="?", default="list", help="list, add, remove or explain"),
    argument("words", nargs="*", help="what the action takes, see below"),
    argument("--algorithm", help="of a custom provider: RS256, ES256 or EdDSA"),
    argument("--application", help="of a custom provider: the audience that its tokens must have"),
    epilog="%convex auth add clerk [https://verb-noun-00.clerk.accounts.dev]   "
    "%convex auth add oidc https://issuer.example convex   "
    "%convex auth add custom https://issuer.example https://issuer.example/jwks.json --algorithm ES256   "
    "%convex auth remove https://issuer.example   "
    "%convex auth explain eyJhbGci...",
)
def _auth(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    words = [unquoted(word) for word in options.words]
    if options.action == "list":
        return provider_lines(session)
    if options.action == "add":
        return _add(session, words, options)
    if options.action == "remove":
        _expect(words, 1, "%convex auth remove https://issuer.example")
        gone = session.backend.auth.remove(words[0])
        return Lines([("✓", f"Forgotten: {', '.join(map(str, gone))}.")])
    if options.action == "explain":
        _expect(words, 1, "%convex auth explain eyJhbGci...")
        return checks_lines("the token, check by check", session.backend.auth.explain(token_of(session, words[0])))
    raise CallerError(
        f'%convex auth has no "{options.action}".{nearest(options.action, _ACTIONS)} There are: {", ".join(_ACTIONS)}.'
    )


def _add(session: Session, words: Sequence[str], options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    auth = session.backend.auth
    kind, rest = (words[0], words[1:]) if words else ("", ())
    if kind == "clerk":
        _expect(words, 1, "%convex auth add clerk https://verb-noun-00.clerk.accounts.dev", more=1)
        added = auth.add_clerk(rest[0] if rest else None)
    elif kind == "oidc":
        _expect(words, 3, "%convex auth add oidc https://issuer.example convex")
        added = auth.add({"domain": rest[0], "applicationID": rest[1]})
    elif kind == "custom":
        _expect(words, 3, "%convex auth add custom https://issuer.example https://issuer.example/jwks.json "
                "--algorithm ES256")  # fmt: skip
        tree = {"type": "customJwt", "issuer": rest[0], "jwks": rest[1]}
        given = {"algorithm": options.algorithm, "applicationID": options.application}
        added = auth.add({**tree, **{name: value for name, value in given.items() if value is not None}})
    else:
        raise CallerError("what kind of provider? clerk, oidc or custom.", hint="%convex auth add clerk")
    return Lines([("✓", f"{added} may vouch for callers from now on; it is kept in the store.")])


def _expect(words: Sequence[str], count: int, example: str, *, more: int = 0) -> None:
    if not count <= len(words) <= count + more:
        raise CallerError(f"this takes {count} word{'' if count == 1 else 's'}, not {len(words)}.", hint=example)


def provider_lines(session: Session) -> Lines:
    """Who may vouch for callers now, a line each."""
    auth = session.backend.auth
    lines = [("✓", f"{_shown(each.provider)} ({_COUNTS_FOR[each.source]})") for each in auth.configured]
    if auth.problem is not None:
        lines.append(("✗", auth.problem))
    if not lines:
        return Lines([("", _NOBODY)])
    return Lines([("", "May vouch for callers:"), *lines])


def _shown(provider: Provider) -> str:
    audience = provider.application_id or "any"
    return f"{provider.issuer}, audience {audience}, signed with {' or '.join(provider.algorithms)}"


def checks_lines(title: str, checks: Sequence[Check]) -> Lines:
    """Checks, a line each; the last line says what came of them."""
    lines = [("", title), *((_MARKS[each.verdict], _line(each)) for each in checks)]
    bad = [each.name for each in checks if each.verdict == "bad"]
    unknown = [each.name for each in checks if each.verdict == "open"]
    if bad:
        return Lines([*lines, ("✗", f"Not good: {', '.join(bad)}.")])
    if unknown:
        return Lines([*lines, ("?", f"Could not be checked: {', '.join(unknown)}.")])
    return Lines([*lines, ("✓", "All good.")])


def _line(check: Check) -> str:
    if check.verdict == "ok":
        return f"{check.name}: {check.found} (expected: {check.expected})"
    cure = f" {check.cure}" if check.cure else ""
    return f"{check.name}: {check.found.rstrip('.')}; expected: {check.expected}.{cure}"


@command(
    "token",
    "Make a token for trying things out: a development issuer in this kernel vouches for whom you name.",
    argument("whom", metavar="subject", nargs="?", help="whom the token is for"),
    argument("--subject", help="the same"),
    argument("--name", help="the claim name"),
    argument("--claim", action="append", default=[], metavar="NAME=VALUE", help="any other claim; may be repeated"),
    argument("--expires", default="1h", help="how long it counts: 30s, 15m, 1h, 7d (1h)"),
    argument("--expired", action="store_true", help="make one that has expired, to see what happens"),
    argument("--audience", default="convex", help="for whom the token is (convex)"),
    argument("--into", metavar="NAME", help="bind the token to this name"),
    epilog='example:  %convex token --subject ada --name "Ada Lovelace" --claim role=admin --into token',
)
def _make_token(session: Session, options: argparse.Namespace) -> Card:
    __tracebackhide__ = True
    given = options.whom or options.subject
    if not given:
        raise CallerError("whom is the token for?", hint='%convex token ada --name "Ada Lovelace"')
    if options.into and not options.into.isidentifier():
        raise CallerError(f"--into wants a name, not {options.into!r}.")
    subject, claims = unquoted(given), _claims(options)
    lasts_s = -3_600.0 if options.expired else _duration_s(options.expires)
    server = session.serve()
    text = server.token(subject, claims, expires_s=lasts_s, audience=options.audience)
    if options.into:
        session.shell.push({options.into: text})
    return Card(
        f"a token for {subject}",
        [
            ("token", text),
            ("counts", "no more: it has expired" if options.expired else f"for {options.expires}"),
            ("tokenIdentifier", f"{server.site_url}|{subject}"),
            ("for clients", "client.setAuth(async () => token), or the header Authorization: Bearer <token>"),
            ("in cells", f"%convex as {subject} --issuer {server.site_url}"),
        ],
        note="Whoever has it is that person to this backend, as long as it counts.",
        code=["token", "for clients", "in cells"],
    )


@command(
    "as",
    "Call functions as somebody from now on: in cells, in %convex run and in new live views.",
    argument("subject", nargs="?", help="whom to call as; nothing tells who it is"),
    argument("--name", help="the claim name"),
    argument("--claim", action="append", default=[], metavar="NAME=VALUE", help="any other claim; may be repeated"),
    argument("--issuer", default=LOCAL_ISSUER, help=f"who vouches ({LOCAL_ISSUER})"),
    argument("--token", help="as whoever this token means"),
    argument("--nobody", action="store_true", help="as nobody again"),
    epilog='for a few lines only:  with nbconvex.as_user(subject="ada"): ...',
)
def _act_as(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    if options.nobody:
        session.acting = None
    elif options.token:
        session.acting = session.backend.auth.verify(token_of(session, unquoted(options.token))).identity
    elif options.subject:
        named = {"subject": unquoted(options.subject), "issuer": unquoted(options.issuer)}
        session.acting = identity_named({**_claims(options), **named})
    return Lines([("✓" if session.acting else "", f"Cells call as {acting_text(session.acting)}.")])


def acting_text(identity: Identity | None) -> str:
    """Somebody, in a line."""
    if identity is None:
        return "nobody"
    name = f" ({identity.name})" if isinstance(identity.get("name"), str) else ""
    return f"{identity.subject}{name}, {identity.token_identifier}"


def _claims(options: argparse.Namespace) -> dict[str, Any]:
    claims = parse_arguments(options.claim)
    return claims if options.name is None else {**claims, "name": unquoted(options.name)}


def token_of(session: Session, word: str) -> str:
    """A token, or what the notebook has bound to a name."""
    value = session.shell.user_ns.get(word) if word.isidentifier() else None
    return value if isinstance(value, str) else word


def _duration_s(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None or not float(found[1]):
        raise CallerError(f"--expires wants a duration, not {text!r}.", hint="--expires 30s, 15m, 1h or 7d")
    return float(found[1]) * _UNITS[found[2]]
