"""The commit journal: a commit is durable once it is in here.

Owns:  the file beside the database, its lock, frames in order, replay, cutting.
Must not know: DuckDB; what a frame carries.
Threads: `append` by one thread at a time, whichever; `frames` and `cut` by the one thread that empties the journal.
A lock keeps `append` and `cut` apart; `frames` needs none, for what it reads is not written again before a cut.

The mechanism, once. Frames carry numbers that never repeat and stand one behind the other from `Header.start`; the
journal ends where the next number does not follow. Each append is one frame, one write and one sync, so that at most
the last frame can be unfinished: an intact frame with a *higher* number behind a damaged one is therefore proof of
damage, not of a crash, and is refused. Cutting writes a header that begins after the frames that DuckDB has; then what
came meanwhile is copied to the front, and a second header begins there. No step overwrites what the header in force
needs, each is synced before the next, and frames from before a cut have numbers too low to be taken for new ones.
Only a torn frame's number is given out again, and only after recovery has replaced what is left of it by zeros.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nbconvex.errors import (
    StorageCorruptError,
    StorageError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from nbconvex.storage import frames
from nbconvex.storage.files import FileSystem
from nbconvex.storage.frames import FRAME_HEAD_BYTES, FRAMES_OFFSET, HOLDER_BYTES, HOLDER_OFFSET, Header

#: The file grows by its own size, within these bounds: few interruptions, little waste. A step costs a write of zeros
#: and a sync, about 1 ms a megabyte.
STEP_BYTES_MIN = 256 * 1024
STEP_BYTES_MAX = 8 * 1024 * 1024

#: Space beyond this is given back after a cut: a burst should not cost disk for as long as the kernel lives.
KEPT_BYTES_MAX = 64 * 1024 * 1024

#: What comes in while DuckDB is busy is copied to the front, up to this: appends wait meanwhile.
COPIED_BYTES_MAX = 8 * 1024 * 1024

#: How much is read at once.
WINDOW_BYTES = 1024 * 1024

#: How often another process may remove the file between our opening it and our locking it.
OPEN_TRIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two frames: an offset, and the number of the frame that begins there."""

    offset: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the file open, for the message that somebody else will read."""

    pid: int
    host: str
    since: str
    program: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, since {self.since}, {self.program}"


class Journal:
    """An open, locked journal. First `open`, then `begin` or `recover`, then `append`."""

    def __init__(self, path: Path, file: int, files: FileSystem, *, name: str) -> None:
        self.path = path
        self._name = name
        self._file = file
        self._files = files
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._size = files.size(file)
        self._header = self._read_header()
        self._seed = frames.seed_of(self._header.store_id) if self._header else 0
        self._position = FRAMES_OFFSET
        self._sequence = 1
        self._is_released = False
        self._problem = f"{name}: nothing can be written before `load`."

    @classmethod
    def open(cls, path: Path, *, name: str, files: FileSystem, holder: Holder) -> Journal:
        """The journal at `path`, made if absent, locked for `holder`; `name` is what messages call the database.

        Raises:  StorageLockedError, at once; StoragePathError; StorageVersionError; StorageCorruptError.
        """
        try:
            file = _open_locked(path, name, files, holder)
            try:
                journal = cls(path, file, files, name=name)
                journal._sign(holder)
            except BaseException:
                files.close(file)
                raise
        except OSError as error:
            raise path_error(name, error) from error
        return journal

    @property
    def header(self) -> Header | None:
        """Where the journal begins; None in a new one."""
        return self._header

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._size

    @property
    def pending_bytes(self) -> int:
        """Bytes of frames that no cut has removed."""
        return self._position - self._header.start if self._header else 0

    @property
    def is_ours(self) -> bool:
        """Whether this process opened it, and did not only inherit it by fork()."""
        return os.getpid() == self._pid

    @property
    def has_failed(self) -> bool:
        """Whether appends are refused."""
        return bool(self._problem)

    def start(self) -> Mark:
        """The first frame, or where it will be."""
        assert self._header is not None
        return Mark(self._header.start, self._header.first_sequence)

    def end(self) -> Mark:
        """Behind the last frame, as of now."""
        with self._lock:
            return Mark(self._position, self._sequence)

    def begin(self, store_id: bytes, first_sequence: int) -> None:
        """Make a new journal ready for its first frame.

        Raises:  StorageFailedError.
        """
        with self._lock:
            self._seed = frames.seed_of(store_id)
            self._sequence = first_sequence
            try:
                self._grow(FRAMES_OFFSET)
                self._put_header(Header(1, store_id, FRAMES_OFFSET, first_sequence))
                self._files.sync_folder(self.path)
            except OSError as error:
                raise self._failed(error) from error
            self._problem = ""

    def recover(self, visit: Callable[[int, bytes], None]) -> None:
        """Call `visit` with number and payload of every whole frame, in order, and make ready for the next.

        Raises:  StorageCorruptError; StorageFailedError; whatever `visit` raises.
        """
        header = self._header
        assert header is not None, "recover needs a header; a new journal is begun"
        offset, last = header.start, b""
        sequence = header.first_sequence
        try:
            for number, payload, end in self._walk(Mark(header.start, sequence)):
                visit(number, payload)
                offset, sequence, last = end, number + 1, payload
            self._refuse_later_frames(offset, sequence)
            self._clear_from(offset)
            if sequence > header.first_sequence:
                # The last frame may be whole only in the system's cache: its writer may have died, or been told of a
                # failure, before the sync. Whoever reads it from here on relies on it, so it is written once more.
                data = frames.encode_frame(sequence - 1, last, self._seed)
                self._files.write(self._file, offset - len(data), data)
                self._files.sync(self._file)
        except OSError as error:
            raise self._failed(error) from error
        with self._lock:
            self._position, self._sequence, self._problem = offset, sequence, ""

    def append(self, payload: bytes) -> None:
        """Make one frame durable.

        Raises:  StorageFailedError, now and on every later call.
        """
        self._check_process()
        with self._lock:
            if self._problem:
                raise StorageFailedError(self._problem)
            data = frames.encode_frame(self._sequence, payload, self._seed)
            end = self._position + len(data)
            try:
                if end > self._size:
                    self._grow(end)
                self._files.write_durably(self._file, self._position, data)
                self._position = end
                self._sequence += 1
            except OSError as error:
                raise self._failed(error) from error
            except BaseException:  # an interrupt: nobody knows how far it got
                self._problem = f"{self._name}: a commit was interrupted while it was written. Open the database again."
                raise

    def require_usable(self) -> None:
        """Let whoever writes past the journal pass, if an append would.

        Raises:  StorageFailedError.
        """
        self._check_process()
        with self._lock:
            if self._problem:
                raise StorageFailedError(self._problem)

    def read(self, start: Mark, end: Mark) -> Iterator[tuple[int, bytes, Mark]]:
        """Number, payload and end of each frame between two marks.

        Raises:  StorageCorruptError if one is no longer what was written.
        """
        reached = start
        for sequence, payload, offset in self._walk(start, end.offset):
            reached = Mark(offset, sequence + 1)
            yield sequence, payload, reached
        if reached != end:
            raise self._damaged(reached.offset, "it was intact when it was written")

    def cut(self, mark: Mark) -> None:
        """Drop every frame before `mark`; only called when they are durable elsewhere.

        Raises:  StorageFailedError, now and from every later append.
        """
        with self._lock:
            if self._problem:
                raise StorageFailedError(self._problem)
            try:
                self._cut(mark)
            except OSError as error:
                raise self._failed(error) from error

    def close(self) -> None:
        """Let go of the file and its lock; it stays for the next opener. Twice is fine."""
        if self.is_ours and self._release():
            self._files.close(self._file)

    def discard(self) -> None:
        """Remove the file and let go of it; only called when every frame is durable elsewhere. Twice is fine."""
        if self.is_ours and self._release():
            try:
                self._files.discard(self._file, self.path)
                self._files.sync_folder(self.path)
            except OSError:  # it may stay: the next opener finds nothing in it that the database lacks
                with suppress(OSError):
                    self._files.close(self._file)

    def _sign(self, holder: Holder) -> None:
        text = json.dumps([holder.pid, holder.host[:200], holder.since, holder.program])
        self._files.write(self._file, HOLDER_OFFSET, text.encode().ljust(HOLDER_BYTES))
        self._size = max(self._size, HOLDER_OFFSET + HOLDER_BYTES)

    def _release(self) -> bool:
        """Whether the file was open until now."""
        with self._lock:
            was_open, self._is_released = not self._is_released, True
            self._problem = f"{self._name}: the database is closed. Open it again before using it."
            return was_open

    def _check_process(self) -> None:
        # Before the lock is taken: in a forked child, the thread that held it may not exist.
        if not self.is_ours:
            raise StorageFailedError(
                f"{self._name}: this process is a fork of pid {self._pid}, which has the database open. "
                "Use the database there, or open another file here."
            )

    def _read_header(self) -> Header | None:
        slots = [self._files.read(self._file, offset, frames.SLOT_BYTES) for offset in frames.SLOT_OFFSETS]
        for slot in slots:
            version = frames.version_of(slot)
            if version is not None and version > frames.FORMAT_VERSION:
                raise StorageVersionError(
                    f"{self.path} was written by a newer nbconvex (journal format {version}, this one reads "
                    f"{frames.FORMAT_VERSION}). Update nbconvex, or close the database with the version that wrote it."
                )
        headers = [header for slot in slots if (header := frames.decode_header(slot))]
        if headers:
            return max(headers, key=lambda header: header.generation)
        if not frames.JOURNAL_MAGIC.startswith(slots[0][:8].rstrip(b"\0")):
            raise StorageCorruptError(
                f"{self.path} is not a commit journal of nbconvex, but has the name that the journal of {self._name} "
                "needs. Move it away, then open the database again."
            )
        if any(True for _ in self._find_heads()):
            raise StorageCorruptError(
                f"{self.path} is damaged: both copies of its header, at bytes {frames.SLOT_OFFSETS[0]} and "
                f"{frames.SLOT_OFFSETS[1]}, cannot be read, yet commits follow. {_CURE}"
            )
        return None  # made by a process that died before it had written anything

    def _put_header(self, header: Header) -> None:
        self._files.write(self._file, frames.SLOT_OFFSETS[header.generation % 2], frames.encode_header(header))
        self._files.sync(self._file)
        self._header = header

    def _grow(self, needed: int) -> None:
        step = min(max(self._size, STEP_BYTES_MIN), STEP_BYTES_MAX)
        size = max(self._size + step, needed)
        self._files.allocate(self._file, self._size, size - self._size)
        self._size = size

    def _cut(self, mark: Mark) -> None:
        header = self._header
        assert header is not None
        assert header.start <= mark.offset <= self._position, (header, mark, self._position)
        rest = self._position - mark.offset
        begins_at = mark.offset if rest else FRAMES_OFFSET
        header = Header(header.generation + 1, header.store_id, begins_at, mark.sequence)
        self._put_header(header)
        if rest <= min(begins_at - FRAMES_OFFSET, COPIED_BYTES_MAX):  # else a later cut will have less to copy
            for done in range(0, rest, WINDOW_BYTES):
                piece = self._files.read(self._file, begins_at + done, min(WINDOW_BYTES, rest - done))
                self._files.write(self._file, FRAMES_OFFSET + done, piece)
            if rest:
                self._files.sync(self._file)
                self._put_header(Header(header.generation + 1, header.store_id, FRAMES_OFFSET, mark.sequence))
            self._position = FRAMES_OFFSET + rest
        if self._position <= KEPT_BYTES_MAX < self._size:
            self._files.truncate(self._file, KEPT_BYTES_MAX)
            self._size = KEPT_BYTES_MAX

    def _walk(self, start: Mark, end: int | None = None) -> Iterator[tuple[int, bytes, int]]:
        """Number, payload and end of each whole frame from `start`, until the next is not what should follow."""
        offset, sequence = start.offset, start.sequence
        window, base = b"", offset
        while end is None or offset < end:
            head = frames.decode_frame_head(window, offset - base)
            if head is None or offset - base + FRAME_HEAD_BYTES + head.length > len(window):
                window, base = self._files.read(self._file, offset, WINDOW_BYTES), offset
                head = frames.decode_frame_head(window)
            if head is None or head.sequence != sequence:
                return
            begin = offset - base + FRAME_HEAD_BYTES
            if begin + head.length > len(window):  # longer than a window: then we are at its beginning
                window = self._files.read(self._file, offset, begin + head.length)
            payload = window[begin : begin + head.length]
            if not frames.is_intact(head, payload, self._seed):
                return
            offset += FRAME_HEAD_BYTES + head.length
            yield sequence, payload, offset
            sequence += 1

    def _find_heads(self) -> Iterator[tuple[int, frames.FrameHead]]:
        """Offset and head of everything in the file that looks like a frame."""
        for base in range(FRAMES_OFFSET, self._size, WINDOW_BYTES):
            # Windows overlap by a head less one byte, so that each head is seen whole in exactly one of them.
            window = self._files.read(self._file, base, WINDOW_BYTES + FRAME_HEAD_BYTES - 1)
            at = window.find(frames.FRAME_MAGIC)
            while at >= 0:
                head = frames.decode_frame_head(window, at)
                if head is not None:
                    yield base + at, head
                at = window.find(frames.FRAME_MAGIC, at + 1)

    def _clear_from(self, offset: int) -> None:
        """Make sure that nothing is left of a torn frame.

        Its number is used again, and at the same place: after another crash, the sectors of both could make it whole.
        """
        for begin in range(offset, self._size, WINDOW_BYTES):
            if self._files.read(self._file, begin, WINDOW_BYTES).strip(b"\0"):
                self._files.allocate(self._file, begin, self._size - begin)
                return

    def _refuse_later_frames(self, offset: int, sequence: int) -> None:
        for place, head in self._find_heads():
            if head.sequence >= sequence and place + FRAME_HEAD_BYTES + head.length <= self._size:
                payload = self._files.read(self._file, place + FRAME_HEAD_BYTES, head.length)
                if frames.is_intact(head, payload, self._seed):
                    raise self._damaged(offset, f"a later one, at byte {place}, is intact")

    def _damaged(self, offset: int, evidence: str) -> StorageCorruptError:
        return StorageCorruptError(
            f"{self.path} is damaged: the frame at byte {offset} cannot be read, though {evidence}. {_CURE}"
        )

    def _failed(self, error: OSError) -> StorageError:
        self._problem = (
            f"{self._name}: {_reason(error)} while the commit journal was written. Whether the last commit was kept is "
            "known when the database is opened again; until then nothing more is accepted."
        )
        return StorageFailedError(self._problem)


_CURE = (
    "Restore both files from a backup; or move the journal away and open the database as it was before the commits "
    "in the journal."
)


def _open_locked(path: Path, name: str, files: FileSystem, holder: Holder) -> int:
    for _ in range(OPEN_TRIES_MAX):
        file = files.open(path, create=True)
        try:
            if not files.lock(file):
                raise _locked_error(name, files.read(file, HOLDER_OFFSET, HOLDER_BYTES), holder)
            # Whoever closed the database just now removed the file that we opened: what we locked is nobody's.
            if files.is_at(file, path):
                return file
        except BaseException:
            files.close(file)
            raise
        files.close(file)
    raise StorageLockedError(name, holder="several that open and close it in turn")


def _locked_error(name: str, text: bytes, own: Holder) -> StorageLockedError:
    try:
        holder = Holder(*json.loads(text))
    except (ValueError, TypeError):  # it has only just been made, or is not ours
        return StorageLockedError(name, holder="which has not said who it is")
    is_own = (holder.pid, holder.host) == (own.pid, own.host)
    return StorageLockedError(name, holder=str(holder), is_own_process=is_own)


def path_error(name: str, error: OSError) -> StorageError:
    """What to say about a database called `name` whose files cannot be opened."""
    if error.errno == errno.ENOENT:
        return StoragePathError(f"{name}: there is no such folder. Create it first, or choose another path.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StoragePathError(
            f"{name}: the file or its folder may not be written, and a database writes a journal beside its file. "
            "Choose a folder of your own, or change the rights."
        )
    if error.errno in {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}:
        return StoragePathError(
            f"{name}: this path cannot be a file ({os.strerror(error.errno)}). Choose another path."
        )
    return StorageFailedError(f"{name}: {_reason(error)} while the database was opened. Nothing was changed.")


def _reason(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full"
    return f"the file system failed ({errno.errorcode.get(error.errno or 0, 'no error number')})"
