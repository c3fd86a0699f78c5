"""A journal on a machine whose power may go at any moment: what was acknowledged is there, and nothing that was not."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from nbconvex.storage import journal as journal_module
from nbconvex.storage.frames import FRAME_HEAD_BYTES, FRAMES_OFFSET, encode_frame, seed_of
from nbconvex.storage.journal import Journal
from tests.storage.forgetful_disk import ForgetfulDisk, PowerCut
from tests.storage.journals import (
    MODES,
    PATH,
    STORE,
    begun,
    numbered,
    opened,
    recovered,
    with_bytes,
)


class Machine:
    """A journal with a bulk file that takes frames in, driven until the power goes; then told what is left."""

    def __init__(self, disk: ForgetfulDisk, seed: int) -> None:
        self.disk = disk
        self.rng = random.Random(seed)
        self.sent: list[bytes] = []
        self.acknowledged = 0
        self.applied = 0  # frames that the bulk file has, durably

    def run(self, journal: Journal, steps: int) -> None:
        for _ in range(steps):
            if self.rng.random() < 0.25:
                taken = list(journal.read(journal.start(), journal.end()))
                taken = taken[: self.rng.randint(0, len(taken))]
                mark = taken[-1][2] if taken else journal.start()
                for _ in range(self.rng.randint(0, 2)):
                    self.append(journal)  # comes while the bulk file is busy
                self.applied = max(self.applied, mark.sequence - 1)
                journal.cut(mark)
            else:
                self.append(journal)

    def append(self, journal: Journal) -> None:
        self.sent.append(b"%d:" % len(self.sent) + self.rng.randbytes(self.rng.choice((3, 8, 8, 8, 600, 2000))))
        journal.append(self.sent[-1])
        self.acknowledged = len(self.sent)

    def check(self, disk: ForgetfulDisk) -> tuple[Journal, int]:
        """Everything acknowledged is there, in order, whole; at most the one that was under way besides."""
        journal = opened(disk)
        if journal.header is None:
            assert self.acknowledged == 0
            journal.begin(STORE, 1)
            self.sent = []
            return journal, 0
        seen: list[tuple[int, bytes]] = []
        journal.recover(lambda number, payload: seen.append((number, payload)))
        new = [(number, payload) for number, payload in seen if number > self.applied]
        expected = list(enumerate(self.sent, 1))[self.applied :]
        assert new == expected[: len(new)]
        total = self.applied + len(new)
        assert self.acknowledged <= total <= len(self.sent)
        self.sent = self.sent[:total]
        self.acknowledged = total
        return journal, total


@pytest.mark.parametrize("mode", MODES)
def test_power_may_go_at_any_operation(mode, is_long, monkeypatch):
    """Every operation of a run is once the last; then on with what is left, and once more."""
    monkeypatch.setattr(journal_module, "STEP_BYTES_MIN", 4096)
    monkeypatch.setattr(journal_module, "STEP_BYTES_MAX", 8192)
    monkeypatch.setattr(journal_module, "KEPT_BYTES_MAX", 24_000)
    for seed in range(40 if is_long else 4):
        disk = ForgetfulDisk()
        Machine(disk, seed).run(begun(disk), 40)
        for stop_at in range(len(disk.operations) + 1):
            machine = Machine(ForgetfulDisk(), seed)
            machine.disk.stop_at = stop_at
            with suppress(PowerCut):
                machine.run(begun(machine.disk), 40)
            rng = random.Random(stop_at)
            survivor = machine.disk.after_crash(rng, mode)
            machine.disk = survivor
            journal, _ = machine.check(survivor)
            survivor.stop_at = len(survivor.operations) + rng.randint(0, 30)
            with suppress(PowerCut):
                machine.run(journal, 15)
            machine.check(survivor.after_crash(rng, mode))


def test_a_journal_that_does_not_sync_is_caught():
    """The mutant that must fail: with syncs left out, a loss of power loses acknowledged frames."""

    class Lying(ForgetfulDisk):
        def _make_durable(self, file: int, last: int = 0) -> None:
            pass

    machine = Machine(Lying(), 1)
    machine.run(begun(machine.disk), 10)
    with pytest.raises(AssertionError):
        machine.check(machine.disk.after_crash(random.Random(1), "forget"))


def test_two_torn_frames_make_no_third():
    """Found by seed 25 of the test above, in its long form.

    The first crash leaves the second half of a frame, the next one the first half of its successor at the same place,
    of the same length and number: together they were once the whole first frame, which everybody had seen missing.
    """
    disk = ForgetfulDisk()
    journal = begun(disk)
    journal.append(b"x" * (512 - 2 * FRAME_HEAD_BYTES + 7))  # the next frame's head ends in the next sector
    at, middle = journal.end().offset, FRAMES_OFFSET + 512
    old, new = (encode_frame(2, payload, seed_of(STORE)) for payload in (b"old one", b"new one"))
    first = recovered(with_bytes(disk, middle, old[middle - at :]))[0]
    assert first.end().offset == at
    assert recovered(with_bytes(first._files, at, new[: middle - at]))[1] == numbered([b"x" * 479])


def test_what_only_the_cache_had_is_written_again_before_anyone_relies_on_it():
    """A killed process leaves its last frame unsynced; whoever replays it shows it to readers."""
    disk = ForgetfulDisk()
    journal = begun(disk)
    journal.append(b"synced")
    disk.stop_at = len(disk.operations) + 1  # the write happens, the sync does not
    with pytest.raises(PowerCut):
        journal.append(b"in the cache")
    killed = disk.after_crash(random.Random(0), "forget")
    killed.names = {PATH: disk.inode(PATH)}
    disk.inode(PATH).locked_by = None
    _, seen = recovered(killed)
    assert seen == numbered([b"synced", b"in the cache"])
    killed.durable_names = killed.names
    assert recovered(killed.after_crash(random.Random(0), "forget"))[1] == seen
