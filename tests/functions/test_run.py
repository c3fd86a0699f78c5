"""What a run shares with the runs inside it."""

from __future__ import annotations

from nbconvex.functions.run import CURRENT
from nbconvex.testing import convex_test


def test_no_run_is_current_in_plain_code_and_after_a_call() -> None:
    with convex_test() as t:
        seen = []
        t.query(lambda ctx: seen.append(CURRENT.get().path))  # type: ignore[union-attr]
        assert seen == ["inline"]
        assert CURRENT.get() is None


def test_nested_run_shares_root_transaction_and_identity_and_is_one_deeper() -> None:
    runs = []

    with convex_test() as t:

        @t.backend.query
        def inner(ctx):
            runs.append(CURRENT.get())

        t.with_identity(subject="ada").query(lambda ctx: (runs.append(CURRENT.get()), ctx.run_query(inner))[1])
    outer, nested = runs
    assert nested.root is outer
    assert nested.tx is outer.tx
    assert nested.identity is outer.identity
    assert (outer.depth, nested.depth) == (0, 1)
    assert nested.request == outer.request


def test_separate_run_of_an_action_has_a_root_of_its_own_and_the_same_request() -> None:
    runs = []

    with convex_test() as t:

        @t.backend.query
        def inner(ctx):
            runs.append(CURRENT.get())

        t.action(lambda ctx: (runs.append(CURRENT.get()), ctx.run_query(inner))[1])
    outer, separate = runs
    assert separate.root is separate
    assert outer.tx is None
    assert separate.tx is not None
    assert separate.request == outer.request
    assert separate.sink is outer.sink
