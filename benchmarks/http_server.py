"""One HTTP server in a process of its own: `python -m benchmarks.http_server NAME FOLDER`.

It prints its port, and serves GET /hello and POST /notes until its standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

HELLO = {"hello": "world"}


def announce(port: int) -> None:
    print(port, flush=True)
    sys.stdin.read()
    # What still runs is nobody's concern.
    os._exit(0)


def serve_nbconvex(folder: Path, *, is_async: bool) -> None:
    import nbconvex

    backend = nbconvex.open(folder / "app.duckdb")

    @backend.mutation(name="notes:add")
    def add(ctx, body: str, likes: float) -> str:
        return ctx.db.insert("notes", {"body": body, "likes": likes})

    if is_async:

        @backend.http.get("/hello")
        async def hello(ctx, request):
            return HELLO

        @backend.http.post("/notes")
        async def note(ctx, request):
            return {"id": await ctx.run_mutation("notes:add", await request.json())}
    else:

        @backend.http.get("/hello")
        def hello_plain(ctx, request):
            return HELLO

        @backend.http.post("/notes")
        def note_plain(ctx, request):
            return {"id": ctx.run_mutation("notes:add", request.json())}

    announce(nbconvex.serve(backend, port=0).site_port)


def serve_starlette(folder: Path) -> None:
    """Bare Starlette on uvicorn with h11, as nbconvex has it; its insert is a SQLite statement in a thread."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    insert = sqlite_insert(folder)

    async def hello(_request: Any) -> JSONResponse:
        return JSONResponse(HELLO)

    async def note(request: Any) -> JSONResponse:
        body = await request.json()
        return JSONResponse({"id": await asyncio.to_thread(insert, body["body"], body["likes"])})

    app = Starlette(routes=[Route("/hello", hello), Route("/notes", note, methods=["POST"])])
    # With its protocol named, or asyncio would send small answers 40 ms late, and that would be no race.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(2_048)
    server = uvicorn.Server(uvicorn.Config(app, http="h11", loop="asyncio", log_level="error", access_log=False))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    announce(listening.getsockname()[1])


def serve_flask(folder: Path) -> None:
    """Flask on the threaded server that it brings along, with connections kept open."""
    import logging

    from flask import Flask, jsonify, request
    from werkzeug.serving import WSGIRequestHandler, make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    insert = sqlite_insert(folder)
    app = Flask("bench")
    app.get("/hello", endpoint="hello")(lambda: jsonify(HELLO))
    app.post("/notes", endpoint="notes")(lambda: jsonify({"id": insert(request.json["body"], request.json["likes"])}))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(server.server_port)


def sqlite_insert(folder: Path) -> Any:
    """A function that stores a note durably: WAL, synchronous=FULL, one connection behind a lock."""
    connection = sqlite3.connect(folder / "app.sqlite", check_same_thread=False, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.execute("create table notes (id integer primary key, body text, likes real)")
    lock = threading.Lock()

    def insert(body: str, likes: float) -> int:
        with lock:
            found = connection.execute("insert into notes (body, likes) values (?, ?)", (body, likes))
            return int(found.lastrowid or 0)

    return insert


SERVERS = {
    "nbconvex-async": lambda folder: serve_nbconvex(folder, is_async=True),
    "nbconvex-plain": lambda folder: serve_nbconvex(folder, is_async=False),
    "starlette": serve_starlette,
    "flask": serve_flask,
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](Path(sys.argv[2]))
