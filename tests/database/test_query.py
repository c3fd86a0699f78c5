"""The query chain: what it finds, in which order, what it counts as read, and how it is misused."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nbconvex.database.database import Database
from nbconvex.database.query import Query
from nbconvex.database.transaction import Transaction
from nbconvex.errors import CallerError, IndexInvalidError
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read

SCHEMA = define_schema({"t": table(v.any()).index("by_x", ["x"]).index("by_xy", ["x", "y"]), "log": table(v.any())})
Read = Callable[[Transaction], Any]


def open_with(*documents: dict[str, Any]) -> Database:
    database = open_database(schema=SCHEMA)
    insert_all(database, "t", documents)
    return database


def xs(found: list[dict[str, Any]]) -> list[Any]:
    return [each.get("x", "absent") for each in found]


# -- what is found -------------------------------------------------------------------------------------------------


@pytest.mark.case("db-read/collect_order", "db-read/count")
def test_documents_come_in_the_order_of_their_creation() -> None:
    database = open_with({"x": 2}, {"x": 1})
    assert read(database, lambda tx: xs(tx.query("t").collect())) == [2, 1]
    assert read(database, lambda tx: xs(tx.query("t").order("desc").collect())) == [1, 2]
    assert read(database, lambda tx: xs(tx.query("t").full_table_scan().order("asc").collect())) == [2, 1]
    assert read(database, lambda tx: tx.query("t").count()) == 2


@dataclass(frozen=True)
class Taken:
    name: str
    run: Callable[[Query], Any]
    found: Any


TEN = [{"x": x} for x in range(10)]


@pytest.mark.parametrize(
    "case",
    [
        Taken("take", lambda q: xs(q.take(3)), [0, 1, 2]),
        Taken("take nothing", lambda q: q.take(0), []),
        Taken("take more than there is", lambda q: xs(q.take(99)), list(range(10))),
        Taken("take from the end", lambda q: xs(q.order("desc").take(2)), [9, 8]),
        Taken("first", lambda q: q.first()["x"], 0),
        Taken("last", lambda q: q.order("desc").first()["x"], 9),
        Taken("iterate", lambda q: xs(list(q)), list(range(10))),
        Taken("range", lambda q: xs(q.with_index("by_x", lambda r: r.gte("x", 3).lt("x", 6)).collect()), [3, 4, 5]),
        Taken(
            "range from its end",
            lambda q: xs(q.with_index("by_x", lambda r: r.gte("x", 3).lt("x", 6)).order("desc").take(2)),
            [5, 4],
        ),
        Taken("named equality", lambda q: xs(q.with_index("by_x", x=4.0).collect()), [4]),
        Taken("whole index", lambda q: xs(q.with_index("by_x").order("desc").collect()), list(range(9, -1, -1))),
        Taken("count of a range", lambda q: q.with_index("by_x", lambda r: r.gt("x", 6)).count(), 3),
        Taken("count with a filter", lambda q: q.filter(lambda d: d["x"] % 2 == 0).count(), 5),
        Taken("filter and take", lambda q: xs(q.filter(lambda d: d["x"] % 2 == 0).take(2)), [0, 2]),
        Taken("take that ends in the middle", lambda q: xs(q.with_index("by_x", x=4).take(5)), [4]),
    ],
)
def test_a_query_gives(case: Taken) -> None:
    assert case.run(open_with(*TEN).begin(writable=False).query("t")) == case.found


@pytest.mark.case("db-read/first_empty", "db-read/missing_table", "db-read/unique_none")
@pytest.mark.parametrize("name", ["t", "no_such_table"])
def test_an_empty_and_a_missing_table_answer_alike(name: str) -> None:
    database = open_with()
    run: list[tuple[Callable[[Query], Any], Any]] = [
        (lambda q: q.collect(), []),
        (lambda q: q.first(), None),
        (lambda q: q.unique(), None),
        (lambda q: q.take(3), []),
        (lambda q: q.count(), 0),
        (lambda q: list(q), []),
        (lambda q: q.paginate(num_items=1)["page"], []),
        (lambda q: q.paginate(num_items=1)["isDone"], True),
    ]
    for consume, expected in run:
        assert read(database, lambda tx, consume=consume: consume(tx.query(name))) == expected


@pytest.mark.case("db-read/unique_one", "db-read/unique_none")
def test_unique_gives_the_only_document_or_none() -> None:
    database = open_with({"x": 1}, {"x": 2})
    only = read(database, lambda tx: tx.query("t").with_index("by_x", x=2).unique())
    assert bare(only) == {"x": 2}
    assert read(database, lambda tx: tx.query("t").filter(lambda q: q.eq(q.field("x"), 3)).unique()) is None


def test_unique_names_the_documents_where_there_are_several() -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "t", [{"x": 1}] * 3)
    with pytest.raises(CallerError, match="more than one") as raised:
        read(database, lambda tx: tx.query("t").unique())
    assert ids[0] in str(raised.value)
    assert ids[1] in str(raised.value)
    assert '"t"' in str(raised.value)


@pytest.mark.case("db-read/take_negative")
@pytest.mark.parametrize("count", [-1, 1.5, "3", True, None, math.nan])
def test_take_takes_a_number_of_documents(count: Any) -> None:
    with pytest.raises(CallerError, match="non-negative integer"):
        read(open_with(), lambda tx: tx.query("t").take(count))


@pytest.mark.case("db-read/filter_then_first")
def test_the_first_that_passes_a_filter_ends_the_scan() -> None:
    database = open_with(*[{"x": x} for x in range(1, 21)])
    transaction = database.begin(writable=False)
    found = transaction.query("t").filter(lambda q: q.eq(q.field("x"), 10)).first()
    assert (bare(found), transaction.metrics.documents_read) == ({"x": 10}, 10)


@pytest.mark.case("db-read/async_iteration_break")
def test_a_loop_that_is_left_early_leaves_the_rest_unread() -> None:
    database = open_with(*[{"x": x} for x in range(100)])
    transaction = database.begin(writable=False)

    async def three() -> list[int]:
        found = []
        async for document in transaction.query("t"):
            found.append(document["x"])
            if len(found) == 3:
                break
        return found

    assert asyncio.run(three()) == [0, 1, 2]
    assert transaction.metrics.documents_read == 3
    again = database.begin(writable=False)
    assert xs(list(itertools.islice(again.query("t"), 3))) == [0, 1, 2]
    assert again.metrics.documents_read == 3


@pytest.mark.case("values/returned_document_is_copy")
def test_changing_what_was_read_does_nothing_to_the_store() -> None:
    database = open_with({"x": {"deep": [1]}})
    transaction = database.begin(writable=False)
    for run in (lambda: transaction.query("t").first(), lambda: transaction.query("t").collect()[0]):
        document = run()
        document["x"]["deep"].append(2)
        document["new"] = 1
    assert bare(transaction.query("t").first()) == {"x": {"deep": [1]}}


# -- order -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ordered:
    name: str
    ascending: list[Any]


NAN_NEGATIVE = -math.nan if math.copysign(1, math.nan) > 0 else math.nan


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Ordered("int64", [Int64(10**9), -1e300]), marks=pytest.mark.case("ordering/int64_below_floats")),
        pytest.param(
            Ordered("numbers", [NAN_NEGATIVE, -math.inf, -1, -0.0, 0.0, 1, math.inf, -NAN_NEGATIVE]),
            marks=pytest.mark.case("ordering/float_total_order"),
        ),
        pytest.param(
            Ordered("text", ["\ufffd", "\U00010000"]), marks=pytest.mark.case("ordering/string_code_point_order")
        ),
        pytest.param(Ordered("prefixes", ["a", "ab", "b"]), marks=pytest.mark.case("ordering/string_prefix_first")),
        pytest.param(Ordered("nul", ["a", "a\0", "a\0b", "aa"]), marks=pytest.mark.case("ordering/string_nul")),
        pytest.param(Ordered("bytes", [b"\1", b"\1\0", b"\2"]), marks=pytest.mark.case("ordering/bytes_order")),
        pytest.param(
            Ordered("arrays", [[], [None], [1.0], [1.0, 2.0], [2.0]]), marks=pytest.mark.case("ordering/array_order")
        ),
        pytest.param(
            Ordered("objects", [{}, {"a": 1}, {"a": 1, "b": 1}, {"a": 2}, {"b": 0}]),
            marks=pytest.mark.case("ordering/object_order"),
        ),
        pytest.param(Ordered("booleans", [False, True]), marks=pytest.mark.case("ordering/bool_order")),
        Ordered("int64 by value", [Int64(n) for n in (-(2**63), -32_769, -129, -1, 0, 1, 128, 32_768, 2**63 - 1)]),
    ],
)
def test_an_index_orders(case: Ordered) -> None:
    documents = [{"x": x} for x in case.ascending]
    database = open_with(*documents[::2], *documents[1::2])
    for order, expected in (("asc", case.ascending), ("desc", case.ascending[::-1])):
        found = read(database, lambda tx, order=order: xs(tx.query("t").with_index("by_x").order(order).collect()))
        assert [encode_key(each) for each in found] == [encode_key(each) for each in expected]


@pytest.mark.case("ordering/cross_type_desc")
def test_an_int_in_a_range_is_a_64_bit_integer_where_the_schema_says_that_the_field_is() -> None:
    fields = {
        "n": v.int64(),
        "maybe": v.optional(v.int64()),
        "null": v.nullable(v.int64()),
        "deep": v.object({"n": v.int64()}),
        "number": v.number(),
        "either": v.union(v.int64(), v.number()),
    }
    paths = ["n", "maybe", "null", "deep.n", "number", "either"]
    definition = table(fields)
    for path in paths:
        definition = definition.index(f"by_{path.replace('.', '_')}", [path])
    database = open_database(schema=define_schema({"t": definition}))
    document = {"n": 5, "maybe": 5, "null": 5, "deep": {"n": 5}, "number": 5, "either": 5}
    insert_all(database, "t", [document, {**document, "either": Int64(5)}])

    def found(path: str, value: Any) -> list[int]:
        index = f"by_{path.replace('.', '_')}"
        return [
            read(database, lambda tx: tx.query("t").with_index(index, **{path: value}).count()),
            read(
                database, lambda tx: tx.query("t").with_index(index, lambda q: q.gt(path, 4).lte(path, value)).count()
            ),
        ]

    assert {path: found(path, 5) for path in paths} == {path: [2, 2] for path in paths} | {"either": [1, 1]}
    assert found("n", Int64(5)) == [2, 2]
    assert read(database, lambda tx: tx.query("t").with_index("by_null", null=None).count()) == 0
    with pytest.raises(CallerError, match="is beyond"):
        read(database, lambda tx: tx.query("t").with_index("by_n", n=2**63))


def test_an_index_orders_all_types_descending() -> None:
    values = [
        "stringValue",
        "xFactor",
        "absent",
        False,
        True,
        34.0,
        35.0,
        Int64(34),
        None,
        ["a"],
        {"a": 1},
        b"12345678",
    ]
    database = open_with(*[{} if x == "absent" else {"x": x} for x in values])
    expected = [
        {"a": 1},
        ["a"],
        b"12345678",
        "xFactor",
        "stringValue",
        True,
        False,
        35.0,
        34.0,
        Int64(34),
        None,
        "absent",
    ]
    found = read(database, lambda tx: xs(tx.query("t").with_index("by_x").order("desc").collect()))
    assert found == expected
    assert [type(each) for each in found] == [type(each) for each in expected]


# -- the transaction's own writes ------------------------------------------------------------------------------------


@pytest.mark.case("db-read/reads_own_insert")
def test_a_query_sees_what_its_transaction_wrote() -> None:
    database = open_with({"x": 1})
    transaction = database.begin(writable=True)
    transaction.insert("t", {"x": 0})
    assert xs(transaction.query("t").collect()) == [1, 0]
    assert xs(transaction.query("t").with_index("by_x").collect()) == [0, 1]
    assert transaction.query("t").with_index("by_x", lambda q: q.lt("x", 1)).count() == 1


def test_a_query_sees_what_was_written_after_it_was_built_and_before_it_was_consumed() -> None:
    database = open_with()
    transaction = database.begin(writable=True)
    built = [
        transaction.query("t"),
        transaction.query("t").with_index("by_x", x=1),
        transaction.query("t").order("desc"),
    ]
    later = transaction.query("later")
    transaction.insert("t", {"x": 1})
    transaction.insert("later", {"x": 2})
    assert [xs(query.collect()) for query in built] == [[1], [1], [1]]
    assert xs(later.collect()) == [2]


def test_a_loop_goes_on_over_what_there_was_when_it_began() -> None:
    database = open_with({"x": 1}, {"x": 2})
    transaction = database.begin(writable=True)
    seen = []
    for document in transaction.query("t"):
        seen.append(document["x"])
        transaction.insert("t", {"x": document["x"] + 10})
        transaction.delete(document["_id"])
    assert seen == [1, 2]
    assert xs(transaction.query("t").collect()) == [11, 12]


# -- misuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda q: (q.collect(), q.collect()), "already used"),
        (lambda q: (q.order("asc"), q.collect()), "already used"),
        (lambda q: (list(q), q.first()), "already used"),
        (lambda q: (next(iter(q)), q.filter(lambda d: True)), "already used"),
        (lambda q: q.order("asc").order("asc"), "once"),
        (lambda q: q.order("down"), "asc"),
        (lambda q: q.with_index("by_x").with_index("by_x"), "one index"),
        (lambda q: q.full_table_scan().with_index("by_x"), "one index"),
        (lambda q: q.with_index("by_x").full_table_scan(), "one index"),
        (lambda q: q.order("asc").with_index("by_x"), "before"),
        (lambda q: q.filter(lambda d: True).with_index("by_x"), "before"),
        (lambda q: q.withIndex("by_x"), r"\.with_index\("),
        (lambda q: q.fetch(), "no .fetch"),
    ],
)
def test_misuse_of_a_query_is_an_error_that_says_so(use: Callable[[Query], Any], words: str) -> None:
    with pytest.raises(CallerError, match=words):
        use(open_with({"x": 1}).begin(writable=False).query("t"))


def test_awaiting_a_query_is_explained() -> None:
    async def wait(query: Any) -> None:
        await query

    with pytest.raises(CallerError, match="not awaited"):
        asyncio.run(wait(open_with().begin(writable=False).query("t")))


def test_an_index_that_does_not_exist_is_named_with_its_table_and_those_there_are() -> None:
    with pytest.raises(IndexInvalidError, match=r"t\.by_xx not found.*by_x") as raised:
        read(open_with(), lambda tx: tx.query("t").with_index("by_xx").collect())
    assert "by_xy" in str(raised.value)


@pytest.mark.case("system-tables/wrong_accessor_user", "system-tables/wrong_accessor_system")
@pytest.mark.parametrize(
    ("name", "system", "words"),
    [
        ("_storage", False, "through db.system"),
        ("_scheduled_functions", False, "through db.system"),
        ("_tables", False, "through db.system"),
        ("messages", True, "user table"),
        ("_tables", True, "no system table"),
        ("_unknown", True, "no system table"),
        (5, False, "named by a string"),
    ],
)
def test_system_tables_and_user_tables_have_accessors_of_their_own(name: Any, system: bool, words: str) -> None:
    transaction = open_with().begin(writable=False)
    with pytest.raises(CallerError, match=words):
        transaction.query(name, system=system)
    with pytest.raises(CallerError, match=words):
        transaction.normalize_id(name, "x", system=system)


@pytest.mark.parametrize("name", ["_storage", "_scheduled_functions"])
def test_system_tables_are_there_from_the_start_and_empty(name: str) -> None:
    assert read(open_database(), lambda tx: tx.query(name, system=True).collect()) == []
