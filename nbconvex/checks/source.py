"""What the code of functions and endpoints says, read without running it.

Owns:  `Code`: a handler's syntax tree, and those of the helpers that it reaches; `place_of`, where it is written; the
comment that silences a check; the small questions that checks ask of trees.
Must not know: which checks there are.
Invariant: code whose text is not to be had (typed into a prompt, made by a program) is passed over, never guessed at.
Threads: pure.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from nbconvex.functions.determinism import global_names
from nbconvex.functions.tracebacks import is_users

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.http_routes import Route

#: Says what to call a file: cells have names of their own.
FileName = Callable[[str], str]
#: `# nbconvex: allow scan, identity` in a function silences these checks for it.
_ALLOWED: Final = re.compile(r"#\s*nbconvex:\s*allow\s+([a-z-]+(?:\s*,\s*[a-z-]+)*)")
#: Helpers that are followed from one handler.
_HELPERS_MAX: Final = 50


@dataclass(frozen=True)
class Code:
    """The code of one function or endpoint.

    Shapes:  `kind` is that of the function, or "endpoint"; `trees` has the handler's own tree first, and is empty where
    its text is not to be had; `text` is the handler's own.
    """

    owner: str
    kind: str
    handler: Any
    is_public: bool
    place: str = ""
    text: str = ""
    trees: tuple[ast.AST, ...] = ()
    definition: FunctionDefinition | None = None
    route: Route | None = None
    allowed: frozenset[str] = field(default_factory=frozenset)

    @property
    def module(self) -> str:
        """The module's part of a function's path."""
        return self.owner.partition(":")[0]

    def walk(self) -> Iterator[ast.AST]:
        """Every node of the handler and its helpers."""
        for tree in self.trees:
            yield from ast.walk(tree)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call, with what is called as it is written: `ctx.db.insert`."""
        for node in self.walk():
            if isinstance(node, ast.Call):
                yield dotted(node.func), node

    def texts(self) -> Iterator[str]:
        """Every text in the code, docstrings apart."""
        documented = {id(text) for tree in self.trees for text in _docstrings(tree)}
        for node in self.walk():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                yield node.value

    def is_global(self, name: str) -> bool:
        """Whether the handler looks a name up among the globals, and has none of its own by it."""
        code = getattr(inspect.unwrap(self.handler), "__code__", None)
        return code is not None and name in global_names(code)

    def value(self, name: str) -> Any:
        """What the handler finds under a global name."""
        return getattr(inspect.unwrap(self.handler), "__globals__", {}).get(name)


def codes_of(backend: Backend, file_name: FileName | None = None) -> list[Code]:
    """The code of every function and endpoint."""
    functions = sorted(backend.registry.functions.values(), key=lambda each: each.path)
    return [
        *(code_of_function(each, file_name) for each in functions),
        *(code_of_route(each, file_name) for each in backend.http.routes.table),
    ]


def code_of_function(definition: FunctionDefinition, file_name: FileName | None = None) -> Code:
    """The code of a function."""
    return _read(
        definition.name,
        definition.kind,
        definition.handler,
        not definition.is_internal,
        file_name,
        definition=definition,
    )


def code_of_route(route: Route, file_name: FileName | None = None) -> Code:
    """The code of an endpoint."""
    return _read(route.name, "endpoint", route.handler, True, file_name, route=route)


def _read(
    owner: str,
    kind: str,
    handler: Any,
    is_public: bool,  # noqa: FBT001 - a private factory
    file_name: FileName | None,
    **about: Any,
) -> Code:
    own = inspect.unwrap(handler)
    text, line = _text_of(own)
    place = place_of(own, file_name, line)
    allowed = {word.strip() for found in _ALLOWED.finditer(text) for word in found[1].split(",")}
    return Code(
        owner, kind, handler, is_public, place, text, tuple(_trees(handler)), allowed=frozenset(allowed), **about
    )


def place_of(handler: Any, file_name: FileName | None = None, line: int = 0) -> str:
    """Where a function is written: `app.py, line 3`; empty where its file has no name that people know."""
    code = getattr(inspect.unwrap(handler), "__code__", None)
    if code is None or (code.co_filename.startswith("<") and file_name is None):
        return ""
    return f"{(file_name or _plain_name)(code.co_filename)}, line {line or code.co_firstlineno}"


def _plain_name(filename: str) -> str:
    return Path(filename).name


def _text_of(function: Any) -> tuple[str, int]:
    """The text of a function and the line where it begins; nothing where it is not to be had."""
    try:
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError, SyntaxError, IndexError):
        return "", 0
    return textwrap.dedent("".join(lines)), start


def _trees(handler: Any) -> Iterator[ast.AST]:
    """The tree of a handler, then of the user's functions that it reaches by name, by closure or by wrapping."""
    waiting: list[Any] = [inspect.unwrap(handler), handler]
    seen: set[CodeType] = set()
    while waiting and len(seen) < _HELPERS_MAX:
        function = waiting.pop(0)
        if not isinstance(function, FunctionType) or function.__code__ in seen or not is_users(function.__code__):
            continue
        seen.add(function.__code__)
        text, _ = _text_of(function)
        if not text:
            continue
        try:
            yield ast.parse(text)
        except SyntaxError:
            continue
        waiting += [function.__globals__.get(name) for name in sorted(global_names(function.__code__))]
        for cell in function.__closure__ or ():
            try:
                waiting.append(cell.cell_contents)
            except ValueError:
                continue


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def dotted(node: ast.AST) -> str:
    """`ctx.db.table().insert` for what is written so, arguments left out; empty for what is no chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    if isinstance(node, ast.Call):
        inner = dotted(node.func)
        return f"{inner}()" if inner else ""
    return ""


def module_behind(code: Code, name: str) -> str:
    """The module that a name stands for: `requests`, also where it is imported inside the function; else nothing."""
    value = code.value(name)
    if isinstance(value, ModuleType):
        return value.__name__
    for node in code.walk():
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    return alias.name
    return ""


def arguments_text(call: ast.Call, skip: int = 0) -> str:
    """A call's arguments as they are written, without the first few."""
    parts = [ast.unparse(each) for each in call.args[skip:]]
    parts += [
        f"{each.arg}={ast.unparse(each.value)}" if each.arg else f"**{ast.unparse(each.value)}"
        for each in call.keywords
    ]
    return ", ".join(parts)
