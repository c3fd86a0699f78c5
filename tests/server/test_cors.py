"""Which pages may call: nbconvex.server.cors."""

from __future__ import annotations

from nbconvex.server.cors import cors_headers


def test_page_is_answered_with_its_own_origin() -> None:
    headers = dict(cors_headers(b"https://app.example"))
    assert headers[b"access-control-allow-origin"] == b"https://app.example"
    assert headers[b"access-control-allow-credentials"] == b"true"
    assert b"Origin" in headers[b"vary"]
    assert b"access-control-allow-methods" not in headers


def test_preflight_allows_what_it_asks_for_for_a_day() -> None:
    headers = dict(cors_headers(b"https://app.example", b"convex-client,content-type", is_preflight=True))
    assert headers[b"access-control-allow-headers"] == b"convex-client,content-type"
    assert headers[b"access-control-allow-methods"] == b"GET,POST,OPTIONS,PATCH,DELETE,PUT"
    assert headers[b"access-control-max-age"] == b"86400"


def test_program_that_is_no_page_is_told_only_what_caches_need() -> None:
    assert [name for name, _ in cors_headers(None)] == [b"vary"]
