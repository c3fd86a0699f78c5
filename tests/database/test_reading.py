"""From stored bytes to what a query gives: what is decoded, and which fields count as looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nbconvex.database.filters import filter_of
from nbconvex.database.reading import finish_of, reading_of, seen_by_python
from nbconvex.database.selection import Selection
from nbconvex.values.codec import encode_document
from nbconvex.values.times import Times, times_of
from nbconvex.values.validators import v

NOON, MS = datetime(2026, 1, 31, 12, tzinfo=UTC), 1_769_860_800_000.0
DOCUMENT = {"_id": "i", "_creationTime": 1.0, "at": MS, "n": 1, "body": "x"}
TIMES: Any = times_of(v.object({"at": v.datetime(), "n": v.number(), "body": v.string()}))
BY_SHAPE: Any = times_of(v.union(v.object({"at": v.datetime()}), v.object({"at": v.null()})))
SYSTEM = {"_id": "i", "_creationTime": 1.0}
Condition = Callable[[Any], Any]

IS_ONE: Condition = lambda q: q.eq(q.field("n"), 1)  # noqa: E731
IS_X: Condition = lambda document: document["body"] == "x"  # noqa: E731


@pytest.mark.parametrize(
    ("selection", "times", "conditions", "decoded", "finished", "fields"),
    [
        (None, None, [], DOCUMENT, DOCUMENT, None),
        (None, None, [IS_ONE], DOCUMENT, DOCUMENT, None),
        (None, TIMES, [IS_ONE], DOCUMENT, {**DOCUMENT, "at": NOON}, None),
        (Selection(["at"]), None, [], {**SYSTEM, "at": MS}, {**SYSTEM, "at": MS}, {"at"}),
        (Selection(["at"]), TIMES, [], {**SYSTEM, "at": MS}, {**SYSTEM, "at": NOON}, {"at"}),
        (Selection(["at"]), TIMES, [IS_ONE], {**SYSTEM, "at": MS, "n": 1}, {**SYSTEM, "at": NOON}, {"at", "n"}),
        (Selection(["at"]), TIMES, [IS_X], DOCUMENT, {**SYSTEM, "at": NOON}, None),
        (Selection(["n"]), BY_SHAPE, [], DOCUMENT, {**SYSTEM, "n": 1}, None),
        (Selection([]), None, [IS_ONE], {**SYSTEM, "n": 1}, SYSTEM, {"n"}),
    ],
)
def test_what_is_decoded_and_what_comes_out(
    selection: Selection | None, times: Times | None, conditions: list[Condition], decoded: Any, finished: Any,
    fields: set[str] | None,
) -> None:  # fmt: skip
    reading = reading_of(selection, times, [filter_of(condition) for condition in conditions])
    document = reading.decode(encode_document(DOCUMENT))
    assert document == decoded
    assert (document if reading.finish is None else reading.finish(document)) == finished
    assert reading.fields == fields


def test_a_python_function_sees_times_and_what_is_selected() -> None:
    seen: list[Any] = []
    look = filter_of(lambda document: seen.append(document) or True)
    for selection, times in ((None, None), (None, TIMES), (Selection(["at"]), None), (Selection(["at"]), TIMES)):
        found = seen_by_python(look, selection, times)
        assert found.holds(DOCUMENT)
        assert found.fields == (None if selection is None else {"at"})
    assert seen == [DOCUMENT, {**DOCUMENT, "at": NOON}, {**SYSTEM, "at": MS}, {**SYSTEM, "at": NOON}]


def test_an_expression_sees_what_is_stored() -> None:
    expression = filter_of(IS_ONE)
    assert seen_by_python(expression, Selection(["at"]), TIMES) is expression
    assert finish_of(None, None) is None
