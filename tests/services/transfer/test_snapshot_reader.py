"""Snapshots that somebody made who means harm, or made badly: nbconvex.services.transfer.snapshot_reader."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from nbconvex.errors import CallerError, DataRefusedError, LimitExceededError
from nbconvex.limits import Limits
from nbconvex.services.transfer.snapshot_reader import SnapshotReader
from tests.services.transfer.stores import backend_with, packed

LINE = '{"a":1.0}\n'


def refused(tmp_path: Path, data: bytes, said: str, error=DataRefusedError, **limits) -> None:
    """Importing `data` says so, and changes nothing."""
    path = tmp_path / "s.zip"
    path.write_bytes(data)
    with backend_with(**limits) as backend:
        head = backend.database.head
        with pytest.raises(error, match=said):
            backend.import_data(path)
        assert backend.database.head == head
    assert [each.name for each in tmp_path.iterdir()] == ["s.zip"], "nothing was unpacked"


def made(*entries: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        with zipfile.ZipFile(buffer, "w", method) as file:
            for name, content in entries:
                file.writestr(name, content, method)
    return buffer.getvalue()


GOOD = ("t/documents.jsonl", LINE.encode())


@pytest.mark.parametrize(
    "name",
    ["../t/documents.jsonl", "t/../../documents.jsonl", "/t/documents.jsonl", "C:/t/documents.jsonl",
     "t\\..\\documents.jsonl", "..", "a/../t/documents.jsonl"],
)  # fmt: skip
def test_names_that_lead_out_are_refused(tmp_path, name) -> None:
    refused(tmp_path, made((name, LINE.encode()), GOOD), "leads out of the snapshot")


def test_a_name_with_a_nul_is_refused(tmp_path) -> None:
    data = made(("tX/documents.jsonl", LINE.encode()), GOOD).replace(b"tX/", b"t\0/")
    refused(tmp_path, data, "leads out of the snapshot|damaged|File name in directory")


def test_links_are_refused(tmp_path) -> None:
    link = zipfile.ZipInfo("t/documents.jsonl")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(tmp_path, made((link, b"/etc/passwd")), "it is a link")


def test_what_is_there_twice_is_refused(tmp_path) -> None:
    refused(tmp_path, made(GOOD, GOOD), 'entry "t/documents.jsonl": it is there twice')
    refused(tmp_path, made(GOOD, ("x/t/documents.jsonl", LINE.encode())), "there are two snapshots")
    refused(tmp_path, made(("_storage/a.txt", b""), ("_storage/a.png", b"")), "the file a is there twice")


def patched(data: bytes, *, central: dict[int, bytes] | None = None, local: dict[int, bytes] | None = None) -> bytes:
    """The archive with bytes of its first entry's headers replaced, by their offsets."""
    changed = bytearray(data)
    for start, edits in ((data.index(b"PK\x01\x02"), central or {}), (data.index(b"PK\x03\x04"), local or {})):
        for offset, value in edits.items():
            changed[start + offset : start + offset + len(value)] = value
    return bytes(changed)


def test_encrypted_entries_are_refused(tmp_path) -> None:
    data = patched(made(GOOD), central={8: b"\x01\x00"}, local={6: b"\x01\x00"})
    refused(tmp_path, data, 'entry "t/documents.jsonl": it is encrypted\nPack the snapshot again without a password')


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(tmp_path, method) -> None:
    refused(tmp_path, made(GOOD, method=method), f"it is packed by method {method}")


def test_a_bomb_is_refused_by_what_it_says_of_itself(tmp_path) -> None:
    data = made(("t/documents.jsonl", b" " * 40_000_000))
    assert len(data) < 100_000
    refused(tmp_path, data, "unpacks from .* to 40,000,000 bytes, as a bomb does", LimitExceededError)


def test_ten_gigabytes_that_are_only_declared_are_refused_at_once(tmp_path) -> None:
    data = patched(made(GOOD), central={24: struct.pack("<I", 0xF0000000)})
    refused(tmp_path, data, "4,026,531,840 bytes, as a bomb does", LimitExceededError)
    refused(tmp_path, data, "limit import_bytes: 1,000,000,000", LimitExceededError,
            import_bytes=10**9, import_ratio=10**9)  # fmt: skip


def test_an_entry_gives_no_more_than_it_says(tmp_path) -> None:
    content = LINE.encode() * 1_000
    data = patched(made(("t/documents.jsonl", content)), central={24: struct.pack("<I", 100)})
    refused(tmp_path, data, 'entry "t/documents.jsonl": it is damaged|was not imported')


def test_all_entries_together_have_a_limit(tmp_path) -> None:
    data = made(*((f"t{at}/documents.jsonl", b"x" * 1_000) for at in range(20)))
    refused(tmp_path, data, "limit import_bytes: 10,000", LimitExceededError, import_bytes=10_000)
    refused(tmp_path, data, "it has 20 entries .*limit import_entries: 19", LimitExceededError, import_entries=19)


def test_entries_that_share_bytes_are_refused(tmp_path) -> None:
    """Fifield's bomb: many entries of the directory that point at the same bytes."""
    data = made(("a/documents.jsonl", b"x" * 1_000), ("b/documents.jsonl", b"x" * 1_000))
    second = data.rindex(b"PK\x01\x02")
    changed = data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :]
    refused(tmp_path, changed, "it lies within the entry|damaged|differ")


def test_a_stored_entry_with_two_sizes_is_refused(tmp_path) -> None:
    data = patched(made(GOOD, method=zipfile.ZIP_STORED), central={24: struct.pack("<I", 500)})
    refused(tmp_path, data, "its two sizes differ")


def test_bad_checksums_and_broken_streams_are_refused_by_entry(tmp_path) -> None:
    content = "".join(f'{{"a":{at}.0}}\n' for at in range(5_000)).encode()
    data = made(("t/documents.jsonl", content))
    crc = struct.pack("<I", zlib.crc32(content) ^ 1)
    refused(
        tmp_path, patched(data, central={16: crc}, local={14: crc}), 'entry "t/documents.jsonl": it is damaged: Bad CRC'
    )
    start = data.index(b"PK\x03\x04") + 30 + len("t/documents.jsonl") + 200
    broken = data[:start] + b"\xff" * 200 + data[start + 200 :]
    refused(tmp_path, broken, 'entry t/documents.jsonl was not imported|entry "t/documents.jsonl": it is damaged')


@pytest.mark.parametrize("keep", [0, 10, 60, -30])
def test_what_is_cut_off_or_no_zip_file_is_refused(tmp_path, keep) -> None:
    data = made(("t/documents.jsonl", LINE.encode() * 100))
    refused(tmp_path, data[:keep] if keep else b"", "it is no ZIP file, or is cut off")
    refused(tmp_path, b"hello" * 100, "it is no ZIP file")


def test_a_foreign_zip_file_is_no_snapshot(tmp_path) -> None:
    refused(tmp_path, made(("word/document.xml", b"<xml/>"), ("[Content_Types].xml", b"")), "it is no snapshot")
    refused(tmp_path, made(), "it is no snapshot")


def test_deep_and_long_lines_are_refused_by_line(tmp_path) -> None:
    deep = b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n"
    refused(
        tmp_path, made(("t/documents.jsonl", b"\n" + deep)), "line 2: (a value is nested too deep|this is not JSON)"
    )
    long = b'{"a":"' + bytes(range(97, 123)) * 1_000 + b'"}\n'
    refused(tmp_path, made(("t/documents.jsonl", long)), "line 1 is longer .*import_line_bytes", LimitExceededError,
            import_line_bytes=1_000)  # fmt: skip


def test_a_large_archive_of_nothing_is_read_without_its_bytes(tmp_path) -> None:
    path = packed(tmp_path / "s.zip", {"t/documents.jsonl": LINE, "t/generated_schema.jsonl": '"uniform"'})
    reader = SnapshotReader(path, Limits())
    assert list(reader.contents.documents) == ["t"]
    assert reader.keeps_types("t")
    assert not reader.keeps_types("u")
    reader.close()


def test_errors_are_the_callers(tmp_path) -> None:
    refused(tmp_path, made(("../x", b"")), "s.zip was not imported; nothing was changed", CallerError)
