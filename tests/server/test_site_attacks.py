"""What strangers may try at the site address, and what comes of it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import httpx
import pytest

from nbconvex import Response
from nbconvex.backend import Backend
from nbconvex.limits import Limits
from nbconvex.server.serve import serve


@pytest.fixture
def app(backend) -> Backend:
    backend.http.get("/public/*")(lambda ctx, request: {"path": request.path, "rest": request.rest})
    backend.http.get("/admin")(lambda ctx, request: "secret")
    backend.http.post("/echo")(lambda ctx, request: request.bytes())
    return backend


def raw(server, *lines: bytes, body: bytes = b"") -> bytes:
    """Everything that comes back for a request as it is written here."""
    with socket.create_connection(("127.0.0.1", server.site_port), timeout=5) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = connection.recv(65_536)
        # Whatever hides behind the first answer has this long to show itself.
        connection.settimeout(5 if b"Connection: close" in lines else 0.3)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(line.split(b" ")[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


HOST = b"Host: localhost"


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 50"],
        [b"Content-Length: +5"],
        [b"Content-Length: 5, 6"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding : chunked"],
        [b"Transfer-Encoding:\x0bchunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    ],
)
def test_request_with_two_lengths_is_refused_and_nothing_hides_in_it(app, server, lines) -> None:
    smuggled = b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw(server, b"POST /echo HTTP/1.1", HOST, *lines, body=smuggled)
    assert b"secret" not in answer
    assert statuses(answer)[0] >= 400


def test_header_with_a_folded_or_split_line_hides_nothing(app, server) -> None:
    for line in (b"X-A: 1\n GET /admin HTTP/1.1", b"X-A: 1\rX-B: 2", b"X\x00A: 1", b" X-A: 1", b"X-A: 1\r\n\tfolded"):
        answer = raw(server, b"GET /public/x HTTP/1.1", HOST, line)
        assert b"secret" not in answer
        assert len(statuses(answer)) <= 1


def test_answer_cannot_be_split_by_what_a_client_sends(app, site) -> None:
    @app.http.get("/there")
    def there(ctx, request):
        return Response.redirect("/" + request.query["to"])

    answer = site.get("/there", params={"to": "x\r\nSet-Cookie: stolen=1\r\n\r\n<script>"})
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "x-a, y"}  # fmt: skip
    assert site.options("/there", headers=asked).headers["access-control-allow-headers"] == "x-a, y"


@pytest.mark.parametrize(
    "path",
    [
        "/public/../admin", "/public/%2e%2e/admin", "/public/%2E./admin", "/public/..", "/public/./x",
        "/public/..%5cadmin", "/public/\\..\\admin", "/public/%00", "/public/%0d%0aX", "/../../etc/passwd",
    ],
)  # fmt: skip
def test_path_that_means_another_is_refused(app, server, path) -> None:
    answer = raw(server, f"GET {path} HTTP/1.1".encode(), HOST, b"Connection: close")
    assert statuses(answer) == [400]
    assert b"secret" not in answer


def test_encoded_slash_separates_nothing(app, server) -> None:
    answer = raw(server, b"GET /public/..%2fadmin HTTP/1.1", HOST, b"Connection: close")
    assert b'"rest":"..%2Fadmin"' in answer
    for path in (b"/%61dmin", b"/adm%69n"):
        # The same path, written otherwise: routes, and what guards them, see what it means.
        assert b"secret" in raw(server, b"GET " + path + b" HTTP/1.1", HOST, b"Connection: close")
    assert statuses(raw(server, b"GET /public%2fx HTTP/1.1", HOST, b"Connection: close")) == [404]


@pytest.mark.parametrize("target", [b"http://evil.example/admin", b"http://localhost/admin", b"*", b"evil.example:443"])
def test_target_of_a_proxy_is_refused(app, server, target) -> None:
    method = b"OPTIONS" if target == b"*" else b"GET"
    answer = raw(server, method + b" " + target + b" HTTP/1.1", HOST, b"Connection: close")
    assert statuses(answer) == [400]
    assert b"secret" not in answer


def test_foreign_host_is_refused_whatever_else_is_said(app, server) -> None:
    for host in (b"Host: evil.example", b"Host: evil.example:3211"):
        answer = raw(server, b"GET /admin HTTP/1.1", host, b"X-Forwarded-Host: localhost", b"Connection: close")
        assert statuses(answer) == [403]
    assert statuses(raw(server, b"GET /admin HTTP/1.1", HOST, b"Host: evil.example", b"Connection: close")) == [400]
    assert statuses(raw(server, b"GET /admin HTTP/1.1", b"Connection: close")) == [400]


@pytest.mark.parametrize("is_async", [True, False])
def test_slow_body_is_given_up_and_holds_no_thread(is_async) -> None:
    limits = Limits(request_time_s=0.3, action_threads=1)
    with Backend.open(limits=limits) as backend, serve(backend, port=0) as server:
        if is_async:

            @backend.http.post("/slow")
            async def slow(ctx, request):
                return {"size": len(await request.bytes())}
        else:

            @backend.http.post("/slow")
            def slow(ctx, request):
                return {"size": len(request.bytes())}

        with socket.create_connection(("127.0.0.1", server.site_port), timeout=5) as connection:
            connection.sendall(b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\na")
            assert httpx.post(f"{server.site_url}/slow", content=b"abc").json() == {"size": 3}
            assert b" 408 " in connection.recv(4_096).split(b"\r\n")[0]


def test_body_of_a_hundred_megabytes_is_refused_without_being_kept(app, server) -> None:
    sent = 0

    def body():
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"a" * 1_000_000

    try:
        answer = httpx.post(f"{server.site_url}/echo", content=body(), timeout=30)
        assert answer.status_code == 413
    except httpx.WriteError:
        # The server has hung up, and this client did not come to reading why.
        assert sent < 100
    answer = raw(server, b"POST /echo HTTP/1.1", HOST, b"Content-Length: 100000000", b"Connection: close")
    assert statuses(answer) == [413]
    assert httpx.post(f"{server.site_url}/echo", content=b"abc").content == b"abc"


def test_bombs_of_form_parts_are_refused(app, site) -> None:
    app.http.post("/form")(lambda ctx, request: {"parts": len(request.form())})
    head = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    began = time.monotonic()
    assert site.post("/form", content=part * 200_000 + b"--b--\r\n", headers=head).status_code == 413
    many = b"--b\r\n" + b"X-A: 1\r\n" * 500_000
    assert site.post("/form", content=many, headers=head).status_code == 400
    simple = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.post("/form", content=b"a&" * 5_000_000, headers=simple).status_code == 413
    long = {"Content-Type": "multipart/form-data; boundary=" + "b" * 10_000}
    assert site.post("/form", content=b"{}", headers=long).status_code == 400
    assert time.monotonic() - began < 20


def test_many_clients_at_once_are_all_answered(app, server) -> None:
    failed = []

    def ask() -> None:
        with httpx.Client(base_url=server.site_url, timeout=30) as client:
            for n in range(25):
                answer = client.post("/echo", content=str(n).encode())
                if (answer.status_code, answer.text) != (200, str(n)):
                    failed.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
