"""`from nbconvex import migration`: declaring what is done to each document of a table, in a module or a cell.

Owns:  `MigrationDefinition`; the decorator that makes one; the rules for names, batches and the function; reading the
function from a cell; finding what a module declares.
Must not know: how far a migration has come; stores.
Invariant: nothing is kept here: a declaration is a value that a module binds to a name.
Threads: pure.
Source: semantics 11.2, Migrations.
"""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.cells import Namespace, read_cell, run_cell
from nbconvex.values.normalization import is_identifier
from nbconvex.values.scalars import UNSET, Int64

#: Documents in one batch unless told otherwise. Source: semantics 11.2.
BATCH_SIZE: Final = 100
#: What the function of a cell is called.
CELL_FUNCTION: Final = "migrate_one"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}", re.ASCII)
_HEAD: Final = "def migrate_one(ctx, doc):"


@dataclass(frozen=True)
class MigrationDefinition:
    """What is done to each document of `table`; called like the function itself.

    Shapes:  `migrate_one(ctx, doc)` returns the fields to change, or None; `digest` tells one text of it from another,
    0 where the text is not known.
    Units:  `batch_size` in documents.
    """

    name: str
    table: str
    migrate_one: Callable[..., Any]
    batch_size: int = BATCH_SIZE
    digest: int = 0
    #: Whether a backend has it already: then nobody need look for it where it is bound.
    is_defined: bool = False

    def __call__(self, ctx: Any, doc: dict[str, Any]) -> Any:
        return self.migrate_one(ctx, doc)

    def __repr__(self) -> str:
        return f"<migration {self.name} of {self.table}>"


def migration(
    *, table: str, name: str | None = None, batch_size: int = BATCH_SIZE
) -> Callable[[Callable[..., Any]], MigrationDefinition]:
    """Declare a migration of `table`: `@migration(table="users")` above `def add_age(ctx, doc)`.

    It is called as its function unless `name` says otherwise. `batch_size` documents at most are one mutation.
    Raises:  CallerError for a name, table, batch size or function that cannot be.
    """

    def declare(function: Callable[..., Any]) -> MigrationDefinition:
        called = name if name is not None else getattr(function, "__name__", "")
        return made(called, table, function, batch_size)

    if callable(table):
        raise CallerError("a migration says which table it goes over.", hint='@migration(table="users")')
    return declare


def made(name: Any, table: Any, function: Any, batch_size: Any, *, digest: int = 0) -> MigrationDefinition:
    """A definition, checked. Raises: CallerError."""
    require_terms(name, table, batch_size)
    _require_function(name, function)
    return MigrationDefinition(name, table, function, batch_size, digest)


def require_terms(name: Any, table: Any, batch_size: Any) -> None:
    """What a migration is called, goes over and does at once, checked without a store. Raises: CallerError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CallerError(
            f"a migration's name has letters, digits, _, - and ., 64 at most, got {name!r:.80}.", hint="add_age"
        )
    if not isinstance(table, str) or not is_identifier(table) or table.startswith("_"):
        raise CallerError(f"the migration {name} needs the name of one of your tables, got {table!r:.80}.")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise CallerError(f"the migration {name}: a batch has 1 document or more, got {batch_size!r:.80}.")


def _require_function(name: str, function: Any) -> None:
    if not callable(function):
        raise CallerError(f"the migration {name} needs a function, got {type(function).__name__}.", hint=_HEAD)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise CallerError(
            f"the migration {name} uses yield, but its function gives one result a document.",
            hint='return {"age": 0}',
        )
    parameters = list(inspect.signature(function).parameters.values())
    positional = [each for each in parameters if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    needed = [each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    if len(positional) < 2 or positional[0].name != "ctx" or len(needed) > 2:
        taken = ", ".join(map(str, parameters)) or "nothing"
        raise CallerError(
            f"the function of the migration {name} is called with ctx and one document, but takes {taken}.", hint=_HEAD
        )


def definition_of_cell(
    source: str, name: str, table: str, batch_size: int, *, namespace: Namespace, filename: str
) -> MigrationDefinition:
    """The migration that a cell defines. To be called inside `undone_on_error`.

    Raises:  SyntaxError; whatever the cell raises; CallerError where it has no `migrate_one`, or more than that.
    """
    cell = read_cell(source, filename=filename)
    # Where the notebook has no such names. Unlike the words of other cells they stay: the function needs them later.
    for word, value in (("UNSET", UNSET), ("Int64", Int64)):
        namespace.setdefault(word, value)
    functions = run_cell(cell, namespace)
    others = [each for each in functions if each != CELL_FUNCTION]
    if CELL_FUNCTION not in functions:
        found = f"it has {', '.join(others)}" if others else "it has no function whose first parameter is ctx"
        raise CallerError(f"a migration cell has a function {CELL_FUNCTION}; {found}.", hint=_HEAD)
    if others:
        raise CallerError(
            f"a migration cell has one function with ctx, {CELL_FUNCTION}; this one has {', '.join(others)} as well. "
            "Helpers begin with an underscore, or do not take ctx first."
        )
    digest = zlib.crc32(source.strip().encode(errors="replace"))
    return made(name, table, functions[CELL_FUNCTION], batch_size, digest=digest)


def declared_migrations(module: ModuleType | Mapping[str, Any]) -> Iterable[MigrationDefinition]:
    """What a module, or any namespace, declares and no backend has."""
    namespace = module if isinstance(module, Mapping) else vars(module)
    found = (
        value for value in list(namespace.values()) if isinstance(value, MigrationDefinition) and not value.is_defined
    )
    # One that is bound to two names is one.
    return list({id(each): each for each in found}.values())
