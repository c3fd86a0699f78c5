"""Files of one store: nbconvex.services.files.file_store."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.errors import (
    CallerError,
    DocumentNotFoundError,
    FileRefusedError,
    NotAllowedError,
    StorageFailedError,
    ValueInvalidError,
)
from nbconvex.functions.identity import Identity
from nbconvex.services.files.file_store import FileStore
from tests.services.files.stores import backend_with
from tests.storage.blobs_suite import HELLO, HELLO_DIGEST, MemoryBlobs


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def backend(blobs) -> Iterator[Backend]:
    with backend_with(blobs) as backend:
        yield backend


@pytest.fixture
def files(backend) -> FileStore:
    return backend.files


def url(backend: Backend, file_id: str, **conditions) -> str:
    found = backend.storage.get_url(file_id, **conditions)
    assert found is not None
    return found


def parts(address: str) -> tuple[str, dict[str, str]]:
    """The name and the conditions in an address."""
    path, _, query = address.partition("?")
    return path.removeprefix("http://files.test/api/storage/"), dict(
        each.split("=") for each in query.split("&") if each
    )


def reason(call) -> str:
    with pytest.raises(FileRefusedError) as caught:
        call()
    return caught.value.reason


def test_what_is_stored_has_a_document_and_its_bytes(backend, files) -> None:
    file_id = files.store(HELLO, "text/plain")
    assert backend.storage.get_metadata(file_id) == {
        "storageId": file_id, "sha256": base64.b64encode(HELLO_DIGEST).decode(), "size": 5, "contentType": "text/plain",
    }  # fmt: skip
    assert backend.storage.get(file_id).read() == HELLO


@pytest.mark.case("storage/store_sha_wrong")
@pytest.mark.parametrize("write", [bytes.hex, lambda digest: base64.b64encode(digest).decode(), bytes])
def test_a_hash_that_is_promised_is_kept(files, blobs, write) -> None:
    files.store(HELLO, sha256=write(HELLO_DIGEST))
    blobs.blobs.clear()
    wrong = write(hashlib.sha256(b"other").digest())
    assert reason(lambda: files.store(HELLO, sha256=wrong)) == "Sha256Mismatch"
    assert not blobs.blobs
    assert len(files.records()) == 1


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, b"short", 5])
def test_what_is_no_hash_is_refused(files, sha256) -> None:
    with pytest.raises(ValueInvalidError, match="a SHA-256 is 32 bytes"):
        files.begin(sha256=sha256)


def test_the_same_bytes_twice_are_two_files_and_one_blob(backend, files, blobs) -> None:
    one, two = files.store(HELLO), files.store(HELLO, "text/plain")
    assert one != two
    assert list(blobs.blobs) == [HELLO_DIGEST]
    files.delete(one)
    files.close()
    assert list(blobs.blobs) == [HELLO_DIGEST]


def test_nothing_is_visible_before_it_is_finished_and_nothing_after_it_was_aborted(files, blobs) -> None:
    incoming = files.begin()
    incoming.write(b"hel")
    incoming.write(b"lo")
    assert incoming.size == 5
    assert not files.records()
    incoming.abort()
    incoming.write(b"late")
    assert reason(incoming.finish) == "UploadAborted"
    assert not files.records()
    assert not blobs.blobs


def test_a_file_is_kept_once(files) -> None:
    incoming = files.begin()
    incoming.finish()
    incoming.abort()
    assert reason(incoming.finish) == "UploadAborted"
    assert len(files.records()) == 1


def test_too_large_is_too_large_whether_the_size_is_known_or_not(tmp_path) -> None:
    with backend_with(file_bytes=4) as backend:
        assert reason(lambda: backend.files.store(HELLO)) == "FileTooLarge"
        incoming = backend.files.begin()
        incoming.write(b"hell")
        assert reason(lambda: incoming.write(b"o")) == "FileTooLarge"
        incoming.abort()


def test_a_document_is_committed_after_its_bytes_or_not_at_all(files, blobs, monkeypatch) -> None:
    def fail(writer) -> None:
        raise StorageFailedError("full")

    monkeypatch.setattr("tests.storage.blobs_suite.MemoryWriter.keep", fail)
    with pytest.raises(StorageFailedError):
        files.store(HELLO)
    assert not files.records()


@pytest.mark.parametrize("content_type", ["text/html\r\nSet-Cookie: a=b", "a\0b", "ü", "", "a" * 256, 5])
def test_a_content_type_cannot_break_out_of_its_header(files, content_type) -> None:
    with pytest.raises(ValueInvalidError, match="a content type is a short text"):
        files.begin(content_type)


def test_the_address_of_a_file_stays_the_same_and_leads_to_it(backend, files) -> None:
    file_id = files.store(HELLO)
    name, conditions = parts(url(backend, file_id))
    assert url(backend, file_id) == url(backend, file_id)
    assert not conditions
    assert files.download(name).storage_id == file_id
    assert file_id not in url(backend, file_id)
    files.delete(file_id)
    assert backend.storage.get_url(file_id) is None
    assert reason(lambda: files.download(name)) == "FileNotFound"
    assert reason(lambda: files.download("../etc/passwd")) == "InvalidStoragePath"


@pytest.mark.parametrize("expires_in", [60, timedelta(minutes=1)])
def test_an_address_that_expires_expires(backend, files, expires_in) -> None:
    file_id = files.store(HELLO)
    name, conditions = parts(url(backend, file_id, expires_in=expires_in))
    assert files.download(name, **conditions).storage_id == file_id
    backend.clock.advance(59)
    assert files.download(name, **conditions).storage_id == file_id
    backend.clock.advance(2)
    assert reason(lambda: files.download(name, **conditions)) == "StorageUrlExpired"


def test_conditions_cannot_be_cut_off_or_changed(backend, files) -> None:
    file_id = files.store(HELLO)
    name, conditions = parts(url(backend, file_id, expires_in=60))
    plain, _ = parts(url(backend, file_id))
    assert reason(lambda: files.download(name)) == "FileNotFound"
    later = {**conditions, "expires": str(int(conditions["expires"]) + 1)}
    assert reason(lambda: files.download(name, **later)) == "StorageUrlInvalid"
    for expires in ("", "x", "٣", "-1", None):
        assert reason(lambda e=expires: files.download(name, **{**conditions, "expires": e})) == "StorageUrlInvalid"
    assert reason(lambda: files.download(plain, **conditions)) == "StorageUrlInvalid"
    assert reason(lambda: files.download("abc", signature="")) == "StorageUrlInvalid"


def test_an_address_for_one_user_is_that_users(backend, files) -> None:
    file_id = files.store(HELLO)
    ann = Identity({"issuer": "i", "subject": "ann"})
    name, conditions = parts(url(backend, file_id, for_user=ann))
    assert conditions.pop("for") == "user"
    assert parts(url(backend, file_id, for_user="i|ann"))[1]["signature"] == conditions["signature"]
    assert files.download(name, **conditions, is_for_user=True, user="i|ann").storage_id == file_id
    assert reason(lambda: files.download(name, **conditions, is_for_user=True, user="i|bob")) == "StorageUrlInvalid"
    assert reason(lambda: files.download(name, **conditions, is_for_user=True)) == "StorageUrlNeedsUser"
    assert reason(lambda: files.download(name, **conditions)) == "StorageUrlInvalid"


@pytest.mark.parametrize("nobody", [None, ""])
def test_an_address_for_nobody_is_not_everybodys(backend, files, nobody) -> None:
    file_id = files.store(HELLO)
    with pytest.raises(NotAllowedError, match="for_user is nobody"):
        backend.storage.get_url(file_id, for_user=nobody)


@pytest.mark.parametrize("expires_in", [0, -1, float("nan"), float("inf"), "60", True])
def test_a_time_that_is_none_is_refused(backend, files, expires_in) -> None:
    file_id = files.store(HELLO)
    with pytest.raises(ValueInvalidError, match="expires_in is a number of seconds"):
        backend.storage.get_url(file_id, expires_in=expires_in)


def test_without_a_server_nothing_has_an_address(tmp_path) -> None:
    with nbconvex.open(tmp_path / "app.duckdb") as backend:
        file_id = backend.storage.store(HELLO)
        for call in (lambda: backend.storage.get_url(file_id), backend.storage.generate_upload_url):
            with pytest.raises(CallerError, match=r"nbconvex.serve\(backend\)"):
                call()


def test_the_newest_server_that_has_an_address_counts(backend, files) -> None:
    file_id = files.store(HELLO)
    forget_none = files.serve_at(lambda: None)
    forget = files.serve_at(lambda: "http://new.test")
    assert url(backend, file_id).startswith("http://new.test/")
    forget()
    forget()
    forget_none()
    assert url(backend, file_id).startswith("http://files.test/")


def test_queries_that_gave_addresses_run_again_when_the_server_has_moved(backend, files) -> None:
    runs = []

    @backend.query(name="m:url")
    def url_of(ctx, id: str):
        runs.append(id)
        return ctx.storage.get_url(id)

    file_id = files.store(HELLO)
    before = backend.run_query("m:url", {"id": file_id})
    backend.run_query("m:url", {"id": file_id})
    files.moved("http://files.test")
    backend.run_query("m:url", {"id": file_id})
    assert len(runs) == 1
    files.serve_at(lambda: "http://moved.test")
    files.moved("http://moved.test")
    assert backend.run_query("m:url", {"id": file_id}) == before.replace("files.test", "moved.test")


@pytest.mark.case("storage/storage_delete_missing")
def test_deleting_what_is_not_there_is_an_error(files) -> None:
    file_id = files.store(HELLO)
    files.delete(file_id)
    with pytest.raises(DocumentNotFoundError, match=f"Delete on nonexistent document ID {file_id}"):
        files.delete(file_id)


def test_files_and_addresses_survive_a_restart(tmp_path) -> None:
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.files.serve_at(lambda: "http://files.test")
        file_id = backend.storage.store(HELLO)
        address, ticket = backend.storage.get_url(file_id), backend.storage.generate_upload_url()
    with nbconvex.open(path) as backend:
        backend.files.serve_at(lambda: "http://files.test")
        assert backend.storage.get_url(file_id) == address
        assert backend.storage.get(file_id).read() == HELLO
        backend.files.require_upload(ticket.partition("token=")[2])
        backend.reset()
        assert backend.storage.list() == []
        assert not blobs_in(path)


def blobs_in(path: Path) -> list[Path]:
    return [each for each in path.with_name(f"{path.name}.files").rglob("*") if each.is_file()]


def test_what_a_crash_has_left_is_gone_after_the_next_opening(tmp_path) -> None:
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        file_id = backend.storage.store(HELLO)
    folder = path.with_name("app.duckdb.files")
    kept = blobs_in(path)
    (folder / "incoming" / "left").write_bytes(b"half")
    orphan = hashlib.sha256(b"orphan").hexdigest()
    (folder / orphan[:2]).mkdir()
    (folder / orphan[:2] / orphan).write_bytes(b"orphan")
    with nbconvex.open(path) as backend:
        assert blobs_in(path) == kept
        assert backend.storage.get(file_id).read() == HELLO
        assert backend.storage.size_bytes() == 5
