"""Which request goes where: nbconvex.server.app."""

from __future__ import annotations

import socket

import httpx
import pytest
import websockets.exceptions
import websockets.sync.client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nbconvex
from nbconvex.server import app as app_module
from nbconvex.server.serve import serve

PAGE = {"Origin": "https://app.example"}


def test_texts_say_what_this_is(http, server) -> None:
    assert http.get("/version").text == nbconvex.__version__
    assert http.get("/instance_name").text == "memory"
    assert http.get("/instance_version").text == nbconvex.__version__
    assert "This Convex deployment is running." in http.get("/").text
    assert server.site_url in http.get("/").text
    assert http.head("/version").content == b""
    assert http.post("/echo", content=b"\x00back").content == b"\x00back"


@pytest.mark.case("http/api_path_on_site_hint", "guide/ts_404_wrong_base")
def test_lost_request_is_told_the_right_address(http, server) -> None:
    answer = http.post("/hooks/stripe")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    assert f"{server.site_url}/hooks/stripe" in answer.json()["message"]
    assert "/api/mutation" in http.post("/api/mutate").json()["message"]
    assert http.get("/api/sync").status_code == 426


def test_site_address_without_endpoints_says_how_to_define_one_and_where_the_rest_is(server) -> None:
    for path in ("/", "/x"):
        answer = httpx.post(f"{server.site_url}{path}", json={})
        assert answer.status_code == 404
        assert answer.text.startswith("This Convex deployment does not have HTTP actions enabled.")
        assert f"%%http POST {path}" in answer.text
        assert server.url in answer.text
    for path in ("/api/query", "/version", "//api//query"):
        answer = httpx.post(f"{server.site_url}{path}", json={})
        assert answer.status_code == 404
        assert f"{server.url}{path}" in answer.text


def test_endpoint_asked_for_at_the_api_address_is_named_with_its_url(http, server, backend) -> None:
    backend.http.get("/hooks/*")(lambda ctx, request: None)
    answer = http.post("/hooks/stripe")
    assert answer.status_code == 404
    assert (
        f"/hooks/stripe is an HTTP endpoint, so it is at the site address: {server.site_url}/hooks/stripe."
        in (answer.json()["message"])
    )


def test_addresses_are_named_as_the_asker_sees_them(server) -> None:
    proxied = {
        "X-Forwarded-Prefix": f"/user/ada/proxy/{server.site_port}", "X-Forwarded-Proto": "https", "Host": "localhost",
    }  # fmt: skip
    answer = httpx.get(server.site_url, headers=proxied)
    assert f"https://localhost/user/ada/proxy/{server.port}\n" in answer.text


def test_prefix_of_a_proxy_changes_no_path(http) -> None:
    assert http.get("/version", headers={"X-Forwarded-Prefix": "/api"}).status_code == 200


def test_slashes_too_many_do_no_harm(http, backend) -> None:
    backend.query(name="m:q")(lambda ctx: 1)
    answer = http.post(f"{http.base_url}//api//query/", json={"path": "m:q", "args": {}})
    assert answer.json()["value"] == 1.0


@pytest.mark.case("cors/function_api_open")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/version", 200), ("GET", "/api/mutation", 405), ("POST", "/none", 404), ("POST", "/api/query", 400)],
)
def test_page_of_any_origin_may_read_every_answer(http, method, path, status) -> None:
    answer = http.request(method, path, headers=PAGE)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_preflight_is_answered_for_every_path(http) -> None:
    asks = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "convex-client"}
    answer = http.options("/api/mutation", headers=asks)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-headers"] == "convex-client"
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_wrong_method_is_told_the_right_ones(http) -> None:
    answer = http.delete("/api/query")
    assert (answer.status_code, answer.json()["code"]) == (405, "MethodNotAllowed")
    assert answer.headers["allow"] == "POST, GET"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3210"])
def test_foreign_name_is_refused_whatever_else_a_page_says(http, host) -> None:
    forged = {"Host": host, "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
    answer = http.get("/version", headers=forged)
    assert (answer.status_code, answer.json()["code"]) == (403, "HostNotAllowed")
    assert "allowed_hosts" in answer.json()["message"]


def test_name_can_be_allowed(backend) -> None:
    with serve(backend, port=0, allowed_hosts=["app.example.org"]) as server:
        assert httpx.get(f"{server.url}/version", headers={"Host": "app.example.org"}).status_code == 200
        assert httpx.get(f"{server.site_url}/", headers={"Host": "other.example.org"}).status_code == 403


def test_socket_from_a_foreign_name_or_at_a_foreign_path_is_refused(server) -> None:
    address = f"127.0.0.1:{server.port}"
    for url, headers, status in (
        (f"ws://{address}/api/sync", {"Host": "evil.example"}, 403),
        (f"ws://{address}/api/other", {}, 404),
        (f"ws://127.0.0.1:{server.site_port}/api/sync", {}, 404),
    ):
        # The library writes a Host of its own; a second one would be no HTTP.
        with socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) as raw:
            lines = [
                f"GET /{url.split('/', 3)[3]} HTTP/1.1", f"Host: {headers.get('Host', address)}", "Upgrade: websocket",
                "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13",
            ]  # fmt: skip
            raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            assert f" {status} " in raw.recv(4_096).decode().splitlines()[0]


def test_sockets_beyond_the_limit_are_told_to_come_again(server) -> None:
    server.service.sockets = server.service.limits.sockets
    with websockets.sync.client.connect(server.url.replace("http", "ws") + "/api/sync", compression=None) as socket:
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            socket.recv(timeout=5)
        assert (socket.close_code, socket.close_reason) == (1013, "TooManyConcurrentRequests")


def test_unforeseen_error_says_nothing_to_strangers_and_everything_to_the_log(http, backend, monkeypatch) -> None:
    async def broken(_service, _request):
        raise KeyError("secret")

    monkeypatch.setitem(app_module._ENDPOINTS, "/version", {"GET": broken})
    answer = http.get("/version", headers=PAGE)
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalServerError")
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"]
    record = list(backend.logs)[-1]
    assert record.path == "request /version"
    assert "secret" in str(record.error)


def test_broken_socket_is_closed_and_logged(server, backend, monkeypatch) -> None:
    async def broken(websocket, _receive, _service):
        await websocket.accept()
        raise KeyError("secret")

    monkeypatch.setattr(app_module, "serve_socket", broken)
    with websockets.sync.client.connect(server.url.replace("http", "ws") + "/api/sync", compression=None) as socket:
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            socket.recv(timeout=5)
        assert (socket.close_code, socket.close_reason) == (1011, "InternalServerError")
    assert "secret" in str(list(backend.logs)[-1].error)


paths = st.sampled_from(
    ["/api/query", "/api/mutation", "/api/action", "/api/function", "/api/run/m/q", "/api/query_ts", "/api/query_batch",
     "/api/query_at_ts", "/api/run/", "/api/run/a", "/", "/x"]
)  # fmt: skip
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("m:q"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["path", "args", "format", "ts", "queries", "$integer", "$float", "a", ""]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths, st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | trees)
def test_no_body_whatever_it_is_breaks_the_server(http, backend, path, body) -> None:
    if not backend.registry.functions:
        backend.query(name="m:q")(lambda ctx, **what: what)
    sent = {"content": body, "headers": {"Content-Type": "application/json"}} if isinstance(body, bytes) else None
    answer = http.post(path, **(sent or {"json": body}))
    assert answer.status_code in {200, 400, 404, 405}, answer.text
    if answer.status_code != 200:
        assert answer.json().keys() == {"code", "message"}
    assert "Traceback" not in answer.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_bytes_that_are_no_http_hurt_nobody(server, data) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(data)
    assert server.is_running


def test_a_request_with_two_lengths_is_refused_and_what_follows_is_not_read(server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
