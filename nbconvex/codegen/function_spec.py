"""What a backend offers, as data: its functions with arguments, results and visibility, and its endpoints.

Owns:  `function_spec`.
Must not know: who asks; how the answer is written.
Invariant: validators stand in it as they do in Convex's JSON. Of a function that checks nothing, arguments and results
are `any`.
Threads: pure functions.
Source: semantics 12.1: `function-spec`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nbconvex.values.validators import v

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.http_routes import Route

_TYPES: Final = {"query": "Query", "mutation": "Mutation", "action": "Action"}


def function_spec(functions: Iterable[FunctionDefinition], routes: Iterable[Route]) -> list[dict[str, Any]]:
    """The functions in the order of their names, then the endpoints."""
    found: list[dict[str, Any]] = [
        {
            "identifier": each.path,
            "functionType": _TYPES[each.kind],
            "visibility": {"kind": "internal" if each.is_internal else "public"},
            "args": (each.args or v.any()).to_json(),
            "returns": (each.returns or v.any()).to_json(),
        }
        for each in sorted(functions, key=lambda each: each.path)
    ]
    found += [{"functionType": "HttpAction", "method": each.method, "path": each.shown_path} for each in routes]
    return found
