"""What a function sees of the notebook: the globals that its code names.

Owns:  finding them, and telling whether one of them has changed.
Must not know: what is done about it.
Mechanism: names that are bound anew are told by identity. What is inside lists, dicts, sets and objects of plain
classes is pictured, and compared with a new picture. Anything else that may change (an array, a connection) makes the
closure unstable, and so does what is too large to picture.
Limits: attributes of modules and of classes are not followed.
Threads: any; two may compute the same closure.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from nbconvex.functions.definition import Declaration
from nbconvex.functions.determinism import global_names

_ABSENT: Any = object()
_SCALARS = (str, int, float, bool, bytes, type(None), range)
_FIXED = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, Declaration)
#: Functions that are followed into the functions they name, and values that are pictured, for one closure. Picturing
#: happens on every call that could be answered from the cache: more than this costs what running the query does.
_FUNCTIONS_MAX = 200
_VALUES_MAX = 500


class Seen(NamedTuple):
    """One variable: where it is looked up (under `name` among globals, or in a cell), its value, a picture of what is
    inside the value where something can be.
    """

    holder: dict[str, Any] | types.CellType
    name: str
    value: Any
    picture: Any


Closure = tuple[Seen, ...]


class _UnstableError(Exception):
    """Something was seen whose changes cannot be seen."""


class _Same:
    """Stands for one object, equal only to itself."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    __hash__ = None  # type: ignore[assignment]


def closure_of(handler: Callable[..., Any]) -> Closure | None:
    """What `handler` and the functions it names can see; None where that is unstable."""
    try:
        return tuple(_seen_by(handler))
    except _UnstableError:
        return None


def is_unchanged(closure: Closure) -> bool:
    """Whether every variable still has the value that it had."""
    try:
        for holder, name, value, picture in closure:
            now = _contents(holder) if isinstance(holder, types.CellType) else holder.get(name, _ABSENT)
            if now is not value or (picture is not None and _picture_of(value) != picture):
                return False
    except _UnstableError:
        return False
    return True


def _seen_by(handler: Callable[..., Any]) -> Iterator[Seen]:
    waiting: list[Any] = [handler]
    followed: set[int] = set()
    while waiting:
        function = waiting.pop()
        code = getattr(function, "__code__", None)
        if code is None or id(function) in followed:
            continue
        followed.add(id(function))
        if len(followed) > _FUNCTIONS_MAX:
            raise _UnstableError
        for seen in _variables_of(function, code):
            yield seen
            if isinstance(seen.value, types.FunctionType):
                waiting.append(seen.value)


def _variables_of(function: Any, code: types.CodeType) -> Iterator[Seen]:
    namespace = function.__globals__
    for name in sorted(global_names(code)):
        # An absent one is perhaps a builtin; a global of that name may come.
        value = namespace.get(name, _ABSENT)
        yield Seen(namespace, name, value, None if value is _ABSENT else _picture_of(value))
    for cell in function.__closure__ or ():
        value = _contents(cell)
        yield Seen(cell, "", value, None if value is _ABSENT else _picture_of(value))
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        picture = _picture_of(default)
        if picture is not None:
            yield Seen(types.CellType(default), "", default, picture)


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _ABSENT


def _picture_of(value: Any) -> Any:
    """Something to compare a later picture with; None for a value that never changes inside."""
    if isinstance(value, (*_SCALARS, *_FIXED)) or _is_ours(value):
        return None
    budget = [_VALUES_MAX]
    return _pictured(value, budget)


def _pictured(value: Any, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise _UnstableError
    kind = type(value)
    if kind in _SCALARS:
        return (kind, value)
    if isinstance(value, _FIXED) or _is_ours(value):
        return _Same(value)
    if kind in {list, tuple}:
        return (kind, [_pictured(item, budget) for item in value])
    if kind is dict:
        # Keys are hashable, and so as good as fixed; their order can matter.
        return (kind, [(key, _pictured(item, budget)) for key, item in value.items()])
    if kind in {set, frozenset}:
        budget[0] -= len(value)
        return (kind, frozenset(value))
    if _is_plain(kind):
        return (_Same(kind), _pictured(vars(value), budget))
    raise _UnstableError


def _is_plain(kind: type) -> bool:
    """Whether objects of a class keep everything in their `__dict__`: it and its bases are written in Python."""
    return (
        kind.__dictoffset__ != 0 and kind.__basicsize__ <= object.__basicsize__ + 16 and kind.__module__ != "builtins"
    )


def _is_ours(value: Any) -> bool:
    # References, validators, words such as UNSET: objects of the package do not change.
    return type(value).__module__.startswith("nbconvex.")
