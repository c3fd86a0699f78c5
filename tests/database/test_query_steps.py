"""What is said of a step that a query does not have: nbconvex.database.query_steps."""

from __future__ import annotations

import pytest

from nbconvex.database.query import Query
from nbconvex.database.query_steps import STEPS, no_such_step


def test_every_step_is_there() -> None:
    assert [step for step in STEPS if not callable(getattr(Query, step, None))] == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("withIndex", ".with_index(...)"),
        ("colect", ".collect(...)"),
        ("limit", ".take(n)"),
        ("all", ".collect()"),
        ("where", '.filter(lambda document: document["field"] == value)'),
        ("orderBy", '.with_index("by_field").order("desc")'),
        ("sort", '.with_index("by_field").order("desc")'),
        ("length", ".count()"),
    ],
)
def test_a_step_of_another_name_is_told_by_its_name_here(name: str, instead: str) -> None:
    error = no_such_step(name)
    assert str(error).startswith(f"a query has no .{name}. It has with_index, ")
    assert error.hint is not None
    assert error.hint.startswith(instead)


def test_a_name_that_is_like_no_step_gets_no_advice() -> None:
    assert no_such_step("zzz").hint is None
