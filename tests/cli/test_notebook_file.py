"""Cells as they stand in a file."""

from __future__ import annotations

import json

import pytest

from nbconvex.cli.notebook_file import read_notebook
from nbconvex.errors import CallerError
from tests.cli.files import notebook


def test_code_cells_come_in_order_with_their_magics_and_lines_that_stay(tmp_path):
    path = notebook(
        tmp_path / "app.ipynb",
        "import math",
        "\n%%query messages --internal\n\ndef newest(ctx):\n    return 1",
        ("%%schema", {"tags": ["no-serve"]}),
        "  %%query not_a_magic_of_ours(",
    )
    plain, query, schema, broken = read_notebook(path)
    assert (plain.number, plain.id, plain.magic, plain.text) == (1, "cell-1", "", "import math")
    assert (query.magic, query.line) == ("query", "messages --internal")
    assert query.text.splitlines()[3] == query.whole.splitlines()[3] == "def newest(ctx):"
    assert (schema.magic, schema.line, schema.text.strip(), schema.tags) == ("schema", "", "", {"no-serve"})
    assert broken.magic == ""


def test_a_source_may_be_one_text_and_ids_may_be_missing(tmp_path):
    path = tmp_path / "old.ipynb"
    path.write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": "%%action\ndef a(ctx): ..."}], "nbformat": 4})
    )
    [cell] = read_notebook(path)
    assert (cell.id, cell.magic) == ("1", "action")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("no json", "cannot be read as a notebook"),
        ("\ud800".encode("utf-8", "surrogatepass"), "cannot be read as a notebook"),
        ("[" * 100_000, "cannot be read as a notebook"),
        ("[]", "no notebook of format 4"),
        ('{"worksheets": []}', "Open it in Jupyter and save it"),
        ('{"cells": [], "metadata": {"language_info": {"name": "julia"}}}', "a notebook of julia"),
    ],
)
def test_what_is_no_notebook_is_refused_with_the_cure(tmp_path, content, problem):
    path = tmp_path / "app.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CallerError, match=problem):
        read_notebook(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CallerError, match=r"there is no file .*nowhere\.ipynb"):
        read_notebook(tmp_path / "nowhere.ipynb")


def test_odd_cells_and_metadata_are_passed_over(tmp_path):
    path = tmp_path / "odd.ipynb"
    cells = [1, {"cell_type": "raw"}, {"cell_type": "code", "source": None, "metadata": [], "id": None}]
    path.write_text(json.dumps({"cells": cells, "metadata": "none", "nbformat": 4}))
    [cell] = read_notebook(path)
    assert (cell.id, cell.magic, cell.tags) == ("1", "", frozenset())
