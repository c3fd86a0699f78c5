"""Journals for tests, on a disk in memory."""

from __future__ import annotations

import random
from pathlib import Path

from nbconvex.storage.frames import FRAME_HEAD_BYTES, FRAMES_OFFSET
from nbconvex.storage.journal import Holder, Journal
from tests.storage.forgetful_disk import ForgetfulDisk

PATH = Path("app.duckdb.journal")
STORE = b"store-id-16bytes"
ME = Holder(1, "here", "14:02", "nbconvex")
MODES = ("forget", "keep", "tear", "reorder")


def opened(disk: ForgetfulDisk) -> Journal:
    return Journal.open(PATH, name="app.duckdb", files=disk, holder=ME)


def begun(disk: ForgetfulDisk) -> Journal:
    journal = opened(disk)
    journal.begin(STORE, 1)
    return journal


def recovered(disk: ForgetfulDisk) -> tuple[Journal, list[tuple[int, bytes]]]:
    journal, seen = opened(disk), []
    journal.recover(lambda number, payload: seen.append((number, payload)))
    return journal, seen


def restarted(disk: ForgetfulDisk) -> tuple[Journal, list[tuple[int, bytes]]]:
    return recovered(disk.after_crash(random.Random(0), "keep"))


def with_bytes(disk: ForgetfulDisk, offset: int, data: bytes) -> ForgetfulDisk:
    """A copy of the disk in which somebody else has written into the journal."""
    copy = disk.after_crash(random.Random(0), "keep")
    copy.inode(PATH).durable[offset : offset + len(data)] = data
    return copy


def frame_ends(payloads: list[bytes]) -> list[int]:
    ends = [FRAMES_OFFSET]
    for payload in payloads:
        ends.append(ends[-1] + FRAME_HEAD_BYTES + len(payload))
    return ends


def three_frames() -> tuple[ForgetfulDisk, list[bytes], list[int]]:
    disk = ForgetfulDisk()
    journal = begun(disk)
    payloads = [b"first one", b"second, in the middle", b"the last"]
    for payload in payloads:
        journal.append(payload)
    return disk, payloads, frame_ends(payloads)


def numbered(payloads: list[bytes], first: int = 1) -> list[tuple[int, bytes]]:
    return list(enumerate(payloads, first))
