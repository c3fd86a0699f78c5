"""The promises of `Blobs`, for everything that keeps them; and the one in memory that other rooms' tests use."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO

from nbconvex.storage.blobs import Blobs

HELLO = b"hello"
HELLO_DIGEST = hashlib.sha256(HELLO).digest()


class MemoryBlobs:
    """The port, in a dict."""

    def __init__(self) -> None:
        self.blobs: dict[bytes, bytes] = {}
        self.is_closed = False

    def begin(self) -> MemoryWriter:
        return MemoryWriter(self.blobs)

    def open(self, digest: bytes) -> BinaryIO | None:
        data = self.blobs.get(digest)
        return None if data is None else io.BytesIO(data)

    def discard(self, digest: bytes) -> None:
        self.blobs.pop(digest, None)

    def sweep(self, is_needed: Callable[[bytes], bool]) -> int:
        unneeded = [digest for digest in self.blobs if not is_needed(digest)]
        for digest in unneeded:
            del self.blobs[digest]
        return len(unneeded)

    def size_bytes(self) -> int:
        return sum(map(len, self.blobs.values()))

    def close(self) -> None:
        self.is_closed = True


class MemoryWriter:
    """A blob as a list of pieces."""

    def __init__(self, blobs: dict[bytes, bytes]) -> None:
        self._blobs = blobs
        self._data = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self._data).digest()

    def write(self, data: bytes) -> None:
        self._data += data

    def keep(self) -> None:
        self._blobs.setdefault(self.digest, bytes(self._data))

    def abort(self) -> None:
        self._data.clear()


def put(blobs: Blobs, *pieces: bytes) -> bytes:
    """Store a blob; its digest."""
    writer = blobs.begin()
    for piece in pieces:
        writer.write(piece)
    writer.keep()
    return writer.digest


def content(blobs: Blobs, digest: bytes) -> bytes | None:
    """What a blob holds; None where there is none."""
    file = blobs.open(digest)
    if file is None:
        return None
    with file:
        return file.read()


class BlobsSuite:
    """What every `Blobs` does. A subclass gives the fixture `blobs`, empty."""

    def test_pieces_become_one_blob_under_its_hash(self, blobs) -> None:
        writer = blobs.begin()
        writer.write(b"hel")
        assert content(blobs, HELLO_DIGEST) is None
        writer.write(b"lo")
        assert (writer.size, writer.digest) == (5, HELLO_DIGEST)
        writer.keep()
        assert content(blobs, HELLO_DIGEST) == HELLO
        assert blobs.size_bytes() == 5

    def test_nothing_at_all_is_a_blob_too(self, blobs) -> None:
        digest = put(blobs)
        assert digest == hashlib.sha256().digest()
        assert content(blobs, digest) == b""

    def test_the_same_bytes_are_one_blob(self, blobs) -> None:
        assert put(blobs, HELLO) == put(blobs, b"he", b"llo")
        assert blobs.size_bytes() == 5

    def test_what_is_aborted_is_nowhere(self, blobs) -> None:
        writer = blobs.begin()
        writer.write(HELLO)
        writer.abort()
        writer.abort()
        assert content(blobs, HELLO_DIGEST) is None
        assert blobs.size_bytes() == 0

    def test_abort_after_keep_does_nothing(self, blobs) -> None:
        writer = blobs.begin()
        writer.write(HELLO)
        writer.keep()
        writer.abort()
        assert content(blobs, HELLO_DIGEST) == HELLO

    def test_a_reader_that_is_open_reads_on_when_its_blob_is_discarded(self, blobs) -> None:
        put(blobs, HELLO)
        with blobs.open(HELLO_DIGEST) as file:
            blobs.discard(HELLO_DIGEST)
            blobs.discard(HELLO_DIGEST)
            assert file.seek(3) == 3
            assert file.read() == b"lo"
        assert content(blobs, HELLO_DIGEST) is None

    def test_a_sweep_leaves_what_is_needed(self, blobs) -> None:
        put(blobs, HELLO)
        put(blobs, b"other")
        put(blobs, b"third")
        assert blobs.sweep(lambda digest: digest == HELLO_DIGEST) == 2
        assert blobs.sweep(lambda digest: digest == HELLO_DIGEST) == 0
        assert content(blobs, HELLO_DIGEST) == HELLO
        assert blobs.size_bytes() == 5

    def test_close_may_come_twice(self, blobs) -> None:
        blobs.close()
        blobs.close()
