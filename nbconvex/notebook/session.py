"""One notebook's use of nbconvex: what was started for it, and ending it.

Owns:  `Session`: the backend, opened by the first cell that needs it; its server; the live views and their painter;
       the names that were put into the namespace; which cell made which view.
Must not know: how magics read their lines; how anything looks.
Invariants: a session starts nothing before it is needed, and `close` stops everything it started. A name of the user's
       is never overwritten or removed.
Threads: the kernel's main thread, except where a method says otherwise.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError, ConvexError
from nbconvex.functions.http_message import Response
from nbconvex.functions.reference import FunctionReference
from nbconvex.notebook.cell_source import cell_origin
from nbconvex.notebook.command_line import say
from nbconvex.notebook.options import NbConvex
from nbconvex.notebook.store_path import store_path
from nbconvex.server.addresses import Addresses, addresses
from nbconvex.services.files.plain_storage import FilesOf
from nbconvex.values.scalars import UNSET, Id, Int64
from nbconvex.values.schema import table
from nbconvex.values.validators import v

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.checks.notes import Notes
    from nbconvex.codegen.types_watch import TypesWatch
    from nbconvex.functions.definition import Declaration, FunctionDefinition
    from nbconvex.functions.http_declaration import RouteDeclaration
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.trigger import TriggerDeclaration
    from nbconvex.notebook.exercises import Exercise
    from nbconvex.notebook.live_chart import Drawing
    from nbconvex.notebook.live_view import LiveView
    from nbconvex.notebook.painter import Painter
    from nbconvex.notebook.progress import Progress
    from nbconvex.server.serve import Server
    from nbconvex.services.migrations.migration_forms import MigrationDefinition
    from nbconvex.services.scheduler.cron_forms import CronDefinition

    #: What decorators leave in a plain cell.
    Declared = Declaration | RouteDeclaration | TriggerDeclaration

#: The attribute of the shell that holds the extension and its session. Module globals would not survive `%reload_ext`.
ATTRIBUTE: Final = "nbconvex_extension"
IN_MEMORY: Final = ":memory:"


class Host:
    """The session as references see it: calling one opens the store, completing one does not."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def call_reference(self, reference: FunctionReference, args: Mapping[str, Any]) -> Any:
        """Run the function and return its value."""
        __tracebackhide__ = True
        return self._session.backend.call_reference(reference, args)

    def resolve_reference(self, reference: FunctionReference) -> FunctionDefinition | None:
        """The definition it stands for, if there is one."""
        return self._session.backend.resolve_reference(reference) if self._session.is_open else None

    def children_of(self, parts: tuple[str, ...], *, internal: bool) -> Iterable[str]:
        """The names that may follow."""
        return self._session.backend.children_of(parts, internal=internal) if self._session.is_open else []


class Session:
    """What one shell holds of nbconvex."""

    def __init__(self, shell: Any, options: NbConvex) -> None:
        self.shell = shell
        self.options = options
        options.observe(lambda _change: self._tell_origins(), "cors_origins")
        self._backend: Backend | None = None
        self._path: str | None = None
        self._painter: Painter | None = None
        self._drawing: Drawing | None = None
        self._server: Server | None = None
        self._serving = threading.Lock()
        self._acting: Identity | None = None
        self._views: dict[weakref.ref[LiveView | Progress], str | None] = {}
        #: Views on screens that nobody else keeps: a page holds no Python object.
        self._kept: list[tuple[LiveView | Progress, Any]] = []
        self._injected: dict[str, Any] = {}
        self._offered: dict[str, Any] = {}
        #: The folder whose types are written after each cell, until the store is closed.
        self.types_watch: TypesWatch | None = None
        #: The cell that is running, if it has declared a cron.
        self.cron_cell: str | None = None
        #: The cell that is running, if it has defined triggers.
        self.trigger_cell: str | None = None
        #: The functions that plain cells have declared with decorators, by the name they are bound to.
        self.declared: dict[str, Declared] = {}
        #: The crons and migrations that plain cells have bound to names.
        self.crons: dict[str, CronDefinition | MigrationDefinition] = {}
        #: The migration cells that the last `%%schema` offered, by table.
        self.migration_drafts: dict[str, str] = {}
        #: The notes about the functions of the store that is open.
        self.notes: Notes | None = None
        #: The exercises whose checks cells have defined, by name.
        self.exercises: dict[str, Exercise] = {}
        #: Those that cells which failed have declared, by their identity.
        self.refused: dict[int, Declared] = {}
        #: Whether the extension is loaded; between the two halves of `%reload_ext` a session lives on without it.
        self.is_loaded = False
        host = Host(self)
        self.api = FunctionReference(lambda: host)
        self.internal = FunctionReference(lambda: host, internal=True)

    @property
    def is_open(self) -> bool:
        """Whether the store is open."""
        return self._backend is not None

    @property
    def can_follow(self) -> bool:
        """Whether a view can follow the data here: a terminal shows what is there now."""
        return hasattr(self.shell, "kernel") or self.options.live != "auto"

    @property
    def has_widgets(self) -> bool:
        """Whether the packages are installed that widgets need."""
        return all(importlib.util.find_spec(name) is not None for name in ("anywidget", "ipywidgets"))

    @property
    def path(self) -> str:
        """The store that is open, or that the next cell will open."""
        if self._path is None:
            self._path = self.options.database or str(store_path(self.shell.user_ns))
        return self._path

    @property
    def shown_path(self) -> str:
        """The store's path as people write it: relative where that is shorter."""
        if self.path == IN_MEMORY or "://" in self.path:
            return self.path
        try:
            return str(Path(self.path).relative_to(Path.cwd()))
        except ValueError:
            return self.path

    @property
    def backend(self) -> Backend:
        """The backend, opened now if it is not open.

        Raises:  StorageError; CallerError when the extension is not loaded any more.
        """
        __tracebackhide__ = True
        if self._backend is None:
            if not self.is_loaded:
                raise CallerError("the nbconvex extension was unloaded.", hint="%load_ext nbconvex")
            backend = self._take(_open(self.path, self.options))
            self._serve_always()
            return backend
        return self._backend

    def _take(self, backend: Backend) -> Backend:
        """Work with a backend from now on; its files are found where this notebook is served."""
        self._backend = backend
        self._tell_origins()
        backend.acting = self._acting
        backend.files.serve_at(self.address)
        backend.env.serve_at(self._urls)
        return backend

    def address(self) -> str:
        """The API address, as the user's browser finds it; starts the server if need be. From any thread.

        Raises:  StorageError; CallerError if there is to be no server.
        """
        self.serve()
        found = self.addresses
        assert found is not None, "it is served"
        return found.api

    def _urls(self) -> tuple[str, str] | None:
        """Both addresses, as the user's browser finds them; starts the server if there may be one. From any thread."""
        if self.options.serve == "never":
            return None
        self.serve()
        found = self.addresses
        return None if found is None else (found.api, found.site)

    @property
    def addresses(self) -> Addresses | None:
        """Where the user's browser finds the server; None while there is none."""
        server = self.server
        if server is None:
            return None
        has_proxy = importlib.util.find_spec("jupyter_server_proxy") is not None
        return addresses(
            os.environ, host=server.host, port=server.port, site_port=server.site_port, has_proxy=has_proxy
        )

    def _tell_origins(self) -> None:
        """Tell the backend the origins whose pages may use endpoints; `%config` may change them at any time."""
        if self._backend is not None:
            self._backend.http.origins = self.options.cors_origins

    def _serve_always(self) -> None:
        if self.options.serve == "always":
            self.serve_if_allowed()

    def serve_if_allowed(self) -> None:
        """Start the server if there may be one; why it does not start is said and no more."""
        if self.options.serve == "never" or self.server is not None:
            return
        try:
            self.serve()
        except CallerError as error:
            # The cell that needs the store is about something else.
            say(str(error))

    @property
    def acting(self) -> Identity | None:
        """Whom cells call as; None is nobody."""
        return self._acting

    @acting.setter
    def acting(self, identity: Identity | None) -> None:
        self._acting = identity
        if self._backend is not None:
            self._backend.acting = identity

    @property
    def server(self) -> Server | None:
        """The server, while it runs."""
        return self._server if self._server is not None and self._server.is_running else None

    def serve(self, *, host: str | None = None, port: int | None = None, site_port: int | None = None) -> Server:
        """The running server: the one there is, unless it is to be elsewhere.

        Raises:  StorageError; CallerError if there is to be none, or its ports cannot be had.
        """
        __tracebackhide__ = True
        options = self.options
        if options.serve == "never":
            raise CallerError("NbConvex.serve is 'never'.", hint="%config NbConvex.serve = 'auto'")
        backend = self.backend
        # A live query that asks for an address of a file may do so in another thread.
        with self._serving:
            running = self.server
            if running is not None:
                if host in {None, running.host} and port in {None, running.port}:
                    return running
                host = running.host if host is None else host
                running.stop()
            # Starlette and uvicorn: loading the extension must not wait for them.
            from nbconvex.server.serve import serve

            self._server = serve(
                backend,
                host=options.host if host is None else host,
                port=options.port if port is None else port,
                site_port=site_port,
                allowed_hosts=options.host_names,
                development_tokens={"always": True, "never": False}.get(options.development_tokens),
            )
            return self._server

    def stop_serving(self) -> bool:
        """Stop the server; whether there was one."""
        running, self._server = self.server, None
        if running is None:
            return False
        running.stop()
        return True

    def open(self, path: str) -> None:
        """Work on another store from now on. The functions of the old one are defined again by running their cells.

        Raises:  StorageError; then the old store stays.
        """
        path = path if path == IN_MEMORY or "://" in path else str(Path(path).expanduser().absolute())
        if self._backend is not None and path == self._path:
            return
        # The new one first: a file that is locked or damaged must not cost the one that works.
        opened = _open(path, self.options)
        served = self.server
        self.close_store()
        self._path = path
        self._take(opened)
        if served is not None:
            # Clients find the new store where they found the old one.
            self.serve(host=served.host, port=served.port, site_port=served.site_port)
        self._serve_always()

    def close_store(self) -> bool:
        """End the views, stop the backend and close its file; the next cell that needs it opens it again."""
        self.end_views("The store was closed.")
        self.types_watch = None
        backend, self._backend = self._backend, None
        if backend is None:
            return False
        # The bare names of its functions would only fail from now on.
        for name, value in list(self.shell.user_ns.items()):
            if (
                isinstance(value, FunctionReference)
                and value not in (self.api, self.internal)
                and _is_named(value, name)
            ):
                del self.shell.user_ns[name]
        self.declared.clear()
        self.crons.clear()
        self._server = None
        backend.close()
        return True

    def close(self) -> None:
        """Stop everything that was started. Twice is fine."""
        self.end_views("The extension was unloaded.")
        if self._painter is not None:
            self._painter.stop()
            self._painter = None
        self.close_store()

    @property
    def painter(self) -> Painter:
        """The thread that draws this notebook's live views."""
        if self._painter is None:
            from nbconvex.notebook.painter import Painter

            self._painter = Painter()
        return self._painter

    @property
    def drawing(self) -> Drawing:
        """The drawing library on this notebook's pages, sent when the first chart is shown. Raises: CallerError."""
        __tracebackhide__ = True
        if self._drawing is None or self._drawing.comm is None:
            from nbconvex.notebook.live_chart import Drawing

            self._drawing = Drawing()
        return self._drawing

    @property
    def views(self) -> list[LiveView | Progress]:
        """The live views that have not ended."""
        found = [view for reference in self._views if (view := reference()) is not None and not view.is_stopped]
        self._views = {
            reference: cell for reference, cell in self._views.items() if (view := reference()) and not view.is_stopped
        }
        return found

    def add_view(self, view: LiveView | Progress) -> None:
        """Remember a view that the running cell made."""
        self._views[weakref.ref(view)] = cell_origin(self.shell)

    def keep(self, view: LiveView | Progress, screen: Any) -> None:
        """Hold a screen until its view ends."""
        self._kept = [(each, held) for each, held in self._kept if not each.is_stopped]
        self._kept.append((view, screen))

    def end_views(self, reason: str, *, cell: str | None = None) -> None:
        """End all views, or those that one cell has made."""
        for reference, made_by in list(self._views.items()):
            if cell is not None and made_by != cell:
                continue
            view = reference()
            if view is not None:
                view.stop(reason)
            del self._views[reference]
        self._kept = [(each, held) for each, held in self._kept if not each.is_stopped]

    def inject(self, names: Mapping[str, Any]) -> list[str]:
        """Bind names that are free in the notebook; answers those that were not."""
        taken = []
        self._offered = dict(names)
        for name, value in names.items():
            if name in self._injected and self.shell.user_ns.get(name) is self._injected[name]:
                self._bind(name, value)
            elif name in self.shell.user_ns or hasattr(builtins, name):
                taken.append(name)
            else:
                self._bind(name, value)
        return taken

    def overwritten(self) -> dict[str, Any]:
        """What the notebook has bound, itself, to those names that `inject` was given."""
        names = self.shell.user_ns
        return {name: names[name] for name, ours in self._offered.items() if names.get(name, ours) is not ours}

    def withdraw(self) -> None:
        """Take back the names that still mean what they were bound to."""
        for name, value in self._injected.items():
            if self.shell.user_ns.get(name) is value:
                del self.shell.user_ns[name]
                self.shell.user_ns_hidden.pop(name, None)
        self._injected.clear()

    def names(self, live: Any) -> dict[str, Any]:
        """What a notebook finds in its namespace."""
        return {
            "api": self.api,
            "internal": self.internal,
            "v": v,
            "table": table,
            "live": live,
            "files": FilesOf(lambda: self.backend),
            "Id": Id,
            "Int64": Int64,
            "UNSET": UNSET,
            "ConvexError": ConvexError,
            "Response": Response,
        }

    def _bind(self, name: str, value: Any) -> None:
        # Hidden, so that %whos lists the user's own names.
        self.shell.push({name: value}, interactive=False)
        self._injected[name] = value


def _is_named(reference: FunctionReference, name: str) -> bool:
    """Whether a reference is bound to the name of its function or module, as a defining cell binds it."""
    return name in reference._parts  # noqa: SLF001 - its public attributes are names of functions


def _open(path: str, options: NbConvex) -> Backend:
    """A backend on `path` with the user's memory limit. Imports the engine, which loading the extension must not."""
    __tracebackhide__ = True
    from nbconvex.backend import Backend

    return Backend.open(path, memory_bytes_max=options.memory_bytes_max)
