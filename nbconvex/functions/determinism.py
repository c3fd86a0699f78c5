"""The clock stands still and chance is repeatable while a query or a mutation runs; the world is out of reach.

Owns:  the replacements of `time.time`, `random.*` and `os.urandom`, and the audit hook that refuses network, processes,
timers, event loops and threads.
Must not know: what a query or a mutation is; it asks the run that the code at hand belongs to.
Invariants: code outside of a run, and actions, see the originals' behaviour. The replacements are in place while at
least one backend is open, and every name has its original back afterwards. A replacement that somebody else replaced
meanwhile is left alone.
Limits: names that were imported before (`from time import time`, `from random import choice`) and
`datetime.now()` read the machine's clock; `unfrozen_names` finds them in a function's code, so that its author is told.
Threads: any; opening and closing take a lock.
Source: semantics 1.5; ADR on determinism.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import dis
import functools
import os
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbconvex.functions import teaching
from nbconvex.functions.run import CURRENT, Run

_TIMER = "a timer (time.sleep)"
_THREAD = "a thread (threading)"
_LOOP = "an event loop (asyncio.run)"
#: How `threading` starts one, by version. Sleeping and starting threads are audited from Python 3.12 and 3.13 on only.
_THREAD_STARTERS = ("_start_new_thread", "_start_joinable_thread")
_GLOBAL_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})

#: Audit events that reach out of the process or wait, and what to call them in a message. Source: Python's audit table.
_REFUSED: Mapping[str, str] = {
    "socket.connect": "a network connection (socket.connect)",
    "socket.bind": "a network socket (socket.bind)",
    "socket.getaddrinfo": "a name lookup (socket.getaddrinfo)",
    "socket.gethostbyname": "a name lookup (socket.gethostbyname)",
    "socket.sendto": "the network (socket.sendto)",
    "urllib.Request": "a network request (urllib.request)",
    "http.client.connect": "a network request (http.client)",
    "ftplib.connect": "a network request (ftplib)",
    "smtplib.connect": "a mail server (smtplib)",
    "time.sleep": _TIMER,
    "subprocess.Popen": "another process (subprocess)",
    "os.system": "another process (os.system)",
    "os.posix_spawn": "another process (os.posix_spawn)",
    "os.spawn": "another process (os.spawn)",
    "os.exec": "another process (os.exec)",
    "os.fork": "another process (os.fork)",
    "_thread.start_new_thread": _THREAD,
}

# Methods of the hidden generator behind the `random` module.
_RANDOM_NAMES = (
    "betavariate", "choice", "choices", "expovariate", "gammavariate", "gauss", "getrandbits", "lognormvariate",
    "normalvariate", "paretovariate", "randbytes", "randint", "random", "randrange", "sample", "seed", "shuffle",
    "triangular", "uniform", "vonmisesvariate", "weibullvariate",
)  # fmt: skip

_lock = threading.Lock()
_open_count = 0
_is_hooked = False
#: (module, name, replacement, original), in place while `_open_count` is above 0.
_replaced: list[tuple[types.ModuleType, str, Any, Any]] = []


def _run_here() -> Run | None:
    """The query or mutation that the code at hand belongs to."""
    run = CURRENT.get()
    return run if run is not None and run.is_deterministic else None


def frozen_ms(run: Run) -> float:
    """The time that stands still for a query or mutation, in milliseconds."""
    assert run.tx is not None, run.path
    run.root.clock_read = True
    return run.tx.creation_time_ms


def _frozen(original: Callable[[], Any], scale: Callable[[float], Any]) -> Callable[[], Any]:
    current = CURRENT.get

    def now() -> Any:
        run = current()
        if run is None or not run.is_deterministic:
            return original()
        return scale(frozen_ms(run))

    return now


def _seeded(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    current = CURRENT.get

    def draw(*positional: Any, **named: Any) -> Any:
        run = current()
        if run is None or not run.is_deterministic or run.tx is None:
            return original(*positional, **named)
        run.root.random_read = True
        return getattr(run.tx.random, name)(*positional, **named)

    return draw


def _refused_bytes(original: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def urandom(size: int, /) -> bytes:
        run = _run_here()
        if run is None or run.tx is None:
            return original(size)
        caller = sys._getframe(1).f_globals.get("__name__")  # noqa: SLF001 - the one way to see who asks
        if caller == "uuid":
            # A uuid has to be unique, not secret, so a seeded one will do.
            run.root.random_read = True
            return run.tx.random.randbytes(size)
        name = "true randomness (os.urandom)" if caller != "random" else "true randomness (secrets, SystemRandom)"
        raise teaching.nondeterministic(
            run.path, run.definition.kind, name, "ctx.random, random or uuid.uuid4, which are seeded; or an action"
        )

    return urandom


def _refusing(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, for everybody but queries and mutations."""

    def call(*positional: Any, **named: Any) -> Any:
        run = _run_here()
        if run is not None:
            for each in positional:
                if isinstance(each, types.CoroutineType):
                    each.close()
            raise teaching.nondeterministic(run.path, run.definition.kind, what)
        return original(*positional, **named)

    return call


def _replacements() -> Iterator[tuple[types.ModuleType, str, Any]]:
    yield time, "time", _frozen(time.time, lambda now_ms: now_ms / 1e3)
    yield time, "time_ns", _frozen(time.time_ns, lambda now_ms: int(now_ms * 1e6))
    urandom = _refused_bytes(os.urandom)
    yield os, "urandom", urandom
    yield random, "_urandom", urandom
    yield time, "sleep", _refusing(_TIMER, time.sleep)
    yield asyncio, "run", _refusing(_LOOP, asyncio.run)
    yield asyncio, "new_event_loop", _refusing(_LOOP, asyncio.new_event_loop)
    for name in _THREAD_STARTERS:
        if hasattr(threading, name):
            yield threading, name, _refusing(_THREAD, getattr(threading, name))
    for name in _RANDOM_NAMES:
        yield random, name, _seeded(name, getattr(random, name))


def _audit(event: str, _: tuple[Any, ...]) -> None:
    call = _REFUSED.get(event)
    if call is None:
        return
    run = CURRENT.get()
    if run is not None and run.is_deterministic:
        raise teaching.nondeterministic(run.path, run.definition.kind, call)


def enter() -> None:
    """A backend opens: put the replacements in place if it is the first."""
    global _open_count, _is_hooked  # noqa: PLW0603 - the process has one `time.time`, so this has one owner, here
    with _lock:
        _open_count += 1
        if not _is_hooked:
            # An audit hook is for good; without a run it answers in a tenth of a microsecond.
            sys.addaudithook(_audit)
            _is_hooked = True
        if _open_count > 1:
            return
        for module, name, replacement in list(_replacements()):
            original = getattr(module, name)
            replacement.__name__ = name
            replacement.__doc__ = original.__doc__
            setattr(module, name, replacement)
            _replaced.append((module, name, replacement, original))


def leave() -> None:
    """A backend closes: give the names back after the last."""
    global _open_count  # noqa: PLW0603 - see enter
    with _lock:
        _open_count -= 1
        if _open_count:
            return
        for module, name, replacement, original in _replaced:
            if getattr(module, name, None) is replacement:
                setattr(module, name, original)
        _replaced.clear()


_CLOCK_CLASSES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (dt.datetime, ("now", "utcnow", "today")),
    (dt.date, ("today",)),
)


def unfrozen_names(handler: Callable[..., Any]) -> list[str]:
    """The calls in a function's own code that read the machine's clock or unseeded chance past the replacements."""
    code = getattr(handler, "__code__", None)
    if code is None:
        return []
    found: list[str] = []
    names = _all_names(code)
    namespace: Mapping[str, Any] = handler.__globals__
    originals = {
        id(original): f"{module.__name__}.{name}" for module, name, _, original in _replaced if not name.startswith("_")
    }
    for name in sorted(global_names(code)):
        value = namespace.get(name)
        if value is None:
            continue
        if id(value) in originals and callable(value):
            found.append(f"{name}() (imported by name: write {originals[id(value)]}())")
        for clock, methods in _CLOCK_CLASSES:
            used = [method for method in methods if method in names]
            if used and (value is clock or (value is dt and clock.__name__ in names)):
                found.append(f"{clock.__name__}.{used[0]}() (write ctx.now(), the frozen time in milliseconds)")
    return list(dict.fromkeys(found))


@functools.lru_cache(maxsize=1024)
def global_names(code: types.CodeType) -> frozenset[str]:
    """The names that a function's code, and the functions inside it, look up among the globals."""
    names = frozenset(each.argval for each in dis.get_instructions(code) if each.opname in _GLOBAL_LOADS)
    return names.union(*(global_names(each) for each in code.co_consts if isinstance(each, types.CodeType)))


def _all_names(code: types.CodeType) -> set[str]:
    """Those names, and the names of attributes."""
    return {*code.co_names}.union(*(_all_names(each) for each in code.co_consts if isinstance(each, types.CodeType)))
