"""Exporting: nbconvex.services.transfer.exporter."""

from __future__ import annotations

import threading
import zipfile

import pyarrow.parquet as pq
import pytest

from nbconvex.errors import CallerError
from tests.services.transfer.stores import backend_with, everything


def test_everything_is_of_one_moment_while_writes_go_on(tmp_path) -> None:
    with backend_with() as backend:

        @backend.mutation(name="m:both")
        def both(ctx):
            count = len(ctx.db.query("left").collect())
            ctx.db.insert("left", {"n": count})
            ctx.db.insert("right", {"n": count})

        backend.run_mutation("m:both")
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                backend.run_mutation("m:both")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            reports = [backend.export_data(tmp_path / f"{at}.zip") for at in range(10)]
        finally:
            stop.set()
            thread.join()
    for at, report in enumerate(reports):
        with zipfile.ZipFile(tmp_path / f"{at}.zip") as file:
            lines = {name: file.read(f"{name}/documents.jsonl").count(b"\n") for name in ("left", "right")}
        assert lines["left"] == lines["right"] == report.tables["left"]
    assert [report.ts for report in reports] == sorted(report.ts for report in reports)


def test_a_folder_gets_a_parquet_file_a_table(tmp_path) -> None:
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "t")
        backend.import_data([], "u")
        report = backend.export_data(tmp_path / "out")
        assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["t.parquet", "u.parquet"]
        assert pq.read_table(tmp_path / "out" / "t.parquet").num_rows == 1
        assert report.size_bytes == sum(each.stat().st_size for each in (tmp_path / "out").iterdir())
        backend.export_data(tmp_path / "out", "t", format="folder")


def test_a_failure_or_an_interrupt_leaves_the_target_as_it_was(tmp_path) -> None:
    target = tmp_path / "t.zip"
    target.write_text("the one before")

    def stop(done, total):
        raise KeyboardInterrupt

    with backend_with() as backend:
        backend.import_data([{"a": at} for at in range(5_000)], "t")
        for target in (tmp_path / "t.zip", tmp_path / "t.jsonl", tmp_path / "t.parquet", tmp_path / "folder"):
            table = "t" if target.suffix in {".jsonl", ".parquet"} else None
            with pytest.raises(KeyboardInterrupt):
                backend.export_data(target, table, progress=stop)
        before = everything(backend)
    assert [each.name for each in tmp_path.iterdir()] == ["t.zip"]
    assert (tmp_path / "t.zip").read_text() == "the one before"
    assert len(before["t"][1]) == 5_000


def test_progress_is_told(tmp_path) -> None:
    told = []
    with backend_with() as backend:
        backend.import_data([{"a": at} for at in range(2_500)], "t")
        backend.export_data(tmp_path / "t.zip", progress=lambda *each: told.append(each))
    assert told[-1] == (2_500, 2_500)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("t.xlsx", {}, "no ending that says what to write"),
        ("t.jsonl", {}, "one jsonl file holds one table: say which. Tables: t, u"),
        ("t.parquet", {"table": "w"}, 'there is no table "w". Tables: t, u'),
        ("t.zip", {"format": "tar"}, "there is no format 'tar' to export to"),
        ("t.jsonl", {"table": "t", "include_files": True}, "files go into a snapshot"),
        ("none/t.zip", {}, "is no folder"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, name, more, said) -> None:
    with backend_with() as backend:
        for table in ("t", "u"):
            backend.import_data([], table)
        with pytest.raises(CallerError, match=said):
            backend.export_data(tmp_path / name, **more)
    assert list(tmp_path.iterdir()) == []
