"""A query written in place of a function's name: a few lines of Python that read, run once, and are in no registry.

Owns:  `inline_query`: from text to a query.
Must not know: how a query is run. That it only reads is what a query is.
Threads: pure, but for the lines that tracebacks show.
Source: semantics 12.1: `run --inline-query`.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.definition import FunctionDefinition, define
from nbconvex.functions.teaching import INLINE_QUERY

_FILEINLINE_QUERY: Final = "<inline query>"


def inline_query(text: str, namespace: Mapping[str, Any]) -> FunctionDefinition:
    """The query whose body is `text`, which finds `ctx` and the names of `namespace`. Its value is what the last line
    gives, or what `return` says.

    Raises:  CallerError for what is no Python, or is empty.
    """
    example = 'ctx.db.query("messages").take(5)'
    try:
        body = ast.parse(text.strip(), _FILEINLINE_QUERY).body
    except (SyntaxError, ValueError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise CallerError(f"an inline query is Python, and this is none: {said}.", hint=example) from None
    if not body:
        raise CallerError("an inline query says what to read.", hint=example)
    last = body[-1]
    if isinstance(last, ast.Expr):
        body[-1] = ast.copy_location(ast.Return(last.value), last)
    function = ast.FunctionDef(
        INLINE_QUERY, ast.arguments([], [ast.arg("ctx")], None, [], [], None, []), body, [], lineno=1, col_offset=0
    )
    # Since Python 3.12 a function has type parameters, and before it must not.
    if "type_params" in ast.FunctionDef._fields:
        function.type_params = []  # type: ignore[attr-defined, unused-ignore]
    module = ast.fix_missing_locations(ast.Module([function], type_ignores=[]))
    try:
        code = compile(module, _FILEINLINE_QUERY, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CallerError(f"an inline query is the body of a function: {error.msg}.", hint=example) from None
    linecache.cache[_FILEINLINE_QUERY] = (len(text), None, text.strip().splitlines(keepends=True), _FILEINLINE_QUERY)
    names = dict(namespace)
    exec(code, names)  # noqa: S102 - the user's own text
    return define("query", names[INLINE_QUERY], INLINE_QUERY)
