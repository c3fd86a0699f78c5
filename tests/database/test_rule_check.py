"""Schemas with rules pushed onto data: refused as a whole where it does not keep them."""

from __future__ import annotations

import pytest

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.rule_check import broken_rules
from nbconvex.errors import SchemaViolatedError, UniqueViolatedError
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database

USERS = table({"email": v.optional(v.string()), "n": v.optional(v.number())})
PLAIN = define_schema({"users": USERS.index("by_email", ["email"])})
UNIQUE = define_schema({"users": USERS.index("by_email", ["email"], unique=True)})


def test_an_index_becomes_unique_where_all_values_differ() -> None:
    database = open_database(schema=PLAIN)
    insert_all(database, "users", [{"email": "a"}, {"email": "b"}, {}, {}])
    report = database.push_schema(UNIQUE)
    [(name, index)] = report.diff.changed_indexes
    assert (name, index.name, index.unique) == ("users", "by_email", True)
    assert str(report.diff) == "~ index users.by_email (email) unique"
    with pytest.raises(UniqueViolatedError):
        insert_all(database, "users", [{"email": "a"}])
    assert str(database.push_schema(PLAIN).diff) == "~ index users.by_email (email) no longer unique"
    insert_all(database, "users", [{"email": "a"}])


def test_duplicates_refuse_the_schema_and_are_reported_by_value_with_two_ids() -> None:
    database = open_database(schema=PLAIN)
    a1, b1, a2, a3, b2, _ = insert_all(database, "users", [{"email": each} for each in ("a", "b", "a", "a", "b", "c")])
    before = database.snapshot
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(UNIQUE)
    first_a, second_a, *_ = sorted([a1, a2, a3])
    [problem] = raised.value.problems
    assert problem.startswith('Index "by_email" of table "users" cannot be unique: 5 documents share 2 values: ')
    assert f'email = "a" in 3 documents (IDs "{first_a}", "{second_a}", ...)' in problem
    assert f'email = "b" in 2 documents (IDs "{min(b1, b2)}", "{max(b1, b2)}")' in problem
    assert database.snapshot is before
    insert_all(database, "users", [{"email": "c"}])


def test_a_long_report_shows_three_values_and_counts_the_rest() -> None:
    database = open_database(schema=PLAIN)
    insert_all(database, "users", [{"email": str(each % 10)} for each in range(20)])
    with pytest.raises(SchemaViolatedError, match=r"20 documents share 10 values: .*; and 7 more values"):
        database.push_schema(UNIQUE)


def test_a_rule_stands_beside_other_misfits_in_one_report() -> None:
    database = open_database(schema=PLAIN)
    insert_all(database, "users", [{"email": "a"}, {"email": "a"}, {"n": 1}])
    wanted = define_schema({"users": table({"email": v.string()}).index("by_email", ["email"], unique=True)})
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(wanted)
    missing, shared = raised.value.problems
    assert 'missing the required field "email"' in missing
    assert shared.startswith('Index "by_email" of table "users" cannot be unique: 2 documents share 1 value: ')


def test_a_rule_in_force_is_not_looked_at_again() -> None:
    database = open_database(schema=PLAIN)
    insert_all(database, "users", [{"email": "a"}, {"email": "a"}])
    unique, snapshot = ActiveSchema(UNIQUE), database.snapshot
    assert len(list(broken_rules(snapshot, unique))) == 1
    # Data that breaks it, which no write can have left: so nobody has looked.
    assert list(broken_rules(snapshot.with_tables(snapshot.tables, unique), unique)) == []


def test_a_push_that_meets_a_racing_duplicate_is_refused() -> None:
    database = open_database(schema=PLAIN)
    insert_all(database, "users", [{"email": "a"}])
    racing = database.begin(writable=True)
    racing.insert("users", {"email": "a"})
    prepared = database._prepared

    def with_a_commit_between(*given: object) -> object:
        result = prepared(*given)  # type: ignore[arg-type]
        if not racing_done:
            racing_done.append(database.commit(racing))
        return result

    racing_done: list[int] = []
    database._prepared = with_a_commit_between  # type: ignore[method-assign,assignment]
    with pytest.raises(SchemaViolatedError, match="2 documents share 1 value"):
        database.push_schema(UNIQUE)
