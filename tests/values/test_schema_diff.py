"""What a new schema changes, and which tables must be looked through."""

from hypothesis import given
from hypothesis import strategies as st

from nbconvex.values.scalars import Int64
from nbconvex.values.schema import IndexDefinition, define_schema, table
from nbconvex.values.schema_diff import SchemaDiff, diff, is_superset
from nbconvex.values.validators import v
from tests.values.strategies import matching, validators

A = v.object({"a": v.string()})
A_MAYBE_B = A.extend({"b": v.optional(v.number())})
A_B = A.extend({"b": v.number()})


def schema(**tables):
    return define_schema({name: item if hasattr(item, "indexes") else table(item) for name, item in tables.items()})


def test_nothing_changes_between_equal_schemas():
    same = diff(schema(t=table(A).index("i", ["a"])), schema(t=table(A).index("i", ["a"])))
    assert same == SchemaDiff()
    assert same.is_empty
    assert str(same) == "no change"
    assert diff(None, None).is_empty


def test_tables_and_indexes_come_and_go():
    old = schema(gone=A, kept=table(A_B).index("i", ["a"]).index("j", ["b"]).index("k", ["b", "a"], staged=True))
    new = schema(kept=table(A_MAYBE_B).index("i", ["a", "b"]).index("k", ["b", "a"]), fresh=table(A).index("l", ["a"]))
    changes = diff(old, new)
    assert changes == SchemaDiff(
        added_tables=("fresh",),
        removed_tables=("gone",),
        changed_tables=("kept",),
        added_indexes=(("kept", IndexDefinition("i", ("a", "b"))), ("fresh", IndexDefinition("l", ("a",)))),
        removed_indexes=(("kept", IndexDefinition("i", ("a",))), ("kept", IndexDefinition("j", ("b",)))),
        enabled_indexes=(("kept", IndexDefinition("k", ("b", "a"))),),
        tables_to_scan=("fresh",),
    )
    assert not changes.is_empty
    assert str(changes).splitlines() == [
        "+ table fresh",
        "- table gone (its documents stay, unvalidated)",
        "~ table kept",
        "+ index kept.i (a, b)",
        "+ index fresh.l (a)",
        "- index kept.i (a)",
        "- index kept.j (b)",
        "enabled index kept.k (b, a)",
    ]
    back = diff(new, old)
    assert back.staged_indexes == (("kept", IndexDefinition("k", ("b", "a"), staged=True)),)
    assert back.tables_to_scan == ("gone", "kept")


def test_only_tables_that_may_hold_misfits_are_looked_through():
    assert diff(schema(t=A), schema(t=v.union(A, v.object({"c": v.null()})))).tables_to_scan == ()
    assert diff(schema(t=A), schema(t=A_MAYBE_B)).tables_to_scan == ()
    assert diff(schema(t=A), schema(t=A_B)).tables_to_scan == ("t",)
    assert diff(schema(t=A), schema(t=v.any())).tables_to_scan == ()
    assert diff(None, schema(t=A)).tables_to_scan == ("t",)
    assert diff(schema(t=v.any()), schema(t=A)).tables_to_scan == ("t",)


def test_validation_switched_on_looks_through_everything():
    off = define_schema({"t": table(A)}, schema_validation=False)
    on = define_schema({"t": table(A)})
    assert diff(off, on) == SchemaDiff(tables_to_scan=("t",), has_other_settings=True)
    assert diff(on, off) == SchemaDiff(has_other_settings=True)
    assert str(diff(on, off)) == "~ settings"


SUPERSETS = [
    (v.any(), A),
    (v.number(), v.integer()),
    (v.string(), v.id("users")),
    (v.string(), v.literal("x")),
    (v.number(), v.literal(5)),
    (v.integer(), v.literal(5)),
    (v.literal(5), v.literal(5.0)),
    (v.int64(), v.literal(Int64(5))),
    (v.nullable(v.string()), v.string()),
    (v.union(v.null(), v.number(), v.string()), v.union(v.string(), v.integer())),
    (v.array(v.number()), v.array(v.integer())),
    (A_MAYBE_B, A),
    (A_MAYBE_B, A_B),
    (v.object({}, rest=v.string()), A),
    (v.object({}, rest=v.any()), v.record(v.string(), v.null())),
    (v.object({"a": v.optional(v.any())}, rest=v.any()), v.record(v.string(), v.null())),
    (v.record(v.string(), v.number()), v.record(v.id("users"), v.integer())),
    (v.optional(v.string()), v.string()),
]
OTHERS = [
    (A, v.any()),
    (v.integer(), v.number()),
    (v.integer(), v.literal(5.5)),
    (v.id("users"), v.string()),
    (v.id("users"), v.id("posts")),
    (v.literal("x"), v.string()),
    (v.int64(), v.literal(5)),
    (v.literal(Int64(5)), v.literal(5)),
    (v.string(), v.nullable(v.string())),
    (A_B, A),
    (A_B, A_MAYBE_B),
    (A, A_B),
    (A, v.object({"a": v.string()}, rest=v.any())),
    (v.object({"a": v.optional(v.null())}, rest=v.any()), v.object({}, rest=v.any())),
    (v.object({"a": v.optional(v.null())}), v.object({}, rest=v.any())),
    (v.object({"a": v.any()}, rest=v.any()), v.record(v.string(), v.any())),
    (v.object({}, rest=v.string()), v.record(v.string(), v.any())),
    (v.object({}, rest=v.number()), A),
    (A, v.record(v.string(), v.string())),
    (v.record(v.string(), v.string()), A),
    (v.array(v.string()), A),
]


def test_supersets_are_known():
    assert [pair for pair in SUPERSETS if not is_superset(*pair)] == []
    assert [pair for pair in OTHERS if is_superset(*pair)] == []


@given(st.data(), validators, validators)
def test_a_superset_takes_every_stored_value_unchanged(data, new, old):
    if is_superset(new, old):
        value = data.draw(matching(old))
        assert new.check(value) == value or value != value


@given(validators)
def test_every_validator_is_a_superset_of_itself(validator):
    assert is_superset(validator, validator)
    assert is_superset(v.nullable(validator), validator)


def test_an_index_that_becomes_unique_is_changed_and_not_rebuilt() -> None:
    plain, unique = (schema(t=table(A_B).index("i", ["a"], unique=is_unique)) for is_unique in (False, True))
    there, back = diff(plain, unique), diff(unique, plain)
    assert [index.unique for _, index in there.changed_indexes] == [True]
    assert [index.unique for _, index in back.changed_indexes] == [False]
    assert (there.added_indexes, there.removed_indexes, there.enabled_indexes) == ((), (), ())
    assert str(there) == "~ index t.i (a) unique"
    assert str(diff(None, unique)) == "+ table t\n+ index t.i (a) unique"
    staged = schema(t=table(A_B).index("i", ["a"], staged=True))
    assert str(diff(staged, unique)) == "enabled index t.i (a) unique"
    assert diff(unique, unique).is_empty
