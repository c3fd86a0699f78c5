"""Triggers hear of every write once: histories whose audit leads to the table, whatever is undone or repeated."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nbconvex import ConvexError, mutation
from nbconvex.functions.trigger import Change
from nbconvex.values.scalars import UNSET
from tests.functions.test_trigger_calls import bare, rows, watched


def audit(ctx: Any, change: Change) -> None:
    ctx.inner_db.insert(
        "audit", {"op": change.operation, "id": change.id, "old": bare(change.old_doc), "new": bare(change.new_doc)}
    )


def replayed(entries: list[Any]) -> dict[str, Any]:
    """The table that these entries lead to; each must follow from what was there."""
    documents: dict[str, Any] = {}
    for each in entries:
        assert documents.get(each["id"]) == each["old"]
        if each["op"] == "delete":
            del documents[each["id"]]
        else:
            documents[each["id"]] = each["new"]
    return documents


def test_retried_mutations_leave_one_entry_for_each_write_that_was_committed() -> None:
    @mutation
    def count_up(ctx: Any, counter: str) -> None:
        ctx.db.patch(counter, {"n": ctx.db.get(counter)["n"] + 1})

    attempts: list[str] = []

    def audit_attempt(ctx: Any, change: Change) -> None:
        attempts.append(change.id)
        audit(ctx, change)

    # A conflict by hand, so that there is one whatever the threads do.
    with watched(("counters", audit_attempt), count_up=count_up) as t:
        counter = t.run(lambda ctx: ctx.db.insert("counters", {"n": 0}))
        interfered: list[int] = []

        def interfering(ctx: Any) -> None:
            ctx.db.patch(counter, {"n": ctx.db.get(counter)["n"] + 1})
            if not interfered:
                interfered.append(1)
                tx = t.backend.database.begin(writable=True)
                tx.patch(counter, {"n": 1})
                t.backend.database.commit(tx)

        t.mutation(interfering)
        workers = [
            threading.Thread(target=lambda: [t.mutation("m:count_up", counter=counter) for _ in range(10)])
            for _ in range(4)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        entries = rows(t, "audit")
        assert len(attempts) > len(entries) == 43
        assert replayed(entries) == {counter: {"n": 42}}


STEPS = st.lists(st.sampled_from(["insert", "patch", "equal", "unset", "delete", "nest", "fail", "end"]), max_size=25)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(0, 2**16))
def test_the_audit_of_any_history_replays_to_the_table(steps: list[str], seed: int) -> None:
    def play(ctx: Any, remaining: list[str], rng: random.Random) -> None:
        """Steps of one mutation, or of one that is nested and may be undone, up to its end."""
        while remaining:
            step = remaining.pop()
            ids = [each["_id"] for each in ctx.db.query("t").collect()]
            if step == "end":
                return
            if step == "fail":
                raise ConvexError("undone")
            if step == "nest":
                with suppress(ConvexError):
                    ctx.run_mutation("m:nested")
            elif step == "insert" or not ids:
                ctx.db.insert("t", {"n": rng.randint(0, 3)})
            elif step == "delete":
                ctx.db.delete(rng.choice(ids))
            else:
                value = {"patch": rng.randint(0, 3), "unset": UNSET, "equal": ...}[step]
                target = rng.choice(ids)
                ctx.db.patch(target, {} if value is ... else {"n": value})

    remaining = steps.copy()
    rng = random.Random(seed)

    @mutation
    def nested(ctx: Any) -> None:
        play(ctx, remaining, rng)

    @mutation
    def outermost(ctx: Any) -> None:
        play(ctx, remaining, rng)

    with watched(("t", audit), nested=nested, outermost=outermost, limits={"nested_calls": 100}) as t:
        while remaining:
            with suppress(ConvexError):
                t.mutation("m:outermost")
            documents = {each["_id"]: bare(each) for each in rows(t, "t")}
            assert replayed(rows(t, "audit")) == documents
