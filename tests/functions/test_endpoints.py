"""The endpoints of a backend: nbconvex.functions.endpoints."""

from __future__ import annotations

import pytest

from nbconvex import http, query
from nbconvex.backend import Backend
from nbconvex.errors import CallerError

HELLO = "def handler(ctx, request):\n    return {'hello': _name()}\n\ndef _name():\n    return 'world'\n"


@pytest.fixture
def backend():
    with Backend.open() as backend:
        yield backend


def names(backend) -> list[str]:
    return [each.name for each in backend.http.routes.table]


def test_cell_defines_a_route_and_replaces_what_it_had_defined(backend) -> None:
    namespace: dict = {}
    first = backend.http.define_cell("get", "/hello", HELLO, origin="cell 1", namespace=namespace)
    assert (first.change.added, first.route.name) == (("GET /hello",), "GET /hello")
    # Helpers land in the namespace, the handler does not.
    assert set(namespace) & {"_name", "handler"} == {"_name"}
    second = backend.http.define_cell("POST", "/hello/*", HELLO, origin="cell 1", namespace=namespace)
    assert (second.change.added, second.change.removed) == (("POST /hello/*",), ("GET /hello",))
    assert names(backend) == ["POST /hello/*"]


def test_cells_without_a_name_of_their_own_go_by_their_route(backend) -> None:
    backend.http.define_cell("GET", "/a", HELLO)
    backend.http.define_cell("GET", "/b", HELLO)
    assert backend.http.define_cell("GET", "/a", HELLO).change.changed == ("GET /a",)
    assert names(backend) == ["GET /a", "GET /b"]


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("def handler(ctx, request:", SyntaxError, "never closed"),
        ("x = 1 / 0\n" + HELLO, ZeroDivisionError, "zero"),
        ("x = 1", CallerError, "defines no handler"),
        (HELLO + "def other(ctx): pass", CallerError, "defines handler, other"),
        ("def handler(ctx): pass", CallerError, "takes ctx and the request"),
        ("def handler(ctx, request):\n    yield 1", CallerError, "iterator"),
    ],
)
def test_cell_with_an_error_changes_nothing(backend, source, error, words) -> None:
    namespace = {"x": 5}
    backend.http.define_cell("GET", "/a", HELLO, origin="cell 1", namespace=namespace)
    before, table = dict(namespace), backend.http.routes.table
    with pytest.raises(error, match=words):
        backend.http.define_cell("GET", "/b", source, origin="cell 1", namespace=namespace)
    assert namespace == before
    assert backend.http.routes.table is table


def test_cell_may_say_response_without_importing_it(backend) -> None:
    report = backend.http.define_cell("GET", "/a", "def handler(ctx, request):\n    return Response('hi')")
    assert report.route.handler(None, None).body == b"hi"


def test_cell_that_becomes_a_function_is_no_endpoint_any_more(backend) -> None:
    backend.http.define_cell("GET", "/a", HELLO, origin="cell 1")
    backend.define_cell("query", "def a(ctx): return 1", origin="cell 1")
    assert names(backend) == []


def test_decorators_of_the_backend_define_at_once(backend) -> None:
    heard = []
    backend.http.listen(heard.append)

    @backend.http.get("/a")
    @backend.http.post("/a")
    def handler(ctx, request):
        return None

    assert names(backend) == ["GET /a", "POST /a"]
    assert len(heard) == 2


def test_module_brings_functions_and_routes_or_nothing(backend) -> None:
    def handler(ctx, request):
        return None

    declared = {"a": http.get("/a")(handler), "b": query(lambda ctx: 1)}
    report = backend.add_module(declared, "app")
    assert report.added == ("app:b", "GET /a")
    broken = {**declared, "c": http.get("/a")(handler), "d": query(lambda ctx: 2)}
    with pytest.raises(CallerError, match="GET /a is defined twice"):
        backend.add_module(broken, "app")
    assert list(backend.registry.functions) == ["app:b"]
    assert backend.add_module({"b": declared["b"]}, "app").removed == ("GET /a",)


def test_origins_of_the_backend_hold_where_a_route_names_none(backend) -> None:
    assert backend.http.origins == ("*",)
    backend.http.origins = "https://a.example, https://b.example"
    assert backend.http.origins == ("https://a.example", "https://b.example")
    backend.http.define_cell("GET", "/a", HELLO, credentials=True)
    with pytest.raises(CallerError, match="is no origin"):
        backend.http.origins = ["a.example"]
    backend.http.origins = ()
    assert backend.http.origins == ("*",)
