"""Validators as descriptions: constructors, source form, equality."""

import pytest
from hypothesis import given

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.scalars import Int64
from nbconvex.values.validators import as_validator, v
from tests.values.strategies import validators

SOURCES = [
    "v.null()",
    "v.float64()",
    "v.integer()",
    "v.int64()",
    "v.boolean()",
    "v.string()",
    "v.bytes()",
    "v.any()",
    'v.id("users")',
    'v.literal("it\'s \\"x\\"")',
    "v.literal(5)",
    "v.literal(5.5)",
    "v.literal(True)",
    "v.literal(Int64(5))",
    "v.array(v.string())",
    'v.object({"a": v.string(), "b": v.optional(v.union(v.string(), v.int64()))})',
    "v.object({})",
    'v.object({"a": v.string()}, rest=v.any())',
    'v.record(v.id("users"), v.float64())',
    "v.union()",
    "v.union(v.string(), v.null())",
    "v.optional(v.array(v.any()))",
]


def read(source):
    return eval(source, {"v": v, "Int64": Int64})


@pytest.mark.parametrize("source", SOURCES)
def test_a_validator_prints_as_the_source_that_makes_it(source):
    assert str(read(source)) == repr(read(source)) == source


@given(validators)
def test_the_source_of_a_validator_makes_an_equal_one(validator):
    again = read(str(validator))
    assert again == validator
    assert hash(again) == hash(validator)


def test_other_spellings_make_the_same_validators():
    assert v.number() == v.float64()
    assert v.bigint() == v.int64()
    assert v.nullable(v.string()) == v.union(v.string(), v.null())
    assert v.literals("a", 1) == v.union(v.literal("a"), v.literal(1))


def test_equality_looks_through_order_of_fields_and_kinds_of_numbers():
    assert v.object({"a": v.any(), "b": v.null()}) == v.object({"b": v.null(), "a": v.any()})
    assert v.literal(1) == v.literal(1.0)
    different = [
        v.literal(1), v.literal(True), v.literal(Int64(1)), v.literal("1"), v.number(), v.integer(), v.string(),
        v.optional(v.string()), v.id("a"), v.id("b"), v.array(v.any()), v.object({}), v.object({}, rest=v.any()),
        v.object({"a": v.any()}), v.object({"a": v.optional(v.any())}), v.union(), v.record(v.string(), v.any()),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert v.string() != "v.string()"


def test_validators_can_be_inspected():
    shape = v.object(
        {"a": v.optional(v.array(v.id("users"))), "b": v.record(v.string(), v.null()), "c": v.union(v.literal("x"))}
    )
    a, b, c = shape.fields.values()
    assert (shape.kind, list(shape.fields), shape.is_optional) == ("object", ["a", "b", "c"], False)
    assert (a.kind, a.is_optional, a.element.kind, a.element.table_name) == ("array", True, "id", "users")
    assert (b.kind, b.key.kind, b.value.kind) == ("record", "string", "null")
    assert (c.kind, c.members[0].kind, c.members[0].value) == ("union", "literal", "x")
    with pytest.raises(TypeError):
        shape.fields["d"] = v.any()
    with pytest.raises(AttributeError):
        shape.rest = v.any()


@pytest.mark.case("schema/pick_omit_extend_partial")
def test_objects_are_derived_from_objects():
    shape = v.object({"a": v.string(), "b": v.number()})
    assert shape.pick("a") == v.object({"a": v.string()})
    assert shape.omit("a") == v.object({"b": v.number()})
    assert shape.extend({"c": v.null()}) == v.object({"a": v.string(), "b": v.number(), "c": v.null()})
    assert shape.extend({"a": v.null()}).fields["a"] == v.null()
    assert shape.partial() == v.object({"a": v.optional(v.string()), "b": v.optional(v.number())})
    with pytest.raises(SchemaInvalidError, match='has no field "c"; it has a, b'):
        shape.pick("c")
    with pytest.raises(SchemaInvalidError, match='has no field "c"'):
        shape.omit("c")


def test_optional_is_taken_and_given():
    assert v.optional(v.optional(v.string())) == v.optional(v.string()) == v.string().optional()
    assert v.optional(v.string()).required() == v.string() == v.string().required()


NAN = float("nan")
WRONG = [
    pytest.param(
        lambda: v.object({"a": None}),
        'the field "a" has no validator',
        marks=pytest.mark.case("schema/undefined_validator"),
    ),
    pytest.param(
        lambda: v.array(None),
        "usually the cell that defines it has not been run",
        marks=pytest.mark.case("schema/undefined_validator"),
    ),
    pytest.param(lambda: v.literal(NAN), "cannot be nan", marks=pytest.mark.case("schema/literal_nan")),
    pytest.param(
        lambda: v.record(v.literal("a"), v.any()),
        "For fixed keys write v.object",
        marks=pytest.mark.case("schema/record_keys"),
    ),
    pytest.param(
        lambda: v.record(v.optional(v.string()), v.any()),
        "the key of v.record cannot be optional",
        marks=pytest.mark.case("schema/record_keys"),
    ),
    pytest.param(
        lambda: v.record(v.string(), v.optional(v.any())),
        "the value of v.record cannot be optional",
        marks=pytest.mark.case("schema/record_keys"),
    ),
    (lambda: v.record(v.union(v.string(), v.union(v.number())), v.any()), "a union of them, got v.float64()"),
    (lambda: v.literal(float("inf")), "cannot be inf"),
    (lambda: v.literal(None), "v.literal takes"),
    (lambda: v.literal(2**60), "v.literal(Int64(x))"),
    (lambda: v.array(v.optional(v.string())), "only a field of an object may be absent"),
    (lambda: v.union(v.optional(v.string())), "a member of v.union cannot be optional"),
    (lambda: v.object({"a": v.string}), "v.string()"),
    (lambda: v.object({"a": str}), "v.string()"),
    (lambda: v.object({"a": {"b": v.string()}}), "v.object({...})"),
    (lambda: v.object({"a": "string"}), "must be a validator"),
    (lambda: v.object({"a": object}), "must be a validator"),
    (lambda: v.object([v.string()]), "takes a dict"),
    (lambda: v.object({5: v.string()}), "names of fields are strings"),
    (lambda: v.object({"$a": v.string()}), "cannot be the name of a field"),
    (lambda: v.object({"é": v.string()}), "cannot be the name of a field"),
    (lambda: v.id("a b"), "v.id takes the name of a table"),
    (lambda: v.id(None), "v.id takes the name of a table"),
    (lambda: v.optional(None), "has no validator"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_wrong_validators_are_refused_when_they_are_made(make, words):
    with pytest.raises(SchemaInvalidError) as caught:
        make()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("date", "v.datetime() for a moment"),
        ("email", "check the text"),
        ("str", "v.string()"),
        ("strng", "there are any, array"),
    ],
)
def test_constructors_that_do_not_exist_have_an_answer(name, words):
    with pytest.raises(AttributeError, match=f"v.{name} does not exist") as caught:
        getattr(v, name)
    assert words in str(caught.value)


def test_as_validator_returns_validators_as_they_are():
    shape = v.string()
    assert as_validator(shape, "here") is shape
    assert not hasattr(v, "__wrapped__")
