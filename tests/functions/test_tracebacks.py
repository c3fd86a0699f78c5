"""Tracebacks as their reader wants them."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from nbconvex.errors import DocumentNotFoundError
from nbconvex.functions.tracebacks import trim, user_frames
from nbconvex.testing import convex_test


def names(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def helper(ctx: Any, document: str) -> None:
    ctx.db.delete(document)


def deletes(ctx: Any, document: str) -> None:
    helper(ctx, document)


def test_frames_of_the_package_are_left_out_below_and_above_the_users() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:f")(deletes)
        document = t.run(lambda ctx: ctx.db.insert("t", {}))
        t.mutation("m:f", document=document)
        outcome = t.backend.run_outcome("m:f", {"document": document})
        assert isinstance(outcome.error, DocumentNotFoundError)
        assert names(outcome.error) == ["deletes", "helper"]
        with pytest.raises(DocumentNotFoundError) as caught:
            t.api.m.f(document=document)
        # What calls into the package stays visible to plain Python; a notebook and pytest fold it away.
        assert names(caught.value)[-2:] == ["deletes", "helper"]
        assert "charge_query" not in names(caught.value)


def test_causes_are_trimmed_too() -> None:
    def work(ctx: Any) -> None:
        try:
            helper(ctx, "nonsense")
        except Exception as error:
            raise ValueError("mine") from error

    with convex_test() as t:
        error = t.backend.run_outcome(t.backend.mutation(name="m:f")(work)).error
        assert error is not None
        assert error.__cause__ is not None
        assert (names(error), names(error.__cause__)) == (["work"], ["work", "helper"])


def test_error_without_user_frames_has_none() -> None:
    assert user_frames(None) is None
    error = ValueError()
    error.__cause__ = error
    trim(error)
    assert error.__traceback__ is None
