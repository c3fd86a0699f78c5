"""One backend: opened, used from plain code, closed."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.errors import (
    CallerError,
    FunctionNotFoundError,
    NotAllowedError,
    SchemaInvalidError,
    StorageError,
    StorageLockedError,
    StoragePathError,
)
from nbconvex.testing import convex_test
from nbconvex.values.schema import table
from nbconvex.values.validators import v


def test_plain_program_defines_calls_and_watches(tmp_path: Path) -> None:
    told: list[Any] = []
    with nbconvex.open(tmp_path / "app.duckdb") as backend:

        @backend.mutation
        def send(ctx, body: str) -> str:
            return ctx.db.insert("messages", {"body": body})

        @backend.query(name="messages:list")
        def everything(ctx) -> list[str]:
            return [row["body"] for row in ctx.db.query("messages")]

        with backend.subscribe("messages:list", None, told.append):
            send(body="hi")
            assert backend.api.messages.list() == everything() == backend.run("messages:list") == ["hi"]
            backend.live.settle()
        assert repr(backend) == f"<backend of {tmp_path / 'app.duckdb'}, 2 functions>"
    assert [update.value for update in told] == [[], ["hi"]]
    with Backend.open(str(tmp_path / "app.duckdb")) as backend:
        assert backend.database.begin(writable=False).query("messages").count() == 1


def test_store_is_in_memory_unless_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with nbconvex.open() as backend:
        backend.run_inline(_inline("mutation", lambda ctx: ctx.db.insert("t", {})))
        assert backend.name == "memory"
    assert list(tmp_path.iterdir()) == []


def _inline(kind: Any, handler: Any) -> Any:
    from nbconvex.functions.definition import define

    return define(kind, handler, "inline")


def test_store_of_another_kind_is_refused_with_what_there_is() -> None:
    with pytest.raises(CallerError, match=r"postgresql:// is no store that this build of nbconvex can open"):
        nbconvex.open("postgresql://localhost/app")


def test_file_that_is_open_elsewhere_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with nbconvex.open(tmp_path / "app.duckdb"), pytest.raises(StorageLockedError):
        nbconvex.open(tmp_path / "app.duckdb")
    assert threading.active_count() == before


def test_closed_backend_refuses_and_closes_again() -> None:
    backend = nbconvex.open()
    backend.query(name="m:q")(lambda ctx: 1)
    backend.mutation(name="m:m")(lambda ctx: 1)
    reference = backend.api.m.q
    backend.close()
    backend.close()
    assert backend.is_closed
    assert "closed" in repr(backend)
    for call in (reference, lambda: backend.run("m:m"), lambda: backend.subscribe("m:q")):
        with pytest.raises(StorageError, match="is closed"):
            call()


@pytest.mark.case("notebook/kernel_restart_functions_absent")
def test_function_of_an_earlier_kernel_is_answered_with_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.define_cell("query", "def list(ctx): return 1\ndef gone(ctx): return 2", module="messages", origin="c")
        backend.define_cell("query", "def list(ctx): return 1", module="messages", origin="c")
    with nbconvex.open(path) as backend:
        with pytest.raises(FunctionNotFoundError) as caught:
            backend.api.messages.list()
        assert "by a %%query messages cell, which has not been run since this store was opened: run it again" in str(
            caught.value
        )
        with pytest.raises(FunctionNotFoundError) as caught:
            backend.run_query("messages:list", public=True)
        assert "kernel" not in str(caught.value)
        with pytest.raises(FunctionNotFoundError) as caught:
            backend.api.messages.gone()
        assert "kernel" not in str(caught.value)
        backend.define_cell("query", "def list(ctx): return 1", module="messages", origin="c")
        assert backend.api.messages.list() == 1


def test_verbs_find_their_own_kind_and_clients_only_public_functions() -> None:
    with convex_test() as t:
        backend = t.backend
        for kind in ("query", "mutation", "action"):
            getattr(backend, kind)(name=f"m:{kind}")(lambda ctx, kind=kind: kind)
            getattr(backend, kind)(name=f"m:hidden_{kind}", internal=True)(lambda ctx: 1)
            run = getattr(backend, f"run_{kind}")
            assert run(f"m:{kind}") == run(getattr(t.api.m, kind), {}, public=True) == kind
            with pytest.raises(FunctionNotFoundError):
                run(f"m:hidden_{kind}", public=True)
        with pytest.raises(NotAllowedError, match="Trying to execute m:query as a mutation"):
            backend.run_mutation("m:query")
        assert backend.run_outcome("m:query", kind="query", public=True).value == "query"
        with pytest.raises(NotAllowedError):
            backend.run_outcome("m:query", kind="action")


def test_calling_the_backend_inside_a_function_teaches() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: 1)
        with pytest.raises(NotAllowedError, match=r"ctx\.run_query\(m:f"):
            t.query(lambda ctx: t.backend.run("m:f"))
        with pytest.raises(CallerError, match="subscribe belongs in plain code"):
            t.query(lambda ctx: t.backend.subscribe("m:f"))


def test_identity_is_handed_in_as_claims() -> None:
    with convex_test() as t:
        t.backend.query(name="m:who")(lambda ctx: (who := ctx.auth.get_user_identity()) and who.token_identifier)
        assert t.backend.run("m:who", identity={"subject": "ada", "issuer": "https://a"}) == "https://a|ada"
        assert t.backend.run("m:who") is None


def test_production_is_told_to_functions() -> None:
    with Backend.open(production=True) as backend:
        backend.query(name="m:f")(lambda ctx: ctx.meta.get_deployment_metadata()["class"])
        assert backend.run("m:f") == "prod"


def test_two_backends_share_nothing() -> None:
    with convex_test() as one, convex_test() as other:
        one.backend.query(name="m:f")(lambda ctx: 1)
        one.run(lambda ctx: ctx.db.insert("t", {}))
        assert other.query(lambda ctx: ctx.db.query("t").count()) == 0
        with pytest.raises(FunctionNotFoundError):
            other.query("m:f")


def test_reset_deletes_the_data_and_keeps_the_functions() -> None:
    with convex_test() as t:
        t.backend.define_schema_cell("t = table({'n': v.number()})")
        t.backend.query(name="m:count")(lambda ctx: ctx.db.query("t").count())
        t.run(lambda ctx: [ctx.db.insert("t", {"n": n}) for n in range(3)])
        with t.backend.subscribe("m:count") as subscription:
            assert t.query("m:count") == 3
            assert t.backend.reset() >= 3
            t.settle()
            assert t.query("m:count") == subscription.latest.value == 0
        t.run(lambda ctx: ctx.db.insert("t", {"n": "no schema any more"}))


def test_memory_has_a_budget_unless_told_otherwise() -> None:
    with Backend.open() as backend:
        assert backend.database.memory_bytes_max > 64 * 1024 * 1024
    with Backend.open(memory_bytes_max=1_000) as backend, pytest.raises(CallerError, match="memory"):
        backend.run_inline(_inline("mutation", lambda ctx: [ctx.db.insert("t", {"x": "y" * 500}) for _ in range(9)]))


def test_plain_dict_of_tables_is_a_schema() -> None:
    with nbconvex.open() as backend:
        backend.push_schema({"users": nbconvex.table({"name": nbconvex.v.string()})})
        assert list(backend.database.snapshot.schema.definition.tables) == ["users"]
        with pytest.raises(SchemaInvalidError, match="define_schema takes a dict"):
            backend.push_schema(["users"])  # type: ignore[arg-type]


def test_name_of_a_module_instead_of_the_module_is_refused() -> None:
    with nbconvex.open() as backend:
        with pytest.raises(
            CallerError, match=r"got str 'app': import it first\.\n.*import app; backend\.add_module\(app\)"
        ):
            backend.add_module("app")  # type: ignore[arg-type]
        with pytest.raises(CallerError, match="import app"):
            backend.add_module(Path("app.py"))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", "  "])
def test_empty_path_is_no_store(path: str) -> None:
    with pytest.raises(StoragePathError, match="the path of the store is empty"):
        nbconvex.open(path)


def test_admin_key_is_made_once_and_kept_in_the_store(tmp_path) -> None:
    with Backend.open(tmp_path / "a.duckdb") as backend:
        key = backend.admin_key
        assert re.fullmatch(r"nbconvex\|[0-9a-f]{64}", key)
        assert backend.admin_key == key
    with Backend.open(tmp_path / "a.duckdb") as backend:
        assert backend.admin_key == key
    with Backend.open() as other:
        assert other.admin_key != key


def test_closing_tells_who_asked_to_hear_of_it_the_last_one_first() -> None:
    backend = Backend.open()
    heard = []

    def broken() -> None:
        raise OSError("broken")

    backend.on_close(lambda: heard.append(("first", backend.is_closed)))
    backend.on_close(broken)
    forget = backend.on_close(lambda: heard.append("never"))
    backend.on_close(lambda: heard.append("last"))
    forget()
    forget()
    backend.close()
    assert heard == ["last", ("first", False)]
    assert backend.is_closed
    assert "broken" in str([record.error for record in backend.logs])
    backend.close()
    assert len(heard) == 2


def test_outcomes_are_given_to_event_loops_and_of_older_snapshots() -> None:
    with convex_test() as t:
        backend = t.backend

        async def act(ctx):
            raise ValueError("no")

        backend.action(name="m:act")(act)
        backend.mutation(name="m:add")(lambda ctx: ctx.db.insert("t", {}))
        backend.query(name="m:count")(lambda ctx: ctx.db.query("t").count())
        assert isinstance(asyncio.run(backend.run_outcome_async("m:act")).error, ValueError)
        before = backend.database.snapshot
        assert asyncio.run(backend.run_outcome_async("m:add", kind="mutation")).ts == backend.database.head
        assert backend.run_outcome("m:count", snapshot=before).value == 0
        assert backend.run_outcome("m:count").value == 1
        backend.query(name="m:leave")(lambda ctx: sys.exit())
        assert "m:leave called exit()" in str(backend.run_outcome("m:leave").error)


def test_the_schema_in_force_can_be_looked_at() -> None:
    with nbconvex.open(":memory:") as backend:
        assert backend.schema is None
        backend.push_schema({"books": table({"author": v.string()}).index("by_author", ["author"])})
        assert backend.schema is not None
        assert backend.schema.tables["books"].indexes["by_author"].fields == ("author",)
