"""What a function sees of the notebook."""

from __future__ import annotations

import copy
import itertools
import threading
from collections import deque
from typing import Any

import pytest

from nbconvex import query, v
from nbconvex.functions.closure import closure_of, is_unchanged


def made(source: str, **names: Any) -> tuple[dict[str, Any], Any]:
    namespace: dict[str, Any] = dict(names)
    exec(source, namespace)
    return namespace, namespace["f"]


def test_globals_that_the_code_names_are_followed_through_helpers() -> None:
    namespace, f = made(
        "import json\ndef helper(): return json.dumps(LIMIT)\ndef f(ctx): return [helper() for _ in OTHER]",
        LIMIT=1, OTHER=("a",),
    )  # fmt: skip
    closure = closure_of(f)
    assert closure is not None
    assert {seen.name for seen in closure} == {"json", "helper", "LIMIT", "OTHER"}
    assert is_unchanged(closure)
    namespace["unrelated"] = 5
    assert is_unchanged(closure)
    namespace["LIMIT"] = 2
    assert not is_unchanged(closure)


def test_name_that_appears_later_is_a_change() -> None:
    namespace, f = made("def f(ctx): return len(ctx)")
    closure = closure_of(f)
    assert closure is not None
    namespace["len"] = sum
    assert not is_unchanged(closure)


class Settings:
    def __init__(self) -> None:
        self.limit = 1
        self.names = {"a"}


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([1], lambda rows: rows.append(2)),
        ({"a": [1]}, lambda rows: rows["a"].append(2)),
        ({1, 2}, lambda rows: rows.add(3)),
        ((1, [2]), lambda rows: rows[1].append(3)),
        (Settings(), lambda settings: setattr(settings, "limit", 2)),
        (Settings(), lambda settings: settings.names.add("b")),
    ],
    ids=["list", "nested", "set", "tuple", "attribute", "inside"],
)
def test_change_inside_a_global_is_seen(value: Any, change: Any) -> None:
    for source in ("def f(ctx): return ROWS", "def helper(): return ROWS\ndef f(ctx): return helper()"):
        rows = copy.deepcopy(value)
        closure = closure_of(made(source, ROWS=rows)[1])
        assert closure is not None
        assert is_unchanged(closure)
        change(rows)
        assert not is_unchanged(closure)


@pytest.mark.parametrize("value", [itertools.count(), bytearray(), list(range(1_000)), [threading.Lock()], deque()])
def test_what_cannot_be_compared_has_no_stable_closure(value: Any) -> None:
    assert closure_of(made("def f(ctx): return ROWS", ROWS=value)[1]) is None


def test_enclosed_variables_and_defaults_count_as_globals_do() -> None:
    def outside(value: Any) -> Any:
        def set_to(other: Any) -> None:
            nonlocal value
            value = other

        return (lambda ctx: value), set_to

    handler, set_to = outside([5])
    closure = closure_of(handler)
    assert closure is not None
    assert is_unchanged(closure)
    set_to([5])
    assert not is_unchanged(closure)
    default: list[int] = []
    closure = closure_of(lambda ctx, rows=default: rows)
    assert closure is not None
    default.append(1)
    assert not is_unchanged(closure)


def test_recursion_ends_and_words_of_the_package_are_stable() -> None:
    _, f = made("def g(): return f\ndef f(ctx): return g(), v, other", v=v, other=query(lambda ctx: None))
    assert closure_of(f) is not None
    assert closure_of(print) == ()
    _, g = made("def f(ctx): return later")
    assert closure_of(g) is not None
