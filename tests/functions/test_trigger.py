"""Declaring triggers: nbconvex.functions.trigger."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex import mutation, trigger
from nbconvex.errors import CallerError
from nbconvex.functions.trigger import Trigger, TriggerDeclaration, make_trigger, triggers_of


def handler(ctx: Any, change: Any) -> None:
    """What it is for."""


def made(handler: Any, table: Any = "users") -> Trigger:
    return make_trigger(handler, table, origin="cell", place="a cell")


def test_a_declaration_remembers_its_handler_and_table() -> None:
    declaration = trigger("users")(handler)
    assert isinstance(declaration, TriggerDeclaration)
    assert (declaration.handler, declaration.tables, declaration.__doc__) == (handler, ("users",), "What it is for.")
    assert repr(declaration) == "<trigger handler on users>"
    assert declaration(None, None) is None


def test_one_handler_may_watch_several_tables() -> None:
    both = trigger("users")(trigger("teams")(handler))
    assert [(each.name, each.table) for each in both.define("o", "p")] == [
        ("users.handler", "users"), ("teams.handler", "teams"),
    ]  # fmt: skip


def test_a_module_declares_each_once_whatever_it_is_bound_to() -> None:
    declaration = trigger("users")(handler)
    namespace = {"handler": declaration, "again": declaration, "other": 5}
    assert [(each.name, each.origin, each.place) for each in triggers_of(namespace, "module m", "the module m")] == [
        ("users.handler", "module m", "the module m")
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("_storage", "system table"),
        (handler, 'a trigger belongs to a table, got no table.\n  Write instead:  @trigger("users")'),
        (5, "got 5"),
        ("no table", "a table cannot be named"),
        (None, "got None"),
    ],
)
def test_what_is_no_table_is_refused_where_it_stands(table: Any, words: str) -> None:
    with pytest.raises(CallerError) as raised:
        trigger(table)
    assert words in str(raised.value)


def generator(ctx: Any, change: Any) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda ctx: None, "takes (ctx); it is called with ctx and the change"),
        (lambda ctx, change, more: None, "takes (ctx, change, more)"),
        (generator, "uses yield"),
        (5, "a trigger is a function, got int"),
        (int, "a trigger is a function, got type"),
        (mutation(lambda ctx: None), "already has its kind"),
    ],
)
def test_a_handler_that_cannot_work_is_refused(given: Any, words: str) -> None:
    with pytest.raises(CallerError) as raised:
        made(given)
    assert words in str(raised.value)
    with pytest.raises(CallerError):
        trigger("users")(given)


def test_more_parameters_with_defaults_are_fine() -> None:
    assert made(lambda ctx, change, more=1: None).table == "users"
