"""`http` as a decorator: `@http.route(path="/hello", method="GET")`, `@http.get("/hello")`.

Owns:  `RouteDeclaration`, what the decorators leave in place of a handler; `Http`, which has the decorators.
Must not know: where routes are kept.
Threads: the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.errors import CallerError
from nbconvex.functions import teaching
from nbconvex.functions.definition import Declaration, Handler
from nbconvex.functions.http_cors import ANY, MAX_AGE_S, cors
from nbconvex.functions.http_routes import METHODS, Route, route

_WORDS = ("route", *(each.lower() for each in METHODS))


class RouteDeclaration:
    """A handler, and the routes that lead to it. Called, it is the handler."""

    def __init__(self, handler: Handler, routes: tuple[Callable[[str, str], Route], ...]) -> None:
        self.handler = handler
        self._routes = routes
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
            value = getattr(handler, attribute, None)
            if value is not None:
                setattr(self, attribute, value)

    def define(self, origin: str, place: str) -> tuple[Route, ...]:
        """The routes, as `origin` defines them."""
        return tuple(make(origin, place) for make in self._routes)

    def also(self, make: Callable[[str, str], Route]) -> RouteDeclaration:
        """The same with one more route, which stands above."""
        return RouteDeclaration(self.handler, (make, *self._routes))

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return self.handler(*positional, **named)

    def __repr__(self) -> str:
        return f"<endpoint {', '.join(each.name for each in self.define('', ''))}>"


class Http:
    """The decorators of endpoints; `on_declare` hears of everything they declare, `origins` are its backend's."""

    def __init__(self, on_declare: Callable[[RouteDeclaration, Route], None] | None = None) -> None:
        self._on_declare = on_declare

    def _default_origins(self) -> tuple[str, ...]:
        """The origins that hold where a route names none; None of them is known before there is a backend."""
        return (ANY,)

    def route(
        self,
        *,
        path: str | None = None,
        path_prefix: str | None = None,
        method: str | None = None,
        handler: Any = ...,
        no_cors: bool = False,
        origins: str | Iterable[str] | None = None,
        headers: str | Iterable[str] | None = None,
        credentials: bool = False,
        max_age: int = MAX_AGE_S,
        enforce: bool = False,
        auth: bool = False,
    ) -> Callable[[Any], RouteDeclaration]:
        """Declare a handler for a method and a path, or for all paths that begin with a prefix.

        A decorator, or with `handler` the declaration itself. CORS is on unless `no_cors`; `origins`, `headers`,
        `credentials`, `max_age` and `enforce` say what browsers are told. With `auth` a request without a valid
        identity is answered with 401.
        Raises:  CallerError that says which rule is broken.
        """
        told = None if no_cors else cors(
            origins, headers=headers, credentials=credentials, max_age=max_age, enforce=enforce,
            default=self._default_origins(),
        )  # fmt: skip

        def declare(target: Any) -> RouteDeclaration:
            if isinstance(target, Declaration):
                raise CallerError(f"{target!r} already has its kind; it cannot be an endpoint too.")
            bare = target.handler if isinstance(target, RouteDeclaration) else target

            def make(origin: str, place: str) -> Route:
                return route(
                    bare, method=method, path=path, path_prefix=path_prefix, cors=told, needs_identity=auth,
                    origin=origin, place=place,
                )  # fmt: skip

            # Made once for its errors, which belong to the line that is running.
            made = make("", "")
            declaration = target.also(make) if isinstance(target, RouteDeclaration) else RouteDeclaration(bare, (make,))
            if self._on_declare is not None:
                self._on_declare(declaration, made)
            return declaration

        if handler is ...:
            route(lambda _ctx, _request: None, method=method, path=path, path_prefix=path_prefix)
            return declare
        return declare(handler)

    def get(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for GET, and HEAD."""
        return self.route(path=path, method="GET", **options)

    def post(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for POST."""
        return self.route(path=path, method="POST", **options)

    def put(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for PUT."""
        return self.route(path=path, method="PUT", **options)

    def patch(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for PATCH."""
        return self.route(path=path, method="PATCH", **options)

    def delete(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for DELETE."""
        return self.route(path=path, method="DELETE", **options)

    def options(self, path: str, **options: Any) -> Callable[[Any], RouteDeclaration]:
        """`route` for OPTIONS, where the automatic answer to a preflight will not do."""
        return self.route(path=path, method="OPTIONS", **options)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise CallerError("http is no decorator by itself; it has one for each method.", hint='@http.get("/hello")')

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("http", name, _WORDS)

    def __repr__(self) -> str:
        return "<http: " + ", ".join(_WORDS) + ">"


http = Http()
