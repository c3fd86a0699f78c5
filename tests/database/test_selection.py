"""Selected fields: what is left of documents, and what a selection is asked wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.selection import Selection
from nbconvex.errors import CallerError
from nbconvex.values.codec import encode_document
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write

_names = st.sampled_from(["a", "b", "c", "d"])
_values = st.recursive(
    st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.integers(-5, 5).map(Int64), st.binary(max_size=2)),
    lambda inner: st.one_of(st.dictionaries(_names, inner, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)
_documents = st.dictionaries(_names, _values, max_size=4)
_paths = st.lists(st.lists(_names, min_size=1, max_size=3).map(".".join), min_size=1, max_size=3)


def naive(value: Any, paths: list[list[str]]) -> Any:
    """What is at one of these paths, or leads there."""
    if [] in paths:
        return value
    return {
        name: naive(inner, below)
        for name, inner in value.items()
        if (below := [path[1:] for path in paths if path[0] == name]) and ([] in below or isinstance(inner, dict))
    }


@given(_documents, _paths)
def test_selected_documents_are_those_of_naive_python(document: dict[str, Any], paths: list[str]) -> None:
    database = open_database()
    stored = write(database, lambda tx: tx.insert("t", document))
    [found] = read(database, lambda tx: tx.query("t").select(*paths).collect())
    assert found.pop("_id") == stored
    assert found.pop("_creationTime") > 0
    assert found == naive(document, [path.split(".") for path in paths])
    # Not only equal: in the order in which the document has them.
    assert list(found) == [name for name in document if name in found]


def test_every_end_of_a_query_gives_selected_documents() -> None:
    database = open_database()
    insert_all(database, "t", [{"a": n, "b": n, "c": {"d": n, "e": n}} for n in range(3)])

    def ask(tx: Any) -> list[Any]:
        query = lambda: tx.query("t").select("a", "c.d")  # noqa: E731
        return [query().collect(), query().take(3), query().paginate(num_items=3)["page"], list(query()),
                query().filter(lambda q: q.gte(q.field("b"), 0)).collect()]  # fmt: skip

    for found in read(database, ask):
        assert [bare(each) for each in found] == [{"a": n, "c": {"d": n}} for n in range(3)]
    assert bare(read(database, lambda tx: tx.query("t").order("desc").select("a").first())) == {"a": 2}


def test_filters_see_what_they_name_and_functions_what_is_there() -> None:
    database = open_database()
    insert_all(database, "t", [{"a": 1, "b": 1}, {"a": 2, "b": 2}])
    seen: list[Any] = []

    def look(document: dict[str, Any]) -> bool:
        seen.append(bare(document))
        return True

    by_expression = read(
        database, lambda tx: tx.query("t").select("a").filter(lambda q: q.eq(q.field("b"), 2)).collect()
    )
    assert [bare(each) for each in by_expression] == [{"a": 2}]
    read(database, lambda tx: tx.query("t").filter(look).select("a").collect())
    read(database, lambda tx: tx.query("t").select("a").filter(look).collect())
    assert seen == [{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1}, {"a": 2}]


def test_a_cursor_survives_another_selection() -> None:
    """It is a position, and the selection decides nothing about the order."""
    database = open_database()
    insert_all(database, "t", [{"a": n, "b": n} for n in range(3)])
    first = read(database, lambda tx: tx.query("t").select("a").paginate(num_items=1))
    then = read(database, lambda tx: tx.query("t").select("b").paginate(num_items=1, cursor=first["continueCursor"]))
    assert bare(then["page"][0]) == {"b": 1}


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda q: q.select(), "takes the names"),
        (lambda q: q.select("body").select("at"), "can be used once"),
        (lambda q: q.select("boddy"), r'no field "boddy". Did you mean "body"\?'),
        (lambda q: q.select(["body"]), "takes names of fields"),
        (lambda q: q.select("body."), "takes names of fields"),
        (lambda q: q.select("by.nam"), r'no field "by.nam". Did you mean "by.name"\?'),
    ],
)
def test_a_wrong_selection_is_explained(ask: Any, words: str) -> None:
    schema = define_schema({"t": table({"body": v.string(), "at": v.number(), "by": v.object({"name": v.string()})})})
    with pytest.raises(CallerError, match=words):
        read(open_database(schema=schema), lambda tx: ask(tx.query("t")))


def test_what_nobody_asks_for_is_not_decoded() -> None:
    payload = encode_document({"_id": "i", "_creationTime": 1.0, "a": 1, "b": {"c": 1}, "d": 1})
    decode, has_more = Selection(["a"]).decoder([])
    assert decode(payload) == {"_id": "i", "_creationTime": 1.0, "a": 1}
    assert not has_more
    decode, has_more = Selection(["a"]).decoder(["d.x"])
    assert set(decode(payload)) == {"_id", "_creationTime", "a", "d"}
    assert has_more
