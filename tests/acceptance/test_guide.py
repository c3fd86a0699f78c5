"""The reference guide's own samples, translated line by line, with what they promise."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import (
    ConvexError,
    DocumentInvalidError,
    NotAllowedError,
    SchemaInvalidError,
)
from nbconvex.limits import Limits
from nbconvex.server.serve import serve
from nbconvex.services.auth.explanation import is_good
from nbconvex.testing import TestBackend, convex_test

SCHEMA = """
users = (
    table({"clerkId": v.string(), "email": v.string(), "name": v.optional(v.string()), "createdAt": v.number(),
           "emailSent": v.optional(v.boolean())})
    .index("by_clerkId", ["clerkId"])
    .index("by_email", ["email"])
)
posts = (
    table({"title": v.string(), "content": v.string(), "authorId": v.id("users"), "published": v.boolean(),
           "createdAt": v.number(), "updatedAt": v.number()})
    .index("by_author", ["authorId"])
    .index("by_published", ["published"])
    .index("by_author_and_published", ["authorId", "published"])
)
"""
POSTS = """
def getByAuthor(ctx, authorId: Id["users"]):
    return ctx.db.query("posts").with_index("by_author", lambda q: q.eq("authorId", authorId)).collect()

def by_state(ctx, authorId: Id["users"], published: bool):
    return (
        ctx.db.query("posts")
        .with_index("by_author_and_published", lambda q: q.eq("authorId", authorId).eq("published", published))
        .collect()
    )

def by_clerk(ctx, clerkId: str):
    return ctx.db.query("users").with_index("by_clerkId", lambda q: q.eq("clerkId", clerkId)).unique()
"""


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as driver:
        driver.backend.define_schema_cell(SCHEMA)
        define(driver.backend, "query", POSTS, "posts")
        yield driver


def define(backend: Backend, kind: Any, source: str, module: str) -> None:
    """A cell, as a notebook runs it."""
    from nbconvex.cli.app_file import notebook_names

    backend.define_cell(kind, source, module=module, namespace=notebook_names(backend))


def user(t: TestBackend, name: str) -> str:
    return t.run(lambda ctx: ctx.db.insert("users", {"clerkId": name, "email": f"{name}@x.org", "createdAt": 1}))


def post(t: TestBackend, author: str, title: str, *, published: bool = True) -> str:
    fields = {"title": title, "content": "", "authorId": author, "published": published}
    return t.run(lambda ctx: ctx.db.insert("posts", {**fields, "createdAt": 1, "updatedAt": 1}))


@pytest.mark.case("guide/wf2_get_by_author")
def test_an_authors_posts_come_in_the_order_in_which_they_were_made(t: TestBackend) -> None:
    ada, bob = user(t, "ada"), user(t, "bob")
    for author, title in ((ada, "one"), (bob, "other"), (ada, "two")):
        post(t, author, title)
    assert [each["title"] for each in t.query("posts:getByAuthor", authorId=ada)] == ["one", "two"]


@pytest.mark.case("guide/wf2_compound_index")
def test_two_fields_of_an_index_find_what_has_both(t: TestBackend) -> None:
    ada = user(t, "ada")
    post(t, ada, "draft", published=False)
    post(t, ada, "out")
    post(t, user(t, "bob"), "other")
    assert [each["title"] for each in t.query("posts:by_state", authorId=ada, published=True)] == ["out"]
    assert [each["title"] for each in t.query("posts:by_state", authorId=ada, published=False)] == ["draft"]


@pytest.mark.case("guide/wf2_by_clerk_id_unique")
def test_a_user_is_found_by_an_id_of_somebody_else_or_not(t: TestBackend) -> None:
    ada = user(t, "ada")
    assert t.query("posts:by_clerk", clerkId="ada")["_id"] == ada
    assert t.query("posts:by_clerk", clerkId="bob") is None


@pytest.mark.case("guide/wf2_author_wrong_table")
def test_an_id_of_another_table_is_refused_with_both_names(t: TestBackend) -> None:
    first = post(t, user(t, "ada"), "one")
    with pytest.raises(DocumentInvalidError) as refused:
        post(t, first, "two")
    assert "posts" in str(refused.value)
    assert "users" in str(refused.value)


@pytest.mark.case("guide/wf2_schema_change_live")
def test_a_field_that_is_added_as_optional_is_live_at_once(t: TestBackend) -> None:
    ada = user(t, "ada")
    seen: list[Any] = []
    with t.backend.subscribe("posts:by_clerk", {"clerkId": "ada"}, lambda update: seen.append(update.value)):
        with pytest.raises(DocumentInvalidError):
            t.run(lambda ctx: ctx.db.patch(ada, {"city": "Oslo"}))
        t.backend.define_schema_cell(SCHEMA.replace('"emailSent"', '"city": v.optional(v.string()), "emailSent"'))
        t.run(lambda ctx: ctx.db.patch(ada, {"city": "Oslo"}))
        t.settle()
    assert seen[-1]["city"] == "Oslo"


ACTIONS = """
def sendWelcomeEmail(ctx, email: str, name: str):
    SENT.append({"to": email, "subject": "Welcome!", "body": f"Hello {name}, welcome to our app!"})
    ctx.run_mutation(api.mutations.markEmailSent, email=email)
"""
MUTATIONS = """
import time

def createUser(ctx, clerkId: str, email: str, name: str) -> Id["users"]:
    new = {"clerkId": clerkId, "email": email, "name": name, "createdAt": time.time() * 1000}
    user_id = ctx.db.insert("users", new)
    ctx.scheduler.run_after(0, api.actions.sendWelcomeEmail, {"email": email, "name": name})
    return user_id

def markEmailSent(ctx, email: str) -> None:
    user = ctx.db.query("users").with_index("by_email", email=email).unique()
    ctx.db.patch(user["_id"], {"emailSent": True})

def later(ctx, email: str, at: float) -> None:
    ctx.scheduler.run_at(at, api.mutations.markEmailSent, email=email)
"""


@pytest.fixture
def sent(t: TestBackend) -> list[Any]:
    """What the mail service was given."""
    from nbconvex.cli.app_file import notebook_names

    letters: list[Any] = []
    define(t.backend, "mutation", MUTATIONS, "mutations")
    names = {**notebook_names(t.backend), "SENT": letters}
    t.backend.define_cell("action", ACTIONS, module="actions", namespace=names)
    return letters


@pytest.mark.case("guide/wf3_create_user", "guide/wf3_action_uses_api_without_import")
def test_a_new_user_is_stored_and_then_welcomed(t: TestBackend, sent: list[Any]) -> None:
    t.backend.scheduler.pause()
    made = t.mutation("mutations:createUser", clerkId="ada", email="ada@x.org", name="Ada")
    assert t.query("posts:by_clerk", clerkId="ada")["_id"] == made
    assert sent == []
    t.backend.scheduler.resume()
    t.finish_all_scheduled()
    assert [letter["to"] for letter in sent] == ["ada@x.org"]
    assert t.query("posts:by_clerk", clerkId="ada")["emailSent"] is True


@pytest.mark.case("guide/wf3_run_at")
def test_what_is_promised_for_a_time_is_done_then(t: TestBackend, sent: list[Any]) -> None:
    user(t, "ada")
    at_ms = t.backend.clock.now_ns() / 1e6 + 60_000
    t.mutation("mutations:later", email="ada@x.org", at=at_ms)
    t.advance(59)
    t.finish_in_progress()
    assert "emailSent" not in t.query("posts:by_clerk", clerkId="ada")
    t.advance(2)
    t.finish_in_progress()
    assert t.query("posts:by_clerk", clerkId="ada")["emailSent"] is True


@pytest.mark.case("guide/wf3_created_at_frozen")
def test_the_clock_of_a_mutation_is_the_time_of_its_documents(t: TestBackend, sent: list[Any]) -> None:
    t.mutation("mutations:createUser", clerkId="ada", email="ada@x.org", name="Ada")
    made = t.query("posts:by_clerk", clerkId="ada")
    assert made["createdAt"] == pytest.approx(made["_creationTime"], abs=0.01)


@pytest.mark.case("guide/rule_action_from_mutation")
def test_a_mutation_that_calls_an_action_is_told_to_schedule_it(t: TestBackend, sent: list[Any]) -> None:
    define(t.backend, "mutation", 'def wrong(ctx):\n    ctx.run_action(api.actions.sendWelcomeEmail, name="Ada")', "m")
    with pytest.raises(NotAllowedError, match=r"ctx\.scheduler\.run_after\(0,"):
        t.mutation("m:wrong")


@pytest.mark.case("guide/rule_fetch_in_mutation")
def test_a_mutation_that_reaches_for_the_network_is_told_to_schedule_an_action(t: TestBackend) -> None:
    def fetches(ctx: Any) -> None:
        urllib.request.urlopen("http://127.0.0.1:9/")

    with pytest.raises(NotAllowedError, match=r"ctx\.scheduler\.run_after") as refused:
        t.mutation(fetches)
    assert "action" in str(refused.value)


@pytest.mark.case("guide/rule_write_in_query")
def test_a_query_that_writes_is_told_to_be_a_mutation(t: TestBackend) -> None:
    with pytest.raises(NotAllowedError, match="mutation"):
        t.query(lambda ctx: ctx.db.insert("users", {}))


def guarded(ctx: Any) -> str:
    identity = ctx.auth.get_user_identity()
    if identity is None:
        raise ConvexError("Unauthorized")
    return str(identity.subject)


@pytest.mark.case("guide/identity_required_pattern")
def test_a_function_may_ask_for_somebody_who_is_signed_in(t: TestBackend) -> None:
    with pytest.raises(ConvexError, match="Unauthorized"):
        t.mutation(guarded)
    assert t.with_identity(subject="ada").mutation(guarded) == "ada"


@pytest.mark.case("guide/secure_body_pass_through")
def test_a_body_that_is_handed_on_is_checked_by_the_mutation() -> None:
    with Backend.open() as backend:
        define(
            backend, "mutation", 'def secureAction(ctx, note: str):\n    ctx.db.insert("notes", {"note": note})', "m"
        )

        @backend.http.post("/secure")
        def secure(ctx, request):
            return {"success": True, "data": ctx.run_mutation("m:secureAction", request.json())}

        with serve(backend, port=0) as server:
            url = f"{server.site_url}/secure"
            refused = httpx.post(url, json={"note": "hi", "isAdmin": True})
            assert 400 <= refused.status_code < 500
            assert "isAdmin" in refused.text
            assert backend.run_inline(counting("notes")) == 0
            assert httpx.post(url, json={"note": "hi"}).status_code == 200
            assert backend.run_inline(counting("notes")) == 1


def counting(table: str) -> Any:
    from nbconvex.functions.definition import define as define_function

    return define_function(
        "query", lambda ctx: ctx.db.query(table).count(), "m:count", is_internal=False, origin="test"
    )


def endpoint_caller_problem(backend: Backend, server: Any, token: str) -> str:
    """What an endpoint that wants somebody signed in says of a token without the word before it."""
    backend.http.define_cell("GET", "/in", "def handler(ctx, request):\n    return 1", auth=True)
    answer = httpx.get(f"{server.site_url}/in", headers={"Authorization": token})
    assert answer.status_code == 401
    return answer.text


@pytest.mark.case("guide/ts_401_causes")
def test_each_reason_for_a_401_has_an_explanation_of_its_own() -> None:
    clock = ManualClock()
    with Backend.open(clock=clock) as backend, serve(backend, port=0, development_tokens=True) as server:
        with Backend.open(clock=clock) as elsewhere, serve(elsewhere, port=0, development_tokens=True) as another:
            other = another.token("ada")
        wrong_audience = server.token("ada", audience="others")
        expired = server.token("ada", expires_s=1)
        good = server.token("ada")
        clock.advance(120)
        told = {}
        for name, token in (("issuer", other), ("audience", wrong_audience), ("expired", expired)):
            told[name] = {check.name: check.cure for check in backend.auth.explain(token) if check.verdict == "bad"}
            assert all(told[name].values()), name
        assert len({frozenset(each.items()) for each in told.values()}) == 3, told
        assert is_good(backend.auth.explain(good))
        without = endpoint_caller_problem(backend, server, good)
        assert "Bearer" in without


# -- what else the cases of the guide's neighbours ask for -----------------------------------------------------------


@pytest.mark.case("functions/httpaction_has_no_db")
def test_an_endpoint_that_reaches_for_the_database_is_told_what_to_run() -> None:
    with Backend.open() as backend:

        @backend.http.get("/wrong")
        def wrong(ctx, request):
            return ctx.db.query("users").collect()

        with serve(backend, port=0) as server:
            answer = httpx.get(f"{server.site_url}/wrong")
    assert answer.status_code == 500
    assert "run_query" in answer.text


@pytest.mark.case("limits/http_response_too_large")
def test_an_answer_that_is_too_large_names_the_limit() -> None:
    from dataclasses import replace

    with Backend.open(limits=replace(Limits(), http_response_bytes=1_000)) as backend:
        backend.http.get("/large")(lambda ctx, request: "x" * 1_001)
        with serve(backend, port=0) as server:
            answer = httpx.get(f"{server.site_url}/large")
    assert answer.status_code >= 400
    assert "http_response_bytes" in answer.text
    assert Limits().http_response_bytes == 20 * 1024 * 1024


@pytest.mark.case("system-tables/query_storage", "test-harness/inline_action_storage")
def test_a_stored_file_is_a_document_of_storage(t: TestBackend) -> None:
    made = t.action(lambda ctx: ctx.storage.store(b"hello"))
    assert t.run(lambda ctx: [each["_id"] for each in ctx.db.system.query("_storage").collect()]) == [made]


@pytest.mark.case("schema/vector_field_type")
def test_a_vector_index_is_of_a_list_of_numbers(t: TestBackend) -> None:
    with pytest.raises(SchemaInvalidError, match="by_text"):
        t.backend.define_schema_cell(
            'notes = table({"text": v.string()}).vector_index("by_text", vector_field="text", dimensions=3)'
        )
