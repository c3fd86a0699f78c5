"""What puts code in force: cells, modules, decorators and schemas, each in one step.

Owns:  `Deployer`: what follows everywhere from a definition (functions, endpoints, live queries, what the store
remembers), and the report of it.
Must not know: how a cell is read; who shows the report; services.
Invariant: what raises leaves functions, endpoints, schema and namespace as they were.
Threads: any; the last one to define something wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nbconvex.functions.cells import Namespace, cell_filename, undone_on_error
from nbconvex.functions.definition import Declaration, FunctionDefinition
from nbconvex.functions.deploy import (
    CellReport,
    define_functions_cell,
    define_tables_cell,
    module_definitions,
    module_origin,
    notes_about,
)
from nbconvex.functions.http_routes import NO_CHANGE, RoutesChange
from nbconvex.functions.reference import FunctionReference, Host, reference_to
from nbconvex.functions.registry import RegistryChange, path_in_module
from nbconvex.functions.tracebacks import trim
from nbconvex.functions.triggers import NO_CHANGE as NO_TRIGGERS_CHANGE
from nbconvex.functions.triggers import Triggers, TriggersChange
from nbconvex.values.schema import SchemaDefinition, TableDefinition, define_schema

if TYPE_CHECKING:
    from nbconvex.database.schema_push import SchemaReport
    from nbconvex.functions.endpoints import Endpoints
    from nbconvex.functions.live import LiveQueries
    from nbconvex.functions.remembered import Remembered
    from nbconvex.functions.run import Kind
    from nbconvex.functions.runner import Runner


class Deployer:
    """Puts code in force in one backend; references to what it defines call `host`."""

    def __init__(
        self, runner: Runner, live: LiveQueries, http: Endpoints, triggers: Triggers, remembered: Remembered,
        host: Callable[[], Host],
    ) -> None:  # fmt: skip
        self._runner = runner
        self._registry = runner.registry
        self._live = live
        self._http = http
        self._triggers = triggers
        self._remembered = remembered
        self._host = host

    def define_cell(
        self, kind: Kind, source: str, *, module: str, internal: bool, origin: str | None,
        namespace: Namespace | None, filename: str | None,
    ) -> CellReport:  # fmt: skip
        """Put a cell's functions in force in place of what `origin` had defined, or change nothing.

        Raises:  SyntaxError; whatever the cell raises; CallerError.
        """
        __tracebackhide__ = True
        try:
            change, definitions = define_functions_cell(
                self._registry,
                kind,
                source,
                module=module,
                is_internal=internal,
                origin=origin,
                namespace={} if namespace is None else namespace,
                filename=filename or cell_filename(f"{kind} {module}", source),
                reference_to=self._reference,
            )
        except BaseException as error:
            trim(error)
            raise
        self._remembered.keep(definitions, f"a %%{kind} {module} cell", change.removed)
        if origin is not None:
            # The cell may have been an endpoint or a trigger before.
            self._http.forget(origin)
            self._triggers.forget(origin)
        return self._report(change, definitions)

    def define_schema_cell(
        self, source: str, *, namespace: Namespace | None, filename: str | None, validate: bool, check_only: bool
    ) -> SchemaReport:
        """Put a cell's tables in force if the documents fit, or change nothing.

        Raises:  SyntaxError; whatever the cell raises; SchemaInvalidError; SchemaViolatedError.
        """
        __tracebackhide__ = True
        namespace = {} if namespace is None else namespace
        if check_only:
            namespace = dict(namespace)
        try:
            with undone_on_error(namespace):
                filename = filename or cell_filename("schema", source)
                schema = define_tables_cell(source, namespace=namespace, filename=filename, validates=validate)
                return self.push_schema(schema, check_only=check_only)
        except BaseException as error:
            trim(error)
            raise

    def push_schema(
        self, schema: SchemaDefinition | Mapping[str, TableDefinition], *, check_only: bool
    ) -> SchemaReport:
        """Put a schema, or a dict of tables, in force if all documents fit, or change nothing.

        Raises:  SchemaViolatedError; SchemaInvalidError.
        """
        schema = schema if isinstance(schema, SchemaDefinition) else define_schema(schema)
        report = self._runner.database.push_schema(schema, check_only=check_only)
        if not check_only:
            self.forget_results()
        return report

    def forget_results(self) -> None:
        """Run every query again: an index that came or went concerns them in a way that no read set shows."""
        self._runner.cache.clear()
        self._live.rerun_all()

    def add_module(self, module: ModuleType | Mapping[str, Any], name: str) -> CellReport:
        """Put in force what a module, or any namespace, declares with decorators, in place of what it had declared.

        Raises:  CallerError.
        """
        origin, place = module_origin(name), f"the module {getattr(module, '__name__', None) or 'main'}"
        declared = list(module_definitions(module, name, origin))
        # Before anything is swapped: a route that breaks a rule must change no function.
        routes = self._http.add_module(module, origin, place)
        triggers = self._triggers.add_module(module, origin, place)
        change = self._registry.replace(origin, [definition for _, definition in declared])
        for declaration, definition in declared:
            declaration.reference = self._reference(definition.path, definition.is_internal)
        definitions = tuple(definition for _, definition in declared)
        self._remembered.keep(definitions, place, change.removed)
        return self._report(change, definitions, routes, triggers)

    def declare(self, declaration: Declaration) -> None:
        """What `backend.query` and its like do with a handler."""
        path = path_in_module("main", declaration.name or declaration.handler.__name__)
        definition = declaration.define(path, f"decorator {path}")
        change = self._registry.replace(definition.origin, (definition,))
        declaration.reference = self._reference(path, definition.is_internal)
        self._remembered.keep((definition,), "a decorator", change.removed)

    def _reference(self, path: str, is_internal: bool) -> FunctionReference:  # noqa: FBT001 - a private factory
        return reference_to(path, self._host, internal=is_internal)

    def _report(
        self, change: RegistryChange, definitions: tuple[FunctionDefinition, ...], routes: RoutesChange = NO_CHANGE,
        triggers: TriggersChange = NO_TRIGGERS_CHANGE,
    ) -> CellReport:  # fmt: skip
        return CellReport(
            change.added + routes.added + _named(triggers.added),
            change.changed + routes.changed + _named(triggers.changed),
            change.removed + routes.removed + _named(triggers.removed),
            self._live.following(change.paths),
            tuple(each.path for each in definitions),
            notes_about(definitions),
        )


def _named(triggers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"trigger {name}" for name in triggers)
