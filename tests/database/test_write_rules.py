"""What a unique rule compares, and which tables have rules."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.database.write_rules import UniqueRule, rules_of
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key
from nbconvex.values.validators import v

RULE = UniqueRule("by_email", ("email",))


def test_a_table_without_rules_is_not_listed() -> None:
    plain = table({"a": v.string()}).index("by_a", ["a"])
    unique = table({"a": v.string()}).index("by_a", ["a"], unique=True)
    rules = rules_of(define_schema({"plain": plain, "ruled": unique}))
    assert list(rules) == ["ruled"]
    assert rules["ruled"].unique == (UniqueRule("by_a", ("a",)),)


@pytest.mark.parametrize("document", [{}, {"email": None}, {"other": "x"}])
def test_absent_and_null_are_not_compared(document: dict[str, Any]) -> None:
    assert RULE.key(document) is None


def test_one_missing_field_of_several_is_enough_not_to_be_compared() -> None:
    rule = UniqueRule("by_both", ("team", "profile.email"))
    assert rule.key({"team": "a", "profile": {}}) is None
    assert rule.key({"team": "a", "profile": {"email": "x"}}) == encode_key("a") + encode_key("x")


def test_numbers_are_compared_as_indexes_order_them() -> None:
    assert RULE.key({"email": 5}) == RULE.key({"email": 5.0})
    assert RULE.key({"email": 5}) != RULE.key({"email": Int64(5)})


def test_a_sentence_shows_each_field_and_cuts_long_values() -> None:
    rule = UniqueRule("by_both", ("team", "name"))
    shown = rule.shown({"team": "a", "name": "n" * 5_000})
    assert shown.startswith('team = "a" and name = "nnn')
    assert len(shown) < 200
