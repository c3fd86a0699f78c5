"""What an error of a function carries: nbconvex.functions.raised."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.testing import TestBackend, convex_test

Work = Callable[[Any], Any]
NOTHING: Any = None


def notes_of(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def raised(t: TestBackend, work: Work) -> BaseException:
    with pytest.raises((AttributeError, TypeError)) as caught:
        t.mutation(lambda ctx: work(ctx))
    return caught.value


@pytest.mark.parametrize(
    ("work", "line"),
    [
        (lambda ctx: ctx.db.query("t").first().body, 'document["body"]'),
        (lambda ctx: ctx.db.query("t").first().boddy, 'document["body"]'),
        (lambda ctx: ctx.db.query("t").filter(lambda each: each.body == "x").collect(), 'document["body"]'),
        (lambda ctx: {"name": "Ada"}.name, 'document["name"]'),
        (lambda ctx: ctx.db.insert("t", body="x"), 'ctx.db.insert("table", {"field": value})'),
        (lambda ctx: ctx.db.insert(table="t", value={}), 'ctx.db.insert("table", {"field": value})'),
        (lambda ctx: ctx.db.patch("x", body="x"), 'ctx.db.patch(id, {"field": value})'),
        (lambda ctx: ctx.db.replace("x", body="x"), 'ctx.db.replace(id, {"field": value})'),
        (lambda ctx: ctx.db.table("t").insert(body="x"), 'ctx.db.table("table").insert({"field": value})'),
        (lambda ctx: ctx.db.query("t").filter(body="x"), '.filter(lambda document: document["body"] == value)'),
        (lambda ctx: len(ctx.db.query("t")), ".count()   or   len(....collect())"),
        (lambda ctx: ctx.db.query("t")[0], ".first()   or   .take(n)"),
        (lambda ctx: ctx.db.query("empty").first()["body"], "if document is None: raise ConvexError"),
    ],
)
def test_what_is_usual_elsewhere_is_told_what_to_write_instead(work: Work, line: str) -> None:
    with convex_test() as t:
        t.mutation(lambda ctx: ctx.db.insert("t", {"body": "x"}))
        notes = notes_of(raised(t, work))
        assert f"  Write instead:  {line}" in notes
        assert notes.count("[Request ID: ") == 1


@pytest.mark.parametrize(
    "work",
    [
        lambda ctx: {"a": 1}.b,
        lambda ctx: [].length,
        lambda ctx: len(3),
        lambda ctx: NOTHING["body"],
        lambda ctx: sorted([{"_id": "x"}], key=lambda each: sum(each)),
    ],
)
def test_any_other_error_only_gets_its_request_id(work: Work) -> None:
    with convex_test() as t:
        error = raised(t, work)
        assert notes_of(error).startswith("[Request ID: ")


def test_an_error_inside_of_a_library_gets_no_advice() -> None:
    with convex_test() as t, pytest.raises(AttributeError) as caught:
        t.mutation(lambda ctx: textwrap.indent(ctx.db.get(ctx.db.insert("t", {"body": "x"})), "  "))
    assert "Write instead" not in notes_of(caught.value)


def test_nested_error_is_marked_once() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:inner")(lambda ctx: {"a": 1}.a)
        error = raised(t, lambda ctx: ctx.run_mutation("m:inner"))
        assert notes_of(error).count("Write instead") == 1
        assert notes_of(error).count("[Request ID: ") == 1
