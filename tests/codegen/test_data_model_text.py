"""Schemas as `DataModel`, `Doc` and `Id`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nbconvex.codegen.data_model_text import data_model_declarations
from nbconvex.codegen.source_text import head
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.codegen.balance import is_balanced
from tests.values.strategies import validators

HEAD = head("The tables of a backend, and the types of their documents and ids.")
MESSAGES = (
    table({"channel": v.id("channels"), "at": v.object({"line": v.integer()}), "note": v.optional(v.string())})
    .index("by_channel", ["channel", "at.line"])
    .index("by_note", ["note"], staged=True)
)


def tables_of(text: str) -> str:
    return text.partition("export type DataModel = ")[2]


def test_a_schema_becomes_a_data_model() -> None:
    text = data_model_declarations(
        define_schema({"messages": MESSAGES, "free": table(v.any())}), ["channels", "_storage"]
    )
    assert text == (
        HEAD
        + """\
import type { AnyDataModel, DocumentByName, SystemTableNames, TableNamesInDataModel } from "convex/server";
import type { GenericId } from "convex/values";

/** The names of the tables. */
export type TableNames = TableNamesInDataModel<DataModel>;

/** A document of a table, its system fields included. */
export type Doc<TableName extends TableNames> = DocumentByName<DataModel, TableName>;

/** The id of a document of a table: a string, with the table in its type. */
export type Id<TableName extends TableNames | SystemTableNames> = GenericId<TableName>;

/** The tables, as the generic types of "convex/server" take them. */
export type DataModel = {
  channels: AnyDataModel[string];
  free: {
    document: any;
    fieldPaths: string;
    indexes: { by_creation_time: ["_creationTime"]; by_id: ["_id"] };
    searchIndexes: {};
    vectorIndexes: {};
  };
  messages: {
    document: {
      _id: Id<"messages">;
      _creationTime: number;
      channel: Id<"channels">;
      at: { line: number };
      note?: string;
    };
    fieldPaths: "_creationTime" | "_id" | "at" | "at.line" | "channel" | "note";
    indexes: {
      by_channel: ["channel", "at.line", "_creationTime"];
      by_creation_time: ["_creationTime"];
      by_id: ["_id"];
    };
    searchIndexes: {};
    vectorIndexes: {};
  };
};
"""
    )
    assert data_model_declarations(define_schema({"free": table(v.any()), "messages": MESSAGES}), ["channels"]) == text


def test_search_indexes_have_their_fields() -> None:
    searched = (
        MESSAGES.search_index("by_words", search_field="note", filter_fields=["channel", "at.line"])
        .search_index("all", search_field="note")
        .search_index("later", search_field="note", filter_fields=["channel"], staged=True)
    )
    text = data_model_declarations(define_schema({"messages": searched}), ["channels"])
    assert (
        """\
    searchIndexes: {
      all: { searchField: "note"; filterFields: never };
      by_words: { searchField: "note"; filterFields: "at.line" | "channel" };
    };
    vectorIndexes: {};
"""
        in text
    )


def test_vector_indexes_say_what_they_are_on() -> None:
    long = [f"a_rather_long_name_of_a_field_{number}" for number in range(4)]
    movies = (
        table(v.object({"embedding": v.array(v.number()), "genre": v.string()}, rest=v.any()))
        .vector_index("plain", vector_field="embedding", dimensions=384)
        .vector_index("by_genre", vector_field="embedding", dimensions=384, filter_fields=["genre"])
        .vector_index("staged", vector_field="embedding", dimensions=2, staged=True)
        .vector_index("wide", vector_field="embedding", dimensions=2, filter_fields=long)
    )
    text = data_model_declarations(define_schema({"movies": movies}))
    listed = text.partition("    vectorIndexes: ")[2]
    assert listed == (
        """\
{
      by_genre: { vectorField: "embedding"; dimensions: number; filterFields: "genre" };
      plain: { vectorField: "embedding"; dimensions: number; filterFields: never };
      wide: {
        vectorField: "embedding";
        dimensions: number;
        filterFields:
          | "a_rather_long_name_of_a_field_0"
          | "a_rather_long_name_of_a_field_1"
          | "a_rather_long_name_of_a_field_2"
          | "a_rather_long_name_of_a_field_3";
      };
    };
  };
};
"""
    )


def test_without_a_schema_every_table_is_possible() -> None:
    text = data_model_declarations(None, ["channels"])
    assert text.startswith(HEAD)
    assert "export type TableNames = string;" in text
    assert "export type DataModel = AnyDataModel;" in text
    assert "channels" not in text


def test_names_that_are_not_strict_let_other_tables_in() -> None:
    text = data_model_declarations(define_schema({"free": table(v.any())}, strict_table_names=False))
    assert tables_of(text).endswith("  [tableName: string]: AnyDataModel[string];\n};\n")


def test_a_schema_without_tables_has_none() -> None:
    assert tables_of(data_model_declarations(define_schema({}))) == "{};\n"


@given(st.dictionaries(st.sampled_from(["a", "b1", "class"]), validators, max_size=3), st.booleans())
def test_any_schema_gives_balanced_text(fields, is_strict) -> None:
    schema = define_schema({"things": table(v.object(fields))}, strict_table_names=is_strict)
    assert is_balanced(data_model_declarations(schema, ["users"]))
