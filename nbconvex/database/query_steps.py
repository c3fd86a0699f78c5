"""The steps of a query by name, and what is said of one that it does not have.

Owns:  the words for the same step elsewhere: in SQL, pandas, Django, SQLAlchemy and JavaScript.
Must not know: what a step does.
Threads: any.
"""

from __future__ import annotations

import difflib
from typing import Final

from nbconvex.errors import CallerError

CONSUMERS: Final = ".collect(), .take(n), .first() or .unique()"
STEPS: Final = (
    "with_index", "with_search_index", "full_table_scan", "order", "filter", "select", "collect", "take", "first",
    "unique", "at", "page", "paginate", "count", "sum", "avg", "min", "max", "aggregate",
)  # fmt: skip
_BY_FIELD: Final = '.with_index("by_field").order("desc")   with   .index("by_field", ["field"])   in the %%schema cell'
_ELSEWHERE: Final = {
    **dict.fromkeys(("limit", "head", "top", "slice"), ".take(n)"),
    **dict.fromkeys(("all", "to_list", "fetch", "fetchall", "execute", "get"), ".collect()"),
    **dict.fromkeys(("one", "one_or_none", "scalar"), ".unique()"),
    **dict.fromkeys(("where", "filter_by", "find"), '.filter(lambda document: document["field"] == value)'),
    **dict.fromkeys(("order_by", "sort", "sort_by", "sort_values", "sorted"), _BY_FIELD),
    **dict.fromkeys(("length", "len", "size"), ".count()"),
    **dict.fromkeys(("map", "apply"), "[... for document in ctx.db.query(...)]"),
}


def no_such_step(name: str) -> CallerError:
    """For `.withIndex`, `.limit(10)` and names that do not exist at all."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    hint = _ELSEWHERE.get(snake)
    if hint is None:
        close = [snake] if snake in STEPS else difflib.get_close_matches(snake, STEPS, 1)
        hint = f".{close[0]}(...)" if close else None
    return CallerError(f"a query has no .{name}. It has {', '.join(STEPS)}.", hint=hint)
