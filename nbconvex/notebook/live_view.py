"""One live query as something to look at, whatever it is shown on.

Owns:  `LiveView`: the subscription behind a view; the latest good value, the problem and the end, as one state; when
       the subscription rests because nobody looks.
Must not know: IPython, widgets, HTML. A screen is a `Screen`.
Invariants: the screen is written by the painter's thread only. A query that fails keeps the last good picture, marked.
       The screen is held weakly: when it is collected, the subscription ends.
Threads: `receive` runs in the live thread and returns at once; `paint`, `rest` and `resume` in the painter's; `stop` in
       any.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from nbconvex.clock import Clock, SystemClock
from nbconvex.errors import CallerError
from nbconvex.notebook.painter import Painter
from nbconvex.notebook.picture import ROWS_MAX, Picture, picture_of


class Update(Protocol):
    """What a subscription tells: a value, or why there is none."""

    @property
    def value(self) -> Any:
        """The result; None where there is an error."""

    @property
    def error(self) -> BaseException | None:
        """Why there is no result."""


class Closable(Protocol):
    """A subscription."""

    def close(self) -> None:
        """End it; nothing is told afterwards. Twice is fine."""


class Screen(Protocol):
    """Where a view is shown."""

    def show(self, state: ViewState) -> None:
        """Put `state` on the page. Called in the painter's thread only."""


Receiver = Callable[[Update], None]
Subscribe = Callable[[Receiver], Closable]
Describe = Callable[[BaseException], tuple[str, str]]
Depict = Callable[[Any], Picture]


@dataclass(frozen=True, slots=True)
class ViewState:
    """All that a screen needs to draw.

    Units:   `at_ms` in milliseconds since 1970 UTC: when the picture was received.
    Shapes:  `problem` is a title and a message; `ended` says why the view does not follow any more.
    """

    title: str
    arguments: str
    picture: Picture | None = None
    problem: tuple[str, str] | None = None
    ended: str = ""
    at_ms: float = 0.0

    def to_json(self) -> str:
        """The state as the page's script reads it."""
        problem = None if self.problem is None else {"title": self.problem[0], "message": self.problem[1]}
        return json.dumps({
            "title": self.title, "args": self.arguments, "error": problem, "ended": self.ended, "at": self.at_ms,
            "picture": None if self.picture is None else self.picture.to_wire(),
        })  # fmt: skip


class LiveView:
    """Follows one query and draws what it says."""

    def __init__(
        self,
        subscribe: Subscribe,
        *,
        title: str,
        arguments: str,
        painter: Painter,
        describe: Describe,
        rows_max: int = ROWS_MAX,
        as_json: bool = False,
        depict: Depict | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.title = title
        self._subscribe = subscribe
        self._painter = painter
        self._describe = describe
        # A method of this object here would keep it alive.
        self._depict = depict or partial(picture_of, rows_max=rows_max, as_json=as_json)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._latest: tuple[Update, float] | None = None
        self._drawn: Update | None = None
        self._subscription: Closable | None = None
        self._screen: weakref.ref[Screen] | None = None
        self._ended = ""
        #: What to do when a button in a row is pressed, by the row's key. Called in the painter's thread.
        self.press: Callable[[str], None] | None = None
        #: Why the newest result cannot be shown, if it cannot.
        self.unfit: CallerError | None = None
        self.state = ViewState(title, arguments)

    @property
    def is_following(self) -> bool:
        """Whether a change of the data reaches the screen."""
        return self._subscription is not None

    @property
    def is_stopped(self) -> bool:
        """Whether the view has ended for good."""
        return bool(self._ended)

    @property
    def problem(self) -> BaseException | None:
        """What the newest run raised, if it failed."""
        return None if self._latest is None else self._latest[0].error

    def follow(self) -> None:
        """Subscribe. Errors in what was asked for (no such function, wrong arguments) are raised here."""
        if not self._is_idle():
            return
        # The subscription must not keep the view alive: a forgotten view ends by itself.
        here = weakref.ref(self)

        def receive(update: Update) -> None:
            view = here()
            if view is not None:
                view.receive(update)

        subscription = self._subscribe(receive)
        with self._lock:
            if self._is_idle():
                self._subscription = subscription
                return
        # It was stopped, or somebody else was faster.
        subscription.close()

    def _is_idle(self) -> bool:
        return not self._ended and self._subscription is None

    def receive(self, update: Update) -> None:
        """Take the newest result; older ones that were not drawn yet are never drawn."""
        with self._lock:
            if self._ended:
                return
            self._latest = (update, self._clock.now_ns() / 1e6)
        self._painter.want(self)

    def attach(self, screen: Screen) -> None:
        """Show the view on `screen` from now on, for as long as somebody else holds it."""
        self._screen = weakref.ref(screen, lambda _: self.stop("collected"))
        self._painter.want(self)

    def refresh(self) -> ViewState:
        """The state with the newest result in it."""
        with self._lock:
            latest, ended = self._latest, self._ended
        if latest is not None and latest[0] is not self._drawn:
            update, at_ms = latest
            self.state = self._advanced(update, at_ms)
            self._drawn = update
        if ended != self.state.ended:
            self.state = ViewState(
                self.state.title, self.state.arguments, self.state.picture, self.state.problem, ended, self.state.at_ms
            )
        return self.state

    def paint(self) -> None:
        screen = self._screen() if self._screen is not None else None
        if screen is not None:
            screen.show(self.refresh())

    def rest(self) -> None:
        """Stop following until `resume`: nobody looks. A page that ticks keeps a rented kernel alive."""
        with self._lock:
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def resume(self) -> None:
        """Follow again, beginning with the data of now."""
        self.follow()

    def stop(self, reason: str) -> None:
        """End the view for good; the screen keeps its last picture and says why. Twice is fine."""
        with self._lock:
            if self._ended:
                return
            self._ended = reason
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
        if self._screen is not None and self._screen() is not None:
            self._painter.want(self)
        else:
            self._painter.forget(self)

    def _advanced(self, update: Update, at_ms: float) -> ViewState:
        old = self.state
        if update.error is not None:
            return self._stale(update.error)
        try:
            picture, self.unfit = self._depict(update.value), None
        except CallerError as error:
            # A chart whose fields are gone: the next result may have them again.
            self.unfit = error
            return self._stale(error)
        return ViewState(old.title, old.arguments, picture, None, old.ended, at_ms)

    def _stale(self, error: BaseException) -> ViewState:
        # The last good picture and its time stay: stale rows with a sentence are better than no rows.
        old = self.state
        return ViewState(old.title, old.arguments, old.picture, self._describe(error), old.ended, old.at_ms)
