"""What functions print, and which calls there were.

Owns:  `LineSink` (the lines of one call), `CallRecord` and `CallLog` (the newest calls), the proxy that stands in
`sys.stdout` and `sys.stderr` while a backend is open.
Must not know: Jupyter; how a function is run.
Mechanism: the proxy asks the context variable of `run` whose code is writing. A function's text goes to the sink of its
call and, if the call was made from a cell, on to the stream below, so that it shows under that cell. Everything else
goes straight through. The proxy answers attribute reads from the stream below but keeps attribute writes to itself:
IPython sets `sys.stdout.write` around every cell, and a proxy that handed that on would call itself for ever.
Threads: a sink belongs to one call; the log may be used from any thread. Source: jupyter-facts 1.5.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TextIO

from nbconvex.functions.run import CURRENT, Kind

#: How many calls a backend remembers.
CALLS_KEPT_MAX = 1_000
#: Added to every counted request, so that the ids of two kernels rarely meet.
_REQUEST_STEP = 0x9E3779B97F4A7C15


class LineSink:
    """The lines that one call printed.

    `is_echoed` sends the text on to the caller's own output as well. While `is_held` it waits for `release`: what a
    mutation prints is shown once, although a conflict may make it run twice.
    """

    # Defaults of the class and no slots: most calls print nothing.
    _lines: list[str] | None = None
    _partial = ""
    _dropped = 0
    _held: list[tuple[TextIO, str]] | None = None
    is_held = False
    #: Hides what must not be seen; None where there is nothing to hide.
    mask: Callable[[str], str] | None = None

    def __init__(self, lines_max: int, line_max: int, *, is_echoed: bool = False) -> None:
        self._lines_max = lines_max
        self._line_max = line_max
        self.is_echoed = is_echoed

    def write(self, text: str, stream: TextIO) -> None:
        """Take what a function wrote; `stream` is where it would have gone."""
        if self.mask is not None:
            text = self.mask(text)
        if self.is_echoed:
            if self.is_held:
                if self._held is None:
                    self._held = []
                self._held.append((stream, text))
            else:
                stream.write(text)
        head, newline, tail = text.rpartition("\n")
        if not newline:
            # A line that never ends is kept up to the limit only.
            if len(self._partial) <= self._line_max:
                self._partial += text
            return
        for line in (self._partial + head).split("\n"):
            self.add(line)
        self._partial = tail

    def add(self, line: str) -> None:
        """Add one whole line."""
        if self.mask is not None:
            # Again: it may have been written piece by piece.
            line = self.mask(line)
        if self._lines is None:
            self._lines = []
        if len(self._lines) >= self._lines_max:
            self._dropped += 1
            return
        if len(line) > self._line_max:
            line = f"{line[: self._line_max]}… ({len(line) - self._line_max:,} more characters)"
        self._lines.append(line)

    def warn(self, message: str) -> None:
        """Add a line that nbconvex itself has to say, and show it."""
        self.write(f"[WARN] {message}\n", _below(sys.stderr))

    @property
    def count(self) -> int:
        """How many lines there are so far."""
        return 0 if self._lines is None else len(self._lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines so far, an unfinished one included, and how many were dropped."""
        if self._lines is None and not self._partial:
            return ()
        lines = list(self._lines or ())
        if self._partial:
            if len(lines) < self._lines_max:
                lines.append(self._partial if self.mask is None else self.mask(self._partial))
            else:
                self._dropped += 1
                self._partial = ""
        if self._dropped:
            lines.append(f"[WARN] {self._dropped} more log lines were dropped (limit log_lines: {self._lines_max}).")
        return tuple(lines)

    def mark(self) -> tuple[int, str, int, int]:
        """What there is so far, to return to if a run is made again."""
        return self.count, self._partial, self._dropped, len(self._held or ())

    def rewind(self, mark: tuple[int, str, int, int]) -> None:
        """Drop everything since `mark`."""
        count, self._partial, self._dropped, held = mark
        if self._lines is not None:
            del self._lines[count:]
        if self._held is not None:
            del self._held[held:]

    def release(self) -> None:
        """Show what was held."""
        held, self._held = self._held, None
        for stream, text in held or ():
            stream.write(text)


class LabelledSink:
    """A call's sink as a part of the call has it: each line says who printed it."""

    def __init__(self, sink: Any, label: str) -> None:
        self._sink = sink
        self._label = label
        self._begins = True

    def write(self, text: str, stream: TextIO) -> None:
        """Take what a part wrote; `stream` is where it would have gone."""
        for line in text.splitlines(keepends=True):
            self._sink.write(f"{self._label}{line}" if self._begins else line, stream)
            self._begins = line.endswith("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)


def request_id(number: int) -> str:
    """The text of a request's number: 16 hexadecimal digits."""
    return f"{number * _REQUEST_STEP & 0xFFFFFFFFFFFFFFFF:016x}"


class CallRecord(NamedTuple):
    """One call as the log remembers it.

    Units:  `started_ms` in milliseconds since 1970 UTC.
    """

    request: int
    path: str
    kind: Kind
    started_ms: float
    duration_ms: float
    lines: tuple[str, ...]
    error: BaseException | None
    #: What asked for it: "call", "live", "action", "job", "http" or "migration"; "hint" is a sentence about no call.
    source: str
    is_cached: bool

    @property
    def request_id(self) -> str:
        """The id that errors and log views show."""
        return request_id(self.request)

    @property
    def status(self) -> str:
        """`success` or `error`."""
        return "success" if self.error is None else "error"


class CallLog:
    """The newest calls of a backend, oldest first."""

    def __init__(self, kept_max: int = CALLS_KEPT_MAX) -> None:
        self._records: deque[CallRecord] = deque(maxlen=kept_max)
        self._changed = threading.Condition()
        #: Whoever waits or listens, counted, so that a call that nobody follows pays for one look.
        self._listening = 0
        self._listeners: tuple[Callable[[CallRecord], object], ...] = ()
        self.count = 0

    def add(self, record: CallRecord) -> None:
        """Remember a call, forgetting the oldest where the log is full."""
        self._records.append(record)
        self.count += 1
        if self._listening:
            with self._changed:
                self._changed.notify_all()
                listeners = self._listeners
            for tell in listeners:
                tell(record)

    def listen(self, tell: Callable[[CallRecord], object]) -> Callable[[], None]:
        """Have `tell` called with each call that has ended, in whichever thread made it, until the answer is called."""
        with self._changed:
            self._listening += 1
            self._listeners = (*self._listeners, tell)

        def stop() -> None:
            with self._changed:
                if tell in self._listeners:
                    self._listening -= 1
                    self._listeners = tuple(each for each in self._listeners if each is not tell)

        return stop

    def wait(self, seen: int, timeout_s: float) -> bool:
        """Whether there are more calls than `seen` before `timeout_s` have passed."""
        with self._changed:
            self._listening += 1
            try:
                return self._changed.wait_for(lambda: self.count > seen, timeout_s)
            finally:
                self._listening -= 1

    def find(self, wanted_request_id: str) -> CallRecord | None:
        """The call with that request id, the outermost one."""
        found = [each for each in tuple(self._records) if each.request_id == wanted_request_id]
        return found[-1] if found else None

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)


class StreamProxy:
    """Stands in `sys.stdout` or `sys.stderr` and sends functions' text to their call's sink."""

    def __init__(self, stream: TextIO) -> None:
        self.nbconvex_stream = stream

    def write(self, text: str, /) -> int:
        """Write to the sink of the function that is running here, or to the stream below."""
        run = CURRENT.get()
        if run is None:
            return self.nbconvex_stream.write(text)
        run.sink.write(text, self.nbconvex_stream)
        return len(text)

    def writelines(self, lines: Any, /) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "nbconvex_stream":
            raise AttributeError(name)
        return getattr(self.nbconvex_stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.nbconvex_stream)


_STREAMS = ("stdout", "stderr")


def _below(stream: Any) -> TextIO:
    below: TextIO = stream.nbconvex_stream if type(stream) is StreamProxy else stream
    return below


def install() -> None:
    """Put a proxy over each stream that has none. Cheap, so that every call may make sure."""
    for name in _STREAMS:
        stream = getattr(sys, name)
        if type(stream) is not StreamProxy and stream is not None:
            setattr(sys, name, StreamProxy(stream))


def uninstall() -> None:
    """Take the proxies away again; one that somebody has wrapped meanwhile stays, and lets everything through."""
    for name in _STREAMS:
        stream = getattr(sys, name)
        if type(stream) is StreamProxy:
            setattr(sys, name, stream.nbconvex_stream)
