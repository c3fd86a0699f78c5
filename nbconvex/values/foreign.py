"""Python objects that are not values: which of them stand for one, and what to say about the rest.

Owns:  conversions of numpy scalars, subclasses and byte buffers; the advice for sets, times, frames and others.
Must not know: where in a value an object was found.
Invariants: no optional package is imported here; their classes are known by the names of their modules.
Threads: pure functions.
"""

from __future__ import annotations

import dataclasses
import inspect
from datetime import datetime
from typing import Any

from nbconvex.values.scalars import UNSET

_PLAIN_TYPES = (bool, int, float, str, bytes, list, dict)

_MISSING_ADVICE = "UNSET, which leaves the field out, or None where the field may be null"
# By the name of the class, among the bases of the object's own: what to write instead. `{}` stands for the object.
_ADVICE = {
    "datetime.datetime": "v.datetime() as its validator, or x.timestamp() * 1000, the milliseconds since 1970",
    "datetime.date": "x.isoformat()",
    "datetime.time": "x.isoformat()",
    "datetime.timedelta": "x.total_seconds() * 1000, in milliseconds",
    "decimal.Decimal": "str(x), or float(x) to round it",
    "fractions.Fraction": "float(x)",
    "builtins.complex": "[x.real, x.imag]",
    "builtins.set": "sorted(x), or list(x)",
    "builtins.frozenset": "sorted(x), or list(x)",
    "builtins.range": "list(x)",
    "builtins.generator": "list(x)",
    "builtins.map": "list(x)",
    "builtins.filter": "list(x)",
    "builtins.zip": "[list(pair) for pair in x]",
    "builtins.dict_keys": "list(x)",
    "builtins.dict_values": "list(x)",
    "builtins.dict_items": "dict(x)",
    "builtins.mappingproxy": "dict(x)",
    "collections.deque": "list(x)",
    "uuid.UUID": "str(x)",
    "pathlib.PurePath": "str(x)",
    "enum.Enum": "x.value",
    "numpy.ndarray": "x.tolist()",
    "pandas.Series": "x.to_dict() for a row, x.to_list() for a column",
    "pandas.Index": "x.to_list()",
    "pandas.NaTType": _MISSING_ADVICE,
    "pandas.NAType": _MISSING_ADVICE,
    "polars.Series": "x.to_list()",
    "pyarrow.Table": 'for row in x.to_pylist(): ctx.db.insert("table", row)',
}


def plain_equivalent(value: Any) -> Any:
    """The plain object that stands for `value` without loss, one level deep; `value` itself where there is none."""
    if _package(type(value)) == "numpy":
        return _from_numpy(value)
    for base in _PLAIN_TYPES:
        if isinstance(value, base):
            # Not `base(value)`, which a subclass (an Enum, a str with its own __str__) could answer in its own way.
            return value if type(value) is base else _as_base(value, base)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def _as_base(value: Any, base: type) -> Any:
    if base is str:
        return str.__str__(value)
    if base is int:
        return int.__int__(value)
    if base is float:
        return float.__float__(value)
    if base is dict:
        return dict(value.items())
    if base is bytes:
        return bytes(memoryview(value))
    return list(value)


def _from_numpy(value: Any) -> Any:
    """The Python scalar of a numpy scalar; anything else of numpy's unchanged."""
    if not hasattr(value, "item") or not hasattr(type(value), "dtype") or getattr(value, "ndim", None) != 0:
        return value
    if type(value).__name__ in {"ndarray", "memmap", "longdouble", "clongdouble", "void"}:
        return value
    scalar = value.item()
    return scalar if type(scalar) in _PLAIN_TYPES else value


def describe_foreign(value: Any) -> tuple[str, str]:
    """Why an object is not a value, and what to write instead."""
    if value is UNSET:
        return (
            "UNSET is not a value: it says that a field of an object is absent, and stands nowhere else",
            "None, or leave it out",
        )
    kind = type(value)
    name = f"{_package(kind)}.{kind.__name__}" if _package(kind) not in {"builtins", "__main__"} else kind.__name__
    problem = f"{name} is not a supported type of value"
    if isinstance(value, datetime) and value.tzinfo is None and value == value:  # noqa: PLR0124 - pandas' NaT is not
        cure = "x.replace(tzinfo=UTC) for a time in UTC, x.astimezone() for local time, where there is a v.datetime()"
        return (
            f"the {name} {value.isoformat(' ')} has no time zone, so it is another moment in Berlin than in Tokyo",
            f"{cure}; or a number, x.timestamp() * 1000",
        )
    rows = rows_of_frame(value)
    if rows is not None:
        return f"{problem}; insert its rows as documents", f'for row in {rows}: ctx.db.insert("table", row)'
    for base in kind.__mro__:
        for spelling in (f"{base.__module__}.{base.__name__}", f"{_package(base)}.{base.__name__}"):
            if spelling in _ADVICE:
                return problem, _ADVICE[spelling]
    return problem, _general_advice(value)


def rows_of_frame(frame: Any) -> str | None:
    """What to write for the rows of a pandas or polars frame; None for anything else."""
    kind = type(frame)
    if kind.__name__ not in {"DataFrame", "LazyFrame"}:
        return None
    if _package(kind) == "pandas":
        return 'df.to_dict("records")'
    return "df.to_dicts()" if kind.__name__ == "DataFrame" else "df.collect().to_dicts()"


def _general_advice(value: Any) -> str:
    kind = type(value)
    if inspect.isawaitable(value):
        return "await x (was an await forgotten?)"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "dataclasses.asdict(x)"
    if callable(getattr(value, "model_dump", None)):
        return "x.model_dump()"
    if _package(kind) == "pandas":
        return "x.to_list()"
    if _package(kind) == "numpy":
        return "x.tolist()"
    if inspect.isroutine(value) or isinstance(value, type):
        return "x(...): its result, not itself"
    if hasattr(value, "__iter__"):
        return "list(x), or dict(x)"
    return '{"field": x.field}'


def shown(value: Any, *, characters_max: int = 60) -> str:
    """The repr of any object, cut to a length; for one whose repr fails (an int of 5,000 digits does) its type."""
    if isinstance(value, str | bytes):
        # Without writing out megabytes first.
        value = value[: characters_max + 1]
    try:
        text = repr(value)
    except Exception:  # the repr of foreign code may raise anything, and this stands in an error's sentence
        return f"<{type(value).__name__}>"
    return text if len(text) <= characters_max else f"{text[: characters_max - 3]}..."


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
