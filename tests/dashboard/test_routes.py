"""The panel Routes: nbconvex.dashboard.routes."""

from __future__ import annotations

import json

import pytest

from nbconvex.dashboard.routes import RoutesPanel
from nbconvex.errors import CallerError
from nbconvex.testing import convex_test


@pytest.fixture
def app(backend):
    backend.http.define_cell("GET", "/hello", "def handler(ctx, request):\n    return 'hi'", namespace={})
    backend.http.define_cell(
        "POST", "/users/*", "async def handler(ctx, request):\n    return 'hi'", auth=True, no_cors=True, namespace={}
    )
    return backend


def test_endpoints_are_listed_with_where_they_are_and_were_defined(app) -> None:
    panel = RoutesPanel(app, address=lambda: "http://site.test/proxy/3211", place_of=lambda filename: "Cell 4")
    view = json.loads(json.dumps(panel.view({})))
    get, post = view["routes"]
    assert (get["method"], get["path"], get["async"], get["cors"], get["signedIn"]) == (
        "GET", "/hello", False, "any page", False,
    )  # fmt: skip
    assert (get["by"], get["place"]) == ("the %%http GET /hello cell", "Cell 4, line 1")
    assert get["url"] == "http://site.test/proxy/3211/hello"
    assert (post["path"], post["async"], post["cors"], post["signedIn"]) == ("/users/*", True, "off", True)
    assert post["url"] == "http://site.test/proxy/3211/users/"
    assert (view["address"], view["total"]) == ("http://site.test/proxy/3211", 2)


def test_without_a_server_there_are_no_addresses(app) -> None:
    view = RoutesPanel(app).view({"find": "users"})
    assert [each["url"] for each in view["routes"]] == [None]
    assert (view["found"], view["total"], view["address"]) == (1, 2, None)


def test_paths_are_escaped_in_addresses(app) -> None:
    app.http.get('/ä"<b>')(lambda ctx, request: "")
    panel = RoutesPanel(app, address=lambda: "http://site.test")
    assert panel.view({"find": "<b>"})["routes"][0]["url"] == "http://site.test/%C3%A4%22%3Cb%3E"


def test_requests_are_counted_and_hints_are_not() -> None:
    with convex_test() as t:
        t.backend.http.get("/hello")(lambda ctx, request: "hi")
        t.backend.http.get("/broken")(lambda ctx, request: 1 / 0)
        t.fetch("/hello")
        t.fetch("/hello")
        with pytest.raises(ZeroDivisionError):
            t.fetch("/broken")
        t.backend.runner.log_hint("GET /hello", "[WARN] take care")
        rows = {each["path"]: each for each in RoutesPanel(t.backend).view({})["routes"]}
        assert [(each["calls"], each["errors"]) for each in (rows["/hello"], rows["/broken"])] == [(2, 0), (1, 1)]


def test_bad_input_from_the_page_has_a_clear_error(app) -> None:
    with pytest.raises(CallerError, match="find must be a text"):
        RoutesPanel(app).view({"find": []})
    with pytest.raises(CallerError, match="it only shows"):
        RoutesPanel(app).act("call", {})
