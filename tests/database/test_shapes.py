"""Validators concluded from documents: nbconvex.database.shapes."""

from __future__ import annotations

import pytest

from nbconvex.database.shapes import RECORD_KEYS_MIN, shape_of
from nbconvex.testing import convex_test
from nbconvex.values.scalars import Int64
from nbconvex.values.validators import v


def shape(*documents: dict, prepare=lambda ctx: None):
    with convex_test() as t:

        def fill(ctx):
            given = prepare(ctx)
            for each in documents:
                ctx.db.insert("t", {name: item(given) if callable(item) else item for name, item in each.items()})

        t.run(fill)
        return shape_of(t.backend.database.snapshot, "t")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a"], v.string()),
        ([1, 2.5], v.number()),
        ([Int64(7)], v.int64()),
        ([True], v.boolean()),
        ([b"x"], v.bytes()),
        ([None], v.null()),
        (["a", None], v.union(v.string(), v.null())),
        (["a", 1, True], v.union(v.string(), v.number(), v.boolean())),
        ([[]], v.array(v.any())),
        ([["a"], [1], []], v.array(v.union(v.string(), v.number()))),
        ([{"x": 1}, {"x": 1, "y": ["a"]}], v.object({"x": v.number(), "y": v.optional(v.array(v.string()))})),
        ([{}], v.object({})),
        ([{"x": {"deep": None}}], v.object({"x": v.object({"deep": v.null()})})),
        ([{"2026-01-01": 1}, {"2026-01-02": "a"}], v.record(v.string(), v.union(v.string(), v.number()))),
        ([{f"k{at}": at for at in range(RECORD_KEYS_MIN)}], v.record(v.string(), v.number())),
        ([{"a b": []}, {"c d": ["x"]}], v.record(v.string(), v.array(v.string()))),
    ],
)
def test_types_are_joined_and_objects_are_told_from_records(values, expected) -> None:
    assert shape(*({"f": value} for value in values)) == v.object({"f": expected})


def test_a_field_that_some_lack_is_optional() -> None:
    assert shape({"a": 1, "b": 1}, {"a": 1}, {"a": 1, "c": None}) == v.object(
        {"a": v.number(), "b": v.optional(v.number()), "c": v.optional(v.null())}
    )


def test_texts_are_ids_only_if_all_of_them_are_ids_of_tables_here() -> None:
    def prepare(ctx):
        return ctx.db.insert("users", {}), ctx.db.insert("rooms", {})

    found = shape(
        {
            "author": lambda ids: ids[0],
            "place": lambda ids: ids[0],
            "text": lambda ids: ids[0],
            "by": lambda ids: {ids[0]: 1},
        },
        {"author": lambda ids: ids[0], "place": lambda ids: ids[1], "text": "no id", "by": lambda ids: {ids[0]: 2}},
        prepare=prepare,
    )
    assert found == v.object(
        {
            "author": v.id("users"), "place": v.union(v.id("users"), v.id("rooms")), "text": v.string(),
            "by": v.record(v.id("users"), v.number()),
        }
    )  # fmt: skip


def test_a_table_without_documents_has_no_shape() -> None:
    with convex_test() as t:
        assert shape_of(t.backend.database.snapshot, "nowhere") is None
        t.run(lambda ctx: ctx.db.delete(ctx.db.insert("t", {})))
        assert shape_of(t.backend.database.snapshot, "t") is None
