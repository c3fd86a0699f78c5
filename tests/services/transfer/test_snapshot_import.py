"""Importing snapshots: nbconvex.services.transfer.snapshot_import."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import zipfile

import pytest

import nbconvex
from nbconvex.errors import CallerError, DataRefusedError
from nbconvex.values.codec import equal_values
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import table
from nbconvex.values.validators import v
from tests.services.transfer.stores import backend_with, bare, everything, packed, whole
from tests.storage.blobs_suite import MemoryBlobs

ID = encode_id(10_001, bytes(range(16)))
UNIFORM = '"uniform"\n'
EVERY_VALUE = {
    "null": None, "int64": Int64(-(2**63)), "float": 5, "half": 0.5, "nan": math.nan, "inf": -math.inf, "zero": -0.0,
    "yes": True, "text": "ß\u2028\x00😀", "bytes": bytes(range(256)), "array": [1, [Int64(2)], {}],
    "object": {"": 1, "a b": None}, "big": 1e300, "whole": 2.0**53,
}  # fmt: skip


def filled(backend) -> None:
    @backend.mutation(name="m:fill")
    def fill(ctx, file: str):
        user = ctx.db.insert("users", EVERY_VALUE)
        for number in range(3):
            ctx.db.insert("messages", {"user": user, "number": number, "file": file})
        ctx.db.insert("dropped", {})
        ctx.db.insert("last", {})

    file = backend.storage.store(b"hello", "text/plain")
    backend.storage.store(b"hello", "text/html")
    backend.storage.store(b"")
    backend.run_mutation("m:fill", {"file": file})
    backend.database.drop_table("dropped")
    backend.import_data([], "empty")


@pytest.mark.parametrize("into", ["a new store", "a store whose schema was pushed first"])
def test_a_store_exported_and_imported_equals_itself(tmp_path, into) -> None:
    path = tmp_path / "s.zip"
    schema = {
        "empty": table({}),
        "messages": table({"user": v.id("users"), "number": v.number(), "file": v.id("_storage")}),
        "users": table(v.any()),
    }
    with backend_with() as first, backend_with(schema if into != "a new store" else None) as second:
        filled(first)
        exported = first.export_data(path, include_files=True)
        report = second.import_data(path)
        assert (dict(report.tables), report.files) == (dict(exported.tables), 3)
        before, after = everything(first), everything(second)
        assert before.keys() == after.keys()
        for name, (number, documents) in before.items():
            assert after[name][0] == number
            assert equal_values([*after[name][1].values()], [*documents.values()]), name
            assert after[name][1].keys() == documents.keys()
        file_id = whole(second, "messages")[0]["file"]
        found = second.storage.get(file_id)
        assert (found.read(), found.content_type) == (b"hello", "text/plain")

        @second.mutation(name="m:more")
        def more(ctx):
            message = ctx.db.query("messages").first()
            assert ctx.db.get("users", message["user"])["half"] == 0.5
            return ctx.db.insert("messages", {"user": message["user"], "number": 9, "file": message["file"]})

        assert second.run_mutation("m:more").encode() not in before["messages"][1]
        second.import_data([], "next")
        assert second.database.snapshot.numbers["next"] > max(number for number, _ in before.values())


def test_it_survives_in_a_file_and_the_memory_form_is_the_same(tmp_path) -> None:
    with backend_with() as first:
        filled(first)
        first.export_data(tmp_path / "s.zip", include_files=True)
        expected = everything(first)
    with nbconvex.open(tmp_path / "app.duckdb") as backend:
        backend.import_data(tmp_path / "s.zip")
    with nbconvex.open(tmp_path / "app.duckdb") as backend:
        found = everything(backend)
        for name, (number, documents) in expected.items():
            assert (found[name][0], found[name][1].keys()) == (number, documents.keys())
        assert backend.files.sweep() == 0


def test_many_documents_of_every_type_go_out_and_come_in(tmp_path, is_long) -> None:
    """Random values, through files on both sides: ids, times, values and bytes are what they were."""
    count = 100_000 if is_long else 5_000
    rng = random.Random(5)
    with nbconvex.open(tmp_path / "first.duckdb") as first:
        stored = [first.storage.store(rng.randbytes(rng.randrange(10_000))) for _ in range(20)]
        rows = ({name: rng.choice((value, rng.random(), rng.choice(stored))) for name, value in EVERY_VALUE.items()}
                for _ in range(count))  # fmt: skip
        first.import_data(rows, "t")
        first.export_data(tmp_path / "s.zip", include_files=True)
        expected = everything(first)
        contents = {file_id: first.storage.get(file_id).read() for file_id in stored}
    with nbconvex.open(tmp_path / "second.duckdb") as second:
        second.import_data(tmp_path / "s.zip")
    with nbconvex.open(tmp_path / "second.duckdb") as second:
        found = everything(second)
        assert found.keys() == expected.keys()
        for name, (number, documents) in expected.items():
            assert found[name][0] == number
            assert found[name][1].keys() == documents.keys()
            assert all(equal_values(found[name][1][key], document) for key, document in documents.items())
        assert {file_id: second.storage.get(file_id).read() for file_id in stored} == contents


def test_modes_are_for_files_too(tmp_path) -> None:
    with backend_with() as backend:
        filled(backend)
        backend.export_data(tmp_path / "s.zip", include_files=True)
        with pytest.raises(CallerError, match="has 3 files already"):
            backend.import_data(tmp_path / "s.zip")
        extra = backend.storage.store(b"extra")
        backend.import_data([{"a": 1}], "other")
        before = everything(backend)
        backend.import_data(tmp_path / "s.zip", mode="replace")
        assert backend.storage.get(extra) is None
        assert bare(backend, "other") == [{"a": 1}]
        backend.import_data(tmp_path / "s.zip", mode="replace_all")
        assert bare(backend, "other") == []
        assert everything(backend)["users"][1].keys() == before["users"][1].keys()
    with backend_with() as twin:
        twin.storage.store(b"of the same id")
        with pytest.raises(CallerError, match="is in the store already, with other bytes"):
            twin.import_data(tmp_path / "s.zip", mode="append")
    with backend_with(seed=1) as other:
        kept = other.storage.store(b"kept")
        other.import_data(tmp_path / "s.zip", mode="append")
        assert other.storage.get(kept).read() == b"kept"
        assert len(other.storage.list()) == 4


def test_the_decimal_point_counts_only_where_the_snapshot_says_so(tmp_path) -> None:
    line = '{"a":5,"b":5.0,"c":{"$bytes":"ABCD"}}\n'
    path = packed(tmp_path / "s.zip", {"t/documents.jsonl": line, "t/generated_schema.jsonl": UNIFORM})
    with backend_with() as backend:
        backend.import_data(path)
        assert equal_values(bare(backend, "t"), [{"a": Int64(5), "b": 5.0, "c": b"\x00\x10\x83"}])
        path = packed(tmp_path / "s.zip", {"t/documents.jsonl": '{"a":5,"b":5.0}\n'})
        backend.import_data(path, mode="replace")
        assert equal_values(bare(backend, "t"), [{"a": 5.0, "b": 5.0}])
        path = packed(tmp_path / "s.zip", {"t/documents.jsonl": line})
        with pytest.raises(DataRefusedError, match=r'entry "t/documents.jsonl", line 1: .*starts with "\$"'):
            backend.import_data(path, mode="replace")
        path = packed(
            tmp_path / "s.zip", {"t/documents.jsonl": line, "t/generated_schema.jsonl": '"int64"\n{"x": 1}\n'}
        )
        with pytest.raises(DataRefusedError, match="old versions of Convex"):
            backend.import_data(path, mode="replace")


def test_missing_ids_and_times_are_given_and_a_time_without_a_point_is_one(tmp_path) -> None:
    lines = '{"a":1.0}\n{"_creationTime":1795416607249,"a":2.0}\n'
    path = packed(tmp_path / "s.zip", {"t/documents.jsonl": lines, "t/generated_schema.jsonl": UNIFORM})
    with backend_with() as backend:
        backend.import_data(path)
        assert [each["_creationTime"] for each in whole(backend, "t") if each["a"] == 2] == [1795416607249.0]


def test_a_leading_folder_is_fine_and_what_is_not_ours_is_passed_over(tmp_path) -> None:
    path = packed(
        tmp_path / "s.zip",
        {
            "snapshot/": "", "snapshot/README.md": "hello",
            "snapshot/_tables/documents.jsonl": '{"name":"t","id":10005}\n',
            "snapshot/t/documents.jsonl": '{"a":1.0}\n', "snapshot/t/generated_schema.jsonl": UNIFORM,
            "snapshot/_modules/documents.jsonl": "{}\n", "snapshot/notes.txt": "x",
            "snapshot/_components/limiter/t/documents.jsonl": "{}\n",
        },
    )  # fmt: skip
    with backend_with() as backend:
        report = backend.import_data(path)
        assert report.skipped == (
            "_modules (a system table)", "snapshot/notes.txt", "_components (nbconvex has no components)",
        )  # fmt: skip
        assert dict(report.tables) == {"t": 1}
        assert backend.database.snapshot.numbers["t"] == 10_005


def test_a_listed_table_without_documents_comes_into_being(tmp_path) -> None:
    path = packed(tmp_path / "s.zip", {"_tables/documents.jsonl": '{"name":"t","id":10005.0}\n{"name":"_x","id":3}\n'})
    with backend_with() as backend:
        assert dict(backend.import_data(path).tables) == {"t": 0}
        assert backend.database.snapshot.numbers["t"] == 10_005


def test_files_of_another_number_get_ids_of_ours_everywhere(tmp_path) -> None:
    foreign = encode_id(540, bytes(range(16)))
    ours = encode_id(12, bytes(range(16)))
    lines = json.dumps({"file": foreign, "deep": [{"f": foreign}], "text": f"not {foreign}"}) + "\n"
    path = packed(
        tmp_path / "s.zip",
        {"t/documents.jsonl": lines, "_storage/documents.jsonl": json.dumps({"_id": foreign}) + "\n",
         f"_storage/{foreign}.txt": b"hello"},
    )  # fmt: skip
    with backend_with() as backend:
        backend.import_data(path)
        assert bare(backend, "t") == [{"file": ours, "deep": [{"f": ours}], "text": f"not {foreign}"}]
        assert backend.storage.get(ours).read() == b"hello"


def test_a_file_without_a_line_is_imported_anyway(tmp_path) -> None:
    file_id = encode_id(12, bytes(16))
    path = packed(tmp_path / "s.zip", {"t/documents.jsonl": "", f"_storage/{file_id}": b"x"})
    with backend_with() as backend:
        backend.import_data(path)
        (known,) = backend.storage.list()
        assert (known["storageId"], known["size"], known["contentType"]) == (file_id, 1, None)


FILE = encode_id(12, bytes(16))


def storage(content: bytes = b"hello", **line) -> dict[str, bytes | str]:
    return {"_storage/documents.jsonl": json.dumps({"_id": FILE, **line}) + "\n", f"_storage/{FILE}": content}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"t/documents.jsonl": '{"a":1}\n{"a":\n'}, r"(?s)entry t/documents.jsonl was not .*line 2: this is not JSON"),
        ({"t/documents.jsonl": b'{"a":"\xe4"}\n'}, "line 1: byte 7 .*is not UTF-8"),
        ({"t/documents.jsonl": '{"a":"\0"}\n'}, "NUL"),
        ({"t/documents.jsonl": "[1]\n"}, 'entry "t/documents.jsonl", line 1: a document must be an object'),
        ({"t/documents.jsonl": '{"_id":"nope"}\n'}, "line 1: unable to decode ID"),
        ({"t/documents.jsonl": f'{{"_id":"{ID}"}}\n{{"_id":"{encode_id(10_002, bytes(16))}"}}\n'},
         "line 2: .*an id of a table with the number 10002"),
        ({"t/documents.jsonl": f'{{"_id":"{ID}"}}\n', "_tables/documents.jsonl": '{"name":"t","id":10007}'},
         'an id of a table with the number 10001; those of "t" have the number 10007'),
        ({"t/documents.jsonl": f'{{"_id":"{ID}"}}\n{{"_id":"{ID}"}}\n'}, "two documents .* have the id"),
        ({"a/documents.jsonl": f'{{"_id":"{ID}"}}\n', "b/documents.jsonl": f'{{"_id":"{ID}"}}\n'},
         'which is the number of "a"'),
        ({"t/documents.jsonl": '{"_creationTime":-1.0}\n'}, "_creationTime is a number"),
        ({"t/documents.jsonl": '{"a":99999999999999999999}\n', "t/generated_schema.jsonl": UNIFORM}, "beyond 64 bits"),
        ({"_tables/documents.jsonl": '{"name":"t"}'}, 'entry "_tables/documents.jsonl", line 1: it should be'),
        ({"_tables/documents.jsonl": '{"name":"t","id":10001}\n{"name":"u","id":10001}'}, "line 2: a table is"),
        ({"_tables/documents.jsonl": '{"name":"t","id":10001}\n{"name":"t","id":10002}'}, "line 2: a table is"),
        ({"_tables/documents.jsonl": '{"name":"t","id":12}'}, "12 is no number of a user's table"),
        ({"_tables/documents.jsonl": '{"name":"t","id":10001.5}'}, "it should be"),
        ({"_tables/documents.jsonl": '{"name":"t","id":99999999999}'}, "limit table_numbers"),
        ({"bad name/documents.jsonl": ""}, "is no table name"),
        ({"t/documents.jsonl": "", "t/generated_schema.jsonl": "{"}, 'it should hold "uniform"'),
        (storage(sha256="AAAA"), "is not the base64 of 32 bytes"),
        (storage(sha256=base64.b64encode(hashlib.sha256(b"x").digest()).decode()), "sha256 is not the one"),
        (storage(size=4), r"it has 5 bytes, and its line says 4"),
        (storage(contentType=5), "contentType is no text"),
        (storage(_creationTime="x"), "_creationTime is a number"),
        ({"_storage/documents.jsonl": json.dumps({"_id": FILE})}, "itself is not in the snapshot"),
        ({"_storage/documents.jsonl": "{}\n"}, "it has no _id"),
        ({"_storage/nope.txt": "x"}, 'entry "_storage/nope.txt": unable to decode ID'),
        ({f"_storage/{FILE}": "x", f"_storage/{ID}": "y"}, "ids are of several tables"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_nothing_changes(tmp_path, entries, said) -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs=blobs) as backend:
        head = backend.database.head
        with pytest.raises(CallerError, match=said):
            backend.import_data(packed(tmp_path / "s.zip", entries))
        assert backend.database.head == head
        assert blobs.size_bytes() == 0, "bytes that were kept for nothing are gone"


def test_misfits_of_all_tables_are_told_at_once(tmp_path) -> None:
    schema = {"a": table({"x": v.number()}), "b": table({"x": v.number()})}
    entries = {f"{name}/documents.jsonl": '{"x":"y"}\n{"x":1}\n' for name in "ab"}
    with backend_with(schema) as backend:
        with pytest.raises(DataRefusedError) as caught:
            backend.import_data(packed(tmp_path / "s.zip", entries))
        assert [problem.partition(":")[0] for problem in caught.value.problems] == [
            'entry "a/documents.jsonl", line 1', 'entry "b/documents.jsonl", line 1',
        ]  # fmt: skip
        assert bare(backend, "a") == []


def test_an_interrupt_changes_nothing(tmp_path) -> None:
    blobs = MemoryBlobs()
    with backend_with() as first:
        filled(first)
        first.export_data(tmp_path / "s.zip", include_files=True)
    calls = 0

    def stop(done, total):
        nonlocal calls
        calls += 1
        if done >= total:
            raise KeyboardInterrupt

    with backend_with(blobs=blobs) as backend:
        head = backend.database.head
        with pytest.raises(KeyboardInterrupt):
            backend.import_data(tmp_path / "s.zip", progress=stop)
        assert (backend.database.head, blobs.size_bytes()) == (head, 0)
    assert calls > 3


def test_numbers_that_are_taken_are_an_error_that_says_what_to_do(tmp_path) -> None:
    path = packed(tmp_path / "s.zip", {"t/documents.jsonl": f'{{"_id":"{ID}"}}\n'})
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "other")
        with pytest.raises(CallerError, match=r'is the number of "other" in this store. Import into an empty store'):
            backend.import_data(path)
    with zipfile.ZipFile(path) as file:
        assert file.namelist() == ["t/documents.jsonl"]
