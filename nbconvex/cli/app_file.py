"""An app in a file, `app.ipynb` or `app.py`, put in force in a backend; again when the file has changed.

Owns:  `AppFile`; the namespace of its cells; which cell defined what.
Must not know: IPython; how a cell's code is read, which both doors share.
Invariants: a cell with an error changes nothing, and the others count; what the file does not define any more is gone.
Each load begins with an empty namespace.
Threads: the caller's.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbconvex.cli.leaning import Part, needed_parts
from nbconvex.cli.notebook_file import FileCell, read_notebook
from nbconvex.errors import CallerError, ConvexError, NbconvexError
from nbconvex.functions.cell_options import endpoint_settings, read_cell_line
from nbconvex.functions.command_words import unquoted
from nbconvex.functions.definition import Declaration
from nbconvex.functions.deploy import define_value_cell
from nbconvex.functions.http_declaration import RouteDeclaration
from nbconvex.functions.http_message import Response
from nbconvex.functions.sql_source import sql_cell
from nbconvex.functions.tracebacks import trim
from nbconvex.services.files.plain_storage import FilesOf
from nbconvex.services.scheduler.cron_forms import CronDefinition, require_name
from nbconvex.services.scheduler.cron_words import read_call, recurrence_of
from nbconvex.values.scalars import UNSET, Id, Int64
from nbconvex.values.schema import SchemaDefinition, table
from nbconvex.values.validators import v

if TYPE_CHECKING:
    from nbconvex.backend import Backend

#: What a cell of each kind does: the backend, its options, the cell, its file name, the namespace, its origin.
_Definer = Callable[["Backend", argparse.Namespace, FileCell, str, dict[str, Any], str], None]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came of a load: which cells were run, and what went wrong, each as text."""

    cells: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = field(default=())


class AppFile:
    """The app of one file, in one backend."""

    def __init__(self, backend: Backend, path: Path) -> None:
        self._backend = backend
        self.path = path
        self._origins: set[str] = set()
        self._has_module = False

    def load(self) -> LoadReport:
        """Put in force what the file defines now, and take out what it had defined before.

        Raises:  CallerError for a file that is not there or is neither a notebook nor Python.
        """
        if self.path.suffix == ".ipynb":
            return self._load_notebook(read_notebook(self.path))
        if self.path.suffix == ".py":
            return self._load_module()
        raise CallerError(f"{self.path} is neither a notebook (.ipynb) nor a Python file (.py).")

    def _load_module(self) -> LoadReport:
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        if spec is None or spec.loader is None or not self.path.is_file():
            raise CallerError(f"there is no file {self.path}.")
        module = importlib.util.module_from_spec(spec)
        try:
            linecache.checkcache(str(self.path))
            with _importing_from(self.path.parent):
                spec.loader.exec_module(module)
            schema = getattr(module, "schema", None)
            if isinstance(schema, SchemaDefinition):
                # As the schema file of a Convex app; functions may need its indexes.
                self._backend.push_schema(schema)
            self._backend.add_module(module, self.path.stem)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return LoadReport(problems=(_problem(self.path.name, error),))
        return LoadReport(cells=1)

    def _load_notebook(self, cells: list[FileCell]) -> LoadReport:
        needed = needed_parts(cells, frozenset(_DEFINERS))
        namespace = notebook_names(self._backend)
        defined: set[str] = set()
        problems = []
        with _importing_from(self.path.parent):
            for part in needed:
                cell = part.cell
                origin = f"{self.path.name} {cell.id}"
                # Kept also where the cell fails: its old functions stay.
                defined.add(origin)
                try:
                    self._run(part, namespace, origin)
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    problems.append(_problem(f"{self.path.name}, cell {cell.number}", error))
            problems += self._declare(namespace)
        self._forget(self._origins - defined)
        self._origins = defined
        return LoadReport(len(needed), len(cells) - len(needed), tuple(problems))

    def _run(self, part: Part, namespace: dict[str, Any], origin: str) -> None:
        cell = part.cell
        filename = f"{self.path.name}, cell {cell.number}"
        linecache.cache[filename] = (len(cell.whole), None, cell.whole.splitlines(keepends=True), filename)
        if part.statements is not None:
            _run_plain(part.statements, filename, namespace)
            return
        options = read_cell_line(cell.magic, cell.line)
        _DEFINERS[cell.magic](self._backend, options, cell, filename, namespace, origin)

    def _declare(self, namespace: Mapping[str, Any]) -> list[str]:
        """Put in force what plain cells declare, as the module `main`; what went wrong."""
        declared = {
            name: value
            for name, value in namespace.items()
            if isinstance(value, Declaration | RouteDeclaration | CronDefinition) and not name.startswith("_")
        }
        if not declared and not self._has_module:
            return []
        try:
            self._backend.add_module(declared, "main")
        except NbconvexError as error:
            return [_problem(self.path.name, error)]
        self._has_module = bool(declared)
        return []

    def _forget(self, origins: set[str]) -> None:
        for origin in origins:
            self._backend.registry.replace(origin, ())
            self._backend.http.forget(origin)
            self._backend.triggers.forget(origin)
            self._backend.scheduler.declare_crons(origin, ())


def notebook_names(backend: Backend) -> dict[str, Any]:
    """What cells find in their namespace, as in a notebook that has loaded the extension."""
    return {
        "__name__": "__main__",
        "api": backend.api,
        "internal": backend.internal,
        "v": v,
        "table": table,
        "files": FilesOf(lambda: backend),
        "Id": Id,
        "Int64": Int64,
        "UNSET": UNSET,
        "ConvexError": ConvexError,
        "Response": Response,
    }


class _importing_from:  # noqa: N801 - used as a statement
    """Let modules beside the file be imported, as a notebook's kernel does."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve())
        self._is_new = False

    def __enter__(self) -> None:
        self._is_new = self._folder not in sys.path
        if self._is_new:
            sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        # Stays: functions import when they run.
        return


def _run_plain(code: ast.Module, filename: str, namespace: dict[str, Any]) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled = compile(code, filename, "exec", flags=flags, dont_inherit=True)
    result = eval(compiled, namespace)  # noqa: S307 - the user's own cell
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _define_schema(
    backend: Backend, options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], _: str
) -> None:
    if not options.check_only:
        backend.define_schema_cell(
            cell.text, namespace=namespace, filename=filename, validate=not options.no_validation
        )


def _define_functions(
    backend: Backend, options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], origin: str
) -> None:
    module, code = unquoted(options.module), cell.text
    if getattr(options, "sql", False):
        args = None if options.args is None else unquoted(options.args)
        module, code = sql_cell(module, code, args, backend.sql_parameters)
    backend.define_cell(
        cell.magic, code, module=module, internal=options.internal, origin=origin,  # type: ignore[arg-type]
        namespace=namespace, filename=filename,
    )  # fmt: skip


def _define_endpoint(
    backend: Backend, options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], origin: str
) -> None:
    if options.method is None or options.path is None:
        raise CallerError("%%http wants a method and a path.", hint="%%http GET /hello")
    backend.http.define_cell(
        unquoted(options.method),
        unquoted(options.path),
        cell.text,
        origin=origin,
        namespace=namespace,
        filename=filename,
        **endpoint_settings(options),
    )


def _define_triggers(
    backend: Backend, options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], origin: str
) -> None:
    if options.table is None:
        raise CallerError("%%trigger wants a table.", hint="%%trigger messages")
    backend.triggers.define_cell(
        unquoted(options.table), cell.text, origin=origin, namespace=namespace, filename=filename
    )


def _define_cron(
    backend: Backend, options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], origin: str
) -> None:
    if options.name is None:
        raise CallerError("a cron has a name.", hint="%%cron tidy --daily 03:00")
    name = unquoted(options.name)
    require_name(name)
    target, args = read_call(cell.text, filename, namespace)
    backend.scheduler.declare_crons(origin, [CronDefinition(name, recurrence_of(name, options), target, args)])


def _define_providers(
    backend: Backend, _options: argparse.Namespace, cell: FileCell, filename: str, namespace: dict[str, Any], _: str
) -> None:
    define_value_cell(
        cell.text, "providers", backend.auth.declare, namespace=namespace, filename=filename,
        example='providers = [{"domain": "https://your-issuer.example", "applicationID": "convex"}]',
    )  # fmt: skip


_DEFINERS: Final[Mapping[str, _Definer]] = {
    "schema": _define_schema,
    "query": _define_functions,
    "mutation": _define_functions,
    "action": _define_functions,
    "http": _define_endpoint,
    "trigger": _define_triggers,
    "cron": _define_cron,
    "auth": _define_providers,
}


def _problem(where: str, error: BaseException) -> str:
    """An error as its author wants to read it: the frames of the file, and what is wrong."""
    trim(error)
    text = "".join(traceback.format_exception(error)).rstrip()
    return (
        f"{where}: {error}" if isinstance(error, NbconvexError) and error.__traceback__ is None else f"{where}:\n{text}"
    )
