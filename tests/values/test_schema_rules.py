"""Each rule of a schema, with its own sentence."""

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.schema import define_schema, table
from nbconvex.values.schema_rules import check_identifier, has_field
from nbconvex.values.validators import v

ITEMS = table({"a": v.string(), "b": v.number(), "o": v.object({"x": v.any(), "r": v.record(v.string(), v.null())})})


def indexed(*fields, name="by_it", of=ITEMS):
    return lambda: of.index(name, list(fields))


def named(name):
    return lambda: define_schema({name: ITEMS})


def rule(make, words, case=None):
    return pytest.param(make, words, marks=[pytest.mark.case(f"schema/{case}")] if case else [])


RULES = [
    rule(lambda: table({"_a": v.any()}), 'a field cannot be named "_a"', "field_name_underscore"),
    rule(lambda: table(v.union(v.object({"_a": v.any()}))), 'a field cannot be named "_a"'),
    rule(
        lambda: table(v.union(v.object({"a-b": v.any()}))),
        'a field cannot be named "a-b"',
        "field_name_in_union_member",
    ),
    rule(lambda: table({"x" * 65: v.any()}), "at most 64 letters"),
    rule(lambda: table({"1a": v.any()}), 'a field cannot be named "1a"'),
    rule(lambda: table({"a": v.array(v.object({"b c": v.any()}))}), 'a field cannot be named "b c"'),
    rule(lambda: table({"a": v.record(v.string(), v.union(v.object({"": v.any()})))}), 'a field cannot be named ""'),
    rule(lambda: table(v.string()), "a table is an object, a union of objects or any, not string"),
    rule(lambda: table(v.array(v.any())), "not array"),
    rule(lambda: table(v.record(v.string(), v.any())), "not record"),
    rule(lambda: table(v.union(v.object({}), v.string())), "this union has a member of kind string"),
    rule(lambda: table(v.optional(v.object({}))), "a table's validator cannot be optional"),
    rule(indexed("a", name="a-b"), 'an index cannot be named "a-b"', "index_name_identifier"),
    rule(indexed("a", name="by_id"), "every table has an index of that name already"),
    rule(indexed("a", name="by_creation_time"), "every table has an index of that name already"),
    rule(indexed("a", name="_x"), "names with an underscore in front are reserved"),
    rule(indexed("a", name="__"), "not made of underscores only"),
    rule(indexed("a", name=5), "must have a string as its name"),
    rule(indexed(), 'index "by_it" has no fields', "index_no_fields"),
    rule(lambda: ITEMS.index("by_it", "a"), ".index(\"by_it\", ['a'])"),
    rule(lambda: ITEMS.index("by_it", {"a": 1}), "needs a list of fields"),
    rule(indexed(*"abcdefghijklmnopq", of=table(v.any())), "at most 16"),
    rule(indexed("a", "b", "a"), 'has the field "a" twice', "index_repeated_field"),
    rule(indexed("_id"), "ctx.db.get(id)", "index_on_id"),
    rule(indexed("a", "_creationTime"), "it is the last field of every index already"),
    rule(indexed("_z"), "no field begins with an underscore"),
    rule(indexed("a..b"), 'index "by_it": a field cannot be named ""'),
    rule(indexed(5), "fields are named by strings"),
    rule(indexed("z"), 'is on "z", a field that the table does not have; its fields are a, b, o'),
    rule(indexed("o.z"), 'is on "o.z"'),
    rule(indexed("a.z"), 'is on "a.z"'),
    rule(indexed("a", of=table({})), "its fields are none"),
    rule(indexed("a", of=ITEMS.index("by_a", ["a"])), 'same fields as index "by_a"', "index_same_fields_twice"),
    rule(indexed("b", name="by_a", of=ITEMS.index("by_a", ["a"])), 'an index named "by_a" already'),
    rule(named("a b"), 'a table cannot be named "a b"'),
    rule(named("_files"), "names with an underscore in front are for system tables"),
    rule(named("t" * 65), "at most 64"),
    rule(named(5), "a table must have a string as its name"),
]


@pytest.mark.parametrize(("make", "words"), RULES)
def test_each_rule_has_its_sentence(make, words):
    with pytest.raises(SchemaInvalidError) as caught:
        make()
    assert words in str(caught.value)


def test_a_table_has_at_most_32_indexes():
    many = table(v.any())
    for number in range(32):
        many = many.index(f"by_{number}", [f"f{number}"])
    with pytest.raises(SchemaInvalidError, match="a table has at most 32 indexes"):
        many.index("by_32", ["f32"])


@pytest.mark.case("schema/system_fields_accepted", "schema/index_field_in_one_union_member")
@pytest.mark.parametrize(
    "make",
    [
        lambda: table({"_id": v.id("x"), "_creationTime": v.number(), "a": v.any()}).index("by_a", ["a"]),
        lambda: table(v.union(v.object({"a": v.any()}), v.object({"_id": v.any()}))).index("by_a", ["a"]),
        lambda: ITEMS.index("by_o", ["o.x.y.z", "o.r.key"]),
        lambda: ITEMS.index("ab", ["a", "b"]).index("ba", ["b", "a"]).index("a", ["a"]),
        lambda: table(v.object({"a": v.null()}, rest=v.any())).index("by_z", ["z"]),
        lambda: table({"x" * 64: v.any(), "_a_".strip("_"): v.object({"_inner": v.any()})}),
        lambda: table({}),
    ],
)
def test_what_keeps_the_rules_is_accepted(make):
    make()


def test_identifiers_and_paths():
    assert check_identifier("_a1", "x") == "_a1"
    assert has_field(v.string(), [])
    assert not has_field(v.string(), ["a"])
    assert not has_field(v.array(v.any()), ["a"])
