"""What browsers are told about endpoints: nbconvex.server.site_cors."""

from __future__ import annotations

import httpx
import pytest

from nbconvex import Response
from nbconvex.backend import Backend
from nbconvex.functions.http_cors import Cors
from nbconvex.limits import Limits
from nbconvex.server.serve import serve
from nbconvex.server.site_cors import answer_headers, is_foreign, is_refused

A, B = "https://a.example", "https://b.example"
ANY = ("*",)


def preflight(site, path="/x", method="POST", headers="authorization,content-type", origin=A) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return site.options(path, headers={**asked, **({"Access-Control-Request-Headers": headers} if headers else {})})


def allowed(answer: httpx.Response) -> str | None:
    return answer.headers.get("access-control-allow-origin")


def listed(answer: httpx.Response, name: str) -> set[str]:
    return {each.strip() for each in answer.headers.get(f"access-control-allow-{name}", "").split(",")} - {""}


@pytest.mark.case("cors/preflight_automatic")
def test_preflight_is_answered_for_every_route(backend, site) -> None:
    backend.http.post("/x")(lambda ctx, request: None)
    answer = preflight(site)
    assert (answer.status_code, answer.content, allowed(answer)) == (204, b"", "*")
    assert listed(answer, "methods") == {"POST", "OPTIONS"}
    assert listed(answer, "headers") == {"authorization", "content-type"}
    assert answer.headers["access-control-max-age"] == "86400"
    assert {"Content-Type", "Authorization"} == listed(preflight(site, headers=None), "headers")


@pytest.mark.case("cors/methods_from_routes")
def test_methods_are_those_of_the_path(backend, site) -> None:
    backend.http.get("/x")(lambda ctx, request: None)
    backend.http.patch("/*")(lambda ctx, request: None)
    backend.http.post("/x", no_cors=True)(lambda ctx, request: None)
    assert listed(preflight(site, method="PATCH"), "methods") == {"GET", "PATCH", "OPTIONS"}
    assert listed(preflight(site, method="HEAD"), "methods") == {"GET", "PATCH", "OPTIONS"}
    assert preflight(site, method="POST").status_code == 404


def test_preflight_for_what_is_not_there_lets_the_page_read_why(backend, site) -> None:
    backend.http.get("/x")(lambda ctx, request: None)
    assert allowed(preflight(site, "/none")) == "*"
    assert "DELETE" in listed(preflight(site, method="DELETE"), "methods")
    answer = site.delete("/x", headers={"Origin": A})
    assert (answer.status_code, allowed(answer)) == (405, "*")


@pytest.mark.case("cors/success_has_headers", "cors/error_has_headers")
def test_every_answer_of_a_route_has_the_headers(backend, site) -> None:
    @backend.http.post("/x")
    def handler(ctx, request):
        if request.text() == "fail":
            raise ValueError
        return Response("no", status=int(request.text()))

    for text in ("200", "401", "404", "500", "fail"):
        answer = site.post("/x", content=text, headers={"Origin": A})
        assert (answer.status_code, allowed(answer)) == (500 if text == "fail" else int(text), "*")
        assert answer.headers["access-control-expose-headers"] == "*"
        assert answer.headers["vary"] == "Origin"


@pytest.mark.case("cors/allowed_origin_list")
def test_listed_origin_is_echoed_and_another_gets_none(backend, site) -> None:
    backend.http.get("/x", origins=[A, "http://localhost:5173"])(lambda ctx, request: "x")
    for origin, told in ((A, A), ("http://localhost:5173", "http://localhost:5173"), (B, None)):
        for answer in (site.get("/x", headers={"Origin": origin}), preflight(site, method="GET", origin=origin)):
            assert allowed(answer) == told
            assert "Origin" in answer.headers["vary"]
            assert answer.is_success
    assert allowed(site.get("/x")) is None
    assert site.get("/x").headers["vary"] == "Origin"


@pytest.mark.case("cors/enforce_origins")
def test_enforced_list_refuses_before_anything_runs(backend, site) -> None:
    ran = []
    backend.http.get("/x", origins=[A], enforce=True)(lambda ctx, request: ran.append(1))
    answer = site.get("/x", headers={"Origin": B})
    assert (answer.status_code, answer.json()["code"], allowed(answer), ran) == (403, "OriginNotAllowed", None, [])
    assert site.get("/x", headers={"Origin": A}).status_code == 204
    assert site.get("/x").status_code == 204


def test_credentials_and_named_headers_are_told(backend, site) -> None:
    @backend.http.get("/x", origins=A, credentials=True, headers="X-A, X-B", max_age=60)
    def handler(ctx, request):
        return Response("x", headers={"X-Total": "1"})

    answer = site.get("/x", headers={"Origin": A})
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "Content-Type, X-Total"
    asked = preflight(site, method="GET")
    assert (listed(asked, "headers"), asked.headers["access-control-max-age"]) == ({"X-A", "X-B"}, "60")
    assert asked.headers["access-control-allow-credentials"] == "true"


@pytest.mark.case("cors/per_route_override")
def test_each_route_has_its_own_rule_and_the_backend_the_rest(backend, site) -> None:
    backend.http.get("/own", origins=[A])(lambda ctx, request: "x")
    backend.http.get("/open", origins="*")(lambda ctx, request: "x")
    backend.http.get("/rest")(lambda ctx, request: "x")

    def told(origin: str) -> list[str | None]:
        return [allowed(site.get(path, headers={"Origin": origin})) for path in ("/own", "/open", "/rest", "/none")]

    assert told(B) == [None, "*", "*", "*"]
    backend.http.origins = [B]
    assert told(B) == [None, "*", B, B]
    assert told(A) == [A, "*", None, None]


@pytest.mark.case("cors/manual_headers_win")
def test_headers_of_the_handler_win_and_none_comes_twice(backend, site) -> None:
    @backend.http.get("/x")
    def handler(ctx, request):
        return Response("x", headers={"Access-Control-Allow-Origin": B, "Vary": "Accept, Origin"})

    @backend.http.get("/vary")
    def vary(ctx, request):
        return Response("x", headers={"Vary": "Accept", "Access-Control-Expose-Headers": "X-A"})

    answer = site.get("/x", headers={"Origin": A})
    assert answer.headers.get_list("access-control-allow-origin") == [B]
    assert answer.headers.get_list("vary") == ["Accept, Origin"]
    assert "access-control-expose-headers" not in answer.headers
    answer = site.get("/vary", headers={"Origin": A})
    assert answer.headers.get_list("access-control-expose-headers") == ["X-A"]
    assert sorted(answer.headers.get_list("vary")) == ["Accept", "Origin"]


@pytest.mark.case("cors/preflight_manual")
def test_options_route_of_ones_own_answers_preflights(backend, site) -> None:
    backend.http.post("/x")(lambda ctx, request: None)

    @backend.http.options("/x")
    def options(ctx, request):
        return Response(None, 200, {"Access-Control-Allow-Origin": B, "Access-Control-Allow-Methods": "POST"})

    answer = preflight(site)
    assert (answer.status_code, allowed(answer), listed(answer, "methods")) == (200, B, {"POST"})


@pytest.mark.case("cors/preflight_missing_hint", "guide/ts_cors_curl_vs_browser")
def test_route_without_cors_works_for_curl_and_leaves_browsers_a_hint_once(backend, site) -> None:
    backend.http.post("/x", no_cors=True)(lambda ctx, request: "x")

    def hints() -> list[str]:
        return [line for record in backend.logs for line in record.lines if "--no-cors" in line]

    assert site.post("/x").text == "x"
    assert site.post("/x", headers={"Origin": str(site.base_url).rstrip("/")}).text == "x"
    assert hints() == []
    asked = preflight(site)
    assert (asked.status_code, allowed(asked)) == (404, None)
    assert "POST /x has --no-cors" in asked.text
    for _ in range(2):
        answer = site.post("/x", headers={"Origin": A})
        assert (answer.text, allowed(answer)) == ("x", None)
    (hint,) = hints()
    assert "Leave --no-cors out" in hint


def test_refusals_before_the_handler_have_the_headers_of_the_route() -> None:
    with Backend.open(limits=Limits(http_request_bytes=10)) as backend, serve(backend, port=0) as server:
        backend.http.post("/x", origins=[A])(lambda ctx, request: None)
        answer = httpx.post(f"{server.site_url}/x", content=b"a" * 11, headers={"Origin": A})
        assert (answer.status_code, allowed(answer)) == (413, A)


def test_unforeseen_error_can_be_read_by_pages_and_says_nothing(backend, site, monkeypatch) -> None:
    def broken(*_):
        raise KeyError("secret")

    backend.http.get("/x")(lambda ctx, request: None)
    monkeypatch.setattr("nbconvex.server.site.Site._asked", broken)
    answer = site.get("/x", headers={"Origin": A})
    assert (answer.status_code, allowed(answer)) == (500, "*")
    assert "secret" not in answer.text
    assert "secret" in str(list(backend.logs)[-1].error)


def test_pure_rules() -> None:
    assert answer_headers(None, A, ANY) == ()
    assert answer_headers(Cors((A,)), None, ANY) == (("Vary", "Origin"),)
    assert is_refused(Cors((A,), is_enforced=True), B, ANY)
    assert not is_refused(Cors((A,), is_enforced=True), None, ANY)
    assert not is_refused(Cors((A,), is_enforced=True), A.upper(), ANY)
    assert not is_refused(None, B, ANY)
    assert not is_foreign(None, "x")
    assert not is_foreign("http://x:1", "X:1")
    assert is_foreign("http://y", "x")
    assert is_foreign("null", "x")
    assert is_foreign("http://[", "x")
