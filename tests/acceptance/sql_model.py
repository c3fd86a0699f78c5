"""Tables with random schemas, what may be in them, and the answers to SQL by plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from nbconvex import Int64, v
from nbconvex.values.validators import Validator

Document = dict[str, Any]

NUMBERS = st.integers(-50, 50) | st.sampled_from([0.5, -0.0, 2.0])
TEXTS = st.sampled_from(["", "a", "A", "it's", "ä🎉", "a\0b", '"', "null", "[1]"])
INT64S = st.sampled_from([0, 1, -1, 2**53 + 1, -(2**63), 2**63 - 1]).map(Int64)
SCALARS = st.one_of(
    NUMBERS, TEXTS, INT64S, st.booleans(), st.just(None), st.binary(max_size=3), st.sampled_from([math.inf, -math.inf])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p", "q", "x y"]), inner, max_size=2),
    max_leaves=4,
)

#: What a field of a declared table may be: its validator, and what fits.
KINDS: list[tuple[Validator, st.SearchStrategy[Any]]] = [
    (v.number(), NUMBERS),
    (v.string(), TEXTS),
    (v.int64(), INT64S),
    (v.boolean(), st.booleans()),
    (v.bytes(), st.binary(max_size=3)),
    (v.any(), ANYTHING),
    (v.union(v.string(), v.null()), TEXTS | st.just(None)),
    (v.union(v.number(), v.string()), NUMBERS | TEXTS),
    (v.array(v.int64()), st.lists(INT64S, max_size=3)),
    (v.array(v.union(v.string(), v.null())), st.lists(TEXTS | st.just(None), max_size=3)),
    (v.record(v.string(), v.number()), st.dictionaries(st.sampled_from(["p", "q"]), NUMBERS, max_size=2)),
    (
        v.object({"p": v.int64(), "q": v.optional(v.array(v.number()))}),
        st.fixed_dictionaries({"p": INT64S}, optional={"q": st.lists(NUMBERS, max_size=2)}),
    ),
    (v.object({"p": v.any(), "P": v.number()}), st.fixed_dictionaries({"p": ANYTHING, "P": NUMBERS})),
]
#: Fields that differ in case only, that are words of SQL, that are called as another column would be; `n` and `k` are
#: asked about.
FIELDS = ("a", "A", "select", "a_2")


@dataclass(frozen=True)
class TableModel:
    """One table: its fields (None where nothing is declared) and documents that fit."""

    fields: dict[str, Validator] | None
    documents: st.SearchStrategy[Document]


#: `n` and `k` are in every document of every table, of types that can be summed and grouped.
ASKED = {"n": st.integers(-50, 50), "k": st.sampled_from(["x", "y", "z"])}


@st.composite
def table_models(draw: Any) -> TableModel:
    """A table with a schema, or without one."""
    if draw(st.booleans()):
        optional = dict.fromkeys(FIELDS, ANYTHING)
        return TableModel(None, st.fixed_dictionaries(ASKED, optional=optional))
    fields: dict[str, Validator] = {"n": v.number(), "k": v.string()}
    required, optional = dict(ASKED), {}
    for field in draw(st.lists(st.sampled_from(["a", "A", "select"]), unique=True)):
        validator, values = draw(st.sampled_from(KINDS))
        if draw(st.booleans()):
            fields[field], optional[field] = validator.optional(), values
        else:
            fields[field], required[field] = validator, values
    return TableModel(fields, st.fixed_dictionaries(required, optional=optional))


def column_names(model: TableModel, documents: list[Document]) -> dict[str, str]:
    """The column of each field, as the page about SQL says."""
    if model.fields is not None:
        fields = list(model.fields)
    else:
        fields = sorted({name for document in documents for name in document} - {"_id", "_creationTime"})
    names: dict[str, str] = {}
    for field in fields:
        name, number = field, 1
        while name.lower() in {each.lower() for each in names.values()}:
            number += 1
            name = f"{field}_{number}"
        names[field] = name
    return names


def is_same(expected: Any, found: Any) -> bool:
    """Whether SQL gave a value back; a field that is absent in a STRUCT is null there."""
    if type(expected) is dict:
        return type(found) is dict and all(is_same(expected.get(name), found.get(name)) for name in {*expected, *found})
    if type(expected) is list:
        return type(found) is list and len(expected) == len(found) and all(map(is_same, expected, found))
    if type(expected) is bool or type(found) is bool:
        return expected is found
    if type(expected) is Int64:
        return found is not None and int(found) == expected.value
    return bool(expected == found)


def grouped(documents: list[Document]) -> dict[str, tuple[int, float, float]]:
    """Count, sum and maximum of `n` by `k`."""
    by_kind = defaultdict(list)
    for document in documents:
        by_kind[document["k"]].append(document["n"])
    return {kind: (len(each), sum(each), max(each)) for kind, each in by_kind.items()}
