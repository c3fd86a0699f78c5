"""Definitions of vector indexes: their rules, their JSON, how schemas with them differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.schema import SchemaDefinition, TableDefinition, define_schema, table
from nbconvex.values.schema_diff import diff
from nbconvex.values.validators import v
from nbconvex.values.vector_indexes import VectorIndexDefinition

MOVIES = table(
    {
        "embedding": v.array(v.number()),
        "maybe": v.optional(v.union(v.null(), v.array(v.float64()))),
        "mixed": v.array(v.union(v.string(), v.number())),
        "whole": v.array(v.int64()),
        "title": v.string(),
        "genre": v.string(),
        "deep": v.object({"vector": v.array(v.number()), "any": v.any()}),
    }
)


def indexed(
    vector_field: Any = "embedding", dimensions: Any = 3, filter_fields: Any = (), *, name: Any = "by_vector",
    of: TableDefinition = MOVIES, staged: bool = False,
) -> TableDefinition:  # fmt: skip
    return of.vector_index(
        name, vector_field=vector_field, dimensions=dimensions, filter_fields=filter_fields, staged=staged
    )


def test_a_vector_index_is_declared_on_a_list_of_numbers_with_filter_fields() -> None:
    declared = indexed(dimensions=384, filter_fields=["genre", "deep.any"], staged=True).content_indexes
    expected = VectorIndexDefinition("by_vector", "embedding", 384, ("genre", "deep.any"), staged=True)
    assert dict(declared) == {"by_vector": expected}
    assert expected.described == "embedding, 384 dimensions; filters genre, deep.any"
    assert MOVIES.content_indexes == {}


@pytest.mark.parametrize("field", ["embedding", "maybe", "mixed", "deep.vector", "deep.any", "deep.any.below"])
def test_it_may_be_on_every_field_that_can_be_a_list_of_numbers(field: str) -> None:
    assert indexed(field).content_indexes["by_vector"].described == f"{field}, 3 dimensions"
    assert indexed("what.ever", of=table(v.any())).content_indexes


def four(index: int = 0, of: TableDefinition = MOVIES) -> TableDefinition:
    return of if index == 4 else four(index + 1, indexed(filter_fields=[f"deep.any.f{index}"], name=f"v{index}", of=of))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: indexed("title"), 'is on "title", which can never be a list of numbers'),
        (lambda: indexed("whole"), "which can never be a list of numbers"),
        (lambda: indexed("deep"), "which can never be a list of numbers"),
        (lambda: indexed("nothing"), 'vector index "by_vector" is on "nothing", a field that the table does not have'),
        (lambda: indexed(filter_fields=["nothing"]), 'is on "nothing", a field that the table does not have'),
        (lambda: indexed(filter_fields="genre"), "needs a list of filter fields, got 'genre'"),
        (lambda: indexed(filter_fields=["genre", "genre"]), 'has the filter field "genre" twice'),
        (lambda: indexed(filter_fields=[f"deep.any.f{n}" for n in range(17)]), "can have at most 16"),
        (lambda: indexed(dimensions=1), "a whole number from 2 to 4,096, got 1"),
        (lambda: indexed(dimensions=4_097), "a whole number from 2 to 4,096, got 4097"),
        (lambda: indexed(dimensions=2.5), "got 2.5"),
        (lambda: indexed(dimensions=True), "got True"),
        (lambda: indexed(dimensions="384"), "got '384'"),
        (lambda: indexed(name="by_id"), "every table has an index of that name already"),
        (lambda: indexed(of=indexed()), 'the table has an index named "by_vector" already'),
        (lambda: indexed(of=MOVIES.index("by_vector", ["genre"])), 'has an index named "by_vector" already'),
        (lambda: indexed(name="other", of=indexed()), 'has the same fields as vector index "by_vector": embedding'),
        (lambda: indexed("maybe", of=four()), "a table has at most 4 vector indexes"),
        (lambda: MOVIES.vectorIndex("by_vector", {}), "vectorIndex is spelled vector_index here"),
    ],
)
def test_each_rule_has_its_own_sentence(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SchemaInvalidError) as raised:
        make()
    assert words in str(raised.value)


def test_a_schema_comes_back_from_its_json() -> None:
    schema = define_schema(
        {"movies": indexed(filter_fields=["genre"], staged=True, of=MOVIES.index("by_genre", ["genre"]))}
    )
    tree = schema.to_json()
    assert tree["tables"][0]["vectorIndexes"] == [
        {"indexDescriptor": "by_vector", "vectorField": "embedding", "dimensions": 3, "filterFields": ["genre"],
         "staged": True}
    ]  # fmt: skip
    assert SchemaDefinition.from_json(tree) == schema
    # As it comes out of a store, where every number is a float64.
    tree["tables"][0]["vectorIndexes"][0]["dimensions"] = 3.0
    assert SchemaDefinition.from_json(tree) == schema


def test_what_changes_between_two_schemas() -> None:
    def change(old: TableDefinition, new: TableDefinition) -> str:
        return str(diff(define_schema({"movies": old}), define_schema({"movies": new})))

    assert change(MOVIES, indexed()) == "+ vector index movies.by_vector (embedding, 3 dimensions)"
    assert change(indexed(), indexed(dimensions=4)).splitlines() == [
        "+ vector index movies.by_vector (embedding, 4 dimensions)",
        "- vector index movies.by_vector (embedding, 3 dimensions)",
    ]
    assert change(indexed(staged=True), indexed()) == "enabled vector index movies.by_vector (embedding, 3 dimensions)"
