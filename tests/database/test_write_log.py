"""Recent commits, and for whom they reach back far enough."""

from __future__ import annotations

import threading

import pytest

from nbconvex.database import write_log as write_log_module
from nbconvex.database.reads import CommitRecord
from nbconvex.database.write_log import WriteLog
from nbconvex.errors import ConflictError
from tests.database.stores import open_database, write


def log_of(*stamps: int, tail: int = 0) -> WriteLog:
    log = WriteLog(tail)
    for ts in stamps:
        log.append(CommitRecord(ts, ()))
    return log


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (10, None, [12, 15, 20]),
        (11, None, [12, 15, 20]),
        (12, None, [15, 20]),
        (20, None, []),
        (99, None, []),
        (10, 15, [12, 15]),
        (12, 14, []),
        (15, 12, []),
        (9, None, None),
    ],
)
def test_commits_after_one_timestamp_up_to_another(since: int, until: int | None, expected: list[int] | None) -> None:
    found = log_of(12, 15, 20, tail=10).since(since, until)
    assert (None if found is None else [each.ts for each in found]) == expected


@pytest.fixture
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that keeps 5 commits or 10 keys, and 2 commits in any case."""
    monkeypatch.setattr(write_log_module, "COMMITS_MAX", 5)
    monkeypatch.setattr(write_log_module, "COMMITS_MIN", 2)
    monkeypatch.setattr(write_log_module, "KEYS_MAX", 10)


def kept(log: WriteLog, newest: int) -> int:
    """From which timestamp on the log is complete."""
    return next(ts for ts in range(newest + 1) if log.since(ts) is not None)


@pytest.mark.usefixtures("small_log")
def test_the_log_forgets_its_oldest_commits_and_says_so() -> None:
    log = log_of(*range(1, 11))
    assert kept(log, 10) == 0
    log.append(CommitRecord(11, ()))
    assert kept(log, 11) == 6
    assert [each.ts for each in log.since(6) or []] == [7, 8, 9, 10, 11]
    log.append(CommitRecord(12, ()))
    assert [each.ts for each in log.since(10) or []] == [11, 12]


@pytest.mark.usefixtures("small_log")
def test_large_commits_are_forgotten_sooner_but_the_last_are_kept() -> None:
    def large(ts: int, keys: int) -> CommitRecord:
        return CommitRecord(ts, ((1, "by_a"), b"key") * keys)

    log = log_of(1, 2)
    for ts in (3, 4, 5, 6):
        log.append(large(ts, 6))
        assert len(log.since(kept(log, ts)) or []) >= 2
    assert kept(log, 6) > 2
    log.append(large(7, 1_000))
    assert [each.ts for each in log.since(5) or []] == [6, 7]
    for ts in range(8, 40):
        log.append(CommitRecord(ts, ()))
    assert kept(log, 39) > 7, "once it is behind, the large one is forgotten too"


def test_who_began_before_the_log_reaches_back_cannot_be_judged_and_conflicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_log_module, "COMMITS_MAX", 2)
    monkeypatch.setattr(write_log_module, "COMMITS_MIN", 1)
    database = open_database()
    old = database.begin(writable=True, reader="main:old")
    old.insert("mine", {})
    for number in range(30):
        write(database, lambda tx, number=number: tx.insert("theirs", {"n": number}))
    with pytest.raises(ConflictError) as raised:
        database.commit(old)
    assert raised.value.reader == "main:old"


def test_what_was_given_out_does_not_change_when_more_is_appended() -> None:
    log = log_of(1, 2)
    given = log.since(0)
    log.append(CommitRecord(3, ()))
    assert [each.ts for each in given or []] == [1, 2]


@pytest.mark.usefixtures("small_log")
def test_readers_meet_whole_ranges_while_another_thread_appends() -> None:
    log = WriteLog(0)
    writer = threading.Thread(target=lambda: [log.append(CommitRecord(ts, ())) for ts in range(1, 3_000)])
    writer.start()
    since = 0
    while writer.is_alive():
        found = log.since(since)
        if found is None:
            since += 5
        elif found:
            stamps = [each.ts for each in found]
            assert stamps == list(range(since + 1, stamps[-1] + 1))
            since = stamps[-1]
    writer.join()


def test_large_commits_are_forgotten_sooner_but_never_the_newest_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_log_module, "KEYS_MAX", 10)
    monkeypatch.setattr(write_log_module, "COMMITS_MIN", 2)
    log = WriteLog(0)
    touched = tuple(part for number in range(8) for part in ((1, "by_id"), bytes([number])))
    for ts in range(1, 10):
        log.append(CommitRecord(ts, touched))
    assert log.since(6) is None
    assert [each.ts for each in log.since(8) or []] == [9]
    assert [each.ts for each in log.since(7) or []] == [8, 9]
