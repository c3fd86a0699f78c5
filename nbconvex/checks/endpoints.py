"""Checks of endpoints: what browsers are told, and how errors are answered.

Owns:  the checks `cors`, `options`, `errors`.
Must not know: other checks; the server, which adds CORS headers to every answer of a route that has not opted out.
Mechanism: a route table says which routes have opted out (`--no-cors`); their handlers' own answers are read from their
text. Nothing is sent: an endpoint may do what nobody wants done for a check.
Threads: pure.
Source: semantics 9, 15.1, 15.4.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nbconvex.checks.finding import Finding
from nbconvex.checks.source import Code, dotted

if TYPE_CHECKING:
    from nbconvex.functions.http_routes import Route, RouteTable

#: An answer that mentions one of these has CORS headers, or a name for them.
_CORS: Final = re.compile(r"cors|access-control-allow-origin", re.IGNORECASE)
_FIRST_ERROR: Final = 400


def _routes(codes: Sequence[Code]) -> Iterator[tuple[Code, Route]]:
    for code in codes:
        if code.route is not None:
            yield code, code.route


def _with_cors(route: Route) -> str:
    return f"%%http {route.method} {route.shown_path}   without --no-cors (@http.route: no_cors)"


def cors_findings(codes: Sequence[Code]) -> Iterator[Finding]:
    """Routes that opted out of CORS and do not send its headers with every answer themselves."""
    for code, route in _routes(codes):
        if route.cors is not None or not code.trees:
            continue
        answers = [each for each in _answers(code) if each.value is not None]
        bare = [each for each in answers if not _has_cors(each, code.text)]
        if bare:
            lines = f"{len(bare)} of {len(answers)} answers" if len(answers) > 1 else "its answer"
            yield Finding(
                code.owner,
                code.place,
                f"sends {lines} without CORS headers: no page gets to see it.",
                _with_cors(route),
            )


def option_findings(codes: Sequence[Code], table: RouteTable) -> Iterator[Finding]:
    """Paths that opted out of CORS and have no OPTIONS route for what browsers ask first."""
    for code, route in _routes(codes):
        if route.cors is None and route.method != "OPTIONS" and table.find("OPTIONS", route.path) is None:
            yield Finding(
                code.owner,
                code.place,
                "has no OPTIONS route: browsers that ask first (preflight) are refused.",
                f"{_with_cors(route)}   or   %%http OPTIONS {route.shown_path} --no-cors",
            )


def error_findings(codes: Sequence[Code]) -> Iterator[Finding]:
    """Errors that are answered with a status of success, or without CORS headers."""
    for code, route in _routes(codes):
        if not code.trees:
            continue
        for handler in (node for node in ast.walk(code.trees[0]) if isinstance(node, ast.ExceptHandler)):
            fault = next((each for each in _returns(handler) if _is_success(each)), None)
            if fault is not None:
                yield Finding(
                    code.owner, code.place, "answers an error with a status of success (200).", _as_error(fault)
                )
        if route.cors is None and route.method != "OPTIONS" and not _catches(code.trees[0]):
            yield Finding(
                code.owner,
                code.place,
                "lets errors through, and their answers have no CORS headers (--no-cors).",
                f"{_with_cors(route)}   or   try: ... except Exception: return Response(..., status=500, "
                "headers=CORS_HEADERS)",
            )


def _answers(code: Code) -> list[ast.Return]:
    return list(_returns(code.trees[0]))


def _returns(tree: ast.AST) -> Iterator[ast.Return]:
    """The return statements of a function, without those of functions inside it."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.Lambda) and not (
            isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not isinstance(tree, ast.Module)
        ):
            yield from _returns(child)


def _has_cors(answer: ast.Return, text: str) -> bool:
    assert answer.value is not None, "it returns something"
    if _CORS.search(ast.unparse(answer.value)):
        return True
    # A name, or what a helper gives: its headers are elsewhere, if they are mentioned at all.
    is_elsewhere = not isinstance(answer.value, ast.Dict | ast.List | ast.Constant | ast.JoinedStr) and not (
        isinstance(answer.value, ast.Call) and dotted(answer.value.func).endswith("Response")
    )
    return is_elsewhere and _CORS.search(text) is not None


def _catches(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Try) for node in ast.walk(tree))


def _is_success(answer: ast.Return) -> bool:
    value = answer.value
    if isinstance(value, ast.Dict | ast.List | ast.Constant | ast.JoinedStr):
        return True
    if not isinstance(value, ast.Call) or not dotted(value.func).endswith("Response"):
        return False
    given = next((each.value for each in value.keywords if each.arg == "status"), None)
    given = value.args[1] if given is None and len(value.args) > 1 else given
    if given is None:
        return not any(each.arg is None for each in value.keywords)
    return isinstance(given, ast.Constant) and isinstance(given.value, int) and given.value < _FIRST_ERROR


def _as_error(answer: ast.Return) -> str:
    value = answer.value
    if isinstance(value, ast.Call):
        body = ast.unparse(value.args[0]) if value.args else '{"error": "..."}'
        more = "".join(f", {each.arg}={ast.unparse(each.value)}" for each in value.keywords if each.arg != "status")
        return f"return Response({body}, status=500{more})"
    return f"return Response({'None' if value is None else ast.unparse(value)}, status=500)"
