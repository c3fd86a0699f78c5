"""Declaring migrations: nbconvex.services.migrations.migration_forms."""

from __future__ import annotations

import types

import pytest

from nbconvex import UNSET, Int64, migration
from nbconvex.errors import CallerError
from nbconvex.services.migrations.migration_forms import (
    MigrationDefinition,
    declared_migrations,
    definition_of_cell,
)

BODY = "def migrate_one(ctx, doc):\n    return {'age': 1}\n"


def of_cell(source: str, name: str = "m", table: str = "users", batch_size: int = 100) -> MigrationDefinition:
    return definition_of_cell(source, name, table, batch_size, namespace={}, filename="<cell>")


def test_decorator_makes_a_migration_that_is_called_like_its_function():
    @migration(table="users", batch_size=7)
    def add_age(ctx, doc):
        return {"age": doc["n"] + ctx}

    assert (add_age.name, add_age.table, add_age.batch_size) == ("add_age", "users", 7)
    assert add_age(1, {"n": 2}) == {"age": 3}
    assert repr(add_age) == "<migration add_age of users>"
    assert migration(table="users", name="other")(add_age.migrate_one).name == "other"


@pytest.mark.parametrize("name", ["", "two words", "ä", "x" * 65, "-x", None, 5])
def test_name_that_cannot_be_is_refused(name):
    with pytest.raises(CallerError, match="a migration's name has letters"):
        of_cell(BODY, name=name)


@pytest.mark.parametrize(("table", "batch_size"), [("_storage", 1), ("", 1), ("a b", 1), ("users", 0), ("users", True)])
def test_table_or_batch_that_cannot_be_is_refused(table, batch_size):
    with pytest.raises(CallerError, match="the migration m"):
        of_cell(BODY, table=table, batch_size=batch_size)


@pytest.mark.parametrize(
    "function",
    [lambda: 1, lambda ctx: 1, lambda doc, ctx: 1, lambda ctx, doc, more: 1, lambda ctx, *, doc: 1],
)
def test_function_is_called_with_ctx_and_one_document(function):
    with pytest.raises(CallerError, match="is called with ctx and one document, but takes") as caught:
        migration(table="users", name="m")(function)
    assert "def migrate_one(ctx, doc):" in str(caught.value)


def test_function_may_have_defaults_and_may_be_async_but_yields_nothing():
    assert migration(table="users", name="m")(lambda ctx, doc, factor=2, **more: None)

    async def later(ctx, doc):
        return None

    def several(ctx, doc):
        yield {}

    assert migration(table="users")(later).name == "later"
    with pytest.raises(CallerError, match="uses yield"):
        migration(table="users")(several)
    with pytest.raises(CallerError, match="needs a function, got int"):
        migration(table="users", name="m")(5)


def test_decorator_without_a_table_says_how_it_is_written():
    with pytest.raises(CallerError, match=r'@migration\(table="users"\)'):
        migration(table=lambda ctx, doc: None)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def migrate_on(ctx, doc):\n    pass", "it has migrate_on"),
        ("def migrate_one(doc):\n    pass", "no function whose first parameter is ctx"),
        ("x = 1", "no function whose first parameter is ctx"),
        (BODY + "def other(ctx):\n    pass", "this one has other as well"),
        ("def migrate_one(ctx):\n    pass", "takes ctx"),
    ],
)
def test_cell_without_the_one_function_is_refused(source, words):
    with pytest.raises(CallerError, match=words):
        of_cell(source)


def test_cell_may_have_helpers_and_its_function_finds_the_words_it_needs():
    namespace: dict = {}
    definition = definition_of_cell(
        "import math\ndef helper(n):\n    return math.floor(n)\ndef _of(ctx):\n    return UNSET, Int64(1)\n"
        "def migrate_one(ctx, doc):\n    return {'n': helper(1.5), 'words': _of(ctx)}",
        "m", "users", 100, namespace=namespace, filename="<cell>",
    )  # fmt: skip
    assert definition(None, {}) == {"n": 1, "words": (UNSET, Int64(1))}
    assert "migrate_one" not in namespace


def test_digest_tells_texts_apart_and_ignores_white_space_around_them():
    assert of_cell(BODY).digest == of_cell(f"\n\n{BODY}\n").digest != of_cell(BODY.replace("1", "2")).digest


def test_module_declares_what_is_bound_in_it_once():
    module = types.ModuleType("app")
    module.a = module.b = migration(table="users", name="m")(lambda ctx, doc: None)
    module.c = 5
    assert [each.name for each in declared_migrations(module)] == ["m"]
