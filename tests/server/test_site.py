"""Endpoints over the network: nbconvex.server.site."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading

import httpx
import pytest

from nbconvex import CORS_HEADERS, Response
from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.limits import Limits
from nbconvex.server.serve import serve

PAGE = {"Origin": "https://app.example"}


@pytest.fixture
def app(backend) -> Backend:
    """A few functions for handlers to call."""

    @backend.query(name="notes:bodies")
    def bodies(ctx):
        return [each["body"] for each in ctx.db.query("notes").collect()]

    @backend.mutation(name="notes:add")
    def add(ctx, body: str):
        return ctx.db.insert("notes", {"body": body})

    @backend.query(name="users:me")
    def me(ctx):
        user = ctx.auth.get_user_identity()
        return None if user is None else user.subject

    return backend


@pytest.mark.case("http/get_query_param")
def test_handler_reads_what_stands_in_the_url(app, site, server) -> None:
    @app.http.get("/hello")
    def hello(ctx, request):
        return {"q": request.query["q"], "url": request.url, "path": request.path, "method": request.method}

    assert site.get("/hello?q=1&r=%20").json() == {
        "q": "1", "url": f"{server.site_url}/hello?q=1&r=%20", "path": "/hello", "method": "GET",
    }  # fmt: skip


@pytest.mark.case("http/post_json")
@pytest.mark.parametrize("is_async", [True, False])
def test_json_goes_in_and_out(app, site, is_async) -> None:
    if is_async:

        @app.http.post("/echo")
        async def echo(ctx, request):
            return await request.json()
    else:

        @app.http.post("/echo")
        def echo(ctx, request):
            return request.json()

    tree = {"a": [1, 2.5, None, "é"], "b": {"c": True}}
    answer = site.post("/echo", json=tree)
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, tree, "application/json")


@pytest.mark.case("http/path_prefix")
def test_prefix_route_reads_the_rest_of_the_path(app, site) -> None:
    app.http.get("/users/*")(lambda ctx, request: {"path": request.path, "rest": request.rest})
    assert site.get("/users/42/x").json() == {"path": "/users/42/x", "rest": "42/x"}
    assert site.get("/users/a%2Fb/c%20d").json() == {"path": "/users/a%2Fb/c d", "rest": "a%2Fb/c d"}


@pytest.mark.case("http/runs_query")
def test_handlers_call_functions(app, site) -> None:
    @app.http.post("/notes")
    async def add(ctx, request):
        note = await ctx.run_mutation("notes:add", **await request.json())
        return Response({"id": note}, status=201)

    app.http.get("/notes")(lambda ctx, request: ctx.run_query("notes:bodies"))
    assert site.post("/notes", json={"body": "hi"}).status_code == 201
    assert site.get("/notes").json() == ["hi"]


@pytest.mark.case("http/head_uses_get")
def test_head_has_the_status_and_headers_of_get_and_no_body(app, site) -> None:
    app.http.get("/a")(lambda ctx, request: Response("hello", 201, {"X-A": "1"}))
    answer, whole = site.head("/a"), site.get("/a")
    assert (answer.status_code, answer.content) == (201, b"")
    assert {**answer.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.case("http/status_and_headers")
def test_status_and_headers_arrive(app, site) -> None:
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "y")]
    app.http.get("/a")(lambda ctx, request: Response("made", 201, cookies))
    answer = site.get("/a")
    assert (answer.status_code, answer.text, answer.headers["X"]) == (201, "made", "y")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("result", "status", "body", "kind"),
    [
        (None, 204, b"", None),
        ("hé", 200, "hé".encode(), "text/plain; charset=utf-8"),
        (b"\x00", 200, b"\x00", "application/octet-stream"),
        ([1], 200, b"[1]", "application/json"),
        (Response.redirect("/there"), 302, b"", None),
    ],
)
def test_handler_may_answer_without_a_response(app, site, result, status, body, kind) -> None:
    app.http.get("/a")(lambda ctx, request: result)
    answer = site.get("/a")
    assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (status, body, kind)


@pytest.mark.case("http/non_response_result")
def test_wrong_answer_is_a_500_that_teaches(app, site) -> None:
    app.http.get("/a")(lambda ctx, request: ({"error": "x"}, 400))
    answer = site.get("/a")
    assert answer.status_code == 500
    assert "status=400" in answer.json()["code"]


@pytest.mark.case("http/exception_500")
@pytest.mark.parametrize("production", [True, False])
def test_failed_handler_is_a_500_with_a_code_and_a_trace_in_development_only(production) -> None:
    with Backend.open(production=production) as backend, serve(backend, port=0) as server:

        @backend.http.get("/a")
        def handler(ctx, request):
            raise ValueError("secret")

        @backend.http.get("/b")
        def refused(ctx, request):
            raise ConvexError({"why": "no", "n": 1})

        plain, data = (httpx.get(f"{server.site_url}{path}") for path in ("/a", "/b"))
        assert (plain.status_code, data.status_code) == (500, 500)
        record = next(each for each in backend.logs if each.path == "GET /a")
        assert plain.json()["code"].startswith(f"[Request ID: {record.request_id}] Server Error")
        assert data.json()["data"] == {"why": "no", "n": 1}
        if production:
            assert plain.json().keys() == {"code"}
            assert data.json().keys() == {"code", "data"}
            assert "secret" not in plain.text
        else:
            assert plain.json()["code"].endswith("Server Error: ValueError: secret")
            assert "in handler\n    raise ValueError" in plain.json()["trace"]
            assert "site-packages" not in plain.json()["trace"]


def test_convex_error_may_choose_its_status(app, site) -> None:
    @app.http.get("/a")
    def handler(ctx, request):
        raise ConvexError({"status": float(request.query["status"]), "error": "no such note"})

    for asked, status in (("404", 404), ("422", 422), ("200", 500), ("404.5", 500), ("nan", 500)):
        answer = site.get(f"/a?status={asked}")
        assert answer.status_code == status
        assert answer.json()["data"]["error"] == "no such note"


@pytest.mark.case("http/argument_error_to_400")
@pytest.mark.parametrize("production", [True, False])
def test_argument_that_does_not_fit_is_a_400_naming_field_and_path(production) -> None:
    with Backend.open(production=production) as backend, serve(backend, port=0) as server:

        @backend.mutation(name="notes:add")
        def add(ctx, note: dict[str, str]):
            return None

        @backend.http.post("/notes")
        async def handler(ctx, request):
            return await ctx.run_mutation("notes:add", **await request.json())

        answer = httpx.post(f"{server.site_url}/notes", json={"note": {"body": 5}})
        told = answer.json()
        assert (answer.status_code, told["code"]) == (400, "ArgumentsInvalid")
        assert told["path"] == ".note.values()"
        missing = httpx.post(f"{server.site_url}/notes", json={})
        assert missing.status_code == 400
        # What is missing has no place of its own: the path is that of what lacks it.
        assert ('"note"' in missing.json()["message"], missing.json()["path"]) == (True, "")
        assert ("function" in told) is not production


@pytest.mark.case("http/mutation_atomic_in_handler")
def test_handler_that_fails_undoes_no_mutation_that_it_ran(app, site) -> None:
    @app.http.post("/a")
    def handler(ctx, request):
        ctx.run_mutation("notes:add", body="stays")
        raise ValueError

    assert site.post("/a").status_code == 500
    assert app.run_query("notes:bodies") == ["stays"]


@pytest.mark.case("http/webhook_raw_body")
def test_webhook_verifies_a_signature_over_the_raw_body(app, site) -> None:
    def signature(text: str) -> str:
        return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()

    @app.http.post("/hook")
    def hook(ctx, request):
        if not hmac.compare_digest(request.headers["X-Signature"], signature(request.text())):
            return Response("bad signature", status=401)
        return {"event": request.json()["event"]}

    raw = '{ "event":  "paid" }'
    good = site.post("/hook", content=raw, headers={"X-Signature": signature(raw)})
    assert (good.status_code, good.json()) == (200, {"event": "paid"})
    assert site.post("/hook", content=raw, headers={"X-Signature": "0"}).status_code == 401


def test_forms_arrive_with_their_files(app, site) -> None:
    @app.http.post("/upload")
    async def upload(ctx, request):
        form = await request.form()
        return {"name": form["name"], "file": form["file"].filename, "size": form["file"].size}

    answer = site.post("/upload", data={"name": "Ada"}, files={"file": ("a.bin", b"\x00" * 200_000)})
    assert answer.json() == {"name": "Ada", "file": "a.bin", "size": 200_000}
    assert site.post("/upload", json={}).status_code == 415


# -- what no route is for ----------------------------------------------------------------------------------------------


@pytest.fixture
def routed(app) -> Backend:
    app.http.get("/a")(lambda ctx, request: "a")
    app.http.patch("/a")(lambda ctx, request: "a")
    app.http.get("/users/*")(lambda ctx, request: "u")
    return app


@pytest.mark.case("http/no_route", "cors/not_found_has_headers")
def test_lost_request_is_told_the_routes_and_the_nearest_path(routed, site) -> None:
    answer = site.get("/aa", headers=PAGE)
    assert answer.status_code == 404
    assert answer.text.startswith("No matching routes found\n")
    assert "Did you mean /a?" in answer.text
    assert "  GET /a\n  PATCH /a\n  GET /users/*\n" in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.case("http/trailing_slash")
def test_slash_at_the_end_counts_and_that_is_said(routed, site) -> None:
    assert "there is /a: the slash at the end counts" in site.get("/a/").text
    assert "/users/* begins with /users/" in site.get("/users").text
    assert "there is /a: capitals count" in site.get("/A").text
    assert site.get("//a").status_code == 404


@pytest.mark.case("http/wrong_method")
def test_wrong_method_is_told_the_right_ones(routed, site) -> None:
    answer = site.post("/a", headers=PAGE)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH, HEAD")
    assert answer.text.startswith("No matching routes found\n")
    assert "/a takes GET, PATCH, not POST" in answer.text
    assert "%%http POST /a" in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = site.options("/a")
    assert (asked.status_code, asked.headers["allow"]) == (204, "GET, PATCH, OPTIONS")


def test_strangers_are_told_little_in_production() -> None:
    with Backend.open(production=True) as backend, serve(backend, port=0) as server:
        assert httpx.get(f"{server.site_url}/x").text == "This Convex deployment does not have HTTP actions enabled.\n"
        backend.http.get("/secret")(lambda ctx, request: None)
        for answer in (httpx.get(f"{server.site_url}/secre"), httpx.post(f"{server.site_url}/secret")):
            assert answer.text == "No matching routes found\n"
            assert answer.headers["access-control-allow-origin"] == "*"


# -- identity ----------------------------------------------------------------------------------------------------------


def acting_as(backend, subject: str) -> dict[str, str]:
    identity = base64.b64encode(json.dumps({"issuer": "i", "subject": subject}).encode()).decode()
    return {"Authorization": f"Convex {backend.admin_key}:{identity}"}


def test_header_decides_who_calls_and_a_bad_one_is_an_error_only_when_it_is_asked_for(app, site) -> None:
    app.http.get("/me")(lambda ctx, request: {"me": ctx.run_query("users:me")})
    app.http.get("/header")(lambda ctx, request: request.headers["authorization"])
    assert site.get("/me").json() == {"me": None}
    assert site.get("/me", headers=acting_as(app, "ada")).json() == {"me": "ada"}
    for bad in ("Bearer nonsense", "sk_live_123", "Basic YTpi"):
        assert site.get("/header", headers={"Authorization": bad}).text == bad
        answer = site.get("/me", headers={"Authorization": bad})
        assert (answer.status_code, answer.json().keys()) == (401, {"code", "message"})


@pytest.mark.case("guide/wf1_auth_missing", "guide/wf1_auth_wrong_prefix", "cors/unauthorized_has_headers")
def test_endpoint_that_wants_somebody_says_why_nobody_is_there(app, site) -> None:
    ran = []

    @app.http.post("/mine", auth=True)
    def mine(ctx, request):
        ran.append(1)
        return ctx.run_query("users:me")

    token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA"
    for header, code, words in (
        (None, "MissingAuthorization", "no Authorization header"),
        (token, "MissingBearer", 'no "Bearer " in front of the token'),
        (f"Bearer {token}", "NoAuthProvider", "No auth provider found"),
        ("Bearer x", "InvalidAuthHeader", "valid JWT format"),
        (f"Convex {app.admin_key}", "NoIdentity", "nobody in particular"),
    ):
        answer = site.post("/mine", headers={**PAGE, **({"Authorization": header} if header else {})})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert words in answer.json()["message"]
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert not ran
    assert site.post("/mine", headers=acting_as(app, "ada")).text == "ada"


# -- streams, limits, clients that go ----------------------------------------------------------------------------------


def test_answer_is_streamed_while_it_is_made(app, site) -> None:
    may_go_on = threading.Event()

    @app.http.get("/parts")
    def parts(ctx, request):
        def lines():
            yield "first\n"
            assert may_go_on.wait(10)
            yield "second\n"

        return Response(lines(), headers={"Content-Type": "text/plain"})

    with site.stream("GET", "/parts") as answer:
        chunks = answer.iter_text()
        assert next(chunks) == "first\n"
        may_go_on.set()
        assert "".join(chunks) == "second\n"


def test_request_is_streamed_to_an_async_handler(app, site) -> None:
    came = threading.Event()

    @app.http.post("/parts")
    async def parts(ctx, request):
        sizes = []
        async for chunk in request.stream():
            came.set()
            sizes.append(len(chunk))
        return {"size": sum(sizes), "parts": len(sizes)}

    def body():
        yield b"a" * 10
        assert came.wait(10)
        yield b"b" * 10

    assert site.post("/parts", content=body()).json() == {"size": 20, "parts": 2}


def test_stream_that_fails_hangs_up_and_is_logged(app, site) -> None:
    @app.http.get("/parts")
    async def parts(ctx, request):
        async def lines():
            yield "first\n"
            raise ValueError("in the middle")

        return Response(lines())

    with pytest.raises(httpx.RemoteProtocolError):
        site.get("/parts")
    record = list(app.logs)[-1]
    assert (record.path, str(record.error)) == ("GET /parts", "in the middle")


def test_client_that_goes_ends_a_stream_but_no_handler(app, server) -> None:
    closed, goes_on, finished = threading.Event(), threading.Event(), threading.Event()

    @app.http.get("/endless")
    async def endless(ctx, request):
        async def lines():
            try:
                while True:
                    yield "x" * 1_000
                    await asyncio.sleep(0.01)
            finally:
                closed.set()

        return Response(lines())

    @app.http.post("/slow")
    def slow(ctx, request):
        assert goes_on.wait(10)
        ctx.run_mutation("notes:add", body="done")
        finished.set()

    with httpx.stream("GET", f"{server.site_url}/endless") as answer:
        next(answer.iter_raw())
    assert closed.wait(10)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.site_url}/slow", timeout=httpx.Timeout(10, read=0.1))
    goes_on.set()
    assert finished.wait(10)
    assert app.run_query("notes:bodies") == ["done"]


@pytest.mark.parametrize("is_async", [True, False])
def test_bodies_have_a_limit_both_ways(is_async) -> None:
    limits = Limits(http_request_bytes=100_000, http_response_bytes=100_000)
    with Backend.open(limits=limits) as backend, serve(backend, port=0) as server:
        if is_async:

            @backend.http.post("/echo")
            async def echo(ctx, request):
                return await request.bytes() * int(request.query.get("times", "1"))
        else:

            @backend.http.post("/echo")
            def echo(ctx, request):
                return request.bytes() * int(request.query.get("times", "1"))

        url = f"{server.site_url}/echo"
        assert len(httpx.post(url, content=b"a" * 100_000).content) == 100_000
        for content in (b"a" * 100_001, (b"a" * 50_000 for _ in range(3))):
            answer = httpx.post(url, content=content, headers=PAGE)
            assert (answer.status_code, answer.json()["code"]) == (413, "BodyTooLarge")
            assert "http_request_bytes" in answer.json()["message"]
            assert answer.headers["access-control-allow-origin"] == "*"
        answer = httpx.post(f"{url}?times=2", content=b"a" * 60_000)
        assert answer.status_code == 500
        assert "http_response_bytes" in answer.json()["code"]


def test_overload_is_a_503_that_pages_may_read() -> None:
    with Backend.open(limits=Limits(calls_in_flight=0)) as backend, serve(backend, port=0) as server:
        backend.http.get("/a")(lambda ctx, request: None)
        answer = httpx.get(f"{server.site_url}/a", headers=PAGE)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (503, "*")


# -- the guide's own endpoint ------------------------------------------------------------------------------------------


@pytest.mark.case("guide/wf1_endpoint_success", "guide/wf1_missing_field", "cors/preflight_manual")
def test_endpoint_of_the_guide_line_by_line(app, site) -> None:
    @app.http.route(path="/your-endpoint", method="POST", no_cors=True)
    async def endpoint(ctx, request):
        try:
            body = await request.json()
            if not body.get("requiredField"):
                return Response(json.dumps({"error": "Missing requiredField"}), status=400, headers=CORS_HEADERS)
            result = await ctx.run_mutation("notes:add", {"body": body["requiredField"]})
            return Response(json.dumps({"success": True, "data": result}), status=200, headers=CORS_HEADERS)
        except Exception as error:
            return Response(json.dumps({"error": str(error)}), status=500, headers=CORS_HEADERS)

    @app.http.route(path="/your-endpoint", method="OPTIONS", no_cors=True)
    async def options(ctx, request):
        return Response(None, status=200, headers=CORS_HEADERS)

    told = {name.lower(): text for name, text in CORS_HEADERS.items()}
    good = site.post("/your-endpoint", json={"requiredField": "value"}, headers=PAGE)
    assert (good.status_code, good.json()["success"]) == (200, True)
    assert good.json()["data"]
    bad = site.post("/your-endpoint", json={"other": 1}, headers=PAGE)
    assert (bad.status_code, bad.json()) == (400, {"error": "Missing requiredField"})
    failed = site.post("/your-endpoint", content="{", headers=PAGE)
    assert failed.status_code == 500
    asked = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = site.options("/your-endpoint", headers=asked)
    assert (preflight.status_code, preflight.content) == (200, b"")
    for answer in (good, bad, failed, preflight):
        assert {name: answer.headers.get(name) for name in told} == told
    assert not any("--no-cors" in line for record in app.logs for line in record.lines)
