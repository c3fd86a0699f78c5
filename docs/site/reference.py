"""The reference, written from the code: every public name, with its signature and what its docstring says.

Docstrings here are Markdown with labelled lines (`Raises:  ...`), which Sphinx's own autodoc would take for something
else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbconvex
from nbconvex import errors
from nbconvex.database.filters import FilterBuilder
from nbconvex.database.query import Query
from nbconvex.database.ranges import RangeBuilder
from nbconvex.functions.context import ActionCtx, Auth, MutationCtx, QueryCtx
from nbconvex.functions.context_db import DatabaseReader, DatabaseWriter
from nbconvex.functions.context_storage import StorageActions, StorageReader, StorageWriter
from nbconvex.functions.http_message import Request
from nbconvex.functions.live_query import LiveAdvance, LiveUpdate, Subscription
from nbconvex.functions.scheduling import FunctionScheduler
from nbconvex.server.serve import Server
from nbconvex.values.schema import SchemaDefinition, TableDefinition
from nbconvex.values.validators import Validator

_LABEL = re.compile(r"^(Raises|Units|Shapes|Source|Limits|Fields):\s+", re.MULTILINE)

#: Signatures longer than this are written a parameter a line.
LINE_MAX = 90
#: Pages: file, title, what it is about, and the classes that are shown with their methods.
CLASSES: list[tuple[str, str, str, list[type]]] = [
    ("context", "In functions: `ctx`", "What a handler holds.",
     [QueryCtx, MutationCtx, ActionCtx, DatabaseReader, DatabaseWriter, Query, RangeBuilder, FilterBuilder,
      Auth, FunctionScheduler, StorageReader, StorageWriter, StorageActions, Request]),
    ("backend", "In programs: `Backend`", "What `nbconvex.open(...)` gives, and what its methods give.",
     [nbconvex.Backend, Server, Subscription, LiveUpdate, LiveAdvance]),
    ("schema", "Schemas and validators", "What `table(...)` and `v` give.",
     [SchemaDefinition, TableDefinition, Validator]),
]  # fmt: skip


def write_reference(folder: Path) -> None:
    """All pages of the reference."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names.md").write_text("\n".join(names_page()), encoding="utf-8")
    for name, title, about, classes in CLASSES:
        lines = [f"# {title}", "", about, ""]
        for each in classes:
            lines += class_part(each, level=2)
        (folder / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")
    (folder / "exceptions.md").write_text("\n".join(errors_page()), encoding="utf-8")


def names_page() -> Iterator[str]:
    """Every name of `nbconvex.__all__`."""
    yield "# `nbconvex`"
    yield ""
    yield "Every public name of the package, by the alphabet. What is not here may change in any release."
    yield ""
    for name in sorted(nbconvex.__all__, key=str.lower):
        value = getattr(nbconvex, name)
        yield f"## `{name}`"
        yield ""
        if inspect.isclass(value) or callable(value):
            yield from signature_part(name, value)
        yield from docstring_part(inspect.getdoc(value) if _has_own_docstring(value) else None, value)


def _has_own_docstring(value: Any) -> bool:
    return (
        inspect.isclass(value)
        or inspect.isroutine(value)
        or bool(getattr(type(value), "__module__", "").startswith("nbconvex"))
    )


def class_part(kind: type, *, level: int) -> Iterator[str]:
    """A class with its public methods and properties, those that it inherits from ours included."""
    yield f"{'#' * level} `{kind.__name__}`"
    yield ""
    yield from docstring_part(inspect.getdoc(kind), kind)
    for name, member in public_members(kind):
        yield f"{'#' * (level + 1)} `{kind.__name__}.{name}`"
        yield ""
        if isinstance(member, property):
            yield from docstring_part(inspect.getdoc(member), member)
            continue
        function = getattr(member, "__func__", member)
        yield from signature_part(name, function)
        yield from docstring_part(inspect.getdoc(function), function)


def public_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties in the order of the source, the class's own first."""
    seen = set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith("nbconvex"):
            continue
        for name, member in vars(owner).items():
            is_shown = isinstance(member, property | staticmethod | classmethod) or inspect.isfunction(member)
            if name.startswith("_") or not is_shown or name in seen:
                continue
            seen.add(name)
            if getattr(member, "__annotations__", {}).get("return") == "NoReturn":
                # It is there to say what to write instead.
                continue
            yield name, member


def signature_part(name: str, function: Any) -> Iterator[str]:
    """How it is called."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    kept = [each for each in signature.parameters.values() if each.name not in {"self", "cls"}]
    prefix = "await " if inspect.iscoroutinefunction(function) else ""
    returned = _bare(str(signature.replace(parameters=[])))[2:]
    parameters = _bare(str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))[1:-1])
    written = f"{prefix}{name}({parameters}){returned}"
    if len(written) > LINE_MAX:
        lines = "".join(f"    {each},\n" for each in _split(parameters))
        written = f"{prefix}{name}(\n{lines}){returned}"
    yield "```ipython3"
    yield written
    yield "```"
    yield ""


def _bare(written: str) -> str:
    """Annotations as they stand in the source; `inspect` shows them as texts."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", written).replace("nbconvex.", "")


def _split(parameters: str) -> Iterator[str]:
    """Parameters one by one; commas inside brackets part nothing."""
    depth, begun = 0, 0
    for place, mark in enumerate(parameters):
        depth += (mark in "([{") - (mark in ")]}")
        if mark == "," and not depth:
            yield parameters[begun:place].strip()
            begun = place + 1
    yield parameters[begun:].strip()


def docstring_part(text: str | None, _value: Any) -> Iterator[str]:
    """A docstring as Markdown: labels stand out, everything else as it is."""
    if not text:
        return
    text = _LABEL.sub(lambda found: f"\n**{found[1]}:** ", text)
    # Brackets are intervals and lists here, never links.
    text = re.sub(r"(?<!`)\[(?=[^`]*\])(?![^\]]*\]\()", r"\\[", text)
    yield text.strip()
    yield ""


def errors_page() -> Iterator[str]:
    """Every error, as the tree that they are."""
    yield "# Exceptions"
    yield ""
    yield "All of them are in `nbconvex.errors`. What to do about each: [errors](../how-to/errors.md)."
    yield ""

    def tree(kind: type, depth: int) -> Iterator[str]:
        first = (inspect.getdoc(kind) or "").partition("\n")[0]
        yield f"{'  ' * depth}* `{kind.__name__}`: {first}"
        for child in sorted(kind.__subclasses__(), key=lambda each: each.__name__):
            if child.__module__ == errors.__name__:
                yield from tree(child, depth + 1)

    yield from tree(errors.NbconvexError, 0)
