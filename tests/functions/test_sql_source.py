"""A SELECT as the source of a query: nbconvex.functions.sql_source."""

from __future__ import annotations

import ast

import pytest

from nbconvex.errors import CallerError
from nbconvex.functions.sql_source import sql_cell, sql_query_source

SQL = "\n\nSELECT *\nFROM t WHERE a > $least AND b = $city\n"


def source(args: str | None = None, *, name: str = "totals", sql: str = SQL, parameters=("least", "city")) -> str:
    return sql_query_source(sql, name, parameters, args)


def test_function_stands_where_the_sql_begins_and_the_sql_keeps_its_lines() -> None:
    function = ast.parse(source()).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert function.lineno == 3
    assert source().splitlines()[2] == (
        f"def totals(ctx, least, city): return ctx.db.sql({SQL!r}, least=least, city=city)"
    )


def test_arguments_have_the_types_and_defaults_that_are_said() -> None:
    assert "def totals(ctx, city: str, least: float=0): return" in source("city: str, least: float = 0")
    assert "def totals(ctx, least, city='a'): return" in source("least, # the least\ncity='a' # the city")


def test_sql_without_parameters_is_a_function_without_arguments() -> None:
    assert "def totals(ctx): return" in source(sql="SELECT 1", parameters=())


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ("least: float", "the SQL has $city, and --args does not say what that is."),
        ("least: float", 'Write instead:  --args "least: float, city"'),
        ("", '--args "least"'),
        ("least, city, more: int", "--args names more, and the SQL has no $more; its parameters: $least, $city."),
        ("least: float =, city", "cannot be read"),
        ("least, city): pass\ndef g(x", "is something else"),
        ("least, city): import os #", "cannot be read"),
        ("*least, city", "is something else"),
        ("**city", "is something else"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(args, sentence) -> None:
    with pytest.raises(CallerError) as refused:
        source(args)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("name", ["two words", "class", "_hidden", "1st", ""])
def test_name_that_python_cannot_have_is_refused(name) -> None:
    with pytest.raises(CallerError, match="named like a Python function"):
        source(name=name)


@pytest.mark.parametrize("parameter", ["class", "ctx"])
def test_parameter_that_python_cannot_have_is_refused(parameter) -> None:
    with pytest.raises(CallerError, match=rf"\${parameter} cannot be the name of a parameter"):
        source(parameters=(parameter,))


def test_cell_is_named_as_module_and_name() -> None:
    module, code = sql_cell("sales:all", "\nSELECT 1", None, lambda _: ())
    assert (module, code) == ("sales", "\ndef all(ctx): return ctx.db.sql('\\nSELECT 1')")


@pytest.mark.parametrize("named", ["sales", ":all", "main"])
def test_cell_without_both_names_is_refused(named) -> None:
    with pytest.raises(CallerError, match=r"%%query .*:totals --sql"):
        sql_cell(named, "SELECT 1", None, lambda _: ())
