"""A cell is the deploy."""

from __future__ import annotations

import types
from typing import Any

import pytest

from nbconvex import mutation, query
from nbconvex.errors import CallerError, FunctionNotFoundError, SchemaInvalidError, SchemaViolatedError
from nbconvex.functions.deploy import CellReport, define_value_cell
from nbconvex.testing import TestBackend, convex_test


def cell(t: TestBackend, source: str, namespace: dict[str, Any], *, origin: str | None = "cell 1", kind: str = "query",
         module: str = "main", internal: bool = False) -> CellReport:  # fmt: skip
    return t.backend.define_cell(kind, source, origin=origin, namespace=namespace, module=module, internal=internal)  # type: ignore[arg-type]


@pytest.mark.case("notebook/cell_defines_query", "notebook/two_functions_in_cell")
def test_cell_defines_its_functions_and_keeps_helpers_private() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        report = cell(
            t, "def one(ctx): return _two()\ndef three(ctx): return 3\ndef _two(): return 2\ndef four(): ...", ns
        )
        assert report == CellReport(added=("main:one", "main:three"), paths=("main:one", "main:three"))
        assert sorted(t.backend.registry.functions) == ["main:one", "main:three"]
        assert (t.api.main.one(), ns["one"](), ns["main"].three()) == (2, 2, 3)


@pytest.mark.case("notebook/cell_rerun_idempotent")
def test_cell_run_again_replaces_exactly_what_it_had_defined() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        for _ in range(5):
            report = cell(t, "def one(ctx): return 1\ndef two(ctx): return 2", ns)
        assert report == CellReport(changed=("main:one", "main:two"), paths=("main:one", "main:two"))
        cell(t, "def other(ctx): return 3", ns, origin="cell 2")
        report = cell(t, "def one(ctx): return 10", ns)
        assert (report.changed, report.removed) == (("main:one",), ("main:two",))
        assert sorted(t.backend.registry.functions) == ["main:one", "main:other"]
        assert t.api.main.one() == 10


@pytest.mark.case("notebook/rename_removes_old")
def test_renamed_function_loses_its_old_name_everywhere() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        cell(t, "def old(ctx): return 1", ns)
        cell(t, "def new(ctx): return 1", ns)
        assert "old" not in ns
        assert ns["new"]() == 1
        with pytest.raises(FunctionNotFoundError):
            t.api.main.old()


@pytest.mark.case("functions/failed_redefinition_keeps_old")
@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("def q(ctx): return 2\nraise ValueError('no')", ValueError),
        ("def q(ctx:", SyntaxError),
        ("def q(ctx, n: {1, 2}): return 2", SchemaInvalidError),
        ("def q(ctx): return 2\ndef r(ctx):\n    yield 1", CallerError),
        ("x = 5", CallerError),
    ],
    ids=["raises", "syntax", "annotation", "generator", "nothing"],
)
def test_broken_edit_changes_nothing(broken: str, error: type[Exception]) -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        cell(t, "def _helper(): return 1\ndef q(ctx): return _helper()", ns)
        before = dict(ns)
        with pytest.raises(error):
            cell(t, "def _helper(): return 100\n" + broken, ns)
        assert ns == before
        assert t.api.main.q() == 1


def test_names_are_bound_only_where_they_are_free() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {"send": "mine", "messages": "mine too"}
        cell(t, "def send(ctx): return 1\ndef list(ctx): return 2\ndef get(ctx): return 3", ns, module="messages")
        assert (ns["send"], ns["messages"]) == ("mine", "mine too")
        assert "list" not in ns
        assert ns["get"]() == 3
        assert t.api.messages.list() == 2
        cell(t, "def get(ctx): return 30", ns, module="other", origin="cell 2")
        assert ns["get"]() == ns["other"].get() == 30
        assert t.api.messages.get() == 3


def test_internal_cell_binds_references_that_may_call_it() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        cell(t, "def secret(ctx): return 1", ns, internal=True)
        assert ns["secret"]() == 1
        with pytest.raises(FunctionNotFoundError):
            t.api.main.secret()


def test_cell_without_an_id_replaces_path_by_path() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        assert cell(t, "def a(ctx): return 1\ndef b(ctx): return 2", ns, origin=None).added == ("main:a", "main:b")
        report = cell(t, "def a(ctx): return 3", ns, origin=None)
        assert (report.changed, report.removed) == (("main:a",), ())
        assert (t.api.main.a(), t.api.main.b()) == (3, 2)


def test_report_counts_the_live_queries_that_follow() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        cell(t, "def q(ctx): return 1", ns)
        with t.backend.subscribe("main:q"):
            assert cell(t, "def q(ctx): return 2", ns).live_queries == 1


@pytest.mark.case("notebook/globals_snapshot_warning")
def test_function_sees_later_values_of_globals_and_nothing_kept_hides_them() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {"threshold": 1}
        cell(t, "def q(ctx): return [threshold, _helper()]\ndef _helper(): return 'old'", ns)
        assert t.api.main.q() == [1, "old"]
        ns["threshold"] = 2
        assert t.api.main.q() == [2, "old"]
        exec("def _helper(): return 'new'", ns)
        assert t.api.main.q() == [2, "new"]


def test_clock_that_cannot_be_frozen_is_told_to_the_author() -> None:
    with convex_test() as t:
        report = cell(t, "from datetime import datetime\ndef q(ctx): return datetime.now().year", {})
        assert "main:q uses datetime.now()" in report.notes[0]
        assert "ctx.now()" in report.notes[0]


def test_schema_cell_puts_its_tables_in_force() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        t.backend.define_schema_cell("users = table({'name': v.string()}).index('by_name', ['name'])", namespace=ns)
        t.mutation(lambda ctx: ctx.db.insert("users", {"name": "ada"}))
        assert t.query(lambda ctx: ctx.db.query("users").with_index("by_name", name="ada").count()) == 1
        before = dict(ns)
        with pytest.raises(SchemaViolatedError):
            t.backend.define_schema_cell("users = table({'name': v.number()})", namespace=ns)
        assert ns == before
        with pytest.raises(SchemaInvalidError):
            t.backend.define_schema_cell("users = table({'name': v.string()}).index('i', ['nome'])", namespace=ns)
        with pytest.raises(CallerError, match="this cell defines no table"):
            t.backend.define_schema_cell("x = 5", namespace=ns)
        assert t.query(lambda ctx: ctx.db.query("users").with_index("by_name", name="ada").count()) == 1


def test_schema_that_is_only_checked_changes_nothing() -> None:
    with convex_test() as t:
        ns: dict[str, Any] = {}
        report = t.backend.define_schema_cell("users = table({'name': v.string()})", namespace=ns, check_only=True)
        assert report.created_tables == ("users",)
        assert ns == {}
        assert t.backend.database.snapshot.schema is None


def test_schema_without_validation_lets_documents_through() -> None:
    with convex_test() as t:
        t.backend.define_schema_cell("users = table({'name': v.string()})", validate=False)
        assert t.mutation(lambda ctx: ctx.db.insert("users", {"name": 5}))


@pytest.mark.case("notebook/export_notebook_to_module")
def test_module_declares_the_same_functions_with_decorators() -> None:
    module = types.ModuleType("app.messages")
    module.send = mutation(lambda ctx, body: ctx.db.insert("messages", {"body": body}))  # type: ignore[attr-defined]
    module.everything = query(name="list")(lambda ctx: ctx.db.query("messages").count())  # type: ignore[attr-defined]
    module.other = 5  # type: ignore[attr-defined]
    with convex_test() as t:
        assert t.backend.add_module(module).added == ("app/messages:send", "app/messages:list")
        module.send(body="hi")  # type: ignore[attr-defined]
        assert t.api.app.messages.list() == 1
        assert t.backend.add_module(module).paths == ("app/messages:send", "app/messages:list")
        del module.send  # type: ignore[attr-defined]
        assert t.backend.add_module(module).removed == ("app/messages:send",)


def test_namespace_is_a_module_too() -> None:
    with convex_test() as t:
        namespace = {"f": query(lambda ctx: 1), "v": None}
        assert t.backend.add_module(namespace).added == ("main:f",)
        # Nothing was run again, so nothing has changed.
        report = t.backend.add_module(namespace)
        assert (report.added, report.changed, report.removed) == ((), (), ())
        assert t.backend.add_module({"f": query(lambda ctx: 2)}, "other").added == ("other:f",)


def test_cell_that_says_a_value_is_used_or_changes_nothing() -> None:
    names: dict[str, Any] = {"things": ["old"]}

    def said(source: str) -> int:
        return define_value_cell(source, "things", len, namespace=names, filename="<cell>", example="things = []")

    assert said("x = 1\nthings = [x, 2]") == 2
    assert names["things"] == [1, 2]
    for source, error in (
        ("x = 5", CallerError), ("things = 7", TypeError), ("things = []\n1 / 0", ZeroDivisionError),
        ("things = [", SyntaxError),
    ):  # fmt: skip
        with pytest.raises(error):
            said(source)
        assert (names["things"], names["x"]) == ([1, 2], 1)
