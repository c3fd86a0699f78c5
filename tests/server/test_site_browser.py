"""Endpoints as a page of another origin sees them, in a real browser: nbconvex.server.site."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex import Response
from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.limits import Limits
from nbconvex.server.serve import serve

pytestmark = pytest.mark.browser

FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    const text = await answer.text();
    return { status: answer.status, text, header: answer.headers.get("x-answer") };
  } catch (error) {
    return { blocked: String(error) };
  }
}"""


class Empty(http.server.BaseHTTPRequestHandler):
    """A page of its own origin with nothing on it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>app</title>")

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """A page that another server has served."""
    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=elsewhere.serve_forever)
    thread.start()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
    yield page
    context.close()
    elsewhere.shutdown()
    thread.join()
    elsewhere.server_close()


def fetched(page, url: str, **options: Any) -> dict[str, Any]:
    return page.evaluate(FETCH, [url, options])


def with_json(method: str = "POST", *, token: str = "Bearer x", body: Any = None) -> dict[str, Any]:
    """What a signed-in page sends: a request that the browser asks permission for."""
    headers = {"Content-Type": "application/json", "Authorization": token}
    return {"method": method, "headers": headers, "body": json.dumps({} if body is None else body)}


@pytest.fixture
def served() -> Iterator[tuple[Backend, str]]:
    with Backend.open(limits=Limits(http_request_bytes=1_000)) as backend, serve(backend, port=0) as server:

        @backend.http.post("/echo")
        async def echo(ctx, request):
            body = await request.json()
            if body.get("fail"):
                raise ConvexError({"status": body["fail"], "why": "asked to"})
            return Response(body, headers={"X-Answer": "42"})

        backend.http.post("/boom")(lambda ctx, request: 1 / 0)
        backend.http.post("/mine", auth=True)(lambda ctx, request: ctx.auth.get_user_identity().subject)
        backend.http.put("/listed", origins=["https://other.example"])(lambda ctx, request: "x")
        backend.http.post("/closed", no_cors=True)(lambda ctx, request: "x")
        backend.http.get("/closed", no_cors=True)(lambda ctx, request: "x")
        yield backend, server.site_url


def test_preflighted_fetch_works_on_success_and_on_every_error(page, served) -> None:
    backend, url = served
    good = fetched(page, f"{url}/echo", **with_json(body={"a": 1}))
    assert (good["status"], json.loads(good["text"]), good["header"]) == (200, {"a": 1}, "42")
    for path, options, status in (
        ("/echo", with_json(body={"fail": 404}), 404),
        ("/echo", with_json(body={"fail": 500}), 500),
        ("/echo", {**with_json(), "body": "{"}, 400),
        ("/echo", with_json(body={"long": "a" * 2_000}), 413),
        ("/boom", with_json(), 500),
        ("/mine", with_json(), 401),
        ("/mine", with_json(token="no prefix"), 401),
        ("/none", with_json(), 404),
        ("/echo", with_json("DELETE"), 405),
        ("/echo", with_json("PATCH"), 405),
    ):
        answer = fetched(page, url + path, **options)
        assert answer.get("status") == status, (path, answer)
        assert answer["text"]
    identity = base64.b64encode(json.dumps({"issuer": "i", "subject": "ada"}).encode()).decode()
    answer = fetched(page, f"{url}/mine", **with_json(token=f"Convex {backend.admin_key}:{identity}"))
    assert answer["text"] == "ada"


@pytest.mark.case("guide/ts_cors_curl_vs_browser")
def test_browser_blocks_what_has_no_cors_or_is_for_other_pages(page, served) -> None:
    backend, url = served
    for path, options in (
        ("/closed", with_json()),
        ("/closed", {"method": "GET"}),
        ("/listed", with_json("PUT")),
    ):
        assert "Failed to fetch" in fetched(page, url + path, **options)["blocked"]
    hints = [line for record in backend.logs for line in record.lines if "--no-cors" in line]
    assert [hint.split(", which")[0] for hint in hints] == [
        "[WARN] a page of another origin asked for POST /closed",
        "[WARN] a page of another origin asked for GET /closed",
    ]


def test_page_may_send_cookies_where_its_origin_is_named(page, served) -> None:
    backend, url = served
    origin = page.evaluate("location.origin")

    @backend.http.get("/cookies", origins=[origin], credentials=True)
    def cookies(ctx, request):
        return Response({"had": request.headers.get("cookie")}, headers={"Set-Cookie": "seen=1; Path=/"})

    for had in (None, "seen=1"):
        answer = fetched(page, f"{url}/cookies", credentials="include")
        assert json.loads(answer["text"]) == {"had": had}


def test_page_reads_a_stream_while_it_is_made(page, served) -> None:
    backend, url = served
    goes_on = threading.Event()

    @backend.http.get("/parts")
    def parts(ctx, request):
        def lines():
            yield "first\n"
            assert goes_on.wait(10)
            yield "second\n"

        return Response(lines(), headers={"Content-Type": "text/plain"})

    backend.http.post("/go")(lambda ctx, request: goes_on.set())
    read = page.evaluate(
        """async (url) => {
          const reader = (await fetch(url + "/parts")).body.getReader();
          const text = async () => new TextDecoder().decode((await reader.read()).value);
          const first = await text();
          await fetch(url + "/go", { method: "POST" });
          return [first, await text()];
        }""",
        url,
    )
    assert read == ["first\n", "second\n"]
