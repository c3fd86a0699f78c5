"""Which functions there are.

Owns:  definitions by path, replacing all of one origin at once, generations, who hears of changes.
Must not know: how code is run; what a cell is.
Invariants: a reader sees all of a change or nothing of it; a generation is never used twice.
Threads: readers take no lock; changes are made one at a time.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nbconvex.errors import CallerError, FunctionNotFoundError
from nbconvex.functions.definition import DEFAULT_MODULE, NAME_PART_MAX, Declaration, FunctionDefinition, renamed

_PART = re.compile(r"[A-Za-z0-9_.]+", re.ASCII)
#: From which ratio on one name may be meant by another.
_ALIKE = 0.6
#: How a stored function handle begins. Source: semantics 1.7.
HANDLE_PREFIX = "function://"


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """What replacing an origin did, as paths. A function defined again counts as changed, whatever its text."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: Paths that another origin had defined.
    taken_over: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that differs from before."""
        return self.added + self.changed + self.removed


def normalize_path(text: str) -> str:
    """The canonical `dir/module:function` of a path; a module alone means its default export.

    Raises:  CallerError for what cannot be a path.
    """
    module, colon, function = text.partition(":")
    module = module.removesuffix(".py").removesuffix(".js")
    if not colon:
        function = "default"
    parts = [*module.split("/"), function]
    for part in parts:
        if not _PART.fullmatch(part) or len(part) > NAME_PART_MAX:
            raise CallerError(
                f"{text!r} is no function path: its parts have letters, digits, _ and ., {NAME_PART_MAX} at most.",
                hint='"module:function"',
            )
    return f"{module}:{function}"


def path_in_module(module: str, name: str) -> str:
    """The path of a function called `name`, which may be a whole path itself."""
    return normalize_path(name if ":" in name or "/" in name else f"{module or DEFAULT_MODULE}:{name}")


class Registry:
    """The functions of one backend."""

    def __init__(self, remembered: Mapping[str, str] | None = None) -> None:
        self._by_path: dict[str, FunctionDefinition] = {}
        self._by_handler: dict[int, str] = {}
        self._generation = self._removals = 0
        self._listeners: tuple[Callable[[RegistryChange], None], ...] = ()
        self._lock = threading.Lock()
        #: Paths that were defined before this process started, and where: "cell" or a module's name.
        self.remembered: Mapping[str, str] = remembered or {}

    def get(self, path: str) -> FunctionDefinition | None:
        """The function at a canonical path."""
        return self._by_path.get(path)

    @property
    def version(self) -> int:
        """A number that differs whenever a function was added, defined again or removed."""
        return self._generation + self._removals

    @property
    def functions(self) -> Mapping[str, FunctionDefinition]:
        """Every function by path; a view that later changes leave alone."""
        return MappingProxyType(self._by_path)

    def find(self, target: Any, *, is_public_only: bool = False) -> FunctionDefinition:
        """The function that `target` stands for: a path, a reference, a handle, a declaration or a handler.

        Raises:  FunctionNotFoundError, the same for a function that does not exist and for an internal one that was
                 asked for with `is_public_only`.
        """
        if type(target) is str:
            path = target
            definition = self._by_path.get(path)
            if definition is None:
                path = normalize_path(path.removeprefix(HANDLE_PREFIX))
                definition = self._by_path.get(path)
        else:
            path = self.path_of(target)
            definition = self._by_path.get(path)
        if definition is None or (is_public_only and definition.is_internal):
            raise self.missing(path, is_public_only=is_public_only)
        return definition

    def path_of(self, target: Any) -> str:
        """The path that `target` stands for, whether or not there is such a function.

        Raises:  CallerError for what stands for no function.
        """
        if isinstance(target, str):
            return normalize_path(target.removeprefix(HANDLE_PREFIX))
        parts: tuple[str, ...] | None = getattr(target, "_parts", None)
        if parts is not None:
            return self._path_of_parts(parts)
        handler = target.handler if isinstance(target, Declaration) else target
        path = self._by_handler.get(id(handler))
        if path is not None:
            return path
        if isinstance(target, Declaration):
            raise CallerError(f"{target!r} belongs to no backend yet.", hint="backend.add_module(module)")
        raise CallerError(
            f"a function is named by api.module.function or by its path, got {type(target).__name__}.",
            hint='api.messages.list or "messages:list"',
        )

    def _path_of_parts(self, parts: tuple[str, ...]) -> str:
        path = ":".join(("/".join(parts[:-1]), parts[-1])) if len(parts) > 1 else ""
        if path in self._by_path:
            return path
        default = "/".join(parts) + ":default"
        if default in self._by_path:
            return default
        if path:
            return path
        if not parts:
            raise CallerError(
                "api alone names no function; a path needs a module and a function.", hint="api.module.function"
            )
        functions = [other.partition(":")[2] for other in self._by_path if other.startswith(f"{parts[0]}:")]
        known = f" It has {', '.join(sorted(functions))}." if functions else ""
        raise CallerError(
            f"api.{parts[0]} names a module and has no default function; a path needs a module and a function.{known}",
            hint=f"api.{parts[0]}.{functions[0] if functions else 'function'}",
        )

    def children_of(self, parts: tuple[str, ...], *, is_public_only: bool) -> list[str]:
        """The names that may follow `parts` in a reference."""
        prefix = "/".join(parts)
        found = set()
        for path, definition in self._by_path.items():
            if definition.is_internal and is_public_only:
                continue
            module, _, name = path.partition(":")
            if module == prefix and name != "default":
                found.add(name)
            elif not prefix or module.startswith(f"{prefix}/"):
                found.add(module.removeprefix(prefix).lstrip("/").partition("/")[0])
        return sorted(found - {""})

    def missing(self, path: str, *, is_public_only: bool = False) -> FunctionNotFoundError:
        """The error for a function that is not there."""
        known = [
            each.name for each in self._by_path.values() if not (is_public_only and each.is_internal)
        ]  # an internal name must not leak through a suggestion
        suggestion = _nearest(path.removesuffix(":default"), known)
        detail = ""
        if not is_public_only and path in self.remembered:
            detail = (
                f" It was defined by {self.remembered[path]}, which has not been run since this store was opened: "
                "run it again."
            )
        elif not is_public_only and suggestion is None:
            # Told to whoever writes the app, as is every word that a stranger's call has no use for.
            detail = " Has the cell or module been run that defines it?"
        return FunctionNotFoundError(
            path.removesuffix(":default"), suggestion=None if detail else suggestion, detail=detail
        )

    def replace(self, origin: str, definitions: Iterable[FunctionDefinition]) -> RegistryChange:
        """Make `definitions` everything that `origin` defines, in one step, and tell the listeners.

        A definition with the same handler as the one in force is left alone: nothing was run again.
        """
        with self._lock:
            before = self._by_path
            after = {path: each for path, each in before.items() if each.origin != origin}
            added: list[str] = []
            changed: list[str] = []
            taken_over: list[str] = []
            for definition in definitions:
                path = definition.path
                old = before.get(path)
                if old is not None and old.handler is definition.handler and _same_shape(old, definition):
                    after[path] = old
                    continue
                self._generation += 1
                after[path] = renamed(definition, self._generation)
                (added if old is None else changed).append(path)
                if old is not None and old.origin != origin:
                    taken_over.append(path)
            removed = tuple(path for path in before if path not in after)
            self._removals += len(removed)
            self._by_handler = {id(each.handler): path for path, each in after.items()}
            self._by_path = after
            listeners = self._listeners
        change = RegistryChange(tuple(added), tuple(changed), removed, tuple(taken_over))
        if change.paths:
            for listener in listeners:
                listener(change)
        return change

    def listen(self, listener: Callable[[RegistryChange], None]) -> Callable[[], None]:
        """Call `listener` after every change, in the thread that made it. The result stops that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop


def _nearest(path: str, known: Iterable[str]) -> str | None:
    """The path that was probably meant: each part by itself, or a long module would make any function look alike."""
    module, colon, function = path.partition(":")
    best, best_ratio = None, _ALIKE
    for other in known:
        other_module, _, other_function = other.partition(":")
        ratio = _likeness(module, other_module)
        # A name alone may stand for a module with a default function, or have lost its module.
        likeness = _likeness(function or path, other_function)
        ratio = min(ratio, likeness) if colon else max(ratio, likeness)
        if ratio >= best_ratio and other != path:
            best, best_ratio = other, ratio
    return best


def _likeness(text: str, other: str) -> float:
    return difflib.SequenceMatcher(None, text, other).ratio()


def _same_shape(old: FunctionDefinition, new: FunctionDefinition) -> bool:
    return (old.kind, old.is_internal, old.args, old.returns) == (new.kind, new.is_internal, new.args, new.returns)
