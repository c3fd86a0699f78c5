"""Numbers about the documents of a query: sum, mean, least and greatest, several at once, by groups.

Owns:  `Aggregates`, the part of a query that gives them.
Must not know: how documents are found, what is recorded as read.
Invariants: exact: a sum of numbers is rounded once, at its end, and does not depend on their order. Absent and null are
passed over; whatever else cannot be added is refused with the id of a document that has it. Of each document only the
fields that are asked for are decoded, and only a change of these concerns whoever asked.
Source: semantics 11.2, 14 row 1.
Threads: belongs to its transaction.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from nbconvex.database.selection import Selection
from nbconvex.errors import CallerError
from nbconvex.values.foreign import shown
from nbconvex.values.moments import is_time, moment_of, without_times
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, NUMBER_MAX, UNSET, Int64
from nbconvex.values.sort_key import encode_key, field_value
from nbconvex.values.validator_paths import validators_at

if TYPE_CHECKING:
    from fractions import Fraction

    from nbconvex.database.query import Query

Document = dict[str, Any]
#: A document with the value of the field that is asked for.
Valued = Sequence[tuple[Any, Document]]

_FUNCTIONS = ("count", "sum", "avg", "min", "max")
#: Sort keys of values that are neither absent nor null begin with this or more. Source: `values.sort_key`.
_PRESENT = b"\x04"
_NOT_AT_AN_END = object()


class Aggregates:
    """What a query says about its documents as a whole. Documents in which the field is absent or null are passed over.

    Raises:  every method may raise CallerError, naming a document, and LimitExceededError, for the documents are read.
    """

    __slots__ = ()

    def sum(self: Query, field: str) -> Any:  # type: ignore[misc]
        """The sum of a field; 0 where there is none. Numbers give a number, Int64 an Int64, both together an error."""
        return _one(self, "sum", field)

    def avg(self: Query, field: str) -> Any:  # type: ignore[misc]
        """The mean of a field, a number; None where there is none."""
        return _one(self, "avg", field)

    def min(self: Query, field: str) -> Any:  # type: ignore[misc]
        """The value of a field that comes first in the order of all values; None where there is none.

        It is read off the end of an index where the field is next in the query's index.
        """
        return _one(self, "min", field)

    def max(self: Query, field: str) -> Any:  # type: ignore[misc]
        """The value of a field that comes last in the order of all values; None where there is none.

        It is read off the end of an index where the field is next in the query's index.
        """
        return _one(self, "max", field)

    def aggregate(self: Query, *, by: str | Sequence[str] | None = None, **outputs: Any) -> Any:  # type: ignore[misc]
        """Several numbers at once: `.aggregate(n="count", pages=("pages", "sum"), newest=("year", "max"))`.

        Shapes:  a dict by the names given; with `by="author"` (or several fields) a list of such dicts, one for each
                 group, which have the fields of `by` too, in the order of their values.
        """
        self._use("aggregate")
        return _several(self, by, outputs)


def _one(query: Query, function: str, field: str) -> Any:
    query._use(function)  # noqa: SLF001 - a query's own method, in another room
    (path,) = query.paths(function, (field,))
    return _shown(query, path, function, _one_plain(query, function, path))


def _one_plain(query: Query, function: str, path: str) -> Any:
    if function in {"min", "max"} and not query.has_filters:
        value = _at_the_end(query, path, is_max=function == "max")
        if value is not _NOT_AT_AN_END:
            return value
    found = [(value, each) for each in _read(query, (path,)) if (value := field_value(each, path)) is not UNSET]
    return _aggregated(query, function, path, found)


def _read(query: Query, paths: Iterable[str]) -> Iterable[Document]:
    found = query.copy(selection=Selection(paths)).read()
    return map(without_times, found) if query.has_times else found


def _at_the_end(query: Query, path: str, *, is_max: bool) -> Any:
    """The least or greatest value of a field by which the index is in order, where it is."""
    fields = query.index_fields(query.index)
    equal = [each for each in query.conditions if each[0] == "eq"]
    if len(equal) == len(fields) or fields[len(equal)] != path or path == "_id":
        return _NOT_AT_AN_END
    low, high = query.interval
    if len(fields) > 1:
        prefix = query.interval_of(query.index, tuple(equal))[0]
        low = max(low, prefix + _PRESENT)
    ends = query.copy(selection=Selection((path,)), order="desc" if is_max else "asc", interval=(low, high))
    first = next(ends.read(), None)
    return None if first is None else without_times(field_value(first, path))


def _shown(query: Query, path: str, function: str, value: Any) -> Any:
    """A number as the time that it stands for, where the field has times."""
    if function not in {"avg", "min", "max"} or not is_time(value) or not _has_times(query, path):
        return value
    return moment_of(value)


def _has_times(query: Query, path: str) -> bool:
    """Whether every number of a field is a time."""
    schema = query.transaction.snapshot.schema
    if schema is None or query.table_name not in schema.times:
        return False
    members = validators_at(schema.definition.tables[query.table_name].validator, path) or ()
    kinds = {each.kind for each in members}
    return "datetime" in kinds and not kinds & {"float64", "literal"}


def _several(query: Query, by: str | Sequence[str] | None, outputs: dict[str, Any]) -> Any:
    wanted = {name: _output(query, name, given) for name, given in outputs.items()}
    if not wanted:
        raise CallerError(
            ".aggregate needs a name for each number it should give.",
            hint='.aggregate(n="count", pages=("pages", "sum"))',
        )  # fmt: skip
    by_fields = () if by is None else query.paths("aggregate(by=...)", (by,) if isinstance(by, str) else by)
    paths = {path for path, _ in wanted.values() if path is not None}
    documents = _read(query, paths.union(by_fields))
    if by is None:
        return _numbers(query, wanted, list(documents))
    groups: dict[tuple[bytes, ...], list[Document]] = {}
    for document in documents:
        key = tuple([encode_key(field_value(document, path)) for path in by_fields])
        groups.setdefault(key, []).append(document)
    rows = []
    for _, group in sorted(groups.items(), key=lambda item: item[0]):
        values = {path: field_value(group[0], path) for path in by_fields}
        names = {path: _shown(query, path, "min", value) for path, value in values.items() if value is not UNSET}
        rows.append({**names, **_numbers(query, wanted, group)})
    return rows


def _output(query: Query, name: str, given: Any) -> tuple[str | None, str]:
    """The field and the function of one output."""
    if given == "count":
        return None, "count"
    is_pair = isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, str) for part in given)
    if not is_pair or given[1] not in _FUNCTIONS:
        close = difflib.get_close_matches(given[1], _FUNCTIONS, 1) if is_pair else []
        function = close[0] if close else "sum"
        if is_pair and given[0] in _FUNCTIONS:
            given, function = (given[1], given[0]), given[0]
        raise CallerError(
            f'.aggregate: {name} must be "count" or a field and one of {", ".join(_FUNCTIONS)}, got {shown(given)}.',
            hint=f'{name}=("{given[0] if is_pair else "pages"}", "{function}")',
        )
    (path,) = query.paths("aggregate", (given[0],))
    return path, given[1]


def _numbers(query: Query, wanted: dict[str, tuple[str | None, str]], documents: list[Document]) -> Document:
    numbers: Document = {}
    for name, (path, function) in wanted.items():
        if path is None:
            numbers[name] = len(documents)
            continue
        found = [(value, each) for each in documents if (value := field_value(each, path)) is not UNSET]
        numbers[name] = _shown(query, path, function, _aggregated(query, function, path, found))
    return numbers


def _aggregated(query: Query, function: str, path: str, found: Valued) -> Any:
    found = [each for each in found if each[0] is not None]
    if function == "count":
        return len(found)
    if function == "sum":
        return _sum(query, path, found)
    if not found:
        return None
    if function == "avg":
        return _mean(query, path, found)
    choose: Callable[..., Any] = max if function == "max" else min
    return choose([value for value, _ in found], key=encode_key)


def _sum(query: Query, path: str, found: Valued) -> Any:
    if _has_times(query, path):
        raise CallerError(
            f'.sum("{path}"): times cannot be added.', hint=f'.avg("{path}"), .min("{path}") or .max("{path}")'
        )
    kind = _kind(query, "sum", path, found)
    if kind is None:
        members = validators_at(query.validator, path) or ()
        return Int64(0) if any(each.kind == "int64" for each in members) else 0
    if kind is not Int64:
        return _total([value for value, _ in found])
    total = sum([int(value) for value, _ in found])
    if not INT64_MIN <= total <= INT64_MAX:
        raise CallerError(
            f'.sum("{path}"): the sum of {len(found):,} Int64 is {total:,}, beyond 64 bits.',
            hint=f'.avg("{path}")   or  sum in Python, and give the result as a text',
        )
    return Int64(total)


def _mean(query: Query, path: str, found: Valued) -> float:
    values = [value for value, _ in found]
    if _kind(query, "avg", path, found) is Int64 or all(type(value) is int for value in values):
        return sum(map(int, values)) / len(values)
    if not all(map(math.isfinite, values)):
        return _infinite(values)
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        # The sum is beyond all numbers, and the mean is not.
        return float(_exact(values) / len(values))


def _total(values: list[Any]) -> int | float:
    """The sum of numbers, rounded once; an int where all are and it can be one."""
    if all(type(value) is int for value in values):
        total: int = sum(values)
        return total if -NUMBER_MAX <= total <= NUMBER_MAX else float(total)
    if not all(map(math.isfinite, values)):
        return _infinite(values)
    try:
        return math.fsum(values)
    except OverflowError:
        exact = _exact(values)
        try:
            return float(exact)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf


def _infinite(values: list[Any]) -> float:
    """The sum of numbers of which some are infinite or none at all; the mean is the same."""
    total = float(sum(value for value in values if not math.isfinite(value)))
    return math.nan if math.isnan(total) else total  # one NaN for all, for the order of values knows several


def _exact(values: list[Any]) -> Fraction:
    from fractions import Fraction

    return sum(map(Fraction, values), Fraction(0))


def _kind(query: Query, function: str, path: str, found: Valued) -> type | None:
    """Int64, or float for numbers; None where there are no values.

    Raises:  CallerError for anything else, and for both together.
    """
    kinds: dict[type, tuple[Any, Document]] = {}
    for value, document in found:
        kind = type(value)
        kinds.setdefault(float if kind is int else kind, (value, document))
    for kind, (value, document) in kinds.items():
        if kind not in {float, Int64}:
            raise CallerError(
                f'.{function}("{path}"): only numbers can be added, but document {document["_id"]} of '
                f'"{query.table_name}" has {_described(value)} there.',
                hint=f'{"sum" if function == "sum" else "statistics.mean"}(float(each["{path}"]) for each in '
                f'ctx.db.query("{query.table_name}"))' if kind is str and "." not in path else None,
            )  # fmt: skip
    if len(kinds) == 2:
        (one, first), (other, second) = kinds[float], kinds[Int64]
        raise CallerError(
            f'.{function}("{path}"): numbers and Int64 are not added to each other, but document {first["_id"]} of '
            f'"{query.table_name}" has {one!r} there and document {second["_id"]} has {other!r}.',
            hint=f'"{path}": v.number()   or  v.int64()   in the %%schema cell',
        )
    return next(iter(kinds), None)


def _described(value: Any) -> str:
    names = {str: "the text", bool: "the boolean", bytes: "the bytes", list: "the list", dict: "the object"}
    return f"{names.get(type(value), 'the value')} {shown(value)}"
