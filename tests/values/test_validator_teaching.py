"""Sentences about what is no validator: nbconvex.values.validator_teaching."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.values.scalars import Int64
from nbconvex.values.validator_teaching import not_a_validator, unknown_word
from nbconvex.values.validators import v


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (None, "has no validator (it is None)"),
        (v.string, "is v.string itself; call it\n  Write instead:  v.string()"),
        (str, "must be a validator, got the type str\n  Write instead:  v.string()"),
        (Int64, "Write instead:  v.int64()"),
        ({"a": 1}, "must be a validator, got a dict"),
        (5, "must be a validator such as v.string(), got int 5"),
    ],
)
def test_each_usual_mistake_has_its_sentence(item: Any, words: str) -> None:
    sentence = str(not_a_validator(item, 'table: the field "a"', v))
    assert sentence.startswith('table: the field "a" ')
    assert words in sentence


def test_words_that_v_does_not_have_lead_to_those_that_it_has() -> None:
    assert unknown_word("email", []) == "v.email does not exist; check the text in the function: v.string()"
    assert unknown_word("zzz", ["any", "id"]) == "v.zzz does not exist; there are any, id"
