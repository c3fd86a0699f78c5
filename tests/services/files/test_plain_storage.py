"""Files for plain code: nbconvex.services.files.plain_storage."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import NotAllowedError, NotAvailableError
from nbconvex.services.files.plain_storage import FilesOf, PlainStorage
from tests.services.files.stores import backend_with


def test_plain_code_does_with_files_what_actions_do() -> None:
    with backend_with() as backend:
        storage = backend.storage
        told = []
        file_id = storage.store(b"hello", "text/plain", progress=lambda done, total: told.append((done, total)))
        assert told == [(0, 5), (5, 5)]
        assert storage.get(file_id).text() == "hello"
        assert storage.get_url(file_id).startswith("http://files.test/api/storage/")
        assert storage.generate_upload_url().startswith("http://files.test/api/storage/upload?token=")
        assert storage.list() == [storage.get_metadata(file_id)]
        storage.delete(file_id)
        assert (storage.get(file_id), storage.get_url(file_id), storage.get_metadata(file_id), storage.list()) == (
            None, None, None, [],
        )  # fmt: skip
        assert storage.orphans() == []


def test_in_a_function_files_belong_to_its_ctx() -> None:
    with backend_with() as backend:

        @backend.query(name="m:url")
        def url(ctx):
            return backend.storage.get_url("x")

        with pytest.raises(NotAllowedError, match=r"m:url uses the storage of plain code.*\n.*ctx.storage.get_url"):
            backend.run_query("m:url")


def test_files_are_those_of_the_only_open_backend() -> None:
    with backend_with() as backend:
        file_id = nbconvex.files.store(b"hello")
        assert backend.storage.get(file_id).read() == b"hello"
        assert "get_url" in dir(nbconvex.files)
        assert all(name in repr(nbconvex.files) for name in ("store", "get_url", "explain"))
        with pytest.raises(NotAvailableError, match=r"files.getUrl is spelled files.get_url"):
            nbconvex.files.getUrl("x")
        assert not hasattr(nbconvex.files, "_private")


def test_a_backend_is_looked_up_when_it_is_needed() -> None:
    asked = []
    with backend_with() as backend:
        files = FilesOf(lambda: asked.append(1) or backend)
        dir(files)
        assert not asked
        assert files.list() == []
        assert asked
    assert PlainStorage.__doc__
