"""Documents with times: written from datetimes and numbers alike, read as datetimes, asked for by either."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.errors import CallerError, DocumentInvalidError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MS = 1_769_860_800_000.0
HOUR = timedelta(hours=1)
SCHEMA = define_schema({
    "events": table({
        "name": v.string(), "at": v.datetime(), "until": v.optional(v.nullable(v.datetime())),
        "meta": v.optional(v.object({"seen": v.array(v.datetime())})), "n": v.optional(v.number()),
    }).index("by_at", ["at"]).index("by_name_at", ["name", "at"]),
    "either": table(v.union(v.object({"kind": v.literal("time"), "x": v.datetime()}),
                            v.object({"kind": v.literal("number"), "x": v.number()}))),
    "plain": table({"at": v.number()}),
})  # fmt: skip


def open_with(*events: dict[str, Any]) -> Database:
    database = open_database(schema=SCHEMA)
    insert_all(database, "events", [{"name": "e", **event} for event in events])
    return database


def stored(database: Database, id: str) -> dict[str, Any]:
    """The document as the store has it."""
    for each in database.snapshot.tables.values():
        payload = each.documents.get(id.encode())
        if payload is not None:
            return decode_document(payload)
    raise AssertionError(id)


@pytest.mark.case("values/datetime_refused_or_converted")
@pytest.mark.parametrize("given_time", [NOON, NOON.astimezone(timezone(9 * HOUR)), MS, int(MS)])
def test_a_time_is_stored_as_a_number_and_read_as_a_datetime(given_time: Any) -> None:
    database = open_database(schema=SCHEMA)
    event = {"name": "e", "at": given_time, "until": given_time, "meta": {"seen": [given_time]}, "n": MS}
    id = write(database, lambda tx: tx.insert("events", event))
    assert bare(stored(database, id)) == {"name": "e", "at": MS, "until": MS, "meta": {"seen": [MS]}, "n": MS}
    assert type(stored(database, id)["at"]) is float
    read_again = {"name": "e", "at": NOON, "until": NOON, "meta": {"seen": [NOON]}, "n": MS}
    for found in (
        read(database, lambda tx: tx.get(id)),
        read(database, lambda tx: tx.query("events").first()),
        read(database, lambda tx: tx.query("events").collect()[0]),
        read(database, lambda tx: next(iter(tx.query("events")))),
        read(database, lambda tx: tx.query("events").paginate(num_items=1)["page"][0]),
        write(database, lambda tx: tx.get(tx.insert("events", event))),
    ):
        assert bare(found) == read_again
        assert type(found["_creationTime"]) is float


def test_a_document_that_was_read_can_be_written_back() -> None:
    database = open_with({"at": NOON, "until": None})
    id = read(database, lambda tx: tx.query("events").first()["_id"])
    write(database, lambda tx: tx.replace(id, {**tx.get(id), "until": tx.get(id)["at"] + HOUR}))
    write(database, lambda tx: tx.patch(id, {"at": NOON - HOUR}))
    assert bare(read(database, lambda tx: tx.get(id))) == {"name": "e", "at": NOON - HOUR, "until": NOON + HOUR}
    write(database, lambda tx: tx.patch(id, {"until": UNSET}))
    assert bare(read(database, lambda tx: tx.get(id))) == {"name": "e", "at": NOON - HOUR}
    before = database.head
    write(database, lambda tx: tx.patch(id, {"at": NOON - HOUR}))
    assert database.head == before, "what stays equal is not written"


def test_a_document_is_restored_with_its_times() -> None:
    database = open_with({"at": NOON})
    document = read(database, lambda tx: tx.query("events").first())
    write(database, lambda tx: tx.delete(document["_id"]))
    write(database, lambda tx: tx.restore("events", document))
    assert read(database, lambda tx: tx.get(document["_id"])) == document


_times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(_times, max_size=8), _times, _times)
def test_ranges_and_filters_take_datetimes(times: list[datetime], low: datetime, high: datetime) -> None:
    database = open_with(*({"at": at} for at in times))
    expected = sorted(at for at in times if low <= at < high)

    def ask(tx: Any) -> list[Any]:
        by_index = tx.query("events").with_index("by_at", lambda q: q.gte("at", low).lt("at", high))
        by_filter = tx.query("events").filter(lambda q: q.and_(q.gte(q.field("at"), low), q.lt(q.field("at"), high)))
        by_python = tx.query("events").filter(lambda each: low <= each["at"] < high)
        chosen = tx.query("events").filter(lambda q: q.in_(q.field("at"), times[:1]))
        return [by_index.collect(), by_filter.collect(), by_python.collect(), chosen.collect()]

    by_index, by_filter, by_python, chosen = read(database, ask)
    assert [each["at"] for each in by_index] == expected
    assert sorted(each["at"] for each in by_filter) == sorted(each["at"] for each in by_python) == expected
    assert {each["at"] for each in chosen} == set(times[:1])
    for at in times:
        assert read(database, lambda tx: tx.query("events").with_index("by_at", at=at).count()) == times.count(at)  # noqa: B023


def test_creation_times_are_asked_for_by_datetimes_too() -> None:
    database = open_with({"at": NOON})
    past, future = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    ask = lambda low, high: lambda q: q.gt("_creationTime", low).lt("_creationTime", high)  # noqa: E731
    count = lambda asked: read(database, lambda tx: tx.query("events").with_index("by_creation_time", asked).count())  # noqa: E731
    assert count(ask(past, future)) == 1
    assert count(ask(future, future)) == 0


def test_selections_have_times() -> None:
    database = open_with({"at": NOON, "meta": {"seen": [NOON]}, "n": 1})
    ask = lambda *fields: bare(read(database, lambda tx: tx.query("events").select(*fields).first()))  # noqa: E731
    assert ask("at") == {"at": NOON}
    assert ask("n", "meta.seen") == {"n": 1, "meta": {"seen": [NOON]}}
    late = lambda tx: tx.query("events").select("at").filter(lambda each: each["at"] > NOON - HOUR).collect()  # noqa: E731
    assert [bare(each) for each in read(database, late)] == [{"at": NOON}]


def test_aggregates_of_times_are_times() -> None:
    database = open_with({"at": NOON}, {"at": NOON + 2 * HOUR, "until": NOON})

    def ask(tx: Any) -> Any:
        events = lambda: tx.query("events")  # noqa: E731
        return [events().min("at"), events().with_index("by_at").max("at"), events().avg("at"), events().min("until"),
                events().aggregate(by="at", n="count", last=("until", "max"))]  # fmt: skip

    least, greatest, mean, until, groups = read(database, ask)
    assert (least, greatest, mean, until) == (NOON, NOON + 2 * HOUR, NOON + HOUR, NOON)
    assert groups == [{"at": NOON, "n": 1, "last": None}, {"at": NOON + 2 * HOUR, "n": 1, "last": NOON}]
    with pytest.raises(CallerError, match=r"times cannot be added(.|\n)*\.avg"):
        read(database, lambda tx: tx.query("events").sum("at"))


def test_the_shape_of_a_document_decides_which_of_its_numbers_are_times() -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "either", [{"kind": "time", "x": NOON}, {"kind": "number", "x": MS}])
    assert [each["x"] for each in read(database, lambda tx: tx.query("either").collect())] == [NOON, MS]
    assert [each["x"] for each in read(database, lambda tx: tx.query("either").select("x").collect())] == [NOON, MS]
    # Not told from each other in a number about all of them.
    assert read(database, lambda tx: tx.query("either").max("x")) == MS


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"at": datetime(2026, 1, 31)}, ValueInvalidError, "no time zone"),  # noqa: DTZ001
        ({"at": NOON.date()}, ValueInvalidError, "date"),
        ({"at": "2026-01-31"}, DocumentInvalidError, r"v\.datetime\(\)"),
        ({"at": 1e300}, DocumentInvalidError, r"v\.datetime\(\)"),
        ({"at": None}, DocumentInvalidError, r"v\.datetime\(\)"),
        ({"name": NOON}, ValueInvalidError, "datetime"),
        ({"n": NOON}, ValueInvalidError, r"v\.datetime\(\)"),
    ],
)
def test_what_is_no_time_is_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    database = open_database(schema=SCHEMA)
    with pytest.raises(error, match=words) as raised:
        write(database, lambda tx: tx.insert("events", {"name": "e", "at": NOON, **change}))
    assert next(iter(change)) in str(raised.value)
    naive = datetime(2026, 1, 31)  # noqa: DTZ001
    with pytest.raises(ValueInvalidError, match="no time zone"):
        read(database, lambda tx: tx.query("events").with_index("by_at", at=naive).collect())


def test_a_table_without_the_validator_keeps_numbers() -> None:
    database = open_database(schema=SCHEMA)
    with pytest.raises(ValueInvalidError, match="not a supported type"):
        write(database, lambda tx: tx.insert("plain", {"at": NOON}))
    write(database, lambda tx: tx.insert("plain", {"at": MS}))
    assert read(database, lambda tx: tx.query("plain").first()["at"]) == MS
    with pytest.raises(ValueInvalidError, match="not a supported type"):
        write(database, lambda tx: tx.insert("unlisted", {"at": NOON}))


def test_a_default_may_be_a_time_or_make_one() -> None:
    fields = {"at": v.datetime(default=NOON), "made": v.datetime(default=lambda: NOON + HOUR),
              "maybe": v.nullable(v.datetime(), default=None)}  # fmt: skip
    database = open_database(schema=define_schema({"events": table(fields)}))
    write(database, lambda tx: tx.insert("events", {}))
    found = bare(read(database, lambda tx: tx.query("events").first()))
    assert found == {"at": NOON, "made": NOON + HOUR, "maybe": None}


def test_a_store_is_read_by_whatever_schema_is_in_force() -> None:
    """Times are numbers in the store: the validator comes and goes over the same documents."""
    database = open_with({"at": NOON})
    database.push_schema(define_schema({"events": table({"name": v.string(), "at": v.number()})}))
    assert read(database, lambda tx: tx.query("events").first()["at"]) == MS
    database.push_schema(SCHEMA)
    assert read(database, lambda tx: tx.query("events").first()["at"]) == NOON
