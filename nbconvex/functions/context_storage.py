"""What user code holds as `ctx.storage`.

Owns:  `StorageReader`, `StorageWriter`, `StorageActions`; which kind of function may do what with files; the protocol
       `Files`, what is expected of the service behind it.
Must not know: where bytes lie, how an address is made.
Invariant: in queries and mutations everything goes through the run's transaction, so a deletion is undone with it.
Threads: belongs to its run.
Source: semantics 1.2, 8.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from nbconvex.functions import teaching
from nbconvex.functions.action_calls import outside_call
from nbconvex.values.scalars import UNSET, Unset

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.run import Run

_READS = ("get_url", "get_metadata")
_WRITES = ("delete", "generate_upload_url")
_BYTES = ("get", "store")


class Files(Protocol):
    """The service that `ctx.storage` leans on."""

    def store(self, given: Any, content_type: str | None, sha256: str | bytes | None) -> str:
        """Store something that has bytes; its id."""

    def get(self, transaction: Transaction, file_id: Any) -> Any:
        """The file, or None."""

    def metadata(self, transaction: Transaction, file_id: Any) -> dict[str, Any] | None:
        """What is known of a file, or None."""

    def url(
        self, transaction: Transaction, file_id: Any, *, expires_in: float | timedelta | None,
        for_user: Identity | str | Unset | None,
    ) -> str | None:  # fmt: skip
        """Where a file is downloaded, or None."""

    def upload_url(self) -> str:
        """Where a file may be posted to for a while."""

    def delete_in(self, transaction: Transaction, file_id: Any) -> None:
        """Delete a file with a transaction."""

    def delete(self, file_id: Any) -> None:
        """Delete a file, durably."""


class StorageReader:
    """`ctx.storage` of a query."""

    __slots__ = ("_run",)
    _names: tuple[str, ...] = _READS

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def _files(self) -> Files:
        files = self._run.runner.files
        if files is None:
            raise teaching.no_files(self._run.path)
        return files

    def _transaction(self) -> Transaction:
        tx = self._run.tx
        return self._run.runner.database.begin(writable=False, reader=self._run.path) if tx is None else tx

    def _given(self, method: str, job: Callable[[], Any]) -> Any:
        """What `job` gives, now, or in an `async def` action when it is awaited."""
        return outside_call(self._run, f"ctx.storage.{method}(...)", job)

    def get_url(
        self, storage_id: str, /, *, expires_in: float | timedelta | None = None,
        for_user: Identity | str | Unset | None = UNSET,
    ) -> Any:  # fmt: skip
        """Where a browser finds the file; None where there is none (any more).

        Shapes:  `expires_in` in seconds or a timedelta; `for_user` is an identity or a token identifier: only requests
        that prove to be that user's are answered.
        """
        run = self._run
        if expires_in is not None:
            run.root.clock_read = True
        teaching.hint_at_id(run)
        return self._given(
            "get_url",
            lambda: self._files.url(self._transaction(), storage_id, expires_in=expires_in, for_user=for_user),
        )

    def get_metadata(self, storage_id: str, /) -> Any:
        """`storageId`, `sha256` (base64), `size` and `contentType`; None where there is no such file."""
        return self._given("get_metadata", lambda: self._files.metadata(self._transaction(), storage_id))

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            kind = self._run.definition.kind
            if teaching.snake(name) == name and name in {*_WRITES, *_BYTES}:
                raise teaching.storage_elsewhere(self._run.path, kind, name, has_bytes=name in _BYTES)
            raise teaching.unknown_name("ctx.storage", name, {*self._names, *_WRITES, *_BYTES})

    def __repr__(self) -> str:
        return f"<ctx.storage of {self._run.path}>"


class StorageWriter(StorageReader):
    """`ctx.storage` of a mutation."""

    __slots__ = ()
    _names: tuple[str, ...] = (*_READS, *_WRITES)

    def generate_upload_url(self) -> Any:
        """An address to which files may be posted for an hour, by whoever knows it."""
        return self._given("generate_upload_url", self._files.upload_url)

    def delete(self, storage_id: str, /) -> Any:
        """Delete a file; undone with the mutation.

        Raises:  DocumentNotFoundError.
        """
        tx = self._run.tx
        assert tx is not None, self._run.path
        self._files.delete_in(tx, storage_id)


class StorageActions(StorageWriter):
    """`ctx.storage` of an action. In an `async def` action everything here is awaited."""

    __slots__ = ()
    _names = (*_READS, *_WRITES, *_BYTES)

    def delete(self, storage_id: str, /) -> Any:
        return self._given("delete", lambda: self._files.delete(storage_id))

    def store(self, given: Any, /, content_type: str | None = None, sha256: str | bytes | None = None) -> Any:
        """Store bytes, a path, an open file, a data frame (as Parquet), a picture or a figure (as PNG); its id.

        `sha256` is what the bytes must have: bytes, hexadecimal digits or base64.
        Raises:  FileRefusedError where they do not; ValueInvalidError.
        """
        return self._given("store", lambda: self._files.store(given, content_type, sha256))

    def get(self, storage_id: str, /) -> Any:
        """The file: `.read()`, `.open()`, `.save(path)`, `.size`, `.content_type`; None where there is none."""
        return self._given("get", lambda: self._files.get(self._transaction(), storage_id))


_KINDS = {"query": StorageReader, "mutation": StorageWriter}


def storage_of(run: Run) -> StorageReader:
    """`ctx.storage`, with what the run's kind may do."""
    return _KINDS.get(run.definition.kind, StorageActions)(run)
