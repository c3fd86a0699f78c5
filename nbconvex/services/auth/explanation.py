"""Why a token is good or is not, for the person who wonders.

Owns:  `Check`, `explain`: every check of a token, each with what was expected, what was found, and what to do.
Must not know: how an explanation is shown.
Invariants: nothing that a token says is believed on the way. All checks that can be made are made, not only those up
to the first that fails. It is for the backend's author: it names providers also in production.
Threads: any; it may wait for an issuer's keys.
Source: semantics 10, 14 row 8, 15.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nbconvex.errors import KeysUnavailableError, UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.keys import KeySource
from nbconvex.services.auth.providers import (
    CLERK_APPLICATION,
    CLERK_VARIABLE,
    OidcProvider,
    Provider,
    issuer_key,
    matching,
    with_issuer,
)
from nbconvex.services.auth.tokens import MALFORMED, Token, read_token, shown
from nbconvex.services.auth.verifier import LEEWAY_S, is_signed, moment, said

#: "ok" and "bad" are verdicts; "note" says something, and "open" is what could not be checked.
Verdict = Literal["ok", "bad", "note", "open"]
KeysOf = Callable[[Provider], KeySource]

#: Headers with which a token could bring its own key along.
_OWN_KEYS: Final = ("jku", "jwk", "x5u", "x5c")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it is about, what was expected, what was found, the verdict, and what to do."""

    name: str
    expected: str
    found: str
    verdict: Verdict
    cure: str = ""


def is_good(checks: Sequence[Check]) -> bool:
    """Whether everything was checked and found right."""
    return all(each.verdict in {"ok", "note"} for each in checks)


def explain(
    text: str, providers: Sequence[Provider], keys_of: KeysOf, *, limits: Limits, now_s: float,
    problem: str | None = None,
) -> tuple[Check, ...]:  # fmt: skip
    """All checks of a token. `problem` is what is wrong with a provider that could not be read."""
    checks: list[Check] = []
    stripped = text.strip()
    if stripped[:7].lower() == "bearer ":
        checks.append(Check("form", "a token alone", "a token with 'Bearer' before it", "note",
                            "It is read without it; in a header it belongs there, once."))  # fmt: skip
        stripped = stripped[7:]
    try:
        token = read_token(stripped, limits)
    except UnauthenticatedError as error:
        cause = error.message.removeprefix(MALFORMED).strip()
        cure = "Pass on exactly what the sign-in service gave; it begins with eyJ."
        return (*checks, Check("form", "three base64url parts with JSON", cause, "bad", cure))
    checks.append(Check("form", "a signed JWT", f"claims {', '.join(map(shown, token.claims))}"[:200], "ok"))
    if problem is not None:
        checks.append(Check("provider", "a provider in the environment", problem, "bad", f"Correct {CLERK_VARIABLE}."))
    provider = _likeliest(token, providers)
    checks += _of_issuer(token, providers)
    checks += _of_audience(token, providers)
    if provider is not None:
        checks += _of_signature(token, provider, keys_of)
    checks += _of_times(token.claims, now_s)
    return tuple(checks)


def _likeliest(token: Token, providers: Sequence[Provider]) -> Provider | None:
    """The provider that was most likely meant, to go on with."""
    issuer = token.issuer or ""
    near = with_issuer(providers, issuer)
    return matching(providers, issuer, token.audiences) or (near[0] if near else None)


def _of_issuer(token: Token, providers: Sequence[Provider]) -> Iterator[Check]:
    expected = ", ".join(dict.fromkeys(issuer_key(each.issuer) for each in providers)) or "no provider is configured"
    if token.issuer is None:
        yield Check("issuer (iss)", expected, "missing", "bad", "Tokens must say who has issued them.")
        return
    if with_issuer(providers, token.issuer):
        yield Check("issuer (iss)", expected, shown(token.issuer), "ok")
        return
    if not providers:
        cure = (
            f"%convex auth add clerk {token.issuer}" if "clerk." in token.issuer
            else f"%convex auth add oidc {token.issuer} {next(iter(token.audiences), 'APPLICATION')}"
        )  # fmt: skip
        cure = f"If you trust this issuer: {cure}"
    else:
        cure = f"Configure the token's issuer, or get a token from the configured one. For Clerk, see {CLERK_VARIABLE}."
    yield Check("issuer (iss)", expected, shown(token.issuer), "bad", cure)


def _of_audience(token: Token, providers: Sequence[Provider]) -> Iterator[Check]:
    near = with_issuer(providers, token.issuer or "")
    if not near:
        return
    found = ", ".join(map(shown, token.audiences)) or "missing"
    expected = " or ".join("anything" if each.application_id is None else each.application_id for each in near)
    if matching(near, token.issuer or "", token.audiences) is not None:
        yield Check("audience (aud)", expected, found, "ok")
        return
    cure = f"Have the issuer put {expected} into aud, or configure the application id that it puts there."
    if CLERK_APPLICATION in [each.application_id for each in near]:
        cure = (
            "With Clerk: name the JWT template exactly 'convex', and ask for it: getToken({template: 'convex'}). "
            "A token without that template has another audience, or none."
        )
    if len(token.audiences) > 1:
        cure = "OIDC tokens must be for one audience alone; a custom provider takes several."
    yield Check("audience (aud)", expected, found, "bad", cure)


def _of_signature(token: Token, provider: Provider, keys_of: KeysOf) -> Iterator[Check]:
    expected = " or ".join(provider.algorithms)
    brought = [name for name in _OWN_KEYS if name in token.header]
    if brought:
        yield Check("own key", "none", ", ".join(brought), "note", "Keys that a token brings along are not looked at.")
    if token.algorithm not in provider.algorithms:
        cure = "Set the issuer to that algorithm. What is unsigned or signed with a shared secret proves nothing."
        yield Check("algorithm (alg)", expected, shown(token.algorithm), "bad", cure)
        return
    yield Check("algorithm (alg)", expected, shown(token.algorithm), "ok")
    if "crit" in token.header:
        yield Check("extensions (crit)", "none", shown(token.header["crit"]), "bad", "Have the issuer leave them out.")
    try:
        source = keys_of(provider)
        kid = token.kid if token.kid is None or isinstance(token.kid, str) else ""
        key, known = source.find(kid, token.algorithm), source.keys()
    except KeysUnavailableError as error:
        cure = "Is the address right, and reachable from here?"
        if isinstance(provider, OidcProvider):
            cure += f" Open {provider.issuer}/.well-known/openid-configuration in a browser."
        yield Check("keys", f"those of {error.issuer}", error.problem, "open", cure)
        return
    if key is None:
        cure = "The issuer may have changed its keys: get a new token. Or it is a token of another environment."
        if known.unfit:
            cure += f" Entries that are no keys: {'; '.join(known.unfit[:5])}."
        yield Check("key id (kid)", str(known), shown(token.kid), "bad", cure)
        return
    yield Check("key id (kid)", str(known), shown(token.kid), "ok")
    if is_signed(token, key):
        yield Check("signature", "made with that key", "it is", "ok")
    else:
        yield Check("signature", "made with that key", "it is not", "bad",
                    "The token was changed on the way, or it is another issuer's.")  # fmt: skip


def _of_times(claims: Mapping[str, Any], now_s: float) -> Iterator[Check]:
    subject = claims.get("sub")
    is_right = isinstance(subject, str) and bool(subject)
    yield Check("subject (sub)", "a text", shown(subject) if "sub" in claims else "missing",
                "ok" if is_right else "bad", "" if is_right else "Tokens must say for whom they are.")  # fmt: skip
    times = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    here = f"the time here is {moment(now_s)}"
    for name, what in (("exp", "expiry (exp)"), ("nbf", "not before (nbf)"), ("iat", "issued at (iat)")):
        value = times[name]
        if value is None and name not in claims:
            if name == "exp":
                yield Check(what, f"after {moment(now_s)}", "missing", "bad", "Tokens must end some time.")
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield Check(what, "seconds since 1970", shown(value), "bad", "Have the issuer write a number.")
        elif name == "exp" and now_s >= value + LEEWAY_S:
            cure = f"Get a new token; clients do so by themselves before the end. T{here[1:]}."
            yield Check(what, f"after {moment(now_s)}", f"{moment(value)}, {said(now_s - value)} ago", "bad", cure)
        elif name == "exp":
            yield Check(what, f"after {moment(now_s)}", f"{moment(value)}, in {said(value - now_s)}", "ok")
        elif value > now_s + LEEWAY_S:
            yield Check(what, f"before {moment(now_s)}", f"{moment(value)}, in {said(value - now_s)}", "bad",
                        f"Set the clocks: {here}.")  # fmt: skip
        else:
            yield Check(what, f"before {moment(now_s)}", moment(value), "ok")
