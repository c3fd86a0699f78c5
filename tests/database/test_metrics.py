"""What one transaction used, what it may use, and the errors in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.database.metrics import METRICS, TransactionMetrics
from nbconvex.database.transaction import Transaction
from nbconvex.errors import CallerError, LimitExceededError
from nbconvex.limits import Limits
from nbconvex.values.codec import document_size
from tests.database.stores import insert_all, open_database, read, write


def insert_ten(transaction: Transaction, **more: Any) -> None:
    for n in range(10):
        transaction.insert("t", {"n": n, **more})


def used(transaction: Transaction) -> dict[str, int]:
    return {name: each["used"] for name, each in transaction.metrics.report().items() if each["used"]}


@pytest.mark.case("limits/metrics_write")
def test_an_insert_and_a_get_are_counted() -> None:
    database = open_database()
    insert_all(database, "t", [{}])
    transaction = database.begin(writable=True)
    fields = {"body": "x" * 100, "n": 1}
    stored = transaction.insert("t", fields)
    document = transaction.get(stored)
    assert document is not None
    size = document_size(document)
    assert size == document_size(fields)
    report = transaction.metrics.report()
    assert (report["documentsWritten"]["used"], report["bytesWritten"]["used"]) == (1, size)
    assert report["documentsWritten"]["remaining"] == 16_000 - 1
    assert (report["databaseQueries"]["used"], report["documentsRead"]["used"]) == (1, 1)


def test_each_way_to_read_is_counted() -> None:
    database = open_database()
    ids = insert_all(database, "t", [{"n": n} for n in range(10)])
    steps: list[tuple[Callable[[Transaction], Any], tuple[int, int]]] = [
        (lambda tx: tx.get(ids[0]), (1, 1)),
        (lambda tx: tx.query("t").collect(), (1, 10)),
        (lambda tx: tx.query("t").take(3), (1, 3)),
        (lambda tx: tx.query("t").first(), (1, 1)),
        (lambda tx: tx.query("t").order("desc").first(), (1, 1)),
        (lambda tx: tx.query("t").take(0), (0, 0)),
        (lambda tx: tx.query("t").filter(lambda q: q.eq(q.field("n"), 4)).first(), (1, 5)),
        (lambda tx: tx.query("t").filter(lambda q: q.eq(q.field("n"), 4)).collect(), (1, 10)),
        (lambda tx: tx.query("t").paginate(num_items=4), (1, 4)),
        (lambda tx: tx.query("t").count(), (1, 0)),
        (lambda tx: tx.query("none").collect(), (1, 0)),
    ]
    for run, (queries, documents) in steps:
        transaction = database.begin(writable=False)
        run(transaction)
        metrics = transaction.metrics
        assert (metrics.database_queries, metrics.documents_read) == (queries, documents)
        assert (metrics.read_bytes > 0) == (documents > 0)


@pytest.mark.case("limits/documents_read_counts_filtered")
def test_documents_that_a_filter_drops_count_as_read() -> None:
    database = open_database(limits=Limits(documents_read=5))
    insert_all(database, "t", [{"n": n} for n in range(10)])
    with pytest.raises(LimitExceededError, match="documents") as raised:
        read(database, lambda tx: tx.query("t").filter(lambda q: q.eq(q.field("n"), 0)).collect())
    assert (raised.value.limit, raised.value.maximum) == ("documents_read", 5)


@pytest.mark.parametrize("consume", ["collect", "take", "iterate", "paginate"])
def test_reading_exactly_as_much_as_allowed_is_fine(consume: str) -> None:
    consumers: dict[str, Callable[[Transaction], Any]] = {
        "collect": lambda tx: tx.query("t").collect(),
        "take": lambda tx: tx.query("t").take(6),
        "iterate": lambda tx: list(tx.query("t")),
        "paginate": lambda tx: tx.query("t").paginate(num_items=10),
    }
    database = open_database(limits=Limits(documents_read=5))
    insert_all(database, "t", [{}] * 5)
    read(database, consumers[consume])
    insert_all(database, "t", [{}])
    if consume == "paginate":
        page = read(database, consumers[consume])
        assert (len(page["page"]), page["pageStatus"]) == (5, "SplitRequired")
        return
    with pytest.raises(LimitExceededError):
        read(database, consumers[consume])


@pytest.mark.case("limits/bytes_written")
def test_writing_too_many_bytes_stores_nothing() -> None:
    database = open_database(limits=Limits(written_bytes=500))
    transaction = database.begin(writable=True)
    with pytest.raises(LimitExceededError, match="Wrote too much data") as raised:
        insert_ten(transaction, body="x" * 200)
    assert raised.value.limit == "written_bytes"
    assert database.snapshot.table("t") is None


@pytest.mark.case("limits/index_ranges")
def test_a_get_and_a_query_are_one_index_range_each() -> None:
    database = open_database(limits=Limits(database_queries=2))
    [stored] = insert_all(database, "t", [{}])
    transaction = database.begin(writable=False)
    transaction.query("t").collect()
    transaction.get(stored)
    with pytest.raises(LimitExceededError, match="Too many index ranges") as raised:
        transaction.get(stored)
    assert raised.value.limit == "database_queries"


@pytest.mark.case("limits/nested_write_limit", "limits/nested_write_under")
def test_a_nested_limit_on_writing_binds_inside_only() -> None:
    database = open_database()
    transaction = database.begin(writable=True)
    with pytest.raises(LimitExceededError), transaction.limited({"documentsWritten": 3}):
        insert_ten(transaction)
    transaction = database.begin(writable=True)
    transaction.insert("t", {})
    with transaction.limited({"documentsWritten": 5}):
        transaction.insert("t", {})
        transaction.insert("t", {})
    insert_ten(transaction)
    database.commit(transaction)
    assert read(database, lambda tx: tx.query("t").count()) == 13


@pytest.mark.case(
    "limits/nested_read_under",
    "limits/nested_cannot_raise",
    "limits/nested_looser_than_global",
    "limits/nested_limit_optional",
)
@pytest.mark.parametrize(
    ("outer", "nested", "documents", "limit"),
    [
        (32_000, {"documentsRead": 5}, 3, None),
        (32_000, {"documents_read": 5}, 5, None),
        (32_000, {"documentsRead": 5}, 6, 5),
        (5, {"documentsRead": 100_000}, 10, 5),
        (5, {"documentsRead": 8}, 10, 5),
        (32_000, None, 10, None),
        (32_000, {}, 10, None),
    ],
)
def test_a_nested_limit_on_reading_is_the_lower_of_both(
    outer: int, nested: dict[str, int] | None, documents: int, limit: int | None
) -> None:
    database = open_database(limits=Limits(documents_read=outer))
    insert_all(database, "t", [{}] * documents)
    transaction = database.begin(writable=False)
    if limit is None:
        with transaction.limited(nested):
            assert len(transaction.query("t").collect()) == documents
    else:
        with pytest.raises(LimitExceededError) as raised, transaction.limited(nested):
            transaction.query("t").collect()
        assert raised.value.maximum == limit
    assert transaction.metrics.documents_read_max == outer


def test_nested_limits_count_from_where_they_begin_and_nest() -> None:
    database = open_database()
    transaction = database.begin(writable=True)
    insert_ten(transaction)
    with transaction.limited({"documentsWritten": 4}):
        transaction.insert("t", {})
        with transaction.limited({"documentsWritten": 100}):
            for _ in range(3):
                transaction.insert("t", {})
            with pytest.raises(LimitExceededError):
                transaction.insert("t", {})
    assert transaction.metrics.documents_written_max == 16_000


def test_an_unknown_limit_is_named_with_those_there_are() -> None:
    transaction = open_database().begin(writable=False)
    with pytest.raises(CallerError, match=r"rowsRead.*documents_read"), transaction.limited({"rowsRead": 1}):
        pass


@pytest.mark.parametrize("name", ["documentsRead", "bytesWritten"])
def test_limits_are_given_back_where_one_of_them_is_unknown(name: str) -> None:
    metrics = TransactionMetrics(Limits())
    with pytest.raises(CallerError), metrics.limited({name: 1, "unknown": 1}):
        pass
    assert metrics.report() == TransactionMetrics(Limits()).report()


@pytest.mark.case("limits/off_by_default_in_tests")
def test_without_limits_nothing_binds() -> None:
    database = open_database(limits=Limits.off())
    write(database, lambda tx: [tx.insert("t", {"body": "x" * 1_000}) for _ in range(100)])
    assert len(read(database, lambda tx: tx.query("t").collect())) == 100


def test_what_a_rollback_undoes_is_given_back_and_what_was_read_is_not() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{}])
    transaction = database.begin(writable=True)
    transaction.insert("t", {})
    before = used(transaction)
    savepoint = transaction.savepoint()
    insert_ten(transaction)
    transaction.get(stored)
    transaction.rollback(savepoint)
    after = used(transaction)
    assert {name: after[name] for name in ("documentsWritten", "bytesWritten")} == before
    assert after["documentsRead"] == 1


def test_scheduling_is_counted_and_limited() -> None:
    metrics = TransactionMetrics(Limits(functions_scheduled=2, scheduled_arguments_bytes=100))
    metrics.charge_scheduled(40)
    metrics.charge_scheduled(60)
    report = metrics.report()
    assert (report["functionsScheduled"]["used"], report["scheduledFunctionArgsBytes"]["used"]) == (2, 100)
    with pytest.raises(LimitExceededError, match="too many functions"):
        metrics.charge_scheduled(0)
    bytes_only = TransactionMetrics(Limits(scheduled_arguments_bytes=100))
    with pytest.raises(LimitExceededError, match="bytes of arguments"):
        bytes_only.charge_scheduled(101)


def test_what_comes_near_a_limit_is_told() -> None:
    metrics = TransactionMetrics(Limits(documents_read=10, read_bytes=1_000))
    metrics.charge_read(8, 10)
    assert metrics.near_limits() == []
    metrics.charge_read(1, 10)
    [sentence] = metrics.near_limits()
    assert [word in sentence for word in ("9", "10", "documents_read")] == [True] * 3


def test_a_report_has_every_metric_and_nothing_below_zero() -> None:
    metrics = TransactionMetrics(Limits(documents_read=1))
    with pytest.raises(LimitExceededError):
        metrics.charge_read(5, 0)
    report = metrics.report()
    assert set(report) == set(METRICS)
    assert report["documentsRead"] == {"used": 5, "remaining": 0}
