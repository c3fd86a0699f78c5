"""Imports and exports for plain code: nbconvex.services.transfer.plain."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import CallerError, NotAllowedError
from tests.services.transfer.stores import backend_with, bare


def test_the_only_backend_is_found(tmp_path) -> None:
    with pytest.raises(CallerError, match="no backend is open"):
        nbconvex.import_data([], "t")
    with backend_with() as backend:
        assert nbconvex.import_data([{"a": 1}], "t").documents == 1
        assert bare(backend, "t") == [{"a": 1}]
        assert nbconvex.export_data(tmp_path / "t.jsonl", "t").documents == 1


def test_an_answer_of_sql_can_be_imported() -> None:
    with backend_with() as backend:
        backend.import_data([{"item": "a", "n": 1}, {"item": "a", "n": 2}], "sales")
        answer = nbconvex.sql("SELECT item, count(*) AS sales, sum(n::INT) AS n FROM sales GROUP BY item")
        assert backend.import_data(answer, "totals").documents == 1
        assert bare(backend, "totals") == [{"item": "a", "sales": 2, "n": 3}]


def test_functions_are_told_to_write_through_their_ctx(tmp_path) -> None:
    with backend_with() as backend:

        @backend.mutation(name="m:load")
        def load(ctx):
            nbconvex.import_data([{"a": 1}], "t")

        @backend.action(name="m:save")
        def save(ctx):
            backend.export_data(tmp_path / "x.zip")

        for path in ("m:load", "m:save"):
            with pytest.raises(NotAllowedError, match=f"{path} calls .*_data, which plain code does"):
                backend.run(path)
        assert list(tmp_path.iterdir()) == []
