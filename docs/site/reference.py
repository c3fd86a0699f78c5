"""The reference, written from the code: every public name, with its signature and what its docstring says.

Docstrings here are Markdown with labelled lines (`Raises:  ...`), which Sphinx's own autodoc would take for something
else.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nbconvex
from nbconvex import errors
from nbconvex.database.filters import Expression, FilterBuilder
from nbconvex.database.query import Query
from nbconvex.database.ranges import RangeBuilder
from nbconvex.database.schema_push import SchemaReport
from nbconvex.functions.context import ActionCtx, Auth, Meta, MutationCtx, QueryCtx
from nbconvex.functions.context_db import DatabaseReader, DatabaseWriter, SystemReader, TableReader, TableWriter
from nbconvex.functions.context_storage import StorageActions, StorageReader, StorageWriter
from nbconvex.functions.deploy import CellReport
from nbconvex.functions.endpoints import Endpoints
from nbconvex.functions.environment import FunctionEnvironment
from nbconvex.functions.http_fields import Fields
from nbconvex.functions.http_message import Chunks, Request
from nbconvex.functions.identity import Identity
from nbconvex.functions.live_query import LiveAdvance, LiveUpdate, Subscription
from nbconvex.functions.logs import CallLog
from nbconvex.functions.outcome import Outcome
from nbconvex.functions.scheduling import FunctionScheduler
from nbconvex.functions.trigger_calls import InnerWriter
from nbconvex.server.serve import Server
from nbconvex.services.auth.auth import Auth as Issuers
from nbconvex.services.environment.variables import Variables
from nbconvex.services.files.plain_storage import PlainStorage
from nbconvex.services.migrations.migrations import Migrations
from nbconvex.services.scheduler.scheduler import Scheduler
from nbconvex.storage.tables.sql_result import SqlResult
from nbconvex.values.schema import SchemaDefinition, TableDefinition
from nbconvex.values.validators import Validator

_LABEL = re.compile(r"^(Raises|Units|Shapes|Source|Limits|Fields):\s+", re.MULTILINE)

#: Signatures longer than this are written a parameter a line.
LINE_MAX = 90
#: Pages: file, title, what it is about, and the classes that are shown with their methods.
CLASSES: list[tuple[str, str, str, list[type]]] = [
    ("context", "In functions: `ctx`", "What a handler holds.",
     [QueryCtx, MutationCtx, ActionCtx, nbconvex.TriggerCtx, nbconvex.Change, DatabaseReader, DatabaseWriter,
      TableReader, TableWriter, SystemReader, InnerWriter, Query, RangeBuilder, FilterBuilder, Expression, Auth,
      Identity, FunctionScheduler, StorageReader, StorageWriter, StorageActions, FunctionEnvironment, Meta, Request,
      Fields, Chunks, nbconvex.Response]),
    ("backend", "In programs: `Backend`", "What `nbconvex.open(...)` gives, and what its methods give.",
     [nbconvex.Backend, SqlResult, Outcome, SchemaReport, CellReport, Server, Subscription, LiveUpdate, LiveAdvance]),
    ("schema", "Schemas and validators", "What `table(...)` and `v` give.",
     [SchemaDefinition, TableDefinition, Validator]),
]  # fmt: skip
#: Parts of a backend, by attribute, with the methods of theirs that are for everybody.
PARTS: dict[str, tuple[type, tuple[str, ...]]] = {
    "scheduler": (Scheduler, ("run_after", "run_at", "cancel", "get", "count", "documents", "reason_to_wait", "paused",
                              "pause", "resume")),
    "storage": (PlainStorage, ("store", "get", "get_url", "get_metadata", "generate_upload_url", "delete", "list",
                               "orphans", "explain", "size_bytes")),
    "env": (Variables, ("variables", "set", "set_all", "remove")),
    "auth": (Issuers, ("providers", "add", "add_clerk", "remove", "verify", "explain")),
    "migrations": (Migrations, ("define", "run", "run_all", "dry_run", "status", "statuses", "cancel")),
    "http": (Endpoints, ("route", "get", "post", "put", "patch", "delete", "options")),
    "logs": (CallLog, ("find", "listen", "wait")),
}  # fmt: skip
#: Classes that a program makes instances of; the others are handed to it.
CONSTRUCTED = ("ConvexError", "Id", "Int64", "Limits", "Response")
#: Names of the package whose own methods are what they are there for.
NAMESPACES = ("cron", "http", "v")
#: What methods give that is to be handed on, not to be looked into.
OPAQUE = frozenset({"Document", "Filter", "FunctionDefinition", "IdValidator", "Reference", "Transaction"})


def write_reference(folder: Path) -> None:
    """All pages of the reference."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names.md").write_text("\n".join(names_page()), encoding="utf-8")
    for name, title, about, classes in CLASSES:
        lines = [f"# {title}", "", about, ""]
        for each in classes:
            lines += class_part(each, level=2)
        if name == "backend":
            lines += parts_part()
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
        if callable(value) and (not inspect.isclass(value) or name in CONSTRUCTED):
            yield from signature_part(name, value)
        yield from docstring_part(inspect.getdoc(value) if _has_own_docstring(value) else None, value)
        if name in NAMESPACES:
            yield from members_part(type(value), name, level=3)
        for file, title, _, classes in CLASSES:
            if value in classes:
                yield f"With its methods: [{title}]({file}.md#{name.lower()})."
                yield ""


def parts_part() -> Iterator[str]:
    """What stands behind the attributes of a backend."""
    yield "## Its parts"
    yield ""
    yield "Each does from cells and programs what `ctx` or a magic does elsewhere."
    yield ""
    for attribute, (kind, names) in PARTS.items():
        yield f"### `backend.{attribute}`"
        yield ""
        yield from docstring_part(inspect.getdoc(kind), kind)
        yield from members_part(kind, f"backend.{attribute}", level=4, only=names)


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
    yield from fields_part(kind)
    yield from members_part(kind, kind.__name__, level=level + 1)


def fields_part(kind: type) -> Iterator[str]:
    """What a dataclass holds."""
    if not dataclasses.is_dataclass(kind):
        return
    fields = [each for each in dataclasses.fields(kind) if not each.name.startswith("_")]
    if fields:
        yield "```ipython3"
        yield from (f"{each.name}: {str(each.type).replace('nbconvex.', '')}" for each in fields)
        yield "```"
        yield ""


def members_part(kind: type, owner: str, *, level: int, only: Collection[str] = ()) -> Iterator[str]:
    """The public methods and properties of a class, below the name that they are reached by."""
    for name, member in public_members(kind):
        if only and name not in only:
            continue
        yield f"{'#' * level} `{owner}.{name}`"
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
