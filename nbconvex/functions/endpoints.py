"""The endpoints of one backend: `backend.http`.

Owns:  `Endpoints`: its routes, the origins that hold where a route names none, defining them from cells, modules and
decorators; `EndpointReport`.
Must not know: who shows the report; how requests come in.
Invariants: nothing is swapped before everything was read, run and checked; what raises leaves routes and namespace as
they were.
Threads: defining in the caller's thread; `routes.table` from any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nbconvex.errors import CallerError
from nbconvex.functions.cells import Namespace, cell_filename, read_cell, run_cell, undone_on_error
from nbconvex.functions.http_cors import ANY, MAX_AGE_S, cors, origins_of
from nbconvex.functions.http_declaration import Http, RouteDeclaration
from nbconvex.functions.http_message import Response
from nbconvex.functions.http_routes import Route, Routes, RoutesChange, checked_method, checked_path, route
from nbconvex.functions.tracebacks import trim


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """What a cell changed, and the route that it defines now."""

    change: RoutesChange
    route: Route


class Endpoints(Http):
    """The routes of a backend, and the decorators that add to them: `@backend.http.get("/hello")`."""

    def __init__(self) -> None:
        super().__init__(self._declare)
        self.routes = Routes()
        self._origins: tuple[str, ...] = (ANY,)

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins whose pages may use those endpoints that name none themselves; ("*",) for all."""
        return self._origins

    @origins.setter
    def origins(self, given: str | Iterable[str]) -> None:
        self._origins = origins_of(given) or (ANY,)

    def _default_origins(self) -> tuple[str, ...]:
        return self._origins

    def define_cell(
        self,
        method: str,
        path: str,
        source: str,
        *,
        no_cors: bool = False,
        origins: str | Iterable[str] | None = None,
        headers: str | Iterable[str] | None = None,
        credentials: bool = False,
        max_age: int = MAX_AGE_S,
        enforce: bool = False,
        auth: bool = False,
        origin: str | None = None,
        namespace: Namespace | None = None,
        filename: str | None = None,
    ) -> EndpointReport:
        """Put a cell's handler in force in place of what `origin` had defined, or change nothing.

        Shapes:  `path` may end in `/*`; options as for `route`; lines of `source` count as they stand.
        Raises:  SyntaxError; whatever the cell raises; CallerError.
        """
        __tracebackhide__ = True
        told = None if no_cors else cors(
            origins, headers=headers, credentials=credentials, max_age=max_age, enforce=enforce, default=self._origins
        )  # fmt: skip
        name = f"{checked_method(method)} {path}"
        checked_path(path, None)
        namespace = {} if namespace is None else namespace
        try:
            with undone_on_error(namespace):
                handler = _handler_of_cell(name, source, namespace, filename or cell_filename(f"http {name}", source))
                made = route(
                    handler, method=method, path=path, cors=told, needs_identity=auth,
                    origin=origin or f"route {name}", place=f"the %%http {name} cell",
                )  # fmt: skip
                change = self.routes.replace(made.origin, (made,))
        except BaseException as error:
            trim(error)
            raise
        return EndpointReport(change, made)

    def add_module(self, module: ModuleType | Mapping[str, Any], origin: str, place: str) -> RoutesChange:
        """Put in force what a module, or any namespace, declares with `http`, in place of what `origin` had.

        Raises:  CallerError.
        """
        return self.routes.replace(origin, routes_of(module, origin, place))

    def forget(self, origin: str) -> RoutesChange:
        """Take out what `origin` had defined."""
        return self.routes.replace(origin, ())

    def listen(self, listener: Callable[[RoutesChange], None]) -> Callable[[], None]:
        """Call `listener` after every change of the routes. The result stops that."""
        return self.routes.listen(listener)

    def _declare(self, declaration: RouteDeclaration, made: Route) -> None:
        origin = f"decorator {made.name}"
        newest = next(each for each in declaration.define(origin, "a decorator") if each.name == made.name)
        self.routes.replace(origin, (newest,))


def routes_of(module: ModuleType | Mapping[str, Any], origin: str, place: str) -> list[Route]:
    """The routes that a module, or any namespace, declares with `http`."""
    namespace = module if isinstance(module, Mapping) else vars(module)
    declared = {id(each): each for each in list(namespace.values()) if isinstance(each, RouteDeclaration)}
    return [made for each in declared.values() for made in each.define(origin, place)]


def _handler_of_cell(name: str, source: str, namespace: Namespace, filename: str) -> Any:
    """The one handler of a cell. To be called inside `undone_on_error`."""
    cell = read_cell(source, filename=filename)
    # Where the notebook has no such name. Unlike the words of other cells it stays: the handler needs it when it runs.
    namespace.setdefault("Response", Response)
    handlers = run_cell(cell, namespace)
    if len(handlers) != 1:
        found = f"defines {', '.join(handlers)}" if handlers else "defines no handler"
        raise CallerError(
            f"this cell {found}: {name} needs one function whose first parameter is ctx. Helpers begin with an "
            "underscore, or do not take ctx.",
            hint="def handler(ctx, request):",
        )
    return next(iter(handlers.values()))
