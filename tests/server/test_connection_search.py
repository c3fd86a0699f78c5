"""Searches over the network: pages by HTTP calls and over a socket."""

from __future__ import annotations

from typing import Any

import pytest

import nbconvex
from nbconvex import v
from tests.server.sync_client import sync_client


@pytest.fixture(autouse=True)
def functions(backend) -> None:
    notes = nbconvex.table({"body": v.string(), "n": v.number()}).search_index("words", search_field="body")
    backend.push_schema({"notes": notes})

    @backend.query(name="notes:search")
    def search(ctx, text: str, paginationOpts: dict[str, Any]) -> Any:
        found = ctx.db.query("notes").with_search_index("words", lambda q: q.search("body", text))
        return found.paginate(paginationOpts)

    @backend.mutation(name="notes:add")
    def add(ctx, body: str, n: float) -> None:
        ctx.db.insert("notes", {"body": body, "n": n})

    for n in range(12):
        backend.run_mutation("notes:add", {"body": "hit" + " pad" * n, "n": n})


@pytest.mark.case("pagination/search_pages")
def test_pages_over_http_keep_the_order_of_relevance(http) -> None:
    seen, cursor, is_done = [], None, False
    while not is_done:
        args = {"text": "hit", "paginationOpts": {"numItems": 5, "cursor": cursor}}
        answer = http.post("/api/query", json={"path": "notes:search", "args": args, "format": "json"}).json()
        assert answer["status"] == "success"
        page = answer["value"]
        assert page.keys() == {"page", "isDone", "continueCursor"}
        seen.append([each["n"] for each in page["page"]])
        cursor, is_done = page["continueCursor"], page["isDone"]
        http.post("/api/mutation", json={"path": "notes:add", "args": {"body": "other", "n": 0}, "format": "json"})
    assert seen == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_a_watched_page_is_told_of_hits_and_of_nothing_else(server, backend) -> None:
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "notes:search", {"text": "hit", "paginationOpts": {"numItems": 3, "cursor": None, "id": 1}})
        [first] = client.results().values()
        assert [each["n"] for each in first["page"]] == [0, 1, 2]
        backend.run_mutation("notes:add", {"body": "something else", "n": 98})
        backend.run_mutation("notes:add", {"body": "hit hit", "n": 99})
        [second] = client.results().values()
        assert [each["n"] for each in second["page"]] == [99, 0, 1, 2], "it grows, and ends where it ended"
        assert second["continueCursor"] == first["continueCursor"]
