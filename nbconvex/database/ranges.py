"""Index ranges: what `q.eq("author", x).gte("time", t)` asks of an index, as one interval of its keys.

Owns:  `RangeBuilder`, `interval_of`.
Must not know: documents, transactions.
Invariant: every range is one interval `[low, high)` of the index's keys.
Source: semantics 3.4.
Threads: a builder belongs to one call.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.database.payload import creation_bound
from nbconvex.errors import CallerError, IndexInvalidError, ValueInvalidError
from nbconvex.values.codec import normalize
from nbconvex.values.ids import decode_id
from nbconvex.values.moments import plain_moment
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Int64
from nbconvex.values.sort_key import after_prefix, encode_key

_LOWER = {"gt", "gte"}
_BUILT_IN = {"_creationTime", "_id"}


class RangeBuilder:
    """What the `q` of `.with_index(name, lambda q: ...)` can do. Each call consumes the builder before it."""

    __slots__ = ("_is_used", "conditions")

    def __init__(self, conditions: tuple[tuple[str, str, Any], ...] = ()) -> None:
        self.conditions = conditions
        self._is_used = False

    def eq(self, field: str, value: Any) -> RangeBuilder:
        """Only documents whose field is this value; UNSET finds those without the field."""
        return self._with("eq", field, value)

    def gt(self, field: str, value: Any) -> RangeBuilder:
        """Only documents whose field comes after this value."""
        return self._with("gt", field, value)

    def gte(self, field: str, value: Any) -> RangeBuilder:
        """Only documents whose field does not come before this value."""
        return self._with("gte", field, value)

    def lt(self, field: str, value: Any) -> RangeBuilder:
        """Only documents whose field comes before this value."""
        return self._with("lt", field, value)

    def lte(self, field: str, value: Any) -> RangeBuilder:
        """Only documents whose field does not come after this value."""
        return self._with("lte", field, value)

    def starts_with(self, field: str, prefix: str) -> RangeBuilder:
        """Only documents whose field is a text that begins with `prefix`: both bounds of the field at once."""
        if not isinstance(prefix, str):
            raise CallerError(
                f"q.starts_with takes the text that the field begins with, got {type(prefix).__name__}.",
                hint=f'q.starts_with({field!r}, "Al")',
            )
        return self._with("starts_with", field, prefix)

    def _with(self, operation: str, field: str, value: Any) -> RangeBuilder:
        if not isinstance(field, str):
            raise CallerError(
                f"q.{operation} in .with_index takes the field's name first, got {type(field).__name__}.",
                hint=f'q.{operation}("author", value)',
            )
        if self._is_used:
            raise CallerError(
                "this index range was already extended: each q.eq/gt/... gives a new range, chain them.",
                hint=f'q.eq("a", 1).{operation}({field!r}, ...)',
            )
        self._is_used = True
        return RangeBuilder((*self.conditions, (operation, field, value)))

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            hint = None
            if name == "in_":
                # Several intervals would have several places at which a page can end.
                hint = "[book for each in authors for book in ctx.db.query(...).with_index(name, author=each)]"
            raise CallerError(
                f"an index range has no q.{name}. It has eq, gt, gte, lt, lte and starts_with; "
                "anything else is a filter: .with_index(...).filter(lambda q: ...).",
                hint=hint,
            )


def with_int64(conditions: Sequence[tuple[str, str, Any]], fields: Container[str]) -> tuple[tuple[str, str, Any], ...]:
    """The same conditions, with an int on one of `fields` as the 64-bit integer that a write would have made of it."""
    return tuple(
        (operation, field, Int64(value))
        if field in fields and type(value) is int and INT64_MIN <= value <= INT64_MAX
        else (operation, field, value)
        for operation, field, value in conditions
    )


def interval_of(
    index: str, fields: Sequence[str], conditions: Sequence[tuple[str, str, Any]], table: int
) -> tuple[bytes, bytes | None]:
    """The interval of keys that `conditions` describe on an index of `fields` (creation time and id included).

    Shapes:  `fields` is all fields of the index's key, `index` is `table.index` for messages.
    Raises:  IndexInvalidError; ValueInvalidError for what is not a value.
    """
    equal, bounds = _sorted_conditions(index, fields, conditions)
    covered = [field for field in fields if field in equal]
    is_built_in = len(fields) == 1
    encode = _encode_built_in if is_built_in else _encode
    prefix = b"".join([encode(field, equal[field], table) for field in covered])
    low, high = prefix, _behind(prefix, covered[-1]) if covered else None
    for operation, field, value in bounds:
        key = prefix + encode(field, value, table)
        if operation == "starts_with":
            # Without the end of the text: what goes on with other letters is inside, and what is before does not begin
            # so. A prefix that ends in an escaped zero ("a\\0": 61 00 FF) has "a" (61 00) before it.
            return key[:-1], after_prefix(key[:-1])
        if operation in _LOWER:
            low = key if operation == "gte" else _behind(key, field)
        else:
            high = key if operation == "lt" else _behind(key, field)
    return low, high


def _behind(key: bytes, last_field: str) -> bytes:
    """The lowest position behind all keys that start with `key` and go on with another field."""
    if last_field not in _BUILT_IN:
        # What follows a field is the type tag of the next one, at most 0x15. Stepping to the next sibling of `key`
        # instead would take in "a\\0" (10 61 00 FF 00) with "a" (10 61 00): an escaped zero looks like an end.
        return key + b"\xff"
    # Without a successor it stands before or behind everything anyway.
    return after_prefix(key) or key


def _plain(field: str, value: Any) -> Any:
    return value if value is UNSET else normalize(plain_moment(value), path=f".{field}")


def _encode(field: str, value: Any, table: int) -> bytes:
    if field != "_id":
        return encode_key(_plain(field, value))
    # The key of a declared index ends in the raw id, which is shorter than its text.
    return _id_of(value, table)[1]


def _encode_built_in(field: str, value: Any, table: int) -> bytes:
    if field == "_id":
        return _id_of(value, table)[0].encode("ascii")
    return creation_bound(encode_key(_plain(field, value)))


def _id_of(value: Any, table: int) -> tuple[str, bytes]:
    """An id of `table` as its text and its 16 bytes: both are of the same order within one table."""
    if isinstance(value, str):
        try:
            number, document_id = decode_id(value)
        except ValueInvalidError:
            number, document_id = 0, b""
        if number == table:
            return value, document_id
    raise IndexInvalidError(f"a range on _id takes an id of this table, got {value!r}.")


def _sorted_conditions(
    index: str, fields: Sequence[str], conditions: Sequence[tuple[str, str, Any]]
) -> tuple[dict[str, Any], list[tuple[str, str, Any]]]:
    """Equalities by field, and the bounds on the one field behind them."""
    equal: dict[str, Any] = {}
    bounds: list[tuple[str, str, Any]] = []
    listed = f"[{', '.join(fields)}]"
    for operation, field, value in conditions:
        if field not in fields:
            raise IndexInvalidError(f'index "{index}" has no field "{field}"; its fields are {listed}.')
        if operation == "eq":
            if field in equal:
                raise IndexInvalidError(f'index "{index}": the field "{field}" already has an equality.')
            equal[field] = value
            continue
        is_lower = operation in _LOWER
        if len(bounds) == 2 or (bounds and "starts_with" in {operation, bounds[0][0]}):
            raise IndexInvalidError(f'index "{index}": both bounds are already defined, got {operation}("{field}").')
        if operation == "starts_with" and field in _BUILT_IN:
            raise IndexInvalidError(f'index "{index}": {field} does not begin with a text; use eq, gt, gte, lt or lte.')
        for other, other_field, _ in bounds:
            if other_field != field:
                raise IndexInvalidError(
                    f'index "{index}": bounds must be on one field, got {other}("{other_field}") and '
                    f'{operation}("{field}").'
                )
            if (other in _LOWER) == is_lower:
                side = "lower" if is_lower else "upper"
                raise IndexInvalidError(
                    f'index "{index}": the {side} bound of "{field}" is already defined by {other}.'
                )
        bounds.append((operation, field, value))
    asked = [field for _, field, _ in conditions]
    expected = list(fields[: len(equal)])
    wrong = next((field for field in equal if field not in expected), None)
    if wrong is None and bounds and bounds[0][1] != (fields[len(equal)] if len(equal) < len(fields) else None):
        wrong = bounds[0][1]
    if wrong is not None:
        raise IndexInvalidError(
            f'index "{index}": fields must be used in the order of the index, equalities first and at most one field '
            f"with bounds behind them. Index fields: {listed}. Query fields: [{', '.join(asked)}]. "
            f'First one out of order: "{wrong}".'
        )
    return equal, bounds
