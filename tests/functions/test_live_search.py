"""Live queries that search: run again for texts with their words, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.testing import TestBackend, convex_test

RUNS: list[str] = []


@pytest.fixture
def t() -> Iterator[TestBackend]:
    RUNS.clear()
    with convex_test() as driver:
        backend = driver.backend

        @backend.query(name="m:found")
        def found(ctx, text, channel=None):
            RUNS.append(text)
            query = ctx.db.query("t").with_search_index(
                "words",
                lambda q: q.search("body", text) if channel is None else q.search("body", text).eq("channel", channel),
            )
            return [row["body"] for row in query]

        @backend.query(name="m:page")
        def page(ctx, text, opts):
            RUNS.append(text)
            return ctx.db.query("t").with_search_index("words", lambda q: q.search("body", text)).paginate(opts)

        @backend.mutation(name="m:replace_first")
        def replace_first(ctx, text, body):
            first = ctx.db.query("t").with_search_index("words", lambda q: q.search("body", text)).first()
            if first is not None:
                ctx.db.patch(first["_id"], {"body": body})
            after = ctx.db.query("t").with_search_index("words", lambda q: q.search("body", body))
            return [row["body"] for row in after.take(3)]

        backend.define_schema_cell(
            't = table(v.any()).search_index("words", search_field="body", filter_fields=["channel"])'
        )
        yield driver


def insert(t: TestBackend, body: str, channel: str = "a") -> Any:
    made = t.run(lambda ctx: ctx.db.insert("t", {"body": body, "channel": channel, "likes": 0}))
    t.settle()
    return made


def test_a_text_with_its_words_runs_a_search_again_and_another_does_not(t: TestBackend) -> None:
    told: list[Any] = []
    insert(t, "hello")
    with t.backend.subscribe("m:found", {"text": "hello wor"}, lambda update: told.append(update.value)):
        assert len(RUNS) == 1
        insert(t, "something else")
        insert(t, "hell is none of it, nor is wo")
        assert len(RUNS) == 1, "texts without its words are no concern of it"
        insert(t, "world")
        assert len(RUNS) == 2
        one = insert(t, "words")
        assert len(RUNS) == 3
        t.run(lambda ctx: ctx.db.patch(one, {"likes": 1}))
        t.settle()
        assert len(RUNS) == 4, "a document that it found says something else"
        t.run(lambda ctx: ctx.db.patch(one, {"body": "gone"}))
        t.settle()
        t.run(lambda ctx: ctx.db.patch(one, {"body": "still gone"}))
        t.settle()
        assert len(RUNS) == 5
    assert [set(each) for each in told] == [
        {"hello"}, {"hello", "world"}, {"hello", "world", "words"}, {"hello", "world"},
    ]  # fmt: skip


def test_a_narrowed_search_runs_again_for_its_own_value_only(t: TestBackend) -> None:
    with t.backend.subscribe("m:found", {"text": "hello", "channel": "a"}, lambda _: None) as subscription:
        insert(t, "hello", channel="b")
        insert(t, "other", channel="a")
        assert len(RUNS) == 1
        insert(t, "hello", channel="a")
        assert len(RUNS) == 2
        assert subscription.latest.value == ["hello"]


def test_a_cached_search_stays_good_while_other_texts_come(t: TestBackend) -> None:
    insert(t, "hello")
    assert t.query("m:found", text="hello") == ["hello"]
    insert(t, "other")
    assert t.query("m:found", text="hello") == ["hello"]
    assert len(RUNS) == 1
    insert(t, "hello you")
    assert t.query("m:found", text="hello") == ["hello", "hello you"]
    assert len(RUNS) == 2


def test_live_pages_stay_without_gaps_while_hits_come_and_go(t: TestBackend) -> None:
    ids = [insert(t, "hit" + " pad" * n) for n in range(8)]

    def shown(update: Any) -> list[str]:
        return [row["body"] for row in update.value["page"]]

    first_options = {"numItems": 3, "cursor": None}
    with t.backend.subscribe("m:page", {"text": "hit", "opts": first_options}, lambda _: None) as first:
        cursor = first.latest.value["continueCursor"]
        second_options = {"numItems": 3, "cursor": cursor}
        with t.backend.subscribe("m:page", {"text": "hit", "opts": second_options}, lambda _: None) as second:
            assert [shown(first.latest), shown(second.latest)] == [
                ["hit", "hit pad", "hit pad pad"],
                ["hit" + " pad" * n for n in (3, 4, 5)],
            ]
            t.run(lambda ctx: ctx.db.delete(ids[2]))
            t.settle()
            insert(t, "hit hit")
            insert(t, "hit" + " fill" * 4)
            both = [shown(first.latest), shown(second.latest)]
            assert both[0] == ["hit hit", "hit", "hit pad"]
            assert both[1] == ["hit pad pad pad", "hit fill fill fill fill", "hit" + " pad" * 4, "hit" + " pad" * 5]


def test_a_mutation_searches_what_it_wrote(t: TestBackend) -> None:
    insert(t, "old words")
    assert t.mutation("m:replace_first", text="old", body="new words") == ["new words"]
    assert t.query("m:found", text="words") == ["new words"]
