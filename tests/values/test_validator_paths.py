"""What a validator says about the fields of documents."""

from __future__ import annotations

import pytest

from nbconvex.values.validator_paths import known_paths, validators_at
from nbconvex.values.validators import Validator, v

PERSON = v.object({"name": v.string(), "home": v.optional(v.nullable(v.object({"city": v.string()})))})
EITHER = v.union(v.object({"kind": v.literal("a"), "n": v.number()}), v.object({"kind": v.literal("b"), "m": v.any()}))


@pytest.mark.parametrize(
    ("validator", "path", "known"),
    [
        (PERSON, "nam", {"name", "home"}),
        (PERSON, "home.cty", {"name", "home", "home.city"}),
        (PERSON, "name.first", {"name", "home"}),
        (EITHER, "x", {"kind", "n", "m"}),
        (EITHER, "m.x", None),
        (v.any(), "x", None),
        (v.object({"name": v.string()}, rest=v.any()), "x", None),
        (v.object({"name": v.string()}, rest=v.any()), "name", {"name"}),
        (v.object({"scores": v.record(v.string(), v.number())}), "scores.math", None),
        (v.object({"tags": v.array(v.string())}), "tags.x", {"tags"}),
    ],
)
def test_the_fields_that_there_can_be(validator: Validator, path: str, known: set[str] | None) -> None:
    assert known_paths(validator, path) == known


@pytest.mark.parametrize(
    ("validator", "path", "found"),
    [
        (PERSON, "name", (v.string(),)),
        (PERSON, "home.city", (v.string(),)),
        (PERSON, "nothing", ()),
        (PERSON, "name.x", ()),
        (EITHER, "kind", (v.literal("a"), v.literal("b"))),
        (EITHER, "m", None),
        (v.object({"scores": v.record(v.string(), v.number())}), "scores.math", None),
        (None, "x", None),
    ],
)
def test_what_may_stand_at_a_path(validator: Validator | None, path: str, found: tuple[Validator, ...] | None) -> None:
    assert validators_at(validator, path) == found
