"""`ctx.vector_search` in every kind of function: nbconvex.functions.context_search."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError, NotAllowedError, NotAvailableError
from nbconvex.testing import TestBackend, convex_test
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v

SCHEMA = define_schema(
    {
        "movies": table({"embedding": v.optional(v.array(v.number())), "genre": v.optional(v.string()), "n": v.any()})
        .vector_index("by_embedding", vector_field="embedding", dimensions=3, filter_fields=["genre"]),
        "views": table(v.any()),
    }
)  # fmt: skip
KINDS = ["query", "mutation", "action", "async action"]


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as driver:
        driver.backend.push_schema(SCHEMA)
        yield driver


def add(t: TestBackend, *embeddings: Any, genres: str = "") -> list[str]:
    """Ids of movies with these embeddings (None: without one), each with a letter as its genre."""

    def insert(ctx: Any) -> list[str]:
        return [
            ctx.db.insert(
                "movies",
                {"n": n, "embedding": each or UNSET, "genre": genres[n] if genres else UNSET},
            )
            for n, each in enumerate(embeddings)
        ]

    made: list[str] = t.run(insert)
    return made


def search(t: TestBackend, vector: Any, kind: str = "action", **more: Any) -> Any:
    if kind == "async action":

        async def searching(ctx: Any) -> Any:
            return await ctx.vector_search("movies", "by_embedding", vector=vector, **more)

        return t.action(searching)
    return getattr(t, kind)(lambda ctx: ctx.vector_search("movies", "by_embedding", vector=vector, **more))


def ids(results: Any) -> list[str]:
    return [each["_id"] for each in results]


# -- every kind ------------------------------------------------------------------------------------------------------


@pytest.mark.case("vector-search/order_and_limit")
@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_come_first(t: TestBackend, kind: str) -> None:
    one, zero, two, three = add(t, [1, 1, 1], [0, 0, 0], [1, 1, 0], [1, 1, 0], genres="abab")
    found = search(t, [1, 1, 1], kind, limit=3)
    assert ids(found) == [one, *sorted([two, three])]
    assert zero not in ids(found)
    assert [each["_score"] for each in found] == pytest.approx([1.0, math.sqrt(2 / 3), math.sqrt(2 / 3)])
    assert ids(search(t, [1, 1, 1], kind, limit=3, filter=lambda q: q.eq("genre", "a"))) == [one, two]


@pytest.mark.case("vector-search/only_id_and_score")
def test_a_result_has_id_and_score_only(t: TestBackend) -> None:
    (movie,) = add(t, [1, 2, 3], genres="a")
    assert search(t, [1, 2, 3]) == [{"_id": movie, "_score": 1.0}]


@pytest.mark.case("vector-search/score_range")
def test_scores_are_cosine_similarities(t: TestBackend) -> None:
    add(t, [0, 0.5, 0], [3, 0, 0], [-7, 0, 0])
    assert [each["_score"] for each in search(t, [2, 0, 0])] == [1.0, 0.0, -1.0]


@pytest.mark.case("vector-search/absent_vector_skipped")
def test_documents_without_a_vector_are_not_found(t: TestBackend) -> None:
    _, movie, _ = add(t, None, [1, 0, 0], [1, 0])
    assert ids(search(t, [1, 0, 0])) == [movie]


@pytest.mark.case("vector-search/deleted_not_found")
def test_deleted_documents_are_not_found(t: TestBackend) -> None:
    one, two = add(t, [1, 0, 0], [0, 1, 0])
    assert ids(search(t, [1, 0, 0])) == [one, two]
    t.run(lambda ctx: ctx.db.delete(one))
    assert ids(search(t, [1, 0, 0])) == [two]


@pytest.mark.case("vector-search/updated_vector")
def test_a_patched_vector_has_a_new_place(t: TestBackend) -> None:
    one, two = add(t, [1, 0, 0], [1, 1, 0])
    assert ids(search(t, [1, 0, 0])) == [one, two]
    t.run(lambda ctx: ctx.db.patch(one, {"embedding": [0, 1, 0]}))
    assert ids(search(t, [1, 0, 0])) == [two, one]


@pytest.mark.case("vector-search/filter_or")
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_is_one_of_several_values(t: TestBackend, kind: str) -> None:
    a, b, _ = add(t, [1, 0, 0], [1, 1, 0], [1, 0, 0], genres="abc")
    found = search(t, [1, 0, 0], kind, filter=lambda q: q.or_(q.eq("genre", "a"), q.eq("genre", "b")))
    assert ids(found) == [a, b]


@pytest.mark.case("vector-search/filter_and_refused")
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_has_no_and(t: TestBackend, kind: str) -> None:
    with pytest.raises(CallerError, match="combination of eq and or_"):
        search(t, [1, 0, 0], kind, filter=lambda q: q.and_(q.eq("genre", "a"), q.eq("genre", "b")))


@pytest.mark.case("vector-search/undeclared_filter_field")
def test_a_filter_is_on_declared_fields(t: TestBackend) -> None:
    with pytest.raises(IndexInvalidError, match='no filter field "n"'):
        search(t, [1, 0, 0], filter=lambda q: q.eq("n", 1))


@pytest.mark.case("vector-search/default_limit")
@pytest.mark.parametrize("kind", KINDS)
def test_there_are_ten_results_unless_asked_otherwise(t: TestBackend, kind: str) -> None:
    add(t, *[[1, n, 0] for n in range(20)])
    assert len(search(t, [1, 0, 0], kind)) == 10
    assert len(search(t, [1, 0, 0], kind, limit=17)) == 17


@pytest.mark.case("vector-search/limit_257")
@pytest.mark.parametrize("kind", ["action", "async action"])
def test_an_action_gets_at_most_256(t: TestBackend, kind: str) -> None:
    add(t, *[[1, n, 0] for n in range(300)])
    assert len(search(t, [1, 0, 0], kind, limit=256)) == 256
    with pytest.raises(LimitExceededError, match="at most 256 results, 257 were asked for") as refused:
        search(t, [1, 0, 0], kind, limit=257)
    assert refused.value.limit == "vector_results"


@pytest.mark.parametrize("kind", ["query", "mutation"])
def test_a_transaction_gets_as_many_as_a_list_may_have(t: TestBackend, kind: str) -> None:
    add(t, *[[1, n, 0] for n in range(300)])
    assert len(search(t, [1, 0, 0], kind, limit=8_192)) == 300
    with pytest.raises(LimitExceededError, match="at most 8,192 results") as refused:
        search(t, [1, 0, 0], kind, limit=8_193)
    assert refused.value.limit == "vector_results_in_transaction"


@pytest.mark.case("vector-search/empty_vector")
@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_is_not_empty(t: TestBackend, kind: str) -> None:
    with pytest.raises(CallerError, match="must be non-empty"):
        search(t, [], kind)


def test_nothing_below_the_lowest_score(t: TestBackend) -> None:
    one, _ = add(t, [1, 0, 0], [0, 1, 0])
    assert ids(search(t, [1, 0, 0], "query", min_score=0.5)) == [one]


@pytest.mark.parametrize("kind", KINDS[:3])
def test_the_other_spelling_is_taught(t: TestBackend, kind: str) -> None:
    with pytest.raises(NotAvailableError, match=r"ctx\.vectorSearch is spelled ctx\.vector_search here"):
        getattr(t, kind)(lambda ctx: ctx.vectorSearch("movies", "by_embedding", {"vector": [1, 0, 0]}))


# -- in transactions -------------------------------------------------------------------------------------------------


def test_a_mutation_finds_what_it_wrote_and_undoes_it_with_the_rest(t: TestBackend) -> None:
    (kept,) = add(t, [0, 1, 0])

    def write_and_search(ctx: Any) -> Any:
        new = ctx.db.insert("movies", {"embedding": [1, 0, 0], "n": 1})
        ctx.db.delete(kept)
        found = ids(ctx.vector_search("movies", "by_embedding", vector=[1, 0, 0]))
        assert found == [new]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        t.mutation(write_and_search)
    assert ids(search(t, [1, 0, 0], "query")) == [kept]


def test_a_live_search_is_run_again_when_vectors_or_filtered_fields_change(t: TestBackend) -> None:
    runs: list[str] = []

    @t.backend.query(name="m:near")
    def near(ctx: Any, genre: Any = None) -> Any:
        runs.append(genre or "all")
        matching = (lambda q: q.eq("genre", genre)) if genre else None
        return ids(ctx.vector_search("movies", "by_embedding", vector=[1, 0, 0], filter=matching))

    a, b = add(t, [1, 0, 0], [1, 1, 0], genres="ab")
    told: list[Any] = []
    with (
        t.backend.subscribe("m:near", {}, lambda update: told.append(update.value)),
        t.backend.subscribe("m:near", {"genre": "a"}, lambda update: told.append(("a", update.value))),
    ):
        t.settle()
        assert sorted(map(str, told)) == sorted(map(str, [[a, b], ("a", [a])]))

        def after(change: Any) -> tuple[list[str], list[Any]]:
            runs.clear()
            told.clear()
            t.run(change)
            t.settle()
            return sorted(runs), list(told)

        assert after(lambda ctx: ctx.db.patch(a, {"n": 99})) == ([], []), "no vector changed"
        assert after(lambda ctx: ctx.db.insert("views", {"embedding": [1, 0, 0]})) == ([], [])
        assert after(lambda ctx: ctx.db.insert("movies", {"n": 1, "genre": "a"})) == ([], []), "not in the index"
        assert after(lambda ctx: ctx.db.patch(b, {"embedding": [1, 0.5, 0]})) == (["all"], []), "the same result"
        assert after(lambda ctx: ctx.db.patch(b, {"embedding": [2, 0, 0]}))[0] == ["all"]
        again = after(lambda ctx: ctx.db.patch(b, {"genre": "a", "embedding": [1, 1, 0]}))
        assert again[0] == ["a", "all"]
        assert ("a", [a, b]) in again[1]


def test_an_action_sees_what_was_committed_before_and_its_results_are_loaded_by_a_query(t: TestBackend) -> None:
    add(t, [1, 0, 0], [0, 1, 0])
    t.backend.query(name="m:load")(lambda ctx, ids: [ctx.db.get(each)["n"] for each in ids])

    async def similar(ctx: Any) -> Any:
        both = await asyncio.gather(
            ctx.vector_search("movies", "by_embedding", vector=[1, 0, 0], limit=1),
            ctx.vector_search("movies", "by_embedding", vector=[0, 1, 0], limit=1),
        )
        return await ctx.run_query("m:load", ids=[each["_id"] for found in both for each in found])

    assert t.action(similar) == [0, 1]


def test_an_async_action_that_forgets_to_await_is_told(t: TestBackend) -> None:
    async def forgetful(ctx: Any) -> Any:
        return len(ctx.vector_search("movies", "by_embedding", vector=[1, 0, 0]))

    with pytest.raises(NotAllowedError, match=r"without await.*\n.*await ctx\.vector_search"):
        t.action(forgetful)


def test_the_first_search_of_a_process_may_be_in_a_query() -> None:
    """What loads numpy then is no business of the query's, which must not reach out into the world."""
    program = """
import sys
import nbconvex
from nbconvex import define_schema, table, v

with nbconvex.open(":memory:") as backend:
    indexed = table({"v": v.array(v.number())}).vector_index("by_v", vector_field="v", dimensions=2)
    backend.push_schema(define_schema({"movies": indexed}))

    @backend.mutation
    def add(ctx):
        ctx.db.insert("movies", {"v": [1.0, 0.0]})

    @backend.query
    def near(ctx):
        return ctx.vector_search("movies", "by_v", vector=[2, 0])[0]["_score"]

    backend.api.main.add()
    before = "numpy" in sys.modules
    print(before, backend.api.main.near(), "numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False 1.0 True", "")
