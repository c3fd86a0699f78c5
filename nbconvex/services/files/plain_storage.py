"""Files for code outside of functions: `backend.storage`, and `files` in a notebook.

Owns:  `PlainStorage`; `FilesOf` and `files`, the same for a backend that is found when it is used.
Must not know: how anything is done; that is `file_store`.
Invariant: inside a function it refuses, since there everything goes through `ctx.storage`.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nbconvex.errors import NotAllowedError
from nbconvex.functions import current, teaching
from nbconvex.functions.run import CURRENT
from nbconvex.services.files.progress import Progress
from nbconvex.values.scalars import UNSET, Unset

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.functions.identity import Identity
    from nbconvex.services.files.file_store import FileStore
    from nbconvex.services.files.stored_file import StoredFile

Listed = list[dict[str, Any]]


class PlainStorage:
    """What `ctx.storage` is in functions, for plain code, cells and tests."""

    def __init__(self, database: Database, files: FileStore) -> None:
        self._database = database
        self._files = files

    def store(
        self, given: Any, content_type: str | None = None, sha256: str | bytes | None = None, *,
        progress: Progress = None,
    ) -> str:  # fmt: skip
        """Store bytes, a path, an open file, a data frame (as Parquet), a picture or a figure (as PNG); its id.

        Shapes:  `sha256` is what the bytes must have, as bytes, hexadecimal digits or base64. `progress` is a callback
        `(done, total)`, True for a bar, False for none; None shows one for large files where tqdm is installed.
        Raises:  ValueInvalidError; CallerError; FileRefusedError; StorageError.
        """
        self._require_plain("store")
        return self._files.store(given, content_type, sha256, progress=progress)

    def get(self, storage_id: str) -> StoredFile | None:
        """The file, or None."""
        self._require_plain("get")
        return self._files.get(self._database.begin(writable=False), storage_id)

    def get_url(
        self,
        storage_id: str,
        *,
        expires_in: float | timedelta | None = None,
        for_user: Identity | str | Unset | None = UNSET,
    ) -> str | None:
        """Where a browser finds the file, or None. `expires_in` is in seconds.

        Raises:  CallerError where nothing is served.
        """
        self._require_plain("get_url")
        transaction = self._database.begin(writable=False)
        return self._files.url(transaction, storage_id, expires_in=expires_in, for_user=for_user)

    def get_metadata(self, storage_id: str) -> dict[str, Any] | None:
        """`storageId`, `sha256` (base64), `size` and `contentType` of a file, or None."""
        self._require_plain("get_metadata")
        return self._files.metadata(self._database.begin(writable=False), storage_id)

    def generate_upload_url(self) -> str:
        """Where a file may be posted to for an hour.

        Raises:  CallerError where nothing is served.
        """
        self._require_plain("generate_upload_url")
        return self._files.upload_url()

    def delete(self, storage_id: str) -> None:
        """Delete a file.

        Raises:  DocumentNotFoundError; ValueInvalidError.
        """
        self._require_plain("delete")
        self._files.delete(storage_id)

    def list(self) -> Listed:
        """What is known of every file, the newest first."""
        return [each.metadata() for each in self._files.records()]

    def orphans(self) -> Listed:
        """Files whose ids stand in no document, the oldest first."""
        return [each.metadata() for each in self._files.orphans()]

    def explain(self, text: str) -> str:
        """What an id or an address is, in a sentence: most of all, why it leads nowhere."""
        return self._files.explain(text)

    def size_bytes(self) -> int:
        """Bytes that the files take; what was stored twice counts once."""
        return self._files.size_bytes()

    @staticmethod
    def _require_plain(method: str) -> None:
        run = CURRENT.get()
        if run is not None:
            raise NotAllowedError(
                f"{run.path} uses the storage of plain code. In a function files belong to its ctx.",
                hint=f"ctx.storage.{method}(...)",
            )


class FilesOf:
    """`files`: the storage of a backend that is looked up, or opened, when it is used."""

    def __init__(self, backend: Callable[[], Any]) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in PlainStorage.__dict__:
            known = [each for each in PlainStorage.__dict__ if not each.startswith("_")]
            raise teaching.unknown_name("files", name, known)
        return getattr(self._backend().storage, name)

    def __dir__(self) -> list[str]:
        return sorted(each for each in PlainStorage.__dict__ if not each.startswith("_"))

    def __repr__(self) -> str:
        return "<files: store, get, get_url, get_metadata, delete, generate_upload_url, list, orphans, explain>"


#: The files of the only backend that is open.
files = FilesOf(current.the_only_one)
