"""The migration cells that a refused schema offers: nbconvex.notebook.migration_draft."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from nbconvex import UNSET, Int64, v
from nbconvex.database.misfits import Misfit
from nbconvex.notebook.migration_draft import drafts


def text_of(*misfits: Misfit, checked=(), taken=()) -> str:
    return drafts({"users": list(misfits)}, checked=checked, taken=taken)["users"]


def function_of(text: str):
    """The function of a draft, which runs as it stands."""
    first, _, body = text.partition("\n")
    assert first.startswith("%%migration ")
    namespace = {"UNSET": UNSET, "Int64": Int64}
    exec(compile(ast.parse(body), "<draft>", "exec"), namespace)
    return lambda **doc: namespace["migrate_one"](None, doc)


def missing(validator) -> Misfit:
    return Misfit("a", "missing", validator, None, "id", 2)


def wrong(validator, *found) -> Misfit:
    return Misfit("a", "wrong", validator, None, "id", 1, Counter(found))


@pytest.mark.parametrize(
    ("validator", "value"),
    [
        (v.string(), ""),
        (v.number(), 0),
        (v.int64(), Int64(0)),
        (v.boolean(), False),
        (v.null(), None),
        (v.any(), None),
        (v.bytes(), b""),
        (v.array(v.string()), []),
        (v.record(v.string(), v.any()), {}),
        (v.literal("open"), "open"),
        (v.union(v.id("x"), v.literal(3)), 3),
        (v.object({"x": v.string(), "y": v.optional(v.id("x")), "z": v.array(v.any())}), {"x": "", "z": []}),
    ],
)
def test_missing_field_is_filled_with_something_that_fits(validator, value):
    change = function_of(text_of(missing(validator)))
    assert change() == {"a": value}
    assert change(a=5) == {}
    assert "a placeholder" in text_of(missing(validator))


def test_default_of_the_schema_is_what_a_missing_field_is_filled_with():
    text = text_of(missing(v.string(default="fine")))
    assert function_of(text)() == {"a": "fine"}
    assert "placeholder" not in text
    assert function_of(text_of(missing(v.nullable(v.string(), default=None))))() == {"a": None}
    assert function_of(text_of(missing(v.object({"x": v.array(v.any(), default=list)}))))() == {"a": {"x": []}}
    made_anew = text_of(missing(v.string(default=lambda: "x")))
    assert function_of(made_anew)() == {"a": ""}
    assert "a placeholder" in made_anew


def test_id_that_nobody_can_make_up_is_left_to_the_author():
    for validator in (v.id("x"), v.object({"x": v.id("x")})):
        text = text_of(missing(validator))
        assert function_of(text)() == {}
        assert '# if "a" not in doc:' in text


@pytest.mark.parametrize(
    ("validator", "found", "before", "after"),
    [
        (v.string(), "number", 5, "5"),
        (v.string(), "int64", Int64(5), "5"),
        (v.number(), "string", "5.5", 5.5),
        (v.number(), "boolean", True, 1),
        (v.int64(), "number", 5.0, Int64(5)),
        (v.int64(), "string", "5", Int64(5)),
        (v.boolean(), "number", 1, True),
        (v.boolean(), "string", "False", False),
        (v.bytes(), "string", "ä", "ä".encode()),
        (v.array(v.string()), "string", "x", ["x"]),
        (v.array(v.number()), "number", 1, [1]),
        (v.array(v.string()), "number", 1, ["1"]),
        (v.union(v.null(), v.number()), "string", "5", 5.0),
        (v.number(), "null", None, 0),
        (v.optional(v.number()), "null", None, UNSET),
        (v.id("x"), "number", 5, 5),
        (v.object({"x": v.string()}), "object", {"y": 1}, {"y": 1}),
    ],
)
def test_value_of_another_type_is_converted_or_left_as_it_is(validator, found, before, after):
    change = function_of(text_of(wrong(validator, found)))
    assert change(a=before) == {"a": after}
    assert change(b=1) == {}
    assert change(a=[Int64(1)] if found != "array" else "x") == {}


def test_several_types_have_a_line_each_and_a_boolean_is_no_number():
    change = function_of(text_of(wrong(v.string(), "number", "number", "boolean")))
    assert change(a=1) == {"a": "1"}
    assert change(a=True) == {"a": "True"}
    assert function_of(text_of(wrong(v.string(), "number")))(a=True) == {}


def test_extra_field_is_taken_out():
    change = function_of(text_of(Misfit("a", "extra", None, v.string(), "id", 1)))
    assert change(a="x") == {"a": UNSET}
    assert change(b="x") == {}


def test_order_is_said_and_a_schema_in_force_is_loosened_first():
    misfits = (
        Misfit("age", "missing", v.number(), None, "id", 1),
        Misfit("zip", "wrong", v.number(), v.string(), "id", 1, Counter(["string"])),
        Misfit("nick", "extra", None, v.string(), "id", 1),
        Misfit("sum", "wrong", v.number(), v.any(), "id", 1, Counter(["string"])),
        Misfit("note", "wrong", v.string(), v.optional(v.union(v.string(), v.null())), "id", 1, Counter(["null"])),
        Misfit("note", "missing", v.string(), v.optional(v.union(v.string(), v.null())), "id", 1),
    )
    text = text_of(*misfits, checked=["users"])
    for line in (
        '#      "age": v.optional(v.float64()),',
        '#      "zip": v.union(v.string(), v.float64()),',
        '#      "nick": v.optional(v.string()),',
        '#      "sum": v.any(),',
        '#      "note": v.optional(v.union(v.string(), v.null())),',
    ):
        assert line in text.splitlines()
    assert text.index("# 1. Loosen") < text.index("# 2. Migrate") < text.index("# 3. Tighten")
    assert "Loosen" not in text_of(*misfits)


def test_name_is_one_that_is_free():
    assert text_of(missing(v.string())).startswith("%%migration fit_users --table users\n")
    taken = ("fit_users", "fit_users_2")
    assert text_of(missing(v.string()), taken=taken).startswith("%%migration fit_users_3 --table users\n")


def test_names_from_the_data_add_no_line_and_no_code():
    hostile = 'x"]; import os #\n'
    text = text_of(Misfit(hostile, "extra", None, None, "id", 1))
    assert function_of(text)(**{hostile: 1}) == {hostile: UNSET}
    assert len(text.splitlines()) == len(text_of(Misfit("a", "extra", None, None, "id", 1)).splitlines())


def test_a_default_fills_the_field_and_one_that_a_function_makes_is_left_to_the_author():
    assert function_of(text_of(missing(v.string(default='a "b"\n'))))() == {"a": 'a "b"\n'}
    assert function_of(text_of(missing(v.array(v.string(), default=list))))() == {"a": []}
    made = text_of(missing(v.string(default=lambda: "made")))
    assert function_of(made)() == {"a": ""}
    assert "a placeholder" in made
