"""The port to durable bytes, in one DuckDB file with a commit journal in front.

Owns:  `DuckdbPersistence`: which file is brought up to which, and when.
Must not know: how a frame looks, any SQL.
Invariant: file plus journal are everything that was ever acknowledged; a frame leaves the journal only after DuckDB has
it durably, and carries a number by which the file knows that it has it.
Threads: the port's, and one of its own, `nbconvex-apply`, which moves commits from the journal into the file once
enough have come together or waited long enough. It never holds up an `append`, but for the moment of a cut.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec

from nbconvex.clock import Clock, SystemClock
from nbconvex.errors import HeadMovedError, StorageCorruptError, StorageError, StorageFailedError, StoragePathError
from nbconvex.storage import allocator, frames
from nbconvex.storage.duckdb_file import Applied, Changes, DuckdbFile, DuckdbSettings, Reader
from nbconvex.storage.files import Disk, FileSystem
from nbconvex.storage.journal import Holder, Journal
from nbconvex.storage.persistence import BulkCommit, Commit, Finish, Loaded, check_order

JOURNAL_SUFFIX = ".journal"

#: Endings by which DuckDB takes a file for data and not for a database.
DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".xlsx", ".gz", ".zst"})

#: One batch of commits becomes one frame, up to this; more is written as several, one after the other.
FRAME_BYTES_MAX = 64 * 1024 * 1024

#: One transaction of DuckDB takes at most this much of the journal, or one frame. What DuckDB once allocated stays with
#: the process: 1 MiB keeps 5 MB of it, 8 MiB kept 20 (docs/performance.md, W12).
APPLY_BYTES_MAX = 1024 * 1024

#: How long to wait after a failure before trying again.
RETRY_S = 5.0

_log = logging.getLogger(__name__)

_Documents = dict[int, dict[bytes, tuple[int, bytes | None]]]


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """When the journal's commits are moved into the file, whichever comes first."""

    pending_bytes: int = 32 * 1024 * 1024
    #: Short enough that a file copied from under an open store lacks only moments, should somebody do that.
    age_s: float = 5.0


class DuckdbPersistence:
    """A store in one file. Made by `open`; nothing but the lock is touched before `load`."""

    def __init__(self, name: str, journal: Journal, file: DuckdbFile, apply: ApplySettings) -> None:
        self._name = name
        self._journal = journal
        self._file = file
        self._settings = apply
        self._is_loaded = False
        self._head = 0
        self._globals: dict[str, bytes] = {}
        self._store_id = b""
        self._applied: Applied | None = None  # what the file holds; None while it has nothing of ours
        self._reader: Reader | None = None
        self._closing = threading.Event()
        self._due = threading.Event()
        self._moving = threading.Lock()  # held by whoever moves commits from the journal into the file
        self._starting = threading.Lock()
        self._worker: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        files: FileSystem | None = None,
        duckdb: DuckdbSettings | None = None,
        apply: ApplySettings | None = None,
    ) -> DuckdbPersistence:
        """The store in the file `path`, which need not exist, locked for this process.

        Raises:  StorageLockedError, at once; StoragePathError; StorageVersionError; StorageCorruptError.
        """
        name, files = os.fspath(path), files or Disk()
        # Links are followed, so that one file has one journal; and a later os.chdir() must not move it.
        full = Path(path).resolve()
        if full.is_dir():
            raise StoragePathError(f"{name}: this path is a folder. Name a file in it, such as {name}/app.duckdb.")
        if full.suffix.lower() in DATA_SUFFIXES:
            # DuckDB opens such a file as data in a database of its own, in memory, and keeps nothing.
            raise StoragePathError(
                f"{name}: a name that ends in {full.suffix} is a data file's. Name the store {full.stem}.duckdb; "
                "read the data file in a cell and insert its rows."
            )
        journal = Journal.open(
            full.with_name(full.name + JOURNAL_SUFFIX), name=name, files=files, holder=_holder(clock or SystemClock())
        )
        file = DuckdbFile(full, name=name, files=files, settings=duckdb or DuckdbSettings.from_environment())
        return cls(name, journal, file, apply or ApplySettings())

    @property
    def name(self) -> str:
        return self._name

    def load(self) -> Loaded:
        assert not self._is_loaded, "load is called once"
        try:
            if self._file.exists:
                self._reader = self._file.read()
                self._applied = self._reader.applied
            newer = self._read_journal()
            loaded = self._loaded(newer)
        except BaseException:
            self._let_go()
            raise
        self._is_loaded = True
        return loaded

    def append(self, commits: Sequence[Commit | BulkCommit], expected_head: int) -> None:
        if expected_head != self._head:
            raise HeadMovedError(self._head)
        head = check_order(commits, self._head)
        if BulkCommit not in map(type, commits):
            self._append(cast("Sequence[Commit]", commits), head)
            return
        for commit in commits:
            if isinstance(commit, BulkCommit):
                self._append_bulk(commit)
            else:
                self._append([commit], commit.ts)

    def _append(self, commits: Sequence[Commit], head: int) -> None:
        if not commits:
            return
        payload = frames.encode_commits(commits)
        if len(payload) > FRAME_BYTES_MAX and len(commits) > 1:
            half = len(commits) // 2
            self._append(commits[:half], commits[half - 1].ts)
            self._append(commits[half:], head)
            return
        self._journal.append(payload)
        # It is written: whatever goes wrong from here on, the next commit stands behind this one.
        self._head = head
        self._call_worker()

    def _append_bulk(self, commit: BulkCommit) -> None:
        """Write a bulk commit into the file at once, in one transaction of DuckDB's, and not into the journal.

        The file says of itself up to which commit it is complete, so what the journal has goes into it before: a crash
        at any moment leaves the file before or after the commit, and a journal that fits to either.
        """
        self._journal.require_usable()
        with self._moving:
            self._move_all()
            self._close_reader()
            before, sequence = self._applied, self._journal.end().sequence - 1
            after = Applied(self._store_id, sequence, commit.ts)
            documents: _Documents = {}
            for table, document_id, payload in commit.revisions:
                documents.setdefault(table, {})[document_id] = (commit.ts, payload)
            try:
                self._file.apply(Changes(documents, {}, commit.tables), before=before, after=after)
            except StorageFailedError as error:
                raise StorageFailedError(
                    f"{self._name}: many documents could not be written at once ({error.__cause__ or error}). What was "
                    "there before is there."
                ) from error
            self._applied = after
        self._head = commit.ts
        allocator.give_back()

    def changes(self, since: int) -> list[Commit]:
        with self._moving:  # so that nothing is cut meanwhile
            kept_since = self._applied.ts if self._applied else 0
            if since < kept_since:
                raise StorageError(
                    f"{self._name}: commits up to {kept_since} are no longer kept one by one, so those since {since} "
                    "cannot be told apart. Load the store again."
                )
            new = self._journal.read(self._journal.start(), self._journal.end())
            batches = (frames.decode_batch(payload)[0] for _, payload, _ in new)
            return [commit for batch in batches for commit in batch if commit.ts > since]

    def wait_for_change(self, timeout_s: float) -> bool:
        return False

    def trim(self, before: int) -> None:
        """Nothing to drop: the file holds current documents only, and a checkpoint empties the journal."""

    def get_global(self, key: str) -> bytes | None:
        return self._globals.get(key)

    def put_global(self, key: str, value: bytes) -> None:
        self._journal.append(frames.encode_global(key, value))
        self._call_worker()
        self._globals[key] = value

    def checkpoint(self, finish: Finish | None = None) -> None:
        """Bring the file up to the journal's end as of now.

        Raises:  StorageError; nothing is lost, and the journal goes on. Whatever `finish` raises.
        """
        with self._moving:
            self._move_all()
            if finish is not None and self._file.exists:
                finish(self._file.path)

    def size_bytes(self) -> int:
        return self._file.size_bytes() + self._journal.size_bytes

    def close(self, finish: Finish | None = None) -> None:
        if not self._journal.is_ours:
            return
        self._closing.set()
        self._due.set()
        if self._worker is not None:
            self._worker.join()
        with self._moving:
            try:
                if self._is_loaded and not self._journal.has_failed:
                    self._move_all()
                    if finish is not None and self._file.exists:
                        self._finish(finish)
                    self._journal.discard()
            finally:
                self._let_go()

    def _finish(self, finish: Finish) -> None:
        self._close_reader()
        try:
            finish(self._file.path)
        except Exception:  # what is derived must not keep the file from being let go
            _log.warning("%s: its tables for SQL are not up to date", self._name, exc_info=True)

    def _let_go(self) -> None:
        self._close_reader()
        if self._journal.header is None:  # nothing was ever written
            self._journal.discard()
        else:
            self._journal.close()

    # Loading ---------------------------------------------------------------------------------------------------------

    def _read_journal(self) -> _Documents:
        """What the journal has beyond the file. Leaves head, globals and store id as of its end."""
        applied, header = self._applied, self._journal.header
        self._head = applied.ts if applied else 0
        self._globals = self._reader.globals() if self._reader else {}
        newer: _Documents = {}
        if header is None:
            self._store_id = applied.store_id if applied else secrets.token_bytes(16)
            self._journal.begin(self._store_id, (applied.sequence if applied else 0) + 1)
            return newer
        self._store_id = header.store_id
        self._check_fit(applied, header)
        changes = _Fold(applied, self._head, self._journal.path)
        self._journal.recover(changes.add)
        if applied and self._journal.end().sequence <= applied.sequence:
            raise StorageCorruptError(
                f"{self._journal.path} is older than {self._name}: the file has commits that should stand in it. "
                "Restore the journal that belongs to the file; or move this one away, for the file is complete up to "
                "its last checkpoint."
            )
        self._head = changes.ts
        self._globals |= changes.globals
        return changes.documents

    def _check_fit(self, applied: Applied | None, header: frames.Header) -> None:
        if applied and applied.store_id != header.store_id:
            raise StorageCorruptError(
                f"{self._journal.path} belongs to another database than {self._name}. Move it to the file that it "
                "belongs to, or away."
            )
        if header.first_sequence > (applied.sequence if applied else 0) + 1:
            what = "is older than its journal" if self._file.exists else "is missing, but its journal is there"
            raise StorageCorruptError(
                f"{self._name} {what} ({self._journal.path}), which continues after commits that only the file had. "
                "Restore the file that was there when the journal was written; or move the journal away."
            )

    def _loaded(self, newer: _Documents) -> Loaded:
        reader = self._reader
        stored = reader.tables() if reader else []
        reading = set(stored)

        def batches(table: int) -> Iterator[list[tuple[bytes, bytes]]]:
            changed = newer.get(table, {})
            if reader and table in reading:
                for rows in reader.documents(table):
                    yield [row for row in rows if row[0] not in changed] if changed else rows
                reading.discard(table)
                if not reading:
                    self._close_reader()
            yield [(key, payload) for key, (_, payload) in changed.items() if payload is not None]

        if not stored:
            self._close_reader()
        tables = [(table, chain.from_iterable(batches(table))) for table in sorted({*stored, *newer})]
        return Loaded(self._head, tables)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # Writing ---------------------------------------------------------------------------------------------------------

    def _call_worker(self) -> None:
        if self._worker is None:
            self._start_worker()
        elif self._journal.pending_bytes >= self._settings.pending_bytes and not self._due.is_set():
            self._due.set()

    def _start_worker(self) -> None:
        with self._starting:
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="nbconvex-apply", daemon=True)
                try:
                    worker.start()
                except RuntimeError:  # no more threads here, or the interpreter is ending; the next commit tries again
                    _log.warning("%s: commits stay in the journal for now", self._name, exc_info=True)
                    return
                self._worker = worker

    def _work(self) -> None:
        while not self._closing.is_set() and not self._journal.has_failed:
            self._due.wait(self._settings.age_s)
            self._due.clear()
            try:
                with self._moving:
                    is_due = self._journal.pending_bytes > 0
                    is_large = self._journal.pending_bytes >= APPLY_BYTES_MAX
                    while is_due and not self._closing.is_set():
                        self._move()
                        if is_large:
                            allocator.give_back()
                        is_due = self._journal.pending_bytes >= self._settings.pending_bytes
            except Exception:  # nothing is lost, and there is nobody here to tell but the log
                _log.warning("%s: commits stay in the journal for now", self._name, exc_info=True)
                self._closing.wait(RETRY_S)

    def _move_all(self) -> None:
        end = self._journal.end().sequence
        while self._journal.start().sequence < end:
            self._move()

    def _move(self) -> None:
        """Bring the next part of the journal into the file, then cut it off."""
        self._close_reader()
        start, before = self._journal.start(), self._applied
        changes = _Fold(before, before.ts if before else 0, self._journal.path)
        reached = start
        for sequence, payload, mark in self._journal.read(start, self._journal.end()):
            changes.add(sequence, payload)
            reached = mark
            if reached.offset - start.offset >= APPLY_BYTES_MAX:
                break
        after = Applied(self._store_id, max(reached.sequence - 1, before.sequence if before else 0), changes.ts)
        if after != before and reached != start:
            self._file.apply(Changes(changes.documents, changes.globals), before=before, after=after)
            self._applied = after
        # Only now, with everything durable in the file. A crash before this line leaves frames that the file has, and
        # their numbers say so.
        self._journal.cut(reached)


class _Fold:
    """The net effect of frames that a file does not have."""

    def __init__(self, applied: Applied | None, head: int, path: Path) -> None:
        self._sequence = applied.sequence if applied else 0
        self._path = path
        self.ts = head
        self.documents: _Documents = {}
        self.globals: dict[str, bytes] = {}

    def add(self, sequence: int, payload: bytes) -> None:
        """Take in a frame.

        Raises:  StorageCorruptError.
        """
        if sequence <= self._sequence:
            return
        try:
            commits, put = frames.decode_batch(payload)
        except msgspec.DecodeError as error:
            raise self._damaged(sequence) from error
        for ts, revisions in commits:
            if ts <= self.ts:
                raise self._damaged(sequence)
            self.ts = ts
            for table, document_id, document in revisions:
                self.documents.setdefault(table, {})[document_id] = (ts, document)
        self.globals.update(put)

    def _damaged(self, sequence: int) -> StorageCorruptError:
        return StorageCorruptError(
            f"{self._path} is damaged: frame number {sequence} is whole, but does not continue what stands before it. "
            "Restore the database and its journal from a backup."
        )


def _holder(clock: Clock) -> Holder:
    since = time.strftime("%H:%M on %Y-%m-%d", time.localtime(clock.now_ns() / 1e9))
    return Holder(os.getpid(), socket.gethostname(), since, "nbconvex")
