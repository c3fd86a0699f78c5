"""Serving a backend, from beginning to end.

Owns:  `serve` and `Server`: ports, the thread, stopping.
Must not know: what is served; Jupyter.
Invariants: ports are bound in the caller's thread, so that what is wrong with them is the caller's error. After `stop`
no thread, socket or port is left, and it takes a second at most, whatever clients or functions do: a function that runs
then runs to its end in a thread that ends with it. A backend that closes stops its servers first.
Threads: one of ours with an event loop of its own. The loop is made and run by hand: programs that patch asyncio
(nest_asyncio) break `asyncio.run` and `uvicorn.Server.run`. Source: jupyter-facts 1.3.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from nbconvex.errors import CallerError
from nbconvex.server.addresses import addresses, local_url
from nbconvex.server.app import App
from nbconvex.server.hosts import implied_hosts
from nbconvex.server.listener import Discretion, Listener, listener_config
from nbconvex.server.ports import Pair, bind_pair
from nbconvex.server.service import Service
from nbconvex.services.auth.providers import is_loopback

if TYPE_CHECKING:
    from nbconvex.backend import Backend

#: What stopping takes at most.
STOP_S: Final = 1.0
_START_S: Final = 10.0
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 3210


def serve(
    backend: Backend,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    site_port: int | None = None,
    allowed_hosts: Iterable[str] = (),
    development_tokens: bool | None = None,
) -> Server:
    """A running server for `backend`: the API address at `port`, the site address at the next one.

    Busy ports move up in pairs; port 0 stands for any two that are free. `allowed_hosts` are names, besides localhost
    and numbers, that clients may ask for: "app.example.org", "*.example.org", "*".
    Raises:  CallerError if the backend is closed, or no ports can be had.
    """
    if backend.is_closed:
        raise CallerError("a closed backend cannot be served.", hint="nbconvex.open(...)")
    if isinstance(allowed_hosts, str):
        raise CallerError("allowed_hosts is a list of names.", hint=f"allowed_hosts=[{allowed_hosts!r}]")
    if development_tokens is None:
        development_tokens = is_loopback(host) and not backend.production
    return Server(
        backend, bind_pair(host, port, site_port), host=host, allowed_hosts=tuple(allowed_hosts),
        development_tokens=development_tokens,
    )  # fmt: skip


class Server:
    """A server that runs. Made by `serve`; a context manager that stops it."""

    def __init__(
        self, backend: Backend, pair: Pair, *, host: str, allowed_hosts: tuple[str, ...], development_tokens: bool
    ) -> None:
        self.host = host
        self.port = pair.port
        self.site_port = pair.site_port
        self.url = local_url(host, self.port)
        self.site_url = local_url(host, self.site_port)
        implied = implied_hosts(os.environ, bound_to=host, machine=socket.gethostname())
        self.service = Service(
            backend, self.port, self.site_port, self.url, self.site_url, allowed_hosts=(*allowed_hosts, *implied)
        )
        self._pair = pair
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._is_stopped = False
        limits = backend.limits
        self._listener = Listener(
            listener_config(
                App(self.service), head_time_s=limits.request_time_s, socket_bytes_max=limits.request_bytes
            ),
            on_started=self._ready.set,
            on_second=self.service.look_after_connections,
        )
        # A context of its own: nothing of the cell that started it, least of all its output, may stick to a server.
        self._thread = threading.Thread(
            target=contextvars.Context().run, args=(self._run,), name="nbconvex-server", daemon=True
        )
        self._forgets = (
            backend.on_close(self.stop),
            backend.files.serve_at(lambda: self._addresses()[0]),
            backend.env.serve_at(self._addresses),
        )
        self._end_issuer = backend.auth.activate_development(self.site_url) if development_tokens else None
        self._thread.start()
        if not self._ready.wait(_START_S) or not self.is_running:
            self.stop()
            raise CallerError("the server did not start; the backend's log says why.")
        backend.files.moved(self._addresses()[0])
        backend.env.moved(self._addresses())

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._ready.is_set() and not self._is_stopped and not self._ended.is_set()

    def token(
        self, subject: str, claims: Mapping[str, Any] | None = None, /, *, expires_s: float = 3_600.0,
        audience: str = "convex", **named: Any,
    ) -> str:  # fmt: skip
        """A token of the development issuer, for trying things out: this server takes its bearer for `subject`.

        Raises:  CallerError where the development issuer does not count.
        """
        auth = self.service.backend.auth
        if self.site_url not in auth.development_addresses:
            raise CallerError(
                "development tokens do not count here: the server can be reached by others than this machine, or is a "
                "production one.",
                hint="serve(backend, development_tokens=True), %config NbConvex.development_tokens = 'always'",
            )
        claims = {**(claims or {}), **named}
        return auth.development.mint(self.site_url, subject, claims, expires_s=expires_s, audience=audience)

    def _addresses(self) -> tuple[str, str]:
        """The API address and the site address, as the user's browser sees them."""
        found = addresses(os.environ, host=self.host, port=self.port, site_port=self.site_port)
        return found.api, found.site

    def wait(self) -> None:
        """Return when the server has been stopped; an interrupt stops it."""
        try:
            # With a timeout, because on Windows a wait without one hears no interrupt.
            while not self._ended.wait(1.0):
                pass
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Stop serving. Calling it twice is fine."""
        until = time.monotonic() + STOP_S
        with self._lock:
            is_first, self._is_stopped = not self._is_stopped, True
        for forget in self._forgets:
            forget()
        if is_first:
            if self._end_issuer is not None:
                self._end_issuer()
            self.service.is_stopping = True
            self._listener.stop_soon()
        if threading.current_thread() is self._thread:
            return
        self._thread.join(max(0.0, until - time.monotonic()))
        self.service.stop(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        report = self.service.backend.runner.log_problem
        loop.set_exception_handler(lambda _loop, about: _report(about, self.service.backend))
        try:
            with Discretion(lambda error: report("server", error)):
                loop.run_until_complete(self._listener.serve(sockets=[self._pair.api, self._pair.site]))
        except BaseException as error:
            report("server", error)
        finally:
            self._pair.api.close()
            self._pair.site.close()
            # Clients that came in the last moment, and whatever waits for nothing.
            self._end_tasks(loop)
            self._listener.hang_up(loop)
            loop.close()
            self._ended.set()
            # Whoever waits for the start need not wait longer.
            self._ready.set()

    @staticmethod
    def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=0.1))
        loop.run_until_complete(loop.shutdown_asyncgens())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"at {self.url}, HTTP endpoints at {self.site_url}" if self.is_running else "stopped"
        return f"<server of {self.service.backend.name}, {state}>"


def _report(about: dict[str, Any], backend: Backend) -> None:
    error = about.get("exception")
    # A client that hangs up in the middle is no news.
    if isinstance(error, Exception) and not isinstance(error, ConnectionError):
        backend.runner.log_problem("server", error)
