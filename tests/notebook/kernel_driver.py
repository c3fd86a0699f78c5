"""A real Jupyter kernel, driven by messages: cells that run while others run, comm messages, interrupts, restarts.

Owns:  `Kernel` and what a cell's messages amount to.
Threads: one pump reads everything that the kernel publishes; the test's thread asks.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

#: No wait in these tests is longer than this.
PATIENCE_S = 60.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class CellRun:
    """One cell that was sent, and what came of it so far."""

    code: str
    message_id: str
    stdout: str = ""
    stderr: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str = ""
    traceback: str = ""
    is_idle: bool = False
    is_answered: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def text(self) -> str:
        """The value of the cell's last line, or what it displayed, as text."""
        return self.result["text/plain"] if self.result else "\n".join(each["text/plain"] for each in self.displays)


class Kernel:
    """A kernel and a client of it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._environment = {**os.environ, "IPYTHONDIR": str(folder / ".ipython"), **environment}
        self._environment.pop("JPY_SESSION_NAME", None)
        self._manager = KernelManager(kernel_name="python3")
        self._changed = threading.Condition()
        self._runs: dict[str, CellRun] = {}
        self.comms: dict[str, dict[str, Any]] = {}
        self.comm_messages = 0
        self.display_updates: list[dict[str, Any]] = []
        self._is_stopped = threading.Event()

    def __enter__(self) -> Self:
        self._manager.start_kernel(cwd=str(self.folder), env=self._environment)
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()
        self._manager.shutdown_kernel(now=False)
        self._manager.cleanup_resources()
        self._manager.context.destroy(linger=0)
        loop = ensure_event_loop()
        if not loop.is_running():
            loop.close()

    def send(self, code: str, *, cell_id: str | None = None) -> CellRun:
        """Send a cell without waiting for it."""
        session = self._client.session
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": True}  # fmt: skip
        message = session.msg("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})
        run = CellRun(code, message["header"]["msg_id"])
        with self._changed:
            self._runs[run.message_id] = run
        self._client.shell_channel.send(message)
        return run

    def wait(self, run: CellRun) -> CellRun:
        """Wait until a cell has ended."""
        if not run.done.wait(PATIENCE_S):
            raise TimeoutError(run.code)
        return run

    def run(self, code: str, *, cell_id: str | None = None) -> CellRun:
        """Run a cell that must not fail."""
        run = self.wait(self.send(code, cell_id=cell_id))
        assert not run.error, run.traceback
        return run

    def fail(self, code: str) -> CellRun:
        """Run a cell that must fail."""
        run = self.wait(self.send(code))
        assert run.error, run
        return run

    def wait_for(self, condition: Callable[[], Any], *, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until something that was published makes `condition` true."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while not (value := condition()):
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"{self.comms} {self.display_updates[-1:]}")
                self._changed.wait(left_s)
        return value

    def say_to_comm(self, comm_id: str, content: dict[str, Any]) -> None:
        """Send a custom message to a widget, as its page would."""
        data = {"comm_id": comm_id, "data": {"method": "custom", "content": content}}
        self._client.shell_channel.send(self._client.session.msg("comm_msg", data))

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def restart(self) -> None:
        """Restart the kernel, as the menu does."""
        self._disconnect()
        self._manager.restart_kernel(now=False, cwd=str(self.folder), env=self._environment)
        self.comms.clear()
        self._connect()

    def _connect(self) -> None:
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        self._is_stopped.clear()
        self._pumps = [
            threading.Thread(target=self._pump, args=(self._client.iopub_channel, self._published), name="pump-iopub"),
            threading.Thread(target=self._pump, args=(self._client.shell_channel, self._answered), name="pump-shell"),
        ]
        for pump in self._pumps:
            pump.start()

    def _disconnect(self) -> None:
        self._is_stopped.set()
        for pump in self._pumps:
            pump.join()
        self._client.stop_channels()

    def _pump(self, channel: Any, take: Callable[[dict[str, Any]], None]) -> None:
        # From the socket itself: the client's own methods make an event loop in every thread and never close it.
        while not self._is_stopped.is_set():
            if not channel.socket.poll(200):
                continue
            _, message = self._client.session.recv(channel.socket)
            with self._changed:
                take(message)
                self._changed.notify_all()

    def _answered(self, message: dict[str, Any]) -> None:
        run = self._runs.get(message["parent_header"].get("msg_id", ""))
        if run is None or message["msg_type"] != "execute_reply":
            return
        content = message["content"]
        if content["status"] != "ok":
            # What was shown in short (a UsageError) is an error all the same; "aborted" has no name.
            run.error = run.error or content.get("ename", content["status"])
            run.traceback = run.traceback or _COLOURS.sub("", "\n".join(content.get("traceback", [])))
        run.is_answered = True
        _settle(run)

    def _published(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        run = self._runs.get(message["parent_header"].get("msg_id", ""))
        if kind in {"comm_open", "comm_msg", "comm_close"}:
            self._comm(kind, content)
        elif kind == "update_display_data":
            self.display_updates.append(content["data"])
        elif run is not None:
            _take(run, kind, content)

    def _comm(self, kind: str, content: dict[str, Any]) -> None:
        comm_id, data = content["comm_id"], content["data"]
        if kind == "comm_open":
            self.comms[comm_id] = dict(data.get("state", {}))
        elif kind == "comm_close":
            self.comms.pop(comm_id, None)
        elif data.get("method") == "update":
            self.comm_messages += 1
            self.comms.setdefault(comm_id, {}).update(data["state"])
        else:
            self.comms.setdefault(comm_id, {}).setdefault("custom", []).append(data.get("content"))


def _take(run: CellRun, kind: str, content: dict[str, Any]) -> None:
    if kind == "stream" and content["name"] == "stdout":
        run.stdout += content["text"]
    elif kind == "stream":
        run.stderr += content["text"]
    elif kind == "display_data":
        run.displays.append(content["data"])
    elif kind == "execute_result":
        run.result = content["data"]
    elif kind == "error":
        run.error = content["ename"]
        run.traceback = _COLOURS.sub("", "\n".join(content["traceback"]))
    elif kind == "status" and content["execution_state"] == "idle":
        run.is_idle = True
        _settle(run)


def _settle(run: CellRun) -> None:
    """A cell has ended when both channels have said so."""
    if run.is_idle and run.is_answered:
        run.done.set()
