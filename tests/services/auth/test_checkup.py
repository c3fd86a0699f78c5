"""What the answers of an address say about tokens: nbconvex.services.auth.checkup."""

from __future__ import annotations

import pytest

from nbconvex.clock import ManualClock
from nbconvex.limits import Limits
from nbconvex.services.auth.checkup import Answer, answer_checks, issuer_checks, questions
from nbconvex.services.auth.keys import key_source
from nbconvex.services.auth.providers import read_providers
from tests.services.auth.issuers import custom, data_address, key_set, public_jwk

ALLOWED = {"access-control-allow-origin": "*", "access-control-allow-headers": "Authorization, Content-Type"}
REFUSED = Answer(401, ALLOWED, '{"code": "X", "message": "no\\n such"}')
GOOD = {"preflight": Answer(200, ALLOWED), "nobody": Answer(200), "no Bearer": REFUSED, "wrong token": REFUSED}


def verdicts(**changed) -> dict[str, str]:
    answers = {**GOOD, **{name.replace("_", " "): answer for name, answer in changed.items()}}
    return {each.name: each.verdict for each in answer_checks(answers)}


def test_backend_is_asked_where_nothing_runs_and_an_endpoint_where_it_is() -> None:
    asked = questions("http://a:1/", "tok")
    assert {each.url for each in asked} == {"http://a:1/api/query_ts"}
    assert [each.method for each in asked] == ["OPTIONS", "POST", "POST", "POST", "POST"]
    assert [each.headers.get("Authorization") for each in asked] == [
        None,
        None,
        "tok",
        "Bearer not-a-token",
        "Bearer tok",
    ]
    endpoint = questions("http://a:1/me", None, "get")
    assert [(each.method, each.url, each.body) for each in endpoint][1:] == [("GET", "http://a:1/me", None)] * 3
    assert endpoint[0].headers["Access-Control-Request-Method"] == "GET"


def test_address_that_does_everything_right_passes() -> None:
    assert set(verdicts(your_token=Answer(200)).values()) == {"ok"}
    assert "no such" in answer_checks(GOOD)[-1].found


@pytest.mark.parametrize(
    ("changed", "name", "verdict"),
    [
        ({"nobody": Answer(problem="no answer")}, "reachable", "bad"),
        ({"nobody": Answer(404, {}, "nothing here")}, "address", "bad"),
        ({"nobody": Answer(500)}, "without a token", "bad"),
        ({"preflight": Answer(404, ALLOWED)}, "preflight", "bad"),
        ({"preflight": Answer(200, {})}, "preflight", "bad"),
        ({"preflight": Answer(200, {"access-control-allow-origin": "*", "access-control-allow-headers": "*"})},
         "preflight", "bad"),
        ({"preflight": Answer(problem="gone")}, "preflight", "bad"),
        ({"no_Bearer": Answer(200)}, "no Bearer", "note"),
        ({"wrong_token": Answer(200)}, "wrong token", "note"),
        ({"wrong_token": Answer(401)}, "wrong token", "bad"),
        ({"wrong_token": Answer(500)}, "wrong token", "bad"),
        ({"your_token": Answer(401, ALLOWED, '{"error": "x"}')}, "your token", "bad"),
        ({"your_token": Answer(500)}, "your token", "bad"),
        ({"your_token": Answer(problem="gone")}, "your token", "bad"),
        ({"your_token": Answer(400)}, "your token", "ok"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(changed, name, verdict) -> None:
    assert verdicts(**changed)[name] == verdict


def test_keys_of_each_issuer_are_tried() -> None:
    providers = read_providers([
        custom(), custom(issuer="https://b.example", jwks="data:,x"),
        custom(issuer="https://c.example", jwks=data_address(key_set(public_jwk("ES256"), {"kty": "oct"}))),
    ])  # fmt: skip
    checks = issuer_checks(providers, lambda each: key_source(each, ManualClock(), Limits()))
    assert [(each.name, each.verdict) for each in checks] == [
        ("keys of https://issuer.example", "ok"), ("keys of https://b.example", "bad"),
        ("keys of https://c.example", "bad"),
    ]  # fmt: skip
    assert "shared secret" in checks[2].cure


def test_nobody_to_vouch_is_told() -> None:
    assert issuer_checks([], lambda _: None)[0].found == "none: every token is refused"  # type: ignore[arg-type,return-value]
    assert issuer_checks([], lambda _: None, "it is http")[0].found == "it is http"  # type: ignore[arg-type,return-value]
