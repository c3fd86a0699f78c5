"""Files over HTTP: nbconvex.server.file_api. Large, slow and broken uploads: test_file_api_uploads.py."""

from __future__ import annotations

import base64
import hashlib
import json
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from nbconvex import Id, Response
from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.server.serve import serve

StorageId = Id["_storage"]
DATA = bytes(range(256)) * 40
DIGEST = base64.b64encode(hashlib.sha256(DATA).digest()).decode()


@pytest.fixture
def app(backend) -> Backend:
    """Workflow 4 of the guide."""

    @backend.mutation(name="storage:generateUploadUrl")
    def generate_upload_url(ctx):
        return ctx.storage.generate_upload_url()

    @backend.mutation(name="storage:saveFile")
    def save_file(ctx, storageId: StorageId, filename: str, contentType: str):
        return ctx.db.insert("files", {"storageId": storageId, "filename": filename, "contentType": contentType})

    @backend.query(name="storage:getFileUrl")
    def get_file_url(ctx, storageId: str):
        return ctx.storage.get_url(storageId)

    return backend


def call(http: httpx.Client, kind: str, path: str, **args: Any) -> Any:
    answer = http.post(f"/api/{kind}", json={"path": path, "args": args}).json()
    assert answer["status"] == "success", answer
    return answer["value"]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json().keys() == {"code", "message"}
    return answer.status_code, answer.json()["code"]


def stored(backend: Backend, http: httpx.Client, content_type: str | None = None, data: bytes = DATA) -> httpx.Response:
    """The answer to a GET of a file of that type."""
    return http.get(backend.storage.get_url(backend.storage.store(data, content_type)))


@pytest.mark.case("storage/upload_flow", "guide/wf4_upload_flow", "storage/get_url")
def test_the_workflow_of_the_guide(app, http) -> None:
    address = call(http, "mutation", "storage:generateUploadUrl")
    answer = http.post(address, content=DATA, headers={"Content-Type": "image/png"})
    assert (answer.status_code, list(answer.json())) == (200, ["storageId"])
    storage_id = answer.json()["storageId"]
    saved = call(http, "mutation", "storage:saveFile", storageId=storage_id, filename="a.png", contentType="image/png")
    document = app.database.begin(writable=False).get(saved)
    assert (document["storageId"], document["filename"], document["contentType"]) == (storage_id, "a.png", "image/png")
    metadata = app.storage.get_metadata(storage_id)
    assert (metadata["size"], metadata["contentType"]) == (len(DATA), "image/png")
    url = call(http, "query", "storage:getFileUrl", storageId=storage_id)
    assert url.startswith(str(http.base_url).rstrip("/"))
    assert storage_id not in url
    got = http.get(url)
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, DATA, "image/png")


def test_a_get_says_what_the_file_is(app, http) -> None:
    headers = stored(app, http, "image/png").headers
    assert headers["content-length"] == str(len(DATA))
    assert headers["digest"] == f"sha-256={DIGEST}"
    assert headers["cache-control"] == "private, max-age=2592000"
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'


def test_head_says_the_same_without_the_bytes(app, http) -> None:
    url = app.storage.get_url(app.storage.store(DATA, "image/png"))
    head, got = http.head(url), http.get(url)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


@pytest.mark.case("storage/get_url_deleted")
def test_the_address_of_a_deleted_file_is_not_found(app, http) -> None:
    storage_id = app.storage.store(DATA)
    url = app.storage.get_url(storage_id)
    app.storage.delete(storage_id)
    assert refusal(http.get(url)) == (404, "FileNotFound")
    assert call(http, "query", "storage:getFileUrl", storageId=storage_id) is None


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=10000-", 10000, 10239), ("bytes=-4", 10236, 10239),
     ("bytes=0-999999", 0, 10239), ("bytes=-999999", 0, 10239), ("Bytes= 5-9", 5, 9), ("bytes=10239-", 10239, 10239)],
)  # fmt: skip
def test_a_range_is_a_part(app, http, asked, first, last) -> None:
    url = app.storage.get_url(app.storage.store(DATA, "image/png"))
    answer = http.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/10240"
    assert answer.headers["content-length"] == str(last + 1 - first)
    assert "digest" not in answer.headers


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=10240-", "bytes=9-5", "bytes=-0", "bytes=-", "bytes=a-b"])
def test_ranges_that_cannot_be_had_are_none(app, http, asked) -> None:
    answer = http.get(app.storage.get_url(app.storage.store(DATA)), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == "bytes */10240"


def test_other_units_and_outdated_ranges_get_all(app, http) -> None:
    url = app.storage.get_url(app.storage.store(DATA))
    etag = http.head(url).headers["etag"]
    assert http.get(url, headers={"Range": "lines=1-2"}).status_code == 200
    assert http.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    assert http.get(url, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206


def test_what_is_known_is_not_sent_again(app, http) -> None:
    url = app.storage.get_url(app.storage.store(DATA))
    etag = http.head(url).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = http.get(url, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert http.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_an_empty_file_is_a_file(app, http) -> None:
    answer = http.post(app.storage.generate_upload_url(), content=b"")
    url = app.storage.get_url(answer.json()["storageId"])
    got = http.get(url)
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")
    assert http.get(url, headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize(
    ("content_type", "disposition"),
    [("image/png", "inline"), ("image/jpeg", "inline"), ("video/mp4", "inline"),
     ("text/plain; charset=utf-8", "inline"),
     ("text/html", "attachment"), ("TEXT/HTML; charset=x", "attachment"), ("image/svg+xml", "attachment"),
     ("IMAGE/SVG+XML", "attachment"), ("image/svg", "attachment"), ("application/xhtml+xml", "attachment"),
     ("text/xml", "attachment"), ("application/pdf", "attachment"), ("text/javascript", "attachment"),
     ("multipart/related", "attachment"), ("text/plain, text/html", "attachment"),
     ("image/png;a=b, text/html", "attachment"), ("image/png\ttext/html", None),
     (" text/html", "attachment"), ("nonsense", "attachment"), (None, "attachment")],
)  # fmt: skip
def test_no_stored_file_can_run_as_a_page(app, http, content_type, disposition) -> None:
    if disposition is None:
        answer = http.post(app.storage.generate_upload_url(), content=DATA, headers={"Content-Type": content_type})
        assert refusal(answer) == (400, "BadHeader")
        return
    headers = stored(app, http, content_type).headers
    assert headers["content-disposition"] == disposition
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert headers["content-type"] == (content_type or "application/octet-stream").strip()


@pytest.mark.case("storage/hand_built_url")
def test_an_address_put_together_by_hand_is_told_of_get_url(app, http) -> None:
    storage_id = app.storage.store(DATA)
    answer = http.get(f"/storage/{storage_id}")
    assert refusal(answer) == (404, "NotFound")
    assert "ctx.storage.get_url" in answer.text
    answer = http.get(f"/api/storage/{storage_id}")
    assert refusal(answer) == (400, "InvalidStoragePath")
    assert "get_url" in answer.text


@pytest.mark.parametrize(
    "path",
    ["", "..", "../../etc/passwd", "%2e%2e%2fetc%2fpasswd", "..%5c..%5cwindows", "%00", "a/b", "incoming/x",
     "00000000-0000-0000-0000-000000000000/..", "{00000000-0000-0000-0000-000000000000}", "a" * 3000],
)  # fmt: skip
def test_no_path_leads_out_of_the_store(app, http, path) -> None:
    app.storage.store(DATA)
    # httpx would tidy such paths up.
    connection = HTTPConnection(http.base_url.host, http.base_url.port)
    connection.putrequest("GET", f"/api/storage/{path}")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in {400, 404}
    assert b'"code":' in answer.read()
    connection.close()
    assert refusal(http.get("/api/storage/00000000-0000-0000-0000-000000000000")) == (404, "FileNotFound")


@pytest.mark.case("storage/upload_digest_ok")
def test_a_digest_that_is_right_is_accepted(app, http) -> None:
    for header in (f"sha-256={DIGEST}", f"SHA-256={DIGEST}", f"md5=abc, sha-256={DIGEST}"):
        assert http.post(app.storage.generate_upload_url(), content=DATA, headers={"Digest": header}).status_code == 200


@pytest.mark.case("storage/upload_digest_wrong")
def test_a_digest_that_is_wrong_stores_nothing(app, http) -> None:
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    answer = http.post(app.storage.generate_upload_url(), content=DATA, headers={"Digest": f"sha-256={other}"})
    assert refusal(answer) == (400, "Sha256Mismatch")
    assert answer.json()["message"] == f"Sha256 mismatch. Expected: {other} Actual: {DIGEST}"
    for header in ("sha-256=abc", "sha-256=", "md5=abc", "", f"sha-256={DIGEST[:-4]}", "sha-256=é"):
        answer = http.post(app.storage.generate_upload_url(), content=DATA, headers=[(b"digest", header.encode())])
        assert refusal(answer) == (400, "BadHeader")
    assert app.storage.list() == []
    assert app.storage.size_bytes() == 0


def test_uploads_want_a_token_of_this_store(app, http) -> None:
    assert refusal(http.post("/api/storage/upload", content=DATA)) == (400, "BadQueryArgs")
    assert refusal(http.post("/api/storage/upload?token=abc", content=DATA)) == (401, "StorageTokenInvalid")
    with Backend.open() as other, serve(other, port=0):
        token = other.storage.generate_upload_url().partition("?")[2]
    assert refusal(http.post(f"/api/storage/upload?{token}", content=DATA)) == (401, "StorageTokenInvalid")
    assert refusal(http.get("/api/storage/upload")) == (405, "MethodNotAllowed")
    assert app.storage.list() == []


@pytest.fixture
def slow():
    """A backend whose clock stands still, served."""
    with Backend.open(clock=ManualClock()) as backend, serve(backend, port=0):
        yield backend


@pytest.mark.case("storage/upload_url_expires")
def test_an_upload_address_holds_for_an_hour(slow) -> None:
    address = slow.storage.generate_upload_url()
    slow.clock.advance(59 * 60)
    assert httpx.post(address, content=DATA).status_code == 200
    assert httpx.post(address, content=DATA).status_code == 200
    slow.clock.advance(2 * 60)
    assert refusal(httpx.post(address, content=DATA)) == (401, "StorageTokenExpired")


@pytest.mark.case("storage/signed_url_expires")
def test_an_address_that_expires_is_forbidden_afterwards(slow) -> None:
    url = slow.storage.get_url(slow.storage.store(DATA), expires_in=60)
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=60")
    slow.clock.advance(120)
    assert refusal(httpx.get(url)) == (403, "StorageUrlExpired")
    assert refusal(httpx.get(url.partition("?")[0])) == (404, "FileNotFound")


def test_an_address_for_one_user_wants_a_proof(app, http) -> None:
    url = app.storage.get_url(app.storage.store(DATA), for_user="issuer|ann")

    def get(who: str | None) -> httpx.Response:
        claims = base64.b64encode(json.dumps({"tokenIdentifier": who}).encode()).decode()
        return http.get(url, headers={} if who is None else {"Authorization": f"Convex {app.admin_key}:{claims}"})

    answer = get("issuer|ann")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert refusal(get("issuer|bob")) == (403, "StorageUrlInvalid")
    assert refusal(get(None)) == (401, "StorageUrlNeedsUser")
    assert refusal(http.get(url, headers={"Authorization": "Bearer a.b.c"}))[0] == 401


@pytest.mark.case("storage/upload_cors")
def test_pages_of_other_origins_may_upload_and_read(app, http) -> None:
    address = app.storage.generate_upload_url()
    origin = {"Origin": "https://app.example.org"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,digest"}
    allowed = http.options(address, headers={**origin, **asked})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == origin["Origin"]
    assert allowed.headers["access-control-allow-headers"] == "content-type,digest"
    for answer in (
        http.post(address, content=DATA, headers=origin),
        http.post("/api/storage/upload?token=x", content=DATA, headers=origin),
        http.get(app.storage.get_url(app.storage.store(DATA)), headers=origin),
    ):
        assert answer.headers["access-control-allow-origin"] == origin["Origin"]
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_addresses_are_those_of_the_server_that_runs(backend) -> None:
    storage_id = backend.storage.store(DATA)
    for _ in range(2):
        with serve(backend, port=0) as server:
            url = backend.storage.get_url(storage_id)
            assert url.startswith(f"{server.url}/api/storage/")
            assert httpx.get(url).content == DATA


def test_behind_a_hub_addresses_are_the_hubs(backend, monkeypatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://hub.example.org/user/ann/")
    with serve(backend, port=0) as server:
        url = backend.storage.get_url(backend.storage.store(DATA))
        assert url.startswith(f"https://hub.example.org/user/ann/proxy/{server.port}/api/storage/")


@pytest.mark.case("storage/http_action_upload")
def test_an_endpoint_stores_what_it_was_sent_and_hands_out_files(app, server) -> None:
    @app.http.post("/photos")
    async def take(ctx, request):
        content_type = request.headers["content-type"]
        return {"storageId": await ctx.storage.store(await request.bytes(), content_type=content_type)}

    @app.http.get("/photos/*")
    async def give(ctx, request):
        file = await ctx.storage.get(request.path.rpartition("/")[2])
        return Response(file.read(), headers={"Content-Type": file.content_type})

    answer = httpx.post(f"{server.site_url}/photos", content=DATA, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    storage_id = answer.json()["storageId"]
    assert app.storage.get_metadata(storage_id)["contentType"] == "image/png"
    got = httpx.get(f"{server.site_url}/photos/{storage_id}")
    assert (got.content, got.headers["content-type"]) == (DATA, "image/png")
