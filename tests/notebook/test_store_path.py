"""Where a notebook's data is kept: nbconvex.notebook.store_path."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbconvex.notebook.store_path import store_path


@pytest.mark.parametrize(
    ("user_ns", "environment", "expected"),
    [
        ({}, {}, "{here}/nbconvex.duckdb"),
        ({}, {"JPY_SESSION_NAME": "{here}/work/tour.ipynb"}, "{here}/work/tour.duckdb"),
        ({}, {"JPY_SESSION_NAME": "/of/another/machine/tour.ipynb"}, "{here}/tour.duckdb"),
        ({}, {"JPY_SESSION_NAME": "RTC:work/tour.ipynb"}, "{here}/tour.duckdb"),
        ({}, {"JPY_SESSION_NAME": "{here}/work/1c5e-a-console"}, "{here}/nbconvex.duckdb"),
        ({"__vsc_ipynb_file__": "{here}/work/ü b.ipynb"}, {"JPY_SESSION_NAME": "x.ipynb"}, "{here}/work/ü b.duckdb"),
    ],
)
def test_store_stands_beside_the_notebook(user_ns, environment, expected, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()

    def filled(names: dict[str, str]) -> dict[str, str]:
        return {name: value.format(here=tmp_path) for name, value in names.items()}

    assert store_path(filled(user_ns), filled(environment)) == Path(expected.format(here=tmp_path))
