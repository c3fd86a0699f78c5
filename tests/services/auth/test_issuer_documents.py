"""JSON documents that issuers publish: nbconvex.services.auth.issuer_documents."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from nbconvex.services.auth.issuer_documents import JSON, KEY_SET, NoDocumentError, fetch_document
from tests.services.auth.issuers import Site, redirect_to, site


@pytest.fixture
def issuer() -> Iterator[Site]:
    with site() as issuer:
        yield issuer


def fetched(url: str, kinds=JSON, bytes_max=1_000, time_s=5.0):
    return fetch_document(url, kinds, bytes_max=bytes_max, time_s=time_s)


def problem(url: str, **more) -> str:
    with pytest.raises(NoDocumentError) as caught:
        fetched(url, **more)
    return str(caught.value)


def test_document_is_fetched(issuer) -> None:
    issuer.pages["/a"] = {"keys": []}
    assert fetched(f"{issuer.url}/a") == {"keys": []}
    issuer.kind = "application/json; charset=utf-8"
    assert fetched(f"{issuer.url}/a") == {"keys": []}


def test_content_type_must_say_so(issuer) -> None:
    issuer.pages["/a"] = {}
    issuer.kind = "application/jwk-set+json"
    assert fetched(f"{issuer.url}/a", KEY_SET) == {}
    assert problem(f"{issuer.url}/a") == "its content type is application/jwk-set+json, not application/json"
    issuer.kind = "text/html"
    assert "its content type is text/html" in problem(f"{issuer.url}/a", kinds=KEY_SET)


def test_redirection_stays_on_its_host(issuer) -> None:
    issuer.pages["/here"] = {"a": 1}
    issuer.pages["/moved"] = redirect_to("/here")
    assert fetched(f"{issuer.url}/moved") == {"a": 1}
    issuer.pages["/around"] = redirect_to("/around")
    assert "status 302" in problem(f"{issuer.url}/around")
    with site() as evil:
        evil.pages["/keys"] = {"a": 2}
        for elsewhere in (f"{evil.url}/keys", f"https://{issuer.url[7:]}/here", "//localhost/keys"):
            issuer.pages["/away"] = redirect_to(elsewhere)
            assert "it redirects to another host" in problem(f"{issuer.url}/away")
        issuer.pages["/away"] = redirect_to("file:///etc/passwd")
        assert problem(f"{issuer.url}/away") == "it answers with status 302"
        assert evil.asked == []


def test_answer_has_a_size(issuer) -> None:
    issuer.pages["/large"] = {"x": "y" * 2_000}
    assert problem(f"{issuer.url}/large") == "its answer is too long (limit issuer_document_bytes: 1,000)"


def test_answer_has_a_time(issuer) -> None:
    release = threading.Event()

    def silent(handler) -> None:
        release.wait(10)

    def trickling(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        while not release.wait(0.02):
            handler.wfile.write(b" ")
        handler.close_connection = True

    issuer.pages["/silent"], issuer.pages["/trickling"] = silent, trickling
    assert problem(f"{issuer.url}/silent", time_s=0.1) == "it does not answer in time (limit issuer_time_s: 0.1)"
    assert problem(f"{issuer.url}/trickling", time_s=0.1) == "its answer takes too long (limit issuer_time_s: 0.1)"
    release.set()


def test_what_is_no_document_is_told_why(issuer) -> None:
    issuer.pages["/text"] = b"<html>"
    issuer.pages["/deep"] = b"[" * 900
    assert problem(f"{issuer.url}/text") == "what it answers is not JSON"
    assert problem(f"{issuer.url}/deep") == "what it answers is not JSON"
    assert problem(f"{issuer.url}/missing") == "it answers with status 404"
    assert problem("https://127.0.0.1:1/") == "nothing listens there"
    assert "cannot be reached" in problem(f"https://{issuer.url[7:]}/text")
    assert "cannot be reached" in problem("https://no-such-host.invalid/")


def test_nothing_of_ours_is_sent_along(issuer) -> None:
    seen = {}

    def look(handler) -> None:
        seen.update(handler.headers.items())
        handler.send_error(404)

    issuer.pages["/look"] = look
    problem(f"{issuer.url}/look")
    assert set(seen) <= {"Accept", "Accept-Encoding", "Host", "User-Agent", "Connection"}


def test_own_machine_is_asked_without_a_proxy(issuer, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    issuer.pages["/a"] = {}
    assert fetched(f"{issuer.url}/a") == {}
