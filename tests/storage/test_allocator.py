"""Freed memory goes back to the system, where that can be asked for."""

from __future__ import annotations

import ctypes

import pytest

from nbconvex.storage import allocator


def test_giving_back_can_be_asked_for_at_any_time() -> None:
    allocator.give_back()
    allocator.give_back()


@pytest.mark.parametrize("problem", [AttributeError, OSError, TypeError])
def test_nothing_is_done_where_the_c_library_has_no_such_call(
    monkeypatch: pytest.MonkeyPatch, problem: type[Exception]
) -> None:
    def refuse(_: object) -> object:
        raise problem

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    allocator._trim.cache_clear()
    allocator.give_back()
    allocator._trim.cache_clear()
