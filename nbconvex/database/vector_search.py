"""Searching by vector in a transaction: arguments checked, the search recorded as read.

Owns:  `vector_search`; what is said about wrong arguments.
Must not know: how vectors are kept; which kind of function asks.
Invariants:
- Own writes are seen. What is recorded as read is the index's keys of the whole table, or of the filter's values: a
  write that changes neither a vector nor a filter field concerns no search.
- The result is ids and scores: what a document says besides was not read.
Source: semantics 6.2, 14 row 18.
Threads: belongs to its transaction.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbconvex.database.vector_filter import conditions_of
from nbconvex.database.vector_index import VectorIndex
from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError
from nbconvex.values.codec import normalize

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table
    from nbconvex.database.transaction import Transaction

#: How many results there are unless the caller says. Source: semantics 6.2.
DEFAULT_LIMIT = 10
_HINT = 'ctx.vector_search("movies", "by_embedding", vector=[...], limit=10)'


def vector_search(
    transaction: Transaction,
    table: Any,
    index: Any,
    vector: Any,
    *,
    limit: Any = DEFAULT_LIMIT,
    filter: Callable[..., Any] | None = None,
    min_score: Any = None,
    maximum: tuple[str, int],
) -> list[dict[str, Any]]:
    """`{"_id", "_score"}` of the documents whose vectors point most nearly where `vector` points, best first.

    `maximum` is the limit that binds `limit`: its name and number.
    Raises:  CallerError, IndexInvalidError, LimitExceededError, ValueInvalidError.
    """
    transaction.metrics.charge_query()
    for name, given in (("table", table), ("index", index)):
        if not isinstance(given, str):
            raise CallerError(
                f"vector_search: the {name} is named by a string, got {type(given).__name__}.", hint=_HINT
            )
    state = transaction.table(table)
    found = _index(transaction, state, table, index)
    place = f"{table}.{index}"
    plain = _vector(vector, place, found.definition.dimensions)
    count = _count(limit, maximum)
    lowest = _lowest(min_score)
    conditions = None
    if filter is not None:
        schema = transaction.snapshot.schema
        conditions = conditions_of(
            filter, place, found.definition.filter_fields,
            int64_fields=frozenset() if schema is None else schema.int64_fields.get(table, frozenset()),
            maximum=transaction.limits.vector_conditions,
        )  # fmt: skip
    assert state is not None, "an index has a table"
    for low, high in found.intervals(conditions):
        transaction.reads.add_interval(state.number, index, low, high)
    snapshot = transaction.snapshot
    committed = snapshot.tables.get(state.number, state).documents
    nearest = found.nearest(
        plain, count, committed=(committed, snapshot.ts), seen=state.documents, conditions=conditions, min_score=lowest
    )
    return [{"_id": document_id, "_score": score} for document_id, score in nearest]


def _index(transaction: Transaction, state: Table | None, table: str, name: str) -> VectorIndex:
    content = {} if state is None else state.content
    index = content.get(name)
    if not isinstance(index, VectorIndex):
        known = [each for each, other in content.items() if isinstance(other, VectorIndex)]
        close = difflib.get_close_matches(name, known, 1)
        guess = f' Did you mean "{close[0]}"?' if close else ""
        listed = f'Vector indexes of "{table}": {", ".join(known)}.' if known else f'"{table}" has no vector index.'
        other = ""
        if state is not None and (name in state.indexes or index is not None):
            other = " There is an index of that name, which is of another kind."
        raise IndexInvalidError(
            f"Vector index {table}.{name} not found.{other}{guess} {listed}",
            hint=f'{table} = table({{...}}).vector_index("{name}", vector_field="embedding", dimensions=384)   '
            "in the %%schema cell",
        )
    if index.definition.staged:
        raise IndexInvalidError(
            f"Vector index {table}.{name} is currently staged and not available to query. "
            "Remove staged=True from the schema to enable it."
        )
    return index


def _vector(vector: Any, place: str, dimensions: int) -> list[float]:
    if isinstance(vector, dict):
        raise CallerError("vector_search takes its options by name, not as a dict.", hint=_HINT)
    plain = normalize(vector, path="vector")
    if type(plain) is not list:
        raise CallerError(f"the vector of a search is a list of numbers, got {type(vector).__name__}.", hint=_HINT)
    if not plain:
        raise CallerError(
            f'the vector of a search must be non-empty: vector index "{place}" has {dimensions:,} dimensions.'
        )
    if len(plain) != dimensions:
        raise CallerError(
            f'vector index "{place}" has {dimensions:,} dimensions, but the vector of this search has {len(plain):,}. '
            "Vectors that are compared come from the same model."
        )
    for position, number in enumerate(plain):
        if type(number) is not float and type(number) is not int:
            raise CallerError(f"the vector of a search is made of numbers, got {number!r:.60} at position {position}.")
        if not math.isfinite(number):
            raise CallerError(f"the vector of a search has {number} at position {position}, which has no direction.")
    return plain


def _count(limit: Any, maximum: tuple[str, int]) -> int:
    plain = normalize(limit, path="limit")
    if type(plain) is float and plain.is_integer():
        plain = int(plain)
    name, highest = maximum
    if type(plain) is not int or plain < 1:
        raise CallerError(f"the limit of a vector search is a whole number from 1 to {highest:,}, got {limit!r:.60}.")
    if plain > highest:
        raise LimitExceededError(
            name, f"a vector search gives at most {highest:,} results, {plain:,} were asked for",
            maximum=highest, actual=plain,
            cure="Narrow it with filter=." if name != "vector_results" else "A query may ask for more.",
        )  # fmt: skip
    return plain


def _lowest(min_score: Any) -> float | None:
    if min_score is None:
        return None
    plain = normalize(min_score, path="min_score")
    if (type(plain) is not float and type(plain) is not int) or math.isnan(plain):
        raise CallerError(f"min_score is a number between -1 and 1, got {min_score!r:.60}.")
    return float(plain)
