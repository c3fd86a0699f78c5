"""Where a page's questions to the dashboard are answered, now and after every change.

Owns:  `Desk`: the messages between pages and panels; who watches which view; when a view is made again.
Must not know: any panel; widgets, Jupyter: it is handed what sends.
Invariants: a page watches one view at a time, and is sent it again when it differs, at most every `PAUSE_S`; the latest
state wins, nothing is queued up. An error of any kind is an answer. Nothing here waits for a page.
Threads: `hear` from any, and returns at once. Views are made in the thread nbconvex-dashboard, which lives while
somebody watches; each action runs in a thread of its own, at most `ACTIONS_MAX` of them. `close` from any.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError, OverloadedError, StorageError

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.dashboard.panel import Panel

#: The shortest time between two answers to one watcher. Source: measurements of widget traffic.
PAUSE_S: Final = 0.25
#: How often is looked for what nobody tells of: calls, and that the store has failed.
LOOK_S: Final = 0.5
#: Pages that watch at once; the one that has been silent longest is forgotten for another.
WATCHERS_MAX: Final = 16
#: How many times as long as a view took to make is waited before it is made again.
REST: Final = 4
#: Actions that run at once.
ACTIONS_MAX: Final = 8
#: Pages that are remembered, so that one that answers is not taken for a new one.
PAGES_KNOWN_MAX: Final = 1_000
#: Characters of an id that a page gives to a question.
_ID_MAX: Final = 200

Send = Callable[[dict[str, Any]], None]
Describe = Callable[[BaseException], tuple[str, str]]


@dataclass(slots=True)
class _Watch:
    """What one page looks at. `seen` is the state of the backend that `sent` was made of."""

    question: str
    panel: str
    arguments: Mapping[str, Any]
    seen: tuple[Any, ...] | None = None
    sent: str = ""
    due_s: float = field(default=float("-inf"))


def said(error: BaseException) -> tuple[str, str]:
    """An error as a title and a message."""
    return type(error).__name__, str(error) or "no message"


class Desk:
    """Answers the questions of all pages that show one dashboard."""

    def __init__(self, backend: Backend, panels: Sequence[Panel], send: Send, *, describe: Describe = said) -> None:
        self._backend = backend
        self._panels = {each.name: each for each in panels}
        self._send = send
        self._describe = describe
        self._wakened = threading.Condition()
        self._watches: dict[str, _Watch] = {}
        self._known: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self._forget_listening: Callable[[], None] | None = None
        self._acting = 0
        self._ended = ""
        self._forget_closing = backend.on_close(partial(self.close, "The store was closed."))

    @property
    def readonly(self) -> str:
        """Why nothing can be changed; empty where it can be."""
        if self._ended:
            return self._ended
        try:
            self._backend.database.readable()
        except StorageError as error:
            return str(error)
        return ""

    def hear(self, message: Any) -> None:
        """Take a page's message. Whatever it is, nothing is raised.

        Shapes:  `{id, page, panel, verb: "view" | "act", action?, arguments?}`, or `{page, verb: "leave"}`.
        """
        if not isinstance(message, Mapping):
            return
        page, question, verb = (str(message.get(name, ""))[:_ID_MAX] for name in ("page", "id", "verb"))
        if verb == "leave":
            with self._wakened:
                self._watches.pop(page, None)
                self._wakened.notify_all()
            return
        panel, arguments = str(message.get("panel", ""))[:_ID_MAX], message.get("arguments") or {}
        if verb == "view":
            self._watch(page, _Watch(question, panel, arguments))
        elif verb == "act":
            self._begin(question, panel, str(message.get("action", ""))[:_ID_MAX], arguments)
        else:
            self._answer(question, error=CallerError(f"the dashboard knows no {verb!r}; it has view, act and leave."))

    def close(self, reason: str) -> None:
        """Tell every page that nothing can be changed any more, and why; then only look. Twice is fine."""
        with self._wakened:
            if self._ended:
                return
            self._ended = reason
            self._wakened.notify_all()
            thread = self._thread
        self._forget_closing()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)
        # The store itself is still open here: the last state is what stands on the pages from now on.
        for watch in list(self._watches.values()):
            self._look(watch)

    # -- watching ----------------------------------------------------------------------------------------------------

    def _watch(self, page: str, watch: _Watch) -> None:
        with self._wakened:
            is_new = page not in self._known
            if is_new:
                # A page that was reloaded took no leave of its former self. Whoever is still here answers.
                self._watches.clear()
                while len(self._known) >= PAGES_KNOWN_MAX:
                    del self._known[next(iter(self._known))]
                self._known[page] = None
            self._watches.pop(page, None)
            while len(self._watches) >= WATCHERS_MAX:
                del self._watches[next(iter(self._watches))]
            self._watches[page] = watch
            is_over = bool(self._ended)
            if not is_over:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="nbconvex-dashboard", daemon=True)
                    self._forget_listening = self._backend.database.listen(self._changed)
                    self._thread.start()
                self._wakened.notify_all()
        if is_new:
            self._send({"ask": "watches"})
        if is_over:
            self._look(watch)

    def _changed(self, _snapshot: Any) -> None:
        with self._wakened:
            self._wakened.notify_all()

    def _run(self) -> None:
        while True:
            with self._wakened:
                if self._ended or not self._watches:
                    # Nobody looks: commits cost nothing from here on.
                    self._thread = None
                    if self._forget_listening is not None:
                        self._forget_listening()
                        self._forget_listening = None
                    return
                due, wait_s = self._due()
                if not due:
                    self._wakened.wait(wait_s)
                    continue
            for watch in due:
                self._look(watch)

    def _due(self) -> tuple[list[_Watch], float]:
        """The watches that have something new to see, and how long until there may be one. The lock is held."""
        now_s = time.monotonic()
        due, wait_s = [], LOOK_S
        for watch in self._watches.values():
            if watch.seen == self._state(watch):
                continue
            left_s = watch.due_s - now_s
            if left_s <= 0:
                due.append(watch)
            else:
                wait_s = min(wait_s, left_s)
        return due, wait_s

    def _state(self, watch: _Watch) -> tuple[Any, ...]:
        """What decides what a view shows, as far as it is cheap to know."""
        panel = self._panels.get(watch.panel)
        backend = self._backend
        calls = backend.logs.count if panel is not None and panel.follows_calls else 0
        app = (backend.registry.version, backend.http.routes.table, backend.scheduler.paused)
        return backend.database.snapshot.ts, calls, self.readonly, app

    def _look(self, watch: _Watch) -> None:
        watch.seen, began_s = self._state(watch), time.monotonic()
        try:
            answer = self._answered(watch.question, value=self._panel(watch.panel).view(_mapping(watch.arguments)))
        except Exception as error:  # the page shows it
            answer = self._answered(watch.question, error=error)
        took_s = time.monotonic() - began_s
        watch.due_s = began_s + took_s + max(PAUSE_S, REST * took_s)
        text = json.dumps(answer)
        if text != watch.sent:
            watch.sent = text
            self._send(answer)

    # -- acting ------------------------------------------------------------------------------------------------------

    def _begin(self, question: str, panel: str, action: str, arguments: Any) -> None:
        with self._wakened:
            if self._acting >= ACTIONS_MAX:
                busy = OverloadedError(f"{self._acting} actions of the dashboard are still running.")
                self._answer(question, error=busy)
                return
            self._acting += 1
        threading.Thread(
            target=self._act, args=(question, panel, action, arguments), name="nbconvex-dashboard-act", daemon=True
        ).start()

    def _act(self, question: str, panel: str, action: str, arguments: Any) -> None:
        try:
            value = self._panel(panel).act(action, _mapping(arguments))
        except BaseException as error:
            answer = self._answered(question, error=error)
        else:
            answer = self._answered(question, value=value)
        finally:
            with self._wakened:
                self._acting -= 1
        self._send(answer)

    def _panel(self, name: str) -> Panel:
        panel = self._panels.get(name)
        if panel is None:
            raise CallerError(f"the dashboard has no panel {name!r}. It has {', '.join(self._panels)}.")
        return panel

    # -- answering ---------------------------------------------------------------------------------------------------

    def _answer(self, question: str, *, error: BaseException) -> None:
        self._send(self._answered(question, error=error))

    def _answered(self, question: str, *, value: Any = None, error: BaseException | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = {"id": question, "ok": error is None, "readonly": self.readonly}
        if error is None:
            answer["value"] = value
        else:
            title, message = self._describe(error)
            answer["error"] = {"title": title, "message": message}
        return answer


def _mapping(arguments: Any) -> Mapping[str, Any]:
    if not isinstance(arguments, Mapping):
        raise CallerError(f"a page's arguments are an object, got {type(arguments).__name__}.")
    return arguments
