"""Forms made of validators: nbconvex.dashboard.argument_form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbconvex import Int64, v
from nbconvex.dashboard.argument_form import OTHERS, WHOLE, control_of, form_of, shown_validator
from nbconvex.errors import CallerError
from nbconvex.functions.definition import define


def form_for(handler: Any, args: Any = None) -> Any:
    return form_of(define("query", handler, "m:f", args=args))


def read_one(validator: Any, answer: Any) -> Any:
    values, problems = form_for(lambda ctx, x: None, {"x": validator}).read({"x": answer})
    return problems["x"] if problems else values["x"]


def test_each_kind_of_validator_has_its_control() -> None:
    kinds = {
        "text": v.string(), "number": v.number(), "whole": v.integer(), "int64": v.int64(), "time": v.datetime(),
        "id": v.id("notes"), "choice": v.boolean(), "fixed": v.literal("a"), "union": v.union(v.string(), v.number()),
        "value": v.array(v.string()),
    }  # fmt: skip
    assert {kind: control_of(each).kind for kind, each in kinds.items()} == {kind: kind for kind in kinds}
    values = (v.any(), v.bytes(), v.object({}), v.record(v.string(), v.any()))
    assert {control_of(each).kind for each in values} == {"value"}
    assert control_of(v.null()).kind == "fixed"


def test_unions_of_literals_are_one_choice_and_null_stands_beside() -> None:
    colour = control_of(v.union(v.literal("red"), v.literal("green"), v.null()))
    assert (colour.kind, colour.choices, colour.is_nullable) == ("choice", ("red", "green"), True)
    maybe = control_of(v.nullable(v.string()))
    assert (maybe.kind, maybe.is_nullable) == ("text", True)
    either = control_of(v.union(v.string(), v.array(v.number()), v.null()))
    assert ([each.kind for each in either.members], either.is_nullable) == (["text", "value"], True)


def test_a_form_is_safe_for_json_and_says_what_may_be_left_out() -> None:
    form = form_for(
        lambda ctx, name, limit=10, flag=None: None,
        {"name": v.string(), "limit": v.optional(v.number()), "flag": v.boolean(default=True)},
    )
    told = json.loads(json.dumps(form.to_json()))
    assert [(each["name"], each["optional"], each["default"]) for each in told["fields"]] == [
        ("name", False, ""), ("limit", True, ""), ("flag", True, "True"),
    ]  # fmt: skip
    assert told["fields"][2]["control"]["choices"] == ["true", "false"]
    assert not told["open"]


@pytest.mark.parametrize(
    ("validator", "answer", "value"),
    [
        (v.string(), {"text": " as it is "}, " as it is "),
        (v.string(), {"text": ""}, ""),
        (v.number(), {"text": " 1_000 "}, 1000),
        (v.number(), {"text": "2.5e3"}, 2500.0),
        (v.number(), {"text": "-Infinity"}, float("-inf")),
        (v.integer(), {"text": "7.0"}, 7),
        (v.int64(), {"text": "9223372036854775807"}, Int64(2**63 - 1)),
        (v.boolean(), {"choice": 1}, False),
        (v.literal("a"), {"choice": 0}, "a"),
        (v.id("notes"), {"text": " abc "}, "abc"),
        (v.datetime(), {"text": "2023-11-14T22:13:20Z"}, 1_700_000_000_000.0),
        (v.datetime(), {"text": "1700000000000"}, 1_700_000_000_000.0),
        (v.array(v.number()), {"text": "[1, 2]"}, [1, 2]),
        (v.object({"a": v.null()}), {"text": '{"a": null}'}, {"a": None}),
        (v.bytes(), {"text": 'b"\\x00a"'}, b"\x00a"),
        (v.any(), {"text": "plain words"}, "plain words"),
        (v.nullable(v.number()), {"null": True}, None),
        (v.union(v.string(), v.number()), {"member": 1, "answer": {"text": "5"}}, 5),
    ],
)
def test_answers_are_read_by_the_type_of_their_field(validator, answer, value) -> None:
    read = read_one(validator, answer)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("validator", "answer", "told"),
    [
        (v.string(), None, "String is wanted."),
        (v.string(), {"text": 5}, "String is wanted."),
        (v.string(), "x", "An answer is an object, not str."),
        (v.string(), {"null": True}, "Null is no string."),
        (v.string(), {"text": "x" * 1_000_001}, "1,000,001 characters are too many"),
        (v.number(), {"text": ""}, "A number is wanted."),
        (v.number(), {"text": "1,5"}, "'1,5' is no number. A decimal point is a point."),
        (v.integer(), {"text": "1.5"}, "A whole number is wanted, not 1.5."),
        (v.integer(), {"text": "nan"}, "A whole number is wanted"),
        (v.int64(), {"text": "x"}, "'x' is no number."),
        (v.int64(), {"text": str(2**63)}, "64"),
        (v.boolean(), {"choice": 2}, "One of the choices is wanted."),
        (v.boolean(), {"choice": True}, "One of the choices is wanted."),
        (v.id("notes"), {"text": " "}, "An id is wanted."),
        (v.datetime(), {"text": "tomorrow"}, "'tomorrow' is no time"),
        (v.array(v.any()), {"text": "[1, 2"}, "cannot be read"),
        (v.array(v.any()), {"text": ""}, "A value is wanted"),
        (v.array(v.any()), {"text": "[" * 100_000}, "cannot be read"),
        (v.union(v.string(), v.number()), {"member": 1, "answer": {"text": "x"}}, "'x' is no number."),
        (v.union(v.string(), v.number()), {"member": "1"}, "One of the choices is wanted."),
    ],
)
def test_an_answer_that_cannot_be_read_has_a_sentence(validator, answer, told) -> None:
    assert told in read_one(validator, answer)


def test_what_is_left_out_is_not_passed() -> None:
    form = form_for(lambda ctx, a=1: None, {"a": v.optional(v.number())})
    assert form.read({}) == form.read({"a": None}) == ({}, {})


def test_answers_to_another_form_are_refused() -> None:
    form = form_for(lambda ctx, a: None, {"a": v.number()})
    with pytest.raises(CallerError, match="takes no 'b'"):
        form.read({"b": {"text": "1"}})
    with pytest.raises(CallerError, match="answers of a form are an object, got list"):
        form.read([])


def test_functions_without_validators_have_a_form_by_their_parameters() -> None:
    plain = form_for(lambda ctx, a, b=2: None)
    assert [(each.name, each.control.kind, each.is_optional) for each in plain.fields] == [
        ("a", "value", False), ("b", "value", True),
    ]  # fmt: skip
    assert plain.read({"a": {"text": "5"}}) == ({"a": 5}, {})
    assert form_for(lambda ctx: None).fields == ()


def test_handlers_that_take_a_dict_are_asked_for_all_at_once() -> None:
    form = form_for(lambda ctx, args: None)
    assert [each.name for each in form.fields] == [WHOLE]
    assert form.read({WHOLE: {"text": "{'a': 1}"}}) == ({"a": 1}, {})
    assert form.read({}) == ({}, {})
    assert "An object is wanted" in form.read({WHOLE: {"text": "5"}})[1][WHOLE]


def test_further_arguments_stand_in_one_field() -> None:
    def f(ctx, a: int, **more: str) -> None:
        """Any."""

    form = form_for(f)
    assert [each.name for each in form.fields] == ["a", OTHERS]
    assert form.read({"a": {"text": "1"}, OTHERS: {"text": '{"b": "x"}'}}) == ({"a": 1, "b": "x"}, {})
    told = form.read({"a": {"text": "1"}, OTHERS: {"text": '{"a": "x"}'}})[1]
    assert told == {OTHERS: "There is a field for a above."}


def test_a_wide_form_ends_in_one_field_for_the_rest() -> None:
    form = form_for(lambda ctx, **args: None, {f"f{at}": v.number() for at in range(102)})
    assert len(form.fields) == 101
    assert (form.fields[-1].name, form.fields[-1].is_optional) == (OTHERS, False)


def test_a_place_in_the_arguments_belongs_to_a_field() -> None:
    form = form_for(lambda ctx, a, ab: None, {"a": v.any(), "ab": v.any()})
    assert [form.field_at(each) for each in (".a", ".a[0].x", ".ab.c", ".abc", "")] == ["a", "a", "ab", "", ""]


def test_validators_in_a_few_words() -> None:
    shown = [
        shown_validator(each)
        for each in (
            None, v.id("notes"), v.array(v.string()), v.nullable(v.number()), v.integer(), v.literal("a"),
            v.object({"a": v.any(), "b": v.any()}), v.object({}), v.object({}, rest=v.any()),
            v.record(v.string(), v.any()), v.datetime(),
        )
    ]  # fmt: skip
    assert shown == [
        "anything", "id of notes", "list of string", "number or null", "whole number", "a", "object with a, b",
        "object with no fields", "object", "record", "time",
    ]  # fmt: skip
