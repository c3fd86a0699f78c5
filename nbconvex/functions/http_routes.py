"""Which endpoints there are: routes, and finding the one that a request is for.

Owns:  `Route`, the rules for methods and paths; `RouteTable`; `Routes`, which replaces all of one origin at once.
Must not know: requests, how a handler is run.
Invariants: a reader sees all of a change or nothing of it. An exact path goes before any prefix; among the prefixes
that have the method, the longest one.
Threads: readers take no lock; changes are made one at a time.
Source: semantics 9.
"""

from __future__ import annotations

import difflib
import inspect
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.definition import FunctionDefinition, Handler
from nbconvex.functions.http_call import answer, answer_async
from nbconvex.functions.http_cors import Cors

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Paths below these are the server's own: files today or tomorrow, and what the internet has agreed to find there.
_RESERVED: Final = ("/.files", "/.well-known")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")
#: From which ratio on one path may be meant by another.
_ALIKE: Final = 0.6

Key = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    Shapes:  `path` is exact, or ends in `/` where `is_prefix`; `cors` is None where CORS is left to the handler;
    `place` says where it was defined.
    """

    method: str
    path: str
    is_prefix: bool
    handler: Handler
    cors: Cors | None = field(default_factory=Cors)
    needs_identity: bool = False
    origin: str = ""
    place: str = ""
    definition: FunctionDefinition = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Frozen, and yet its own to fill in: an action without arguments, which is what the runner knows how to run.
        is_async = inspect.iscoroutinefunction(self.handler)
        definition = FunctionDefinition(
            path=self.name, kind="action", handler=answer_async if is_async else answer, is_internal=True,
            is_async=is_async, origin=self.origin,
        )  # fmt: skip
        object.__setattr__(self, "definition", definition)

    @property
    def shown_path(self) -> str:
        """The path as people write it: a prefix with a star."""
        return f"{self.path}*" if self.is_prefix else self.path

    @property
    def name(self) -> str:
        """What to call it: `GET /users/*`."""
        return f"{self.method} {self.shown_path}"

    @property
    def key(self) -> Key:
        """What there can be only one of."""
        return self.method, self.path, self.is_prefix


def route(
    handler: Any,
    *,
    method: Any,
    path: str | None = None,
    path_prefix: str | None = None,
    cors: Cors | None = None,
    needs_identity: bool = False,
    origin: str = "",
    place: str = "",
) -> Route:
    """A route, checked.

    Raises:  CallerError that says which rule it breaks.
    """
    checked_method(method)
    where, is_prefix = checked_path(path, path_prefix)
    made = Route(method.upper(), where, is_prefix, handler, cors, needs_identity, origin, place)
    _require_handler(handler, made.name)
    return made


def checked_method(method: Any) -> str:
    """A method in capitals.

    Raises:  CallerError.
    """
    if isinstance(method, str) and method.upper() in METHODS:
        return method.upper()
    if isinstance(method, str) and method.upper() == "HEAD":
        raise CallerError("HEAD is answered by the GET route of its path, without the body.", hint='method="GET"')
    what = "a route needs a method" if method is None else f"{method!r:.40} is no method that a route can have"
    raise CallerError(f"{what}: one of {', '.join(METHODS)}.", hint='method="GET"')


def checked_path(path: str | None, path_prefix: str | None) -> tuple[str, bool]:
    """The path of a route, and whether it is a prefix. A path that ends in `/*` is one.

    Raises:  CallerError.
    """
    if path is not None and path_prefix is not None:
        raise CallerError("a route has a path or a path_prefix, not both.", hint='path="/users"')
    if path is None and path_prefix is None:
        raise CallerError("a route needs a path, or a path_prefix.", hint='path="/users" or path_prefix="/users/"')
    given = path if path_prefix is None else path_prefix
    word = "path" if path_prefix is None else "path_prefix"
    if not isinstance(given, str) or not given.startswith("/"):
        raise CallerError(f"the {word} {given!r:.80} must begin with /.", hint=f'{word}="/{str(given).lstrip("/")}"')
    is_prefix = path_prefix is not None
    if not is_prefix and given.endswith("/*"):
        given, is_prefix = given[:-1], True
    if is_prefix and not given.endswith("/"):
        raise CallerError(f"the path_prefix {given!r:.80} must end in /.", hint=f'path_prefix="{given}/"')
    if "*" in given:
        raise CallerError(
            f"the path {given!r:.80} has a * in the middle; a star stands at the end only, after /.",
            hint='"/users/*", and request.rest in the handler',
        )
    if "?" in given or "#" in given or _CONTROL.search(given):
        raise CallerError(
            f"the path {given!r:.80} has a ?, # or blank in it; what stands behind ? is request.query.", hint='"/users"'
        )
    if any(part in {".", ".."} for part in given.split("/")):
        raise CallerError(f"the path {given!r:.80} has . or .. as a part; browsers never ask for such a path.")
    for reserved in _RESERVED:
        if given == reserved or given.startswith(f"{reserved}/"):
            raise CallerError(f"paths below {reserved} are reserved.", hint=f'"/{given.split("/", 2)[-1] or "files"}"')
    return given, is_prefix


def _require_handler(handler: Any, name: str) -> None:
    if handler is None or isinstance(handler, type) or not callable(handler):
        given = "none" if handler is None else type(handler).__name__
        raise CallerError(f"{name}: a route needs a handler, got {given}.", hint="def handler(ctx, request):")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise CallerError(
            f"{name}: the handler uses yield; to answer part by part, give a Response an iterator.",
            hint="return Response(parts())",
        )
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        taken = ", ".join(inspect.signature(handler).parameters)
        raise CallerError(
            f"{name}: a handler takes ctx and the request, this one takes ({taken}).", hint="def handler(ctx, request):"
        ) from None
    except ValueError:
        return


class RouteTable:
    """The routes at one moment."""

    def __init__(self, routes: Mapping[Key, Route] | None = None) -> None:
        self.routes: Mapping[Key, Route] = routes or {}
        self._exact: dict[str, dict[str, Route]] = {}
        prefixes: dict[str, dict[str, Route]] = {}
        for each in self.routes.values():
            (prefixes if each.is_prefix else self._exact).setdefault(each.path, {})[each.method] = each
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))

    def find(self, method: str, path: str) -> Route | None:
        """The route for a request; HEAD is answered by GET."""
        method = "GET" if method == "HEAD" else method
        exact = self._exact.get(path)
        if exact is not None and method in exact:
            return exact[method]
        for prefix, methods in self._prefixes:
            if method in methods and path.startswith(prefix):
                return methods[method]
        return None

    def at(self, path: str) -> dict[str, Route]:
        """The routes that a path has, by method."""
        found = {method: self.find(method, path) for method in METHODS}
        return {method: each for method, each in found.items() if each is not None}

    def nearest(self, path: str) -> str | None:
        """The path that was probably meant."""
        known = {each.shown_path for each in self.routes.values()}
        lowered = {each.lower(): each for each in known}
        for likely in (path.removesuffix("/"), f"{path}/", f"{path}/*"):
            if likely.lower() in lowered:
                return lowered[likely.lower()]
        close = difflib.get_close_matches(path.lower(), lowered, 1, _ALIKE)
        return lowered[close[0]] if close else None

    def __iter__(self) -> Any:
        return iter(sorted(self.routes.values(), key=lambda each: (each.path, each.is_prefix, each.method)))

    def __len__(self) -> int:
        return len(self.routes)


@dataclass(frozen=True, slots=True)
class RoutesChange:
    """What replacing an origin did, as names of routes."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: Routes that another origin had defined.
    taken_over: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that differs from before."""
        return self.added + self.changed + self.removed


NO_CHANGE: Final = RoutesChange()


class Routes:
    """The routes of one backend."""

    def __init__(self) -> None:
        self.table = RouteTable()
        self._listeners: tuple[Callable[[RoutesChange], None], ...] = ()
        self._lock = threading.Lock()

    def replace(self, origin: str, routes: Iterable[Route]) -> RoutesChange:
        """Make `routes` everything that `origin` defines, in one step, and tell the listeners.

        Raises:  CallerError for two of one method and path.
        """
        wanted: dict[Key, Route] = {}
        for each in routes:
            if each.key in wanted:
                raise CallerError(
                    f"{each.name} is defined twice: a method and path have one handler.",
                    hint="another path, or one handler that does both",
                )
            wanted[each.key] = each
        with self._lock:
            before = self.table.routes
            after = {key: each for key, each in before.items() if each.origin != origin} | wanted
            self.table = RouteTable(after)
            listeners = self._listeners
        change = RoutesChange(
            tuple(each.name for key, each in wanted.items() if key not in before),
            tuple(each.name for key, each in wanted.items() if key in before and before[key] != each),
            tuple(each.name for key, each in before.items() if key not in after),
            tuple(each.name for key, each in wanted.items() if key in before and before[key].origin != origin),
        )
        if change.names:
            for listener in listeners:
                listener(change)
        return change

    def listen(self, listener: Callable[[RoutesChange], None]) -> Callable[[], None]:
        """Call `listener` after every change, in the thread that made it. The result stops that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop
