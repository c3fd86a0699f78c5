"""What a function sees of the notebook: the globals that its code names.

Owns:  finding them, and telling whether one of them was bound anew.
Must not know: what is done about it.
Limits: attributes of modules and changes inside a mutable object are not followed; a function that reads a mutable
global is said to have no stable closure, so that its results are not kept.
Threads: any; two may compute the same closure.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from nbconvex.functions.definition import Declaration
from nbconvex.functions.determinism import code_names

_ABSENT: Any = object()
_IMMUTABLE = (
    str,
    int,
    float,
    bool,
    bytes,
    type(None),
    frozenset,
    range,
    types.BuiltinFunctionType,
    types.ModuleType,
    type,
)
#: Functions followed into the functions they name.
_FUNCTIONS_MAX = 200

#: (namespace, name, value) of every global that was named; `_ABSENT` where there was none.
Closure = tuple[tuple[dict[str, Any], str, Any], ...]


def closure_of(handler: Callable[..., Any]) -> Closure | None:
    """The globals that `handler` and the functions it names can see; None where one of them is mutable."""
    found: list[tuple[dict[str, Any], str, Any]] = []
    waiting, seen = [handler], set()
    while waiting:
        function = waiting.pop()
        code = getattr(function, "__code__", None)
        if code is None or id(function) in seen:
            continue
        seen.add(id(function))
        if len(seen) > _FUNCTIONS_MAX or not all(_is_stable(cell) for cell in _cells(function)):
            return None
        namespace = function.__globals__
        for name in sorted(set(code_names(code))):
            value = namespace.get(name, _ABSENT)
            if value is _ABSENT:
                # Perhaps a builtin or an attribute; a global of that name may come.
                found.append((namespace, name, value))
                continue
            if not _is_stable(value):
                return None
            found.append((namespace, name, value))
            if isinstance(value, types.FunctionType):
                waiting.append(value)
    return tuple(found)


def is_unchanged(closure: Closure) -> bool:
    """Whether every global still has the value it had."""
    return all(namespace.get(name, _ABSENT) is value for namespace, name, value in closure)


def _cells(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            yield None
    yield from function.__defaults__ or ()


def _is_stable(value: Any) -> bool:
    if isinstance(value, (*_IMMUTABLE, types.FunctionType, Declaration)):
        return True
    if isinstance(value, tuple):
        return all(map(_is_stable, value))
    # Objects of the package (references, validators, words such as UNSET) do not change.
    return type(value).__module__.startswith("nbconvex.")
