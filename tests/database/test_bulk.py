"""Many documents in one commit: nbconvex.database.bulk."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import SystemClock
from nbconvex.database import bulk as bulk_module
from nbconvex.database.database import Database
from nbconvex.database.system_tables import SYSTEM_TABLES
from nbconvex.errors import CallerError, ConflictError, LimitExceededError, NotAllowedError, UniqueViolatedError
from nbconvex.limits import Limits
from nbconvex.storage.duckdb import DuckdbPersistence
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.ids import encode_id
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.snapshot_checks import check_consistent
from tests.database.stores import bare, contents, insert_all, open_database, read, write

SCHEMA = define_schema(
    {
        "t": table({"a": v.number(), "b": v.optional(v.string())})
        .index("by_a", ["a"])
        .search_index("words", search_field="b")
    }
)


@pytest.fixture(params=["few", "many"])
def amount(request, monkeypatch) -> str:
    """The same as ordinary writes, and as tables that are made anew."""
    if request.param == "many":
        monkeypatch.setattr(bulk_module, "_WRITES_MAX", 0)
    return str(request.param)


def load(database: Database, documents: list[dict[str, Any]], mode: Any = "empty", name: str = "t") -> int:
    bulk = database.begin_bulk()
    into = bulk.open(name, mode)
    for document in documents:
        into.add(document)
    return database.commit_bulk(bulk)


def found(database: Database, name: str = "t") -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query(name).collect())]


def numbered(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"a": number, "b": f"word{number} text"} for number in range(start, start + count)]


def reopened(database: Database, persistence: MemoryPersistence) -> None:
    """The law of the room: what is loaded from the log is what was live."""
    again = open_database(persistence)
    assert contents(again.snapshot) == contents(database.snapshot)
    assert again.snapshot.last_number == database.snapshot.last_number


def test_documents_appear_at_one_timestamp_in_every_index(amount) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=SCHEMA)
    ts = load(database, numbered(300))
    assert database.head == ts
    assert found(database) == numbered(300)
    by_index = read(database, lambda tx: tx.query("t").with_index("by_a", lambda q: q.gte("a", 295)).collect())
    assert [each["a"] for each in by_index] == [295, 296, 297, 298, 299]
    times = [each["_creationTime"] for each in read(database, lambda tx: tx.query("t").collect())]
    assert times == sorted(set(times))
    check_consistent(database.snapshot)
    reopened(database, persistence)


def test_append_keeps_and_replace_deletes_what_was_there(amount) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=SCHEMA)
    insert_all(database, "t", numbered(3))
    with pytest.raises(CallerError, match=r'has 3 documents already.*mode="append" .*mode="replace"'):
        database.begin_bulk().open("t", "empty")
    load(database, numbered(3, 3), "append")
    assert found(database) == numbered(6)
    check_consistent(database.snapshot)
    load(database, numbered(2, 10), "replace")
    assert found(database) == numbered(2, 10)
    check_consistent(database.snapshot)
    reopened(database, persistence)


def test_a_table_comes_into_being_with_its_documents(amount) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    load(database, [{"x": 1}], name="new")
    load(database, [], name="none")
    assert found(database, "new") == [{"x": 1}]
    assert database.snapshot.table("none") is not None
    reopened(database, persistence)
    insert_all(database, "later", [{}])
    assert database.snapshot.numbers["later"] == 10_003


def test_own_ids_and_times_are_kept_and_give_the_table_its_number(amount) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    own = encode_id(10_007, bytes(range(16)))
    bulk = database.begin_bulk()
    assert bulk.open("t", "empty", number=10_007).add({"_id": own, "_creationTime": 5.5, "a": 1}) == own
    database.commit_bulk(bulk)
    assert read(database, lambda tx: tx.get(own)) == {"_id": own, "_creationTime": 5.5, "a": 1}
    reopened(database, persistence)
    insert_all(database, "later", [{}])
    assert database.snapshot.numbers["later"] == 10_008, "numbers go on behind the highest that there was"


def test_later_inserts_come_behind_what_was_loaded() -> None:
    database = open_database()
    bulk = database.begin_bulk()
    future_ms = 2e12
    bulk.open("t", "empty").add({"_creationTime": future_ms, "a": 1})
    database.commit_bulk(bulk)
    insert_all(database, "t", [{"a": 2}])
    assert [each["a"] for each in found(database)] == [1, 2]


def test_an_empty_table_takes_over_another_number_and_numbers_can_be_exchanged(amount) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=define_schema({"a": table({}), "b": table({})}))
    assert database.snapshot.numbers["a"] == 10_001
    bulk = database.begin_bulk()
    loads = bulk.open_all({"a": 10_002, "b": 10_001, "c": None}, "empty")
    first = loads["a"].add({"_id": encode_id(10_002, bytes(16))})
    loads["b"].add({"_id": encode_id(10_001, bytes(16))})
    loads["c"].add({})
    database.commit_bulk(bulk)
    assert {name: database.snapshot.numbers[name] for name in "abc"} == {"a": 10_002, "b": 10_001, "c": 10_003}
    assert read(database, lambda tx: tx.get(first, table="a")) is not None
    check_consistent(database.snapshot)
    reopened(database, persistence)


@pytest.mark.parametrize(
    ("number", "mode", "said"),
    [
        (10_002, "replace", 'is the number of "other" in this store'),
        (10_009, "append", "would have ids of two tables"),
        (9_999, "replace", "begin with 10,001"),
        (10_001 + 1_000_000, "replace", "limit table_numbers"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(number, mode, said) -> None:
    database = open_database()
    insert_all(database, "t", [{"a": 1}])
    insert_all(database, "other", [{}])
    with pytest.raises(CallerError, match=said):
        database.begin_bulk().open("t", mode, number=number)


@pytest.mark.parametrize(
    ("name", "error"), [("_tables", NotAllowedError), ("a b", CallerError), ("1", CallerError), (None, CallerError)]
)
def test_a_name_that_is_none_is_refused(name, error) -> None:
    with pytest.raises(error):
        open_database().begin_bulk().open(name, "empty")


def test_there_are_no_more_tables_than_allowed() -> None:
    database = open_database(limits=Limits(tables=len(SYSTEM_TABLES) + 1))
    bulk = database.begin_bulk()
    bulk.open("a", "empty")
    with pytest.raises(LimitExceededError, match="limit tables"):
        bulk.open("b", "empty")


def test_an_id_that_is_there_twice_changes_nothing(amount) -> None:
    database = open_database()
    (present,) = insert_all(database, "t", [{"a": 1}])
    head = database.head
    with pytest.raises(CallerError, match=f"{present} is in the table"):
        load(database, [{"_id": present, "a": 2}], "append")
    other = encode_id(10_001, bytes(16))
    with pytest.raises(CallerError, match=f"two documents .* have the id {other}"):
        load(database, [{"_id": other}, {"_id": other}], "append")
    assert (database.head, found(database)) == (head, [{"a": 1}])


def test_replacing_a_document_by_itself_writes_nothing_of_it() -> None:
    database = open_database()
    insert_all(database, "t", [{"a": 1}, {"a": 2}])
    documents = read(database, lambda tx: tx.query("t").collect())
    head = database.head
    assert load(database, documents, "replace") == head
    documents[0]["a"] = 5
    load(database, documents, "replace")
    record = database.write_log.since(head)[0]
    assert sum(1 for index, _ in record.pairs() if index == (10_001, "by_id")) == 1


def test_whoever_read_the_table_conflicts_with_the_load_and_others_do_not(amount) -> None:
    database = open_database()
    (kept,) = insert_all(database, "t", [{"a": 1}])
    insert_all(database, "u", [{"a": 1}])
    reader, stranger = database.begin(writable=True), database.begin(writable=True)
    reader.query("t").collect()
    reader.insert("u", {"a": 2})
    stranger.query("u").collect()
    stranger.insert("u", {"a": 3})
    load(database, [{"a": 7}], "append")
    with pytest.raises(ConflictError) as caught:
        database.commit(reader)
    assert '"t"' in str(caught.value)
    assert "import" in str(caught.value)
    database.commit(stranger)
    assert read(database, lambda tx: tx.get(kept)) is not None


def racing(database: Database, monkeypatch, race: Callable[[], object], *, times: int) -> None:
    """Have `race` happen after the load was built and before it is accepted, so many times."""
    build = bulk_module.Bulk.build
    left = [times]

    def built(self, *arguments):
        made = build(self, *arguments)
        # The last attempt is made while nobody else can commit.
        if left[0] and not database._state_lock.locked():
            left[0] -= 1
            race()
        return made

    monkeypatch.setattr(bulk_module.Bulk, "build", built)


@pytest.mark.parametrize("times", [1, 5])
def test_commits_that_come_between_are_kept(amount, monkeypatch, times) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=SCHEMA)
    racing(database, monkeypatch, lambda: insert_all(database, "t", [{"a": 100}]), times=times)
    load(database, numbered(3), "append")
    assert sorted(each["a"] for each in found(database)) == [0, 1, 2, *[100] * min(times, 3)]
    check_consistent(database.snapshot)
    reopened(database, persistence)


def test_what_came_between_can_forbid_the_load(amount, monkeypatch) -> None:
    database = open_database(schema=SCHEMA)
    racing(database, monkeypatch, lambda: insert_all(database, "t", [{"a": 100}]), times=1)
    with pytest.raises(CallerError, match="has 1 document already"):
        load(database, numbered(3))
    assert found(database) == [{"a": 100}]


def test_a_schema_or_a_table_that_came_between_is_a_conflict(amount) -> None:
    database = open_database(schema=SCHEMA)
    bulk = database.begin_bulk()
    bulk.open("t", "empty").add({"a": 1})
    database.push_schema(define_schema({"t": table({"a": v.string()})}))
    with pytest.raises(ConflictError, match="a schema push"):
        database.commit_bulk(bulk)
    bulk = database.begin_bulk()
    bulk.open("new", "empty").add({"a": 1})
    insert_all(database, "new", [{}])
    with pytest.raises(ConflictError, match="a change of the tables"):
        database.commit_bulk(bulk)
    bulk = database.begin_bulk()
    bulk.open("newer", "empty").add({"a": 1})
    insert_all(database, "newest", [{}])
    with pytest.raises(ConflictError, match="a change of the tables"):
        database.commit_bulk(bulk)
    assert found(database, "newer") == []


def test_unique_values_are_looked_at_again_when_others_came_between(amount, monkeypatch) -> None:
    database = open_database(schema=define_schema({"t": table({"a": v.number()}).index("by_a", ["a"], unique=True)}))
    racing(database, monkeypatch, lambda: insert_all(database, "t", [{"a": 1}]), times=1)
    with pytest.raises(UniqueViolatedError, match='index "by_a" is unique'):
        load(database, [{"a": 1}], "append")
    assert len(found(database)) == 1


def test_the_memory_budget_ends_a_load_before_it_is_spent() -> None:
    database = open_database(memory_bytes_max=1_000_000)
    bulk = database.begin_bulk()
    into = bulk.open("t", "empty")

    def load_on() -> None:
        for _ in range(100_000):
            into.add({"text": "x" * 100})

    with pytest.raises(LimitExceededError, match="memory budget"):
        load_on()
    assert len(into) < 10_000


def test_a_replaced_table_makes_room_in_the_budget() -> None:
    database = open_database(memory_bytes_max=400_000)
    load(database, [{"text": "x" * 100} for _ in range(1_100)])
    load(database, [{"text": "y" * 100} for _ in range(1_100)], "replace")
    assert len(found(database)) == 1_100


def test_a_load_goes_into_the_file_and_the_journal_goes_on(tmp_path, amount) -> None:
    path = tmp_path / "app.duckdb"
    database = open_database(DuckdbPersistence.open(path), schema=SCHEMA, clock=SystemClock())
    insert_all(database, "t", numbered(2))
    load(database, numbered(50, 2), "append")
    insert_all(database, "t", numbered(2, 52))
    write(database, lambda tx: tx.delete(tx.query("t").first()["_id"]))
    expected = contents(database.snapshot)
    database.close()
    again = open_database(DuckdbPersistence.open(path), clock=SystemClock())
    assert contents(again.snapshot) == expected
    load(again, numbered(3), "replace")
    again.close()
    last = open_database(DuckdbPersistence.open(path), clock=SystemClock())
    assert found(last) == numbered(3)
    last.close()


def test_readers_go_on_while_a_load_is_written(amount) -> None:
    database = open_database(schema=SCHEMA)
    bulk = database.begin_bulk()
    into = bulk.open("t", "empty")
    seen: list[int] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.append(read(database, lambda tx: tx.query("t").count()))

    thread = threading.Thread(target=look)
    thread.start()
    for document in numbered(500):
        into.add(document)
    database.commit_bulk(bulk)
    stop.set()
    thread.join()
    assert set(seen) <= {0, 500}


class InterruptedPersistence(MemoryPersistence):
    """A store whose user presses the stop button while it writes."""

    is_stopped = False

    def append(self, commits, expected_head) -> None:
        if self.is_stopped:
            signal.raise_signal(signal.SIGINT)
        super().append(commits, expected_head)


def test_an_interrupt_while_it_is_committed_waits_for_the_outcome(amount) -> None:
    persistence = InterruptedPersistence()
    database = open_database(persistence, schema=SCHEMA)
    bulk = database.begin_bulk()
    bulk.open("t", "empty").add({"a": 1})
    persistence.is_stopped = True
    with pytest.raises(KeyboardInterrupt) as caught:
        database.commit_bulk(bulk)
    assert caught.value.__notes__ == ["nbconvex: what was imported had been committed."]
    assert found(database) == [{"a": 1}]


class Heard:
    """A watch that writes what it hears into another table."""

    tables = ("t",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def react(self, transaction, written):
        if self.error is None:
            transaction.insert("heard", {"was": written.before is not None, "is": written.after is not None})
        return self.error


def test_triggers_hear_of_each_document_in_the_same_commit() -> None:
    database = open_database(limits=Limits(documents_written=5))
    database.watch = Heard()
    load(database, numbered(20))
    head = database.head
    assert found(database, "heard") == [{"was": False, "is": True}] * 20
    (kept, *_) = read(database, lambda tx: tx.query("t").collect())
    load(database, [{**kept, "a": 100}, {"a": 200}], "replace")
    assert sorted(each["a"] for each in found(database)) == [100, 200]
    heard = found(database, "heard")[20:]
    assert sorted((each["was"], each["is"]) for each in heard) == [(False, True)] * 2 + [(True, False)] * 20
    assert len(database.write_log.since(head)) == 1
    load(database, numbered(1), name="unheard")
    assert len(found(database, "heard")) == 20 + 22


def test_a_trigger_that_raises_stops_the_load() -> None:
    database = open_database()
    watch = database.watch = Heard()
    watch.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        load(database, numbered(3))
    assert found(database) == []
    bulk = database.begin_bulk()
    bulk.open("t", "empty", number=10_005)
    watch.error = None
    database.commit_bulk(bulk)
    bulk = database.begin_bulk()
    bulk.open("t", "replace", number=10_006)
    with pytest.raises(CallerError, match="no trigger could be told"):
        database.commit_bulk(bulk)


def test_a_load_that_triggers_hear_of_is_repeated_after_a_conflict(monkeypatch) -> None:
    database = open_database()
    database.watch = Heard()
    insert_all(database, "t", [{"a": 1}])
    commit, races = Database.commit, [2]

    def commit_late(self, transaction):
        if races[0] and transaction.reader == "import":
            races[0] -= 1
            insert_all(database, "heard", [{"by": "another"}])
            insert_all(database, f"new{races[0]}", [{}])
        return commit(self, transaction)

    monkeypatch.setattr(Database, "commit", commit_late)
    load(database, [{"a": 2}], "replace")
    assert found(database) == [{"a": 2}]
