"""Answers about schemas: nbconvex.notebook.schema_report."""

from __future__ import annotations

from nbconvex.database.schema_push import SchemaReport
from nbconvex.notebook.schema_report import schema_lines, schema_listing
from nbconvex.values.schema import define_schema, table
from nbconvex.values.schema_diff import diff
from nbconvex.values.validators import v

OLD = define_schema({"users": table({"name": v.string()}).index("by_name", ["name"]), "gone": table({})})
NEW = define_schema({"users": table({"name": v.any()}), "posts": table({"at": v.number()}).index("by_at", ["at"])})


def report(old, new, checked: int = 0) -> SchemaReport:
    return SchemaReport(diff(old, new), checked, (), ())


def test_every_kind_of_change_is_named() -> None:
    assert repr(schema_lines(report(OLD, NEW, 1_204))) == (
        "✓ schema: new tables: posts · changed tables: users"
        " · tables no longer in the schema (their documents stay): gone"
        " · new indexes: posts.by_at (at) · indexes gone: users.by_name (name)\n"
        "1,204 documents were checked, all of them fit"
    )


def test_staged_index_is_said_to_be_staged() -> None:
    def users(*, staged: bool):
        return define_schema({"users": table({"name": v.string()}).index("by_name", ["name"], staged=staged)})

    bare = define_schema({"users": table({"name": v.string()})})
    new = "✓ schema: new staged indexes (no query can use them yet): users.by_name (name)"
    assert repr(schema_lines(report(bare, users(staged=True)))) == new
    assert str(diff(bare, users(staged=True))) == "+ index users.by_name (name) staged"
    assert "indexes that can be used now: users.by_name" in repr(schema_lines(report(users(staged=True), OLD)))
    assert "indexes now staged" in repr(schema_lines(report(users(staged=False), users(staged=True))))
    assert "by_name (name) staged" in repr(schema_listing(users(staged=True)))


def test_search_indexes_stand_beside_the_others() -> None:
    bare = table({"name": v.string(), "team": v.string()}).index("by_name", ["name"])
    searched = define_schema({"users": bare.search_index("words", search_field="name", filter_fields=["team"])})
    assert "new indexes: users.words (search index: name; filters team)" in repr(
        schema_lines(report(define_schema({"users": bare}), searched))
    )
    assert "words (search index: name; filters team)" in schema_listing(searched)._repr_html_()


def test_nothing_changed_is_said() -> None:
    assert repr(schema_lines(report(OLD, OLD))) == "✓ schema: nothing changed"
    assert repr(schema_lines(report(OLD, OLD), is_check_only=True)) == "? the data fits; this would change: nothing"


def test_settings_count_as_a_change() -> None:
    assert "settings changed" in repr(
        schema_lines(report(OLD, define_schema(dict(OLD.tables), schema_validation=False)))
    )


def test_listing_shows_tables_and_indexes() -> None:
    assert "by_name (name)" in repr(schema_listing(OLD))
    fields = schema_listing(define_schema({"users": table({"name": v.string(), "age": v.number()})}))._repr_html_()
    assert "&quot;name&quot;: v.string(),\n&quot;age&quot;: v.float64()<" in fields
    assert repr(schema_listing(None)) == "No schema: tables take any document."


def test_a_unique_index_is_said_to_be_unique() -> None:
    def users(*, unique: bool):
        return define_schema({"users": table({"name": v.string()}).index("by_name", ["name"], unique=unique)})

    bare = define_schema({"users": table({"name": v.string()})})
    assert repr(schema_lines(report(bare, users(unique=True)))) == "✓ schema: new indexes: users.by_name (name) unique"
    assert "indexes unique now: users.by_name (name)" in repr(
        schema_lines(report(users(unique=False), users(unique=True)))
    )
    assert "indexes no longer unique: users.by_name" in repr(
        schema_lines(report(users(unique=True), users(unique=False)))
    )
    assert "by_name (name) unique" in repr(schema_listing(users(unique=True)))
