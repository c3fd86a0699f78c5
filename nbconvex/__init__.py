"""A reactive backend inside your notebook: tables, queries, mutations and actions in cells, results that stay live.

Everything here is imported when it is first used, so that `import nbconvex` and `%load_ext nbconvex` stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.codegen.schema_cell import schema_from_data
    from nbconvex.errors import ConvexError, NbconvexError
    from nbconvex.functions.acting import as_user
    from nbconvex.functions.context import ActionCtx, MutationCtx, QueryCtx
    from nbconvex.functions.current import api, internal
    from nbconvex.functions.definition import action, args, mutation, query, returns
    from nbconvex.functions.http_cors import CORS_HEADERS
    from nbconvex.functions.http_declaration import http
    from nbconvex.functions.http_message import Request, Response
    from nbconvex.functions.live_query import LiveUpdate
    from nbconvex.functions.plain_sql import sql
    from nbconvex.functions.trigger import Change, trigger
    from nbconvex.functions.trigger_calls import TriggerCtx
    from nbconvex.limits import Limits
    from nbconvex.notebook.live import live
    from nbconvex.notebook.progress import progress
    from nbconvex.notebook.upload import upload
    from nbconvex.server.serve import serve
    from nbconvex.services.files.plain_storage import files
    from nbconvex.services.migrations.migration_forms import migration
    from nbconvex.services.scheduler.cron_forms import cron
    from nbconvex.services.transfer.plain import export_data, import_data
    from nbconvex.values.scalars import UNSET, Id, Int64
    from nbconvex.values.schema import define_schema, define_table, table
    from nbconvex.values.validators import v

    open = Backend.open

__all__ = [
    "CORS_HEADERS",
    "UNSET",
    "ActionCtx",
    "Backend",
    "Change",
    "ConvexError",
    "Id",
    "Int64",
    "Limits",
    "LiveUpdate",
    "MutationCtx",
    "NbconvexError",
    "QueryCtx",
    "Request",
    "Response",
    "TriggerCtx",
    "action",
    "api",
    "args",
    "as_user",
    "cron",
    "define_schema",
    "define_table",
    "export_data",
    "files",
    "http",
    "import_data",
    "internal",
    "live",
    "load_ipython_extension",
    "migration",
    "mutation",
    "open",
    "progress",
    "query",
    "returns",
    "schema_from_data",
    "serve",
    "sql",
    "table",
    "trigger",
    "unload_ipython_extension",
    "upload",
    "v",
]

_HOMES = {
    "nbconvex.backend": ("Backend",),
    "nbconvex.codegen.schema_cell": ("schema_from_data",),
    "nbconvex.errors": ("ConvexError", "NbconvexError"),
    "nbconvex.functions.acting": ("as_user",),
    "nbconvex.functions.context": ("ActionCtx", "MutationCtx", "QueryCtx"),
    "nbconvex.functions.current": ("api", "internal"),
    "nbconvex.functions.definition": ("action", "args", "mutation", "query", "returns"),
    "nbconvex.functions.http_cors": ("CORS_HEADERS",),
    "nbconvex.functions.http_declaration": ("http",),
    "nbconvex.functions.http_message": ("Request", "Response"),
    "nbconvex.functions.live_query": ("LiveUpdate",),
    "nbconvex.functions.plain_sql": ("sql",),
    "nbconvex.functions.trigger": ("Change", "trigger"),
    "nbconvex.functions.trigger_calls": ("TriggerCtx",),
    "nbconvex.limits": ("Limits",),
    "nbconvex.notebook.live": ("live",),
    "nbconvex.notebook.progress": ("progress",),
    "nbconvex.notebook.upload": ("upload",),
    "nbconvex.server.serve": ("serve",),
    "nbconvex.services.files.plain_storage": ("files",),
    "nbconvex.services.migrations.migration_forms": ("migration",),
    "nbconvex.services.scheduler.cron_forms": ("cron",),
    "nbconvex.services.transfer.plain": ("export_data", "import_data"),
    "nbconvex.values.scalars": ("UNSET", "Id", "Int64"),
    "nbconvex.values.schema": ("define_schema", "define_table", "table"),
    "nbconvex.values.validators": ("v",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "open":
        return importlib.import_module("nbconvex.backend").Backend.open
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'nbconvex' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext nbconvex` calls."""
    importlib.import_module("nbconvex.notebook.extension").load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext nbconvex` calls."""
    importlib.import_module("nbconvex.notebook.extension").unload_ipython_extension(shell)
