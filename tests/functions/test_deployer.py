"""What puts code in force: nbconvex.functions.deployer, through the backend that has one."""

from __future__ import annotations

import pytest

from nbconvex import cron, http, internal, mutation, query
from nbconvex.errors import CallerError
from nbconvex.functions.deploy import CellReport
from nbconvex.functions.remembered import Remembered
from nbconvex.testing import convex_test
from nbconvex.values.schema import define_table
from nbconvex.values.validators import v


def test_a_module_declares_functions_endpoints_and_crons_in_one_step() -> None:
    @query
    def newest(ctx): ...

    @mutation(internal=True)
    def tidy(ctx): ...

    @http.get("/hello")
    def hello(ctx, request): ...

    nightly = cron.daily("nightly", internal.app.tidy, hour=3, minute=0)
    module = {"newest": newest, "tidy": tidy, "hello": hello, "nightly": nightly}
    with convex_test() as t:
        backend = t.backend
        report = backend.add_module(module, "app")
        assert report == CellReport(
            added=("app:newest", "app:tidy", "GET /hello"), paths=("app:newest", "app:tidy"), notes=report.notes
        )
        assert [each["name"] for each in backend.scheduler.crons.documents()] == ["nightly"]
        report = backend.add_module({"newest": newest}, "app")
        assert set(report.removed) == {"app:tidy", "GET /hello"}
        assert not backend.scheduler.crons
        assert Remembered(backend.database).places == {"app:newest": "the module main"}


def test_a_route_that_breaks_a_rule_changes_no_function_and_no_cron() -> None:
    @query
    def newest(ctx): ...

    @http.get("/same")
    def one(ctx, request): ...

    @http.get("/same")
    def other(ctx, request): ...

    with convex_test() as t:
        with pytest.raises(CallerError):
            t.backend.add_module({"newest": newest, "one": one, "other": other}, "app")
        assert not t.backend.registry.functions
        assert not Remembered(t.backend.database).places


def test_a_function_cell_takes_the_place_of_the_endpoint_that_its_cell_was() -> None:
    with convex_test() as t:
        t.backend.http.define_cell("GET", "/hello", "def handler(ctx, request): ...", origin="cell 1")
        assert t.backend.http.routes.table
        t.backend.define_cell("query", "def one(ctx): return 1", origin="cell 1")
        report = t.backend.http.define_cell("GET", "/hello", "def handler(ctx, request): ...", origin="cell 2")
        assert report.change.added == ("GET /hello",)
        assert not report.change.taken_over


def test_a_schema_that_is_only_checked_binds_nothing_and_runs_no_query_again() -> None:
    with convex_test() as t:
        namespace: dict[str, object] = {}
        source = "from nbconvex import table, v\nusers = table({'name': v.string()})"
        t.backend.define_schema_cell(source, namespace=namespace, check_only=True)
        assert "users" not in namespace
        assert t.backend.database.snapshot.schema is None
        t.backend.push_schema({"users": define_table({"name": v.string()})})
        assert t.backend.database.snapshot.table("users") is not None


def test_a_decorator_of_a_backend_puts_its_function_in_force() -> None:
    with convex_test() as t:

        @t.backend.query
        def three(ctx):
            return 3

        assert Remembered(t.backend.database).places == {"main:three": "a decorator"}
        assert three() == 3
