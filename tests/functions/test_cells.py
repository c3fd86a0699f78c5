"""The text of a cell, turned into functions."""

from __future__ import annotations

import builtins
import threading
import traceback
from typing import Any

import pytest

from nbconvex.errors import CallerError, NotAllowedError
from nbconvex.functions.cells import is_free, read_cell, run_cell, tables_of, undone_on_error
from nbconvex.testing import convex_test

CELL = """
import json
LIMIT = 2

def _private(ctx):
    return "private"

def helper(rows):
    return rows[:LIMIT]

def list(ctx, n: int = 3):
    return json.dumps(helper([1] * n)) + _private(ctx)

async def get(ctx):
    return __name__
"""


def run(source: str, namespace: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    namespace = {} if namespace is None else namespace
    with undone_on_error(namespace):
        handlers = run_cell(read_cell(source, filename="<test cell>"), namespace)
    return handlers, namespace


def test_top_level_defs_with_ctx_are_functions_and_the_rest_lands_in_the_namespace() -> None:
    handlers, namespace = run(CELL)
    assert sorted(handlers) == ["get", "list"]
    assert {"json", "LIMIT", "helper", "_private"} <= namespace.keys()
    assert not {"list", "get", "args", "v", "table"} & namespace.keys()
    assert handlers["list"](None, n=5) == "[1, 1]private"


def test_functions_carry_the_names_that_their_author_gave_them() -> None:
    handlers, _ = run(CELL)
    handler = handlers["list"]
    assert (handler.__name__, handler.__qualname__, handler.__code__.co_name) == ("list", "list", "list")


def test_function_called_like_a_builtin_never_stands_in_its_place() -> None:
    namespace: dict[str, Any] = {"entered": threading.Event(), "go_on": threading.Event()}
    source = "def list(ctx): ...\nentered.set(); go_on.wait(5)\nmade = list((1, 2))"
    cell = threading.Thread(target=run, args=(source, namespace))
    cell.start()
    namespace["entered"].wait(5)
    assert "list" not in namespace
    namespace["go_on"].set()
    cell.join()
    assert namespace["made"] == [1, 2]


def test_failed_cell_leaves_the_namespace_as_it_was() -> None:
    namespace: dict[str, Any] = {"kept": 1, "gone": 2}
    before = dict(namespace)
    with pytest.raises(ZeroDivisionError):
        run("kept = 5\nnew = 6\ndel gone\ndef f(ctx): ...\n1 / 0", namespace)
    namespace.pop("__builtins__", None)
    assert namespace == before


def test_lines_count_as_they_stand_in_the_source() -> None:
    handlers, _ = run("\n\n\n\ndef boom(ctx):\n    raise ValueError('here')\n")
    try:
        handlers["boom"](None)
    except ValueError as error:
        [frame] = traceback.extract_tb(error.__traceback__)[1:]
    assert (frame.filename, frame.lineno, frame.name) == ("<test cell>", 6, "boom")
    assert frame.line == "raise ValueError('here')"


def test_syntax_error_points_at_its_line() -> None:
    with pytest.raises(SyntaxError) as caught:
        read_cell("\n\ndef f(ctx:\n", filename="<test cell>")
    assert (caught.value.filename, caught.value.lineno) == ("<test cell>", 3)


def test_words_of_cells_need_no_import() -> None:
    handlers, namespace = run("@args({'n': v.int64()})\n@returns(v.null())\ndef f(ctx, n): ...")
    assert str(handlers["f"].__nbconvex_returns__) == "v.null()"
    assert not {"args", "returns", "v", "table"} & namespace.keys()


def test_words_that_the_author_has_stay_the_authors() -> None:
    seen = []
    _, namespace = run("v('mine')", {"v": seen.append})
    assert seen == ["mine"]
    assert "v" in namespace


def test_decorator_of_a_kind_does_not_belong_inside() -> None:
    with pytest.raises(CallerError, match="the cell's first line says what its functions are"):
        run("from nbconvex import query\n@query\ndef f(ctx): ...")


def test_function_that_a_decorator_swallowed_is_missed() -> None:
    with pytest.raises(CallerError, match="f is not a function any more"):
        run("def swallow(f): return 5\n@swallow\ndef f(ctx): ...")


def test_tables_of_a_cell_are_those_it_binds_at_its_top_level() -> None:
    cell = read_cell(
        "users = table({'name': v.string()})\na = b = users.index('by_name', ['name'])\nn = 5\n"
        "def f():\n    hidden = table({})\n",
        filename="<schema>",
        takes_functions=False,
    )
    namespace: dict[str, Any] = {"older": None}
    run_cell(cell, namespace)
    assert list(tables_of(cell, namespace)) == ["users", "a", "b"]
    assert list(namespace["a"].indexes) == ["by_name"]


@pytest.mark.case("determinism/db_at_definition_time")
def test_database_cannot_be_used_while_a_cell_is_defined() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: 1)
        for line in ("api.m.f()", "backend.run('m:f')"):
            with pytest.raises(NotAllowedError, match="the database can't be used while functions are being defined"):
                t.backend.define_cell(
                    "query", f"{line}\ndef g(ctx): ...", namespace={"api": t.api, "backend": t.backend}
                )
        assert list(t.backend.registry.functions) == ["m:f"]


def test_free_names_are_unused_or_ours_and_no_builtins() -> None:
    assert is_free("send", {}, lambda _: False)
    assert not is_free("send", {"send": 5}, lambda _: False)
    assert is_free("send", {"send": 5}, lambda value: value == 5)
    assert not is_free("list", {}, lambda _: True)
    assert hasattr(builtins, "list")
