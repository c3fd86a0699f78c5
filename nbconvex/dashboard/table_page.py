"""One page of a table's documents: which conditions, through which index, in which order.

Owns:  `Condition`, `read_conditions`, `plan_of`, `page_of`.
Must not know: pages in a browser; how a document is shown or changed.
Invariants: an index is used where one helps, and what it cannot say is looked for in the documents, of which one page
looks at `LOOKED_AT_MAX` at most and then says where to go on. A comparison holds of values of the same type only: what
is less than 5 is a number.
Threads: pure functions over a transaction that belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nbconvex.dashboard.asked import VALUE_MAX, text_in
from nbconvex.errors import CallerError
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Int64
from nbconvex.values.spelling import read_spelled
from nbconvex.values.validators import Validator, v

if TYPE_CHECKING:
    from nbconvex.database.query import Query
    from nbconvex.database.snapshot import Table
    from nbconvex.database.transaction import Transaction

#: Documents that one page looks at to find those that fit: a moment's work.
LOOKED_AT_MAX: Final = 20_000
#: Bytes of the documents that one page looks at.
LOOKED_AT_BYTES_MAX: Final = 8 * 1024 * 1024
CONDITIONS_MAX: Final = 10

BY_CREATION_TIME: Final = "by_creation_time"
BY_ID: Final = "by_id"

#: The comparisons, with what people call them; those in the last line take no value.
COMPARISONS: Final[Mapping[str, str]] = {
    "eq": "is", "neq": "is not", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥", "starts_with": "begins with",
    "contains": "contains",
    "exists": "is there", "absent": "is absent",
}  # fmt: skip
_LOWER: Final = frozenset({"gt", "gte"})
_UPPER: Final = frozenset({"lt", "lte"})


class Bound(NamedTuple):
    """One end of an interval of values."""

    operation: str
    value: Any


#: Where the values of a type begin and end in the order of all values. Source: semantics 3.8.
_ENDS: Final[Mapping[type, tuple[Bound, Bound]]] = {
    Int64: (Bound("gte", Int64(INT64_MIN)), Bound("lte", Int64(INT64_MAX))),
    float: (Bound("gt", Int64(INT64_MAX)), Bound("lt", False)),
    bool: (Bound("gte", False), Bound("lte", True)),
    str: (Bound("gte", ""), Bound("lt", b"")),
    bytes: (Bound("gte", b""), Bound("lt", [])),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of one field."""

    field: str
    comparison: str
    value: Any = None

    @property
    def ends(self) -> tuple[Bound, Bound] | None:
        """The ends of its values' type, for a comparison that has a side; None for others."""
        if self.comparison not in _LOWER | _UPPER:
            return None
        kind = float if isinstance(self.value, (int, float, datetime)) and not isinstance(self.value, bool) else None
        return _ENDS.get(kind or type(self.value))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a page is found: the range of an index, and what is then asked of each document."""

    index: str
    ranged: tuple[tuple[str, str, Any], ...] = ()
    rest: tuple[Condition, ...] = ()


def read_conditions(given: Sequence[Any], validator: Validator | None) -> list[Condition]:
    """The conditions that a page has sent: `{field, comparison, value}`, the value as people write it.

    Raises:  CallerError, ValueInvalidError.
    """
    if len(given) > CONDITIONS_MAX:
        raise CallerError(f"{len(given)} conditions are too many; at most {CONDITIONS_MAX}.")
    found = []
    for each in given:
        if not isinstance(each, Mapping):
            raise CallerError(f"a condition is an object, got {type(each).__name__}.")
        field, comparison = text_in(each, "field").strip(), text_in(each, "comparison")
        if comparison not in COMPARISONS:
            raise CallerError(f"there is no comparison {comparison[:50]!r}. There are {', '.join(COMPARISONS)}.")
        if not field:
            raise CallerError("a condition needs the name of a field.")
        value = None
        if comparison not in {"exists", "absent"}:
            value = _value(field, text_in(each, "value", characters_max=VALUE_MAX), validator)
            if comparison == "starts_with" and not isinstance(value, str):
                raise CallerError(f'"begins with" is for texts, and {value!r} is none.', hint=f'"{value}"')
        found.append(Condition(field, comparison, value))
    return found


def _value(field: str, text: str, validator: Validator | None) -> Any:
    if field == "_creationTime":
        return read_spelled(text, v.datetime())
    return text.strip() if field == "_id" else read_spelled(text, validator, field)


def plan_of(table: Table, conditions: Sequence[Condition], order: str = "") -> Plan:
    """How to find what fits: through the index `order`, or through the one that narrows it down best."""
    names = [order] if order else [*(name for name, each in table.indexes.items() if not each.is_staged), BY_ID]
    plans = [_through(name, _fields(table, name), conditions) for name in names]
    # The first of the best: the order of creation where nothing helps.
    return max(plans, key=lambda plan: _worth(plan.ranged))


def _fields(table: Table, index: str) -> tuple[str, ...]:
    if index == BY_ID:
        return ("_id",)
    if index == BY_CREATION_TIME:
        return ("_creationTime",)
    found = table.indexes.get(index)
    if found is None or found.is_staged:
        raise CallerError(f'the table "{table.name}" has no index "{index}" to go by.')
    return found.fields


def _worth(ranged: Sequence[tuple[str, str, Any]]) -> tuple[int, int]:
    return sum(each[0] == "eq" for each in ranged), len(ranged)


def _through(index: str, fields: Sequence[str], conditions: Sequence[Condition]) -> Plan:
    ranged: list[tuple[str, str, Any]] = []
    left = list(conditions)
    for field in fields:
        equal = next((each for each in left if each.field == field and each.comparison in {"eq", "absent"}), None)
        if equal is not None:
            left.remove(equal)
            ranged.append(("eq", field, UNSET if equal.comparison == "absent" else equal.value))
            continue
        if index != BY_ID:
            ranged.extend(_bounds(field, left))
        break
    return Plan(index, tuple(ranged), tuple(left))


def _bounds(field: str, left: list[Condition]) -> list[tuple[str, str, Any]]:
    """The bounds on one field that an index can keep; takes what they say from `left`."""
    begins = next((each for each in left if each.field == field and each.comparison == "starts_with"), None)
    if begins is not None:
        left.remove(begins)
        return [("starts_with", field, begins.value)]
    first = next((each for each in left if each.field == field and each.ends is not None), None)
    if first is None:
        return []
    ends = first.ends
    assert ends is not None, first
    found = []
    for side, end in zip((_LOWER, _UPPER), ends, strict=True):
        # Bounds of two types let nothing through, which the one that is left over then finds out.
        given = next(
            (each for each in left if each.field == field and each.comparison in side and each.ends == ends), None
        )
        if given is not None:
            left.remove(given)
        found.append((end.operation, field, end.value) if given is None else (given.comparison, field, given.value))
    return found


def page_of(
    tx: Transaction, table: str, plan: Plan, *, is_descending: bool, cursor: str | None, rows: int
) -> dict[str, Any]:
    """A page as `paginate` gives it, with `looked_at` documents, and `found`, how many there are in all if that is
    known without looking.

    Raises:  CursorInvalidError; IndexInvalidError for an id that is none of this table.
    """
    is_system = table.startswith("_")
    query = _ranged(tx.query(table, system=is_system), plan)
    for condition in plan.rest:
        query = query.filter(_filter_of(condition))
    before = tx.metrics.documents_read
    page = query.order("desc" if is_descending else "asc").paginate(
        num_items=rows, cursor=cursor, maximum_rows_read=LOOKED_AT_MAX, maximum_bytes_read=LOOKED_AT_BYTES_MAX
    )
    page["looked_at"] = tx.metrics.documents_read - before
    page["found"] = None if plan.rest else _ranged(tx.query(table, system=is_system), plan).count()
    return page


def _ranged(query: Query, plan: Plan) -> Query:
    if plan.index == BY_CREATION_TIME and not plan.ranged:
        return query.full_table_scan()

    def range_of(q: Any) -> Any:
        for operation, field, value in plan.ranged:
            q = getattr(q, operation)(field, value)
        return q

    return query.with_index(plan.index, range_of)


def _filter_of(condition: Condition) -> Callable[[Any], Any]:
    def holds(q: Any) -> Any:
        field = q.field(condition.field)
        if condition.comparison in {"exists", "absent"}:
            return (q.neq if condition.comparison == "exists" else q.eq)(field, UNSET)
        asked = getattr(q, condition.comparison)(field, condition.value)
        ends = condition.ends
        return asked if ends is None else q.and_(asked, *(getattr(q, end.operation)(field, end.value) for end in ends))

    return holds
