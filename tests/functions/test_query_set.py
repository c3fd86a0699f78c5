"""Query sets: what a client of the network is told, when, and at which timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.errors import CallerError, CursorInvalidError, FunctionNotFoundError
from nbconvex.functions.identity import Identity
from nbconvex.functions.live_query import LiveAdvance
from nbconvex.functions.query_set import QuerySet
from nbconvex.testing import TestBackend, convex_test


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as driver:
        backend = driver.backend

        @backend.query(name="m:bodies")
        def bodies(ctx, author="ada"):
            return [row["body"] for row in ctx.db.query("t").with_index("by_author", author=author)]

        @backend.query(name="m:secret", internal=True)
        def secret(ctx):
            return "secret"

        @backend.query(name="m:who")
        def who(ctx):
            identity = ctx.auth.get_user_identity()
            return identity and identity.subject

        @backend.query(name="m:page")
        def page(ctx, id=0):
            return ctx.db.query("t").paginate(num_items=2, cursor=None)

        backend.define_schema_cell("t = table(v.any()).index('by_author', ['author'])")
        yield driver


class Client:
    """Remembers what its query set was told."""

    def __init__(self, t: TestBackend, identity: dict[str, Any] | None = None, *, is_public_only: bool = True) -> None:
        self.t = t
        self.advances: list[LiveAdvance] = []
        self.set: QuerySet = t.backend.live.query_set(
            self.advances.append, Identity.of(identity), is_public_only=is_public_only
        )

    def told(self) -> list[tuple[Any, dict[Any, Any]]]:
        """The marks and values since the last call."""
        self.t.settle()
        told = [
            (
                each.mark,
                {
                    key: update.value if update.error is None else type(update.error)
                    for key, update in each.updates.items()
                },
            )
            for each in self.advances
        ]
        self.advances.clear()
        return told


def insert(t: TestBackend, body: str, author: str = "ada") -> Any:
    return t.run(lambda ctx: ctx.db.insert("t", {"body": body, "author": author}))


def test_who_is_told_the_same_by_the_same_key_is_told_it_once_for_all(t: TestBackend) -> None:
    clients = [Client(t) for _ in range(4)]
    for client, key in zip(clients, (0, 0, 7, 0), strict=True):
        client.set.add(key, "m:bodies", None)
        client.set.ask("m")
    clients[3].set.add(9, "m:bodies", None)
    clients[3].set.ask("n")
    for client in clients:
        client.told()
    insert(t, "one")
    t.settle()
    (one,), (other,), (third,), (fourth,) = (client.advances for client in clients)
    assert one is other
    assert list(third.updates) == [7]
    assert list(fourth.updates) == [0, 9]
    assert one.updates[0] is third.updates[7] is fourth.updates[9]


def test_what_one_asks_for_is_not_told_to_those_who_share_the_rest(t: TestBackend) -> None:
    clients = [Client(t) for _ in range(3)]
    for client in clients:
        client.set.add(0, "m:bodies", None)
        client.set.ask("first")
    for client in clients:
        client.told()
    with t.backend.live.lock:
        # One advance will have both: the commit, and what the second client asks for.
        t.backend.live._is_woken = True
    insert(t, "one")
    clients[1].set.add(1, "m:bodies", {"author": "bob"})
    clients[1].set.ask("second")
    assert clients[0].told() == [(None, {0: ["one"]})]
    assert clients[1].told() == [("second", {0: ["one"], 1: []})]
    assert clients[2].told() == [(None, {0: ["one"]})]


def test_one_query_by_two_keys_stays_when_one_of_them_goes(t: TestBackend) -> None:
    client = Client(t)
    client.set.add(0, "m:bodies", None)
    client.set.add(1, "m:bodies", None)
    client.set.ask("m")
    assert client.told() == [("m", {0: [], 1: []})]
    client.set.remove(0)
    insert(t, "one")
    assert client.told() == [(None, {1: ["one"]})]
    client.set.remove(1)
    insert(t, "two")
    assert client.told() == []
    assert len(t.backend.live) == 0


def test_new_queries_are_told_under_the_mark_and_changes_without_one(t: TestBackend) -> None:
    client = Client(t)
    client.set.add(0, "m:bodies", None)
    client.set.add(1, "m:bodies", {"author": "bob"})
    client.set.ask("first")
    assert client.told() == [("first", {0: [], 1: []})]
    insert(t, "one")
    assert client.told() == [(None, {0: ["one"]})]
    client.set.close()
    insert(t, "two")
    assert client.told() == []
    assert len(t.backend.live) == 0


def test_asking_is_answered_though_nothing_has_changed_and_though_nothing_is_followed(t: TestBackend) -> None:
    client = Client(t)
    insert(t, "one")
    head = t.backend.database.head
    client.set.ask("a")
    t.settle()
    assert [(each.mark, each.ts >= head) for each in client.advances] == [("a", True)]
    client.set.close()


def test_two_keys_of_one_call_share_a_live_query_and_each_is_told(t: TestBackend) -> None:
    client = Client(t)
    client.set.add("a", "m:bodies", None)
    client.set.add("b", "m:bodies", {})
    client.set.ask(1)
    assert client.told() == [(1, {"a": [], "b": []})]
    assert len(t.backend.live) == 1
    client.set.remove("a")
    insert(t, "one")
    assert client.told() == [(None, {"b": ["one"]})]
    client.set.close()


def test_what_others_follow_already_is_told_without_running_it_again(t: TestBackend) -> None:
    first, second = Client(t), Client(t)
    first.set.add(0, "m:bodies", None)
    first.set.ask(1)
    first.told()
    calls = t.backend.logs.count
    second.set.add(7, "m:bodies", None)
    second.set.ask(1)
    assert second.told() == [(1, {7: []})]
    assert t.backend.logs.count == calls
    first.set.close()
    second.set.close()


def test_strangers_reach_public_functions_only(t: TestBackend) -> None:
    stranger, admin = Client(t), Client(t, is_public_only=False)
    for client in (stranger, admin):
        client.set.add(0, "m:secret", None)
        client.set.ask(1)
    assert stranger.told() == [(1, {0: FunctionNotFoundError})]
    assert admin.told() == [(1, {0: "secret"})]
    stranger.set.close()
    admin.set.close()


def test_another_identity_is_told_what_may_differ(t: TestBackend) -> None:
    client = Client(t)
    other = Client(t, {"subject": "bob"})
    for each in (client, other):
        each.set.add(0, "m:who", None)
        each.set.add(1, "m:bodies", None)
        each.set.ask(1)
    assert client.told()[-1] == (1, {0: None, 1: []})
    assert other.told()[-1] == (1, {0: "bob", 1: []})
    client.set.identify(Identity({"subject": "ada"}), is_public_only=True)
    client.set.ask(2)
    assert client.told() == [(2, {0: "ada"})]
    client.set.close()
    other.set.close()


def test_a_query_that_turns_out_to_depend_on_who_asks_is_told_to_each_under_its_mark(t: TestBackend) -> None:
    clients = [Client(t, {"subject": name}) for name in ("ada", "bob", "cleo")]
    for client in clients:
        client.set.add(0, "m:who", None)
        client.set.ask("m")
    assert [client.told()[-1] for client in clients] == [("m", {0: name}) for name in ("ada", "bob", "cleo")]
    for client in clients:
        client.set.close()


def test_a_page_keeps_the_end_that_its_client_remembers(t: TestBackend) -> None:
    for body in "abc":
        insert(t, body)
    client = Client(t)
    client.set.add(0, "m:page", {"id": 1})
    client.set.ask(1)
    t.settle()
    update = client.advances[0].updates[0]
    assert [row["body"] for row in update.value["page"]] == ["a", "b"]
    assert update.journal == update.value["continueCursor"]
    client.set.close()
    first = t.run(lambda ctx: ctx.db.query("t").first())
    t.run(lambda ctx: ctx.db.delete(first["_id"]))
    again, fresh = Client(t), Client(t)
    again.set.add(0, "m:page", {"id": 1}, page_end=update.journal)
    again.set.ask(1)
    t.settle()
    assert [row["body"] for row in again.advances[0].updates[0].value["page"]] == ["b"]
    fresh.set.add(0, "m:page", {"id": 2})
    fresh.set.ask(1)
    t.settle()
    assert [row["body"] for row in fresh.advances[0].updates[0].value["page"]] == ["b", "c"]
    again.set.close()
    fresh.set.close()


def test_a_journal_that_cannot_be_read_is_an_error_of_that_query(t: TestBackend) -> None:
    client = Client(t)
    client.set.add(0, "m:page", None, page_end="garbage")
    client.set.add(1, "m:bodies", None)
    client.set.ask(1)
    assert client.told() == [(1, {0: CursorInvalidError, 1: []})]
    client.set.close()


def test_what_names_no_function_is_refused_and_the_rest_goes_on(t: TestBackend) -> None:
    client = Client(t)
    with pytest.raises(CallerError):
        client.set.add(0, "no such path!", None)
    client.set.add(1, "m:bodies", None)
    client.set.ask(1)
    assert client.told() == [(1, {1: []})]
    client.set.close()


def test_an_edited_function_is_told(t: TestBackend) -> None:
    client = Client(t)
    client.set.add(0, "m:bodies", None)
    client.set.ask(1)
    client.told()

    @t.backend.query(name="m:bodies")
    def bodies(ctx, author="ada"):
        return "edited"

    assert client.told() == [(None, {0: "edited"})]
    client.set.close()
