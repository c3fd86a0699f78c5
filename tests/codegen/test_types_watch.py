"""Types that follow a backend."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.codegen.types_watch import TypesWatch
from nbconvex.errors import CallerError
from nbconvex.values.schema import table
from nbconvex.values.validators import v


@pytest.fixture
def backend():
    with Backend.open() as backend:
        yield backend


def test_each_change_is_written_once(backend, tmp_path) -> None:
    watch = TypesWatch(backend, tmp_path)
    assert watch.refresh().written == ("api.d.ts", "api.js", "dataModel.d.ts")
    assert watch.refresh() is None
    backend.query(name="m:f")(lambda ctx: 0)
    assert watch.refresh().written == ("api.d.ts",)
    backend.query(name="m:f")(lambda ctx, more: 0)
    assert watch.refresh().written == ("api.d.ts",)
    assert watch.refresh() is None
    backend.push_schema({"notes": table({"text": v.string()})})
    assert watch.refresh().written == ("dataModel.d.ts",)
    backend.push_schema({"notes": table({"text": v.any()})})
    assert watch.refresh().written == ("dataModel.d.ts",)
    backend.reset()
    assert watch.refresh().written == ("dataModel.d.ts",)
    assert watch.refresh() is None


def test_a_table_that_comes_with_its_first_document_is_seen(backend, tmp_path) -> None:
    backend.push_schema({})
    backend.mutation(name="m:add")(lambda ctx: ctx.db.insert("logs", {}))
    watch = TypesWatch(backend, tmp_path)
    watch.refresh()
    backend.run("m:add")
    assert watch.refresh().written == ("dataModel.d.ts",)
    backend.run("m:add")
    assert watch.refresh() is None


def test_what_could_not_be_written_is_tried_again(backend, tmp_path) -> None:
    (tmp_path / "convex").write_text("")
    watch = TypesWatch(backend, tmp_path / "convex")
    for _ in range(2):
        with pytest.raises(CallerError, match="is a file"):
            watch.refresh()
    (tmp_path / "convex").unlink()
    assert watch.refresh() is not None


def test_the_folder_stays_when_the_working_directory_changes(backend, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    watch = TypesWatch(backend, "convex")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert watch.refresh().folder == tmp_path / "convex" / "_generated"
