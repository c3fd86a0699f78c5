"""A cell is the deploy: from a cell or module to functions in force, in one step.

Owns:  `CellReport`; what is swapped when; which names a notebook gets.
Must not know: who shows the report.
Invariants: nothing is swapped before everything was read, run and checked; what raises leaves registry and namespace as
they were. Names are bound where they are free and no builtin, or already ours.
Threads: the defining thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from nbconvex.errors import CallerError
from nbconvex.functions.cells import Namespace, is_free, read_cell, run_cell, tables_of, undone_on_error
from nbconvex.functions.definition import Declaration, FunctionDefinition, define
from nbconvex.functions.determinism import unfrozen_names
from nbconvex.functions.reference import FunctionReference
from nbconvex.functions.registry import path_in_module
from nbconvex.functions.tracebacks import trim
from nbconvex.values.schema import define_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbconvex.functions.http_routes import RoutesChange
    from nbconvex.functions.registry import Registry, RegistryChange
    from nbconvex.functions.run import Kind
    from nbconvex.values.schema import SchemaDefinition

Used = TypeVar("Used")


@dataclass(frozen=True, slots=True)
class CellReport:
    """What a cell or module changed, as paths; `live_queries` follow it. `notes` are for its author."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    live_queries: int = 0
    #: Every function that the cell defines, in its order.
    paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def define_functions_cell(
    registry: Registry,
    kind: Kind,
    source: str,
    *,
    module: str,
    is_internal: bool,
    origin: str | None,
    namespace: Namespace,
    filename: str,
    reference_to: Callable[[str, bool], FunctionReference],
) -> tuple[RegistryChange, tuple[FunctionDefinition, ...]]:
    """Define every function of a cell in place of what `origin` had defined, or change nothing.

    Without an `origin` each path is replaced on its own.
    Raises:  SyntaxError; whatever the cell raises; CallerError.
    """
    with undone_on_error(namespace):
        cell = read_cell(source, filename=filename)
        handlers = run_cell(cell, namespace)
        definitions = tuple(
            define(kind, handler, path, is_internal=is_internal, origin=origin or f"path {path}")
            for path, handler in ((path_in_module(module, name), handler) for name, handler in handlers.items())
        )
        if not definitions:
            raise CallerError(
                f"this cell defines no {kind}: a function is a def at the top level whose first parameter is ctx "
                "(one whose name begins with an underscore is a private helper).",
                hint="def list(ctx):",
            )
        if origin is not None:
            change = registry.replace(origin, definitions)
        else:
            change = _replaced_one_by_one(registry, definitions)
    _bind(registry, namespace, change, definitions, module, reference_to)
    return change, definitions


def define_value_cell(
    source: str, name: str, use: Callable[[Any], Used], *, namespace: Namespace, filename: str, example: str
) -> Used:
    """Run a cell that binds `name`, and what `use` makes of its value; if anything fails, nothing has changed.

    Raises:  SyntaxError; whatever the cell or `use` raises; CallerError where the cell does not bind it.
    """
    __tracebackhide__ = True
    try:
        with undone_on_error(namespace):
            cell = read_cell(source, filename=filename, takes_functions=False)
            run_cell(cell, namespace)
            if name not in cell.names:
                raise CallerError(f"this cell does not say what {name} is.", hint=example)
            return use(namespace[name])
    except BaseException as error:
        trim(error)
        raise


def _replaced_one_by_one(registry: Registry, definitions: tuple[FunctionDefinition, ...]) -> RegistryChange:
    changes = [registry.replace(each.origin, (each,)) for each in definitions]
    merged = changes[0]
    for change in changes[1:]:
        merged = type(merged)(
            merged.added + change.added,
            merged.changed + change.changed,
            merged.removed + change.removed,
            merged.taken_over + change.taken_over,
        )
    return merged


def _bind(
    registry: Registry,
    namespace: Namespace,
    change: RegistryChange,
    definitions: tuple[FunctionDefinition, ...],
    module: str,
    reference_to: Callable[[str, bool], FunctionReference],
) -> None:
    """Let the notebook call its functions by their bare names, and by their module's."""

    def is_ours(value: Any) -> bool:
        return isinstance(value, FunctionReference)

    for path in change.removed:
        name = path.rpartition(":")[2]
        bound = namespace.get(name)
        if is_ours(bound) and registry.path_of(bound) == path:
            del namespace[name]
    for definition in definitions:
        name = definition.handler.__name__
        if is_free(name, namespace, is_ours):
            namespace[name] = reference_to(definition.path, definition.is_internal)
    if module.isidentifier() and is_free(module, namespace, is_ours):
        namespace[module] = reference_to(f"{module}:default", definitions[0].is_internal)


def define_tables_cell(source: str, *, namespace: Namespace, filename: str, validates: bool) -> SchemaDefinition:
    """The schema of a cell's tables. To be called inside `undone_on_error`.

    Raises:  SyntaxError; SchemaInvalidError; CallerError if the cell binds no table.
    """
    cell = read_cell(source, filename=filename, takes_functions=False)
    run_cell(cell, namespace)
    tables = tables_of(cell, namespace)
    if not tables:
        raise CallerError(
            "this cell defines no table: bind a name to table({...}) at the top level.",
            hint='messages = table({"body": v.string()})',
        )
    return define_schema(tables, schema_validation=validates)


def module_name(module: ModuleType | Mapping[str, Any]) -> str:
    """A module's part of the paths, where its adder does not say: its own name with `/` for `.`, or `main`."""
    own = getattr(module, "__name__", None) or "main"
    return "main" if own == "__main__" else own.replace(".", "/")


def module_origin(name: str) -> str:
    """The origin of what a module declares, by its part of the paths."""
    return f"module {name}"


def module_definitions(
    module: ModuleType | Mapping[str, Any], name: str, origin: str
) -> Iterator[tuple[Declaration, FunctionDefinition]]:
    """The functions that a module, or any namespace, declares with decorators.

    Raises:  CallerError for what is neither.
    """
    if not isinstance(module, ModuleType | Mapping):
        raise CallerError(
            f"a module, or a dict of names, was expected, got {type(module).__name__} {module!r:.80}: import it first.",
            hint=f"import {module}; backend.add_module({module})"
            if isinstance(module, str) and module.isidentifier()
            else "import app; backend.add_module(app)",
        )
    namespace = module if isinstance(module, Mapping) else vars(module)
    for bound, value in list(namespace.items()):
        if isinstance(value, Declaration):
            yield value, value.define(path_in_module(name, value.name or bound), origin)


def report_of(
    change: RegistryChange, definitions: tuple[FunctionDefinition, ...], routes: RoutesChange, *, live_queries: int
) -> CellReport:
    """What is told of functions and routes that were put in force together."""
    return CellReport(
        change.added + routes.added,
        change.changed + routes.changed,
        change.removed + routes.removed,
        live_queries,
        tuple(each.path for each in definitions),
        notes_about(definitions),
    )


def notes_about(definitions: tuple[FunctionDefinition, ...]) -> tuple[str, ...]:
    """What an author should know about functions that are fine otherwise."""
    return tuple(
        f"{definition.name} uses {name}; it is not frozen while a {definition.kind} runs."
        for definition in definitions
        if definition.kind != "action"
        for name in unfrozen_names(definition.handler)
    )
