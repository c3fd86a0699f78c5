"""Tracebacks as their reader wants them."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import pytest

from nbconvex.errors import DocumentNotFoundError
from nbconvex.functions import action_calls
from nbconvex.functions.tracebacks import chained, trim, users_entries
from nbconvex.testing import convex_test
from nbconvex.values.validators import v


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
    assert chained(users_entries(None)) is None
    error = ValueError()
    error.__cause__ = error
    trim(error)
    assert error.__traceback__ is None


def test_bug_of_our_own_keeps_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        json.loads("{")

    broken.__code__ = broken.__code__.replace(co_filename=action_calls.__file__)
    with convex_test() as t:
        t.backend.mutation(name="m:f")(deletes)
        monkeypatch.setattr(t.backend.runner, "_attempt", broken)
        error = t.backend.run_outcome("m:f", {"document": "x"}).error
        assert isinstance(error, json.JSONDecodeError)
        assert {"execute", "_mutation", "broken", "raw_decode"} <= set(names(error))


def test_refused_name_shows_the_users_line_only() -> None:
    def work(ctx: Any) -> None:
        v.strng()

    with convex_test() as t:
        error = t.backend.run_outcome(t.backend.mutation(name="m:f")(work)).error
        assert isinstance(error, AttributeError)
        assert names(error) == ["work"]


def test_failing_async_action_shows_no_frames_of_event_loops() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        json.loads("{")

    async def work(ctx: Any) -> None:
        await asyncio.gather(inner())

    with convex_test() as t:
        error = t.backend.run_outcome(t.backend.action(name="m:f")(work)).error
        assert error is not None
        assert names(error) == ["work", "inner", "loads", "decode", "raw_decode"]
