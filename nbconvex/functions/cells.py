"""The text of a cell, turned into definitions.

Owns:  which names of a cell become functions or tables, what of a cell lands in the namespace, and undoing a cell that
failed. Standard library only.
Must not know: Jupyter; what is done with the definitions.
Invariants: a cell that raises leaves the namespace as it was. A function's name is never bound over a builtin or over
a name of the user's: while the body runs, functions stand under private names.
Threads: the caller's. Other threads may use the namespace meanwhile; they never see a function in a builtin's place.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbconvex.errors import CallerError
from nbconvex.functions.definition import Declaration, args, returns
from nbconvex.functions.run import DEFINING
from nbconvex.values.schema import TableDefinition, define_table, table
from nbconvex.values.validators import v

Namespace = MutableMapping[str, Any]

#: What a function is called while its cell runs. No Python name of a user's looks like this.
_PRIVATE = "_nbconvex_{}"
#: Words that a cell may use without importing them, where the namespace has no such name.
CELL_WORDS: Mapping[str, Any] = {"args": args, "returns": returns, "table": table, "define_table": define_table, "v": v}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that was read but not run.

    Shapes:  `functions` are the names of its functions in their order; `names` all names bound at its top level.
    """

    tree: ast.Module
    filename: str
    functions: tuple[str, ...]
    names: tuple[str, ...]


def cell_filename(what: str, source: str) -> str:
    """A name for the code of a cell that has none, different for every text."""
    return f"<{what} {zlib.crc32(source.encode(errors='replace')):08x}>"


def read_cell(source: str, *, filename: str, takes_functions: bool = True) -> Cell:
    """What a cell's text defines; lines are counted as they stand in `source`.

    A top-level `def` whose first parameter is `ctx` is a function, unless its name begins with an underscore.
    Raises:  SyntaxError.
    """
    tree = ast.parse(source, filename)
    functions = []
    for node in tree.body:
        if takes_functions and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_function(node):
            functions.append(node.name)
            node.name = _PRIVATE.format(node.name)
    if filename.startswith("<") and not filename.startswith("<ipython"):
        # So that tracebacks and inspect show the lines; a notebook has entered the whole cell under its own name.
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return Cell(tree, filename, tuple(dict.fromkeys(functions)), tuple(_bound_names(tree)))


def _is_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    first = [*node.args.posonlyargs, *node.args.args][:1]
    return not node.name.startswith("_") and bool(first) and first[0].arg == "ctx"


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names that top-level assignments bind, in their order."""
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        for target in targets:
            yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


@contextmanager
def undone_on_error(namespace: Namespace) -> Iterator[None]:
    """Give every name in `namespace` its old value back if the block raises."""
    before = dict(namespace)
    try:
        yield
    except BaseException:
        for name in list(namespace):
            if name not in before:
                del namespace[name]
            elif namespace[name] is not before[name]:
                namespace[name] = before[name]
        for name in before.keys() - namespace.keys():
            namespace[name] = before[name]
        raise


def run_cell(cell: Cell, namespace: Namespace) -> dict[str, Callable[..., Any]]:
    """Run a cell's body with `namespace` as its globals; its functions by name, which are not in the namespace.

    Imports, helpers and constants land in the namespace. To be called inside `undone_on_error`.
    Raises:  whatever the body raises; NotAllowedError where it uses the database.
    """
    words = {name: word for name, word in CELL_WORDS.items() if name not in namespace}
    namespace.update(words)
    token = DEFINING.set(True)
    try:
        code = compile(cell.tree, cell.filename, "exec", dont_inherit=True)
        exec(code, namespace)  # type: ignore[arg-type] # globals() of a kernel is a dict; a test's may be any mapping
    finally:
        DEFINING.reset(token)
        for name, word in words.items():
            if namespace.get(name) is word:
                del namespace[name]
    return {name: _named(namespace.pop(_PRIVATE.format(name)), name) for name in cell.functions}


def _named(handler: Any, name: str) -> Callable[..., Any]:
    """The handler under the name that its author gave it."""
    if isinstance(handler, Declaration):
        raise CallerError(
            f"{name}: the cell's first line says what its functions are, so @query, @mutation and @action do not "
            "belong inside. In a plain cell they do.",
        )
    code = getattr(handler, "__code__", None)
    private = _PRIVATE.format(name)
    if code is not None and code.co_name == private:
        changes = {"co_name": name}
        if hasattr(code, "co_qualname"):
            changes["co_qualname"] = name
        handler.__code__ = code.replace(**changes)
    if getattr(handler, "__name__", None) == private:
        handler.__name__ = name
    if getattr(handler, "__qualname__", None) == private:
        handler.__qualname__ = name
    if not callable(handler):
        raise CallerError(
            f"{name} is not a function any more at the end of the cell: a decorator or a later line replaced it."
        )
    return handler  # type: ignore[no-any-return]


def tables_of(cell: Cell, namespace: Mapping[str, Any]) -> dict[str, TableDefinition]:
    """The tables that a cell which was run has bound at its top level, by name."""
    return {name: namespace[name] for name in cell.names if isinstance(namespace.get(name), TableDefinition)}


def is_free(name: str, namespace: Mapping[str, Any], ours: Callable[[Any], bool]) -> bool:
    """Whether a name may be bound in a notebook: it is no builtin, and unused or `ours`."""
    if hasattr(builtins, name):
        return False
    return name not in namespace or ours(namespace[name])
