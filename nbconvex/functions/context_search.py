"""`ctx.vector_search(...)`, in every kind of function.

Owns:  what differs between the kinds: how many results there may be, on which snapshot, whether it is awaited.
Must not know: how a search is made.
Invariants: in queries and mutations a search is a part of the transaction; in an action it is a look at the newest
durable snapshot, and what is read later may already be another.
Source: semantics 6.2, 1.2.
Threads: belongs to its run.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nbconvex.database.vector_search import vector_search
from nbconvex.functions.action_calls import outside_call

if TYPE_CHECKING:
    from nbconvex.functions.run import Run


def search(run: Run, table: Any, index: Any, vector: Any, options: dict[str, Any]) -> Any:
    """The nearest documents; in an `async def` action what gives them when it is awaited."""
    __tracebackhide__ = True
    limits = run.runner.limits
    if run.tx is not None:
        maximum = ("vector_results_in_transaction", limits.vector_results_in_transaction)
        return vector_search(run.tx, table, index, vector, maximum=maximum, **options)
    maximum = ("vector_results", limits.vector_results)
    tx = run.runner.database.begin(writable=False, reader=run.path)
    job = partial(vector_search, tx, table, index, vector, maximum=maximum, **options)
    return outside_call(run, "ctx.vector_search(...)", job)
