"""What of a notebook's plain cells its functions lean on.

Owns:  `needed_parts`: reading what statements bind and use, without running them; `plain_code`, a cell without the
lines that are IPython's.
Must not know: how a cell is run.
Why: a notebook is defined and tried in the same file. Its functions need the imports, helpers and constants, and not
the calls that try them, which would write their trial data again whenever the file is served.
Mechanism: a statement of a plain cell is needed if it binds a name that something needed uses, or if it declares a
function with a decorator, or a cron. A bare call never is. A cell that is tagged `serve` is needed as a whole, one that
is tagged `no-serve` never.
Threads: pure.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nbconvex.cli.notebook_file import FileCell

ALWAYS: Final = "serve"
NEVER: Final = "no-serve"
_NOT_PYTHON: Final = re.compile(r"\s*(?:[%!?]|\w+\s*=\s*[%!])|.*\?\s*\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """A cell that is to be run; of a plain one, the statements that are, of one with a magic None: all of it."""

    cell: FileCell
    statements: ast.Module | None


@dataclass(frozen=True, slots=True)
class _Statement:
    """One top-level statement of a plain cell: what it binds, and what it finds bound elsewhere."""

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]


def plain_code(text: str) -> str:
    """A cell without the lines that only IPython understands; the others stay on their lines."""
    try:
        ast.parse(text)
    except SyntaxError:
        lines = ["" if _NOT_PYTHON.match(line) else line for line in text.split("\n")]
        return "\n".join(lines)
    return text


def needed_parts(cells: Sequence[FileCell], defining: frozenset[str]) -> list[Part]:
    """What is to be run, in its order: the cells with a magic of `defining`, and what they lean on.

    A plain cell that cannot be parsed is needed by nobody, unless it is tagged.
    """
    wanted = [cell for cell in cells if NEVER not in cell.tags]
    always = {cell.number for cell in wanted if ALWAYS in cell.tags and not cell.magic}
    statements = [each for cell in wanted if not cell.magic for each in _statements(cell)]
    used = {name for cell in wanted if cell.magic in defining for name in _uses(_python_in(cell))}
    needed = [each for each in statements if each.cell in always or _declares(each.node)]
    newly = needed
    while True:
        used.update(*(each.uses for each in newly))
        newly = [each for each in statements if each not in needed and each.binds & used and _binds_only(each.node)]
        if not newly:
            break
        needed += newly
    by_cell: dict[int, list[_Statement]] = {}
    for each in statements:
        if each in needed:
            by_cell.setdefault(each.cell, []).append(each)
    parts = []
    for cell in wanted:
        if cell.magic in defining:
            parts.append(Part(cell, None))
        elif cell.number in by_cell:
            body = [each.node for each in by_cell[cell.number]]
            parts.append(Part(cell, ast.Module(body, type_ignores=[])))
    return parts


def _statements(cell: FileCell) -> Iterator[_Statement]:
    code = plain_code(cell.text)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = code.split("\n")
    for node in tree.body:
        decorators = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(each.lineno for each in decorators)])
        binds = frozenset(_bound(node))
        uses = _uses("\n".join(lines[start - 1 : node.end_lineno]))
        # What a statement binds itself it need not find.
        yield _Statement(cell.number, node, binds, uses - binds)


def _python_in(cell: FileCell) -> str:
    """The Python of a defining cell. A cell of SQL has it on its first line: the types of its arguments."""
    words = cell.line.partition("--args")[2].lstrip(" =")
    return f"def _({words[1:].partition(words[0])[0]}): ..." if words[:1] in {"'", '"'} else cell.text


def _uses(code: str) -> frozenset[str]:
    """The names that code looks for in the namespace."""
    try:
        without_waiting = ast.unparse(ast.fix_missing_locations(_WithoutWaiting().visit(ast.parse(code))))
        return frozenset(_globals_in(symtable.symtable(without_waiting, "cell", "exec")))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


class _WithoutWaiting(ast.NodeTransformer):
    """The same code that does not wait at its top, as only cells may: since Python 3.14 `symtable` refuses it."""

    def visit(self, node: ast.AST) -> Any:
        # What waits inside of a function is the function's.
        return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else super().visit(node)

    def visit_Await(self, node: ast.Await) -> Any:
        """What is waited for."""
        return self.visit(node.value)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """The loop."""
        self.generic_visit(node)
        return ast.For(node.target, node.iter, node.body, node.orelse)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """The block."""
        self.generic_visit(node)
        return ast.With(node.items, node.body)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """The loop inside of an expression."""
        self.generic_visit(node)
        node.is_async = 0
        return node


def _globals_in(scope: symtable.SymbolTable) -> Iterator[str]:
    is_top = scope.get_type() == "module"
    for symbol in scope.get_symbols():
        if symbol.is_referenced() and (is_top or symbol.is_global()):
            yield symbol.get_name()
    for child in scope.get_children():
        yield from _globals_in(child)


def _declares(node: ast.stmt) -> bool:
    """Whether a statement declares a function, with a decorator, or a cron."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return bool(node.decorator_list)
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return False
    return any(isinstance(each, ast.Name) and each.id == "cron" for each in ast.walk(node.value.func))


def _binds_only(node: ast.stmt) -> bool:
    # A call, most likely: the very thing that is not to be done again.
    return not isinstance(node, ast.Expr)


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds, those whose parts it changes included."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store):
            root: ast.expr = each
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if isinstance(root, ast.Name):
                yield root.id
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.Import | ast.ImportFrom):
            for alias in each.names:
                yield alias.asname or alias.name.partition(".")[0]
