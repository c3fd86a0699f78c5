"""Decorated functions of plain cells: nbconvex.notebook.declarations."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.functions.definition import query


def test_decorated_functions_of_plain_cells_are_defined_too(shell) -> None:
    ran = shell.run("from nbconvex import query\n\n@query\ndef doubled(ctx, n: int):\n    return 2 * n")
    assert "✓ new main:doubled" in ran.plain[-1]
    assert shell.value("api.main.doubled(n=4), doubled(n=5)") == (8, 10)
    ran = shell.run("@query\ndef doubled(ctx, n: int):\n    return 20 * n")
    assert "✓ changed main:doubled" in ran.plain[-1]
    assert shell.value("doubled(n=5)") == 100
    ran = shell.run("del doubled")
    assert "gone main:doubled" in ran.plain[-1]


def test_cell_with_an_error_declares_nothing(shell) -> None:
    shell.fail("from nbconvex import query\n@query\ndef f(ctx): return 1\nundefined")
    assert shell.run("%convex functions").plain[0].startswith("No functions yet")
    assert shell.run("1").plain == []
    assert "✓ new main:f" in shell.run("from nbconvex import query\n@query\ndef f(ctx): return 1").plain[-1]
    shell.fail("@query\ndef f(ctx): return 2\nundefined")
    assert shell.run("1").plain == []
    assert shell.value("api.main.f()") == 1
    assert "✓ changed main:f" in shell.run("@query\ndef f(ctx): return 3").plain[-1]


def test_declaration_that_cannot_work_is_refused_shortly(shell) -> None:
    ran = shell.run("from nbconvex import query\n@query\ndef f(): return 1")
    assert "the first parameter of a function is ctx" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_declaration_of_another_backend_is_left_alone(shell) -> None:
    @query
    def elsewhere(ctx):
        return 1

    elsewhere.reference = len
    shell.ipython.push({"elsewhere": elsewhere})
    shell.run("x = 1")
    assert shell.run("%convex functions").plain[0].startswith("No functions yet")


FUNCTIONS = """
def newest(ctx, count: int = 2):
    return [each["body"] for each in ctx.db.query("messages").order("desc").take(count)]
"""
EXPORTED = "from nbconvex import query\n\n@query" + FUNCTIONS


@pytest.mark.case("notebook/export_notebook_to_module")
def test_functions_in_a_file_have_the_same_names_and_behaviour(app, tmp_path) -> None:
    app.run("%%query exported" + FUNCTIONS)
    in_notebook = app.value("api.exported.newest()")
    (tmp_path / "exported.py").write_text(EXPORTED)
    assert app.run("%convex open exported.py").plain == ["✓ changed exported:newest"]
    assert app.value("api.exported.newest()") == in_notebook == ["text 2", "text 1"]
    namespace: dict = {}
    exec(EXPORTED, namespace)
    with Backend.open() as headless:
        headless.add_module(namespace, "exported")
        assert headless.run("exported:newest") == []


def test_error_in_a_file_shows_its_line(app, tmp_path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ny = x / 0\n")
    ran = app.fail("%convex open broken.py")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "y = x / 0" in ran.stdout
    assert "nbconvex/" not in ran.stdout
    assert "there is no Python file" in str(app.fail("%convex open missing.py").error)
