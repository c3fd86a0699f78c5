"""The panel Routes: the endpoints, where they are, and how they fare.

Owns:  `RoutesPanel`.
Must not know: pages; how requests come in; how a server is started, which looking never does.
Units:  latencies in milliseconds; the figures are of the newest 1,000 calls of everything.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from nbconvex.checks.insights import FunctionStats, percentile
from nbconvex.checks.source import place_of as written_at
from nbconvex.dashboard.asked import refuse_action, text_in
from nbconvex.dashboard.files import Address
from nbconvex.functions.http_cors import cors_words

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.http_routes import Route

ROUTES_MAX: Final = 500


class RoutesPanel:
    """The endpoints, as a dashboard shows them."""

    name = "routes"
    title = "Routes"
    follows_calls = True

    def __init__(
        self, backend: Backend, *, address: Address = lambda: None, place_of: Callable[[str], str] | None = None
    ) -> None:
        """`address` is that of the endpoints, and must start nothing; `place_of` names files for people."""
        self._backend = backend
        self._address = address
        self._place_of = place_of

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The endpoints whose name has the text `find` in it.

        Raises:  CallerError for a request that makes no sense.
        """
        find = text_in(request, "find").casefold().strip()
        every = list(self._backend.http.routes.table)
        found = [each for each in every if find in each.name.casefold()]
        stats = self._stats()
        address = self._address()
        return {
            "routes": [self._route(each, stats.get(each.name), address) for each in found[:ROUTES_MAX]],
            "found": len(found),
            "total": len(every),
            "address": address,
        }

    def _stats(self) -> dict[str, FunctionStats]:
        """The requests that the log remembers, by route."""
        found: dict[str, FunctionStats] = {}
        for record in self._backend.logs:
            if record.source == "http":
                stats = found.setdefault(record.path, FunctionStats(record.path, record.kind))
                stats.calls += 1
                stats.errors += record.error is not None
                stats.durations_ms.append(record.duration_ms)
        return found

    def _route(self, route: Route, stats: FunctionStats | None, address: str | None) -> dict[str, Any]:
        durations = [] if stats is None else stats.durations_ms
        return {
            "method": route.method,
            "path": route.shown_path,
            "async": route.definition.is_async,
            "cors": cors_words(route.cors, self._backend.http.origins),
            "signedIn": route.needs_identity,
            "by": route.place,
            "place": written_at(route.handler, self._place_of),
            "url": None if address is None else f"{address}{quote(route.path, safe='/%:@!$&()*+,;=~')}",
            "calls": 0 if stats is None else stats.calls,
            "errors": 0 if stats is None else stats.errors,
            "p50": percentile(durations, 0.5),
            "p95": percentile(durations, 0.95),
        }

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing can be done to a route here.

        Raises:  CallerError.
        """
        refuse_action(self.title, action, ())
