"""`nbconvex check`: the list, and a status that a build can stop at."""

from __future__ import annotations

import pytest

from nbconvex.cli.main import main
from tests.cli.files import notebook

SCHEMA = '%%schema\nposts = table({"author": v.string()}).index("by_author", ["author"])'
FINE = (
    "%%query posts\ndef by(ctx, author: str):\n    # nbconvex: allow identity\n"
    '    return ctx.db.query("posts").with_index("by_author", author=author).collect()'
)


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*cells: str) -> tuple[int, str]:
        notebook(tmp_path / "app.ipynb", *cells)
        status = main(["check", "app.ipynb"])
        assert not (tmp_path / "app.duckdb").exists()
        return status, capsys.readouterr().out

    return run


def test_a_fine_app_ends_with_0(check) -> None:
    status, out = check(SCHEMA, FINE)
    assert status == 0
    assert out.endswith("13 fine.\n")


def test_a_fault_is_named_with_its_cell_and_ends_with_1(check) -> None:
    status, out = check(SCHEMA, FINE, "%%query more\ndef add(ctx):\n    ctx.db.insert('posts', {})")
    assert status == 1
    assert "more:add (app.ipynb, cell 3, line 2): is a query, and calls ctx.db.insert" in out


def test_pages_in_other_cells_are_searched_for_wrong_addresses(check) -> None:
    status, out = check(SCHEMA, FINE, "%%html\n<script>fetch('https://cat.convex.cloud/hi')</script>")
    assert status == 1
    assert "app.ipynb, cell 3: asks for an endpoint at https://cat.convex.cloud/hi" in out


def test_a_cell_with_an_error_ends_with_1(check) -> None:
    assert check(SCHEMA, FINE, "%%query more\ndef add(ctx)\n    ...")[0] == 1
