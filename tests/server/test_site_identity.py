"""Who calls an endpoint: what a token, a bad one and none mean to its handler."""

from __future__ import annotations

import httpx
import pytest

from nbconvex.errors import UnauthenticatedError


@pytest.fixture
def ask(backend, server):
    ran: list[str] = []

    @backend.http.get("/me")
    def me(ctx, request):
        ran.append("began")
        if request.query.get("raw"):
            return {"header": request.headers["Authorization"]}
        try:
            identity = ctx.auth.get_user_identity()
        except UnauthenticatedError as error:
            ran.append(error.reason)
            raise
        return {"subject": identity and identity.subject}

    def get(token: str | None = None, **query: str) -> tuple[int, dict, list[str]]:
        ran.clear()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{server.site_url}/me", headers=headers, params=query)
        return answer.status_code, answer.json(), list(ran)

    return get


@pytest.mark.case("auth/http_action_no_token")
def test_without_a_token_the_caller_is_nobody(ask) -> None:
    assert ask() == (200, {"subject": None}, ["began"])


def test_a_good_token_says_who_it_is(ask, server) -> None:
    assert ask(server.token("ada")) == (200, {"subject": "ada"}, ["began"])


@pytest.mark.case("auth/http_action_bad_token")
def test_an_expired_token_lets_the_handler_run_and_raises_where_it_asks_who_calls(ask, server) -> None:
    expired = server.token("ada", expires_s=-3_600)
    status, told, ran = ask(expired)
    assert status >= 400
    assert ran[0] == "began"
    assert len(ran) == 2
    assert "expired" in str(told)
    assert ask(expired, raw="1") == (200, {"header": f"Bearer {expired}"}, ["began"])
