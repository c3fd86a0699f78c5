"""Writing snapshots: nbconvex.services.transfer.snapshot_writer."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile

import pytest

from nbconvex.errors import StorageCorruptError
from nbconvex.services.transfer import snapshot_writer
from nbconvex.values.scalars import Int64
from tests.services.transfer.stores import backend_with
from tests.storage.blobs_suite import MemoryBlobs


def test_entries_and_lines_are_as_convex_writes_them(tmp_path) -> None:
    path = tmp_path / "s.zip"
    with backend_with() as backend:
        backend.import_data([{"b": 2, "a": Int64(5)}, {"z": {"y": 1.5, "B": None}}], "large")
        backend.import_data([], "empty")
        backend.import_data([{"a": 1}], "small")
        png, other = backend.storage.store(b"picture", "image/png"), backend.storage.store(b"")
        backend.files.serve_at(lambda: "http://files.test")
        url = backend.storage.get_url(png)
        large_id = next(iter(backend.database.snapshot.table("large").documents.entries()))[0].decode()
        backend.export_data(path, include_files=True)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        names = file.namelist()
        assert names[:9] == [
            "README.md", "_tables/documents.jsonl", "empty/documents.jsonl", "empty/generated_schema.jsonl",
            "small/documents.jsonl", "small/generated_schema.jsonl", "large/documents.jsonl",
            "large/generated_schema.jsonl", "_storage/documents.jsonl",
        ]  # fmt: skip
        assert set(names[9:]) == {f"_storage/{png}.png", f"_storage/{other}"}
        assert {each.compress_type for each in file.infolist()} == {zipfile.ZIP_DEFLATED}
        assert file.read("_tables/documents.jsonl") == (
            b'{"name":"empty","id":10002}\n{"name":"small","id":10003}\n{"name":"large","id":10001}\n'
        )
        assert file.read("large/generated_schema.jsonl") == b'"uniform"\n'
        assert file.read("empty/documents.jsonl") == b""
        lines = file.read("large/documents.jsonl").decode().splitlines()
        line = next(each for each in lines if large_id in each)
        assert list(json.loads(line)) == sorted(json.loads(line))
        assert '"a":5,"b":2.0}' in "".join(lines)
        assert '"z":{"B":null,"y":1.5}' in "".join(lines)
        assert '"_creationTime":1' in line
        assert ".0," in line or "." in line.partition('"_id"')[0]
        stored = [json.loads(each) for each in file.read("_storage/documents.jsonl").splitlines()]
        assert file.read(f"_storage/{png}.png") == b"picture"
    (known,) = (each for each in stored if each["_id"] == png)
    assert list(known) == ["_id", "_creationTime", "sha256", "size", "contentType", "internalId"]
    assert known["sha256"] == base64.b64encode(hashlib.sha256(b"picture").digest()).decode()
    assert (known["size"], type(known["size"]), known["contentType"]) == (7, int, "image/png")
    assert url == f"http://files.test/api/storage/{known['internalId']}"


def test_files_are_left_out_unless_asked_for(tmp_path) -> None:
    with backend_with() as backend:
        backend.storage.store(b"x")
        report = backend.export_data(tmp_path / "s.zip")
        assert (report.files, report.has_files) == (0, True)
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        assert not [name for name in file.namelist() if "_storage" in name]


def test_a_creation_time_always_has_its_point(tmp_path) -> None:
    with backend_with() as backend:
        backend.import_data([{"_creationTime": 1795416607249}], "t")
        backend.export_data(tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        assert b'"_creationTime":1795416607249.0,' in file.read("t/documents.jsonl")


def test_large_entries_say_their_size_in_64_bits(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(snapshot_writer, "_LARGE_BYTES", 0)
    with backend_with() as backend:
        backend.import_data([{"a": 1}], "t")
        backend.storage.store(b"x")
        backend.export_data(tmp_path / "s.zip", include_files=True)
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        assert file.testzip() is None
        assert file.getinfo("t/documents.jsonl").extract_version == 45


def test_lost_bytes_are_said_and_nothing_is_written(tmp_path) -> None:
    blobs = MemoryBlobs()
    with backend_with(blobs=blobs) as backend:
        file_id = backend.storage.store(b"x")
        blobs.discard(hashlib.sha256(b"x").digest())
        with pytest.raises(StorageCorruptError, match=f"the bytes of the file {file_id} are lost"):
            backend.export_data(tmp_path / "s.zip", include_files=True)
        backend.export_data(tmp_path / "without.zip")
    assert [each.name for each in tmp_path.iterdir()] == ["without.zip"]
