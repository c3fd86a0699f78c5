"""Which triggers there are, and putting them in force: nbconvex.functions.triggers."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex import trigger, v
from nbconvex.backend import Backend
from nbconvex.database.guarded_transaction import GuardedTransaction
from nbconvex.database.transaction import Transaction
from nbconvex.errors import CallerError
from nbconvex.functions.trigger import make_trigger
from nbconvex.values.schema import table

CELL = "def check(ctx, change):\n    _seen(change)\n\ndef _seen(change):\n    seen.append(change.operation)\n"


@pytest.fixture
def backend() -> Any:
    with Backend.open() as backend:
        yield backend


def names(backend: Backend) -> list[str]:
    return [each.name for each in backend.triggers]


def insert(backend: Backend, name: str = "users") -> None:
    tx = backend.database.begin(writable=True)
    tx.insert(name, {"a": 1})
    backend.database.commit(tx)


def test_a_cell_defines_triggers_and_replaces_what_it_had_defined(backend: Backend) -> None:
    namespace: dict[str, Any] = {"seen": []}
    first = backend.triggers.define_cell("users", CELL, origin="cell 1", namespace=namespace)
    assert (first.change.added, names(backend)) == (("users.check",), ["users.check"])
    assert set(namespace) & {"_seen", "check"} == {"_seen"}
    insert(backend)
    second = backend.triggers.define_cell("users", CELL.replace("check", "watch"), origin="cell 1", namespace=namespace)
    assert (second.change.added, second.change.removed) == (("users.watch",), ("users.check",))
    insert(backend)
    assert namespace["seen"] == ["insert", "insert"]


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("def check(ctx, change:", SyntaxError, "never closed"),
        ("x = 1 / 0\n" + CELL, ZeroDivisionError, "zero"),
        ("x = 1", CallerError, "defines no trigger"),
        ("def _helper(ctx, change): pass", CallerError, "defines no trigger"),
        ("def check(ctx): pass", CallerError, "called with ctx and the change"),
        (CELL + "def other(ctx): pass", CallerError, "called with ctx and the change"),
    ],
)
def test_a_cell_with_an_error_changes_nothing(backend: Backend, source: str, error: Any, words: str) -> None:
    namespace: dict[str, Any] = {"x": 5, "seen": []}
    backend.triggers.define_cell("users", CELL, origin="cell 1", namespace=namespace)
    before, watch = dict(namespace), backend.database.watch
    with pytest.raises(error, match=words):
        backend.triggers.define_cell("users", source, origin="cell 1", namespace=namespace)
    assert namespace == before
    assert backend.database.watch is watch
    insert(backend)
    assert namespace["seen"] == ["insert"]


def test_a_table_that_is_not_there_is_told_of(backend: Backend) -> None:
    backend.push_schema({"users": table({"a": v.any()})})
    assert backend.triggers.define_cell("users", CELL).notes == ()
    [note] = backend.triggers.define_cell("user", CELL).notes
    assert note == 'there is no table "user" yet. Did you mean "users"?'
    [note] = backend.triggers.define_cell("zebras", CELL).notes
    assert note.endswith("It comes into being with its first document.")
    with pytest.raises(CallerError, match="system table"):
        backend.triggers.define_cell("_storage", CELL)


def test_cells_without_an_id_go_by_table_and_name(backend: Backend) -> None:
    backend.triggers.define_cell("users", CELL)
    backend.triggers.define_cell("teams", CELL)
    assert backend.triggers.define_cell("users", CELL).change.changed == ("users.check",)
    assert names(backend) == ["users.check", "teams.check"]


def test_a_trigger_that_another_cell_defines_is_taken_over_and_keeps_its_place(backend: Backend) -> None:
    backend.triggers.define_cell("users", CELL, origin="cell 1")
    backend.triggers.define_cell("users", CELL.replace("check", "last"), origin="cell 2")
    assert backend.triggers.define_cell("users", CELL, origin="cell 3").change.taken_over == ("users.check",)
    assert names(backend) == ["users.check", "users.last"]
    # It is not cell 1's any more.
    assert backend.triggers.forget("cell 1").removed == ()
    assert backend.triggers.forget("cell 3").removed == ("users.check",)


def test_modules_and_decorators_declare_them_too(backend: Backend) -> None:
    seen: list[str] = []

    @trigger("users")
    def in_module(ctx: Any, change: Any) -> None:
        seen.append("module")

    @backend.trigger("users")
    def decorated(ctx: Any, change: Any) -> None:
        seen.append("decorator")

    report = backend.add_module({"in_module": in_module}, "app")
    assert report.added == ("trigger users.in_module",)
    insert(backend)
    assert sorted(seen) == ["decorator", "module"]
    assert backend.add_module({}, "app").removed == ("trigger users.in_module",)
    insert(backend)
    assert seen[2:] == ["decorator"]


def test_a_cell_that_becomes_a_function_has_no_triggers_any_more(backend: Backend) -> None:
    backend.triggers.define_cell("users", CELL, origin="cell 1")
    backend.define_cell("query", "def f(ctx): return 1", origin="cell 1")
    assert names(backend) == []


def test_without_triggers_transactions_are_plain_ones(backend: Backend) -> None:
    assert type(backend.database.begin(writable=True)) is Transaction
    backend.triggers.replace("o", [make_trigger(lambda ctx, change: None, "users", origin="o", place="")])
    assert type(backend.database.begin(writable=True)) is GuardedTransaction
    assert type(backend.database.begin(writable=False)) is Transaction
    backend.triggers.forget("o")
    assert type(backend.database.begin(writable=True)) is Transaction


def test_a_transaction_keeps_the_triggers_with_which_it_began(backend: Backend) -> None:
    seen: list[str] = []
    backend.triggers.define_cell("users", CELL, origin="cell 1", namespace={"seen": seen})
    tx = backend.database.begin(writable=True)
    backend.triggers.forget("cell 1")
    tx.insert("users", {"a": 1})
    insert(backend)
    assert seen == ["insert"]


def test_a_clock_that_is_not_frozen_is_told_of(backend: Backend) -> None:
    source = "from datetime import datetime\ndef check(ctx, change):\n    return datetime.now()"
    [*_, note] = backend.triggers.define_cell("users", source).notes
    assert note == (
        "users.check uses datetime.now() (write ctx.now(), the frozen time in milliseconds); it is not frozen while a "
        "trigger runs."
    )
