"""What the answers of an address say about how it takes tokens, for the person who looks for what is wrong.

Owns:  `Answer`, the questions to ask, the checks of the answers; the check of an issuer's keys.
Must not know: how an address is asked.
Threads: pure, but for `issuer_checks`, which may wait for issuers.
Source: semantics 15.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nbconvex.errors import KeysUnavailableError
from nbconvex.services.auth.explanation import Check, KeysOf, Verdict
from nbconvex.services.auth.providers import OidcProvider, Provider

#: An origin that is certainly not the address's own.
ORIGIN: Final = "https://app.example"
#: What is sent as a token that is none.
NO_TOKEN: Final = "not-a-token"  # noqa: S105 - it opens nothing
#: Where a backend's own address is asked: nothing runs there.
API_PATH: Final = "/api/query_ts"
_SHOWN_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Question:
    """One request to send. `name` is what its answer is checked as."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `problem` says why nothing did. Names of headers are in small letters."""

    status: int = 0
    headers: Mapping[str, str] | None = None
    body: str = ""
    problem: str = ""

    def header(self, name: str) -> str:
        """A header, or nothing."""
        return (self.headers or {}).get(name, "")

    @property
    def message(self) -> str:
        """What a refusal says."""
        try:
            tree = json.loads(self.body)
        except ValueError:
            tree = None
        message = tree.get("message") or tree.get("error") if isinstance(tree, dict) else None
        text = message if isinstance(message, str) else self.body
        return " ".join(text.split())[:_SHOWN_MAX]


def questions(url: str, token: str | None, method: str = "GET") -> tuple[Question, ...]:
    """What to ask an address: a backend's own (without a path), or that of one of its HTTP endpoints."""
    is_api = urlsplit(url).path in {"", "/"}
    target = f"{url.rstrip('/')}{API_PATH}" if is_api else url
    method = "POST" if is_api else method.upper()
    common = {"Origin": ORIGIN, **({"Content-Type": "application/json"} if method != "GET" else {})}
    body = b"{}" if method not in {"GET", "HEAD", "DELETE"} else None
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    asked = [
        Question("preflight", "OPTIONS", target, preflight),
        Question("nobody", method, target, common, body),
        Question("no Bearer", method, target, {**common, "Authorization": token or "eyJ.eyJ.x"}, body),
        Question("wrong token", method, target, {**common, "Authorization": f"Bearer {NO_TOKEN}"}, body),
    ]
    if token is not None:
        asked.append(Question("your token", method, target, {**common, "Authorization": f"Bearer {token}"}, body))
    return tuple(asked)


def answer_checks(answers: Mapping[str, Answer]) -> tuple[Check, ...]:
    """What the answers to the questions say."""
    first = answers["nobody"]
    if first.problem:
        return (Check("reachable", "an answer", first.problem, "bad",
                      "Is the server running, and is this its address? %convex url shows both."),)  # fmt: skip
    checks = [Check("reachable", "an answer", f"status {first.status}", "ok")]
    if first.status == 404:
        cure = "The function API is at the API address, HTTP endpoints at the site address: %convex url."
        return (*checks, Check("address", "something that takes tokens", first.message, "bad", cure))
    checks += _preflight(answers["preflight"])
    is_fine = first.status < 500
    cure = "" if is_fine else "%convex logs --errors"
    verdict: Verdict = "ok" if is_fine else "bad"
    checks.append(Check("without a token", "any answer but an error", f"status {first.status}", verdict, cure))
    checks += _refused("no Bearer", answers["no Bearer"], "it takes a token without 'Bearer '")
    checks += _refused("wrong token", answers["wrong token"], "it takes what is no token")
    if "your token" in answers:
        checks += _accepted(answers["your token"])
    return tuple(checks)


def _preflight(answer: Answer) -> Iterator[Check]:
    allowed = {each.strip().lower() for each in answer.header("access-control-allow-headers").split(",")}
    origin = answer.header("access-control-allow-origin")
    name, expected = "preflight", "Authorization allowed for pages of other origins"
    if answer.problem or answer.status >= 300 or not origin:
        found = answer.problem or f"status {answer.status}, allow-origin {origin or 'missing'}"
        yield Check(name, expected, found, "bad", "Browsers will not send the token. %%http answers preflights itself, "
                    "unless --no-cors.")  # fmt: skip
    elif "authorization" not in allowed:
        # A * does not cover Authorization.
        yield Check(name, expected, f"allow-headers {', '.join(sorted(allowed)) or 'missing'}", "bad",
                    'Name it: "Access-Control-Allow-Headers": "Content-Type, Authorization".')  # fmt: skip
    else:
        yield Check(name, expected, "allowed", "ok")


def _refused(name: str, answer: Answer, otherwise: str) -> Iterator[Check]:
    expected = "401 with the reason, readable for pages"
    if answer.problem or answer.status >= 500:
        found = answer.problem or f"status {answer.status}: {answer.message}"
        yield Check(name, expected, found, "bad", "An error of the server: %convex logs --errors")
    elif answer.status not in {401, 403}:
        cure = "If callers must be known: %%http --auth, or ask ctx.auth.get_user_identity() and refuse None."
        yield Check(name, expected, f"status {answer.status}: {otherwise}, or does not look at it", "note", cure)
    elif not answer.header("access-control-allow-origin"):
        yield Check(name, expected, f"status {answer.status} without CORS headers", "bad",
                    "A page sees a CORS error instead of the reason: put CORS_HEADERS on refusals too.")  # fmt: skip
    else:
        yield Check(name, expected, f"status {answer.status}: {answer.message}", "ok")


def _accepted(answer: Answer) -> Iterator[Check]:
    expected = "taken"
    if answer.problem:
        yield Check("your token", expected, answer.problem, "bad", "Try again.")
    elif answer.status in {401, 403}:
        yield Check("your token", expected, f"status {answer.status}: {answer.message}", "bad",
                    "%convex auth explain TOKEN tells which check fails.")  # fmt: skip
    else:
        good = answer.status < 500
        yield Check("your token", expected, f"status {answer.status}", "ok" if good else "bad",
                    "" if good else "An error of the server: %convex logs --errors")  # fmt: skip


def issuer_checks(providers: Sequence[Provider], keys_of: KeysOf, problem: str | None = None) -> tuple[Check, ...]:
    """Whether each provider's keys can be had."""
    checks = []
    if problem is not None:
        checks.append(Check("environment", "a provider", problem, "bad", "Correct the variable."))
    if not providers and problem is None:
        cure = "%convex auth add clerk|oidc|custom, %%auth, or %convex token to try things out."
        checks.append(Check("providers", "at least one", "none: every token is refused", "bad", cure))
    for each in providers:
        try:
            keys = keys_of(each).keys()
        except KeysUnavailableError as error:
            cure = "Is the issuer's address right, and reachable from here?"
            if isinstance(each, OidcProvider):
                cure += " Its discovery document must be public."
            checks.append(Check(f"keys of {each.issuer}", "a key set", error.problem, "bad", cure))
            continue
        fit = [key for key in keys.keys if key.algorithm in each.algorithms]
        checks.append(
            Check(f"keys of {each.issuer}", f"one for {' or '.join(each.algorithms)}", str(keys),
                  "ok" if fit else "bad", "" if fit else "; ".join(keys.unfit) or "The algorithm is another one.")
        )  # fmt: skip
    return tuple(checks)
