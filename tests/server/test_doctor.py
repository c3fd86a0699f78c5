"""Asking endpoints: nbconvex.server.doctor."""

from __future__ import annotations

import socket
import threading

import pytest

from nbconvex import CORS_HEADERS, Response
from nbconvex.server import doctor
from nbconvex.server.doctor import examine_cors, examine_http

A = "https://a.example"


def problems(findings) -> list[str]:
    return [each.sentence for each in findings if not each.is_fine]


@pytest.fixture
def url(backend, server) -> str:
    backend.http.get("/open")(lambda ctx, request: "x")
    backend.http.post("/post")(lambda ctx, request: 1 / 0)
    backend.http.get("/closed", no_cors=True)(lambda ctx, request: "x")
    backend.http.get("/half", no_cors=True)(lambda ctx, request: Response("x", headers=CORS_HEADERS))
    backend.http.get("/listed", origins=["https://b.example"])(lambda ctx, request: "x")
    backend.http.get("/broken")(lambda ctx, request: 1 / 0)
    return server.site_url


@pytest.mark.parametrize(
    ("path", "method", "words"),
    [
        ("/open", "GET", []),
        ("/post", "POST", []),
        ("/closed", "GET", ["status 404", "Access-Control-Allow-Origin: nothing"]),
        ("/half", "GET", ["status 404"]),
        (
            "/listed",
            "GET",
            ["Allow-Origin: nothing", "Allow-Methods", "Allow-Headers", "Allow-Headers", "Allow-Origin"],
        ),
        ("/broken", "GET", ["%convex logs --errors"]),
    ],
)
def test_what_a_browser_would_stumble_over_is_found(url, path, method, words) -> None:
    found = problems(examine_cors(url + path, origin=A, method=method))
    found = [each for each in found if "preflight: method" not in each or "Allow-Methods" in words]
    wanted = [word for word in words if word != "Allow-Methods"]
    found = [each for each in found if "preflight: method" not in each]
    assert len(found) == len(wanted), found
    assert all(word in sentence for word, sentence in zip(wanted, found, strict=True))


def test_what_curl_would_stumble_over_is_found(url, server, backend) -> None:
    assert problems(examine_http(f"{url}/open")) == []
    assert "No matching routes found" in problems(examine_http(f"{url}/none"))[0]
    assert problems(examine_http(f"{url}/post", method="POST")) == []
    assert "Define %%http PUT" in problems(examine_http(f"{url}/post", method="PUT"))[0]
    assert "404" in problems(examine_http(f"{server.url}/open"))[0]
    assert not [record for record in backend.logs if record.path == "POST /post"]


@pytest.mark.parametrize("examine", [examine_http, lambda url: examine_cors(url, origin=A)])
def test_server_that_is_not_there_or_speaks_otherwise_is_a_finding(examine, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "TIME_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                connection, _ = mute.accept()
                connection.recv(1_000)
                connection.sendall(b"220 hello\r\n")
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        assert "expected TLS" in problems(examine(f"https://127.0.0.1:{port}/"))[0]
        assert "an answer" in problems(examine(f"http://127.0.0.1:{port}/"))[0]
        thread.join()
    assert "nobody listens" in problems(examine(f"http://127.0.0.1:{port}/"))[0]
    assert "url" in problems(examine("nonsense"))[0]
