"""Which endpoints there are: nbconvex.functions.http_routes."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError
from nbconvex.functions.http_cors import Cors
from nbconvex.functions.http_routes import METHODS, Route, Routes, RoutesChange, RouteTable, route


def handler(ctx, request):
    return None


def made(name: str, origin: str = "cell 1", handler=handler) -> Route:
    method, _, path = name.partition(" ")
    return route(handler, method=method, path=path, cors=Cors(), origin=origin)


def table(*names: str) -> RouteTable:
    routes = Routes()
    routes.replace("cell 1", [made(name) for name in names])
    return routes.table


def found(table: RouteTable, request: str) -> str | None:
    method, _, path = request.partition(" ")
    route = table.find(method, path)
    return None if route is None else route.name


@pytest.mark.case("http/exact_beats_prefix", "http/longest_prefix", "http/prefix_per_method", "http/path_prefix")
def test_exact_path_goes_first_then_the_longest_prefix_that_has_the_method() -> None:
    routes = table("GET /a/*", "GET /a/b", "GET /a/b/*", "POST /a/b/c/*", "GET /*")
    assert found(routes, "GET /a/b") == "GET /a/b"
    assert found(routes, "GET /a/b/c") == "GET /a/b/*"
    assert found(routes, "GET /a/b/c/d") == "GET /a/b/*"
    assert found(routes, "POST /a/b/c/d") == "POST /a/b/c/*"
    assert found(routes, "GET /a/x") == "GET /a/*"
    assert found(routes, "GET /a/") == "GET /a/*"
    assert found(routes, "GET /a") == "GET /*"
    assert found(routes, "POST /a/b") is None


@pytest.mark.case("http/head_uses_get")
def test_head_is_answered_by_get() -> None:
    assert found(table("GET /a", "POST /b"), "HEAD /a") == "GET /a"
    assert found(table("GET /a", "POST /b"), "HEAD /b") is None


def test_slash_at_the_end_and_capitals_count() -> None:
    routes = table("GET /a")
    assert found(routes, "GET /a/") is None
    assert found(routes, "GET /A") is None
    assert routes.nearest("/a/") == routes.nearest("/A") == "/a"
    assert table("GET /users/*").nearest("/users") == "/users/*"
    assert table("GET /messages").nearest("/mesages") == "/messages"
    assert table("GET /messages").nearest("/quite/another") is None


def test_methods_of_a_path() -> None:
    assert list(table("GET /a", "PATCH /a", "POST /*").at("/a")) == ["GET", "POST", "PATCH"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"path": "a"}, 'path="/a"', marks=pytest.mark.case("http/path_without_slash")),
        pytest.param(
            {"path_prefix": "/a"}, 'path_prefix="/a/"', marks=pytest.mark.case("http/prefix_without_end_slash")
        ),
        ({"path_prefix": "a/"}, 'path_prefix="/a/"'),
        pytest.param(
            {"path": "/a", "path_prefix": "/a/"}, "not both", marks=pytest.mark.case("http/both_path_and_prefix")
        ),
        pytest.param({}, "needs a path", marks=pytest.mark.case("http/neither")),
        pytest.param({"path": "/.files/x"}, "reserved", marks=pytest.mark.case("http/reserved_files")),
        ({"path": "/.files"}, "reserved"),
        ({"path": "/.well-known/jwks.json"}, "reserved"),
        pytest.param({"path": "/a", "method": "FETCH"}, "'FETCH'", marks=pytest.mark.case("http/bad_method")),
        ({"path": "/a", "method": None}, "needs a method"),
        ({"path": "/a", "method": "HEAD"}, "GET route"),
        pytest.param({"path": "/a", "handler": None}, "got none", marks=pytest.mark.case("http/missing_handler")),
        ({"path": "/a", "handler": "f"}, "got str"),
        ({"path": "/a", "handler": dict}, "got type"),
        ({"path": "/a", "handler": lambda ctx: None}, r"takes \(ctx\)"),
        ({"path": "/a", "handler": lambda ctx, request, more: None}, "ctx, request, more"),
        ({"path": "/a?b=1"}, "request.query"),
        ({"path": "/a b"}, "blank"),
        ({"path": "/a/*/b"}, "at the end only"),
        ({"path": "/a*"}, "at the end only"),
        ({"path": "/a/../b"}, r"\. or \.\."),
        ({"path": 5}, "must begin"),
    ],
)
def test_rule_that_is_broken_has_an_error_of_its_own(options, words) -> None:
    with pytest.raises(CallerError, match=words):
        route(**{"handler": handler, "method": "GET", **options})


def test_handler_that_yields_is_told_how_to_stream() -> None:
    def generator(ctx, request):
        yield "a"

    with pytest.raises(CallerError, match="Response\\(parts\\(\\)\\)"):
        route(generator, method="GET", path="/a")


def test_star_at_the_end_is_a_prefix() -> None:
    assert route(handler, method="get", path="/a/*").key == route(handler, method="GET", path_prefix="/a/").key
    assert route(handler, method="get", path="/*").key == ("GET", "/", True)
    assert {route(handler, method=each.lower(), path="/").method for each in METHODS} == set(METHODS)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("GET /a", "GET /a"), marks=pytest.mark.case("http/duplicate_path")),
        pytest.param(("GET /a/*", "GET /a/*"), marks=pytest.mark.case("http/duplicate_prefix")),
    ],
)
def test_same_route_twice_is_an_error_that_names_it_and_changes_nothing(names) -> None:
    routes = Routes()
    routes.replace("cell 1", [made("GET /old")])
    with pytest.raises(CallerError, match="defined twice") as refused:
        routes.replace("cell 1", [made(name) for name in names])
    assert names[0] in str(refused.value)
    assert [each.name for each in routes.table] == ["GET /old"]


def test_replacing_an_origin_says_what_is_new_changed_and_gone() -> None:
    routes = Routes()
    heard: list[RoutesChange] = []
    stop = routes.listen(heard.append)
    assert routes.replace("cell 1", [made("GET /a"), made("GET /b")]).added == ("GET /a", "GET /b")
    changed = routes.replace("cell 1", [made("GET /b", handler=lambda ctx, request: 1), made("GET /c")])
    assert changed == RoutesChange(("GET /c",), ("GET /b",), ("GET /a",))
    assert routes.replace("cell 2", [made("GET /c", "cell 2")]).taken_over == ("GET /c",)
    # The first cell no longer owns it.
    assert routes.replace("cell 1", []).removed == ("GET /b",)
    assert [each.name for each in routes.table] == ["GET /c"]
    assert [change.names for change in heard] == [
        ("GET /a", "GET /b"), ("GET /c", "GET /b", "GET /a"), ("GET /c",), ("GET /b",),
    ]  # fmt: skip
    stop()
    routes.replace("cell 2", [])
    assert len(heard) == 4


def test_reader_keeps_the_table_that_it_has() -> None:
    routes = Routes()
    routes.replace("cell 1", [made("GET /a")])
    before = routes.table
    routes.replace("cell 1", [])
    assert len(before) == 1
    assert len(routes.table) == 0
