"""Decorators of endpoints: nbconvex.functions.http_declaration."""

from __future__ import annotations

import pytest

from nbconvex import http, query
from nbconvex.errors import CallerError, NotAvailableError


def names(declaration) -> list[str]:
    return [each.name for each in declaration.define("module m", "the module m")]


def test_decorators_declare_a_route_and_leave_the_handler_callable() -> None:
    @http.route(path="/a", method="GET", auth=True)
    def handler(ctx, request):
        """What it does."""
        return request

    assert names(handler) == ["GET /a"]
    assert handler("ctx", "request") == "request"
    assert (handler.__name__, handler.__doc__) == ("handler", "What it does.")
    assert repr(handler) == "<endpoint GET /a>"
    (route,) = handler.define("module m", "the module m")
    assert (route.origin, route.place, route.needs_identity) == ("module m", "the module m", True)


def test_every_method_has_a_decorator_and_several_may_stand_above_one_handler() -> None:
    @http.get("/a")
    @http.post("/a")
    @http.put("/a/*", origins="https://a.example")
    @http.patch("/a")
    @http.delete("/a")
    @http.options("/a", no_cors=True)
    def handler(ctx, request):
        return None

    assert names(handler) == ["GET /a", "POST /a", "PUT /a/*", "PATCH /a", "DELETE /a", "OPTIONS /a"]
    routes = handler.define("", "")
    assert routes[2].cors.origins == ("https://a.example",)
    assert routes[5].cors is None


def test_handler_may_be_given_as_in_convex() -> None:
    declaration = http.route(path_prefix="/a/", method="GET", handler=lambda ctx, request: None)
    assert names(declaration) == ["GET /a/*"]
    with pytest.raises(CallerError, match="got none"):
        http.route(path="/a", method="GET", handler=None)


def test_mistake_is_an_error_of_its_own_line() -> None:
    with pytest.raises(CallerError, match="must begin with /"):
        http.get("a")
    with pytest.raises(CallerError, match="browsers refuse that"):
        http.get("/a", credentials=True)
    with pytest.raises(CallerError, match="already has its kind"):
        http.get("/a")(query(lambda ctx: 1))
    with pytest.raises(CallerError, match=r"@http.get\(\"/hello\"\)"):
        http(lambda ctx, request: None)
    with pytest.raises(NotAvailableError, match="http has no head"):
        http.head("/a")
    assert "route" in repr(http)
