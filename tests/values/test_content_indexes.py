"""Definitions of content indexes: their rules, their JSON, how schemas with them differ."""

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.content_indexes import SearchIndexDefinition
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.schema_diff import SchemaDiff, diff
from nbconvex.values.validators import v

MESSAGES = table(
    {
        "body": v.string(),
        "title": v.optional(v.union(v.null(), v.string())),
        "kind": v.literal("note"),
        "size": v.number(),
        "author": v.id("users"),
        "deep": v.object({"text": v.string(), "any": v.any(), "named": v.record(v.string(), v.string())}),
    }
)


def searched(search_field="body", filter_fields=(), *, name="by_words", of=MESSAGES, staged=False):
    return of.search_index(name, search_field=search_field, filter_fields=filter_fields, staged=staged)


def test_a_search_index_is_declared_on_a_text_with_filter_fields():
    declared = searched(filter_fields=["size", "deep.any"], staged=True).content_indexes
    assert dict(declared) == {"by_words": SearchIndexDefinition("by_words", "body", ("size", "deep.any"), staged=True)}
    assert MESSAGES.content_indexes == {}


@pytest.mark.parametrize("field", ["body", "title", "kind", "deep.text", "deep.any", "deep.any.below", "deep.named.x"])
def test_it_may_be_on_every_field_that_can_be_a_text(field):
    assert searched(field).content_indexes["by_words"].search_field == field


def test_a_table_of_any_documents_may_have_one():
    assert searched("what.ever", ["else"], of=table(v.any())).content_indexes["by_words"].described == (
        "what.ever; filters else"
    )


def four(index=0, of=MESSAGES):
    return of if index == 4 else four(index + 1, searched("body", [f"deep.any.f{index}"], name=f"s{index}", of=of))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(
            lambda: searched("size"),
            'is on "size", which can never be a string',
            marks=pytest.mark.case("schema/search_field_must_be_string"),
        ),
        (lambda: searched("author"), "which can never be a string"),
        (lambda: searched("deep"), "which can never be a string"),
        (lambda: searched("nothing"), 'search index "by_words" is on "nothing", a field that the table does not have'),
        (lambda: searched("body", ["nothing"]), 'is on "nothing", a field that the table does not have'),
        (lambda: searched("_id"), 'cannot be on "_id"'),
        (lambda: searched(5), "fields are named by strings, got 5"),
        (lambda: searched("body", "size"), "needs a list of filter fields, got 'size'"),
        (lambda: searched("body", None), "needs a list of filter fields, got None"),
        (lambda: searched("body", ["size", "size"]), 'has the filter field "size" twice'),
        (lambda: searched("body", [f"deep.any.f{n}" for n in range(17)]), "can have at most 16"),
        (lambda: searched(name="by_id"), "every table has an index of that name already"),
        (lambda: searched(of=searched()), 'the table has an index named "by_words" already'),
        (lambda: searched(of=MESSAGES.index("by_words", ["size"])), 'the table has an index named "by_words" already'),
        (lambda: searched().index("by_words", ["size"]), 'the table has an index named "by_words" already'),
        (lambda: searched(name="other", of=searched()), 'has the same fields as search index "by_words": body'),
        (lambda: searched("title", of=four()), "a table has at most 4 search indexes"),
        (lambda: MESSAGES.searchIndex("by_words", {}), "searchIndex is spelled search_index here"),
    ],
)
def test_each_rule_has_its_own_sentence(make, words):
    with pytest.raises(SchemaInvalidError) as raised:
        make()
    assert words in str(raised.value)


def test_search_indexes_do_not_count_as_ordinary_ones():
    definition = four()
    for number in range(32):
        definition = definition.index(f"i{number}", [f"deep.any.f{number}"])
    assert (len(definition.indexes), len(definition.content_indexes)) == (32, 4)


def test_a_table_definition_has_no_other_names():
    with pytest.raises(AttributeError, match="no indexes_of"):
        _ = MESSAGES.indexes_of
    assert not hasattr(MESSAGES, "__len__")


def test_the_schema_in_json_makes_the_same_schema():
    schema = define_schema(
        {"messages": searched("body", ["size"], staged=True).index("by_size", ["size"]), "t": MESSAGES}
    )
    tree = schema.to_json()
    assert SchemaDefinition.from_json(tree) == schema
    assert tree["tables"][0]["searchIndexes"] == [
        {"indexDescriptor": "by_words", "searchField": "body", "filterFields": ["size"], "staged": True}
    ]
    assert "searchIndexes" not in tree["tables"][1], "stores from before there were any read the same"


def test_search_indexes_come_go_and_are_switched_on():
    def schema(**options):
        return define_schema({"t": searched(**options)})

    bare = define_schema({"t": MESSAGES})
    body = ("t", SearchIndexDefinition("by_words", "body"))
    staged = ("t", SearchIndexDefinition("by_words", "body", staged=True))
    filtered = ("t", SearchIndexDefinition("by_words", "body", ("size",)))
    assert diff(schema(), schema()).is_empty
    assert diff(bare, schema()) == SchemaDiff(added_indexes=(body,))
    assert diff(schema(), bare) == SchemaDiff(removed_indexes=(body,))
    assert diff(schema(staged=True), schema()) == SchemaDiff(enabled_indexes=(body,))
    assert diff(schema(), schema(staged=True)) == SchemaDiff(staged_indexes=(staged,))
    changed = diff(schema(), schema(filter_fields=["size"]))
    assert changed == SchemaDiff(added_indexes=(filtered,), removed_indexes=(body,))
    assert str(changed).splitlines() == [
        "+ search index t.by_words (body; filters size)",
        "- search index t.by_words (body)",
    ]


def test_a_name_that_changes_its_kind_is_another_index():
    changed = diff(define_schema({"t": searched()}), define_schema({"t": MESSAGES.index("by_words", ["body"])}))
    assert [each.KIND for _, each in (*changed.removed_indexes, *changed.added_indexes)] == ["search index", "index"]
