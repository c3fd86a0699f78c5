"""A file as its reader holds it: nbconvex.services.files.stored_file."""

from __future__ import annotations

import pytest

from nbconvex.errors import FileRefusedError
from tests.services.files.stores import backend_with

PNG = b"\x89PNG\r\n"


def test_a_file_is_read_copied_and_shown(tmp_path) -> None:
    with backend_with() as backend:
        file = backend.storage.get(backend.storage.store("ä".encode(), "text/plain"))
        assert (file.read(), bytes(file), file.text(), file.size, len(file)) == (b"\xc3\xa4",) * 2 + ("ä", 2, 2)
        assert file.save(tmp_path / "copy.txt").read_bytes() == b"\xc3\xa4"
        with file.open() as opened:
            assert opened.read(1) == b"\xc3"
        assert repr(file) == f"<file {file.storage_id}, 2 bytes, text/plain>"
        assert file._repr_mimebundle_() == {"text/plain": repr(file)}


def test_pictures_are_shown_and_nothing_that_could_run() -> None:
    with backend_with() as backend:
        for content_type, is_shown in (("image/png", True), ("IMAGE/PNG; a=b", True), ("image/svg+xml", False),
                                       ("text/html", False), (None, False)):  # fmt: skip
            file = backend.storage.get(backend.storage.store(PNG, content_type))
            assert file._repr_mimebundle_().get("image/png") == (PNG if is_shown else None)
            assert len(file._repr_mimebundle_()) == 1 + is_shown


def test_a_file_that_was_deleted_meanwhile_is_gone() -> None:
    with backend_with() as backend:
        file = backend.storage.get(backend.storage.store(b"hello"))
        backend.storage.delete(file.storage_id)
        backend.files.sweep()
        with pytest.raises(FileRefusedError, match="it was deleted"):
            file.read()
