"""A SELECT as the source of a query: what a cell of SQL is deployed as.

Owns:  `sql_cell`, `sql_query_source`: from SQL, a name and parameters as Python writes them to a `def` that asks it.
Must not know: Jupyter; DuckDB; how SQL is run.
Invariants: the function takes exactly the SQL's `$names`. Its one line stands where the SQL begins, and the SQL it
holds is moved down as far, so that lines in errors of either language are those of the cell.
Threads: pure functions.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Sequence

from nbconvex.errors import CallerError

_EXAMPLE = '--args "least: float = 0, city: str"'


def sql_cell(
    named: str, padded: str, args: str | None, parameters_of: Callable[[str], Sequence[str]]
) -> tuple[str, str]:
    """The module, and the source, of a cell whose body is one SELECT: `%%query module:name --sql`.

    Shapes:  `named` is what stands on the cell's line; the rest as in `sql_query_source`.
    Raises:  CallerError; SqlInvalidError of `parameters_of`, where the SQL could not run in a query.
    """
    module, colon, name = named.rpartition(":")
    if not colon or not module:
        raise CallerError("a query of SQL is named on its cell's first line.", hint=f"%%query {named}:totals --sql")
    return module, sql_query_source(padded, name, parameters_of(padded), args)


def sql_query_source(padded: str, name: str, parameters: Sequence[str], args: str | None) -> str:
    """The source of the query `name`.

    Shapes:  `padded` is the SQL after as many line ends as there are lines above it; `parameters` the names behind `$`
             in it; `args` are a `def`'s parameters without `ctx`, or None: then each `$name` takes any value.
    Raises:  CallerError.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise CallerError(
            f"a query is named like a Python function, and {name!r} is no such name.",
            hint="%%query sales:by_city --sql",
        )
    for each in parameters:
        if keyword.iskeyword(each) or each == "ctx":
            raise CallerError(f"${each} cannot be the name of a parameter: Python has it.", hint=f"${each}_")
    args = ", ".join(parameters) if args is None else _checked_args(args, parameters)
    line = len(padded) - len(padded.lstrip())
    above = padded[:line].count("\n")
    passed = "".join(f", {each}={each}" for each in parameters)
    taken = f"ctx, {args}" if args.strip() else "ctx"
    return "\n" * above + f"def {name}({taken}): return ctx.db.sql({padded!r}{passed})"


def _checked_args(args: str, parameters: Sequence[str]) -> str:
    """The parameters as Python writes them. Raises: CallerError where they are none, or not the SQL's."""
    names, written = _read(args)
    missing = [each for each in parameters if each not in names]
    if missing:
        raise CallerError(
            f"the SQL has ${missing[0]}, and --args does not say what that is.",
            hint=f'--args "{", ".join(filter(None, [args.strip(), missing[0]]))}"',
        )
    extra = [each for each in names if each not in parameters]
    if extra:
        known = ", ".join(f"${each}" for each in parameters) or "none"
        raise CallerError(f"--args names {extra[0]}, and the SQL has no ${extra[0]}; its parameters: {known}.")
    return written


def _read(args: str) -> tuple[list[str], str]:
    """The names, and the text without what would not be in one line. Raises: CallerError."""
    try:
        tree = ast.parse(f"def f(ctx, {args}\n): pass")
    except SyntaxError as error:
        raise CallerError(
            f"--args are parameters as a def has them, and {args!r} cannot be read: {error.msg}.", hint=_EXAMPLE
        ) from None
    found = tree.body[0]
    assert isinstance(found, ast.FunctionDef), "it begins with def"
    of = found.args
    is_one = len(tree.body) == 1 and len(found.body) == 1 and isinstance(found.body[0], ast.Pass)
    if not is_one or of.posonlyargs or of.kwonlyargs or of.vararg or of.kwarg:
        raise CallerError(f"--args are names with types and defaults, and {args!r} is something else.", hint=_EXAMPLE)
    return [each.arg for each in of.args[1:]], ast.unparse(of).partition(", ")[2]
