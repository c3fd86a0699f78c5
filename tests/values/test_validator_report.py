"""Reports, whole."""

import pytest

from nbconvex.errors import ValueInvalidError
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import Int64
from nbconvex.values.validator_report import MismatchKind, ValidationProblem, show_value
from nbconvex.values.validators import v

TABLES = {10001: "users", 10002: "posts", 12: "_storage"}
USER, POST, FILE, NOBODY = (encode_id(number, bytes(16)) for number in (10001, 10002, 12, 10003))
NO_MATCH = "Value does not match validator."


def case(name, fields, value, *report):
    return pytest.param(fields, value, "\n".join(report), marks=pytest.mark.case(*name.split()), id=name.split("/")[-1])


REPORTS = [
    case(
        "args-validation/args_validation_extra_field returns-validation/incomplete_validator_query",
        {"a": v.string()}, {"a": "x", "b": 1},
        'Object has an extra field "b" that is not in the validator.',
        'Object: {"a": "x", "b": 1}',
        'Validator: v.object({"a": v.string()})',
    ),
    case(
        "args-validation/missing_before_extra",
        {"a": v.string()}, {"b": 1},
        'Object is missing the required field "a". If it may be absent, wrap its validator in v.optional(...).',
        'Object: {"b": 1}',
        'Validator: v.object({"a": v.string()})',
    ),
    case(
        "args-validation/wrong_type returns-validation/primitive_wrong",
        {"a": v.string()}, {"a": 1},
        NO_MATCH, "Path: .a", "Value: 1", "Validator: v.string()",
    ),
    pytest.param(
        {"a": v.optional(v.string())}, {"a": None},
        "Value does not match validator. None is a value, null: leave an optional field out, or wrap its validator in "
        "v.nullable(...).\nPath: .a\nValue: None\nValidator: v.string()",
        id="null_in_an_optional_field",
    ),
    case(
        "args-validation/args_validation_nested_path",
        {"a": v.array(v.object({"b": v.string()}))}, {"a": [{"b": "x"}, {"b": 2}]},
        NO_MATCH, "Path: .a[1].b", "Value: 2", "Validator: v.string()",
    ),
    case(
        "args-validation/wrong_type",
        {"tags": v.array(v.string())}, {"tags": ["a", 1]},
        NO_MATCH, "Path: .tags[1]", "Value: 1", "Validator: v.string()",
    ),
    case(
        "args-validation/record_value_path",
        {"m": v.record(v.string(), v.number())}, {"m": {"k": "x"}},
        NO_MATCH, "Path: .m.values()", 'Value: "x"', "Validator: v.float64()",
    ),
    case(
        "args-validation/record_key_path",
        {"m": v.record(v.id("users"), v.number())}, {"m": {"nope": 1}},
        NO_MATCH, "Path: .m.keys()", 'Value: "nope"', 'Validator: v.id("users")',
    ),
    case(
        "args-validation/literal_mismatch",
        {"a": v.literal("x")}, {"a": "y"},
        'Value "y" is not the literal that v.literal("x") asks for.',
        "Path: .a", 'Value: "y"', 'Validator: v.literal("x")',
    ),
    case(
        "args-validation/id_wrong_table",
        {"a": v.id("users")}, {"a": POST},
        f'ID "{POST}" belongs to table "posts", not to "users" as v.id("users") asks.',
        "Path: .a", f'Value: "{POST}"', 'Validator: v.id("users")',
    ),
    case(
        "args-validation/id_garbage",
        {"a": v.id("users")}, {"a": "hello"},
        NO_MATCH, "Path: .a", 'Value: "hello"', 'Validator: v.id("users")',
    ),
    case(
        "args-validation/union_none",
        {"a": v.union(v.string(), v.number())}, {"a": True},
        NO_MATCH, "Path: .a", "Value: True", "Validator: v.union(v.string(), v.float64())",
    ),
    case(
        "args-validation/validator_printing args-validation/optional_null_refused",
        {"a": v.optional(v.union(v.string(), v.int64()))}, {"a": 1, "b": None},
        'Object has an extra field "b" that is not in the validator.',
        'Object: {"a": 1, "b": None}',
        'Validator: v.object({"a": v.optional(v.union(v.string(), v.int64()))})',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "value", "report"), REPORTS)
def test_reports_have_their_lines(fields, value, report):
    with pytest.raises(ValidationProblem) as caught:
        v.object(fields).check(value, TABLES)
    assert caught.value.report == str(caught.value) == report


@pytest.mark.parametrize(
    ("validator", "value", "first", "path"),
    [
        (v.id("users"), FILE, f'ID "{FILE}" belongs to the system table "_storage", not to "users"', ""),
        (v.id("users"), NOBODY, f'ID "{NOBODY}" belongs to no table of this database, not to "users"', ""),
        (v.record(v.string(), v.any()), {"_a": 1}, 'A key of a record may not be empty or start with "_".', ".keys()"),
        (v.union(v.array(v.string())), [1], NO_MATCH, "[0]"),
        (v.union(v.union(v.object({"a": v.string()}))), {}, "Object is missing", ""),
        (v.union(v.array(v.string()), v.null()), [1], NO_MATCH, ""),
        (v.object({"o": v.object({"a": v.string()})}), {"o": {"b": 1}}, "Object is missing", ".o"),
        (v.object({"o": v.object({"a": v.any()})}), {"o": {"a": 1, "b": 1}}, 'Object has an extra field "b"', ".o"),
        (v.object({"a b": v.string()}), {"a b": 1}, NO_MATCH, "['a b']"),
        (v.object({}, rest=v.string()), {"z": 1}, NO_MATCH, ".z"),
        (v.object({"a": v.string(), "b": v.string()}), {"a": 1}, NO_MATCH, ".a"),
    ],
)
def test_reports_begin_with_the_fault_and_know_its_place(validator, value, first, path):
    with pytest.raises(ValidationProblem) as caught:
        validator.check(value, TABLES)
    assert caught.value.report.startswith(first)
    assert caught.value.path == path


def test_a_problem_is_an_error_of_the_caller_with_its_kind():
    with pytest.raises(ValueInvalidError) as caught:
        v.string().check(5)
    assert (caught.value.code, caught.value.kind, caught.value.hint) == ("ValueInvalid", MismatchKind.NO_MATCH, None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, 2.5, None, True], "é": 'x"'}, '{"a": [1, 2.5, None, True], "é": "x\\""}'),
        ({}, "{}"),
        ([], "[]"),
        ((1,), "[1]"),
        (Int64(5), "Int64(5)"),
        (b"ab", "b'ab'"),
        (object, "<class 'object'>"),
    ],
)
def test_values_are_shown_as_source(value, shown):
    assert show_value(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        ["x"] * 8192,
        {f"field{n}": "text" for n in range(1024)},
        b"x" * 10_000_000,
        [[["deep" * 50] * 50] * 50] * 50,
        range(10**9),
        type("Long", (), {"__repr__": lambda _: "y" * 1000})(),
    ],
)
def test_large_values_are_shown_short(value):
    assert len(show_value(value)) < 420
