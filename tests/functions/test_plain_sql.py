"""`nbconvex.sql`."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import CallerError
from nbconvex.testing import convex_test


def test_the_open_backend_is_asked() -> None:
    with convex_test() as t:
        t.mutation(lambda ctx: ctx.db.insert("t", {"n": 2}))
        assert nbconvex.sql("SELECT n * $by AS n FROM t", by=3).fetchall() == [(6.0,)]


def test_without_a_backend_there_is_a_sentence() -> None:
    with pytest.raises(CallerError, match="no backend is open"):
        nbconvex.sql("SELECT 1")
