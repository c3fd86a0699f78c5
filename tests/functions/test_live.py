"""Live queries: who is told what, when, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.errors import CallerError, FunctionNotFoundError, NotAllowedError
from nbconvex.functions.live_query import LiveAdvance, LiveUpdate
from nbconvex.testing import TestBackend, convex_test

RUNS: list[str] = []


@pytest.fixture
def t() -> Iterator[TestBackend]:
    RUNS.clear()
    with convex_test() as driver:
        backend = driver.backend

        @backend.query(name="m:bodies")
        def bodies(ctx, author="ada"):
            RUNS.append(author)
            return [row["body"] for row in ctx.db.query("t").with_index("by_author", author=author)]

        @backend.query(name="m:even")
        def even(ctx):
            RUNS.append("even")
            return sum(1 for row in ctx.db.query("t") if row["n"] % 2 == 0)

        @backend.query(name="m:nested")
        def nested(ctx):
            return ctx.run_query("m:bodies")

        @backend.query(name="m:get")
        def get(ctx, id):
            return ctx.db.get(id)

        @backend.query(name="m:root")
        def root(ctx, id):
            if (n := ctx.db.get(id)["n"]) < 0:
                raise ValueError("negative")
            return n

        @backend.query(name="m:who")
        def who(ctx):
            identity = ctx.auth.get_user_identity()
            RUNS.append("who")
            return [identity and identity.subject, ctx.db.query("t").count()]

        @backend.query(name="m:page")
        def page(ctx, cursor=None):
            return ctx.db.query("t").paginate(num_items=5, cursor=cursor)

        backend.define_schema_cell("t = table(v.any()).index('by_author', ['author']).index('by_n', ['n'])")
        yield driver


class Told:
    """A subscriber that remembers."""

    def __init__(self) -> None:
        self.updates: list[Any] = []

    def __call__(self, update: Any) -> None:
        self.updates.append(update)

    @property
    def values(self) -> list[Any]:
        return [update.value if update.error is None else type(update.error).__name__ for update in self.updates]


def insert(t: TestBackend, body: str = "x", author: str = "ada", n: int = 0) -> Any:
    made = t.run(lambda ctx: ctx.db.insert("t", {"body": body, "author": author, "n": n}))
    t.settle()
    return made


def change(t: TestBackend, id: str, **fields: Any) -> None:
    t.run(lambda ctx: ctx.db.patch(id, fields))
    t.settle()


@pytest.mark.case("reactivity/initial_result")
def test_watching_starts_with_the_present_result(t: TestBackend) -> None:
    insert(t, "one")
    told = Told()
    with t.backend.subscribe("m:bodies", {"author": "ada"}, told) as subscription:
        assert told.values == [["one"]]
        assert subscription.latest == told.updates[0] == LiveUpdate(t.backend.database.head, ["one"], None, ())


@pytest.mark.case(
    "reactivity/update_on_delete", "reactivity/update_on_move_out", "reactivity/update_on_empty_range_insert"
)
def test_every_way_into_and_out_of_a_range_is_told(t: TestBackend) -> None:
    told = Told()
    with t.backend.subscribe("m:bodies", None, told):
        one = insert(t, "one")
        two = insert(t, "two")
        insert(t, "elsewhere", author="bob")
        change(t, one, author="bob")
        t.run(lambda ctx: ctx.db.delete(two))
        t.settle()
    assert told.values == [[], ["one"], ["one", "two"], ["two"], []]
    assert RUNS == ["ada"] * 5


@pytest.mark.case("reactivity/no_delivery_if_equal")
def test_equal_result_moves_on_in_silence(t: TestBackend) -> None:
    told = Told()
    with t.backend.subscribe("m:even", None, told):
        insert(t, n=1)
        assert (told.values, RUNS) == ([0], ["even", "even"])
        insert(t, n=2)
        assert told.values == [0, 1]


@pytest.mark.case("reactivity/get_missing_then_inserted_by_import")
def test_document_that_comes_back_is_told(t: TestBackend) -> None:
    one = insert(t)
    document = t.query(lambda ctx: ctx.db.get(one))
    t.run(lambda ctx: ctx.db.delete(one))
    told = Told()
    with t.backend.subscribe("m:get", {"id": one}, told):
        tx = t.backend.database.begin(writable=True)
        tx.restore("t", document)
        t.backend.database.commit(tx)
        t.settle()
    assert told.values == [None, document]


@pytest.mark.case("reactivity/one_transition_for_many", "reactivity/one_delivery_per_mutation")
def test_everything_that_changed_is_told_once_at_one_timestamp(t: TestBackend) -> None:
    told, single = Told(), Told()
    with (
        t.backend.subscribe_many([("m:bodies", None), ("m:even", None), ("m:bodies", {"author": "bob"})], told),
        t.backend.subscribe("m:even", None, single),
    ):
        t.run(lambda ctx: [ctx.db.insert("t", {"body": str(n), "author": "ada", "n": n}) for n in range(100)])
        t.settle()
        first, second = told.updates
        assert isinstance(second, LiveAdvance)
        assert sorted(first.updates) == [0, 1, 2]
        assert sorted(second.updates) == [0, 1]
        assert (len(second.updates[0].value), second.updates[1].value) == (100, 50)
        assert {update.ts for update in second.updates.values()} == {second.ts} == {t.backend.database.head}
        assert single.values == [0, 50]


@pytest.mark.case("reactivity/nested_query_reads_tracked")
def test_reads_of_a_nested_query_are_its_callers(t: TestBackend) -> None:
    told = Told()
    with t.backend.subscribe("m:nested", None, told):
        insert(t, "one")
    assert told.values == [[], ["one"]]


@pytest.mark.case("reactivity/error_then_recover")
def test_error_is_told_and_heals_with_its_data(t: TestBackend) -> None:
    one = insert(t, n=1)
    told = Told()
    with t.backend.subscribe("m:root", {"id": one}, told) as subscription:
        change(t, one, n=-1)
        assert str(subscription.latest.error) == "negative"
        change(t, one, n=-1, other=True)
        change(t, one, n=2)
    assert told.values == [1, "ValueError", 2]


@pytest.mark.case("reactivity/result_after_mutation_visible")
def test_subscriber_follows_a_mutation_without_another_call(t: TestBackend) -> None:
    seen = threading.Event()
    with t.backend.subscribe("m:bodies", None, lambda update: update.value and seen.set()):
        t.run(lambda ctx: ctx.db.insert("t", {"body": "x", "author": "ada", "n": 0}))
        assert seen.wait(5)


@pytest.mark.case("determinism/time_does_not_rerun_subscription")
def test_passing_time_is_no_change(t: TestBackend) -> None:
    t.backend.query(name="m:now")(lambda ctx: ctx.now())
    told = Told()
    with t.backend.subscribe("m:now", None, told):
        t.advance(60)
    assert len(told.updates) == 1


def test_edited_function_is_followed_at_once_and_equal_results_say_nothing(t: TestBackend) -> None:
    ns: dict[str, Any] = {}
    define = lambda source: (t.backend.define_cell("query", source, origin="c", namespace=ns), t.settle())  # noqa: E731
    define("def a(ctx): return 1\ndef b(ctx): return ctx.run_query('main:a')")
    told, caller = Told(), Told()
    with t.backend.subscribe("main:a", None, told), t.backend.subscribe("main:b", None, caller):
        define("def a(ctx): return 2\ndef b(ctx): return ctx.run_query('main:a')")
        define("def a(ctx): return 1 + 1\ndef b(ctx): return ctx.run_query('main:a')")
        define("def b(ctx): return 5")
        define("def a(ctx): return 3\ndef b(ctx): return 5")
    assert told.values == [1, 2, "FunctionNotFoundError", 3]
    assert caller.values == [1, 2, 5]


def test_function_that_does_not_exist_yet_is_waited_for(t: TestBackend) -> None:
    told = Told()
    with t.backend.subscribe("m:later", None, told):
        t.backend.query(name="m:later")(lambda ctx: "here")
        t.settle()
    assert told.values == ["FunctionNotFoundError", "here"]


def test_one_execution_serves_everybody_and_ends_with_the_last(t: TestBackend) -> None:
    many = [Told() for _ in range(1_000)]
    subscriptions = [t.backend.subscribe("m:bodies", None, told) for told in many]
    assert (RUNS, len(t.backend.live)) == (["ada"], 1)
    started = time.perf_counter()
    insert(t, "one")
    assert time.perf_counter() - started < 1.0
    assert RUNS == ["ada", "ada"]
    assert {str(told.values) for told in many} == {"[[], ['one']]"}
    for subscription in subscriptions:
        subscription.close()
        subscription.close()
    assert len(t.backend.live) == 0
    insert(t, "two")
    assert RUNS == ["ada", "ada"]
    assert t.backend.live._by_path == {}
    assert t.backend.live._by_call == {}
    assert len(t.backend.live._index) == 0


def test_cost_follows_what_is_touched_not_what_is_watched(t: TestBackend) -> None:
    subscriptions = [t.backend.subscribe("m:bodies", {"author": f"a{n}"}) for n in range(500)]
    RUNS.clear()
    insert(t, "one", author="a7")
    assert RUNS == ["a7"]
    assert subscriptions[7].latest.value == ["one"]
    for subscription in subscriptions:
        subscription.close()


@pytest.mark.case("reactivity/identity_change_reruns")
def test_query_that_reads_the_identity_is_not_shared_between_people(t: TestBackend) -> None:
    ada, bob, nobody = Told(), Told(), Told()
    for told, identity in ((ada, {"subject": "ada"}), (bob, {"subject": "bob"}), (nobody, None)):
        t.backend.subscribe("m:who", None, told, identity=identity)
    t.backend.subscribe("m:bodies", None, identity={"subject": "ada"})
    t.backend.subscribe("m:bodies", None, identity={"subject": "bob"})
    assert RUNS.count("who") == 3
    assert RUNS.count("ada") == 1
    insert(t)
    assert [told.values for told in (ada, bob, nobody)] == [
        [["ada", 0], ["ada", 1]], [["bob", 0], ["bob", 1]], [[None, 0], [None, 1]]
    ]  # fmt: skip


def test_query_that_begins_to_read_the_identity_is_split(t: TestBackend) -> None:
    ns: dict[str, Any] = {}
    t.backend.define_cell("query", "def f(ctx): return 'all'", origin="c", namespace=ns)
    ada, bob = Told(), Told()
    t.backend.subscribe("main:f", None, ada, identity={"subject": "ada"})
    t.backend.subscribe("main:f", None, bob, identity={"subject": "bob"})
    assert len(t.backend.live) == 1
    t.backend.define_cell("query", "def f(ctx): return ctx.auth.get_user_identity().subject", origin="c", namespace=ns)
    t.settle()
    assert (ada.values, bob.values) == (["all", "ada"], ["all", "bob"])
    assert len(t.backend.live) == 2


@pytest.mark.case(
    "reactivity/paginated_watch_gapless",
    "reactivity/paginated_watch_delete",
    "reactivity/journal_forgotten_on_new_args",
)
def test_watched_pages_keep_their_ends(t: TestBackend) -> None:
    rows = [insert(t, str(n), n=n) for n in range(12)]
    one = t.backend.subscribe("m:page")
    cursor = one.latest.value["continueCursor"]
    two = t.backend.subscribe("m:page", {"cursor": cursor})
    bodies = lambda subscription: [row["body"] for row in subscription.latest.value["page"]]  # noqa: E731
    assert (bodies(one), bodies(two)) == (["0", "1", "2", "3", "4"], ["5", "6", "7", "8", "9"])
    tx = t.backend.database.begin(writable=True)
    middle = t.query(lambda ctx: ctx.db.get(rows[2]))
    t.run(lambda ctx: ctx.db.delete(rows[2]))
    t.settle()
    assert (bodies(one), bodies(two)) == (["0", "1", "3", "4"], ["5", "6", "7", "8", "9"])
    tx = t.backend.database.begin(writable=True)
    tx.restore("t", middle)
    t.backend.database.commit(tx)
    insert(t, "last")
    assert (bodies(one), bodies(two)) == (["0", "1", "2", "3", "4"], ["5", "6", "7", "8", "9"])
    assert one.latest.value["continueCursor"] == cursor
    t.run(lambda ctx: ctx.db.delete(rows[0]))
    t.settle()
    assert bodies(one) == ["1", "2", "3", "4"]
    one.close()
    assert bodies(t.backend.subscribe("m:page")) == ["1", "2", "3", "4", "5"]


def test_edited_paginated_query_starts_a_new_page(t: TestBackend) -> None:
    for n in range(4):
        insert(t, str(n), n=n)
    ns: dict[str, Any] = {}
    source = "def p(ctx): return [r['n'] for r in ctx.db.query('t').order('{}').paginate(num_items=2)['page']]"
    t.backend.define_cell("query", source.format("asc"), origin="c", namespace=ns)
    told = Told()
    t.backend.subscribe("main:p", None, told)
    t.backend.define_cell("query", source.format("desc"), origin="c", namespace=ns)
    t.settle()
    assert told.values == [[0, 1], [3, 2]]


@pytest.mark.case("reactivity/vector_search_not_reactive")
def test_only_queries_can_be_watched(t: TestBackend) -> None:
    t.backend.action(name="m:a")(lambda ctx: 1)
    with t.backend.subscribe("m:a") as subscription:
        assert isinstance(subscription.latest.error, NotAllowedError)
    with pytest.raises(CallerError, match="is no function path"):
        t.backend.subscribe("no such path")
    with t.backend.subscribe("m:nothing") as subscription:
        assert isinstance(subscription.latest.error, FunctionNotFoundError)


def test_commit_during_the_first_run_is_not_missed(t: TestBackend) -> None:
    ns: dict[str, Any] = {"meanwhile": lambda: None}
    t.backend.define_cell("query", "def f(ctx):\n n = ctx.db.query('t').count()\n meanwhile()\n return n", namespace=ns)

    def write() -> None:
        ns["meanwhile"] = lambda: None
        tx = t.backend.database.begin(writable=True)
        tx.insert("t", {"n": 1})
        t.backend.database.commit(tx)

    with t.backend.subscribe("m:bodies"):
        ns["meanwhile"] = write
        told = Told()
        with t.backend.subscribe("main:f", None, told):
            t.settle()
            assert told.values == [0, 1]


def test_interrupted_first_run_leaves_nothing_behind(t: TestBackend) -> None:
    interrupts = [True]

    @t.backend.query(name="m:f")
    def f(ctx):
        if interrupts:
            interrupts.pop()
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        t.backend.subscribe("m:f")
    assert len(t.backend.live) == 0
    with t.backend.subscribe("m:f") as subscription:
        assert subscription.latest.value == 1


def test_many_threads_share_one_first_run(t: TestBackend) -> None:
    go = threading.Barrier(8)
    subscriptions: list[Any] = []

    def subscribe() -> None:
        go.wait(5)
        subscriptions.append(t.backend.subscribe("m:bodies"))

    threads = [threading.Thread(target=subscribe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [subscription.latest.value for subscription in subscriptions] == [[]] * 8
    assert RUNS == ["ada"]


def test_subscribers_faults_and_closings_do_not_disturb_the_others(t: TestBackend) -> None:
    told = Told()
    held: list[Any] = []

    def closes_itself(update: LiveUpdate) -> None:
        if held:
            held[0].close()

    t.backend.subscribe("m:bodies", None, lambda update: 1 / len(update.value))
    held.append(t.backend.subscribe("m:bodies", None, closes_itself))
    t.backend.subscribe("m:bodies", None, told)
    insert(t, "one")
    insert(t, "two")
    assert told.values == [[], ["one"], ["one", "two"]]
    assert held[0].is_closed
    assert "ZeroDivisionError" in {type(record.error).__name__ for record in t.backend.logs}


def test_callback_that_fails_is_told_to_the_logger_and_stays(t: TestBackend, caplog: pytest.LogCaptureFixture) -> None:
    told = Told()

    def fails(update: LiveUpdate) -> None:
        told(update)
        raise ValueError("mine")

    subscription = t.backend.subscribe("m:bodies", None, fails)
    insert(t, "one")
    t.settle()
    assert (told.values, subscription.is_closed) == ([[], ["one"]], False)
    assert [(each.name, each.getMessage()) for each in caplog.records] == [
        ("nbconvex", "The callback of a subscription to m:bodies failed.")
    ] * 2
    assert "in fails" in caplog.text
    assert "ValueError: mine" in caplog.text
    assert [each.path for each in t.backend.logs if isinstance(each.error, ValueError)] == [
        "a subscriber's callback (m:bodies)"
    ] * 2


def test_callback_may_call_and_subscribe(t: TestBackend) -> None:
    t.backend.mutation(name="m:log")(lambda ctx, n: ctx.db.insert("log", {"n": n}))
    inner = Told()
    subscribed: list[Any] = []

    def reacts(update: LiveUpdate) -> None:
        t.backend.run_mutation("m:log", {"n": len(update.value)})
        if not subscribed:
            subscribed.append(t.backend.subscribe("m:even", None, inner))

    t.backend.subscribe("m:bodies", None, reacts)
    insert(t)
    t.settle()
    assert t.query(lambda ctx: [row["n"] for row in ctx.db.query("log")]) == [0, 1]
    assert inner.values == [0, 1]


def test_burst_of_commits_is_one_advance(t: TestBackend) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(update: LiveUpdate) -> None:
        if update.value == ["0"]:
            entered.set()
            go_on.wait(5)

    told = Told()
    with t.backend.subscribe("m:bodies", None, slow), t.backend.subscribe("m:bodies", None, told):
        t.run(lambda ctx: ctx.db.insert("t", {"body": "0", "author": "ada", "n": 0}))
        assert entered.wait(5)
        for n in range(1, 20):
            t.run(lambda ctx, n=n: ctx.db.insert("t", {"body": str(n), "author": "ada", "n": n}))
        go_on.set()
        t.settle()
    assert [len(value) for value in told.values] == [0, 1, 20]


def test_prints_of_a_live_query_are_in_its_update_and_not_in_a_cell(
    t: TestBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    t.backend.query(name="m:talk")(lambda ctx: print("hi") or ctx.db.query("t").count())
    with t.backend.subscribe("m:talk") as subscription:
        insert(t)
        assert subscription.latest.log_lines == ("hi",)
    assert capsys.readouterr().out == ""


def test_slow_live_query_is_named_to_its_author(t: TestBackend) -> None:
    t.backend.query(name="m:slow")(lambda ctx: t.clock.advance(0.5))
    with t.backend.subscribe("m:slow") as subscription:
        [line] = subscription.latest.log_lines
    assert line.startswith("[WARN] m:slow took 0.50 s as a live query")


def test_stop_ends_the_thread_and_late_closings_are_fine() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: 1)
        subscription = t.backend.subscribe("m:f")
        assert "nbconvex-live" in {thread.name for thread in threading.enumerate()}
    assert "nbconvex-live" not in {thread.name for thread in threading.enumerate()}
    subscription.close()
