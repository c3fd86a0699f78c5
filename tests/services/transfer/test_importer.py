"""Importing rows: nbconvex.services.transfer.importer."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from nbconvex.database import bulk
from nbconvex.errors import CallerError, DataRefusedError, DocumentInvalidError, LimitExceededError, UniqueViolatedError
from nbconvex.values.ids import encode_id
from nbconvex.values.schema import table
from nbconvex.values.validators import v
from tests.database.snapshot_checks import check_consistent
from tests.services.transfer.stores import backend_with, bare, whole

CITIES = {
    "cities": table({"name": v.string(), "people": v.optional(v.number()), "mayor": v.nullable(v.string())}).index(
        "by_name", ["name"]
    )
}


@pytest.mark.case("tooling/import_csv_types")
def test_a_csv_file_without_a_schema_is_numbers_and_texts(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name,people,code\nUlm,128000,89073\nAulne,1.5,A1\nCaen,,1e3\n")
    with backend_with() as backend:
        report = backend.import_data(path, "cities")
        assert bare(backend, "cities") == [
            {"name": "Ulm", "people": 128000.0, "code": 89073.0},
            {"name": "Aulne", "people": 1.5, "code": "A1"},
            {"name": "Caen", "people": "", "code": 1000.0},
        ]
        assert (dict(report.tables), report.documents, report.ts) == ({"cities": 3}, 3, backend.database.head)


@pytest.mark.case("tooling/import_existing_refused")
def test_a_table_with_documents_needs_a_mode() -> None:
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "t")
        with pytest.raises(CallerError, match=r'"append" .*"replace"'):
            backend.import_data([{"a": 2}], "t")
        with pytest.raises(CallerError, match='there is no mode \'apend\'; there are "empty", "append"'):
            backend.import_data([{"a": 2}], "t", mode="apend")
        assert bare(backend, "t") == [{"a": 1}]


@pytest.mark.case("tooling/import_append")
def test_append_keeps_what_is_there() -> None:
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "t")
        backend.import_data([{"a": 2}], "t", mode="append")
        assert bare(backend, "t") == [{"a": 1}, {"a": 2}]


@pytest.mark.case("tooling/import_replace")
@pytest.mark.parametrize("is_bulk", [False, True])
def test_replace_leaves_only_the_new_rows_and_nobody_sees_a_state_between(monkeypatch, is_bulk) -> None:
    if is_bulk:
        monkeypatch.setattr(bulk, "_WRITES_MAX", 0)
    with backend_with() as backend:

        @backend.query(name="m:all")
        def every(ctx):
            return [document["a"] for document in ctx.db.query("t").collect()]

        backend.import_data([{"a": 1}, {"a": 2}], "t")
        backend.import_data([{"a": 9}], "other")
        seen = []
        assert backend.run_query("m:all") == [1, 2]
        with backend.subscribe("m:all", callback=lambda update: seen.append(update.value)):
            backend.import_data([{"a": 3}, {"a": 4}], "t", mode="replace")
            backend.live.settle()
        assert seen == [[1, 2], [3, 4]]
        assert backend.run_query("m:all") == [3, 4], "what was remembered is not given out"
        assert bare(backend, "other") == [{"a": 9}]


def test_replace_all_empties_the_other_tables_too() -> None:
    with backend_with() as backend:
        for name in ("t", "other", "empty"):
            backend.import_data([{"a": 1}] if name != "empty" else [], name)
        report = backend.import_data([{"a": 2}], "t", mode="replace_all")
        assert (bare(backend, "t"), bare(backend, "other")) == ([{"a": 2}], [])
        assert report.emptied == ("other",)


@pytest.mark.case("tooling/import_schema_checked")
def test_rows_are_checked_and_all_misfits_told_with_line_and_path(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name,people,mayor\nUlm,many,\nAulne,5,Ada\nCaen,few,\nBrest,1,2,3\n")
    with backend_with(CITIES) as backend:
        with pytest.raises(DataRefusedError) as caught:
            backend.import_data(path, "cities")
        assert caught.value.problems == (
            (
                "line 2: it does not match the schema: Value does not match validator.\n"
                'Path: .people\nValue: "many"\nValidator: v.float64()\n(2 lines have this problem: 2, 4.)'
            ),
            "line 5: it has 4 cells, and the first line names 3",
        )
        assert bare(backend, "cities") == []
        assert "nothing was changed" in str(caught.value)


def test_a_csv_file_is_read_as_the_schema_says(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name,people,mayor\n007,,\nUlm,5,Ada\n")
    with backend_with(CITIES) as backend:
        backend.import_data(path, "cities")
        assert bare(backend, "cities") == [
            {"name": "007", "mayor": None}, {"name": "Ulm", "people": 5.0, "mayor": "Ada"},
        ]  # fmt: skip


def test_frames_tables_and_lists_are_imported_alike() -> None:
    frame = pd.DataFrame({"name": ["Ulm", "Caen"], "people": [5, None], "mayor": [None, "Ada"]})
    expected = [{"name": "Ulm", "people": 5, "mayor": None}, {"name": "Caen", "mayor": "Ada"}]
    for source in (frame, pa.Table.from_pandas(frame), expected, iter(expected)):
        with backend_with(CITIES) as backend:
            backend.import_data(source, "cities")
            assert bare(backend, "cities") == expected


@pytest.mark.case("tooling/import_keeps_ids")
def test_ids_and_times_of_an_export_are_kept_and_references_resolve(tmp_path) -> None:
    with backend_with() as first:

        @first.mutation(name="m:fill")
        def fill(ctx):
            channel = ctx.db.insert("channels", {"name": "general"})
            ctx.db.insert("messages", {"channel": channel, "body": "hello"})

        first.run_mutation("m:fill")
        for name in ("channels", "messages"):
            first.export_data(tmp_path / f"{name}.jsonl", name)
        before = {name: whole(first, name) for name in ("channels", "messages")}
    with backend_with() as second:
        for name in ("messages", "channels"):
            second.import_data(tmp_path / f"{name}.jsonl", name)
        assert {name: whole(second, name) for name in ("channels", "messages")} == before

        @second.query(name="m:channel")
        def channel(ctx):
            return ctx.db.get("channels", ctx.db.query("messages").first()["channel"])["name"]

        assert second.run_query("m:channel") == "general"


def test_ids_of_another_table_are_refused_by_row() -> None:
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "other")
        with pytest.raises(CallerError, match='which is the number of "other" in this store'):
            backend.import_data([{"_id": encode_id(10_001, bytes(16))}], "t")
        with pytest.raises(DataRefusedError, match=r"row 2: .*an id of a table with the number 10005"):
            backend.import_data([{"_id": encode_id(10_004, bytes(16))}, {"_id": encode_id(10_005, bytes(16))}], "t")
        assert bare(backend, "t") == []


def test_unique_indexes_hold_for_imports() -> None:
    tables = {"t": table({"mail": v.string()}).index("by_mail", ["mail"], unique=True)}
    with backend_with(tables) as backend:
        with pytest.raises(DataRefusedError, match=r"row 3: .*has mail = \"a\" already"):
            backend.import_data([{"mail": "a"}, {"mail": "b"}, {"mail": "a"}], "t")
        backend.import_data([{"mail": "a"}], "t")

        @backend.mutation(name="m:add")
        def add(ctx):
            ctx.db.insert("t", {"mail": "a"})

        with pytest.raises(UniqueViolatedError):
            backend.run_mutation("m:add")


def test_an_interrupt_or_an_error_of_the_source_changes_nothing() -> None:
    def rows(error):
        yield from ({"a": at} for at in range(5_000))
        raise error

    with backend_with() as backend:
        for error in (KeyboardInterrupt(), RuntimeError("the source is gone"), DocumentInvalidError("t", "x")):
            with pytest.raises(type(error)):
                backend.import_data(rows(error), "t")
        assert backend.database.snapshot.table("t") is None


def test_large_tables_come_in_as_columns_and_every_index_has_them() -> None:
    count = 5_000
    columns = {"name": [f"town {n % 70}" for n in range(count)], "people": list(range(count)), "mayor": ["é"] * count}
    with backend_with(CITIES) as backend:
        for mode in (None, "append"):
            backend.import_data(pa.table(columns), "cities", mode=mode)
            check_consistent(backend.database.snapshot)
        backend.import_data([{"name": "town 3", "mayor": None}], "cities", mode="append")
        check_consistent(backend.database.snapshot)
        assert [row["people"] for row in bare(backend, "cities")[:-1]] == [*range(count), *range(count)]

        @backend.query(name="m:named")
        def named(ctx):
            return ctx.db.query("cities").with_index("by_name", name="town 3").count()

        assert backend.run_query("m:named") == 2 * len(range(3, count, 70)) + 1


def test_progress_is_told() -> None:
    told = []
    with backend_with() as backend:
        backend.import_data([{"a": at} for at in range(2_500)], "t", progress=lambda *each: told.append(each))
    assert told == [(1_000, 2_500), (2_000, 2_500), (2_500, 2_500)]


def test_the_limits_of_functions_do_not_hold_for_imports_but_the_memory_does() -> None:
    with backend_with(documents_written=10, written_bytes=100) as backend:
        backend.import_data([{"a": at} for at in range(6_000)], "t")
        assert len(bare(backend, "t")) == 6_000
        backend.database.memory_bytes_max = 1_000_000
        with pytest.raises(LimitExceededError, match="memory budget"):
            backend.import_data(({"a": "x" * 100} for _ in range(100_000)), "u")


def test_a_row_that_is_no_document_is_named() -> None:
    with backend_with() as backend, pytest.raises(DataRefusedError, match="row 2: a document must be an object"):
        backend.import_data([{"a": 1}, 5], "t")
