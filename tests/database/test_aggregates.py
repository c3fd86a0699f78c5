"""Sums, means, ends and groups: against naive Python, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.errors import CallerError, LimitExceededError
from nbconvex.limits import Limits
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key, equal_values
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, read, write

SCHEMA = define_schema({
    "t": table(v.any()).index("by_n", ["n"]).index("by_kind_n", ["kind", "n"]),
    "books": table({
        "title": v.string(), "pages": v.optional(v.nullable(v.number())), "sold": v.int64(),
        "by": v.object({"a": v.any()}),
    }),
})  # fmt: skip


def open_with(*documents: dict[str, Any]) -> Database:
    database = open_database(schema=SCHEMA)
    insert_all(database, "t", documents)
    return database


def of(documents: list[dict[str, Any]], function: str, field: str = "n") -> Any:
    return read(open_with(*documents), lambda tx: getattr(tx.query("t"), function)(field))


# -- against naive Python --------------------------------------------------------------------------------------------

_numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
_missing = st.sampled_from([None, UNSET])


def _documents(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries({"kind": st.sampled_from(["a", "b"]), "n": values}), max_size=12)


def present(documents: list[dict[str, Any]]) -> list[Any]:
    return [each["n"] for each in documents if each["n"] is not UNSET and each["n"] is not None]


@given(_documents(st.one_of(_numbers, _missing)))
def test_a_sum_is_the_exact_sum_rounded_once(documents: list[dict[str, Any]]) -> None:
    values = present(documents)
    exact = sum(map(Fraction, values), Fraction(0))
    try:
        expected: float = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    found = of(documents, "sum")
    assert found == expected
    if values and all(type(each) is int for each in values) and abs(exact) <= 2**53:
        assert type(found) is int
    mean = of(documents, "avg")
    if not values:
        assert mean is None
    else:
        assert mean == pytest.approx(float(exact / len(values)), rel=1e-15)


_anything = st.one_of(_numbers, _missing, st.text(max_size=3), st.booleans(), st.just(math.nan),
                      st.integers(-9, 9).map(Int64), st.lists(st.integers(0, 3), max_size=2))  # fmt: skip


@given(_documents(_anything), st.sampled_from(["t", "by_n", "by_kind_n"]), st.booleans(), st.booleans())
def test_the_ends_are_those_of_the_order_of_all_values(
    documents: list[dict[str, Any]], index: str, is_bound: bool, has_filter: bool
) -> None:
    """By an index, whose end is read, and without one; with bounds, with a filter, and with documents not committed."""
    database = open_database(schema=SCHEMA)
    insert_all(database, "t", documents[: len(documents) // 2])
    fitting = documents
    if index == "by_kind_n":
        fitting = [each for each in fitting if each["kind"] == "a"]
    if is_bound and index != "t":
        fitting = [each for each in fitting if encode_key(each["n"]) < encode_key(5)]
    if has_filter:
        fitting = [each for each in fitting if each["kind"] == "b"]

    def asked(tx: Any) -> Any:
        query = tx.query("t")
        if index == "by_n":
            query = query.with_index("by_n", lambda q: q.lt("n", 5) if is_bound else q)
        if index == "by_kind_n":
            query = query.with_index(
                "by_kind_n", lambda q: q.eq("kind", "a").lt("n", 5) if is_bound else q.eq("kind", "a")
            )
        return query.filter(lambda q: q.eq(q.field("kind"), "b")) if has_filter else query

    def run(tx: Any) -> tuple[Any, Any, Any]:
        for document in documents[len(documents) // 2 :]:
            tx.insert("t", document)
        return asked(tx).min("n"), asked(tx).max("n"), asked(tx).aggregate(n=("n", "count"))

    least, greatest, counted = write(database, run)
    values = sorted(present(fitting), key=encode_key)
    assert counted == {"n": len(values)}
    assert equal_values([least, greatest], [values[0], values[-1]] if values else [None, None])


@given(_documents(st.one_of(st.integers(-5, 5), _missing)), st.sampled_from(["kind", "n", ["kind", "n"]]))
def test_groups_are_those_of_naive_python(documents: list[dict[str, Any]], by: Any) -> None:
    fields = [by] if isinstance(by, str) else by
    groups: dict[bytes, list[dict[str, Any]]] = {}
    for each in documents:
        groups.setdefault(encode_key([each[field] for field in fields if each[field] is not UNSET]), []).append(each)
    rows = read(
        open_with(*documents),
        lambda tx: tx.query("t").aggregate(by=by, documents="count", total=("n", "sum"), least=("n", "min")),
    )
    expected = [
        {
            **{field: group[0][field] for field in fields if group[0][field] is not UNSET},
            "documents": len(group), "total": sum(present(group)), "least": min(present(group), default=None),
        }
        for group in groups.values()
    ]  # fmt: skip
    order = lambda row: [encode_key(row.get(field, UNSET)) for field in fields]  # noqa: E731
    assert rows == sorted(expected, key=order)


# -- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {"sum": 0, "avg": None, "min": None, "max": None}),
        ([None, UNSET], {"sum": 0, "avg": None, "min": None, "max": None}),
        ([1, None, 2, UNSET], {"sum": 3, "avg": 1.5, "min": 1, "max": 2}),
        ([0.1] * 10, {"sum": 1.0, "avg": 0.1}),
        ([2**53, 1], {"sum": float(2**53), "avg": (2**53 + 1) / 2}),
        ([Int64(2**62), Int64(2**61)], {"sum": Int64(2**62 + 2**61), "avg": float(2**61 + 2**60)}),
        ([1.0, math.nan], {"sum": math.nan, "avg": math.nan, "min": 1.0, "max": math.nan}),
        ([math.inf, -math.inf], {"sum": math.nan, "min": -math.inf, "max": math.inf}),
        ([1e308, 1e308], {"sum": math.inf, "avg": 1e308}),
        ([1e308, 1e308, -1e308], {"sum": 1e308}),
        (["b", "a"], {"min": "a", "max": "b"}),
        (["a", 5, Int64(7), True], {"min": Int64(7), "max": "a"}),
    ],
    ids=repr,
)
def test_what_comes_of_values_that_are_not_all_numbers(values: list[Any], expected: dict[str, Any]) -> None:
    documents = [{"n": value} for value in values]
    for function, result in expected.items():
        found = of(documents, function)
        assert equal_values(found, result), (function, found)
        assert type(found) is type(result)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, "2"], r'only numbers can be added, but document \w{32} of "t" has the text \'2\' there(.|\n)*float\(each'),
        ([True], "has the boolean True there"),
        ([[1]], "the list"),
        ([1, Int64(1)], r"document \w{32} of .t. has 1 there and document \w{32} has Int64\(1\)(.|\n)*v.int64"),
    ],
)
@pytest.mark.parametrize("function", ["sum", "avg"])
def test_what_cannot_be_added_is_named(values: list[Any], words: str, function: str) -> None:
    with pytest.raises(CallerError, match=words):
        of([{"n": value} for value in values], function)


def test_an_int64_sum_beyond_64_bits_is_refused() -> None:
    with pytest.raises(CallerError, match="beyond 64 bits"):
        of([{"n": Int64(2**62)}, {"n": Int64(2**62)}], "sum")


def test_the_schema_decides_which_zero_a_sum_of_nothing_is() -> None:
    database = open_database(schema=SCHEMA)
    assert read(database, lambda tx: tx.query("books").sum("pages")) == 0
    nothing = read(database, lambda tx: tx.query("books").sum("sold"))
    assert type(nothing) is Int64
    assert nothing == 0


def test_a_table_that_does_not_exist_has_no_sum_and_no_end() -> None:
    database = open_database()
    found = read(database, lambda tx: [getattr(tx.query("none"), each)("n") for each in ("sum", "avg", "min", "max")])
    assert found == [0, None, None, None]
    assert read(database, lambda tx: tx.query("none").aggregate(by="kind", n="count")) == []


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda q: q.sum("titel"), r'no field "titel". Did you mean "title"\?'),
        (lambda q: q.sum("title.x"), 'no field "title.x"'),
        (lambda q: q.min(5), "takes names of fields"),
        (lambda q: q.aggregate(), "a name for each number"),
        (lambda q: q.aggregate(n=("sum", "pages")), r'n=\("pages", "sum"\)'),
        (lambda q: q.aggregate(n=("pages", "summ")), r'n=\("pages", "sum"\)'),
        (lambda q: q.aggregate(n="sum"), "one of count, sum, avg, min, max"),
        (lambda q: q.aggregate(by="writer", n="count"), 'no field "writer"'),
        (lambda q: q.aggregat(n="count"), r"\.aggregate\(\.\.\.\)"),
    ],
)
def test_a_wrong_question_is_explained(ask: Any, words: str) -> None:
    with pytest.raises(CallerError, match=words):
        read(open_database(schema=SCHEMA), lambda tx: ask(tx.query("books")))


def test_fields_inside_of_objects_that_the_schema_does_not_know_are_no_mistakes() -> None:
    database = open_database(schema=SCHEMA)
    write(database, lambda tx: tx.insert("books", {"title": "x", "sold": 5, "by": {"a": {"born": 1920}}}))
    assert read(database, lambda tx: tx.query("books").max("by.a.born")) == 1920


# -- what is read ----------------------------------------------------------------------------------------------------


def test_a_count_of_a_range_reads_no_document_and_an_end_reads_one() -> None:
    database = open_with(*({"n": n, "kind": "a"} for n in range(100)))
    for ask, documents in (
        (lambda q: q.with_index("by_n", lambda q: q.gte("n", 10)).count(), 0),
        (lambda q: q.with_index("by_n").max("n"), 1),
        (lambda q: q.with_index("by_kind_n", kind="a").min("n"), 1),
        (lambda q: q.max("_creationTime"), 1),
        (lambda q: q.with_index("by_n", lambda q: q.gte("n", 90)).sum("n"), 10),
        (lambda q: q.min("n"), 100),
    ):
        transaction = database.begin(writable=False)
        ask(transaction.query("t"))
        assert transaction.metrics.documents_read == documents
        assert transaction.metrics.database_queries == 1


def test_a_sum_is_held_to_the_limits_of_what_may_be_read() -> None:
    database = open_database(schema=SCHEMA, limits=Limits(documents_read=50))
    insert_all(database, "t", [{"n": n} for n in range(100)])
    assert read(database, lambda tx: tx.query("t").count()) == 100
    with pytest.raises(LimitExceededError, match="Scanned too many"):
        read(database, lambda tx: tx.query("t").sum("n"))


def test_an_aggregate_uses_its_query_up() -> None:
    database = open_with({"n": 1})
    query = database.begin(writable=False).query("t")
    assert query.sum("n") == 1
    with pytest.raises(CallerError, match="single-use"):
        query.max("n")
