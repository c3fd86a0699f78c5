"""Tokens over the network: the function API, and what functions see. nbconvex.server.caller, from outside."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from convex.http_client import ConvexHttpClient

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.limits import Limits
from nbconvex.server.serve import serve
from tests.services.auth.issuers import NOW_S, claims, custom, public_jwk, site, token


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(clock) -> Iterator[Backend]:
    """A backend with one provider, and functions that say who calls."""
    with Backend.open(clock=clock, auth=[custom()]) as backend:

        @backend.query(name="m:who")
        def who(ctx):
            user = ctx.auth.get_user_identity()
            return None if user is None else dict(user)

        @backend.mutation(name="m:add")
        def add(ctx) -> None:
            ctx.db.insert("notes", {})

        @backend.query(name="m:notes")
        def notes(ctx):
            return ctx.db.query("notes").count()

        yield backend


def asked(http: httpx.Client, path: str, bearer: str | None, kind: str = "query") -> httpx.Response:
    headers = {} if bearer is None else {"Authorization": bearer}
    return http.post(f"/api/{kind}", json={"path": path, "args": {}}, headers=headers)


def test_function_sees_who_holds_a_good_token_and_nobody_without_one(http) -> None:
    answer = asked(http, "m:who", f"Bearer {token(claims(name='Ada', roles=['admin']))}")
    assert answer.json() == {
        "status": "success",
        "value": {
            "tokenIdentifier": "https://issuer.example|ada", "issuer": "https://issuer.example", "subject": "ada",
            "name": "Ada", "roles": ["admin"],
        },
    }  # fmt: skip
    assert asked(http, "m:who", None).json()["value"] is None
    assert asked(http, "m:who", f"bearer {token()}").json()["value"]["subject"] == "ada"
    assert asked(http, "m:who", f"Bearer {token(claims(sub='bob'))}").json()["value"]["subject"] == "bob"


@pytest.mark.case("auth/handler_not_run_on_bad_token")
def test_bad_token_is_a_401_with_the_reason_and_the_function_never_runs(http, backend) -> None:
    answer = asked(http, "m:add", f"Bearer {token(claims(exp=NOW_S - 3_600))}", "mutation")
    assert answer.status_code == 401
    assert answer.json()["code"] == "InvalidAuthHeader"
    assert answer.json()["message"].startswith("Could not validate token: It expired 1 hour ago")
    assert backend.run("m:notes") == 0
    for bearer in (token(), "Bearer", "Bearer x.y.z", f"Bearer {token(claims(aud='other'))}", f"Basic {token()}"):
        refused = asked(http, "m:add", bearer, "mutation")
        assert refused.status_code == 401, bearer
        assert set(refused.json()) == {"code", "message"}
    assert backend.run("m:notes") == 0


def test_token_without_bearer_before_it_is_told_so(http) -> None:
    answer = asked(http, "m:who", token())
    assert answer.json() == {
        "code": "InvalidAuthHeader",
        "message": "The Authorization header has a token without 'Bearer ' before it. Write: Authorization: Bearer "
        "<token>.",
    }


def test_browsers_may_read_a_refusal(http) -> None:
    answer = http.post(
        "/api/query", json={"path": "m:who", "args": {}}, headers={"Authorization": "Bearer x", "Origin": "http://a"}
    )
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "http://a"


def test_header_smuggling_changes_nobody(http) -> None:
    body = b'{"path": "m:who", "args": {}}'
    kind = ("content-type", "application/json")
    good, bad = ("authorization", f"Bearer {token()}"), ("authorization", "Bearer x")
    for first, second in ((good, bad), (bad, good)):
        answer = http.post("/api/query", content=body, headers=[kind, first, second])
        # Two headers are one with a comma, or the first; never the second past the first.
        assert answer.status_code == (200 if first is good else 401)
    for name in ("x-authorization", "x-forwarded-user", "x-forwarded-authorization", "authorization_"):
        answer = http.post("/api/query", content=body, headers=[kind, (name, f"Bearer {token()}")])
        assert answer.json()["value"] is None


def test_production_does_not_name_its_providers(clock) -> None:
    with Backend.open(clock=clock, auth=[custom()], production=True) as backend, serve(backend, port=0) as server:
        backend.query(name="m:who")(lambda ctx: 1)
        answer = httpx.post(
            f"{server.url}/api/query", json={"path": "m:who", "args": {}},
            headers={"Authorization": f"Bearer {token(claims(iss='https://evil.example'))}"},
        )  # fmt: skip
    assert answer.status_code == 401
    assert "issuer.example" not in answer.text


def test_pypi_client_sets_and_clears_its_token(server) -> None:
    client = ConvexHttpClient(server.url)
    client.set_auth(token())
    assert client.query("m:who")["subject"] == "ada"
    client.clear_auth()
    assert client.query("m:who") is None
    client.set_auth(token(claims(exp=NOW_S - 60)))
    with pytest.raises(Exception, match="401 InvalidAuthHeader: Could not validate token: It expired 1 minute ago"):
        client.query("m:who")


def test_pypi_socket_client_sets_and_clears_its_token(server) -> None:
    # In a process of its own: it keeps the interpreter to itself while it waits.
    program = (
        "import sys; from convex import ConvexClient\n"
        "client = ConvexClient(sys.argv[1]); client.set_auth(sys.argv[2])\n"
        "print(client.query('m:who')['subject']); client.clear_auth(); print(client.query('m:who'))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, server.url, token()], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.split() == ["ada", "None"], ran.stderr


def test_identity_that_a_query_reads_is_part_of_its_key_and_of_no_others(http, backend) -> None:
    backend.query(name="m:seen")(lambda ctx: ctx.auth.get_user_identity().subject)
    backend.query(name="m:shared")(lambda ctx: "all")
    for subject in ("ada", "bob", "ada"):
        bearer = f"Bearer {token(claims(sub=subject))}"
        assert asked(http, "m:seen", bearer).json()["value"] == subject
        assert asked(http, "m:shared", bearer).json()["value"] == "all"
    # Twice what all share, and once what ada has seen before.
    assert backend.runner.cache.hits == 3


def test_issuer_that_does_not_answer_holds_up_nobody_without_a_token(clock) -> None:
    release, begun = threading.Event(), threading.Event()

    def hang(handler) -> None:
        begun.set()
        release.wait(10)
        handler.send_error(500)

    with site() as issuer:
        issuer.pages["/.well-known/openid-configuration"] = hang
        oidc = {"domain": issuer.url, "applicationID": "convex"}
        with Backend.open(clock=clock, auth=[oidc], limits=Limits(call_threads=1)) as backend:
            backend.query(name="m:one")(lambda ctx: 1)
            with serve(backend, port=0) as server, httpx.Client(base_url=server.url, timeout=10) as http:
                answers = []
                bearer = f"Bearer {token(claims(iss=issuer.url))}"
                waiting = threading.Thread(target=lambda: answers.append(asked_alone(server.url, bearer)))
                waiting.start()
                assert begun.wait(5)
                assert asked(http, "m:one", None).json()["value"] == 1.0
                assert not answers
                release.set()
                waiting.join()
                assert answers[0].status_code == 401
                assert answers[0].json()["code"] == "AuthProviderDiscoveryFailed"


def asked_alone(url: str, bearer: str) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=10) as http:
        return asked(http, "m:one", bearer)


def test_rotated_keys_are_found_without_a_restart(clock) -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        oidc = {"domain": issuer.url, "applicationID": "convex"}
        with Backend.open(clock=clock, auth=[oidc]) as backend, serve(backend, port=0) as server:
            backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity().subject)
            tree = claims(iss=issuer.url, exp=NOW_S + 900_000)
            with httpx.Client(base_url=server.url) as http:
                assert asked(http, "m:who", f"Bearer {token(tree)}").json()["value"] == "ada"
                issuer.is_issuer(public_jwk(number=1, kid="k1"))
                clock.advance(60)
                assert asked(http, "m:who", f"Bearer {token(tree, number=1, kid='k1')}").json()["value"] == "ada"
                # What was withdrawn counts no more, at once: the new set is the whole truth.
                assert asked(http, "m:who", f"Bearer {token(tree)}").status_code == 401
