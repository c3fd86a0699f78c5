"""The panel Functions: which there are, how they fare, and running them.

Owns:  `FunctionsPanel`: the list by modules with the figures of the call log; the form of one function; running it as
somebody; following one query.
Must not know: pages; how a form is made or read, how a value is depicted.
Invariants: nothing is run before the whole form could be read. Looking runs nothing: a followed query is run by the
live thread when what it reads changes. At most one query is followed, and rests where nobody looks; `close` ends that.
Units:  latencies in milliseconds; the figures are of the newest 1,000 calls of all functions.
Threads: any.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.checks.insights import FunctionStats, function_stats
from nbconvex.checks.source import place_of as written_at
from nbconvex.dashboard.argument_form import form_of, shown_validator
from nbconvex.dashboard.asked import mapping_in, refuse_action, required_text_in, text_in
from nbconvex.dashboard.call_report import calls_of, error_json, request_json
from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.functions.acting import acting_identity, identity_named
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.functions.identity import Identity
from nbconvex.functions.logs import CALLS_KEPT_MAX
from nbconvex.values.cells import cut_text
from nbconvex.values.spelling import read_spelled, spelled

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.live_query import LiveUpdate, Subscription

#: From any value to what a page can draw: a table, or a text.
Depict = Callable[[Any], dict[str, Any]]
#: Functions in one list.
FUNCTIONS_MAX: Final = 500
#: Characters of a result where nobody says how it is depicted.
VALUE_MAX: Final = 100_000
#: How long a query is followed that nobody has looked at.
UNSEEN_S: Final = 30.0
_DOCS_MAX: Final = 2_000
_ACTIONS: Final = ("run", "follow", "unfollow")


def in_text(value: Any) -> dict[str, Any]:
    """A result as a text, where nobody says how else it is depicted."""
    return {"shape": "value", "text": cut_text(spelled(value, indent=2), VALUE_MAX), "note": ""}


class _Followed:
    """One query that is followed for as long as somebody looks; looking again later goes on with it."""

    def __init__(self, backend: Backend, path: str, values: dict[str, Any], identity: Identity | None) -> None:
        self.path = path
        self._backend = backend
        self._call = (path, values)
        self._identity = identity
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        self._is_closed = False
        self._seen_s = 0.0

    def look(self) -> LiveUpdate:
        """The newest result."""
        self._seen_s = time.monotonic()
        with self._lock:
            if self._subscription is None:
                self._subscription = self._backend.subscribe(*self._call, self._changed, identity=self._identity)
                self._end_if_closed()
            return self._subscription.latest

    def _changed(self, _update: LiveUpdate) -> None:
        # Whoever looks is shown it soon after it was told. Where nobody does, it must not be run again and again.
        if time.monotonic() - self._seen_s > UNSEEN_S and self._lock.acquire(blocking=False):
            try:
                rested, self._subscription = self._subscription, None
            finally:
                self._lock.release()
            if rested is not None:
                rested.close()

    def close(self) -> None:
        """End it for good."""
        self._is_closed = True
        with self._lock:
            self._end_if_closed()

    def _end_if_closed(self) -> None:
        if self._is_closed and self._subscription is not None:
            # What it has told stays readable.
            self._subscription.close()


class FunctionsPanel:
    """Functions, as a dashboard shows them."""

    name = "functions"
    title = "Functions"
    follows_calls = True

    def __init__(
        self,
        backend: Backend,
        *,
        depict: Depict | None = None,
        place_of: Callable[[str], str] | None = None,
    ) -> None:
        """`depict` is in words by default; `place_of` names files for people."""
        self._backend = backend
        self._depict = depict or in_text
        self._place_of = place_of
        self._lock = threading.Lock()
        self._followed: _Followed | None = None

    # -- looking -----------------------------------------------------------------------------------------------------

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The functions whose path has the text `find` in it; with `function`, that one's form too.

        Raises:  CallerError for a request that makes no sense.
        """
        find = text_in(request, "find").casefold()
        wanted = text_in(request, "function")
        functions = sorted(self._backend.registry.functions.values(), key=lambda each: each.path)
        found = [each for each in functions if find in each.path.casefold()]
        stats = {each.path: each for each in function_stats(self._backend)}
        modules: dict[str, list[dict[str, Any]]] = {}
        for each in found[:FUNCTIONS_MAX]:
            module = each.path.partition(":")[0]
            modules.setdefault(module, []).append(self._row(each, stats.get(each.name)))
        chosen = self._backend.registry.get(wanted) if wanted else None
        return {
            "modules": [{"name": name, "functions": rows} for name, rows in modules.items()],
            "found": len(found),
            "total": len(functions),
            "shown": min(len(found), FUNCTIONS_MAX),
            "logged": len(self._backend.logs),
            "loggedMost": CALLS_KEPT_MAX,
            "function": None if chosen is None else self._one(chosen, stats.get(chosen.name)),
            "gone": bool(wanted) and chosen is None,
            "acting": self._acting(),
            "followed": self._followed_json(),
        }

    def _row(self, definition: FunctionDefinition, stats: FunctionStats | None) -> dict[str, Any]:
        row = {
            "path": definition.path,
            "full": definition.name,
            "name": definition.name.partition(":")[2] or definition.name,
            "kind": definition.kind,
            "visibility": definition.visibility,
            "place": written_at(definition.handler, self._place_of),
            "calls": 0,
        }
        if stats is not None:
            row |= {
                "calls": stats.calls,
                "errors": stats.errors,
                "hits": stats.cache_hits,
                "p50": stats.p50_ms,
                "p95": stats.p95_ms,
                "remarks": list(stats.remarks),
            }
        return row

    def _one(self, definition: FunctionDefinition, stats: FunctionStats | None) -> dict[str, Any]:
        masked = self._backend.runner.environment.masked
        newest = None
        if stats is not None and stats.newest_error is not None and stats.newest_error.error is not None:
            record = stats.newest_error
            newest = {"request": record.request_id, "at": record.started_ms}
            newest |= error_json(stats.newest_error.error, masked, self._place_of)
        return {
            **self._row(definition, stats),
            "docs": cut_text(inspect.getdoc(definition.handler) or "", _DOCS_MAX),
            "returns": shown_validator(definition.returns),
            "form": form_of(definition).to_json(),
            "newestError": newest,
            # A form that was drawn for another generation asks other questions.
            "generation": definition.generation,
        }

    def _acting(self) -> str:
        """Whom cells call functions as; empty for nobody."""
        acting = acting_identity(self._backend.acting)
        return "" if acting is None else cut_text(acting.subject or acting.token_identifier, 200)

    def _followed_json(self) -> dict[str, Any] | None:
        followed = self._followed
        if followed is None:
            return None
        return {"path": followed.path, **self._update_json(followed.look())}

    def _update_json(self, update: LiveUpdate) -> dict[str, Any]:
        masked = self._backend.runner.environment.masked
        return {
            "ts": str(update.ts),
            "at": update.ts / 1e6,
            "ok": update.error is None,
            "value": None if update.error is not None else self._depict(update.value),
            "problem": None if update.error is None else error_json(update.error, masked, self._place_of),
            "lines": list(update.log_lines),
        }

    # -- doing -------------------------------------------------------------------------------------------------------

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """`run` or `follow` a function with the answers to its form, or `unfollow`.

        Shapes:  `arguments` has `function`, a path; `answers` by field; `as`, a subject or an object of claims. The
        answer has `problems` by field, and nothing was run, or `outcome`.
        Raises:  FunctionNotFoundError; CallerError for what makes no sense.
        """
        if action == "unfollow":
            self.close()
            return {}
        if action not in _ACTIONS:
            refuse_action(self.title, action, _ACTIONS)
        path = required_text_in(arguments, "function", "which function is to run?")
        definition = self._backend.registry.find(path)
        form = form_of(definition)
        values, problems = form.read(mapping_in(arguments, "answers"))
        who, identity = text_in(arguments, "as"), None
        try:
            identity = self._identity(who)
        except CallerError as error:
            problems["$as"] = error.message
        if problems:
            return {"problems": problems}
        if action == "follow":
            return self._follow(definition, values, identity)
        return self._run(definition, values, identity)

    def _identity(self, text: str) -> Identity | None:
        """Whom a call is made as: a subject, an object of claims, or as a cell would."""
        text = text.strip()
        if not text:
            return acting_identity(self._backend.acting)
        if not text.startswith("{"):
            return identity_named({"subject": text})
        claims = read_spelled(text)
        if not isinstance(claims, dict):
            raise CallerError('claims are an object, like {"subject": "ada", "name": "Ada"}.')
        return identity_named(claims)

    def _run(self, definition: FunctionDefinition, values: dict[str, Any], identity: Identity | None) -> dict[str, Any]:
        outcome = self._backend.run_outcome(definition.path, values, identity=identity)
        masked = self._backend.runner.environment.masked
        error = outcome.error
        if isinstance(error, ArgumentsInvalidError) and error.function in {definition.name, definition.path}:
            field = form_of(definition).field_at(error.path)
            if field:
                return {"problems": {field: masked(error.report)}}
        told: dict[str, Any] = {
            "ok": error is None,
            "ms": outcome.duration_ms,
            "request": outcome.request_id,
            "value": None if error is not None else self._depict(outcome.value),
            "problem": None if error is None else error_json(error, masked, self._place_of),
            "lines": list(outcome.log_lines),
            "calls": [],
        }
        calls = calls_of(self._backend.logs, outcome.request_id)
        if calls:
            whole = request_json(calls, masked, self._place_of)
            told["calls"], told["cached"] = whole["calls"], whole["cached"]
        return {"outcome": told}

    def _follow(
        self, definition: FunctionDefinition, values: dict[str, Any], identity: Identity | None
    ) -> dict[str, Any]:
        if definition.kind != "query":
            raise CallerError(
                f"{definition.name} is a {definition.kind}: only queries can be followed, since they change nothing."
            )
        followed = _Followed(self._backend, definition.path, values, identity)
        update = followed.look()
        self._hold(followed)
        return {"outcome": self._update_json(update)}

    def close(self) -> None:
        """Follow nothing any more. Twice is fine."""
        self._hold(None)

    def _hold(self, followed: _Followed | None) -> None:
        with self._lock:
            before, self._followed = self._followed, followed
        if before is not None:
            before.close()
