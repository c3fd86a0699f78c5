"""Issuers of tokens, for tests: their keys, their tokens, and servers of theirs on this machine."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

#: When `ManualClock` begins.
NOW_S = 1_700_000_000
ISSUER = "https://issuer.example"
JSON = "application/json"


def private_key(algorithm: str = "RS256", number: int = 0) -> Any:
    """A key pair, always the same for one number."""
    return _made(algorithm, number)


@cache
def _made(algorithm: str, number: int) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65_537, 2_048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def public_jwk(algorithm: str = "RS256", number: int = 0, *, kid: str | None = "k0") -> dict[str, Any]:
    """The public half as an entry of a key set."""
    writer: Any = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[algorithm]
    tree = writer.to_jwk(private_key(algorithm, number).public_key(), as_dict=True)
    return tree if kid is None else {**tree, "kid": kid}


def key_set(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"keys": list(entries)}


def data_address(tree: Any, kind: str = JSON) -> str:
    return f"data:{kind};base64,{base64.b64encode(json.dumps(tree).encode()).decode()}"


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says at `NOW_S`; None leaves a claim out."""
    tree = {"iss": ISSUER, "sub": "ada", "aud": "convex", "iat": NOW_S - 60, "exp": NOW_S + 3_600, **more}
    return {name: value for name, value in tree.items() if value is not None}


def token(
    tree: dict[str, Any] | None = None, *, algorithm: str = "RS256", number: int = 0, kid: Any = "k0", **headers: Any
) -> str:
    """A signed token."""
    if kid is not None:
        headers["kid"] = kid
    return jwt.encode(tree or claims(), private_key(algorithm, number), algorithm=algorithm, headers=headers)


def b64(data: Any) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def unsigned(header: Any, tree: Any, signature: bytes = b"x") -> str:
    """Three parts of which nobody vouches for anything."""
    return f"{b64(header)}.{b64(tree)}.{b64(signature) if signature else ''}"


def custom(**more: Any) -> dict[str, Any]:
    """A provider that needs no network."""
    return {
        "type": "customJwt", "issuer": ISSUER, "algorithm": "RS256", "applicationID": "convex",
        "jwks": data_address(key_set(public_jwk())), **more,
    }  # fmt: skip


class Site:
    """A web server on this machine: what it answers at which path, and what it was asked.

    Shapes:  an answer is a tree of JSON, bytes, or a callable that is handed the request's handler.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Any] = {}
        self.kind = JSON
        self.asked: list[str] = []

    def is_issuer(self, *entries: dict[str, Any], keys_url: str | None = None) -> None:
        """Be an OIDC issuer with these keys."""
        self.pages["/.well-known/openid-configuration"] = {
            "issuer": self.url,
            "jwks_uri": keys_url or f"{self.url}/jwks.json",
        }
        self.pages["/jwks.json"] = key_set(*entries)


@contextmanager
def site() -> Iterator[Site]:
    """A web server that runs while the block does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            here.asked.append(self.path)
            page = here.pages.get(self.path)
            if callable(page):
                page(self)
                return
            body = b"" if page is None else page if isinstance(page, bytes) else json.dumps(page).encode()
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", here.kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    here = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="issuer")
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def redirect_to(address: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that sends elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        handler.end_headers()

    return answer
