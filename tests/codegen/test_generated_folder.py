"""The files of `_generated`: what is written, left alone, removed, refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbconvex.backend import Backend
from nbconvex.codegen.generated_folder import TypesReport, write_types
from nbconvex.codegen.source_text import MARK
from nbconvex.errors import CallerError
from nbconvex.values.schema import table
from nbconvex.values.validators import v
from tests.codegen.chat_app import chat_app

FILES = ("api.d.ts", "api.js", "dataModel.d.ts")


@pytest.fixture
def backend():
    with Backend.open() as backend:
        yield backend


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir())}


def test_three_files_are_written_and_reported(backend, tmp_path) -> None:
    chat_app(backend)
    report = write_types(backend, tmp_path / "convex")
    folder = tmp_path / "convex" / "_generated"
    untyped = (
        "2024:1st (result)",
        "loose:anything (arguments, result)",
        "loose:named (arguments, result)",
        "messages:reset (result)",
        "messages:untypedPage (arguments, result)",
    )
    assert report == TypesReport(folder, FILES, (), (), 15, 3, untyped)
    assert report.has_changed
    assert tuple(contents(folder)) == FILES
    for content in contents(folder).values():
        assert MARK.encode() in content
        assert content.endswith(b"\n")
        assert b"\r" not in content
        assert os.fsencode(tmp_path) not in content


def test_the_same_again_touches_nothing(backend, tmp_path) -> None:
    chat_app(backend)
    folder = write_types(backend, tmp_path).folder
    before = {each: each.stat().st_mtime_ns for each in folder.iterdir()}
    for each in before:
        os.utime(each, ns=(1, 1))
    report = write_types(backend, str(tmp_path))
    assert (report.written, report.unchanged, report.has_changed) == ((), FILES, False)
    assert {each.stat().st_mtime_ns for each in folder.iterdir()} == {1}


def test_only_what_differs_is_written(backend, tmp_path) -> None:
    write_types(backend, tmp_path)
    backend.query(name="m:new")(lambda ctx: 0)
    report = write_types(backend, tmp_path)
    assert (report.written, report.unchanged) == (("api.d.ts",), ("api.js", "dataModel.d.ts"))
    backend.push_schema({"notes": table({"text": v.string()})})
    report = write_types(backend, tmp_path)
    assert (report.written, report.unchanged) == (("dataModel.d.ts",), ("api.d.ts", "api.js"))


def test_two_backends_with_the_same_app_write_the_same_bytes(tmp_path) -> None:
    written = []
    for name in ("one", "two"):
        with Backend.open() as backend:
            chat_app(backend)
            written.append(contents(write_types(backend, tmp_path / name).folder))
    assert written[0] == written[1]


def test_a_store_that_was_opened_again_has_the_same_data_model(tmp_path) -> None:
    with Backend.open(tmp_path / "app.duckdb") as backend:
        chat_app(backend)
        before = contents(write_types(backend, tmp_path).folder)["dataModel.d.ts"]
    with Backend.open(tmp_path / "app.duckdb") as backend:
        assert contents(write_types(backend, tmp_path).folder)["dataModel.d.ts"] == before


def test_tables_that_only_have_documents_or_ids_are_there_too(backend, tmp_path) -> None:
    @backend.mutation(name="m:add")
    def add(ctx, friend: v.id("friends")) -> None:
        ctx.db.insert("logs", {})

    backend.push_schema({"notes": table({"author": v.id("authors")})})
    backend.run("m:add", {"friend": _an_id(backend)})
    text = contents(write_types(backend, tmp_path).folder)["dataModel.d.ts"].decode()
    for name in ("authors", "friends", "logs"):
        assert f"  {name}: AnyDataModel[string];\n" in text


def _an_id(backend: Backend) -> str:
    @backend.mutation(name="m:friend")
    def friend(ctx):
        return ctx.db.insert("friends", {})

    return backend.run("m:friend")


def test_files_of_others_stay_and_stale_ones_of_ours_go(backend, tmp_path) -> None:
    folder = tmp_path / "_generated"
    folder.mkdir()
    (folder / "server.js").write_text(f"/* {MARK} */")
    (folder / "server.d.ts").write_text("/* mine */")
    (folder / "notes.md").write_text(MARK)
    report = write_types(backend, tmp_path)
    assert report.removed == ("server.js",)
    assert set(contents(folder)) == {*FILES, "server.d.ts", "notes.md"}


def test_files_of_others_with_our_names_are_not_overwritten(backend, tmp_path) -> None:
    folder = tmp_path / "_generated"
    folder.mkdir()
    (folder / "api.js").write_text("/* of a Convex project */")
    with pytest.raises(CallerError, match=r"has api\.js from somebody else .*: they are not overwritten\. Move"):
        write_types(backend, tmp_path)
    assert contents(folder) == {"api.js": b"/* of a Convex project */"}


def test_places_that_cannot_be_meant_are_refused(backend, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "with_file").mkdir()
    (tmp_path / "with_file" / "_generated").write_text("")
    for folder, problem in (
        ("file", "is a file; name a folder"),
        ("with_file", "_generated is a file"),
        ("convex/_generated", "is the folder that is written; name the one that holds it"),
        ("lost/convex", "there is no folder .*lost, so convex cannot be made in it"),
    ):
        with pytest.raises(CallerError, match=problem):
            write_types(backend, tmp_path / folder)
    assert {each.name for each in tmp_path.iterdir()} == {"file", "with_file"}


def test_what_the_machine_refuses_is_told_and_leaves_the_old_files(backend, tmp_path, monkeypatch) -> None:
    folder = write_types(backend, tmp_path).folder
    before = contents(folder)
    chat_app(backend)

    def replace(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(CallerError, match=r"the files in .*_generated cannot be written: No space left on device\."):
        write_types(backend, tmp_path)
    assert contents(folder) == before
