"""What follows from a deletion, planned over documents in a dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.database.consequences import Consequences, consequences_of
from nbconvex.database.write_rules import TableRules
from nbconvex.errors import ReferenceViolatedError
from nbconvex.values.codec import encode_document
from nbconvex.values.references import Reference
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import field_value


def reference(
    on_delete: str, path: str = "of", *, table: str = "t", target: str = "t", becomes: Any = None
) -> Reference:
    return Reference(table, path, target, on_delete, "by_it", becomes)


def plan(documents: dict[str, dict[str, Any]], *references: Reference, start: str = "a") -> Consequences:
    """What follows from deleting `start`; a document's table is the first letter of its id where that is a capital."""

    def table_of(key: str) -> str:
        return key[0] if key[0].isupper() else "t"

    def referrers(asked: Reference, target: str) -> Iterator[bytes]:
        for key, document in documents.items():
            if table_of(key) == asked.table and field_value(document, asked.path) == target:
                yield encode_document({"_id": key, **document})

    rules = {
        target: TableRules(referred=tuple(each for each in references if each.target == target))
        for target in {each.target for each in references}
    }
    return consequences_of(table_of(start), start, rules, referrers)


def test_what_nobody_refers_to_goes_alone() -> None:
    assert plan({"a": {}, "b": {"of": "c"}}, reference("cascade")).followers == []


def test_chains_go_breadth_first_each_once() -> None:
    found = plan(
        {"b": {"of": "a"}, "c": {"of": "a"}, "d": {"of": "b", "and": "c"}, "e": {"of": "d"}, "x": {"of": "y"}},
        reference("cascade"), reference("cascade", "and"),
    )  # fmt: skip
    assert list(found.gone) == ["b", "c", "d", "e"]
    assert found.changed == {}


def test_circles_and_references_to_oneself_end() -> None:
    found = plan({"a": {"of": "c"}, "b": {"of": "a"}, "c": {"of": "b"}}, reference("cascade"))
    assert list(found.gone) == ["b", "c"]
    assert plan({"a": {"of": "a"}}, reference("cascade")).followers == []
    assert plan({"a": {"of": "a"}}, reference("restrict")).followers == []
    assert plan({"a": {"of": "a"}}, reference("set_null")).followers == []


def test_set_null_empties_each_field_that_referred_and_leaves_the_rest() -> None:
    document = {"of": "a", "and": {"also": "a", "n": 1}, "n": 2}
    found = plan({"b": document}, reference("set_null"), reference("set_null", "and.also", becomes=UNSET))
    assert list(found.gone) == []
    assert found.changed["b"].after == {"_id": "b", "of": None, "and": {"n": 1}, "n": 2}
    assert found.changed["b"].document == {"_id": "b", **document}


def test_what_goes_is_not_changed() -> None:
    both = reference("set_null", "maybe"), reference("cascade")
    documents = {"b": {"of": "a"}, "c": {"maybe": "a", "of": "b"}}
    for references in (both, both[::-1]):
        found = plan(documents, *references)
        assert (list(found.gone), found.changed) == (["b", "c"], {})


def test_restrict_names_table_field_and_count() -> None:
    with pytest.raises(ReferenceViolatedError) as raised:
        plan({"B1": {"of": "a"}, "B2": {"of": "a"}}, reference("restrict", table="B"))
    error = raised.value
    assert (error.table, error.field, error.document_id, error.referrer_id, error.count) == ("B", "of", "a", "B1", 2)
    assert str(error) == (
        'Failed to delete the document with ID "a" from table "t": 2 documents refer to it in "B.of", with '
        'on_delete="restrict" (the first has ID "B1"). Delete those first, or let them refer to another one.'
    )


def test_restrict_holds_against_what_would_go_along_too() -> None:
    with pytest.raises(ReferenceViolatedError, match='ID "b" from table "t": 1 document refers'):
        plan({"b": {"of": "a"}, "C": {"of": "b"}}, reference("cascade"), reference("restrict", table="C"))


def test_what_goes_along_holds_nobody() -> None:
    # C refers to b with restrict, and goes with a.
    references = (reference("cascade"), reference("restrict", table="C"), reference("cascade", "root", table="C"))
    found = plan({"b": {"of": "a"}, "C": {"of": "b", "root": "a"}}, *references)
    assert sorted(found.gone) == ["C", "b"]
