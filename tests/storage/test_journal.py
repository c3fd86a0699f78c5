"""The journal: what was acknowledged is there, nothing else is, and damage is never taken for a crash."""

from __future__ import annotations

import errno
import random

import pytest

from nbconvex.errors import (
    StorageCorruptError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from nbconvex.storage import journal as journal_module
from nbconvex.storage.files import Disk
from nbconvex.storage.frames import FRAME_HEAD_BYTES, FRAMES_OFFSET, SLOT_BYTES, SLOT_OFFSETS
from nbconvex.storage.journal import Holder, Journal, Mark, path_error
from tests.storage.forgetful_disk import ForgetfulDisk, Inode
from tests.storage.journals import (
    ME,
    PATH,
    STORE,
    begun,
    numbered,
    opened,
    recovered,
    restarted,
    three_frames,
    with_bytes,
)


def test_frames_come_back_in_order_and_the_journal_goes_on():
    disk, payloads, _ = three_frames()
    journal, seen = restarted(disk)
    assert seen == numbered(payloads)
    journal.append(b"fourth")
    assert restarted(journal._files)[1] == numbered([*payloads, b"fourth"])


def test_an_append_is_one_write_and_one_sync_and_rarely_more():
    disk = ForgetfulDisk()
    journal = begun(disk)
    disk.operations.clear()
    for _ in range(1000):
        journal.append(b"x" * 250)
    assert disk.operations.count("sync") == 1000
    assert disk.operations.count("write") == 1000
    assert disk.operations.count("allocate") <= 1


def test_frames_longer_than_a_window_come_back(monkeypatch):
    monkeypatch.setattr(journal_module, "WINDOW_BYTES", 64)
    disk = ForgetfulDisk()
    journal = begun(disk)
    payloads = [random.Random(n).randbytes(n) for n in (0, 1, 43, 44, 45, 63, 64, 65, 200, 1000)]
    for payload in payloads:
        journal.append(payload)
    again, seen = restarted(disk)
    assert seen == numbered(payloads)
    assert [payload for _, payload, _ in again.read(again.start(), again.end())] == payloads


@pytest.mark.parametrize("rest", ["zeros", "missing", "garbage"])
def test_a_last_frame_cut_at_any_byte_is_dropped_and_nothing_else(rest):
    disk, payloads, ends = three_frames()
    for at in range(ends[2], ends[3]):
        copy = disk.after_crash(random.Random(0), "keep")
        content = copy.inode(PATH).durable
        if rest == "missing":
            del content[at:]
        else:
            filler = bytes(ends[3] - at) if rest == "zeros" else random.Random(at).randbytes(ends[3] - at)
            content[at : ends[3]] = filler
        journal, seen = recovered(copy)
        assert seen == numbered(payloads[:2]), at
        journal.append(b"next")
        assert restarted(copy)[1] == numbered([*payloads[:2], b"next"]), at


def test_a_bit_flipped_at_any_byte_of_a_middle_frame_is_damage():
    disk, _, ends = three_frames()
    for at in range(ends[1], ends[2]):
        was = disk.inode(PATH).content()[at]
        copy = with_bytes(disk, at, bytes([was ^ (1 << at % 8)]))
        with pytest.raises(StorageCorruptError) as caught:
            recovered(copy)
        assert str(PATH) in str(caught.value)
        assert f"byte {ends[1]} " in str(caught.value)


def test_a_bit_flipped_at_any_byte_of_the_last_frame_drops_it_alone():
    disk, payloads, ends = three_frames()
    for at in range(ends[2], ends[3]):
        was = disk.inode(PATH).content()[at]
        assert recovered(with_bytes(disk, at, bytes([was ^ 0x10])))[1] == numbered(payloads[:2])


def test_a_damaged_header_loses_nothing_silently():
    """Whatever byte of whichever copy is damaged: everything comes back, or an error does."""
    disk = ForgetfulDisk()
    journal = begun(disk)
    for n in range(5):
        journal.append(b"%d" % n * 10)
    mark = journal.end()
    journal.append(b"came meanwhile")
    journal.cut(mark)
    journal.append(b"came after")
    expected = [(6, b"came meanwhile"), (7, b"came after")]
    assert restarted(disk)[1] == expected
    outcomes = set()
    for slot in SLOT_OFFSETS:
        for at in range(slot, slot + SLOT_BYTES):
            was = disk.inode(PATH).content()[at]
            try:
                seen = recovered(with_bytes(disk, at, bytes([was ^ 0x04])))[1]
                assert [pair for pair in seen if pair[0] >= 6] == expected
                outcomes.add("whole")
            except (StorageCorruptError, StorageVersionError):
                outcomes.add("refused")
    assert outcomes == {"whole", "refused"}


def test_both_headers_damaged_is_damage_and_not_a_new_journal():
    disk, _, _ = three_frames()
    disk.inode(PATH).durable[8:40] = bytes(32)
    disk.inode(PATH).durable[4096 + 8 : 4096 + 40] = bytes(32)
    with pytest.raises(StorageCorruptError, match="both copies of its header"):
        opened(disk.after_crash(random.Random(0), "keep"))


def test_frames_from_before_a_cut_are_never_replayed():
    """Frames of one length: what is written after a cut ends exactly where an old frame begins."""
    disk = ForgetfulDisk()
    journal = begun(disk)
    sent = 0
    for kept in (5, 3, 0, 4, 1):
        for _ in range(6):
            sent += 1
            journal.append(b"%08d" % sent)
        assert restarted(disk)[1][-1] == (sent, b"%08d" % sent)
        journal.cut(journal.end())
        assert restarted(disk)[1] == []
        for _ in range(kept):
            sent += 1
            journal.append(b"%08d" % sent)
        assert [number for number, _ in restarted(disk)[1]] == list(range(sent - kept + 1, sent + 1))
        journal.cut(journal.end())


def test_a_cut_keeps_what_came_meanwhile_and_moves_it_to_the_front():
    disk = ForgetfulDisk()
    journal = begun(disk)
    for n in range(1, 11):
        journal.append(b"%08d" % n)
    mark = Mark(FRAMES_OFFSET + 7 * (FRAME_HEAD_BYTES + 8), 8)
    journal.cut(mark)
    assert journal.start() == Mark(FRAMES_OFFSET, 8)
    assert journal.pending_bytes == 3 * (FRAME_HEAD_BYTES + 8)
    journal.append(b"%08d" % 11)
    assert restarted(disk)[1] == [(n, b"%08d" % n) for n in range(8, 12)]


def test_a_cut_that_leaves_too_much_to_move_begins_where_it_stands():
    disk = ForgetfulDisk()
    journal = begun(disk)
    for n in range(1, 11):
        journal.append(b"%08d" % n)
    mark = Mark(FRAMES_OFFSET + 2 * (FRAME_HEAD_BYTES + 8), 3)
    journal.cut(mark)
    assert journal.start() == mark
    assert restarted(disk)[1] == [(n, b"%08d" % n) for n in range(3, 11)]


def test_a_burst_gives_its_space_back(monkeypatch):
    monkeypatch.setattr(journal_module, "KEPT_BYTES_MAX", 512 * 1024)
    disk = ForgetfulDisk()
    journal = begun(disk)
    for _ in range(20):
        journal.append(bytes(100_000))
    assert journal.size_bytes > 2_000_000
    journal.cut(journal.end())
    assert journal.size_bytes == 512 * 1024
    for _ in range(20):
        journal.append(bytes(100_000))
    assert len(restarted(disk)[1]) == 20


def test_the_last_frame_is_written_again_after_a_restart():
    """After a failed sync a system may hold a page for clean that never reached the disk: only a new write helps."""
    disk, _, ends = three_frames()
    survivor = disk.after_crash(random.Random(0), "keep")
    writes: list[int] = []
    survivor.write = lambda file, offset, data: writes.append(offset)
    recovered(survivor)
    assert writes[-1] == ends[2]


@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_append_is_the_last(operation, number):
    disk = ForgetfulDisk()
    journal = begun(disk)
    journal.append(b"kept")
    disk.failures[operation] = number
    with pytest.raises(StorageFailedError) as caught:
        journal.append(b"unknown")
    assert ("disk is full" if number == errno.ENOSPC else "EIO") in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    disk.failures.clear()
    with pytest.raises(StorageFailedError):
        journal.append(b"refused")
    assert journal.has_failed
    again, seen = restarted(disk)
    assert seen[0] == (1, b"kept")
    again.append(b"accepted")


def test_a_full_disk_is_met_when_space_is_set_aside_and_not_in_the_middle():
    disk = ForgetfulDisk()
    journal = begun(disk)
    disk.failures["allocate"] = errno.ENOSPC
    for _ in range(2):
        journal.append(bytes(100_000))
    with pytest.raises(StorageFailedError, match="disk is full"):
        journal.append(bytes(100_000))
    assert len(restarted(disk)[1]) == 2


def test_a_failed_cut_stops_the_journal_and_loses_nothing():
    disk, payloads, _ = three_frames()
    journal, _ = restarted(disk)
    journal._files.failures["sync"] = errno.EIO
    with pytest.raises(StorageFailedError):
        journal.cut(journal.end())
    with pytest.raises(StorageFailedError):
        journal.cut(journal.end())
    seen = recovered(journal._files.after_crash(random.Random(0), "forget"))[1]
    assert seen == numbered(payloads)


def test_a_frame_that_changed_since_it_was_written_is_not_handed_on():
    disk, _, ends = three_frames()
    journal, _ = recovered(disk.after_crash(random.Random(0), "keep"))
    files = journal._files
    files.write(journal._file, ends[1] + 3, b"\0\0")
    with pytest.raises(StorageCorruptError, match=f"byte {ends[1]} "):
        list(journal.read(journal.start(), journal.end()))


def test_a_journal_of_another_store_does_not_pass_for_this_one():
    disk, _, ends = three_frames()
    other = ForgetfulDisk()
    foreign = opened(other)
    foreign.begin(b"another-store-id", 1)
    frame = bytes(disk.inode(PATH).content()[ends[0] : ends[1]])
    assert recovered(with_bytes(other, FRAMES_OFFSET, frame))[1] == []


def test_a_newer_journal_is_refused_and_left_alone():
    disk, _, _ = three_frames()
    newer = with_bytes(disk, 8, (2).to_bytes(4, "little"))
    newer.inode(PATH).durable[4096 + 8 : 4096 + 12] = (2).to_bytes(4, "little")
    before = newer.inode(PATH).content()
    with pytest.raises(StorageVersionError, match="journal format 2"):
        opened(newer)
    assert newer.inode(PATH).content() == before
    assert newer.inode(PATH).locked_by is None


def test_a_file_that_is_no_journal_is_refused_and_left_alone():
    disk = ForgetfulDisk()
    disk.names[PATH] = Inode(bytearray(b"my notes\n"))
    with pytest.raises(StorageCorruptError, match="not a commit journal"):
        opened(disk)
    assert disk.inode(PATH).content() == b"my notes\n"


def test_the_second_opener_is_told_who_holds_it():
    disk = ForgetfulDisk()
    begun(disk)
    with pytest.raises(StorageLockedError) as caught:
        Journal.open(PATH, name="app.duckdb", files=disk, holder=Holder(2, "here", "15:00", "nbconvex"))
    assert caught.value.holder == "pid 1 on here, since 14:02, nbconvex"
    assert "another process" in str(caught.value)
    with pytest.raises(StorageLockedError, match="already open in this process"):
        opened(disk)


def test_a_holder_who_has_not_said_who_it_is_still_holds():
    disk = ForgetfulDisk()
    journal = begun(disk)
    disk.write(journal._file, 2048, b"\xff" * 512)
    with pytest.raises(StorageLockedError, match="has not said who it is"):
        opened(disk)


def test_a_file_removed_between_opening_and_locking_is_opened_again(tmp_path):
    """The closer removes the journal while we hold its descriptor: a lock on it would be a lock on nothing."""
    path = tmp_path / "app.duckdb.journal"

    class Racing(Disk):
        races = 2

        def lock(self, file: int) -> bool:
            if self.races:
                self.races -= 1
                path.unlink()
            return super().lock(file)

    journal = Journal.open(path, name="app.duckdb", files=Racing(), holder=ME)
    journal.begin(STORE, 1)
    assert path.exists()
    journal.discard()
    journal.discard()
    journal.close()
    assert not path.exists()


def test_a_journal_that_cannot_be_removed_is_let_go():
    disk, _, _ = three_frames()
    journal, _ = restarted(disk)
    journal._files.failures["discard"] = errno.EPERM
    journal.discard()
    assert recovered(journal._files)[1]


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOENT, StoragePathError, "no such folder"),
        (errno.EACCES, StoragePathError, "may not be written"),
        (errno.EROFS, StoragePathError, "may not be written"),
        (errno.ENOTDIR, StoragePathError, "cannot be a file"),
        (errno.ENOSPC, StorageFailedError, "disk is full"),
        (errno.EMFILE, StorageFailedError, "EMFILE"),
    ],
)
def test_a_file_that_cannot_be_opened_says_why_and_what_to_do(number, kind, words):
    error = path_error("app.duckdb", OSError(number, "x"))
    assert type(error) is kind
    assert words in str(error)
    disk = ForgetfulDisk()
    disk.failures["open"] = number
    with pytest.raises(kind, match=words):
        opened(disk)
