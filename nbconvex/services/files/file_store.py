"""Files of one store: coming in, being found, going out of existence.

Owns:  `FileStore`, what `ctx.storage` and the server work with; `Incoming`, a file on its way in; the store's secret.
Must not know: HTTP, `ctx`; how a server is started, which whoever serves says with `serve_at`.
Invariants: bytes are durable before the document that names them is committed. A deletion takes effect with its
transaction; bytes go later, when no document names them.
Threads: any; what is written to one `Incoming` is written by one thread after the other.
Source: wire-protocol 6; ADR 12.
"""

from __future__ import annotations

import base64
import binascii
import contextvars
import itertools
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from nbconvex.errors import CallerError, FileRefusedError, NbconvexError, NotAllowedError, ValueInvalidError
from nbconvex.functions.identity import Identity
from nbconvex.services.files import records
from nbconvex.services.files.progress import Progress, followed
from nbconvex.services.files.references import explain, mentioning, unmentioned
from nbconvex.services.files.sources import source_of
from nbconvex.services.files.stored_file import StoredFile
from nbconvex.services.files.sweeper import Sweeper
from nbconvex.services.files.tickets import KEY_BYTES, Tickets
from nbconvex.services.files.transferred import TransferredFiles
from nbconvex.values.scalars import UNSET, Unset

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.database.transaction import Transaction
    from nbconvex.services.files.records import FileRecord
    from nbconvex.storage.blobs import Blobs, BlobWriter

#: The global that holds the secret.
_KEY: Final = "files_key"
_DIGEST_BYTES: Final = 32
#: Three hundred years: more is a mistake, and no longer a time in milliseconds that JavaScript can hold.
_SECONDS_MAX: Final = 1e10
_NOT_FOUND: Final = "There is no such file; it may have been deleted. Ask get_url(storage_id), which gives None then."

Address = Callable[[], str | None]


class Incoming:
    """A file on its way in. It ends with `finish` or `abort`; until then nobody sees anything of it."""

    def __init__(self, store: FileStore, writer: BlobWriter, content_type: str | None, expected: bytes | None) -> None:
        self._store = store
        self._writer = writer
        self._content_type = content_type
        self._expected = expected
        # Whoever gives up, a request that was cancelled, may do so while a thread still writes.
        self._lock = threading.Lock()
        self._is_over = False

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._writer.size

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:  FileRefusedError when it grows too large; StorageFailedError.
        """
        self._store.require_size(self._writer.size + len(data))
        with self._lock:
            if not self._is_over:
                self._writer.write(data)

    def finish(self) -> str:
        """Keep it, durably, and give its id.

        Raises:  FileRefusedError if the hash is not the expected one; StorageError. Then nothing was kept.
        """
        with self._lock:
            if self._is_over:
                raise FileRefusedError("UploadAborted", "The file was given up before it was whole.")
            self._is_over = True
            try:
                return self._finish()
            finally:
                self._writer.abort()

    def _finish(self) -> str:
        digest = self._writer.digest
        if self._expected is not None and digest != self._expected:
            expected, actual = (base64.b64encode(each).decode() for each in (self._expected, digest))
            raise FileRefusedError("Sha256Mismatch", f"Sha256 mismatch. Expected: {expected} Actual: {actual}")
        return self._store.keep(self._writer, digest, self._content_type)

    def abort(self) -> None:
        """Forget it. Afterwards, and after `finish`, this does nothing."""
        with self._lock:
            self._is_over = True
            self._writer.abort()


class FileStore:
    """The files of one backend."""

    def __init__(self, database: Database, blobs: Blobs, *, on_moved: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._blobs = blobs
        self._on_moved = on_moved
        self._sweeper = Sweeper(database, blobs)
        #: What imports and exports work with.
        self.transferred = TransferredFiles(self, blobs, self._sweeper)
        self._addresses: list[Address] = []
        self._told: str | None = None
        self._tickets: Tickets | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.sweep()

    @property
    def tickets(self) -> Tickets:
        """What is signed with the store's secret, which is made when first needed."""
        with self._lock:
            if self._tickets is None:
                key = self._database.get_global(_KEY)
                if key is None:
                    # A secret is no part of the function that happens to be the first to need it.
                    key = contextvars.Context().run(secrets.token_bytes, KEY_BYTES)
                    self._database.put_global(_KEY, key)
                self._tickets = Tickets(key)
            return self._tickets

    # -- coming in ---------------------------------------------------------------------------------------------------

    def begin(self, content_type: str | None = None, sha256: str | bytes | None = None) -> Incoming:
        """A file that is about to come in.

        Raises:  ValueInvalidError.
        """
        expected = None if sha256 is None else _digest_of(sha256)
        return Incoming(self, self._blobs.begin(), records.require_content_type(content_type), expected)

    def store(
        self,
        given: Any,
        content_type: str | None = None,
        sha256: str | bytes | None = None,
        *,
        progress: Progress = False,
    ) -> str:
        """Store bytes, a file, a data frame or a picture; its id.

        Raises:  ValueInvalidError; CallerError; FileRefusedError; StorageError.
        """
        source = source_of(given)
        incoming = self.begin(source.content_type if content_type is None else content_type, sha256)
        try:
            if source.size is not None:
                self.require_size(source.size)
            for piece in followed(source.pieces(), source.size, progress):
                incoming.write(piece)
            return incoming.finish()
        finally:
            incoming.abort()

    def keep(self, writer: BlobWriter, digest: bytes, content_type: str | None) -> str:
        """Make a blob durable and commit its document; the id."""
        with self._sweeper.pinned(digest):
            writer.keep()
            transaction = self._database.begin(writable=True, reader="storage.store")
            file_id = records.put(transaction, digest, writer.size, content_type)
            self._database.commit(transaction)
        return file_id

    def require_size(self, size: int) -> None:
        """Let a file of that size pass.

        Raises:  FileRefusedError.
        """
        most = self._database.limits.file_bytes
        if size > most:
            raise FileRefusedError("FileTooLarge", f"The file is larger than {most:,} bytes (limit file_bytes).")

    # -- being found -------------------------------------------------------------------------------------------------

    def metadata(self, transaction: Transaction, file_id: Any) -> dict[str, Any] | None:
        """What is known of a file, or None."""
        found = records.find(transaction, file_id, "get_metadata")
        return None if found is None else found.metadata()

    def get(self, transaction: Transaction, file_id: Any) -> StoredFile | None:
        """The file, or None."""
        found = records.find(transaction, file_id, "get")
        return None if found is None else StoredFile(found, self._blobs)

    def records(self) -> list[FileRecord]:
        """All files, the newest first."""
        return sorted(records.every(self._database.snapshot), key=lambda each: each.created_ms, reverse=True)

    def orphans(self) -> list[FileRecord]:
        """Files whose ids stand in no document."""
        return unmentioned(self._database.snapshot)

    def mentioning(self, file_id: str, most: int) -> list[tuple[str, str]]:
        """The first documents in which a file's id stands: table and id of each, `most` at most."""
        return mentioning(self._database.snapshot, file_id, most)

    def explain(self, text: str) -> str:
        """What an id or an address is, in a sentence: most of all, why it leads nowhere."""
        return explain(self._database.snapshot, self.tickets, text)

    def download(
        self, name: str, *, expires: str | None = None, signature: str | None = None, user: str | None = None,
        is_for_user: bool = False,
    ) -> StoredFile:  # fmt: skip
        """The file behind an address: its name, and the conditions that stand in it. `user` is who asks for it.

        Raises:  FileRefusedError.
        """
        if signature is None:
            internal = self.tickets.internal(name)
        else:
            internal = self.tickets.limited_internal(name)
            self._require_condition(name, expires, signature, user, is_for_user=is_for_user)
        if internal is None:
            raise FileRefusedError(
                "InvalidStoragePath",
                "What stands behind /api/storage/ is no name of a file. Addresses are not put together by hand: "
                "ask ctx.storage.get_url(storage_id) in a function.",
            )
        found = records.at(self._database.snapshot, internal)
        if found is None:
            raise FileRefusedError("FileNotFound", _NOT_FOUND)
        return StoredFile(found, self._blobs)

    def _require_condition(
        self, name: str, expires: str | None, signature: str, user: str | None, *, is_for_user: bool
    ) -> None:
        if is_for_user and user is None:
            raise FileRefusedError("StorageUrlNeedsUser", "This address is one user's, who has to send a token along.")
        expires_ms = int(expires) if expires is not None and expires.isascii() and expires.isdigit() else None
        if not self.tickets.holds(name, expires_ms, user if is_for_user else None, signature):
            raise FileRefusedError(
                "StorageUrlInvalid", "This address is not as it was given out, or is another user's."
            )
        if expires_ms is not None and expires_ms < self._now_ms():
            raise FileRefusedError(
                "StorageUrlExpired", "This address has expired. Ask get_url(storage_id) for a new one."
            )

    # -- addresses ---------------------------------------------------------------------------------------------------

    def upload_url(self) -> str:
        """Where a file may be posted to for an hour.

        Raises:  CallerError where nothing is served.
        """
        token = self.tickets.upload_token(self._now_ms(), next(self._numbers))
        return f"{self._base()}/api/storage/upload?token={token}"

    def require_upload(self, token: str) -> None:
        """Let an upload pass.

        Raises:  FileRefusedError.
        """
        self.tickets.require_upload(token, self._now_ms())

    def url(
        self, transaction: Transaction, file_id: Any, *, expires_in: float | timedelta | None = None,
        for_user: Identity | str | Unset | None = UNSET,
    ) -> str | None:  # fmt: skip
        """Where a file is downloaded, or None where there is none.

        Shapes:  `expires_in` in seconds; `for_user` is an identity or a token identifier.
        Raises:  ValueInvalidError; NotAllowedError where `for_user` is nobody; CallerError where nothing is served.
        """
        found = records.find(transaction, file_id, "get_url")
        if found is None:
            return None
        if expires_in is None and for_user is UNSET:
            return f"{self._base()}/api/storage/{self.tickets.name(found.internal)}"
        expires_ms = None if expires_in is None else int(transaction.now_ms + _seconds(expires_in) * 1e3)
        user = None if isinstance(for_user, Unset) else _token_identifier(for_user)
        name = self.tickets.limited_name(found.internal)
        asked = {} if expires_ms is None else {"expires": str(expires_ms)}
        asked |= {} if user is None else {"for": "user"}
        asked["signature"] = self.tickets.condition(name, expires_ms, user)
        return f"{self._base()}/api/storage/{name}?{urlencode(asked)}"

    def serve_at(self, address: Address) -> Callable[[], None]:
        """Have addresses begin with what `address` gives: a URL without a slash at its end, or None.

        It may start a server. The newest that gives one counts. The result takes that back.
        """
        self._addresses.append(address)

        def forget() -> None:
            if address in self._addresses:
                self._addresses.remove(address)

        return forget

    def moved(self, url: str) -> None:
        """The addresses begin with `url` from now on: whoever follows one that begins otherwise is told."""
        if self._told not in {None, url}:
            self._told = url
            self._on_moved()

    def _base(self) -> str:
        for address in reversed(self._addresses):
            # A context of its own: a server is no part of the function that happens to be the first to need it.
            found = contextvars.Context().run(address)
            if found is not None:
                self._told = found
                return found
        raise CallerError(
            "files have addresses only while the backend is served, and it is not.",
            hint="server = nbconvex.serve(backend)   or, in a notebook,   %convex serve",
        )

    def _now_ms(self) -> float:
        return self._database.clock.now_ns() / 1e6

    # -- going -------------------------------------------------------------------------------------------------------

    def delete_in(self, transaction: Transaction, file_id: Any) -> None:
        """Delete a file with a transaction.

        Raises:  DocumentNotFoundError; ValueInvalidError.
        """
        found = records.require(transaction, file_id, "delete", "Delete")
        records.delete(transaction, found)
        self._sweeper.doom(found.internal, found.digest)

    def delete(self, file_id: Any) -> None:
        """Delete a file.

        Raises:  DocumentNotFoundError; ValueInvalidError; StorageError.
        """
        transaction = self._database.begin(writable=True, reader="storage.delete")
        self.delete_in(transaction, file_id)
        self._database.commit(transaction)

    def sweep(self) -> int:
        """Remove what crashes have left, and bytes that no document names; how many blobs those were.

        Not while files are being stored.
        """
        return self._sweeper.sweep()

    def size_bytes(self) -> int:
        """Bytes that the files take; what was stored twice counts once."""
        return self._blobs.size_bytes()

    def close(self) -> None:
        """Release everything. Before the database is closed."""
        try:
            self._sweeper.close()
        except NbconvexError:
            # A store that has failed is closed all the same; the next opening sweeps.
            return
        finally:
            self._blobs.close()


def _digest_of(sha256: str | bytes) -> bytes:
    """A hash as bytes, given as bytes, as 64 hexadecimal digits or as base64.

    Raises:  ValueInvalidError.
    """
    if isinstance(sha256, bytes) and len(sha256) == _DIGEST_BYTES:
        return sha256
    if isinstance(sha256, str):
        try:
            if len(sha256) == 2 * _DIGEST_BYTES:
                return bytes.fromhex(sha256)
            digest = base64.b64decode(sha256, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) == _DIGEST_BYTES:
            return digest
    raise ValueInvalidError(
        f"a SHA-256 is 32 bytes, or their 64 hexadecimal digits or base64, not {sha256!r:.80}",
        hint="sha256=hashlib.sha256(data).hexdigest()",
    )


def _seconds(given: Any) -> float:
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < _SECONDS_MAX:
        raise ValueInvalidError(
            f"storage.get_url: expires_in is a number of seconds or a timedelta, not {given!r:.80}",
            hint="ctx.storage.get_url(id, expires_in=3600)",
        )
    return float(seconds)


def _token_identifier(user: Identity | str | None) -> str:
    if not user:
        # Not everybody's: whoever asks for less must not be given more.
        raise NotAllowedError(
            "storage.get_url: for_user is nobody, so there is no user whose address this could be. Look first whether "
            "somebody is signed in.",
            hint="user = ctx.auth.get_user_identity(); url = user and ctx.storage.get_url(id, for_user=user)",
        )
    return user if isinstance(user, str) else user.token_identifier
