"""A mutation that a client sends again is answered, not run again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nbconvex
from nbconvex.database.system_tables import REQUESTS_TABLE
from nbconvex.errors import ConvexError
from nbconvex.functions import answered_requests
from nbconvex.functions.answered_requests import forget_old, is_answered
from nbconvex.testing import TestBackend, convex_test


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as driver:
        define(driver.backend)
        yield driver


def define(backend: nbconvex.Backend) -> None:
    @backend.mutation(name="m:add")
    def add(ctx, body=b"x", fails=False):
        print("adding", body)
        ctx.db.insert("t", {"body": body})
        if fails:
            raise ConvexError("no")
        return {"body": body, "count": ctx.db.query("t").count()}

    @backend.query(name="m:count")
    def count(ctx):
        return ctx.db.query("t").count()


def send(backend: nbconvex.Backend, key: tuple[str, int] | None, **args: Any) -> Any:
    return backend.run_outcome("m:add", args, kind="mutation", public=True, request_key=key)


def test_a_snapshot_tells_whether_a_key_is_answered(t: TestBackend) -> None:
    key = ("session", 0)
    before = t.backend.database.snapshot
    send(t.backend, key, fails=True)
    assert not is_answered(t.backend.database.snapshot, key), "it has failed"
    send(t.backend, key)
    assert is_answered(t.backend.database.snapshot, key)
    assert not is_answered(t.backend.database.snapshot, ("session", 1))
    assert not is_answered(before, key)


def test_the_second_answer_is_the_first_and_nothing_is_written_again(t: TestBackend) -> None:
    first = send(t.backend, ("session", 0))
    again = send(t.backend, ("session", 0))
    assert (again.value, again.log_lines) == (first.value, first.log_lines)
    assert again.value == {"body": b"x", "count": 1}
    assert again.ts >= first.ts
    assert t.query("m:count") == 1


def test_another_number_another_session_and_no_key_run(t: TestBackend) -> None:
    for key in (("a", 0), ("a", 1), ("b", 0), ("a|1", 0), None, None):
        send(t.backend, key)
    assert t.query("m:count") == 6


def test_a_mutation_that_failed_runs_again(t: TestBackend) -> None:
    assert isinstance(send(t.backend, ("a", 0), fails=True).error, ConvexError)
    assert send(t.backend, ("a", 0)).error is None
    assert t.query("m:count") == 1


def test_an_answer_survives_the_process_in_the_same_commit(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        define(backend)
        first = send(backend, ("a", 0))
    with nbconvex.open(path) as backend:
        define(backend)
        assert send(backend, ("a", 0)).value == first.value
        assert backend.run_query("m:count") == 1


def test_the_same_key_at_once_is_applied_once(t: TestBackend) -> None:
    barrier = threading.Barrier(8)
    outcomes = []

    def run() -> None:
        barrier.wait()
        outcomes.append(send(t.backend, ("a", 7)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.error for each in outcomes] == [None] * 8
    assert [each.value["count"] for each in outcomes] == [1] * 8
    assert t.query("m:count") == 1


def test_user_code_cannot_see_the_answers(t: TestBackend) -> None:
    send(t.backend, ("a", 0))
    with pytest.raises(nbconvex.NbconvexError, match="_requests"):
        t.run(lambda ctx: ctx.db.query("_requests").collect())
    with pytest.raises(nbconvex.NbconvexError, match="_requests"):
        t.run(lambda ctx: ctx.db.system.query("_requests").collect())


def test_reset_forgets_the_answers_and_does_not_count_them(t: TestBackend) -> None:
    send(t.backend, ("a", 0))
    assert t.backend.reset() == 1
    send(t.backend, ("a", 0))
    assert t.query("m:count") == 1


def test_answers_are_forgotten_when_old_or_too_many(t: TestBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        return len(t.backend.database.snapshot.tables[REQUESTS_TABLE].documents)

    for number in range(5):
        send(t.backend, ("a", number))
    assert forget_old(t.backend.database) == 0
    monkeypatch.setattr(answered_requests, "KEPT_MAX", 3)
    assert forget_old(t.backend.database) == 2
    assert kept() == 3
    assert send(t.backend, ("a", 4)).value["count"] == 5
    t.clock.advance(15 * 86_400)
    monkeypatch.setattr(answered_requests, "FORGOTTEN_AT_ONCE_MAX", 2)
    assert [forget_old(t.backend.database) for _ in range(3)] == [2, 1, 0]
    assert kept() == 0
